package job

import (
	"bytes"
	"encoding"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"

	"github.com/towpath/towpath/record"
)

// Schema returns the JSON Schema (2020-12) of a job document, for editors. It is made of the structs that Parse reads, in
// their order. Options of connectors are open in it: their connectors have schemas of their own.
func Schema() []byte {
	root := append(members(nil), schemaOf(reflect.TypeFor[Job](), "")...)
	root.prepend("$schema", "https://json-schema.org/draft/2020-12/schema")
	root.set("title", "towpath job")
	var b bytes.Buffer
	if err := json.Indent(&b, root.json(), "", "  "); err != nil {
		panic(err) // made of marshalled parts
	}
	return append(b.Bytes(), '\n')
}

// members is a JSON object that keeps the order of its keys.
type members []memberOf

type memberOf struct {
	name  string
	value any
}

func (m *members) set(name string, value any) { *m = append(*m, memberOf{name, value}) }

func (m *members) prepend(name string, value any) { *m = append(members{{name, value}}, *m...) }

func (m members) json() []byte {
	b := []byte{'{'}
	for i, member := range m {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, member.name), ':')
		if inner, ok := member.value.(members); ok {
			b = append(b, inner.json()...)
			continue
		}
		value, err := json.Marshal(member.value)
		if err != nil {
			panic(err) // texts, numbers, lists of texts
		}
		b = append(b, value...)
	}
	return append(b, '}')
}

// MarshalJSON writes the members in their order.
func (m members) MarshalJSON() ([]byte, error) { return m.json(), nil }

func schemaOf(t reflect.Type, tags reflect.StructTag) members {
	var m members
	switch {
	case t.Kind() == reflect.Pointer && t != reflect.TypeFor[*record.Type]():
		return schemaOf(t.Elem(), tags)
	case t == reflect.TypeFor[Endpoint]():
		m = endpointSchema()
	case t == reflect.TypeFor[Column]():
		m.set("oneOf", []any{members{{"type", "string"}}, structSchema(t)})
	case t == reflect.TypeFor[Create]():
		m = createSchema()
	case t == reflect.TypeFor[json.RawMessage]():
		m.set("type", "object")
	case t == reflect.TypeFor[*record.Type]():
		m.set("type", "string")
		m.set("examples", []string{"int64", "decimal(12,2)", "text(40)", "datetime(6)"})
	case t == reflect.TypeFor[map[string]string]():
		m.set("type", "object")
		m.set("additionalProperties", members{{"type", []string{"string", "number", "boolean"}}})
	case t == reflect.TypeFor[map[record.Code]string]():
		m = policySchema()
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		m.set("type", []string{"string", "integer"})
	default:
		m = plainSchema(t, tags)
	}
	if doc := tags.Get("doc"); doc != "" {
		m.set("description", doc)
	}
	return m
}

func plainSchema(t reflect.Type, tags reflect.StructTag) members {
	var m members
	switch t.Kind() {
	case reflect.Struct:
		return structSchema(t)
	case reflect.Slice:
		m.set("type", "array")
		m.set("items", schemaOf(t.Elem(), ""))
	case reflect.String:
		m.set("type", "string")
		if enum := tags.Get("enum"); enum != "" {
			m.set("enum", strings.Split(enum, ","))
		}
	case reflect.Bool:
		m.set("type", "boolean")
	default:
		m.set("type", "number")
		if t.Kind() != reflect.Float64 {
			m[0].value = "integer"
		}
		for _, bound := range []string{"minimum", "maximum"} {
			if limit, err := strconv.ParseFloat(tags.Get(bound), 64); err == nil {
				m.set(bound, limit)
			}
		}
	}
	return m
}

func structSchema(t reflect.Type) members {
	var m, properties members
	var required []string
	for _, f := range fieldsOf(t) {
		properties.set(f.name, schemaOf(t.Field(f.index).Type, f.tags))
		if f.tags.Get("required") == "true" {
			required = append(required, f.name)
		}
	}
	m.set("type", "object")
	m.set("properties", properties)
	if required != nil {
		m.set("required", required)
	}
	m.set("additionalProperties", false)
	return m
}

func endpointSchema() members {
	alias := members{{"type", "object"},
		{"properties", members{{"connection", members{{"type", "string"}, {"description", "The alias of a connection."}}}}},
		{"required", []string{"connection"}}, {"additionalProperties", false}}
	inline := members{{"type", "object"},
		{"properties", members{{"connector", members{{"type", "string"}, {"description", "The connector's name; its connection options stand beside it."}}}}},
		{"required", []string{"connector"}}, {"not", members{{"required", []string{"connection"}}}}}
	return members{{"oneOf", []any{alias, inline}}}
}

func policySchema() members {
	var m, properties members
	for _, code := range codeNames() {
		var policies []any
		var note members
		for _, policy := range policiesOf(code) {
			switch {
			case strings.HasPrefix(policy, "recode:"):
				note = members{{"pattern", "^recode:."}}
				continue
			case policy == "null":
				policies = append(policies, nil) // YAML's null is read as the policy null
			}
			policies = append(policies, policy)
		}
		one := members{{"enum", policies}}
		if note != nil {
			one = members{{"anyOf", []any{one, append(members{{"type", "string"}}, note...)}}}
		}
		properties.set(code, one)
	}
	m.set("type", "object")
	m.set("properties", properties)
	m.set("additionalProperties", false)
	return m
}
