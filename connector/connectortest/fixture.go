package connectortest

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/towpath/towpath/record"
)

// Fixture returns a table with a kind of key and n rows: unevenly spread keys, negative ones included, texts with quotes,
// wildcards and letters of other scripts, NULLs, and, where the key allows them, NULL keys and rows that are there twice.
func Fixture(key Key, n int) Table {
	long, text := record.Type{Kind: record.Int, Bits: 64}, record.Type{Kind: record.Text, Length: 100}
	fields := map[Key][]record.Field{
		IntKey:       {{Name: "id", Type: long, Key: 1}},
		CompositeKey: {{Name: "area", Type: long, Key: 1}, {Name: "code", Type: text, Key: 2}},
		TextKey:      {{Name: "code", Type: text, Key: 1}},
		NullableKey:  {{Name: "id", Type: long, Key: 1, Nullable: true}},
		NoKey:        {{Name: "id", Type: long, Nullable: true}},
	}[key]
	fields = append(fields, record.Field{Name: "amount", Type: long}, record.Field{Name: "note", Type: text, Nullable: true})
	t := Table{Schema: &record.Schema{Fields: fields}}
	for i := range n {
		note := Cell{Text: notes[i%len(notes)]}
		note.Null = i%7 == 3
		if note.Null {
			note.Text = ""
		}
		t.Rows = append(t.Rows, append(keyCells(key, i, n), Cell{Text: strconv.Itoa(i)}, note))
	}
	if key == NoKey && n > 1 {
		t.Rows[n-1] = t.Rows[0]
	}
	return t
}

var notes = [...]string{"", "plain", "it's", `"quoted"`, `back\slash`, "100%_", "tab\tline\nend", "Grüße", "日本語", "🚣", "a,b;c", "NULL", "null"}

func keyCells(key Key, i, n int) Row {
	switch key {
	case CompositeKey: // one area holds most rows
		area := 0
		if i%10 == 9 {
			area = i
		}
		return Texts(strconv.Itoa(area), textKey(i))
	case TextKey:
		return Texts(textKey(i))
	case NullableKey, NoKey:
		if i%5 == 2 {
			return Row{{Null: true}}
		}
	}
	return Texts(strconv.FormatInt(intKey(i, n), 10))
}

// intKey crowds nine tenths of the keys together and spreads the rest to both ends of what int64 holds.
func intKey(i, n int) int64 {
	far := max(n/10, 1)
	switch {
	case i == 0:
		return 0
	case i < n-far:
		return int64(i)
	case i%2 == 0:
		return math.MinInt64 + int64(n-i)*1_000_003
	}
	return math.MaxInt64 - int64(n-i)*1_000_003
}

// textKey returns keys that differ under collations that ignore case and accents too.
func textKey(i int) string {
	prefix := [...]string{"k", "a b", "it's ", `b\`, "c%_", "é", "日本", "Zeta", "-", "~"}[i%10]
	return prefix + fmt.Sprintf("%06d", i)
}

// typesTable is a table with a column of each type and a row for each of the values.
func (s Suite) typesTable() Table {
	t := Table{Schema: &record.Schema{Fields: []record.Field{{Name: "id", Type: record.Type{Kind: record.Int, Bits: 64}, Key: 1}}}}
	var columns [][]string
	rows := 0
	for i, typ := range s.Types {
		name := fmt.Sprintf("c%02d_%s", i, strings.ToLower(typ.Kind.String()))
		t.Schema.Fields = append(t.Schema.Fields, record.Field{Name: name, Type: typ, Nullable: true})
		columns = append(columns, s.Values(typ))
		rows = max(rows, len(columns[i]))
	}
	for r := range rows + 1 {
		row := Texts(strconv.Itoa(r))
		for _, values := range columns {
			if r < len(values) {
				row = append(row, Cell{Text: values[r]})
			} else {
				row = append(row, Cell{Null: true})
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
