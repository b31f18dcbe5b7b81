package mysql

import (
	"slices"
	"strconv"
	"strings"

	"github.com/towpath/towpath/record"
)

// typeRow is one row of the type table: a type of the server, and the logical type that is exactly what its columns hold. Lengths,
// precision and labels are those of the column's own type text.
type typeRow struct {
	name string // DATA_TYPE of information_schema
	read func(t typeText) record.Type
	// there tells whether a release has the type; nil: all have.
	there func(r release) bool
}

// typeText is a column's type as the server writes it: decimal(10,2) unsigned, enum('a','b'), datetime(6).
type typeText struct {
	name     string
	numbers  []int    // decimal(10,2): 10, 2
	labels   []string // enum, set
	unsigned bool
	zerofill bool
	chars    int64  // CHARACTER_MAXIMUM_LENGTH
	octets   int64  // CHARACTER_OCTET_LENGTH
	charset  string // of text
	release  release
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
	return func(t typeText) record.Type {
		return record.Type{Kind: record.Float, Bits: bits, Finite: true, NoMinusZero: t.release.Maria}
	}
}

func plain(kind record.Kind) func(typeText) record.Type {
	return func(typeText) record.Type { return record.Type{Kind: kind} }
}

// The least and the greatest moments: 0000-01-01 to 9999-12-31, and for TIMESTAMP what seconds of 31 or 32 bits hold behind
// zero, which stands for the zero date.
const (
	firstDay, lastDay = -719528, 2932896
	lastSecond        = 1<<31 - 1
	lastSecondWide    = 1<<32 - 1 // MariaDB from 11.5 on, https://mariadb.com/kb/en/timestamp/
	longestTime       = (838*3600 + 59*60 + 59) * 1_000_000_000
)

func date(typeText) record.Type {
	return record.Type{Kind: record.Date, Limits: &[2]int64{firstDay, lastDay}}
}

func datetime(t typeText) record.Type {
	return record.Type{Kind: record.Datetime, Precision: t.number(0, 0), Limits: &[2]int64{firstDay * secondsOfDay, (lastDay+1)*secondsOfDay - 1}}
}

func timestamp(t typeText) record.Type {
	last := int64(lastSecond)
	if t.release.since(11, 5) {
		last = lastSecondWide
	}
	return record.Type{Kind: record.Instant, Precision: t.number(0, 0), Limits: &[2]int64{1, last}}
}

// clockTime is −838:59:59 to 838:59:59; only MariaDB has fractions of the last second.
func clockTime(t typeText) record.Type {
	longest := int64(longestTime)
	if t.release.Maria {
		longest += 999_999_000
	}
	return record.Type{Kind: record.Time, Precision: t.number(0, 0), Limits: &[2]int64{-longest, longest}}
}

// repertoire names the part of Unicode that a charset holds: "" stands for all of it, and for the charsets of which the server
// alone knows what they hold.
func repertoire(charset string) string {
	switch charset {
	case "ascii", "latin1":
		return charset
	case "utf8mb3", "utf8", "ucs2":
		return "bmp"
	}
	return ""
}

func characters(fixed bool) func(typeText) record.Type {
	return func(t typeText) record.Type {
		return record.Type{Kind: record.Text, Length: t.chars, Fixed: fixed, Charset: repertoire(t.charset)}
	}
}

// longText counts bytes of its charset: TEXT holds 65,535 of them, whatever the characters. Those of UTF-8 are counted here too; in
// others a character has at least one.
func longText(t typeText) record.Type {
	out := record.Type{Kind: record.Text, Length: t.octets, Unit: record.Octets, Charset: repertoire(t.charset)}
	if !sentAsUTF8(t.charset) {
		out.Unit = record.Chars
	}
	return out
}

func octets(fixed bool) func(typeText) record.Type {
	return func(t typeText) record.Type { return record.Type{Kind: record.Bytes, Length: t.octets, Fixed: fixed} }
}

