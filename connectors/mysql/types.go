package mysql

import (
	"slices"
	"strconv"
	"strings"

	"github.com/towpath/towpath/record"
)

// typeRow is one row of the type table: a source type, the logical type it becomes, and the source type that a logical type
// becomes. Reading fills in length, precision and labels from the column's own type text.
type typeRow struct {
	name string // DATA_TYPE of information_schema
	read func(t typeText) record.Type
}

// typeText is a column's type as the server writes it: decimal(10,2) unsigned, enum('a','b'), datetime(6).
type typeText struct {
	name     string
	numbers  []int    // decimal(10,2): 10, 2
	labels   []string // enum, set
	unsigned bool
	chars    int64 // CHARACTER_MAXIMUM_LENGTH
	octets   int64 // CHARACTER_OCTET_LENGTH
	uuid     bool
}

func (t typeText) number(i, missing int) int {
	if i < len(t.numbers) {
		return t.numbers[i]
	}
	return missing
}

func integer(bits int) func(typeText) record.Type {
	return func(t typeText) record.Type {
		if t.unsigned {
			return record.Type{Kind: record.Uint, Bits: bits}
		}
		return record.Type{Kind: record.Int, Bits: bits}
	}
}

func float(bits int) func(typeText) record.Type {
	return func(typeText) record.Type { return record.Type{Kind: record.Float, Bits: bits} }
}

func plain(kind record.Kind) func(typeText) record.Type {
	return func(typeText) record.Type { return record.Type{Kind: kind} }
}

func moment(kind record.Kind) func(typeText) record.Type {
	return func(t typeText) record.Type { return record.Type{Kind: kind, Precision: t.number(0, 0)} }
}

func characters(fixed bool) func(typeText) record.Type {
	return func(t typeText) record.Type { return record.Type{Kind: record.Text, Length: t.chars, Fixed: fixed} }
}

// longText counts bytes: TEXT holds 65,535 bytes, whatever the characters.
func longText(t typeText) record.Type {
	return record.Type{Kind: record.Text, Length: t.octets, Unit: record.Octets}
}

func octets(fixed bool) func(typeText) record.Type {
	return func(t typeText) record.Type { return record.Type{Kind: record.Bytes, Length: t.octets, Fixed: fixed} }
}

func labelled(kind record.Kind) func(typeText) record.Type {
	return func(t typeText) record.Type { return record.Type{Kind: kind, Labels: t.labels} }
}

func native(t typeText) record.Type { return record.Type{Kind: record.Native, Name: t.name} }

// types is the one table of source types. What is not in it is read as text under its own name.
var types = []typeRow{
	{"tinyint", integer(8)},
	{"smallint", integer(16)},
	{"mediumint", integer(24)},
	{"int", integer(32)},
	{"bigint", integer(64)},
	{"decimal", func(t typeText) record.Type {
		return record.Type{Kind: record.Decimal, Precision: t.number(0, 10), Scale: t.number(1, 0)}
	}},
	{"float", float(32)},
	{"double", float(64)},
	{"bit", func(t typeText) record.Type { return record.Type{Kind: record.Bit, Bits: t.number(0, 1)} }},
	{"date", plain(record.Date)},
	{"time", moment(record.Time)},
	{"datetime", moment(record.Datetime)},
	{"timestamp", moment(record.Instant)},
	{"year", plain(record.Year)},
	{"char", characters(true)},
	{"varchar", characters(false)},
	{"tinytext", longText},
	{"text", longText},
	{"mediumtext", longText},
	{"longtext", longText},
	{"binary", octets(true)},
	{"varbinary", octets(false)},
	{"tinyblob", octets(false)},
	{"blob", octets(false)},
	{"mediumblob", octets(false)},
	{"longblob", octets(false)},
	{"vector", func(typeText) record.Type { return record.Type{Kind: record.Bytes} }},
	{"enum", labelled(record.Enum)},
	{"set", labelled(record.Set)},
	{"json", plain(record.JSON)},
	{"uuid", plain(record.UUID)},
	{"inet4", native},
	{"inet6", native},
	{"geometry", plain(record.Geometry)},
	{"point", plain(record.Geometry)},
	{"linestring", plain(record.Geometry)},
	{"polygon", plain(record.Geometry)},
	{"multipoint", plain(record.Geometry)},
	{"multilinestring", plain(record.Geometry)},
	{"multipolygon", plain(record.Geometry)},
	{"geometrycollection", plain(record.Geometry)},
	{"geomcollection", plain(record.Geometry)},
}

