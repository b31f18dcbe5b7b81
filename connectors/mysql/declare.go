package mysql

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// definition is a column of a table that is made.
type definition struct {
	name      string
	text      typeText
	collation string // "": the table's
	nullable  bool
	numbered  bool   // AUTO_INCREMENT
	fallback  string // the DEFAULT clause, "" for none
	comment   string
	keyed     bool // in the primary key, or in a unique key that is made
	fold      string
	losses    []string
}

func (d *definition) lose(format string, args ...any) {
	d.losses = append(d.losses, fmt.Sprintf(format, args...))
}

// What a table takes.
const (
	mostRowBytes    = 65_000 // of 65,535, without what text outside the row takes
	mostInlineBytes = 7_900  // of half a page of 16 kB, without what the row itself needs
	outsideBytes    = 40     // of a value that is not in the row's page
	wideKeyBytes    = 3072   // of row format DYNAMIC
	narrowKeyBytes  = 767    // of older ones
	widestChar      = 4      // bytes, in utf8mb4
	mostVarchar     = 16_383 // characters of utf8mb4 that 65,535 bytes hold
	mostVarbinary   = 16_384
	widestDecimal   = 65
	mostLabels      = 65_535
	longestLabel    = 255
	mostMembers     = 64 // of a SET
)

// maker defines the columns of a table.
type maker struct {
	release    release
	collations map[string]string // those of the server, each with its charset
	create     connector.Structure
	implicit   bool // TIMESTAMP columns without a default get one, and another for updates, by themselves
	keyBytes   int
	notes      []string // of what is not made, for the plan
}

// binary is the collation of utf8mb4 that compares bytes, without padding where there is one.
func (m *maker) binary() string {
	for _, c := range []string{"utf8mb4_nopad_bin", "utf8mb4_0900_bin"} {
		if m.collations[c] != "" {
			return c
		}
	}
	return "utf8mb4_bin"
}

// foldOf names a collation that takes texts for equal which are not the same.
func foldOf(collation string, t *record.Type) string {
	switch {
	case t.Kind != record.Text && t.Kind != record.Native || collation == "":
		return ""
	case strings.HasSuffix(collation, "_bin") && (unpadded(collation) || t.Fixed):
		return "" // CHAR has no blanks at its end
	}
	return collation
}

// define returns the columns of a table for the fields of a schema, in their order. key are the places of the primary key.
func (m *maker) define(want *record.Schema, key []int) []definition {
	unique := map[string]bool{}
	if m.create.Indexes {
		for _, x := range want.Indexes {
			for _, c := range x.Columns {
				unique[c.Name] = unique[c.Name] || x.Unique
			}
		}
	}
	out := make([]definition, len(want.Fields))
	for i := range want.Fields {
		f := &want.Fields[i]
		out[i] = m.column(f, slices.Contains(key, i) || unique[f.Name])
		out[i].numbered = m.create.Defaults && f.Numbered && len(key) > 0 && key[0] == i && intBytes(out[i].text.name) > 0
	}
	m.fitKey(out, key)
	m.fitRow(out, want, key)
	for i := range out {
		m.settle(&out[i], &want.Fields[i])
	}
	return out
}

// column chooses the type of a column. A type of the server's own family that is what is wanted stays as it is written.
func (m *maker) column(f *record.Field, keyed bool) definition {
	d := definition{name: f.Name, nullable: f.Nullable, keyed: keyed}
	if m.create.Comments {
		d.comment = f.Comment
	}
	charset := m.collations[m.known(f.Collation)]
	if charset == "" || charset == "binary" {
		charset = "utf8mb4"
	}
	if t, ok := m.fromNative(f.Native, charset); ok && alike(logical(t), f.Type) {
		d.text = t
		if c := m.known(f.Collation); c != "" && m.collations[c] == charset {
			d.collation = c
		}
	} else {
		d.text = m.choose(f.Type, &d)
		d.text.release = m.release
	}
	if len(d.text.charset) == 0 {
		return d
	}
	if f.Collation != "" && d.collation == "" && d.text.charset == charset && m.collations[f.Collation] == "" && isOurs(f.Charset) {
		d.lose("the collation %s is unknown to this server", f.Collation)
	}
	if labelled := d.text.name == "enum" || d.text.name == "set"; d.collation == "" && d.text.charset == "utf8mb4" && (keyed || labelled) {
		d.collation = m.binary()
		if labelled {
			d.collation = "utf8mb4_bin"
		}
	}
	return d
}

// isOurs tells whether a field has a charset as servers of this family name them.
func isOurs(charset string) bool { return charset != "" && charset == strings.ToLower(charset) }

// known is a collation under the name that this server has for it; "": it has none. utf8mb3 was called utf8.
func (m *maker) known(collation string) string {
	for _, c := range []string{collation, strings.Replace(collation, "utf8_", "utf8mb3_", 1), strings.Replace(collation, "utf8mb3_", "utf8_", 1)} {
		if m.collations[c] != "" {
			return c
		}
	}
	return ""
}

