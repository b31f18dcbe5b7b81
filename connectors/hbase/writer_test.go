package hbase_test

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/connectors/hbase"
	"github.com/towpath/towpath/record"
	"github.com/towpath/towpath/tools/testservers/hbasetool"
)

// visits is a table with a key of two parts.
func visits(rows ...connectortest.Row) connectortest.Table {
	text := record.Type{Kind: record.Text}
	return connectortest.Table{Schema: &record.Schema{Fields: []record.Field{{Name: "place", Type: text, Key: 1, Nullable: true}, {Name: "day", Type: record.Type{Kind: record.Date}, Key: 2},
		{Name: "guests", Type: record.Type{Kind: record.Int, Bits: 32}, Nullable: true}, {Name: "g:note", Type: text, Nullable: true}}}, Rows: rows}
}

func null() connectortest.Cell { return connectortest.Cell{Null: true} }

func cells(texts ...string) connectortest.Row {
	row := connectortest.Texts(texts...)
	for i := range row {
		row[i].Null = row[i].Text == "NULL"
	}
	return row
}

// write writes a table as a run does, under a stamp, and returns the plan and what became of the rows.
func write(t *testing.T, c connector.Client, dataset string, table connectortest.Table, o map[string]any, stamp int64) (*connector.Target, connector.Outcome) {
	t.Helper()
	w, err := hbase.Connector().Write(t.Context(), c, connector.Sink{Dataset: dataset, Mode: connector.Upsert, Run: "abcde", Options: options(o)})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	plan, err := w.Plan(t.Context(), table.Schema)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Prepare(t.Context(), plan, true, nil); err != nil {
		t.Fatal(err)
	}
	s, _, err := w.Take(t.Context(), connector.Shard{ID: "s"}, connector.Lease{Run: "abcde", Epoch: 1, Stamp: stamp}, connector.Checkpoint{})
	if err != nil {
		t.Fatal(err)
	}
	var group []*record.Batch
	for rows := range slices.Chunk(table.Rows, 500) {
		b := record.NewBatch(plan.Stored)
		for _, row := range rows {
			connectortest.Append(b, row)
		}
		group = append(group, b)
	}
	out, err := s.Write(t.Context(), group)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(t.Context(), connector.Checkpoint{}); err != nil {
		t.Fatal(err)
	}
	return plan, out
}

// shown is a table as the Java client sees it, a line a cell.
func shown(tool *hbasetool.Tool, table string) (lines []string) {
	for _, c := range tool.Scan(table) {
		lines = append(lines, fmt.Sprintf("%q %s:%s %q", c.Row, c.Family, c.Qualifier, c.Value))
	}
	return lines
}

