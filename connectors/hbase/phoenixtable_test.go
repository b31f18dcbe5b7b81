package hbase_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/record"
	"github.com/towpath/towpath/tools/testservers/hbasetool"
)

// TestPhoenixTables: a table is written as Phoenix keeps it, with a key of its form, and read again; what has no room, and what is no value, is dirty.
func TestPhoenixTables(t *testing.T) {
	c := newCluster(t)
	table := c.name(t)
	client := open(t, c.server)
	schema := &record.Schema{Fields: []record.Field{{Name: "city", Type: record.Type{Kind: record.Text}, Key: 1}, {Name: "id", Type: record.Type{Kind: record.Int, Bits: 64}, Key: 2},
		{Name: "name", Type: record.Type{Kind: record.Text}, Key: 3}, {Name: "price", Type: record.Type{Kind: record.Decimal, Precision: 50, Scale: 2}, Nullable: true},
		{Name: "at", Type: record.Type{Kind: record.Instant, Precision: 6}, Nullable: true}, {Name: "size", Type: record.Type{Kind: record.Int, Bits: 32}, Nullable: true}}}
	target := []map[string]any{{"name": "id", "encoding": "phoenix_bigint"}, {"name": "price", "column": "0:PRICE", "encoding": "phoenix_decimal"},
		{"name": "at", "column": "0:AT", "encoding": "phoenix_timestamp"}, {"name": "size", "column": "0:SIZE", "encoding": "phoenix_unsigned_int"}}
	plan, out := write(t, client, table, connectortest.Table{Schema: schema, Rows: []connectortest.Row{
		cells("Ulm", "-1", "x", "-12.50", "1969-12-31 23:59:59.999999Z", "3"), cells("Ulm", "0", "y", "NULL", "NULL", "0"), cells("Ulm", "1", "z", "1.00", "NULL", "-3"),
		cells("Ulm", "2", "z", "123456789012345678901234567890123456789.00", "NULL", "1")}},
		map[string]any{"columns": target, "bare_widths": true, "family": "0"}, 1000)
	for i, want := range []string{"text", "int64", "text", "decimal(50,2)", "instant(9)", "int32"} {
		if got := plan.Stored.Fields[i].Type.String(); got != want {
			t.Errorf("%s is stored as %s, want %s", plan.Stored.Fields[i].Name, got, want)
		}
	}
	if len(out.Rejected) != 2 || out.Rejected[0].Code != record.Range || out.Rejected[0].Column != "size" || out.Rejected[1].Code != record.Scale || out.Rejected[1].Column != "price" {
		t.Errorf("rejected %+v", out.Rejected)
	}
	want := []string{`"Ulm\x00\x7f\xff\xff\xff\xff\xff\xff\xffx" 0:AT "\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x0f>X"`, `"Ulm\x00\x7f\xff\xff\xff\xff\xff\xff\xffx" 0:PRICE ">Y3f"`,
		`"Ulm\x00\x7f\xff\xff\xff\xff\xff\xff\xffx" 0:SIZE "\x00\x00\x00\x03"`, `"Ulm\x00\x80\x00\x00\x00\x00\x00\x00\x00y" 0:SIZE "\x00\x00\x00\x00"`}
	if d := cmp.Diff(want, shown(c.tool, table)); d != "" {
		t.Error(d)
	}
	key := "Ulm\x00\x80\x00\x00\x00\x00\x00\x00\x07z"
	c.tool.Put(table, hbasetool.Cell{Row: key, Family: "0", Qualifier: "PRICE"}, hbasetool.Cell{Row: key, Family: "0", Qualifier: "AT", Value: "12345678"},
		hbasetool.Cell{Row: key, Family: "0", Qualifier: "SIZE", Value: "\x80\x00\x00\x00"})
	c.tool.Flush()
	r, s := newReader(t, client, table, map[string]any{"columns": []map[string]any{{"column": "0:PRICE", "name": "price", "encoding": "phoenix_decimal"},
		{"column": "0:AT", "name": "at", "encoding": "phoenix_timestamp"}, {"column": "0:SIZE", "name": "size", "encoding": "phoenix_unsigned_int"}},
		"row": map[string]any{"separator": `\x00`, "bare_widths": true, "parts": []map[string]any{{"name": "city"}, {"name": "id", "encoding": "phoenix_bigint"}, {"name": "name"}}}})
	var rows []string
	for chunk, err := range r.Read(t.Context(), connector.Query{Schema: s, Batches: record.NewPool(0)}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range connectortest.Rows(chunk.Batch) {
			rows = append(rows, row.String())
		}
		chunk.Batch.Release()
	}
	want = []string{`("Ulm", "-1", "x", "-12.5", "1969-12-31 23:59:59.999999000Z", "3")`, `("Ulm", "0", "y", NULL, NULL, "0")`,
		`("Ulm", "7", "z", NULL, "mark TYPE 12345678", "mark TYPE \x80\x00\x00\x00")`}
	if d := cmp.Diff(want, rows); d != "" {
		t.Error(d)
	}
}