// fromNative reads the type text of a source: false, when it is none of this server.
func (m *maker) fromNative(text, charset string) (typeText, bool) {
	end := strings.IndexAny(text, "( ")
	if end < 0 {
		end = len(text)
	}
	t := parseType(text[:end], text)
	if t.name == "geomcollection" {
		t.name = "geometrycollection"
	}
	if t.name == "year" {
		t.numbers = nil // YEAR(4) is the only one
	}
	at := slices.IndexFunc(types, func(r typeRow) bool { return r.name == t.name })
	if at < 0 || types[at].there != nil && !types[at].there(m.release) {
		return t, false
	}
	t.release = m.release
	switch t.name {
	case "char", "varchar":
		t.chars, t.charset = int64(t.number(0, 1)), charset
	case "binary", "varbinary":
		t.octets = int64(t.number(0, 1))
	case "enum", "set":
		t.charset = charset
	case "tinytext", "text", "mediumtext", "longtext":
		t.octets, t.charset = longest(t.name), charset
	case "tinyblob", "blob", "mediumblob", "longblob":
		t.octets = longest(t.name)
	}
	return t, m.takes(t)
}

// takes reports whether the server has the type with these numbers: another system's type of the same name may have greater ones.
func (m *maker) takes(t typeText) bool {
	switch t.name {
	case "bit":
		n := t.number(0, 1)
		return n >= 1 && n <= 64
	case "decimal":
		precision, scale := t.number(0, 10), t.number(1, 0)
		return precision >= 1 && precision <= widestDecimal && scale <= min(precision, m.mostScale())
	case "time", "datetime", "timestamp":
		return t.number(0, 0) <= mostFraction
	case "char":
		return t.chars <= 255
	case "varchar":
		return t.chars <= mostVarchar || t.charset != "utf8mb4" && t.chars <= longest("text")
	case "binary":
		return t.octets <= 255
	case "varbinary":
		return t.octets <= longest("blob")
	}
	return true
}

// longest is the most bytes of a TEXT or BLOB.
func longest(name string) int64 {
	switch {
	case strings.HasPrefix(name, "tiny"):
		return 1<<8 - 1
	case strings.HasPrefix(name, "medium"):
		return 1<<24 - 1
	case strings.HasPrefix(name, "long"):
		return 1<<32 - 1
	}
	return 1<<16 - 1
}

// alike tells whether two types are one but for what their stores lack.
func alike(a, b record.Type) bool {
	for _, t := range []*record.Type{&a, &b} {
		t.Limits, t.Finite, t.NoMinusZero, t.Charset, t.NoNUL = nil, false, false, "", false
	}
	return reflect.DeepEqual(a, b)
}

// choose returns the type that holds a logical one best.
func (m *maker) choose(t record.Type, d *definition) typeText {
	switch t.Kind {
	case record.Bool:
		return typeText{name: "tinyint", numbers: []int{1}}
	case record.Int, record.Uint:
		return typeText{name: map[int]string{8: "tinyint", 16: "smallint", 24: "mediumint", 32: "int", 64: "bigint"}[t.Bits], unsigned: t.Kind == record.Uint}
	case record.Float:
		return typeText{name: map[int]string{32: "float", 64: "double"}[t.Bits]}
	case record.Decimal:
		return m.decimal(t, d)
	case record.Bytes:
		return bytesType(t)
	case record.Date, record.Year:
		return typeText{name: t.Kind.String()}
	case record.Time, record.Datetime:
		return typeText{name: t.Kind.String(), numbers: fraction(t)}
	case record.Instant:
		out := typeText{name: "timestamp", numbers: fraction(t), release: m.release}
		if last := logical(out).Limits[1]; t.Limits == nil || t.Limits[0] < 1 || t.Limits[1] > last {
			d.lose("only moments from 1970-01-01 00:00:01 to %s: others are dirty (RANGE)", map[int64]string{lastSecond: "2038-01-19 03:14:07", lastSecondWide: "2106-02-07 06:28:15"}[last])
		}
		return out
	case record.UUID:
		if m.release.since(10, 7) {
			return typeText{name: "uuid"}
		}
		d.collation = "ascii_bin"
		return typeText{name: "char", chars: 36, charset: "ascii"}
	case record.JSON, record.List:
		return m.json(t, d)
	case record.Bit:
		if t.Bits >= 1 && t.Bits <= 64 {
			return typeText{name: "bit", numbers: []int{t.Bits}}
		}
		return textType(record.Type{Kind: record.Text, Length: int64(t.Bits)})
	case record.Geometry:
		d.lose("places with a height or a measure, and empty ones, are dirty (SHAPE)")
		return typeText{name: "geometry"}
	case record.Enum, record.Set:
		if out, ok := labels(t); ok {
			return out
		}
		return textType(record.Type{Kind: record.Text})
	case record.Interval:
		return textType(record.Type{Kind: record.Text, Length: 64})
	case record.Document:
		return bytesType(record.Type{Kind: record.Bytes})
	case record.Text:
		return textType(t)
	}
	return textType(record.Type{Kind: record.Text})
}