// TestRows: composite keys, families, NULLs, rows without a cell, and rows that have no key.
func TestRows(t *testing.T) {
	c := newCluster(t)
	table := c.name(t)
	client := open(t, c.server)
	_, out := write(t, client, table, visits(cells("inn", "2024-05-06", "3", "fine"), cells("inn", "2024-05-07", "NULL", "NULL"), cells("NULL", "2024-05-06", "1", ""),
		cells("i\x00n", "2024-05-06", "1", ""), cells("", "2024-05-06", "-1", "")), nil, 1000)
	want := []string{`"\x002024-05-06" f:guests "\xff\xff\xff\xff"`, `"\x002024-05-06" g:note ""`,
		`"inn\x002024-05-06" f:guests "\x00\x00\x00\x03"`, `"inn\x002024-05-06" g:note "fine"`, `"inn\x002024-05-07" f: ""`}
	if d := cmp.Diff(want, shown(c.tool, table)); d != "" {
		t.Error(d)
	}
	var rejected []string
	for _, r := range out.Rejected {
		rejected = append(rejected, fmt.Sprintf("%d %s %s", r.Row, r.Code, r.Column))
	}
	if d := cmp.Diff([]string{"2 KEYNULL place", "3 CONSTRAINT place"}, rejected); d != "" {
		t.Error(d)
	}
	// what a later lease sends replaces the row, cells that are NULL now included
	write(t, client, table, visits(cells("inn", "2024-05-06", "NULL", "better")), nil, 2000)
	want = slices.Replace(want, 2, 4, `"inn\x002024-05-06" g:note "better"`)
	if d := cmp.Diff(want, shown(c.tool, table)); d != "" {
		t.Error(d)
	}
	// unless it keeps them, or writes them as empty values
	write(t, client, table, visits(cells("inn", "2024-05-06", "4", "NULL")), map[string]any{"nulls": "keep"}, 3000)
	write(t, client, table, visits(cells("inn", "2024-05-07", "NULL", "x")), map[string]any{"nulls": "empty"}, 3000)
	want = append(slices.Replace(want, 2, 3, `"inn\x002024-05-06" f:guests "\x00\x00\x00\x04"`, `"inn\x002024-05-06" g:note "better"`),
		`"inn\x002024-05-07" f:guests ""`, `"inn\x002024-05-07" g:note "x"`)
	if d := cmp.Diff(want, shown(c.tool, table)); d != "" {
		t.Error(d)
	}
	// and an older lease changes nothing that can be seen
	write(t, client, table, visits(cells("inn", "2024-05-06", "9", "late"), cells("inn", "2024-05-07", "9", "late")), nil, 500)
	if d := cmp.Diff(want, shown(c.tool, table)); d != "" {
		t.Error(d)
	}
}

// TestTooLarge: a cell beyond the server's own limit is one dirty row, and those around it are written.
func TestTooLarge(t *testing.T) {
	c := newCluster(t)
	table := c.name(t)
	large := strings.Repeat("x", 11<<20) // hbase.server.keyvalue.maxsize is 10 MB
	_, out := write(t, open(t, c.server), table, visits(cells("a", "2024-05-06", "1", "x"), cells("c", "2024-05-06", "1", "earlier"), cells("b", "2024-05-06", "1", large),
		cells("c", "2024-05-06", "2", large)), nil, 1000)
	if len(out.Superseded) > 0 { // the row that took its place was not taken
		t.Errorf("superseded %v", out.Superseded)
	}
	slices.SortFunc(out.Rejected, func(a, b connector.Rejected) int { return a.Row - b.Row })
	if len(out.Rejected) != 2 || out.Rejected[0].Row != 2 || out.Rejected[1].Row != 3 || out.Rejected[0].Code != record.TooBig || out.Rejected[0].Reason == "" {
		t.Errorf("rejected %+v", out.Rejected)
	}
	if got := shown(c.tool, table); len(got) != 4 || slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, `"b`) }) || got[3] != `"c\x002024-05-06" g:note "earlier"` {
		t.Errorf("%.300q", got)
	}
}

// TestMadeTables: salt, splits, lifetime and compression; and that what is written is read again as it was.
func TestMadeTables(t *testing.T) {
	c := newCluster(t)
	table := c.name(t)
	client := open(t, c.server)
	var rows []connectortest.Row
	for i := range 100 {
		rows = append(rows, cells(fmt.Sprintf("place %d", i), "2024-05-06", fmt.Sprint(i), "NULL"))
	}
	plan, _ := write(t, client, table, visits(rows...), map[string]any{"salt_buckets": 8, "compression": "gz", "ttl_seconds": 1_000_000, "separator": "|", "family": "h",
		"columns": []map[string]any{{"name": "guests", "column": "g:n", "encoding": "text int32"}}}, time.Now().UnixMilli())
	if got := plan.Steps; len(got) != 1 || got[0] != "create '"+table+"', {NAME => 'g', VERSIONS => 1, COMPRESSION => 'GZ'}, in 8 regions" {
		t.Errorf("steps %q", got)
	}
	if regions := c.tool.Regions(table); len(regions) != 8 {
		t.Errorf("%d regions, want 8", len(regions))
	}
	buckets := map[byte]int{}
	for _, cell := range c.tool.Scan(table) {
		buckets[cell.Row[0]]++
		if !strings.HasSuffix(cell.Row, "|2024-05-06") || cell.Family != "g" || cell.Qualifier != "n" {
			t.Fatalf("cell %+v", cell)
		}
	}
	if len(buckets) != 8 {
		t.Errorf("rows in buckets %v, want all 8", buckets)
	}
	r, s := newReader(t, client, table, map[string]any{"row": map[string]any{"salt": 1, "separator": "|", "parts": []map[string]any{{"name": "place"}, {"name": "day", "encoding": "text date"}}},
		"columns": []map[string]any{{"column": "g:n", "name": "guests", "encoding": "text int32"}}})
	got := map[string]bool{}
	for chunk, err := range r.Read(t.Context(), connector.Query{Schema: s, Batches: record.NewPool(0)}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range connectortest.Rows(chunk.Batch) {
			got[row.String()] = true
		}
		chunk.Batch.Release()
	}
	for _, row := range rows {
		if !got[row[:3].String()] {
			t.Errorf("row %s was not read again", row[:3])
		}
	}
}

