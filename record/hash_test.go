package record_test

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zeebo/xxh3"

	"github.com/towpath/towpath/record"
)

var update = flag.Bool("update", false, "write the golden files again")

// golden are the types whose canonical form is in testdata/canonical, with values by their text; one file a kind.
var golden = []struct {
	file, typ string
	texts     []string
}{
	{"bool", "bool", []string{"true", "false", null}},
	{"int", "int8", []string{"-128", "0", "127", null}}, {"int", "int64", []string{"-9223372036854775808", "9223372036854775807"}},
	{"uint", "uint64", []string{"0", "18446744073709551615", null}},
	{"float", "float64", []string{"0", "-0", "0.1", "NaN", "-Infinity", "5e-324"}}, {"float", "float32", []string{"0.1", "NaN", "-0", null}},
	{"decimal", "decimal(10,2)", []string{"12.50", "-0.01", null}}, {"decimal", "decimal(38,10)", []string{"-1.5", "1234567890123456789012345678.0123456789"}},
	{"decimal", "decimal(65,30)", []string{"1.5", "-0", "99999999999999999999999999999999999.999999999999999999999999999999"}},
	{"decimal", "decimal", []string{"0.1000", "100", "-1e-20", "0.00"}},
	{"text", "text", []string{"", "a\x00b", "pad  ", "🦀", null}}, {"text", "text(5 fixed)", []string{"ab   ", ""}},
	{"bytes", "bytes", []string{"", "00ff7f00", null}},
	{"date", "date", []string{"1970-01-01", "-0043-03-15", "9999-12-31", null}},
	{"time", "time(6)", []string{"-838:59:59", "24:00:00.000001", null}},
	{"datetime", "datetime(6)", []string{"2026-01-02 03:04:05.123456", "0001-01-01 00:00:00", null}}, {"datetime", "datetime(9)", []string{"1969-12-31 23:59:59.999999999"}},
	{"instant", "instant(6)", []string{"2026-01-02 03:04:05.123456Z", null}}, {"instant", "instant(9)", []string{"2026-01-02 03:04:05.123456789Z"}},
	{"instant", "instant(3 offset)", []string{"2018-07-13 12:23:45.456+11:00"}},
	{"interval", "interval", []string{"P1M1DT25H", "P-1Y2DT-0.5S", null}}, {"year", "year", []string{"0", "2155", null}},
	{"uuid", "uuid", []string{"6f9619ff-8b86-d011-b42d-00c04fc964ff", null}},
	{"json", "json", []string{`{"b":[1,2.50,1e400],"a":{"x":"\u00e4\ud83e\udd80\ud800"},"a":null}`, ` -0.0 `, `[]`, `{}`, `true`, `1e9999999`, null}},
	{"document", "document", []string{"0500000000", "1a00000010620001000000016100000000000000f03f0a630000", "ff"}},
	{"list", "list(int32)", []string{"[]", null, "[1,null,-3]", "[[1,2],[3,4]]", "[0:2]=[1,2,3]"}}, {"list", "list(text)", []string{`["a","",null]`}}, {"list", "list(text(5 fixed))", []string{`["ab  ","ab"]`}},
	{"list", "list(decimal)", []string{"[0.1000,0.1]"}}, {"list", "list(decimal(10,2))", []string{"[12.5]"}}, {"list", "list(json)", []string{`["{\"b\":1.0,\"a\":[]}"]`}}, {"list", "list(float32)", []string{`[0.1,"NaN",-0]`}},
	{"list", "list(instant(3 offset))", []string{`["2018-07-13 12:23:45.456+11:00"]`}}, {"list", "list(bool)", []string{"[true,false]"}}, {"list", "list(list(text(5 fixed)))", []string{`["[\"ab \"]",null]`}},
	{"enum", `enum("a","b")`, []string{"b", null}}, {"set", `set("a","b")`, []string{"b,a", "", null}},
	{"bit", "bit(10)", []string{"1000000011", null}}, {"bit", "bit(70)", []string{strings.Repeat("1", 70)}},
	{"geometry", "geometry", []string{"000010e60101000000", null}}, {"native", "native(inet)", []string{"::1", null}},
}

