package postgres

import (
	"slices"
	"strings"

	"github.com/towpath/towpath/record"
)

// Numbers of the server's own types, which are the same everywhere:
// https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_type.dat
const (
	oidBool        = 16
	oidBytea       = 17
	oidChar        = 18
	oidName        = 19
	oidInt8        = 20
	oidInt2        = 21
	oidInt4        = 23
	oidText        = 25
	oidOID         = 26
	oidJSON        = 114
	oidXML         = 142
	oidFloat4      = 700
	oidFloat8      = 701
	oidMoney       = 790
	oidInt4s       = 1007
	oidOIDs        = 1028
	oidBpchar      = 1042
	oidVarchar     = 1043
	oidDate        = 1082
	oidTime        = 1083
	oidTimestamp   = 1114
	oidTimestamptz = 1184
	oidInterval    = 1186
	oidBit         = 1560
	oidVarbit      = 1562
	oidNumeric     = 1700
	oidUUID        = 2950
	oidJSONB       = 3802
)

// typeRow is one row of the type table: a type of the server and the logical type that it becomes. What is not in the table is read
// as text under its own name.
type typeRow struct {
	oid  uint32 // 0: of an extension
	name string // as the server writes it, without length and digits
	read func(m typeMod) record.Type
}

// typeMod is what a column says of its type beside the name.
type typeMod struct {
	mod        int32 // atttypmod; -1: none
	moneyScale int   // digits behind the point of money, by lc_monetary
}

func fixedType(t record.Type) func(typeMod) record.Type {
	return func(typeMod) record.Type { return t }
}

// unbounded is the greatest fraction that the server's times have, and what they have when nothing is said.
const mostFraction = 6

func moment(kind record.Kind, limits *[2]int64) func(typeMod) record.Type {
	return func(m typeMod) record.Type {
		t := record.Type{Kind: kind, Precision: mostFraction, Limits: limits}
		if m.mod >= 0 && m.mod < mostFraction {
			t.Precision = int(m.mod)
		}
		return t
	}
}

// What the server's dates and times can hold: 4714-11-24 BC to 5874897-12-31, and to 294276-12-31 23:59:59. Datetimes in µs since 1970
// end earlier, in 294247.
var (
	dateLimits   = &[2]int64{-2440588, 2145042905}
	momentLimits = &[2]int64{-210866803200, 9223372036854}
	timeLimits   = &[2]int64{0, 86_400_000_000_000}
)

// text is a type of characters. Its mod is the length and four.
func characters(fixed bool) func(typeMod) record.Type {
	return func(m typeMod) record.Type {
		t := record.Type{Kind: record.Text, NoNUL: true}
		if m.mod >= 4 {
			t.Length, t.Fixed = int64(m.mod-4), fixed
		}
		return t
	}
}

// numeric reads precision and scale. From PostgreSQL 15 on the scale may be negative, which makes the last digits zeros, or greater
// than the precision, which makes the first ones zeros; all those digits count here.
func numeric(m typeMod) record.Type {
	if m.mod < 4 {
		return record.Type{Kind: record.Decimal}
	}
	precision := int((m.mod - 4) >> 16 & 0xFFFF)
	scale := int((m.mod-4)&0x7FF^1024) - 1024
	switch {
	case scale < 0:
		return record.Type{Kind: record.Decimal, Precision: precision - scale}
	case scale > precision:
		return record.Type{Kind: record.Decimal, Precision: scale, Scale: scale}
	}
	return record.Type{Kind: record.Decimal, Precision: precision, Scale: scale}
}

func bitString(m typeMod) record.Type {
	if m.mod < 1 {
		return record.Type{Kind: record.Native, Name: "bit varying"} // of an expression: each value has its length
	}
	return record.Type{Kind: record.Bit, Bits: int(m.mod)}
}

// nameBytes is the most bytes of a name; a server that was built otherwise has another number.
const nameBytes = 63

