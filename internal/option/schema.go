package option

import (
	"encoding/json"
	"reflect"
	"strconv"
)

// Schema returns the JSON Schema (2020-12) of the options, properties in the order of the struct. Secrets are writeOnly with
// format "password". Durations and sizes have the formats "towpath-duration" and "towpath-size", files of the server's machine "towpath-file", the first two with their bounds as text in
// x-minimum and x-maximum.
func (s *Spec) Schema() json.RawMessage {
	o := new(ordered)
	o.set("$schema", "https://json-schema.org/draft/2020-12/schema")
	s.root.schema(o, s.defaults, false)
	return o.close()
}

// ordered is a JSON object under construction, which keeps the order of its members.
type ordered struct{ b []byte }

func (o *ordered) raw(name string, value []byte) {
	if len(o.b) > 0 {
		o.b = append(o.b, ',')
	}
	o.b = append(append(append(o.b, quote(name)...), ':'), value...)
}

func (o *ordered) set(name, value string) {
	if value != "" {
		o.raw(name, quote(value))
	}
}

func (o *ordered) list(name string, values []string) {
	if len(values) == 0 {
		return
	}
	b, err := json.Marshal(values)
	if err != nil {
		panic(err) // strings always marshal
	}
	o.raw(name, b)
}

func (o *ordered) close() []byte { return append(append([]byte{'{'}, o.b...), '}') }

func (n *node) schema(o *ordered, value reflect.Value, secret bool) {
	switch n.kind {
	case pointer:
		n.elem.schema(o, behindPointer(value, n), secret)
	case object:
		n.objectSchema(o, value, secret)
	case array, dict:
		elem := new(ordered)
		n.elem.schema(elem, reflect.Value{}, secret)
		if n.kind == array {
			o.set("type", "array")
			o.raw("items", elem.close())
			return
		}
		o.set("type", "object")
		o.raw("additionalProperties", elem.close())
	case text:
		o.set("type", "string")
		o.list("enum", n.enum)
	case boolean:
		o.set("type", "boolean")
	case integer, number:
		o.set("type", n.kind.String())
		if n.min != nil {
			o.raw("minimum", []byte(n.minText))
		}
		if n.max != nil {
			o.raw("maximum", []byte(n.maxText))
		}
	case duration, size:
		if n.kind == size {
			o.list("type", []string{"string", "integer"})
		} else {
			o.set("type", "string")
		}
		o.set("format", "towpath-"+n.kind.String())
		o.set("x-minimum", n.minText)
		o.set("x-maximum", n.maxText)
	}
	if secret && n.kind == text {
		o.set("format", "password")
	}
}

func (n *node) objectSchema(o *ordered, value reflect.Value, secret bool) {
	o.set("type", "object")
	properties, required := new(ordered), []string(nil)
	for _, f := range n.fields {
		inner := reflect.Value{}
		if value.IsValid() {
			inner = value.FieldByIndex(f.index)
		}
		properties.raw(f.name, f.schema(inner, secret || f.secret))
		if f.required {
			required = append(required, f.name)
		}
	}
	o.raw("properties", properties.close())
	o.list("required", required)
	o.raw("additionalProperties", []byte(strconv.FormatBool(false)))
}

func (f *field) schema(value reflect.Value, secret bool) []byte {
	o := new(ordered)
	f.node.schema(o, value, secret)
	if f.file && f.node.kind == text {
		o.set("format", "towpath-file")
	}
	o.set("description", f.doc)
	if f.node.leaf().kind != object || f.node.kind == array || f.node.kind == dict {
		if text := defaultText(value, secret); text != "" && !secret {
			o.raw("default", []byte(text))
		}
	}
	if f.example != "" {
		o.list("examples", []string{f.example})
	}
	if secret {
		o.raw("writeOnly", []byte("true"))
	}
	return o.close()
}