func labelled(kind record.Kind) func(typeText) record.Type {
	return func(t typeText) record.Type {
		return record.Type{Kind: kind, Labels: t.labels, Charset: repertoire(t.charset)}
	}
}

func native(t typeText) record.Type { return record.Type{Kind: record.Native, Name: t.name} }

func from(major, minor int) func(release) bool {
	return func(r release) bool { return r.since(major, minor) }
}

// types is the one table of the server's types. What is not in it is read as text under its own name, and not made.
var types = []typeRow{
	{name: "tinyint", read: integer(8)},
	{name: "smallint", read: integer(16)},
	{name: "mediumint", read: integer(24)},
	{name: "int", read: integer(32)},
	{name: "bigint", read: integer(64)},
	{name: "decimal", read: func(t typeText) record.Type {
		return record.Type{Kind: record.Decimal, Precision: t.number(0, 10), Scale: t.number(1, 0)}
	}},
	{name: "float", read: float(32)},
	{name: "double", read: float(64)},
	{name: "bit", read: func(t typeText) record.Type { return record.Type{Kind: record.Bit, Bits: t.number(0, 1)} }},
	{name: "date", read: date},
	{name: "time", read: clockTime},
	{name: "datetime", read: datetime},
	{name: "timestamp", read: timestamp},
	{name: "year", read: plain(record.Year)},
	{name: "char", read: characters(true)},
	{name: "varchar", read: characters(false)},
	{name: "tinytext", read: longText},
	{name: "text", read: longText},
	{name: "mediumtext", read: longText},
	{name: "longtext", read: longText},
	{name: "binary", read: octets(true)},
	{name: "varbinary", read: octets(false)},
	{name: "tinyblob", read: octets(false)},
	{name: "blob", read: octets(false)},
	{name: "mediumblob", read: octets(false)},
	{name: "longblob", read: octets(false)},
	{name: "vector", read: func(typeText) record.Type { return record.Type{Kind: record.Bytes} }, there: from(11, 7)},
	{name: "enum", read: labelled(record.Enum)},
	{name: "set", read: labelled(record.Set)},
	{name: "json", read: plain(record.JSON), there: func(r release) bool { return r.Maria || r.oracle(5, 7, 8) }},
	{name: "uuid", read: plain(record.UUID), there: from(10, 7)},
	{name: "inet4", read: native, there: from(10, 10)},
	{name: "inet6", read: native, there: from(10, 5)},
	{name: "geometry", read: plain(record.Geometry)},
	{name: "point", read: plain(record.Geometry)},
	{name: "linestring", read: plain(record.Geometry)},
	{name: "polygon", read: plain(record.Geometry)},
	{name: "multipoint", read: plain(record.Geometry)},
	{name: "multilinestring", read: plain(record.Geometry)},
	{name: "multipolygon", read: plain(record.Geometry)},
	{name: "geometrycollection", read: plain(record.Geometry)},
	{name: "geomcollection", read: plain(record.Geometry), there: func(r release) bool { return r.oracle(8, 0, 0) }},
}

// logical returns the logical type of a column.
func logical(t typeText) record.Type {
	i := slices.IndexFunc(types, func(r typeRow) bool { return r.name == t.name })
	if i < 0 {
		return native(t)
	}
	return types[i].read(t)
}

// parseType reads COLUMN_TYPE of a column whose DATA_TYPE is name.
func parseType(name, text string) typeText {
	t := typeText{name: strings.ToLower(name)}
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
	t.zerofill = slices.Contains(words, "zerofill")
	t.unsigned = t.zerofill || slices.Contains(words, "unsigned")
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
		return date(typeText{})
	case d.Type == wireTime:
		return record.Type{Kind: record.Time, Precision: fraction}
	case d.Type == wireDatetime:
		return datetime(typeText{numbers: []int{fraction}})
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
