package job

import (
	"bytes"
	"encoding/json"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	maxDocument = 1 << 20 // bytes; a longer document is refused before it is read
	maxDepth    = 64      // levels of nesting
	maxNodes    = 200_000 // values, those of repeated aliases counted each time
)

// kind is what a value of a document is.
type kind int

const (
	isNull kind = iota
	isText
	isNumber
	isBool
	isList
	isObject
)

func (k kind) String() string {
	return [...]string{"nothing", "a text", "a number", "a bool", "a list", "an object"}[k]
}

// node is one value of a document, whatever it was written in.
type node struct {
	kind  kind
	at    place
	text  string // text: the value; number and bool: as JSON writes it
	raw   string // scalars: as written
	items []*node
	keys  []key // object: beside items
}

type key struct {
	name string
	at   place
}

// member returns the value of a key and where the key stands.
func (n *node) member(name string) (*node, bool) {
	for i, k := range n.keys {
		if k.name == name {
			return n.items[i], true
		}
	}
	return nil, false
}

// read makes the tree of a document; nil when it cannot be read at all.
func read(data []byte, name string, p *problems) *node {
	if len(data) > maxDocument {
		p.add(place{}, "", "TOW-601", "", "document is %d bytes long, the most is %d", len(data), maxDocument)
		return nil
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if at := invalidUTF8(data); at >= 0 {
		p.add(placeOf(data, at), "", "TOW-601", "Save the file as UTF-8.", "document is not valid UTF-8")
		return nil
	}
	var n *node
	if strings.EqualFold(path.Ext(name), ".json") || bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) && json.Valid(data) {
		n = readJSON(data, p)
	} else {
		n = readYAML(data, p)
	}
	if n != nil && n.kind != isObject {
		p.add(n.at, "", "TOW-603", "", "document is %s, not an object", n.kind)
		return nil
	}
	return n
}

func invalidUTF8(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// placeOf returns the line and column, in characters, of a byte of data.
func placeOf(data []byte, offset int) place {
	before := data[:min(max(offset, 0), len(data))]
	start := bytes.LastIndexByte(before, '\n') + 1
	return place{1 + bytes.Count(before, []byte("\n")), 1 + utf8.RuneCount(before[start:])}
}

// json appends the value as JSON with sorted keys.
func (n *node) json(dst []byte) []byte {
	switch n.kind {
	case isNull:
		return append(dst, "null"...)
	case isNumber, isBool:
		return append(dst, n.text...)
	case isText:
		return appendText(dst, n.text)
	case isList:
		dst = append(dst, '[')
		for i, item := range n.items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = item.json(dst)
		}
		return append(dst, ']')
	}
	order := make([]int, len(n.items))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(n.keys[a].name, n.keys[b].name) })
	dst = append(dst, '{')
	for i, at := range order {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendText(dst, n.keys[at].name), ':')
		dst = n.items[at].json(dst)
	}
	return append(dst, '}')
}

func appendText(dst []byte, text string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(text); err != nil {
		panic(err) // a string always marshals
	}
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}
