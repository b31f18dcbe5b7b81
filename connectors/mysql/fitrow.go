package mysql

import (
	"slices"
	"strings"

	"github.com/towpath/towpath/record"
)

// charBytes is the most bytes of a character.
func charBytes(charset string) int {
	switch charset {
	case "utf8mb4", "utf16", "utf16le", "utf32", "gb18030":
		return widestChar
	case "utf8mb3", "utf8", "ujis", "eucjpms":
		return 3
	case "ucs2", "gbk", "big5", "sjis", "cp932", "gb2312", "euckr":
		return 2
	}
	return 1
}

func intBytes(name string) int {
	return map[string]int{"tinyint": 1, "smallint": 2, "mediumint": 3, "int": 4, "bigint": 8}[name]
}

// bytes returns what the type takes of a row and whether that is at most its size (variable); outside: most of it may be elsewhere.
func (t typeText) bytes() (n int, variable bool) {
	switch t.name {
	case "char":
		return int(t.chars) * charBytes(t.charset), charBytes(t.charset) > 1
	case "varchar":
		return int(t.chars)*charBytes(t.charset) + 2, true
	case "binary":
		return int(t.octets), false
	case "varbinary":
		return int(t.octets) + 2, true
	case "decimal":
		return t.number(0, 10)/2 + 2, false
	case "bit":
		return t.number(0, 1)/8 + 1, false
	case "uuid", "inet6":
		return 16, false
	}
	if n := intBytes(t.name); n > 0 {
		return n, false
	}
	if strings.HasSuffix(t.name, "text") || strings.HasSuffix(t.name, "blob") || t.name == "json" || t.name == "geometry" || t.name == "vector" {
		return 12, true
	}
	return 8, false
}

// fitKey shortens texts and bytes of the primary key that an index does not hold whole, or that have no length.
func (m *maker) fitKey(columns []definition, key []int) {
	left, texts := m.keyBytes-2*len(key), 0
	for _, at := range key {
		t := &columns[at].text
		if t.charset != "" && t.name != "enum" && t.name != "set" || strings.HasSuffix(t.name, "binary") || strings.HasSuffix(t.name, "blob") || t.name == "json" || t.name == "geometry" {
			texts++
			continue
		}
		n, _ := t.bytes()
		left -= n
	}
	if texts == 0 {
		return
	}
	for _, at := range key {
		d := &columns[at]
		switch t := &d.text; {
		case t.name == "json" || t.name == "geometry":
			*t = typeText{name: "varchar", charset: "utf8mb4", release: m.release}
			d.collation = m.binary()
			fallthrough
		case t.charset != "" && t.name != "enum" && t.name != "set":
			most := int64(left / texts / charBytes(t.charset))
			if t.chars == 0 || t.chars > most {
				*t = typeText{name: "varchar", chars: most, charset: t.charset, release: m.release}
				d.lose("keys of more than %d characters are dirty (TRUNC)", most)
			}
		case strings.HasSuffix(t.name, "binary"), strings.HasSuffix(t.name, "blob"):
			if most := int64(left / texts); t.octets > most {
				*t = typeText{name: "varbinary", octets: most, release: m.release}
				d.lose("keys of more than %d bytes are dirty (TRUNC)", most)
			}
		}
	}
}

// fitRow turns the longest texts and bytes into such as are kept outside the row, until the row has room for all columns.
func (m *maker) fitRow(columns []definition, want *record.Schema, key []int) {
	fixed := map[string]bool{}
	for _, x := range want.Indexes {
		for _, c := range x.Columns {
			fixed[c.Name] = m.create.Indexes
		}
	}
	for {
		whole, inline, largest, widest := 0, 0, -1, 0
		for i := range columns {
			t := columns[i].text
			n, variable := t.bytes()
			whole += n
			short := n
			if variable && (n > 255 || t.name != "varchar" && t.name != "varbinary" && t.name != "char") {
				short = outsideBytes
			}
			inline += short
			if (t.name == "varchar" || t.name == "varbinary") && !slices.Contains(key, i) && !fixed[columns[i].name] && n > widest {
				largest, widest = i, n
			}
		}
		if largest < 0 || whole <= mostRowBytes && (inline <= mostInlineBytes || widest <= outsideBytes) {
			return
		}
		if whole <= mostRowBytes {
			// Values of more than 255 bytes can be outside as they are: what is too much are many short ones.
			if largest = longestShort(columns, key, fixed); largest < 0 {
				return
			}
		}
		t := &columns[largest].text
		name := "text"
		if t.name == "varbinary" {
			name = "blob"
		}
		*t = typeText{name: name, octets: longest(name), charset: t.charset, release: m.release}
	}
}

// longestShort is the column of the most bytes of those that are always inside the row; -1: none is worth it.
func longestShort(columns []definition, key []int, fixed map[string]bool) int {
	at, most := -1, outsideBytes
	for i := range columns {
		t := columns[i].text
		if n, _ := t.bytes(); (t.name == "varchar" || t.name == "varbinary") && n <= 255 && n > most && !slices.Contains(key, i) && !fixed[columns[i].name] {
			at, most = i, n
		}
	}
	return at
}