// TestReversedKeys: keys are stored backwards behind their salt, and read again as they were.
func TestReversedKeys(t *testing.T) {
	c := newCluster(t)
	table := c.name(t)
	client := open(t, c.server)
	rows := []connectortest.Row{cells("a\x01b", "2024-05-06", "1", "NULL"), cells("né", "2024-05-07", "2", "NULL")}
	write(t, client, table, visits(rows...), map[string]any{"salt_buckets": 4, "key_reversed": true, "separator": "|"}, 1000)
	var keys []string
	for _, cell := range c.tool.Scan(table) {
		if key := cell.Row[1:]; !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	if want := []string{"60-50-4202|b\x01a", "70-50-4202|\xA9\xC3n"}; !slices.Equal(keys, want) {
		t.Errorf("keys %q, want %q", keys, want)
	}
	r, s := newReader(t, client, table, map[string]any{"row": map[string]any{"salt": 1, "reversed": true, "separator": "|", "parts": []map[string]any{{"name": "place"}, {"name": "day", "encoding": "text date"}}},
		"columns": []map[string]any{{"column": "f:guests", "encoding": "int"}}})
	read, _, _ := readFrom(t, r, s, connector.Shard{}, nil)
	slices.Sort(read)
	if want := []string{"a\x01b|2024-05-06|1", "né|2024-05-07|2"}; !slices.Equal(read, want) {
		t.Errorf("read again %q, want %q", read, want)
	}
}

// TestHashedKeys: the hash of HBase's own classes stands before the key, which is read again behind it.
func TestHashedKeys(t *testing.T) {
	c := newCluster(t)
	client := open(t, c.server)
	places := []string{"a", "né", "inn", "four", "fivee", "sixsix", "\x01\x7F", strings.Repeat("long", 300)}
	for _, test := range []struct {
		hash   string
		bytes  int
		of     string // the tool's hash; md5 is md5_hex taken back to bytes
		prefix int
	}{{"md5", 0, "md5_hex", 16}, {"md5", 2, "md5_hex", 2}, {"md5_hex", 0, "md5_hex", 32}, {"md5_hex", 4, "md5_hex", 4}, {"murmur3", 0, "murmur3", 4}, {"murmur3", 1, "murmur3", 1}} {
		table := c.name(t)
		var rows []connectortest.Row
		var keys, read []string
		for _, place := range places {
			rows = append(rows, cells(place, "2024-05-06", "1", "x"))
			key := place + "\x002024-05-06"
			lines, err := c.tool.Try("hash", test.of, hex.EncodeToString([]byte(key)))
			if err != nil {
				t.Fatal(err)
			}
			sum, err := hex.DecodeString(lines[0])
			if err == nil && test.hash == "md5" {
				sum, err = hex.DecodeString(string(sum))
			}
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, fmt.Sprintf("%q", string(sum[:test.prefix])+key))
		}
		plan, out := write(t, client, table, visits(rows...), map[string]any{"key_hash": test.hash, "key_hash_bytes": test.bytes}, 1000)
		if len(out.Rejected) > 0 {
			t.Errorf("rejected %+v", out.Rejected)
		}
		note := fmt.Sprintf("row keys begin with %d bytes of %s of the key, so rows do not lie in its order; they are read again with row: {salt: %d}", test.prefix, test.hash, test.prefix)
		if !slices.Contains(plan.Notes, note) {
			t.Errorf("notes %q, want %q", plan.Notes, note)
		}
		var got []string
		for _, cell := range c.tool.Scan(table) {
			if cell.Family == "g" {
				got = append(got, fmt.Sprintf("%q", cell.Row))
			}
		}
		slices.Sort(keys)
		slices.Sort(got)
		if d := cmp.Diff(keys, got); d != "" {
			t.Errorf("%s, %d bytes: %s", test.hash, test.bytes, d)
		}
		r, s := newReader(t, client, table, map[string]any{"columns": []map[string]any{{"column": "g:note"}},
			"row": map[string]any{"salt": test.prefix, "separator": "\\x00", "parts": []map[string]any{{"name": "place"}, {"name": "day", "encoding": "text date"}}}})
		lines, _ := readAll(t, r, s, connector.Shard{}, func(int) {})
		for _, line := range lines {
			read = append(read, strings.TrimSuffix(line, "|2024-05-06|g:note=x|"))
		}
		slices.Sort(read)
		if d := cmp.Diff(slices.Sorted(slices.Values(places)), read); d != "" {
			t.Errorf("%s, %d bytes: read %s", test.hash, test.bytes, d)
		}
	}
}

