package option

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"reflect"
	"slices"
	"strings"
)

// Decode reads an object over the defaults into a pointer to the described struct. A nil or empty raw is an empty object. It
// returns nil, or the first thing that is wrong: an unknown name, a name given twice, a wrong type, a value out of bounds, a
// required option that is missing. A list or map that is given replaces its default as a whole.
func (s *Spec) Decode(raw json.RawMessage, into any) *Problem {
	target := reflect.ValueOf(into)
	if target.Kind() != reflect.Pointer || target.Type().Elem() != s.root.typ {
		panic(fmt.Sprintf("decode options of %s into %T", s.root.typ, into))
	}
	target.Elem().Set(clone(s.defaults))
	if len(bytes.TrimSpace(raw)) == 0 {
		raw = json.RawMessage("{}")
	}
	if !json.Valid(raw) {
		return &Problem{Text: "is not valid JSON"}
	}
	return s.root.decode(raw, target.Elem(), "", false)
}

func (n *node) decode(raw json.RawMessage, v reflect.Value, at string, secret bool) *Problem {
	raw = bytes.TrimSpace(raw)
	if n.kind != free && n.kind != pointer && n.elem == nil && raw[0] == 'n' {
		return n.wrong(raw, at)
	}
	switch n.kind {
	case object:
		return n.decodeObject(raw, v, at, secret)
	case array:
		return n.decodeArray(raw, v, at, secret)
	case dict:
		return n.decodeDict(raw, v, at, secret)
	case pointer:
		if raw[0] == 'n' {
			v.SetZero()
			return nil
		}
		if v.IsNil() {
			v.Set(reflect.New(n.elem.typ))
		}
		return n.elem.decode(raw, v.Elem(), at, secret)
	case free:
		if err := json.Unmarshal(raw, v.Addr().Interface()); err != nil {
			return n.wrong(raw, at)
		}
		return nil
	}
	return n.decodeLeaf(raw, v, at, secret)
}

func (n *node) decodeObject(raw json.RawMessage, v reflect.Value, at string, secret bool) *Problem {
	given, problem := n.members(raw, at)
	if problem != nil {
		return problem
	}
	for _, m := range given {
		f := n.field(m.name)
		if f == nil {
			return &Problem{Path: join(at, m.name), Text: fmt.Sprintf("unknown option %q", m.name), Hint: n.hint(m.name)}
		}
		if problem := f.node.decode(m.value, v.FieldByIndex(f.index), join(at, f.name), secret || f.secret); problem != nil {
			return problem
		}
	}
	for _, f := range n.fields {
		if !f.required {
			continue
		}
		if !slices.ContainsFunc(given, func(m member) bool { return m.name == f.name }) {
			return &Problem{Path: join(at, f.name), Text: "is required", Hint: f.doc}
		}
		if value := v.FieldByIndex(f.index); value.Kind() == reflect.String && value.Len() == 0 {
			return &Problem{Path: join(at, f.name), Text: "is required and must not be empty", Hint: f.doc}
		}
	}
	return nil
}

func (n *node) decodeArray(raw json.RawMessage, v reflect.Value, at string, secret bool) *Problem {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return n.wrong(raw, at)
	}
	v.SetZero()
	if list == nil {
		return nil
	}
	v.Set(reflect.MakeSlice(n.typ, len(list), len(list)))
	for i, element := range list {
		if problem := n.elem.decode(element, v.Index(i), fmt.Sprintf("%s[%d]", at, i), secret); problem != nil {
			return problem
		}
	}
	return nil
}

func (n *node) decodeDict(raw json.RawMessage, v reflect.Value, at string, secret bool) *Problem {
	v.SetZero()
	if raw[0] == 'n' {
		return nil
	}
	given, problem := n.members(raw, at)
	if problem != nil {
		return problem
	}
	v.Set(reflect.MakeMap(n.typ))
	for _, m := range given {
		value := reflect.New(n.elem.typ).Elem()
		if problem := n.elem.decode(m.value, value, join(at, m.name), secret); problem != nil {
			return problem
		}
		v.SetMapIndex(reflect.ValueOf(m.name).Convert(n.typ.Key()), value)
	}
	return nil
}

