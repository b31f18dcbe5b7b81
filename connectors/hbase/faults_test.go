package hbase_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/hbase"
	"github.com/towpath/towpath/record"
	"github.com/towpath/towpath/tools/testservers/hbasetool"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// open opens a connection by the connector under test.
func open(t testing.TB, s servers.Server) connector.Client {
	t.Helper()
	return openWith(t, s, nil)
}

// openWith is open with further options.
func openWith(t testing.TB, s servers.Server, more map[string]any) connector.Client {
	t.Helper()
	c, err := hbase.Connector().Open(t.Context(), connector.Connection{Options: connection(s, more)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// fill makes a table of n rows, split at the keys, each with a number and, in every third, a note.
func fill(tool *hbasetool.Tool, table string, n int, splits ...string) {
	tool.Create(table, []string{"f"}, splits...)
	for i := range n {
		key := fmt.Sprintf("k%06d", i)
		cells := []hbasetool.Cell{{Row: key, Family: "f", Qualifier: "n", Value: string(binary.BigEndian.AppendUint64(nil, uint64(i)))}}
		if i%3 == 0 {
			cells = append(cells, hbasetool.Cell{Row: key, Family: "f", Qualifier: "note", Value: fmt.Sprintf("note %d", i)})
		}
		tool.Put(table, cells...)
	}
	tool.Flush()
}

// printed is the rows of a table as the Java client sees them, a line each.
func printed(tool *hbasetool.Tool, table string) (lines []string) {
	for _, c := range tool.Scan(table) {
		if len(lines) == 0 || !strings.HasPrefix(lines[len(lines)-1], c.Row+"|") {
			lines = append(lines, c.Row+"|")
		}
		value := c.Value
		if c.Qualifier == "n" {
			value = fmt.Sprint(int64(binary.BigEndian.Uint64([]byte(value))))
		}
		lines[len(lines)-1] += c.Qualifier + "=" + value + "|"
	}
	return lines
}

// numbers is how tables of fill are read, a few rows at a time, so that much can happen in between.
func numbers(more map[string]any) map[string]any {
	o := map[string]any{"row": map[string]any{"encoding": "string"}, "fetch_rows": 100,
		"columns": []map[string]any{{"column": "f:n", "name": "n", "encoding": "long"}, {"column": "f:note", "name": "note"}}}
	for k, v := range more {
		o[k] = v
	}
	return o
}

func newReader(t testing.TB, c connector.Client, table string, o map[string]any) (connector.Reader, *record.Schema) {
	t.Helper()
	r, err := hbase.Connector().Read(t.Context(), c, connector.Source{Dataset: table, Options: options(o)})
	if err != nil {
		t.Fatal(err)
	}
	s, _, err := r.Schema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r, s
}

// lines prints a batch of such a table as printed does.
func lines(b *record.Batch) (out []string) {
	for row := range b.Len {
		line := ""
		for i := range b.Schema.Fields {
			f := &b.Schema.Fields[i]
			switch text := string(record.AppendText(nil, &f.Type, b.Cols[i], row)); {
			case f.Key > 0:
				line += text + "|"
			case !b.Cols[i].Null(row):
				line += f.Name + "=" + text + "|"
			}
		}
		out = append(out, line)
	}
	return out
}

// readAll reads a shard from its beginning, and from its last position again after each error that asks for it. between is called behind each chunk.
func readAll(t *testing.T, r connector.Reader, s *record.Schema, shard connector.Shard, between func(chunk int)) (rows []string, errs int) {
	t.Helper()
	pool := record.NewPool(0).LimitRows(250)
	var from connector.Position
	chunks := 0
	for {
		var last error
		for c, err := range r.Read(t.Context(), connector.Query{Shard: shard, From: from, Schema: s, Batches: pool}) {
			if last = err; err != nil {
				break
			}
			if c.Batch != nil {
				rows = append(rows, lines(c.Batch)...)
				c.Batch.Release()
			}
			from = c.After
			chunks++
			between(chunks)
		}
		if last == nil {
			return rows, errs
		}
		if class := connector.ClassOf(last); class != connector.Retry && class != connector.Busy {
			t.Fatalf("%d rows read: %v, want an error of class retry", len(rows), last)
		}
		errs++
	}
}

// TestRegionsMove: regions that are split and merged while they are scanned give every row, once.
func TestRegionsMove(t *testing.T) {
	c := newCluster(t)
	table := c.name(t)
	fill(c.tool, table, 5000, "k002500")
	want := printed(c.tool, table)
	r, s := newReader(t, open(t, c.server), table, numbers(nil))
	got, errs := readAll(t, r, s, connector.Shard{}, func(chunk int) {
		switch chunk {
		case 2:
			c.tool.Split(table, "k001200")
		case 8:
			c.tool.Merge(table)
		case 12:
			c.tool.Split(table, "k002000") // behind the reader
		}
	})
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%d rows of %d: %s", len(got), len(want), d)
	}
	t.Logf("%d rows, %d errors", len(got), errs)
}

// TestWideRows: a row that comes in many parts is one row; one beyond row_max is dirty and the rows around it are there.
func TestWideRows(t *testing.T) {
	c := newCluster(t)
	table := c.name(t)
	c.tool.Create(table, []string{"f"})
	const cells = 200_000
	for i := range cells {
		c.tool.Put(table, hbasetool.Cell{Row: "wide", Family: "f", Qualifier: fmt.Sprintf("q%06d", i), Value: fmt.Sprint(i)})
	}
	for _, row := range []string{"before", "x", "y"} {
		c.tool.Put(table, hbasetool.Cell{Row: row, Family: "f", Qualifier: "q000000", Value: "0"})
	}
	c.tool.Flush()
	client := open(t, c.server)
	for _, most := range []int{64 << 20, 1 << 20} {
		r, s := newReader(t, client, table, map[string]any{"row": map[string]any{"encoding": "string"}, "row_max": most, "fetch_bytes": 65536,
			"columns": []map[string]any{{"column": "f:q000000", "name": "first"}}, "rest": "rest"})
		var rows, bad []string
		var rest string
		for chunk, err := range r.Read(t.Context(), connector.Query{Schema: s, Batches: record.NewPool(0)}) {
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range chunk.Bad {
				bad = append(bad, string(b.Code)+" "+string(b.Raw))
			}
			if chunk.Batch == nil {
				continue
			}
			for row := range chunk.Batch.Len {
				rows = append(rows, string(chunk.Batch.Cols[0].Bytes(row)))
				if !chunk.Batch.Cols[2].Null(row) {
					rest = string(chunk.Batch.Cols[2].Bytes(row))
				}
			}
			chunk.Batch.Release()
		}
		if most == 64<<20 {
			if d := cmp.Diff([]string{"before", "wide", "x", "y"}, rows); d != "" || len(bad) > 0 {
				t.Errorf("rows: %s, bad: %q", d, bad)
			}
			if n := strings.Count(rest, `":"`); n != cells-1 || !strings.HasPrefix(rest, `{"f":{"q000001":"1",`) || !strings.HasSuffix(rest, `"q199999":"199999"}}`) {
				t.Errorf("the rest has %d cells: %.60s ...", n, rest)
			}
			continue
		}
		if d := cmp.Diff([]string{"before", "x", "y"}, rows); d != "" {
			t.Errorf("rows: %s", d)
		}
		if d := cmp.Diff([]string{"TOOBIG wide"}, bad); d != "" {
			t.Errorf("bad: %s", d)
		}
	}
}

// TestFound: what a sample shows, and the cells that it does not show.
func TestFound(t *testing.T) {
	c := newCluster(t)
	table := c.name(t)
	c.tool.Create(table, []string{"f", "g"})
	long := func(n uint64) string { return string(binary.BigEndian.AppendUint64(nil, n)) }
	for i := range 20 {
		row := fmt.Sprintf("k%02d", i)
		c.tool.Put(table, hbasetool.Cell{Row: row, Family: "f", Qualifier: "text", Value: "née\t" + row},
			hbasetool.Cell{Row: row, Family: "f", Qualifier: "long", Value: long(uint64(i))},
			hbasetool.Cell{Row: row, Family: "f", Qualifier: "long.x", Value: long(uint64(i))},
			hbasetool.Cell{Row: row, Family: "f", Qualifier: "double", Value: long(0x3FF8000000000000 + uint64(i))},
			hbasetool.Cell{Row: row, Family: "g", Qualifier: "int", Value: long(uint64(i))[4:]},
			hbasetool.Cell{Row: row, Family: "g", Qualifier: "flag", Value: long(uint64(i % 2))[7:]},
			hbasetool.Cell{Row: row, Family: "g", Qualifier: "\x00\xFF", Value: "\xFF\xFE\x00"})
	}
	c.tool.Put(table, hbasetool.Cell{Row: "z", Family: "g", Qualifier: "late", Value: "\xFF"}, hbasetool.Cell{Row: "z", Family: "f", Qualifier: "late", Value: "\"x\""},
		hbasetool.Cell{Row: "z", Family: "f", Qualifier: "text", Value: ""}, hbasetool.Cell{Row: "z", Family: "f", Qualifier: "long", Value: "short"})
	c.tool.Flush()
	r, s := newReader(t, open(t, c.server), table, map[string]any{"sample_rows": 20, "family": "f"})
	var fields []string
	for _, f := range s.Fields {
		fields = append(fields, f.Name+" "+f.Type.String())
	}
	if d := cmp.Diff([]string{"row text", "double float64", "long int64", "text text", `g:\x00\xFF bytes`, "g:flag bool", "g:int int32", "rest json"}, fields); d != "" {
		t.Fatal(d)
	}
	asked, err := hbase.Connector().Read(t.Context(), open(t, c.server), connector.Source{Dataset: table, Columns: []string{"f:long", "f:long.x", "f:late"},
		Options: options(map[string]any{"sample_rows": 20})})
	if err != nil {
		t.Fatal(err)
	}
	if s, _, err := asked.Schema(t.Context()); err != nil || s.Fields[1].Native != "long; as all of 20 cells seen" || s.Fields[2].Native != "string; not seen in 20 rows" {
		t.Errorf("columns that are asked for: %+v, %v", s, err)
	}
	var last string
	for chunk, err := range r.Read(t.Context(), connector.Query{Schema: s, Batches: record.NewPool(0)}) {
		if err != nil {
			t.Fatal(err)
		}
		b := chunk.Batch
		for i := range s.Fields {
			if !b.Cols[i].Null(b.Len - 1) {
				last += string(record.AppendText(nil, &s.Fields[i].Type, b.Cols[i], b.Len-1))
			}
			last += "|"
		}
		if len(b.Marks) != 1 || b.Marks[0].Row != b.Len-1 || b.Marks[0].Code != record.WrongType || string(b.Marks[0].Raw) != "short" {
			t.Errorf("marks %+v, want the long that is none", b.Marks)
		}
		b.Release()
	}
	if want := `z|||||||{"f":{"late":"\"x\""},"g":{"late":{"$base64":"/w=="}}}|`; last != want {
		t.Errorf("last row %s, want %s", last, want)
	}
}

// TestBeforeStart: what is written after a run was planned is not in any of its shards.
func TestBeforeStart(t *testing.T) {
	c := newCluster(t)
	table := c.name(t)
	fill(c.tool, table, 300)
	want := printed(c.tool, table)
	r, s := newReader(t, open(t, c.server), table, numbers(map[string]any{"before_start": true}))
	shards, err := r.Split(t.Context(), connector.Shard{}, nil, connector.Hint{Shards: 2})
	if err != nil {
		t.Fatal(err)
	}
	future := time.Now().Add(time.Hour).UnixMilli()
	c.tool.Put(table, hbasetool.Cell{Row: "k000000x", Family: "f", Qualifier: "n", Value: "12345678", Timestamp: future}, hbasetool.Cell{Row: "z", Family: "f", Qualifier: "n", Value: "12345678", Timestamp: future})
	c.tool.Flush()
	later, _ := newReader(t, open(t, c.server), table, numbers(map[string]any{"before_start": true})) // of another process
	var got []string
	for _, shard := range shards {
		rows, _ := readAll(t, later, s, shard, func(int) {})
		got = append(got, rows...)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestKeysThatMeet: a shard that begins where it ends has no rows, though the server would send the one that begins the next.
func TestKeysThatMeet(t *testing.T) {
	c := newCluster(t)
	table := c.name(t)
	c.tool.Create(table, []string{"f"}, "a\x00")
	for _, row := range []string{"a", "a\x00", "a\x00\x00", "\xFF"} {
		c.tool.Put(table, hbasetool.Cell{Row: row, Family: "f", Qualifier: "q", Value: "v"})
	}
	c.tool.Flush()
	r, s := newReader(t, open(t, c.server), table, map[string]any{"row": map[string]any{"encoding": "bytes"}})
	shards, err := r.Split(t.Context(), connector.Shard{}, nil, connector.Hint{Shards: 2})
	if err != nil || len(shards) != 2 {
		t.Fatalf("%d shards, %v", len(shards), err)
	}
	var got []string
	for _, shard := range shards {
		var from connector.Position
		for range 3 { // from the beginning, and from each last position again
			for chunk, err := range r.Read(t.Context(), connector.Query{Shard: shard, From: from, Schema: s, Batches: record.NewPool(0)}) {
				if err != nil {
					t.Fatal(err)
				}
				for row := range chunk.Batch.Len {
					got = append(got, fmt.Sprintf("%q", chunk.Batch.Cols[0].Bytes(row)))
				}
				chunk.Batch.Release()
				from = chunk.After
			}
		}
	}
	if d := cmp.Diff([]string{`"a"`, `"a\x00"`, `"a\x00\x00"`, `"\xff"`}, got); d != "" {
		t.Error(d)
	}
}

// TestParts: start and stop row, and rows that have none of the columns.
func TestParts(t *testing.T) {
	c := newCluster(t)
	table := c.name(t)
	fill(c.tool, table, 60, "k000020")
	want := printed(c.tool, table)
	client := open(t, c.server)
	r, s := newReader(t, client, table, numbers(map[string]any{"start_row": "k000015", "stop_row": `k0000\x32\x35`}))
	shards, err := r.Split(t.Context(), connector.Shard{}, nil, connector.Hint{Shards: 3})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, shard := range shards {
		rows, _ := readAll(t, r, s, shard, func(int) {})
		got = append(got, rows...)
	}
	if d := cmp.Diff(want[15:25], got); d != "" {
		t.Error(d)
	}
	note := map[string]any{"row": map[string]any{"encoding": "string"}, "columns": []map[string]any{{"column": "f:note", "name": "note"}}}
	for _, skip := range []bool{false, true} {
		note["skip_empty"] = skip
		r, s := newReader(t, client, table, note)
		rows, _ := readAll(t, r, s, connector.Shard{}, func(int) {})
		if n := map[bool]int{false: 60, true: 20}[skip]; len(rows) != n {
			t.Errorf("skip_empty %t: %d rows, want %d", skip, len(rows), n)
		}
	}
	n, err := hbase.Connector().Count(context.Background(), client, table, "")
	if err != nil || n != 60 {
		t.Errorf("counted %d, %v, want 60", n, err)
	}
}

// TestRefusals: what is wrong, where, and what to do.
func TestRefusals(t *testing.T) {
	c := newCluster(t)
	table, disabled := c.name(t), c.name(t)
	fill(c.tool, table, 3)
	fill(c.tool, disabled, 3)
	c.tool.Disable(disabled)
	client := open(t, c.server)
	column := func(name, encoding string) map[string]any {
		return map[string]any{"columns": []map[string]any{{"column": name, "encoding": encoding}}}
	}
	for _, test := range []struct {
		source connector.Source
		class  connector.Class
		want   string // the beginning
	}{
		{connector.Source{Dataset: "nowhere"}, connector.Missing, `no table "nowhere"`},
		{connector.Source{Dataset: "no:where"}, connector.Missing, `no table "no:where"`},
		{connector.Source{Dataset: "a b"}, connector.Config, `no table can be named "a b"`},
		{connector.Source{Dataset: disabled}, connector.Config, "table " + disabled + " is disabled"},
		{connector.Source{Dataset: table, Options: options(column("zz:n", "long"))}, connector.Missing,
			"scan " + table + ": NoSuchColumnFamilyException: Column family zz does not exist in region " + table},
		{connector.Source{Dataset: table, Options: options(column("f:n", "longer"))}, connector.Config, `source.options.columns.0.encoding: unknown encoding "longer"`},
		{connector.Source{Dataset: table, Options: options(column("f:n", "text nothing"))}, connector.Config, `source.options.columns.0.encoding: encoding "text nothing": `},
		{connector.Source{Dataset: table, Options: options(column(`f:\n`, "long"))}, connector.Config, `source.options.columns.0.column: "f:\\n" is no column`},
		{connector.Source{Dataset: table, Options: options(map[string]any{"columns": []map[string]any{{"column": "f:n", "name": "a"}, {"column": "f:n", "name": "b", "encoding": "long"}}})},
			connector.Config, "source.options.columns: columns a and b are both f:n"},
		{connector.Source{Dataset: table, Columns: []string{"n"}}, connector.Missing, `table ` + table + ` has no column "n"`},
		{connector.Source{Dataset: table, Where: "n > 3"}, connector.Config, "where: HBase has no language for where"},
		{connector.Source{Query: "SELECT 1"}, connector.Config, "query: HBase has no language for queries"},
		{connector.Source{Dataset: table, Options: options(map[string]any{"skip_empty": true})}, connector.Config, "source.options.skip_empty: skip_empty has no meaning unless columns are chosen, and no rest"},
		{connector.Source{Dataset: table, Columns: []string{"row"}, Options: options(map[string]any{"skip_empty": true})}, connector.Config, "source.options.skip_empty: "},
		{connector.Source{Dataset: table, Options: options(map[string]any{"start_row": "b", "stop_row": "a"})}, connector.Config, "source.options.start_row: start_row is not before stop_row"},
	} {
		r, err := hbase.Connector().Read(t.Context(), client, test.source)
		if err == nil {
			_, _, err = r.Schema(t.Context())
		}
		if err == nil || !strings.HasPrefix(err.Error(), test.want) || connector.ClassOf(err) != test.class {
			t.Errorf("%+v: got %v (%v), want %s (%v)", test.source, err, connector.ClassOf(err), test.want, test.class)
		}
	}
}

// TestRights: a user without rights is told which, and with them reads.
func TestRights(t *testing.T) {
	i := servers.Guarded(t)
	tool := hbasetool.Start(t, i.Server)
	fill(tool, "guarded", 3)
	c := openWith(t, i.Server, map[string]any{"user": "nobody"})
	source := connector.Source{Dataset: "guarded", Options: options(numbers(nil))}
	denied, err := hbase.Connector().Read(t.Context(), c, source)
	if err == nil {
		_, _, err = denied.Schema(t.Context())
	}
	if err == nil || connector.ClassOf(err) != connector.Denied || !strings.HasPrefix(err.Error(), "scan guarded: AccessDeniedException: Insufficient permissions for user 'nobody'") {
		t.Errorf("got %v (%v), want that nobody may not", err, connector.ClassOf(err))
	}
	tool.Grant("guarded", "nobody")
	r, s := newReader(t, c, "guarded", numbers(nil))
	rows, _ := readAll(t, r, s, connector.Shard{}, func(int) {})
	if d := cmp.Diff(printed(tool, "guarded"), rows); d != "" {
		t.Error(d)
	}
}

// TestUnreachable: nobody waits longer than he said for a quorum that does not answer.
func TestUnreachable(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	began := time.Now()
	for _, test := range []struct {
		options map[string]any
		class   connector.Class
		want    string
	}{
		{map[string]any{"quorum": []string{"127.0.0.1:1"}, "connect_seconds": 2}, connector.Retry, "ask ZooKeeper at 127.0.0.1:1: "},
		{map[string]any{"quorum": []string{mute.Addr().String()}, "connect_seconds": 2}, connector.Retry, "connection.quorum: ZooKeeper at " + mute.Addr().String() + " did not answer within 2 s"},
		{map[string]any{"quorum": []string{"zk1"}, "authentication": "kerberos"}, connector.Config, "connection.authentication: Kerberos is not spoken"},
	} {
		c, err := hbase.Connector().Open(t.Context(), connector.Connection{Options: options(test.options)})
		if err == nil {
			c.Close()
			t.Errorf("%v: opened", test.options)
			continue
		}
		if !strings.HasPrefix(err.Error(), test.want) || connector.ClassOf(err) != test.class {
			t.Errorf("%v: got %v (%v), want %s", test.options, err, connector.ClassOf(err), test.want)
		}
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
}
