package transform_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/internal/transform"
	"github.com/towpath/towpath/record"
)

func field(name string, t record.Type) record.Field {
	return record.Field{Name: name, Type: t, Nullable: true}
}

var (
	int64Type = record.Type{Kind: record.Int, Bits: 64}
	int8Type  = record.Type{Kind: record.Int, Bits: 8}
	textType  = record.Type{Kind: record.Text}
)

func schema(fields ...record.Field) *record.Schema { return &record.Schema{Fields: fields} }

// batch makes a batch of rows given as texts; "NULL" is NULL, "mark CODE raw" a mark.
func batch(t *testing.T, pool *record.Pool, s *record.Schema, rows ...[]string) *record.Batch {
	t.Helper()
	b, err := pool.Get(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		for i, text := range row {
			v := b.Cols[i]
			if code, found := strings.CutPrefix(text, "mark "); found {
				name, raw, _ := strings.Cut(code, " ")
				b.MarkNull(i, record.Code(name), []byte(raw))
			} else if text == "NULL" {
				v.AppendNull()
			} else if code := record.AppendParsed(v, &s.Fields[i].Type, []byte(text)); code != "" {
				t.Fatalf("%q is not a %s: %s", text, s.Fields[i].Type, code)
			}
		}
		b.Len++
	}
	return b
}

// keeping is the schema with every column keeping marks of a code.
func keeping(s *record.Schema, code record.Code) *record.Schema {
	out := *s
	out.Fields = slices.Clone(s.Fields)
	for i := range out.Fields {
		out.Fields[i].Keeps = []record.Code{code}
	}
	return &out
}

func TestApply(t *testing.T) {
	t.Parallel()
	read := schema(field("id", int64Type), field("name", textType))
	for name, c := range map[string]struct {
		stored  *record.Schema
		columns []transform.Column
		options transform.Options
		rows    [][]string
		want    string // rows as stored
		dirty   string // row, column and code of what stays marked
	}{
		"as it is": {stored: read, columns: []transform.Column{{From: 0, Want: int64Type}, {From: 1, Want: textType}},
			rows: [][]string{{"1", "a"}, {"2", "NULL"}}, want: `("1", "a")("2", NULL)`},
		"other order, twice": {stored: schema(field("n", textType), field("m", textType), field("id", int64Type)),
			columns: []transform.Column{{From: 1, Want: textType}, {From: 1, Want: textType}, {From: 0, Want: int64Type}},
			rows:    [][]string{{"1", "a"}}, want: `("a", "a", "1")`},
		"two casts": {stored: schema(field("id", textType)), columns: []transform.Column{{From: 0, Want: int8Type}},
			rows: [][]string{{"127", "x"}, {"128", "y"}}, want: `("127")(NULL)`, dirty: "1.0 RANGE 128"},
		"a policy of the job": {stored: schema(field("id", int8Type)), columns: []transform.Column{{From: 0, Want: int8Type, Policies: record.Policies{record.Range: "clamp"}}},
			rows: [][]string{{"-1000", "x"}}, want: `("-128")`},
		"a mark of the reader": {stored: read, columns: []transform.Column{{From: 0, Want: int64Type}, {From: 1, Want: textType}},
			rows: [][]string{{"1", "mark UTF8 a\xff"}, {"2", "b"}}, want: `("1", "mark UTF8 a\xff")("2", "b")`, dirty: "0.1 UTF8 a\xff"},
		"a mark that the job settles": {stored: read,
			columns: []transform.Column{{From: 0, Want: int64Type}, {From: 1, Want: textType, Policies: record.Policies{record.UTF8: "null"}}},
			rows:    [][]string{{"1", "mark UTF8 a\xff"}}, want: `("1", NULL)`},
		"a mark that the target keeps": {stored: keeping(read, record.InfTime), columns: []transform.Column{{From: 0, Want: int64Type}, {From: 1, Want: textType}},
			rows: [][]string{{"1", "mark INFTIME infinity"}}, want: `("1", "mark INFTIME infinity")`},
		"NULL in the key": {stored: read, columns: []transform.Column{{From: 0, Want: int64Type}, {From: 1, Want: textType}},
			options: transform.Options{Key: []string{"id"}},
			rows:    [][]string{{"NULL", "a"}, {"2", "b"}}, want: `("mark KEYNULL ", "a")("2", "b")`, dirty: "0.0 KEYNULL "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := record.NewPool(0)
			in := batch(t, pool, read, c.rows...)
			out, dirty := transform.New(read, c.stored, c.columns, c.options).Apply(pool, in)
			var got, marks strings.Builder
			for _, row := range connectortest.Rows(out) {
				got.WriteString(row.String())
			}
			for _, m := range dirty {
				marks.WriteString(string('0'+rune(m.Row)) + "." + string('0'+rune(m.Col)) + " " + string(m.Code) + " " + string(m.Raw))
			}
			if len(dirty) == 0 && got.String() != c.want {
				t.Errorf("rows are %s, want %s", got.String(), c.want)
			}
			if marks.String() != c.dirty {
				t.Errorf("dirty is %q, want %q", marks.String(), c.dirty)
			}
			out.Release()
			in.Release()
			if used := pool.Used(); used != 0 {
				t.Errorf("%d bytes of the pool are still in use", used)
			}
		})
	}
}

