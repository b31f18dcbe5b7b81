package job

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/towpath/towpath/record"
)

func (d *decoder) endpoint(n *node, into *Endpoint, path string) {
	if n.kind == isText {
		d.add(n.at, path, "TOW-603", "Write {connection: "+n.text+"}.", "is a text, not an object")
		return
	}
	if !d.is(n, isObject, path) {
		return
	}
	options := &node{kind: isObject, at: n.at}
	for i, k := range n.keys {
		at := join(path, k.name)
		d.places[at] = n.items[i].at
		switch k.name {
		case "connection":
			d.value(n.items[i], reflect.ValueOf(&into.Connection).Elem(), at, "")
		case "connector":
			d.value(n.items[i], reflect.ValueOf(&into.Connector).Elem(), at, "")
		default:
			options.keys, options.items = append(options.keys, k), append(options.items, n.items[i])
		}
	}
	_, alias := n.member("connection")
	_, inline := n.member("connector")
	switch {
	case alias && inline:
		d.add(n.at, path, "TOW-606", "Name a connection, or a connector with its options.", "has both connection and connector")
	case alias:
		for _, k := range options.keys {
			d.add(k.at, join(path, k.name), "TOW-606", "Options of an alias stand in the connections file.", "an option beside a connection's alias")
		}
	case inline:
		d.references(options, path)
		into.Options = options.json(nil)
	default:
		for _, k := range n.keys {
			d.unknown(k, path, []string{"connection", "connector"})
		}
		d.add(n.at, path, "TOW-605", "Name a connection, or a connector with its options.", "names no connection")
	}
}

// references refuses texts that a connections file would take from the environment or from files: whoever may write a job must
// not read those.
func (d *decoder) references(n *node, path string) {
	if n.kind == isText && (strings.Contains(n.text, "${env:") || strings.Contains(n.text, "${file:")) {
		d.add(n.at, path, "TOW-607", "Put the connection there and name its alias here.",
			"references to the environment and to files stand in the connections file only")
	}
	for i, item := range n.items {
		at := path + "[" + strconv.Itoa(i) + "]"
		if n.kind == isObject {
			at = join(path, n.keys[i].name)
		}
		d.references(item, at)
	}
}

// column reads a name alone or an object.
func (d *decoder) column(n *node, into *Column, path string) {
	if n.kind != isText && n.kind != isObject {
		d.is(n, isText, path)
		return
	}
	if n.kind == isText {
		into.From = n.text
		return
	}
	d.object(n, reflect.ValueOf(into).Elem(), path)
	if expr, there := n.member("expr"); there {
		d.add(expr.at, join(path, "expr"), "TOW-608", "Compute the value in a query of the stream.", "expressions are not supported by this version")
	}
}

func (d *decoder) logicalType(n *node, into **record.Type, path string) {
	if !d.is(n, isText, path) {
		return
	}
	t, err := record.ParseType(n.text)
	if err != nil {
		hint := "Types are as in int64, decimal(12,2), text(40), datetime(6)."
		if near := nearestHint(n.text, typeNames()); near != "" {
			hint = near
		}
		d.add(n.at, path, "TOW-603", hint, "%v", err)
		return
	}
	*into = &t
}

// typeNames are those that a misspelt type may mean.
func typeNames() []string {
	return []string{"bool", "int8", "int16", "int24", "int32", "int64", "uint8", "uint16", "uint24", "uint32", "uint64", "float32",
		"float64", "decimal", "text", "bytes", "date", "time", "datetime", "instant", "interval", "year", "uuid", "json", "document",
		"list", "enum", "set", "bit", "geometry"}
}

// parameters takes texts, numbers, dates and bools as they are written.
func (d *decoder) parameters(n *node, into *map[string]string, path string) {
	if !d.is(n, isObject, path) {
		return
	}
	*into = map[string]string{}
	for i, k := range n.keys {
		item, at := n.items[i], join(path, k.name)
		d.places[at] = item.at
		switch {
		case !isName(k.name):
			d.add(k.at, at, "TOW-609", "Use letters, digits and _, not a digit first.", "%q is not a parameter's name", k.name)
		case item.kind == isText || item.kind == isNumber || item.kind == isBool:
			(*into)[k.name] = item.raw
		default:
			d.is(item, isText, at)
		}
	}
}

func (d *decoder) policies(n *node, into *map[record.Code]string, path string) {
	if !d.is(n, isObject, path) {
		return
	}
	*into = map[record.Code]string{}
	for i, k := range n.keys {
		item, at, code := n.items[i], join(path, k.name), record.Code(k.name)
		d.places[at] = item.at
		policy := item.raw
		if item.kind == isNull {
			policy = "null"
		}
		if item.kind == isList || item.kind == isObject {
			d.is(item, isText, at)
			continue
		}
		if !slices.Contains(codeNames(), k.name) {
			d.unknownCode(k, at)
			continue
		}
		if err := record.ValidPolicy(code, policy); err != nil {
			d.add(item.at, at, "TOW-603", nearestHint(policy, policiesOf(k.name)), "%v", err)
			continue
		}
		(*into)[code] = policy
	}
}

func (d *decoder) unknownCode(k key, at string) {
	known := codeNames()
	hint := "Codes with policies are: " + strings.Join(known, ", ") + "."
	if near := nearestHint(k.name, known); near != "" {
		hint = near
	}
	d.add(k.at, at, "TOW-602", hint, "unknown dirty code %q", k.name)
}