// logical returns the logical type of a column.
func logical(t typeText) record.Type {
	i := slices.IndexFunc(types, func(r typeRow) bool { return r.name == t.name })
	if i < 0 {
		return native(t)
	}
	return types[i].read(t)
}

// parseType reads COLUMN_TYPE.
func parseType(name, text string, chars, octets int64) typeText {
	t := typeText{name: strings.ToLower(name), chars: chars, octets: octets}
	rest := ""
	if open := strings.IndexByte(text, '('); open >= 0 {
		inside := text[open+1:]
		if t.name == "enum" || t.name == "set" {
			t.labels, rest = parseLabels(inside)
		} else {
			inside, rest, _ = strings.Cut(inside, ")")
			for n := range strings.SplitSeq(inside, ",") {
				if x, err := strconv.Atoi(strings.TrimSpace(n)); err == nil {
					t.numbers = append(t.numbers, x)
				}
			}
		}
	} else {
		_, rest, _ = strings.Cut(text, " ")
	}
	words := strings.Fields(strings.ToLower(rest))
	// ZEROFILL implies UNSIGNED; its zeros are a matter of display.
	t.unsigned = slices.Contains(words, "unsigned") || slices.Contains(words, "zerofill")
	return t
}

// parseLabels reads 'a','b”c'); quotes are doubled, and some characters come behind a backslash.
func parseLabels(s string) (labels []string, rest string) {
	for i := 0; i < len(s); {
		if s[i] != '\'' {
			if s[i] == ')' {
				return labels, s[i+1:]
			}
			i++
			continue
		}
		var label []byte
		for i++; i < len(s); i++ {
			c := s[i]
			if c == '\'' {
				if i+1 >= len(s) || s[i+1] != '\'' {
					break
				}
				i++
			} else if c == '\\' && i+1 < len(s) {
				i++
				c = unescape(s[i])
			}
			label = append(label, c)
		}
		labels = append(labels, string(label))
		i++
	}
	return labels, ""
}

func unescape(c byte) byte {
	switch c {
	case '0':
		return 0
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'Z':
		return 26
	}
	return c
}

// mostFraction is how many digits a fraction of seconds has at most.
const mostFraction = 6

// ofDefinition returns the logical type of a result column of which only the protocol's metadata is known: that of an own
// SELECT, sent in utf8mb4.
func ofDefinition(d columnDef) record.Type {
	unsigned := d.Flags&flagUnsigned != 0
	bits := map[byte]int{wireTiny: 8, wireShort: 16, wireInt24: 24, wireLong: 32, wireLongLong: 64}[d.Type]
	fraction := min(int(d.Decimals), mostFraction) // 31 and 39 say that it is known with each value only
	switch {
	case bits > 0:
		return integer(bits)(typeText{unsigned: unsigned})
	case d.Type == wireFloat:
		return float(32)(typeText{})
	case d.Type == wireDouble:
		return float(64)(typeText{})
	case d.Type == wireDecimal:
		return decimalOf(d, unsigned)
	case d.Type == wireYear:
		return record.Type{Kind: record.Year}
	case d.Type == wireBit:
		return record.Type{Kind: record.Bit, Bits: int(max(d.Length, 1))}
	case d.Type == wireDate:
		return record.Type{Kind: record.Date}
	case d.Type == wireTime:
		return record.Type{Kind: record.Time, Precision: fraction}
	case d.Type == wireDatetime:
		return record.Type{Kind: record.Datetime, Precision: fraction}
	case d.Type == wireTimestamp:
		return record.Type{Kind: record.Instant, Precision: fraction}
	case d.Type == wireJSON:
		return record.Type{Kind: record.JSON}
	case d.Type == wireGeometry:
		return record.Type{Kind: record.Geometry}
	case d.Charset == charsetBinary:
		return record.Type{Kind: record.Bytes, Length: int64(d.Length)}
	}
	const widest = 4 // bytes of a character in utf8mb4
	return record.Type{Kind: record.Text, Length: int64(d.Length) / widest}
}

// decimalOf takes precision and scale from the display length, which counts the sign and the point.
func decimalOf(d columnDef, unsigned bool) record.Type {
	precision := int(d.Length)
	if d.Decimals > 0 {
		precision--
	}
	if !unsigned {
		precision--
	}
	return record.Type{Kind: record.Decimal, Precision: min(max(precision, 1, int(d.Decimals)), 65), Scale: int(d.Decimals)}
}
