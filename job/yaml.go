package job

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

func readYAML(data []byte, p *problems) *node {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	err := decoder.Decode(&first)
	if errors.Is(err, io.EOF) {
		p.add(place{}, "", "TOW-601", "", "document is empty")
		return nil
	}
	if err == nil {
		if err = decoder.Decode(&second); err == nil {
			p.add(place{second.Line, second.Column}, "", "TOW-601", "Keep each document in a file of its own.", "a second document starts here")
			return nil
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		addSyntax(p, data, err)
		return nil
	}
	r := yamlReader{p: p}
	return r.node(&first, "", 0)
}

func addSyntax(p *problems, data []byte, err error) {
	broken, ok := errors.AsType[*yaml.LoadError](err)
	if !ok {
		p.add(place{}, "", "TOW-601", "", "not valid YAML: %v", err)
		return
	}
	at, hint := place{broken.Mark.Line, broken.Mark.Column}, ""
	if broken.Mark.Line == 0 {
		at = placeOf(data, bytes.IndexFunc(data, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7f }))
	}
	if from := broken.ContextMark; from.Line > 0 && from.Line != broken.Mark.Line {
		hint = "It began at line " + strconv.Itoa(from.Line) + "."
	}
	if lines := bytes.Split(data, []byte("\n")); at.line >= 1 && at.line <= len(lines) && bytes.HasPrefix(bytes.TrimLeft(lines[at.line-1], " "), []byte("\t")) {
		hint = "Indent with blanks, not with tabs."
	}
	p.add(at, "", "TOW-601", hint, "not valid YAML: %s", broken.Message)
}

// yamlReader makes our tree of YAML's; it counts values, so that aliases of aliases end.
type yamlReader struct {
	p     *problems
	count int
	over  bool
}

func (r *yamlReader) node(y *yaml.Node, path string, depth int) *node {
	if y.Kind == yaml.DocumentNode {
		if len(y.Content) == 0 {
			return &node{at: place{y.Line, y.Column}}
		}
		return r.node(y.Content[0], path, depth)
	}
	at := place{y.Line, y.Column}
	n := &node{at: at}
	if r.count++; r.count > maxNodes || depth > maxDepth {
		if !r.over {
			r.p.add(at, path, "TOW-601", "", "document is nested too deep or too large")
		}
		r.over = true
		return n
	}
	switch y.Kind {
	case yaml.AliasNode:
		n = r.node(y.Alias, path, depth+1)
	case yaml.SequenceNode:
		n.kind = isList
		for i, item := range y.Content {
			n.items = append(n.items, r.node(item, path+"["+strconv.Itoa(i)+"]", depth+1))
		}
	case yaml.MappingNode:
		n.kind = isObject
		r.members(n, y, path, depth)
	default:
		r.scalar(n, y, path)
	}
	return n
}

func (r *yamlReader) members(n *node, y *yaml.Node, path string, depth int) {
	for i := 0; i+1 < len(y.Content); i += 2 {
		k := y.Content[i]
		at := place{k.Line, k.Column}
		switch {
		case k.Kind != yaml.ScalarNode:
			r.p.add(at, path, "TOW-601", "", "a key must be a text")
			continue
		case k.ShortTag() == "!!merge":
			r.p.add(at, join(path, "<<"), "TOW-602", "Write the keys out.", "merged keys are not read")
			continue
		}
		name := k.Value
		if _, twice := n.member(name); twice {
			r.p.add(at, join(path, name), "TOW-604", "", "key %q stands here twice", name)
			continue
		}
		n.keys = append(n.keys, key{name, at})
		n.items = append(n.items, r.node(y.Content[i+1], join(path, name), depth+1))
	}
}

func (r *yamlReader) scalar(n *node, y *yaml.Node, path string) {
	n.raw = y.Value
	switch tag := y.ShortTag(); tag {
	case "!!null":
		n.kind = isNull
	case "!!str", "!!timestamp":
		n.kind, n.text = isText, y.Value
	case "!!bool":
		n.kind, n.text = isBool, strings.ToLower(y.Value)
	case "!!int", "!!float":
		n.kind, n.text = isNumber, jsonNumber(y.Value)
		if n.text == "" {
			n.text = "0"
			r.p.add(n.at, path, "TOW-603", "Quote it if it is a text.", "%s is not a number that can be read in one way only", y.Value)
		}
	default:
		n.kind, n.text = isText, y.Value
		r.p.add(n.at, path, "TOW-601", "", "the tag %s is not read", tag)
	}
}

// jsonNumber writes a YAML number as JSON does; "" when JSON has none or readers of YAML differ about it.
func jsonNumber(text string) string {
	if json.Valid([]byte(text)) {
		return text
	}
	digits := strings.TrimLeft(text, "+-")
	if len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9' {
		return ""
	}
	if v, err := strconv.ParseInt(text, 0, 64); err == nil {
		return strconv.FormatInt(v, 10)
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		return ""
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
