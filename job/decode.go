package job

import (
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/towpath/towpath/record"
)

// decoder reads a tree into structs by their tags and collects what is wrong, all of it.
type decoder struct {
	*problems
	places map[string]place
}

// value reads n into v, whose type is one that a document can hold; tags are those of the field it belongs to.
func (d *decoder) value(n *node, v reflect.Value, path string, tags reflect.StructTag) {
	d.places[path] = n.at
	switch into := v.Addr().Interface().(type) {
	case *Endpoint:
		d.endpoint(n, into, path)
		return
	case *Column:
		d.column(n, into, path)
		return
	case *Create:
		d.create(n, into, path)
		return
	case *json.RawMessage:
		if d.is(n, isObject, path) {
			d.references(n, path)
			*into = n.json(nil)
		}
		return
	case *map[string]string:
		d.parameters(n, into, path)
		return
	case *map[record.Code]string:
		d.policies(n, into, path)
		return
	case **record.Type:
		d.logicalType(n, into, path)
		return
	case encoding.TextUnmarshaler:
		d.parsed(n, into, v, path, tags)
		return
	}
	d.plain(n, v, path, tags)
}

func (d *decoder) plain(n *node, v reflect.Value, path string, tags reflect.StructTag) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, v.Elem(), path, tags)
	case reflect.Struct:
		d.object(n, v, path)
	case reflect.Slice:
		if !d.is(n, isList, path) {
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), len(n.items), len(n.items)))
		for i, item := range n.items {
			d.value(item, v.Index(i), path+"["+strconv.Itoa(i)+"]", "")
		}
	case reflect.String:
		if d.is(n, isText, path) {
			d.oneOf(n, path, tags)
			v.SetString(n.text)
		}
	case reflect.Bool:
		if d.is(n, isBool, path) {
			v.SetBool(n.text == "true")
		}
	default:
		d.number(n, v, path, tags)
	}
}

// is reports whether n is of the kind, and says so when it is not.
func (d *decoder) is(n *node, want kind, path string) bool {
	if n.kind == want {
		return true
	}
	hint := ""
	switch {
	case want == isText && (n.kind == isNumber || n.kind == isBool):
		hint = "Quote it: \"" + n.raw + "\"."
	case want == isList && n.kind == isText:
		hint = "Write [" + n.raw + "]."
	case n.kind == isNull:
		hint = "Give it a value or remove the key."
	}
	d.add(n.at, path, "TOW-603", hint, "is %s, not %s", n.kind, want)
	return false
}

func (d *decoder) object(n *node, v reflect.Value, path string) {
	if !d.is(n, isObject, path) {
		return
	}
	fields := fieldsOf(v.Type())
	for i, k := range n.keys {
		f := slices.IndexFunc(fields, func(f field) bool { return f.name == k.name })
		if f < 0 {
			d.unknown(k, path, names(fields))
			continue
		}
		d.value(n.items[i], v.Field(fields[f].index), join(path, k.name), fields[f].tags)
	}
	for _, f := range fields {
		if _, there := n.member(f.name); !there && f.tags.Get("required") == "true" {
			d.add(n.at, join(path, f.name), "TOW-605", f.tags.Get("doc"), "is missing")
		}
	}
}

// unknown refuses a key and offers the nearest of those there are.
func (d *decoder) unknown(k key, path string, known []string) {
	hint := "Keys are: " + strings.Join(known, ", ") + "."
	if near := nearestHint(k.name, known); near != "" {
		hint = near
	}
	d.add(k.at, join(path, k.name), "TOW-602", hint, "unknown key %q", k.name)
}

func (d *decoder) oneOf(n *node, path string, tags reflect.StructTag) {
	enum := tags.Get("enum")
	if enum == "" {
		return
	}
	if known := strings.Split(enum, ","); !slices.Contains(known, n.text) {
		d.add(n.at, path, "TOW-603", nearestHint(n.text, known), "%q is none of %s", n.text, strings.Join(known, ", "))
	}
}

func (d *decoder) number(n *node, v reflect.Value, path string, tags reflect.StructTag) {
	if !d.is(n, isNumber, path) {
		return
	}
	if v.CanInt() {
		whole, err := strconv.ParseInt(n.text, 10, v.Type().Bits())
		if err != nil {
			d.add(n.at, path, "TOW-603", "", "%s is not a whole number that fits", n.raw)
			return
		}
		v.SetInt(whole)
		d.bounds(n, float64(whole), path, tags)
		return
	}
	f, err := strconv.ParseFloat(n.text, 64)
	if err != nil {
		d.add(n.at, path, "TOW-603", "", "%s is not a number that fits", n.raw)
		return
	}
	v.SetFloat(f)
	d.bounds(n, f, path, tags)
}

func (d *decoder) bounds(n *node, value float64, path string, tags reflect.StructTag) {
	for _, bound := range [...]struct {
		tag, text string
		sign      float64
	}{{"minimum", "at least", 1}, {"maximum", "at most", -1}} {
		text := tags.Get(bound.tag)
		if limit, ok := limitOf(text); ok && (value-limit)*bound.sign < 0 {
			d.add(n.at, path, "TOW-603", "", "%s is out of bounds: it must be %s %s", n.raw, bound.text, text)
		}
	}
}

// limitOf reads a bound of a tag: a number, or a size as in 16MiB.
func limitOf(text string) (float64, bool) {
	if limit, err := strconv.ParseFloat(text, 64); err == nil {
		return limit, true
	}
	var size Size
	err := size.UnmarshalText([]byte(text))
	return float64(size), err == nil
}

// parsed reads spans and sizes, which are written as texts or, sizes, as numbers.
func (d *decoder) parsed(n *node, into encoding.TextUnmarshaler, v reflect.Value, path string, tags reflect.StructTag) {
	hint := "Write it as in 90s, 5m, 1h30m."
	if v.Type() == reflect.TypeFor[Size]() {
		hint = "Write it as in 1048576, 500kB, 32MiB."
	}
	if n.kind != isText && n.kind != isNumber {
		d.is(n, isText, path)
		return
	}
	if err := into.UnmarshalText([]byte(n.text)); err != nil {
		d.add(n.at, path, "TOW-603", hint, "%v", err)
		return
	}
	d.bounds(n, float64(v.Int()), path, tags)
}

type field struct {
	name  string
	index int
	tags  reflect.StructTag
}

// fieldsOf returns the keys of a struct in its order.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		sf := t.Field(i)
		if name, _, _ := strings.Cut(sf.Tag.Get("json"), ","); sf.IsExported() && name != "" {
			fields = append(fields, field{name, i, sf.Tag})
		}
	}
	return fields
}

func names(fields []field) []string {
	list := make([]string, len(fields))
	for i, f := range fields {
		list[i] = f.name
	}
	return list
}