func TestCanonicalGolden(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for _, g := range golden {
		typ := typed(t, g.typ)
		s := &record.Schema{Fields: []record.Field{{Name: "a", Type: typ}}}
		b := &record.Batch{Schema: s, Len: len(g.texts), Cols: []*record.Vector{column(t, typ, g.texts...)}}
		h := record.NewHasher(s, 1)
		rows := h.Rows(b, nil)
		for i := range rows {
			canonical := h.Canonical(b, i)
			if want := xxh3.Hash128Seed(canonical, 1); rows[i] != (record.Hash{Lo: want.Lo, Hi: want.Hi}) {
				t.Errorf("%s %q: the hash is not that of the canonical bytes", g.typ, g.texts[i])
			}
			name := g.texts[i]
			if name == null {
				name = "NULL"
			}
			files[g.file] += fmt.Sprintf("%s %q %s %016x%016x\n", g.typ, name, hex.EncodeToString(canonical), rows[i].Hi, rows[i].Lo)
		}
	}
	for file, got := range files {
		path := filepath.Join("testdata", "canonical", file+".golden")
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s: the canonical form of version %d changed (-want +got):\n%s", path, record.CanonicalVersion, diff)
		}
	}
}

// Values that have to be one, and values that must not be.
func TestCanonicalEquality(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		typ, a, b string
		same      bool
	}{
		{"json", `{"a":1,"b":2}`, ` { "b" : 2.0 , "a" : 10e-1 } `, true}, {"json", `"\u0061\/"`, `"a/"`, true}, {"json", `1.10`, `1.1`, true},
		{"json", `{"a":1,"a":2}`, `{"a":2,"a":1}`, false}, {"json", `[1,2]`, `[2,1]`, false}, {"json", `"1"`, `1`, false}, {"json", `null`, `"n"`, false},
		{"json", `"\ud800"`, `"\ufffd"`, false}, {"json", `9007199254740993`, `9007199254740992`, false}, {"json", `0`, `-0`, true},
		{"json", `1e99999999999`, `1e99999999998`, false}, {"json", `[[],[1]]`, `[[1],[]]`, false}, {"json", `{"a":{"y":1,"x":2},"A":0}`, `{"A":0,"a":{"x":2,"y":1}}`, true},
		{"list(decimal)", "[1.500,null]", "[1.5,null]", true}, {"list(decimal)", "[1.5]", "[[1.5]]", false}, {"list(text(3 fixed))", `["a "]`, `["a"]`, true}, {"list(text)", `["a "]`, `["a"]`, false},
		{"list(json)", `["{\"a\":1,\"b\":2}"]`, `["{\"b\":2.0,\"a\":1}"]`, true}, {"list(int32)", "[1:2]=[1,2]", "[1,2]", true}, {"list(int32)", "[0:1]=[1,2]", "[1,2]", false}, {"list(int32)", "[null]", "[]", false},
		{"list(int32)", "[[1,2]]", "[[1],[2]]", false}, {"list(float64)", "[-0]", "[0]", false}, {"list(list(decimal))", `["[1.0]"]`, `["[1]"]`, true}, {"list(text)", `["a","b"]`, `["ab"]`, false}, {"list(text)", `[""]`, "[null]", false},
		{"decimal", "1.500", "1.5", true}, {"decimal", "100", "10", false}, {"text", "a ", "a", false}, {"text(3 fixed)", "a ", "a", true},
		{"text", null, "", false}, {"float64", "0", "-0", false}, {"instant(0 offset)", "2026-01-01 01:00:00+01:00", "2026-01-01 00:00:00+00:00", false},
		{"instant(0)", "2026-01-01 01:00:00+01:00", "2026-01-01 00:00:00Z", true},
	} {
		typ := typed(t, tt.typ)
		h := hashes(typ, column(t, typ, tt.a, tt.b))
		if (h[0] == h[1]) != tt.same {
			t.Errorf("%s: %q and %q: same %v, want %v", tt.typ, tt.a, tt.b, h[0] == h[1], tt.same)
		}
	}
}

