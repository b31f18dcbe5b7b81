package elasticsearch

import (
	"maps"
	"slices"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// field is how a column is indexed and written.
type field struct {
	esType  string
	mapping map[string]any // as PUT into the index
	append  appendFunc
	stored  record.Type // what it holds of the column's type: casts mark all else
	check   checkFunc   // what no type says of the values it refuses; nil: nothing
	losses  []string    // what the index, not _source, holds less
	notes   []string
}

// family is a group of Elasticsearch types that take the same JSON.
type family int

const (
	unknownFamily family = iota
	whole
	fraction
	truth
	moment
	words
	base64Family
	tree
)

// families are the types a column can be given; whatever else a job names is sent as text and left to the server's judgement.
func familyOf(esType string) family {
	switch esType {
	case "byte", "short", "integer", "long", "unsigned_long":
		return whole
	case "half_float", "float", "double", "scaled_float":
		return fraction
	case "boolean":
		return truth
	case "date", "date_nanos":
		return moment
	case "keyword", "text", "wildcard", "match_only_text", "search_as_you_type", "constant_keyword":
		return words
	case "binary":
		return base64Family
	case "object", "flattened", "flat_object":
		return tree
	}
	return unknownFamily
}

// defaultType chooses the field type that tells all values of the column apart.
func defaultType(t record.Type, s server) string {
	switch t.Kind {
	case record.Bool:
		return "boolean"
	case record.Int:
		return map[int]string{8: "byte", 16: "short", 24: "integer", 32: "integer", 64: "long"}[t.Bits]
	case record.Uint:
		return unsignedType(t.Bits, s)
	case record.Bit:
		if t.Bits > 64 {
			return "keyword"
		}
		return unsignedType(t.Bits, s)
	case record.Float:
		if t.Bits == 32 {
			return "float"
		}
		return "double"
	case record.Decimal:
		if exactAsDouble(t) {
			return "double"
		}
		return "keyword"
	case record.Text:
		return "text"
	case record.Bytes, record.Document:
		return "binary"
	case record.List:
		if t.Elem != nil {
			return defaultType(*t.Elem, s)
		}
	case record.Date:
		return "date"
	case record.Datetime, record.Instant:
		if t.Precision > 3 {
			return "date_nanos"
		}
		return "date"
	case record.Year:
		return "short"
	case record.JSON:
		return "object"
	case record.Time, record.Interval, record.UUID, record.Enum, record.Set, record.Geometry, record.Native:
		return "keyword"
	}
	return ""
}

func unsignedType(bits int, s server) string {
	switch {
	case bits <= 8-1:
		return "byte"
	case bits <= 16-1:
		return "short"
	case bits <= 32-1:
		return "integer"
	case bits <= 64-1:
		return "long"
	case s.unsignedLong:
		return "unsigned_long"
	}
	return "keyword"
}

// exactAsDouble: any two decimals of up to 15 digits are two doubles (IEEE 754 keeps 15 digits), far inside its exponents.
func exactAsDouble(t record.Type) bool {
	return t.Precision >= 1 && t.Precision <= 15 && t.Scale >= -200 && t.Scale <= 200
}

// makeField decides how a column is written into a field of the type; nil when the field cannot take the column at all.
func makeField(t record.Type, esType string) *field {
	f := &field{esType: esType, stored: t}
	fam := familyOf(esType)
	switch t.Kind {
	case record.Bool:
		f.forBool(fam)
	case record.Int, record.Uint, record.Year, record.Bit:
		f.forWhole(t, fam)
	case record.Float:
		f.forFloat(t, fam)
	case record.Decimal:
		f.forDecimal(t, fam)
	case record.Date, record.Datetime, record.Instant:
		f.forMoment(t, fam)
	case record.Text, record.Enum, record.Native, record.UUID, record.Time, record.Interval:
		f.forText(t, fam)
	case record.Bytes, record.Document:
		if fam == base64Family || fam == words {
			f.append = appendBase64
		}
	case record.List:
		f.forList(t)
	case record.Geometry:
		if fam == words {
			f.append = appendGeometry
		}
	case record.JSON:
		f.forJSON(fam)
	case record.Set:
		if fam == words {
			f.append = appendSet
		}
	}
	if f.append == nil {
		return nil
	}
	return f
}

func (f *field) forBool(fam family) {
	switch fam {
	case truth:
		f.append = appendBool
	case words:
		f.append = quoted(appendBool)
	}
}

// wholeType returns the type of the whole numbers that a field holds.
func wholeType(esType string) record.Type {
	bits := map[string]int{"byte": 8, "short": 16, "integer": 32, "long": 64}[esType]
	if bits == 0 {
		return record.Type{Kind: record.Uint, Bits: 64}
	}
	return record.Type{Kind: record.Int, Bits: bits}
}

// digitsOf returns how many bits of whole numbers a type of fractions keeps.
func digitsOf(esType string) int {
	return map[string]int{"half_float": 11, "float": 24, "double": 53}[esType]
}

func (f *field) forWhole(t record.Type, fam family) {
	if t.Kind == record.Bit && t.Bits > 64 {
		if fam == words {
			f.append = appendForm(&t)
		}
		return
	}
	switch fam {
	case whole:
		if held := wholeType(f.esType); record.NewCast(t, held, record.CastOptions{}).Decision == record.Checked {
			f.stored = held
		}
		f.append = appendWhole(f.stored)
	case fraction:
		f.append = appendWhole(t)
		bits := t.Bits
		if t.Kind == record.Year {
			bits = 12
		}
		if f.esType == "scaled_float" || bits > digitsOf(f.esType) {
			f.losses = append(f.losses, "the index holds the nearest "+f.esType)
		}
	case words:
		f.append = quoted(appendWhole(t))
	}
}

// appendWhole returns the appendFunc of a type of whole numbers.
func appendWhole(t record.Type) appendFunc {
	if t.Form() == record.FormInt64 {
		return appendInt
	}
	return appendUint
}

func (f *field) forFloat(t record.Type, fam family) {
	switch fam {
	case fraction:
		f.append = appendFloat(t.Bits)
		f.stored.Finite = true // JSON has neither NaN nor infinities
		if f.esType == "half_float" || f.esType == "scaled_float" || f.esType == "float" && t.Bits == 64 {
			f.losses = append(f.losses, "the index holds the nearest "+f.esType)
		}
	case words:
		f.append = appendForm(&t)
	}
}

func (f *field) forDecimal(t record.Type, fam family) {
	switch fam {
	case fraction:
		f.append = appendDigits(&t)
		if f.esType != "double" || !exactAsDouble(t) {
			f.losses = append(f.losses, "the index holds the nearest "+f.esType)
		}
	case whole:
		if t.Scale == 0 && t.Precision >= 1 && t.Precision <= 18 {
			f.stored = wholeType(f.esType)
			f.append = appendWhole(f.stored)
		}
	case words:
		f.append = appendForm(&t)
	}
}

func (f *field) forMoment(t record.Type, fam family) {
	switch fam {
	case moment:
		f.append = appendMoment(&t)
		nanos := f.esType == "date_nanos"
		f.stored.Limits = momentLimits(t, nanos)
		f.check = checkMoment(t, nanos)
		if nanos {
			f.notes = append(f.notes, "date_nanos holds 1970-01-01 to 2262-04-11: what is outside is marked RANGE; as date or keyword the column can hold more")
		} else if t.Precision > 3 && t.Kind != record.Date {
			f.losses = append(f.losses, "the index holds milliseconds")
		}
	case words:
		f.append = appendMoment(&t)
	}
}

func (f *field) forText(t record.Type, fam family) {
	plain := appendText
	if t.Form() != record.FormBytes {
		plain = appendForm(&t)
	}
	switch fam {
	case words:
		f.append = plain
	case base64Family, tree:
	default:
		f.append = plain
		f.losses = append(f.losses, "the index holds what the server reads from the text as "+f.esType)
	}
	if f.append != nil && t.Form() == record.FormBytes {
		f.check = checkText
	}
}

func (f *field) forJSON(fam family) {
	switch fam {
	case tree:
		f.append, f.check = appendJSON, checkJSON
		f.notes = append(f.notes, "JSON stands in _source as it is, line breaks as blanks; the server refuses an object that names a key twice")
		if f.esType == "object" {
			f.notes = append(f.notes, "it is an object with enabled: false: whole in _source, and nothing in it can be searched")
		}
	case words:
		f.append, f.check = appendText, checkText
	}
}

// forList makes the field of its elements' field: to the server every field may have more than one value, also in arrays of arrays.
func (f *field) forList(t record.Type) {
	if t.Elem == nil {
		return
	}
	elem := makeField(*t.Elem, f.esType)
	if elem == nil {
		return
	}
	f.stored.Elem = &elem.stored
	f.append, f.check = appendList(&elem.stored, elem.append), checkList(&elem.stored, elem.check)
	f.losses = elem.losses
	f.notes = append(elem.notes, "the index cannot tell a list of one element from that element, and forgets order, nesting and NULL of elements; _source has the list as it is. Lists whose lower bounds are not 1 are dirty (SHAPE)")
}

// property makes the mapping of the field.
func (f *field) property(t record.Type, c Column, ignoreAbove int) {
	m := map[string]any{"type": f.esType}
	switch f.esType {
	case "text":
		m["fields"] = map[string]any{"keyword": map[string]any{"type": "keyword", "ignore_above": ignoreAbove}}
		if c.Analyzer != "" {
			m["analyzer"] = c.Analyzer
		}
		if c.NoIndex {
			m["index"] = false
			delete(m, "fields")
		}
	case "keyword":
		m["ignore_above"] = ignoreAbove
		if c.Double {
			m["fields"] = map[string]any{"double": map[string]any{"type": "double"}}
		}
	case "object":
		m["enabled"] = false
	}
	if c.NoIndex && slices.Contains([]family{whole, fraction, truth, moment}, familyOf(f.esType)) || c.NoIndex && f.esType == "keyword" {
		m["index"], m["doc_values"] = false, false
	}
	f.mapping = maps.Clone(m)
}

// lossList turns the field's losses into the plan's.
func (f *field) lossList(column, policy string) []connector.Loss {
	var out []connector.Loss
	for _, what := range f.losses {
		out = append(out, connector.Loss{Column: column, What: what + "; _source keeps the value's own digits", Policy: policy})
	}
	return out
}
