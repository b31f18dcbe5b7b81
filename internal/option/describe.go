package option

import (
	"encoding"
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strings"
)

// kind is the family of values that an option takes.
type kind int

const (
	text kind = iota
	boolean
	integer
	number
	duration
	size
	free // any JSON value
	object
	array
	dict
	pointer
)

func (k kind) String() string {
	return [...]string{"text", "bool", "integer", "number", "duration", "size", "any", "object", "list", "map", "pointer"}[k]
}

// node describes one type at one place of an option struct.
type node struct {
	kind   kind
	typ    reflect.Type
	fields []*field // object
	elem   *node    // array, dict, pointer

	min, max         *big.Rat
	minText, maxText string
	enum             []string
}

// field is a named place of an object.
type field struct {
	name, doc, example string
	index              []int
	node               *node
	secret, required   bool
	file               bool // its text, or texts, are paths of this machine
}

const deepest = 8 // levels of nesting; a type that contains itself goes beyond

func describe(t reflect.Type, at string, depth int) *node {
	if depth > deepest {
		panic(fmt.Sprintf("describe options: %s is nested too deep", at))
	}
	n := &node{typ: t}
	switch {
	case t == reflect.TypeFor[Duration]():
		n.kind = duration
	case t == reflect.TypeFor[Bytes]():
		n.kind = size
	case t == reflect.TypeFor[json.RawMessage]() || t == reflect.TypeFor[any]():
		n.kind = free
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) || t.Kind() == reflect.String:
		n.kind = text
	case t.Kind() == reflect.Bool:
		n.kind = boolean
	case t.PkgPath() == "time":
		panic(fmt.Sprintf("describe options: %s: %s has no form people write; take option.Duration", at, t))
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Uint64:
		n.kind = integer
	case t.Kind() == reflect.Float32 || t.Kind() == reflect.Float64:
		n.kind = number
	case t.Kind() == reflect.Struct:
		n.kind, n.fields = object, fieldsOf(t, nil, at, depth)
	case t.Kind() == reflect.Slice:
		n.kind, n.elem = array, describe(t.Elem(), at, depth+1)
	case t.Kind() == reflect.Map && t.Key().Kind() == reflect.String:
		n.kind, n.elem = dict, describe(t.Elem(), at, depth+1)
	case t.Kind() == reflect.Pointer:
		n.kind, n.elem = pointer, describe(t.Elem(), at, depth+1)
	default:
		panic(fmt.Sprintf("describe options: %s: type %s is no option", at, t))
	}
	return n
}

func fieldsOf(t reflect.Type, index []int, at string, depth int) []*field {
	var fields []*field
	for i := range t.NumField() {
		sf := t.Field(i)
		here := append(slices.Clone(index), i)
		name, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
		switch {
		case sf.Anonymous && name == "" && sf.Type.Kind() == reflect.Struct:
			fields = append(fields, fieldsOf(sf.Type, here, at, depth+1)...)
		case sf.IsExported() && name != "" && name != "-":
			f := &field{name: name, doc: sf.Tag.Get("doc"), example: sf.Tag.Get("example"), index: here,
				secret: sf.Tag.Get("secret") == "true", required: sf.Tag.Get("required") == "true"}
			f.node = describe(sf.Type, at+"."+name, depth+1)
			if f.file = sf.Tag.Get("path") == "file"; f.file && f.node.leaf().kind != text {
				panic(fmt.Sprintf("describe options: %s.%s: path on a %s", at, name, f.node.leaf().kind))
			}
			f.node.leaf().bound(sf.Tag, at+"."+name)
			fields = append(fields, f)
		}
	}
	for i, f := range fields {
		if slices.ContainsFunc(fields[:i], func(g *field) bool { return g.name == f.name }) {
			panic(fmt.Sprintf("describe options: %s has %q twice", at, f.name))
		}
	}
	return fields
}

// leaf returns what lists, maps and pointers are made of.
func (n *node) leaf() *node {
	for n.elem != nil {
		n = n.elem
	}
	return n
}

func (n *node) bound(tag reflect.StructTag, at string) {
	n.min, n.minText = n.limit(tag.Get("minimum"), at)
	n.max, n.maxText = n.limit(tag.Get("maximum"), at)
	if labels := tag.Get("enum"); labels != "" {
		if n.kind != text {
			panic(fmt.Sprintf("describe options: %s: enum on a %s", at, n.kind))
		}
		n.enum = strings.Split(labels, ",")
	}
}

func (n *node) limit(s, at string) (*big.Rat, string) {
	if s == "" {
		return nil, ""
	}
	var r *big.Rat
	var ok bool
	switch n.kind {
	case integer, number:
		r, ok = new(big.Rat).SetString(s)
	case duration:
		var d Duration
		ok = d.UnmarshalText([]byte(s)) == nil
		r = new(big.Rat).SetInt64(int64(d))
	case size:
		var b Bytes
		ok = b.UnmarshalText([]byte(s)) == nil
		r = new(big.Rat).SetInt64(int64(b))
	}
	if !ok {
		panic(fmt.Sprintf("describe options: %s: bound %q on a %s", at, s, n.kind))
	}
	return r, s
}
