package job

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

func readJSON(data []byte, p *problems) *node {
	if len(bytes.TrimSpace(data)) == 0 {
		p.add(place{}, "", "TOW-601", "", "document is empty")
		return nil
	}
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		at := placeOf(data, len(data))
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok && int(syntax.Offset) < len(data) {
			at = placeOf(data, int(syntax.Offset)-1)
		}
		p.add(at, "", "TOW-601", "", "not valid JSON: %v", err)
		return nil
	}
	r := jsonReader{data: data, p: p, decoder: json.NewDecoder(bytes.NewReader(data))}
	r.decoder.UseNumber()
	n, err := r.value("", 0)
	if err != nil {
		p.add(r.next(), "", "TOW-601", "", "%v", err)
		return nil
	}
	return n
}

type jsonReader struct {
	data    []byte
	p       *problems
	decoder *json.Decoder
	count   int
}

// next returns where the next token starts.
func (r *jsonReader) next() place {
	at := int(r.decoder.InputOffset())
	for at < len(r.data) && strings.IndexByte(" \t\r\n,:", r.data[at]) >= 0 {
		at++
	}
	return placeOf(r.data, at)
}

func (r *jsonReader) value(path string, depth int) (*node, error) {
	n := &node{at: r.next()}
	token, err := r.decoder.Token()
	if err != nil {
		return nil, err
	}
	if r.count++; r.count > maxNodes || depth > maxDepth {
		return nil, errors.New("document is nested too deep or too large")
	}
	switch v := token.(type) {
	case string:
		n.kind, n.text, n.raw = isText, v, v
	case json.Number:
		n.kind, n.text, n.raw = isNumber, v.String(), v.String()
	case bool:
		n.kind, n.text = isBool, strconv.FormatBool(v)
		n.raw = n.text
	case json.Delim:
		if v == '[' {
			err = r.list(n, path, depth)
		} else {
			err = r.object(n, path, depth)
		}
	default:
		n.raw = "null"
	}
	return n, err
}

func (r *jsonReader) list(n *node, path string, depth int) error {
	n.kind = isList
	for r.decoder.More() {
		item, err := r.value(path+"["+strconv.Itoa(len(n.items))+"]", depth+1)
		if err != nil {
			return err
		}
		n.items = append(n.items, item)
	}
	_, err := r.decoder.Token()
	return err
}

func (r *jsonReader) object(n *node, path string, depth int) error {
	n.kind = isObject
	for r.decoder.More() {
		at := r.next()
		token, err := r.decoder.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		item, err := r.value(join(path, name), depth+1)
		if err != nil {
			return err
		}
		if _, twice := n.member(name); twice {
			r.p.add(at, join(path, name), "TOW-604", "", "key %q stands here twice", name)
			continue
		}
		n.keys = append(n.keys, key{name, at})
		n.items = append(n.items, item)
	}
	_, err := r.decoder.Token()
	return err
}