// TestWriteRefusals: what a plan refuses, and what it says of a table that is there.
func TestWriteRefusals(t *testing.T) {
	c := newCluster(t)
	table := c.name(t)
	c.tool.Create(table, []string{"f", "g:3"})
	client := open(t, c.server)
	list := record.Type{Kind: record.List, Elem: &record.Type{Kind: record.Int, Bits: 32}}
	keyless := &record.Schema{Fields: []record.Field{{Name: "n", Type: record.Type{Kind: record.Int, Bits: 64}}}}
	lists := &record.Schema{Fields: []record.Field{{Name: "id", Type: record.Type{Kind: record.Int, Bits: 64}, Key: 1}, {Name: "l", Type: list}}}
	two := visits().Schema
	for _, test := range []struct {
		schema  *record.Schema
		mode    connector.Mode
		options map[string]any
		class   connector.Class
		want    string
	}{
		{two, connector.Append, nil, connector.Config, "write: HBase tables are written by key alone, not with append"},
		{two, connector.Replace, nil, connector.Config, "write: replace " + table + ": the table is there, and HBase swaps no tables"},
		{two, connector.Upsert, map[string]any{"columns": []map[string]any{{"name": "guests", "column": "g:note"}}}, connector.Config, "target_options.columns: columns guests and g:note would both be g:note"},
		{two, connector.Upsert, map[string]any{"columns": []map[string]any{{"name": "guests", "column": "g:"}}}, connector.Config, "target_options.columns: column guests would have no qualifier"},
		{keyless, connector.Upsert, nil, connector.Config, "key: make row keys: the rows have no key"},
		{lists, connector.Upsert, nil, connector.Config, "columns: column l is a list(int32), which has no form in HBase"},
		{two, connector.Upsert, map[string]any{"separator": ""}, connector.Config, `target_options.separator: make row keys: nothing tells where part "place" ends`},
		{two, connector.Upsert, map[string]any{"key_hash": "md5", "salt_buckets": 4}, connector.Config, "target_options.key_hash: make row keys: salt_buckets and key_hash would both stand before the key"},
		{two, connector.Upsert, map[string]any{"key_hash": "murmur3", "key_hash_bytes": 5}, connector.Config, "target_options.key_hash_bytes: make row keys: murmur3 has 4 bytes, not 5"},
		{two, connector.Upsert, map[string]any{"key_hash_bytes": 5}, connector.Config, "target_options.key_hash_bytes: make row keys: key_hash_bytes is of no hash"},
		{two, connector.Upsert, map[string]any{"family": "zz"}, connector.Missing, "table " + table + ` has no family "zz"`},
		{two, connector.Upsert, map[string]any{"columns": []map[string]any{{"name": "guests", "encoding": "longer"}}}, connector.Config, `target_options.columns.0.encoding: unknown encoding "longer"`},
	} {
		w, err := hbase.Connector().Write(t.Context(), client, connector.Sink{Dataset: table, Mode: test.mode, Run: "abcde", Options: options(test.options)})
		if err == nil {
			_, err = w.Plan(t.Context(), test.schema)
		}
		if err == nil || !strings.HasPrefix(err.Error(), test.want) || connector.ClassOf(err) != test.class {
			t.Errorf("%v: got %v (%v), want %s (%v)", test.options, err, connector.ClassOf(err), test.want, test.class)
		}
	}
	w, err := hbase.Connector().Write(t.Context(), client, connector.Sink{Dataset: table, Mode: connector.Upsert, Run: "abcde"})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := w.Plan(t.Context(), two)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(plan.Notes, func(n string) bool { return strings.HasPrefix(n, "family g keeps 3 versions") }) {
		t.Errorf("notes %q say nothing of versions", plan.Notes)
	}
}

