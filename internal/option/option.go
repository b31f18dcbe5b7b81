// Package option reads option structs: one description gives defaults, docs, JSON Schema, strict validation and redaction.
// It knows no connector and no job.
package option

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// Spec is a described option struct. It never changes and is safe for concurrent use.
type Spec struct {
	root     *node
	defaults reflect.Value
}

// Field is one option, for docs and forms.
type Field struct {
	Name     string // path: "hosts[].port", "labels.*"
	Type     string // text, bool, integer, number, duration, size, any; "list of text", "map of text"
	Doc      string
	Default  string // JSON; "" when there is none
	Example  string
	Min, Max string // "" when open; in the unit's own text: "64KiB"
	Enum     []string
	Secret   bool
	Required bool
	File     bool // a path of a file of this machine
}

// Problem is what is wrong with an object.
type Problem struct {
	Path string // below the object: "hosts[0].port"; "" for the object itself
	Text string // holds no secret
	Hint string // a sentence, or ""
}

// PathBelow returns the path below a prefix.
func (p *Problem) PathBelow(at string) string {
	if p.Path == "" {
		return at
	}
	return join(at, p.Path)
}

// Error makes a Problem an error.
func (p *Problem) Error() string {
	if p.Path == "" {
		return p.Text
	}
	return p.Path + ": " + p.Text
}

// Describe makes a Spec from the default value of a struct and its tags: json (the name), doc, minimum, maximum, enum (labels
// divided by commas), secret, required, example, and path:"file" for paths of files of this machine, which have no default. Fields without a json name are no options; embedded structs without one
// add theirs. On lists and maps, minimum, maximum and enum are those of the elements. Elements of lists start from zero, not
// from a default. A struct that cannot be described is a programmer's error and panics.
func Describe(defaults any) *Spec {
	v := reflect.ValueOf(defaults)
	if !v.IsValid() || v.Kind() != reflect.Struct {
		panic(fmt.Sprintf("describe options: %T is not a struct", defaults))
	}
	s := &Spec{root: describe(v.Type(), v.Type().String(), 0), defaults: clone(v)}
	for _, f := range s.Fields() {
		if f.File && f.Default != "" { // MapFiles would not see it
			panic(fmt.Sprintf("describe options: %s: the path %s has a default", v.Type(), f.Name))
		}
	}
	return s
}

// Fields lists the options in the order of the struct, nested ones behind their parents' names.
func (s *Spec) Fields() []Field {
	return s.root.list(nil, "", s.defaults, false)
}

func (n *node) list(out []Field, at string, value reflect.Value, secret bool) []Field {
	for _, f := range n.fields {
		inner := reflect.Value{}
		if value.IsValid() {
			inner = value.FieldByIndex(f.index)
		}
		out = f.list(out, at, inner, secret)
	}
	return out
}

func (f *field) list(out []Field, at string, value reflect.Value, secret bool) []Field {
	name, leaf, kind := join(at, f.name), f.node, ""
	secret = secret || f.secret
	for leaf.elem != nil {
		switch leaf.kind {
		case array:
			name, kind = name+"[]", kind+"list of "
		case dict:
			name, kind = name+".*", kind+"map of "
		}
		leaf = leaf.elem
	}
	if leaf.kind == object {
		return leaf.list(out, name, behindPointer(value, f.node), secret)
	}
	return append(out, Field{Name: strings.TrimSuffix(strings.TrimSuffix(name, "[]"), ".*"), Type: kind + leaf.kind.String(), Doc: f.doc,
		Default: defaultText(value, secret), Example: f.example, Min: leaf.minText, Max: leaf.maxText, Enum: leaf.enum,
		Secret: secret, Required: f.required, File: f.file})
}

// behindPointer returns the struct that a default holds for an object; invalid when it holds none.
func behindPointer(value reflect.Value, n *node) reflect.Value {
	switch {
	case !value.IsValid() || n.kind == object:
		return value
	case n.kind == pointer && !value.IsNil():
		return value.Elem()
	}
	return reflect.Value{}
}

func defaultText(value reflect.Value, secret bool) string {
	if !value.IsValid() || (value.Kind() == reflect.String || value.Kind() == reflect.Slice) && value.Len() == 0 {
		return ""
	}
	if k := value.Kind(); (k == reflect.Map || k == reflect.Pointer || k == reflect.Interface) && value.IsNil() {
		return ""
	}
	if secret {
		return `"***"`
	}
	b, err := json.Marshal(value.Interface())
	if err != nil {
		panic(fmt.Sprintf("describe options: default of %s: %v", value.Type(), err))
	}
	return string(b)
}

func join(at, name string) string {
	if at == "" || strings.HasPrefix(name, "[") {
		return at + name
	}
	return at + "." + name
}

// clone copies a value with all it refers to, so that who decodes into it cannot change the default.
func clone(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if out.Field(i).CanSet() {
				out.Field(i).Set(clone(v.Field(i)))
			}
		}
	case reflect.Slice:
		if !v.IsNil() {
			out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
			for i := range v.Len() {
				out.Index(i).Set(clone(v.Index(i)))
			}
		}
	case reflect.Map:
		if !v.IsNil() {
			out.Set(reflect.MakeMapWithSize(v.Type(), v.Len()))
			for key, value := range v.Seq2() {
				out.SetMapIndex(key, clone(value))
			}
		}
	case reflect.Pointer:
		if !v.IsNil() {
			out.Set(reflect.New(v.Type().Elem()))
			out.Elem().Set(clone(v.Elem()))
		}
	}
	return out
}
