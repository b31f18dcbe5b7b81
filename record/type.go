package record

import (
	"fmt"
	"strconv"
	"strings"
)

// Kind is the family of a logical type.
type Kind uint8

// The logical types of docs/reference/types.md.
const (
	Invalid  Kind = iota
	Bool          // true, false
	Int           // Bits 8, 16, 24, 32, 64
	Uint          // Bits 8, 16, 24, 32, 64
	Float         // Bits 32, 64; NaN, infinities and −0 are values
	Decimal       // Precision digits, Scale of them fractional; Precision 0: unbounded, the scale belongs to the value
	Text          // valid UTF-8; Length in Unit; Fixed for CHAR
	Bytes         // Length in bytes; Fixed for BINARY
	Date          // days since 1970-01-01, proleptic Gregorian
	Time          // ns, signed, may pass 24 h; Precision fractional digits
	Datetime      // wall clock without a zone; Precision fractional digits
	Instant       // a point in time, UTC; Precision fractional digits
	Interval      // months, days, µs apart
	Year          // 0, 1901 to 2155
	UUID          // 16 bytes in RFC 9562 order
	JSON          // exact text
	Document      // BSON bytes
	List          // Elem
	Enum          // the label
	Set           // labels in declaration order, joined by commas
	Bit           // Bits long, most significant first
	Geometry      // SRID (uint32, big-endian), then WKB
	Native        // text form of a type without a logical type; Name is the source's
)

// Unit is what the Length of a text counts.
type Unit uint8

// Units of text length.
const (
	Chars Unit = iota // Unicode code points
	Octets
	UTF16
)

// Type is a logical type with its parameters; a parameter that a kind does not have is zero.
type Type struct {
	Kind      Kind     `json:"kind"`
	Bits      int      `json:"bits,omitempty"`
	Precision int      `json:"precision,omitempty"`
	Scale     int      `json:"scale,omitempty"`
	Length    int64    `json:"length,omitempty"` // most; 0: unbounded
	Unit      Unit     `json:"unit,omitempty"`
	Fixed     bool     `json:"fixed,omitempty"`
	Offset    bool     `json:"offset,omitempty"` // Instant that keeps its own UTC offset
	Labels    []string `json:"labels,omitempty"`
	Elem      *Type    `json:"elem,omitempty"`
	Name      string   `json:"name,omitempty"`
	// NoNUL is of a Text, Enum, Set, Native or JSON of a store that holds no U+0000; a JSON then has neither the escape \u0000 nor
	// half a surrogate pair.
	NoNUL  bool `json:"no_nul,omitempty"`
	Finite bool `json:"finite,omitempty"` // Float of a store without NaN and infinities
	// NoMinusZero is of a Float of a store in which −0 becomes 0. Casts and parsers make it so before the value is hashed.
	NoMinusZero bool `json:"no_minus_zero,omitempty"`
	// Charset is of a Text, Enum, Set or Native of a store that holds a part of Unicode: "ascii"; "latin1", which is Windows-1252
	// with U+0081, U+008D, U+008F, U+0090 and U+009D in its holes; "bmp", all up to U+FFFF. Any other name holds ASCII alone.
	Charset string `json:"charset,omitempty"`
	// Limits are the least and the greatest value of a store that holds less than its logical type: days of a Date, ns of a
	// Time, seconds of a Datetime or Instant. nil: none.
	Limits *[2]int64 `json:"limits,omitempty"`
}

var kindNames = [...]string{"invalid", "bool", "int", "uint", "float", "decimal", "text", "bytes", "date", "time", "datetime",
	"instant", "interval", "year", "uuid", "json", "document", "list", "enum", "set", "bit", "geometry", "native"}

// String returns the kind's name, as in docs and plans.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "kind(" + strconv.Itoa(int(k)) + ")"
}

// MarshalText writes the kind by its name.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads the kind by its name.
func (k *Kind) UnmarshalText(b []byte) error {
	for i, name := range kindNames {
		if i > 0 && name == string(b) {
			*k = Kind(i)
			return nil
		}
	}
	return fmt.Errorf("unknown logical type %q", b)
}

// Form returns the vector that carries the type.
func (t Type) Form() Form {
	switch t.Kind {
	case Bool:
		return FormBool
	case Int, Date, Time, Year:
		return FormInt64
	case Uint:
		return FormUint64
	case Float:
		return FormFloat64
	case Decimal:
		switch {
		case t.Precision >= 1 && t.Precision <= 18:
			return FormInt64
		case t.Precision >= 19 && t.Precision <= 38:
			return FormInt128
		}
		return FormBytes
	case Datetime, Instant:
		if t.Precision > 6 || t.Offset {
			return FormFixed16
		}
		return FormInt64
	case Interval, UUID:
		return FormFixed16
	case Bit:
		if t.Bits <= 64 {
			return FormUint64
		}
		return FormBytes
	default:
		return FormBytes
	}
}

// String writes the type as jobs and plans name it: int64, decimal(12,2), text(40), datetime(6), list(int32).
func (t Type) String() string {
	name := t.Kind.String()
	switch t.Kind {
	case Int, Uint, Float:
		return name + strconv.Itoa(t.Bits)
	case Decimal:
		if t.Precision == 0 {
			return name
		}
		return fmt.Sprintf("%s(%d,%d)", name, t.Precision, t.Scale)
	case Text, Bytes:
		if t.Length == 0 {
			return name
		}
		unit := ""
		if t.Kind == Text {
			unit = [...]string{"", " bytes", " utf16"}[t.Unit]
		}
		fixed := ""
		if t.Fixed {
			fixed = " fixed"
		}
		return fmt.Sprintf("%s(%d%s%s)", name, t.Length, unit, fixed)
	case Time, Datetime, Instant:
		if t.Offset {
			return fmt.Sprintf("%s(%d offset)", name, t.Precision)
		}
		return fmt.Sprintf("%s(%d)", name, t.Precision)
	case Bit:
		return fmt.Sprintf("%s(%d)", name, t.Bits)
	case List:
		if t.Elem != nil {
			return name + "(" + t.Elem.String() + ")"
		}
	case Enum, Set:
		quoted := make([]string, len(t.Labels))
		for i, label := range t.Labels {
			quoted[i] = strconv.Quote(label)
		}
		return name + "(" + strings.Join(quoted, ",") + ")"
	case Native:
		return name + "(" + t.Name + ")"
	}
	return name
}
