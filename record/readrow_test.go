package record_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/record"
)

func TestReadRowJSON(t *testing.T) {
	t.Parallel()
	names := []string{"int64", "uint64", "text", "bytes", "date", "text", "datetime(6)", "decimal(30,4)", "decimal", "float64", "bool", "json", "uuid", "time(3)", "list(int32)", "instant(9)"}
	types := make([]record.Type, len(names))
	for i, name := range names {
		types[i] = typed(t, name)
	}
	b := table(t, types, []string{"-1", "18446744073709551615", "a\"\\\n\x01\x7f<\u2028🦀", "00ff", null, null, "2026-01-02 03:04:05.000001", "12345678901234567890123456.7890", "1e-40",
		"-0", "true", `{"a" : 1.0}`, "00112233-4455-6677-8899-aabbccddeeff", "-800:00:00.001", "[0:1]=[1,null]", "2026-01-02 03:04:05.123456789Z"},
		[]string{"2", null, "", "", "2026-01-02", "x", null, null, null, "NaN", null, null, null, null, null, null})
	b.Marks = []record.Mark{{Row: 0, Col: 4, Code: record.ZeroDate, Raw: []byte("0000-00-00")}, {Row: 0, Col: 5, Code: record.UTF8, Raw: []byte("a\xff")}}
	got := record.NewPool(0)
	again, err := got.Get(t.Context(), b.Schema)
	if err != nil {
		t.Fatal(err)
	}
	for row := range b.Len {
		text := record.AppendRowJSON(nil, b, row, 0)
		if err := record.ReadRowJSON(again, text, nil); err != nil {
			t.Fatal(err)
		}
		if back := record.AppendRowJSON(nil, again, row, 0); string(back) != string(text) {
			t.Errorf("row came back as\n%s, want\n%s", back, text)
		}
	}
	if diff := cmp.Diff(b.Marks, again.Marks); diff != "" {
		t.Error(diff)
	}
}

func TestReadRowJSONMended(t *testing.T) {
	t.Parallel()
	schema := table(t, []record.Type{typed(t, "int32"), typed(t, "text"), typed(t, "date")}, []string{"1", "x", null}).Schema
	schema.Fields[0].Key = 1
	text := func(s string) *string { return &s }
	for name, c := range map[string]struct {
		row    string
		mended map[string]*string
		want   string
		fails  bool
	}{
		"as it was":            {row: `{"a":"1","b":"x","c":null}`, want: `{"a":"1","b":"x","c":null}`},
		"a value":              {`{"a":"1","b":"x","c":{"mark":"ZERODATE","raw":"0000-00-00"}}`, map[string]*string{"c": text("2026-01-02")}, `{"a":"1","b":"x","c":"2026-01-02"}`, false},
		"null":                 {`{"a":"1","b":"x","c":"2026-01-02"}`, map[string]*string{"b": nil}, `{"a":"1","b":null,"c":"2026-01-02"}`, false},
		"a value not fitting":  {`{"a":"1","b":"x","c":null}`, map[string]*string{"a": text("3000000000")}, `{"a":{"mark":"RANGE","raw":"3000000000"},"b":"x","c":null}`, false},
		"only its key is kept": {`{"a":"1"}`, map[string]*string{"b": text("y")}, `{"a":"1","b":"y","c":{"mark":"REJECTED","raw":"no value was kept"}}`, false},
		"not even its key":     {`{"a":null,"b":"x","c":null}`, nil, `{"a":{"mark":"REJECTED","raw":"no value was kept"},"b":"x","c":null}`, false},
		"never a row":          {`"1;x"`, map[string]*string{"a": text("1"), "b": text("x"), "c": nil}, `{"a":"1","b":"x","c":null}`, false},
		"cut":                  {row: `{"a":"1","b":`, fails: true},
		"another form":         {row: `{"a":"1","b":7,"c":null}`, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := record.NewPool(0).Get(t.Context(), schema)
			if err != nil {
				t.Fatal(err)
			}
			if err = record.ReadRowJSON(b, []byte(c.row), c.mended); (err != nil) != c.fails {
				t.Fatalf("error is %v", err)
			}
			if c.fails {
				if b.Len != 0 || b.Cols[0].Len != 0 {
					t.Errorf("half a row stayed: %d cells", b.Cols[0].Len)
				}
				return
			}
			if got := string(record.AppendRowJSON(nil, b, 0, 0)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestDropRowsKeepsRefs(t *testing.T) {
	t.Parallel()
	b := table(t, []record.Type{typed(t, "text")}, []string{"a"}, []string{"b"}, []string{"c"}, []string{strings.Repeat("d", 9)})
	b.Refs = []int64{7, 8, 9, 10}
	record.DropRows([]int{0, 2}, b)
	if diff := cmp.Diff([]int64{8, 10}, b.Refs); diff != "" {
		t.Error(diff)
	}
}