// Columns cannot run into each other, and marks that stay are part of the row.
func TestRowHashBounds(t *testing.T) {
	t.Parallel()
	types := []record.Type{typed(t, "text"), typed(t, "text")}
	b := table(t, types, []string{"ab", "c"}, []string{"a", "bc"}, []string{null, "x"}, []string{"x", null}, []string{null, "x"}, []string{null, "x"}, []string{null, "x"})
	b.Marks = []record.Mark{{Row: 6, Col: 0, Code: record.ZeroDate, Raw: []byte("0000-00-00 00:00:00.000")}, {Row: 4, Col: 0, Code: record.InfTime, Raw: []byte("infinity")},
		{Row: 5, Col: 0, Code: record.InfTime, Raw: []byte("-infinity")}, {Row: 5, Col: 0, Code: record.InfTime, Raw: []byte("again")}}
	h := record.NewHasher(b.Schema, 0)
	seen := map[record.Hash]int{}
	for i, x := range h.Rows(b, nil) {
		if j, ok := seen[x]; ok {
			t.Errorf("rows %d and %d have one hash", j, i)
		}
		seen[x] = i
	}
	before := h.Rows(b, nil)[6]
	b.Marks[0].Raw = []byte("0000-00-00 00:00:00")
	if h.Rows(b, nil)[6] != before {
		t.Error("zeros at the end of a mark's fraction change the hash")
	}
	if a, b := h.Only([]int{1}).Rows(b, nil)[2], h.Rows(b, nil)[4]; a != b {
		t.Error("the hash of one column depends on others")
	}
}

// Rows are laid out some at a time: each has the hash that it has by itself, whatever its place, in every form and with NULLs in it.
func TestHashesOfManyRows(t *testing.T) {
	t.Parallel()
	for _, g := range golden {
		typ := typed(t, g.typ)
		of := map[string]record.Hash{}
		for _, text := range g.texts {
			of[text] = hashes(typ, column(t, typ, text))[0]
		}
		many := make([]string, 1000)
		for i := range many {
			many[i] = g.texts[i*i%7%len(g.texts)]
		}
		for i, h := range hashes(typ, column(t, typ, many...)) {
			if h != of[many[i]] {
				t.Fatalf("%s: row %d, %q, has another hash than by itself", g.typ, i, many[i])
			}
		}
	}
}

// bench makes a full batch of six columns of numbers and texts.
func bench(t testing.TB) *record.Batch {
	types := []record.Type{typed(t, "int64"), typed(t, "int32"), typed(t, "datetime(6)"), typed(t, "text"), typed(t, "text(40)"), typed(t, "decimal(12,2)")}
	rows := make([][]string, record.MaxRows)
	for i := range rows {
		rows[i] = []string{fmt.Sprint(i), fmt.Sprint(i % 97), "2026-01-02 03:04:05.123456", fmt.Sprintf("name-%d", i), "customer text", "12.50"}
	}
	return table(t, types, rows...)
}

func TestHasherAllocatesNothing(t *testing.T) {
	types := []record.Type{typed(t, "json"), typed(t, "decimal"), typed(t, "text(5 fixed)"), typed(t, "uuid")}
	trees := table(t, types, []string{`{"b":1,"a":[1.5,{"z":1,"y":2}]}`, "1.50", "a ", null}, []string{null, null, null, null})
	trees.Marks = []record.Mark{{Row: 1, Col: 0, Code: record.Range}, {Row: 0, Col: 3, Code: record.Range}}
	for _, b := range []*record.Batch{bench(t), trees} {
		h := record.NewHasher(b.Schema, 3)
		out := h.Rows(b, nil)
		if n := testing.AllocsPerRun(20, func() { out = h.Rows(b, out[:0]) }); n != 0 {
			t.Errorf("%v allocations a batch", n)
		}
	}
}

func BenchmarkHasher(b *testing.B) {
	batch := bench(b)
	h := record.NewHasher(batch.Schema, 3)
	out := h.Rows(batch, nil)
	for b.Loop() {
		out = h.Rows(batch, out[:0])
	}
	b.ReportMetric(float64(b.N)*record.MaxRows/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

func BenchmarkCast(b *testing.B) {
	for _, tt := range []struct{ from, to, text string }{{"int64", "int32", "5"}, {"int64", "text", "12345"}, {"text", "int64", "12345"},
		{"decimal(12,2)", "decimal(30,4)", "12.5"}, {"datetime(6)", "datetime(3)", "2026-01-02 03:04:05"}} {
		b.Run(tt.from+">"+tt.to, func(b *testing.B) {
			c := record.NewCast(typed(b, tt.from), typed(b, tt.to), record.CastOptions{})
			src, dst := column(b, c.From), record.NewVector(c.To.Form())
			for range record.MaxRows {
				record.AppendParsed(src, &c.From, []byte(tt.text))
			}
			for b.Loop() {
				dst.Reset(c.To.Form())
				c.Apply(dst, src, 0, nil)
			}
			b.ReportMetric(float64(b.N)*record.MaxRows/b.Elapsed().Seconds()/1e6, "Mcells/s")
		})
	}
}