// TestStoredTypes: the plan says what an encoding holds, so that values which it does not are found before they are written.
func TestStoredTypes(t *testing.T) {
	c := newCluster(t)
	client := open(t, c.server)
	instant := record.Type{Kind: record.Instant, Precision: 6}
	for _, test := range []struct {
		column   record.Type
		encoding string
		want     string
	}{
		{instant, "", "instant(6)"}, {instant, "epoch_ms", "instant(3)"}, {instant, "epoch_s", "instant(0)"}, {record.Type{Kind: record.Instant, Precision: 2}, "", "instant(2)"},
		{record.Type{Kind: record.Int, Bits: 64}, "int", "int32"}, {record.Type{Kind: record.Int, Bits: 8}, "", "int16"}, {record.Type{Kind: record.Uint, Bits: 64}, "", "uint64"},
		{record.Type{Kind: record.Uint, Bits: 32}, "", "int64"}, {record.Type{Kind: record.Decimal, Precision: 12, Scale: 2}, "", "decimal(12,2)"},
		{record.Type{Kind: record.Decimal, Precision: 12, Scale: 2}, "text decimal(10,1)", "decimal(10,1)"}, {record.Type{Kind: record.Text, Length: 40}, "", "text(40)"},
		{record.Type{Kind: record.Native, Name: "inet"}, "", "text"},
		{record.Type{Kind: record.Enum, Labels: []string{"a", "b c"}}, "", `enum("a","b c")`}, {record.Type{Kind: record.Float, Bits: 64}, "float", "float32"},
	} {
		w, err := hbase.Connector().Write(t.Context(), client, connector.Sink{Dataset: "unmade", Mode: connector.Upsert, Run: "abcde",
			Options: options(map[string]any{"columns": []map[string]any{{"name": "x", "encoding": test.encoding}}})})
		if err != nil {
			t.Fatal(err)
		}
		plan, err := w.Plan(t.Context(), &record.Schema{Fields: []record.Field{{Name: "id", Type: record.Type{Kind: record.Int, Bits: 64}, Key: 1}, {Name: "x", Type: test.column, Nullable: true}}})
		if err != nil {
			t.Errorf("%s as %q: %v", test.column, test.encoding, err)
			continue
		}
		if got := plan.Stored.Fields[1].Type.String(); got != test.want {
			t.Errorf("%s as %q is stored as %s, want %s", test.column, test.encoding, got, test.want)
		}
	}
}
