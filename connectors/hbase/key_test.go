package hbase

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

func TestRowKeys(t *testing.T) {
	t.Parallel()
	two := []Part{{Name: "a"}, {Name: "b"}}
	for _, test := range []struct {
		name string
		key  RowKey
		row  string
		want []string // nil: a key that is not made this way
	}{
		{"whole", RowKey{Name: "row"}, "k1", []string{"k1"}},
		{"empty", RowKey{Name: "row"}, "", []string{""}},
		{"salt", RowKey{Name: "row", Salt: 2}, "\x00\xFFk1", []string{"k1"}},
		{"salt alone", RowKey{Name: "row", Salt: 2}, "\x00\xFF", []string{""}},
		{"shorter than its salt", RowKey{Name: "row", Salt: 2}, "\x00", nil},
		{"reversed", RowKey{Name: "row", Reversed: true}, "abc", []string{"cba"}},
		{"salt, reversed", RowKey{Name: "row", Salt: 1, Reversed: true}, "xabc", []string{"cba"}},
		{"separator", RowKey{Parts: two, Separator: "|"}, "x|y", []string{"x", "y"}},
		{"separator in the last part", RowKey{Parts: two, Separator: "|"}, "x|y|z", []string{"x", "y|z"}},
		{"empty parts", RowKey{Parts: two, Separator: "|"}, "|", []string{"", ""}},
		{"no separator", RowKey{Parts: two, Separator: "|"}, "xy", nil},
		{"separator of any bytes", RowKey{Parts: two, Separator: `\x00\x01`}, "x\x00\x00\x01y", []string{"x\x00", "y"}},
		{"width", RowKey{Parts: []Part{{Name: "a", Width: 2}, {Name: "b"}}}, "xxy", []string{"xx", "y"}},
		{"shorter than its width", RowKey{Parts: []Part{{Name: "a", Width: 3}, {Name: "b"}}}, "xx", nil},
		{"more than its widths", RowKey{Parts: []Part{{Name: "a", Width: 1}, {Name: "b", Width: 1}}}, "xyz", nil},
		{"width and separator", RowKey{Parts: []Part{{Name: "a", Width: 1}, {Name: "b"}}, Separator: "-"}, "--y", []string{"-", "y"}},
		{"another byte than the separator", RowKey{Parts: []Part{{Name: "a", Width: 1}, {Name: "b"}}, Separator: "-"}, "x+y", nil},
		{"widths without separators", RowKey{Parts: []Part{{Name: "a"}, {Name: "b", Width: 1}, {Name: "c"}}, Separator: "|", Bare: true}, "x||y|z", []string{"x", "|", "y|z"}},
		{"a separator that is missing", RowKey{Parts: []Part{{Name: "a"}, {Name: "b", Width: 1}}, Separator: "|", Bare: true}, "xy", nil},
		{"width of the encoding", RowKey{Parts: []Part{{Name: "a", Encoding: "int"}, {Name: "b"}}}, "\x00\x00\x00\x01y", []string{"\x00\x00\x00\x01", "y"}},
	} {
		k, err := newRowKey(test.key, "string")
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		var got []string
		for _, part := range k.cut(nil, []byte(test.row)) {
			if part != nil {
				got = append(got, string(part))
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestRowKeysThatAreNone(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		key  RowKey
		want string
	}{
		{RowKey{Name: "row", Encoding: "longer"}, `source.options.row.encoding: unknown encoding "longer"`},
		{RowKey{Parts: []Part{{Name: "a"}, {Name: "b"}}}, `source.options.row.parts.0: nothing tells where part "a" of the row key ends`},
		{RowKey{Parts: []Part{{Name: "a", Width: 3, Encoding: "int"}}}, "source.options.row.parts.0.width: int has 4 bytes, not 3"},
		{RowKey{Parts: []Part{{Name: "a", Width: 1}, {Name: "a"}}}, `source.options.row.parts.1.name: the row key has two parts named "a"`},
		{RowKey{Encoding: "int", Parts: []Part{{Name: "a"}}}, "source.options.row.encoding: a key of parts has an encoding for each of them, none of its own"},
		{RowKey{Parts: []Part{{Name: "a"}, {Name: "b"}}, Separator: `\x0`}, `source.options.row.separator: "\\x0" has a backslash that begins no byte`},
		{RowKey{}, "source.options.row.name: the row key has a part without a name"},
	} {
		if _, err := newRowKey(test.key, "string"); err == nil || err.Error() != test.want || connector.ClassOf(err) != connector.Config {
			t.Errorf("%+v: got %v, want %s", test.key, err, test.want)
		}
	}
}

func TestDecimals(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ written, want string }{
		{"\x00\x00\x00\x02\x01\x00", "2.56"},
		{"\x00\x00\x00\x02\xFF", "-0.01"},
		{"\x00\x00\x00\x00\x00", "0"},
		{"\x00\x00\x00\x03\x00", "0.000"},
		{"\xFF\xFF\xFF\xFE\x05", "500"},
		{"\xFF\xFF\xFF\xFE\x00", "0"},
		{"\x00\x00\x00\x01\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", "236118324143482260684.7"},
		{"\x00\x00\x00\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00", "-2361183241434822606848"},
		{"\x00\x00\x00\x00\x80\x00\x00\x00\x00\x00\x00\x00", "-9223372036854775808"},
		{"\x00\x00\x00\x00", ""},     // no value
		{"\x00\x01\x00\x00\x01", ""}, // 65,536 digits behind the point
		{"\x80\x00\x00\x00\x01", ""}, // 2 billion zeros
	} {
		typ := record.Type{Kind: record.Decimal}
		v := record.NewVector(typ.Form())
		code := putDecimal(new(scratch), &typ, v, []byte(test.written))
		if test.want == "" {
			if code == "" || v.Len != 0 {
				t.Errorf("%x: taken", test.written)
			}
			continue
		}
		if code != "" || string(record.AppendText(nil, &typ, v, 0)) != test.want {
			t.Errorf("%x: got %s %q, want %s", test.written, code, record.AppendText(nil, &typ, v, 0), test.want)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, q := range []string{"", "a", "a:b", `a\b`, "\x00\xFF", "é", `\x41`, " ~"} {
		for _, family := range []string{"", "f", "g"} {
			c := columnName{"f", q}
			if got, ok := parseColumn(c.text(family), family); !ok || got != c {
				t.Errorf("%q under %q: %q is %+v", q, family, c.text(family), got)
			}
		}
	}
	for _, test := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "orders", true}, {"*", "shop:orders", false}, {"*", "hbase:meta", false}, {"", "orders", true}, {"shop:*", "shop:orders", true},
		{"*:orders", "shop:orders", true}, {"*:orders", "orders", true}, {"*:*", "orders", true}, {"*:*", "hbase:meta", false}, {"hbase:*", "hbase:meta", true}, {"default:ord*", "orders", true}, {"ord*s", "orders", true},
	} {
		if got := matches(test.pattern, test.name); got != test.want {
			t.Errorf("%q of %q: got %t", test.pattern, test.name, got)
		}
	}
	for _, name := range []string{"", "a b", "a:b:c", ":a", "a:", "ä"} {
		if got, err := tableName(name); err == nil {
			t.Errorf("%q is table %q", name, got)
		}
	}
}

func TestBorders(t *testing.T) {
	t.Parallel()
	key := func(s string) []byte { return []byte(s) }
	for _, test := range []struct {
		regions []region
		want    bool
	}{
		{nil, false}, {[]region{{}}, true}, {[]region{{nil, key("m")}, {key("m"), nil}}, true}, {[]region{{nil, key("m")}, {key("n"), nil}}, false},
		{[]region{{key("a"), nil}}, false}, {[]region{{nil, key("m")}}, false}, {[]region{{}, {}}, false}, {[]region{{nil, key("m")}, {key("m"), nil}, {key("m"), nil}}, false},
	} {
		if got := meet(test.regions); got != test.want {
			t.Errorf("%q: got %t", test.regions, got)
		}
	}
	for i := 1; i < 4; i++ {
		if got := string(between(key("row\x00"), key("row\x80"), i, 4)); got[:4] != "row"+string([]byte{byte(0x20 * i)}) {
			t.Errorf("%d of 4: %q", i, got)
		}
	}
}

func TestMoments(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]int64{"epoch_s": 9223372036854, "epoch_ms": 9223372036854775, "epoch_us": 9223372036854775807} {
		e, err := encodingOf(name, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int64{0, 1, -1, limit, -limit, limit - 1, math.MaxInt64, math.MinInt64, limit + 1, limit + 125} {
			v := record.NewVector(e.typ.Form())
			code := e.put(new(scratch), &e.typ, v, binary.BigEndian.AppendUint64(nil, uint64(n)))
			fits := n >= -limit && n <= limit
			if (code == "") != fits || fits && (v.Int64[0] < 0) != (n < 0) {
				t.Errorf("%s %d: %q %v", name, n, code, v.Int64)
			}
		}
	}
}

// A block that is cut or changed anywhere is refused or read, but never beyond its end.
func TestCells(t *testing.T) {
	t.Parallel()
	whole := []byte("\x00\x00\x00\x1C" + "\x00\x00\x00\x12\x00\x00\x00\x02" + "\x00\x03row\x01fq" + "\x00\x00\x00\x00\x00\x00\x00\x01\x04" + "vv" + "")
	whole[7] = byte(2 + 3 + 1 + 1 + 1 + 8 + 1)
	whole[3] = 8 + whole[7] + 2
	c, rest, err := cutCell(append(slices.Clone(whole), whole...))
	if err != nil || string(c.row) != "row" || string(c.family) != "f" || string(c.qualifier) != "q" || string(c.value) != "vv" || len(rest) != len(whole) {
		t.Fatalf("got %+v %q, %v", c, rest, err)
	}
	for n := range len(whole) {
		if _, _, err := cutCell(whole[:n]); err == nil {
			t.Errorf("the first %d of %d bytes are a cell", n, len(whole))
		}
	}
	for at := range 16 {
		for value := range 256 {
			spoilt := slices.Clone(whole)
			spoilt[at] = byte(value)
			_, _, _ = cutCell(spoilt) // must not panic
		}
	}
}

// Options that have no meaning beside others are refused.
func TestOptionsWithoutMeaning(t *testing.T) {
	t.Parallel()
	list := []Column{{Column: "f:a"}}
	for want, change := range map[string]func(o *ReadOptions){
		"columns has no meaning where each cell is a row of its own":        func(o *ReadOptions) { o.Cells, o.Columns = true, list },
		"family has no meaning where each cell is a row of its own":         func(o *ReadOptions) { o.Cells, o.Family = true, "f" },
		"rest has no meaning where each cell is a row of its own":           func(o *ReadOptions) { o.Cells, o.Rest = true, "others" },
		"skip_empty has no meaning where each cell is a row of its own":     func(o *ReadOptions) { o.Cells, o.SkipEmpty = true, true },
		"timestamp has no meaning where the newest versions alone are read": func(o *ReadOptions) { o.Timestamp = "at" },
		"row.bare_widths has no meaning for a key of one part":              func(o *ReadOptions) { o.Row.Bare = true },
	} {
		o := defaultReading()
		if err := o.check(); err != nil {
			t.Fatal(err)
		}
		change(&o)
		name, _, _ := strings.Cut(want, " ")
		if err := o.check(); err == nil || err.Error() != "source.options."+name+": "+want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	o := defaultReading()
	o.Cells, o.Family, o.Filter = true, "f", []Condition{{Column: "a", Is: "there"}}
	if err := o.check(); err != nil {
		t.Errorf("family of a condition: %v", err)
	}
}