// typeTable is the one table of types.
func typeTable() []typeRow {
	return []typeRow{
		{oidBool, "boolean", fixedType(record.Type{Kind: record.Bool})},
		{oidInt2, "smallint", fixedType(record.Type{Kind: record.Int, Bits: 16})},
		{oidInt4, "integer", fixedType(record.Type{Kind: record.Int, Bits: 32})},
		{oidInt8, "bigint", fixedType(record.Type{Kind: record.Int, Bits: 64})},
		{oidOID, "oid", fixedType(record.Type{Kind: record.Uint, Bits: 32})},
		{oidFloat4, "real", fixedType(record.Type{Kind: record.Float, Bits: 32})},
		{oidFloat8, "double precision", fixedType(record.Type{Kind: record.Float, Bits: 64})},
		{oidNumeric, "numeric", numeric},
		{oidMoney, "money", func(m typeMod) record.Type {
			return record.Type{Kind: record.Decimal, Precision: 19, Scale: m.moneyScale}
		}},
		{oidText, "text", characters(false)},
		{oidVarchar, "character varying", characters(false)},
		{oidBpchar, "character", characters(true)},
		{oidName, "name", fixedType(record.Type{Kind: record.Text, Length: nameBytes, Unit: record.Octets, NoNUL: true})},
		{0, "citext", characters(false)},
		{oidBytea, "bytea", fixedType(record.Type{Kind: record.Bytes})},
		{oidDate, "date", fixedType(record.Type{Kind: record.Date, Limits: dateLimits})},
		{oidTime, "time without time zone", moment(record.Time, timeLimits)},
		{oidTimestamp, "timestamp without time zone", moment(record.Datetime, momentLimits)},
		{oidTimestamptz, "timestamp with time zone", moment(record.Instant, momentLimits)},
		{oidInterval, "interval", fixedType(record.Type{Kind: record.Interval})},
		{oidUUID, "uuid", fixedType(record.Type{Kind: record.UUID})},
		{oidJSON, "json", fixedType(record.Type{Kind: record.JSON})},
		{oidJSONB, "jsonb", fixedType(record.Type{Kind: record.JSON, NoNUL: true})},
		{oidBit, "bit", bitString},
		{oidVarbit, "bit varying", fixedType(record.Type{Kind: record.Native, Name: "bit varying"})},
		{0, "geometry", fixedType(record.Type{Kind: record.Geometry})},
		{0, "geography", fixedType(record.Type{Kind: record.Geometry})},
	}
}

// typeInfo is what the catalog says of a type.
type typeInfo struct {
	oid       uint32
	name      string    // of the catalog: int4, citext
	extension string    // that it belongs to
	elem      *typeInfo // of an array; a domain is its base type
	item      uint32    // number of the elements' own type, the domain's
	labels    []string  // of an enum
	binary    bool      // values can be sent and received in their binary form
	separator byte      // between elements in the text of an array
	row       *typeRow  // nil: no logical type
}

// logical returns the logical type of values of the type; text is how the server writes it with length and digits.
func (i *typeInfo) logical(m typeMod, text string) record.Type {
	switch {
	case i.elem != nil && i.elem.elem == nil:
		elem := i.elem.logical(m, strings.TrimSuffix(text, "[]"))
		return record.Type{Kind: record.List, Elem: &elem}
	case i.labels != nil:
		return record.Type{Kind: record.Enum, Labels: i.labels}
	case i.row != nil:
		return i.row.read(m)
	}
	return record.Type{Kind: record.Native, Name: text}
}

// extensions are those whose types have a row in the table.
func extensionOf(name string) string {
	if name == "citext" {
		return "citext"
	}
	return "postgis"
}

// rowOf returns the row of a type; nil: it has none. A type of an extension is known by name and extension.
func rowOf(table []typeRow, oid uint32, name, extension string) *typeRow {
	at := slices.IndexFunc(table, func(r typeRow) bool {
		if r.oid == 0 {
			return r.name == name && extension == extensionOf(name)
		}
		return r.oid == oid
	})
	if at < 0 {
		return nil
	}
	return &table[at]
}