func (n *node) decodeLeaf(raw json.RawMessage, v reflect.Value, at string, secret bool) *Problem {
	number := raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9'
	if reader, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		written := string(raw)
		if raw[0] == '"' {
			_ = json.Unmarshal(raw, &written) // valid JSON that starts with a quote is a string
		} else if n.kind != size || !number {
			return n.wrong(raw, at)
		}
		if err := reader.UnmarshalText([]byte(written)); err != nil {
			if secret {
				err = errors.New("is not in the form of its type")
			}
			return &Problem{Path: at, Text: err.Error(), Hint: n.form()}
		}
	} else if err := json.Unmarshal(raw, v.Addr().Interface()); err != nil {
		if n.kind == integer && number {
			return &Problem{Path: at, Text: fmt.Sprintf("%s is not a whole number that fits", raw), Hint: n.form()}
		}
		return n.wrong(raw, at)
	}
	return n.check(v, at, secret)
}

func (n *node) check(v reflect.Value, at string, secret bool) *Problem {
	if len(n.enum) > 0 && !slices.Contains(n.enum, v.String()) {
		p := &Problem{Path: at, Text: "is not one of the known values", Hint: "Known are: " + strings.Join(n.enum, ", ") + "."}
		if !secret {
			p.Text = fmt.Sprintf("%q is not one of the known values", v.String())
			if near := Nearest(v.String(), n.enum); near != "" {
				p.Hint = fmt.Sprintf("Did you mean %q? ", near) + p.Hint
			}
		}
		return p
	}
	if n.min == nil && n.max == nil {
		return nil
	}
	var r big.Rat
	switch {
	case v.CanInt():
		r.SetInt64(v.Int())
	case v.CanUint():
		r.SetUint64(v.Uint())
	default:
		r.SetFloat64(v.Float())
	}
	switch {
	case n.min != nil && r.Cmp(n.min) < 0:
		return &Problem{Path: at, Text: fmt.Sprintf("%v is less than %s", v.Interface(), n.minText), Hint: n.form()}
	case n.max != nil && r.Cmp(n.max) > 0:
		return &Problem{Path: at, Text: fmt.Sprintf("%v is more than %s", v.Interface(), n.maxText), Hint: n.form()}
	}
	return nil
}

// form says what an option takes: a sentence.
func (n *node) form() string {
	takes := "It takes " + map[kind]string{text: "a text", boolean: "true or false", integer: "a whole number", number: "a number",
		duration: `a duration such as "90s", "5m" or "2h"`, size: `a size such as "512KiB", "32MiB" or "1GiB"`, object: "an object",
		array: "a list", dict: "an object"}[n.kind]
	switch {
	case n.min != nil && n.max != nil:
		takes += " from " + n.minText + " to " + n.maxText
	case n.min != nil:
		takes += " from " + n.minText + " on"
	case n.max != nil:
		takes += " up to " + n.maxText
	}
	return takes + "."
}

// wrong reports a value of another JSON type; it names the type only, as the value may be a secret in the wrong place.
func (n *node) wrong(raw json.RawMessage, at string) *Problem {
	is := map[byte]string{'"': "a text", '{': "an object", '[': "a list", 't': "true", 'f': "false", 'n': "null"}[raw[0]]
	if is == "" {
		is = "a number"
	}
	return &Problem{Path: at, Text: "must not be " + is, Hint: n.form()}
}

// member is a name and value of a JSON object.
type member struct {
	name  string
	value json.RawMessage
}

// members returns an object's members in their order; a name given twice is a problem, as JSON readers disagree about it.
func (n *node) members(raw json.RawMessage, at string) ([]member, *Problem) {
	list, err := readMembers(raw)
	if err != nil {
		return nil, n.wrong(raw, at)
	}
	for i, m := range list {
		if slices.ContainsFunc(list[:i], func(o member) bool { return o.name == m.name }) {
			return nil, &Problem{Path: join(at, m.name), Text: "is given twice"}
		}
	}
	return list, nil
}

func readMembers(raw json.RawMessage) ([]member, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if first, err := d.Token(); err != nil || first != json.Delim('{') {
		return nil, errors.New("is not an object")
	}
	var list []member
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		m := member{name: name.(string)} // what stands before a colon is always a string
		if err := d.Decode(&m.value); err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	if _, err := d.Token(); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return list, nil
}

func (n *node) field(name string) *field {
	for _, f := range n.fields {
		if f.name == name {
			return f
		}
	}
	return nil
}
