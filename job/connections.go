package job

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/towpath/towpath/internal/option"
)

// Connection is one entry of a connections file: how one cluster or server is reached.
type Connection struct {
	Connector string
	Options   json.RawMessage // an object with sorted keys; ${env:NAME} and ${file:path} stand unresolved in its texts
}

// ParseConnections reads a connections file, YAML or JSON: an object whose keys are aliases and whose values are a connector's
// name and its connection options:
//
//	shop: {connector: NAME, host: db1, user: shop, password: "${env:SHOP_PASSWORD}"}
//
// The options are not checked, their connector does that; references are not resolved, package secret does that when the
// connection is opened. What is wrong is an *Invalid with all mistakes.
func ParseConnections(data []byte, name string) (map[string]Connection, error) {
	p := &problems{name: name}
	tree := read(data, name, p)
	if tree == nil {
		return nil, p.err()
	}
	d := &decoder{problems: p, places: map[string]place{}}
	all := map[string]Connection{}
	for i, k := range tree.keys {
		if !IsAlias(k.name) {
			p.add(k.at, k.name, "TOW-603", "Use letters, digits, -, _ and dots, a letter or digit first.", "%q is not an alias", k.name)
			continue
		}
		all[k.name] = d.connection(tree.items[i], k.name)
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	return all, nil
}

// ParseConnection reads one entry of a connections file: an object with a connector's name and its options. What is wrong is an *Invalid.
func ParseConnection(data []byte, name string) (Connection, error) {
	p := &problems{name: name}
	tree := read(data, name, p)
	if tree == nil {
		return Connection{}, p.err()
	}
	d := &decoder{problems: p, places: map[string]place{}}
	return d.connection(tree, ""), p.err()
}

func (d *decoder) connection(n *node, path string) Connection {
	var c Connection
	if !d.is(n, isObject, path) {
		return c
	}
	options := &node{kind: isObject}
	for i, k := range n.keys {
		if k.name == "connector" {
			d.value(n.items[i], reflect.ValueOf(&c.Connector).Elem(), join(path, k.name), "")
			continue
		}
		options.keys, options.items = append(options.keys, k), append(options.items, n.items[i])
	}
	if _, there := n.member("connector"); !there {
		hint := "Name the kind of system."
		if i := slices.IndexFunc(n.keys, func(k key) bool { return option.Nearest(k.name, []string{"connector"}) != "" }); i >= 0 {
			hint = "Did you mean \"connector\" by " + strconv.Quote(n.keys[i].name) + "?"
		}
		d.add(n.at, join(path, "connector"), "TOW-605", hint, "is missing")
	}
	d.referenceForms(options, path)
	c.Options = options.json(nil)
	return c
}

// referenceForms refuses references that would never resolve.
func (d *decoder) referenceForms(n *node, path string) {
	for i, item := range n.items {
		at := path + "[" + strconv.Itoa(i) + "]"
		if n.kind == isObject {
			at = join(path, n.keys[i].name)
		}
		d.referenceForms(item, at)
	}
	for rest := n.text; n.kind == isText; {
		before, after, found := strings.Cut(rest, "${")
		if !found {
			return
		}
		name, behind, closed := strings.Cut(after, "}")
		escaped := strings.HasSuffix(before, "$")
		known := strings.HasPrefix(name, "env:") && len(name) > 4 || strings.HasPrefix(name, "file:") && len(name) > 5
		if !escaped && (!closed || !known) {
			d.add(n.at, path, "TOW-607", "References are ${env:NAME} and ${file:path}; write $${ for ${ itself.", "${ starts no reference")
			return
		}
		if rest = behind; escaped {
			rest = after
		}
	}
}

// IsAlias reports whether a text can name a connection.
func IsAlias(text string) bool {
	for i, r := range text {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && (i == 0 || !strings.ContainsRune("-_.", r)) {
			return false
		}
	}
	return text != "" && len(text) <= 100
}