// TestPoliciesLeaveTheRowAsRead checks that settling a mark in the row as stored does not change the row as read, which a dirty
// row is kept from.
func TestPoliciesLeaveTheRowAsRead(t *testing.T) {
	t.Parallel()
	read := schema(field("id", int64Type), field("name", textType))
	pool := record.NewPool(0)
	in := batch(t, pool, read, []string{"1", "mark UTF8 a\xff"}, []string{"2", "b"})
	stage := transform.New(read, read, []transform.Column{{From: 0, Want: int64Type}, {From: 1, Want: textType, Policies: record.Policies{record.UTF8: "replace"}}}, transform.Options{})
	out, dirty := stage.Apply(pool, in)
	if len(dirty) != 0 || string(out.Cols[1].Bytes(0)) != "a\uFFFD" {
		t.Errorf("stored %q, dirty %v", out.Cols[1].Bytes(0), dirty)
	}
	if !in.Cols[1].Null(0) || len(in.Marks) != 1 {
		t.Error("the row as read was changed")
	}
}

func TestRowsTooLarge(t *testing.T) {
	t.Parallel()
	read := schema(field("name", textType))
	pool := record.NewPool(0)
	in := batch(t, pool, read, []string{strings.Repeat("x", 1000)}, []string{"small"})
	in.Size = 1005
	out, dirty := transform.New(read, read, []transform.Column{{Want: textType}}, transform.Options{RowBytes: 500}).Apply(pool, in)
	if len(dirty) != 1 || dirty[0].Row != 0 || dirty[0].Code != record.TooBig {
		t.Errorf("dirty is %v", dirty)
	}
	out.Release()
	in.Release()
}

func TestUnchangedColumnsAreLent(t *testing.T) {
	t.Parallel()
	read := schema(field("id", int64Type), field("name", textType))
	pool := record.NewPool(0)
	in := batch(t, pool, read, []string{"1", "a"})
	stage := transform.New(read, read, []transform.Column{{From: 0, Want: int64Type}, {From: 1, Want: textType}}, transform.Options{})
	out, _ := stage.Apply(pool, in)
	if out.Cols[0] != in.Cols[0] || out.Cols[1] != in.Cols[1] {
		t.Error("columns without a cast were copied")
	}
	out.Release()
	in.Release()
}

// A column that passes its cast is lent for as long as every cell does, and to one column alone.
func TestPassingColumnsAreLent(t *testing.T) {
	t.Parallel()
	short := record.Type{Kind: record.Text, Length: 3}
	read := schema(field("id", int64Type), field("name", textType))
	stored := schema(field("id", int8Type), field("name", short), field("again", short))
	stage := transform.New(read, stored, []transform.Column{{From: 0, Want: int64Type}, {From: 1, Want: textType}, {From: 1, Want: textType}}, transform.Options{})
	pool := record.NewPool(0)
	in := batch(t, pool, read, []string{"1", "abc"}, []string{"2", "NULL"})
	out, dirty := stage.Apply(pool, in)
	if len(dirty) > 0 || out.Cols[0] != in.Cols[0] || out.Cols[1] != in.Cols[1] || out.Cols[2] == in.Cols[1] {
		t.Errorf("dirty rows %v, want the columns lent, the last one copied", dirty)
	}
	if got := connectortest.Rows(out)[0].String(); got != `("1", "abc", "abc")` {
		t.Errorf("got %s", got)
	}
	out.Release()
	in.Release()
	in = batch(t, pool, read, []string{"1000", "abc"}, []string{"2", "abcd"})
	out, dirty = stage.Apply(pool, in)
	if len(dirty) != 3 || out.Cols[0] == in.Cols[0] || out.Cols[1] == in.Cols[1] {
		t.Errorf("dirty rows are %v, want a number and two texts", dirty)
	}
	if got := connectortest.Rows(in)[1].String(); got != `("2", "abcd")` {
		t.Errorf("the row as read is %s by now", got)
	}
	out.Release()
	in.Release()
	if used := pool.Used(); used != 0 {
		t.Errorf("%d bytes of the pool are still in use", used)
	}
}

// TestConstant fills a column that no source column stands for, in the type that the target stores.
func TestConstant(t *testing.T) {
	t.Parallel()
	read := schema(field("id", int64Type))
	stored := schema(field("shop", record.Type{Kind: record.Text, Length: 20}), field("id", int64Type), field("raw", record.Type{Kind: record.Bytes}))
	columns := []transform.Column{{From: transform.Constant, Text: "shop_1.orders", Want: record.Type{Kind: record.Text, Length: 255}}, {From: 0, Want: int64Type},
		{From: transform.Constant, Text: "é", Want: textType}}
	s := transform.New(read, stored, columns, transform.Options{Key: []string{"shop", "id"}})
	for i, d := range s.Decisions() {
		if d.Decision != record.Same {
			t.Errorf("column %d is %s: %s", i, d, d.Loss)
		}
	}
	pool := record.NewPool(0)
	in := batch(t, pool, read, []string{"1"}, []string{"NULL"}, []string{"3"})
	out, dirty := s.Apply(pool, in)
	var got []string
	for _, row := range connectortest.Rows(out) {
		got = append(got, row.String())
	}
	want := []string{`("shop_1.orders", "1", "c3a9")`, `("shop_1.orders", NULL, "c3a9")`, `("shop_1.orders", "3", "c3a9")`}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if len(dirty) != 1 || dirty[0].Row != 1 || dirty[0].Code != record.KeyNull {
		t.Errorf("dirty rows are %v, want the one without a key", dirty)
	}
	out.Release()
	in.Release()
	columns[0].Text = strings.Repeat("x", 30)
	if d := transform.New(read, stored, columns, transform.Options{}).Decisions()[0]; d.Decision != record.Refused || !strings.Contains(d.Loss, "(TRUNC)") {
		t.Errorf("a name that is too long is %s: %s", d, d.Loss)
	}
}