func fraction(t record.Type) []int {
	if t.Precision == 0 {
		return nil
	}
	return []int{min(t.Precision, mostFraction)}
}

// decimal keeps the digits before the point where not all are held.
func (m *maker) decimal(t record.Type, d *definition) typeText {
	precision, scale := t.Precision, t.Scale
	switch {
	case precision == 0:
		precision, scale = widestDecimal, 30
		d.lose("at most 35 digits before the point and 30 behind it: others are dirty (RANGE, SCALE), and zeros at the end are not counted")
	case scale < 0:
		precision, scale = precision-scale, 0
	case scale > precision:
		precision = scale
	}
	return typeText{name: "decimal", numbers: []int{min(precision, widestDecimal), min(scale, m.mostScale())}}
}

// mostScale is the most digits behind the point.
func (m *maker) mostScale() int {
	if m.release.since(10, 2) {
		return 38
	}
	return 30
}

func (m *maker) json(t record.Type, d *definition) typeText {
	switch {
	case m.release.Maria && t.Kind == record.JSON:
	case m.release.Maria || m.release.oracle(5, 7, 8):
		if !m.release.Maria {
			d.lose("MySQL writes documents anew: the order and repetition of names, blanks, and the form of numbers are not kept")
		}
	default:
		return textType(record.Type{Kind: record.Text})
	}
	return typeText{name: "json"}
}

// labels is an ENUM or SET with the labels, where it can have them all: the server cuts blanks at their ends.
func labels(t record.Type) (typeText, bool) {
	out := typeText{name: t.Kind.String(), labels: t.Labels, charset: "utf8mb4"}
	if len(t.Labels) == 0 || len(t.Labels) > mostLabels || t.Kind == record.Set && len(t.Labels) > mostMembers {
		return out, false
	}
	seen := map[string]bool{}
	for _, l := range t.Labels {
		if seen[l] || strings.HasSuffix(l, " ") || len([]rune(l)) > longestLabel || t.Kind == record.Set && (strings.Contains(l, ",") || l == "") {
			return out, false
		}
		seen[l] = true
	}
	return out, true
}

func textType(t record.Type) typeText {
	const charset = "utf8mb4"
	n := t.Length
	switch {
	case t.Unit == record.Octets && n == longest("tinytext"):
		return typeText{name: "tinytext", octets: n, charset: charset}
	case n > 0 && t.Fixed && n <= 255:
		return typeText{name: "char", chars: n, charset: charset}
	case n > 0 && n <= mostVarchar:
		return typeText{name: "varchar", chars: n, charset: charset}
	}
	if t.Unit != record.Octets {
		n *= widestChar
	}
	for _, name := range []string{"text", "mediumtext"} {
		if n > 0 && n <= longest(name) {
			return typeText{name: name, octets: longest(name), charset: charset}
		}
	}
	return typeText{name: "longtext", octets: longest("longtext"), charset: charset}
}

func bytesType(t record.Type) typeText {
	n := t.Length
	switch {
	case n > 0 && t.Fixed && n <= 255:
		return typeText{name: "binary", octets: n}
	case n == longest("tinyblob"):
		return typeText{name: "tinyblob", octets: n}
	case n > 0 && n <= mostVarbinary:
		return typeText{name: "varbinary", octets: n}
	}
	for _, name := range []string{"blob", "mediumblob"} {
		if n > 0 && n <= longest(name) {
			return typeText{name: name, octets: longest(name)}
		}
	}
	return typeText{name: "longblob", octets: longest("longblob")}
}

// String writes the type as in a definition. Nothing of it is copied: names are those of the table of types, numbers are
// numbers, labels are quoted.
func (t typeText) String() string {
	out := t.name
	switch t.name {
	case "char", "varchar":
		out += "(" + strconv.FormatInt(t.chars, 10) + ")"
	case "binary", "varbinary":
		out += "(" + strconv.FormatInt(t.octets, 10) + ")"
	case "enum", "set":
		quoted := make([]string, len(t.labels))
		for i, l := range t.labels {
			quoted[i] = quoteText(l)
		}
		out += "(" + strings.Join(quoted, ",") + ")"
	default:
		if len(t.numbers) > 0 {
			out += "(" + strings.Trim(strings.ReplaceAll(fmt.Sprint(t.numbers), " ", ","), "[]") + ")"
		}
	}
	if t.unsigned {
		out += " unsigned"
	}
	if t.zerofill {
		out += " zerofill"
	}
	return out
}

// settle fills in what follows from the type.
func (m *maker) settle(d *definition, f *record.Field) {
	t := logical(d.text)
	d.fold = foldOf(d.collation, &t)
	d.fallback = m.fallback(d, f)
	if d.text.name == "char" && !(f.Type.Kind == record.Text && f.Type.Fixed) && f.Type.Kind != record.UUID {
		d.lose("blanks at the end are not kept")
	}
}
