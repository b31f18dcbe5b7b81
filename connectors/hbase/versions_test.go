package hbase_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
	"github.com/towpath/towpath/tools/testservers/hbasetool"
)

// texts prints all cells of a batch, NULL as nothing.
func texts(b *record.Batch) (out []string) {
	for row := range b.Len {
		var line []string
		for i := range b.Schema.Fields {
			text := ""
			if !b.Cols[i].Null(row) {
				text = string(record.AppendText(nil, &b.Schema.Fields[i].Type, b.Cols[i], row))
			}
			line = append(line, text)
		}
		out = append(out, strings.Join(line, "|"))
	}
	return out
}

// readFrom reads what a shard has behind a position, with the position behind each row that ended a batch of two.
func readFrom(t *testing.T, r connector.Reader, s *record.Schema, shard connector.Shard, from connector.Position) (rows []string, at map[int]connector.Position, bad []connector.Bad) {
	t.Helper()
	at = map[int]connector.Position{}
	for c, err := range r.Read(t.Context(), connector.Query{Shard: shard, From: from, Schema: s, Batches: record.NewPool(0).LimitRows(2)}) {
		if err != nil {
			t.Fatal(err)
		}
		if c.Batch != nil {
			rows = append(rows, texts(c.Batch)...)
			c.Batch.Release()
		}
		bad = append(bad, c.Bad...)
		at[len(rows)] = c.After
	}
	return rows, at, bad
}

// checkRests reads the table, and from every position what follows, as one shard and cut into more.
func checkRests(t *testing.T, r connector.Reader, s *record.Schema, want []string) {
	t.Helper()
	got, positions, _ := readFrom(t, r, s, connector.Shard{}, nil)
	if d := gocmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
	for n, from := range positions {
		rest, _, _ := readFrom(t, r, s, connector.Shard{}, from)
		if d := gocmp.Diff(want[n:], rest); len(want[n:])+len(rest) > 0 && d != "" {
			t.Errorf("behind row %d: %s", n, d)
		}
		shards, err := r.Split(t.Context(), connector.Shard{}, from, connector.Hint{Shards: 3})
		if err != nil {
			t.Fatal(err)
		}
		rest = nil
		for i, shard := range shards {
			begin := from // the first part's owner reads on
			if i > 0 {
				begin = nil
			}
			rows, _, _ := readFrom(t, r, s, shard, begin)
			rest = append(rest, rows...)
		}
		if d := gocmp.Diff(want[n:], rest); len(want[n:])+len(rest) > 0 && d != "" {
			t.Errorf("in %d shards behind row %d: %s", len(shards), n, d)
		}
	}
}

// history is a table of two families that keep versions, with cells that were written together and apart, and what the Java client sees of it.
func history(t *testing.T, c *cluster) (table string, cells []hbasetool.Cell) {
	t.Helper()
	table = c.name(t)
	c.tool.Create(table, []string{"f:5", "g:2"}, "k3")
	put := func(row, column, value string, stamps ...int64) {
		family, qualifier, _ := strings.Cut(column, ":")
		for _, stamp := range stamps {
			c.tool.Put(table, hbasetool.Cell{Row: row, Family: family, Qualifier: qualifier, Value: fmt.Sprint(value, stamp), Timestamp: stamp})
		}
	}
	for i := range 7 {
		row := fmt.Sprintf("k%d", i)
		put(row, "f:a", "a", 100, 200, 300, 400)
		put(row, "f:b", "b", 200, 300)
		put(row, "g:c", "c", 100, 300, 500) // of which two are kept
		put(row, "g:\x00\xff", "raw", int64(600+i))
	}
	c.tool.Flush()
	return table, c.tool.Versions(table, 100)
}

// TestVersions: what was written at one moment is a row, exactly behind every position, also within a row of the table.
func TestVersions(t *testing.T) {
	c := newCluster(t)
	table, cells := history(t, c)
	for _, most := range []int{0, 2} {
		t.Run(fmt.Sprint(most), func(t *testing.T) {
			r, s := newReader(t, open(t, c.server), table, map[string]any{"versions": most, "row": map[string]any{"encoding": "string"}, "timestamp": "at",
				"columns": []map[string]any{{"column": "f:a", "name": "a"}, {"column": "g:c", "name": "c"}}, "rest": "others"})
			if key := s.Key(); len(key) != 2 || s.Fields[key[1]].Name != "at" {
				t.Fatalf("key %v of %+v", key, s.Fields)
			}
			kept := cells
			if most > 0 {
				kept = c.tool.Versions(table, most)
			}
			checkRests(t, r, s, moments(kept))
		})
	}
}

// moments is what rows the cells of a table make, printed as texts does: row, timestamp, f:a, g:c, others.
func moments(cells []hbasetool.Cell) (out []string) {
	slices.SortStableFunc(cells, func(a, b hbasetool.Cell) int {
		return cmp.Or(cmp.Compare(a.Row, b.Row), cmp.Compare(b.Timestamp, a.Timestamp))
	})
	for from := 0; from < len(cells); {
		line := [5]string{cells[from].Row, fmt.Sprint(cells[from].Timestamp)}
		to := from
		for ; to < len(cells) && cells[to].Row == line[0] && fmt.Sprint(cells[to].Timestamp) == line[1]; to++ {
			switch x := cells[to]; x.Family + ":" + x.Qualifier {
			case "f:a":
				line[2] = x.Value
			case "g:c":
				line[3] = x.Value
			case "f:b":
				line[4] = `{"f":{"b":"` + x.Value + `"}}`
			default:
				line[4] = `{"g":{"\\x00\\xFF":"` + x.Value + `"}}`
			}
		}
		out = append(out, strings.Join(line[:], "|"))
		from = to
	}
	return out
}

// TestEachCell: every cell is a row, exactly behind every position, the newest version or all.
func TestEachCell(t *testing.T) {
	c := newCluster(t)
	table, _ := history(t, c)
	for _, most := range []int{1, 100} {
		t.Run(fmt.Sprint(most), func(t *testing.T) {
			var want []string
			for _, x := range c.tool.Versions(table, most) {
				want = append(want, fmt.Sprintf("%s|%s|%s|%d|%x", x.Row, x.Family, strings.ReplaceAll(x.Qualifier, "\x00\xff", `\x00\xFF`), x.Timestamp, x.Value))
			}
			r, s := newReader(t, open(t, c.server), table, map[string]any{"cells": true, "versions": most, "row": map[string]any{"encoding": "string"}})
			if keys := len(s.Key()); keys != 3+min(most-1, 1) {
				t.Errorf("%d columns tell cells apart", keys)
			}
			checkRests(t, r, s, want)
		})
	}
}

// TestWideRowInParts: the cells of a row that no answer holds come in parts, none twice when the scan begins anew within them.
func TestWideRowInParts(t *testing.T) {
	c := newCluster(t)
	table := c.name(t)
	c.tool.Create(table, []string{"f"})
	var want []string
	for i := range 3000 {
		value := strings.Repeat("v", 100)
		c.tool.Put(table, hbasetool.Cell{Row: "wide", Family: "f", Qualifier: fmt.Sprintf("q%05d", i), Value: value})
		want = append(want, fmt.Sprintf("wide|f|q%05d", i))
	}
	c.tool.Put(table, hbasetool.Cell{Row: "x", Family: "f", Qualifier: "large", Value: strings.Repeat("v", 5000)}, hbasetool.Cell{Row: "x", Family: "f", Qualifier: "small", Value: "v"})
	c.tool.Flush()
	want = append(want, "x|f|small")
	r, s := newReader(t, open(t, c.server), table, map[string]any{"cells": true, "row": map[string]any{"encoding": "string"}, "fetch_bytes": 4096, "row_max": 4096})
	var got, bad []string
	chunks := 0
	for chunk, err := range r.Read(t.Context(), connector.Query{Schema: s, Batches: record.NewPool(0).LimitRows(250)}) {
		if err != nil {
			t.Fatal(err)
		}
		if chunk.Batch != nil {
			for _, line := range texts(chunk.Batch) {
				got = append(got, strings.Join(strings.Split(line, "|")[:3], "|"))
			}
			chunk.Batch.Release()
		}
		for _, b := range chunk.Bad {
			bad = append(bad, string(b.Code)+" "+b.Reason)
		}
		if chunks++; chunks == 3 { // the scanner is gone with the region, which is opened anew
			c.tool.Disable(table)
			c.tool.Enable(table)
		}
	}
	if d := gocmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if d := gocmp.Diff([]string{"TOOBIG cell f:large of row x has 5007 bytes, row_max is 4096"}, bad); d != "" {
		t.Error(d)
	}
}

// TestVersionsWithinLimits: cells that nobody reads do not count, and what is written meanwhile does not push out what is owed.
func TestVersionsWithinLimits(t *testing.T) {
	c := newCluster(t)
	table := c.name(t)
	c.tool.Create(table, []string{"f:9", "g"})
	put := func(stamps ...int64) {
		for _, stamp := range stamps {
			c.tool.Put(table, hbasetool.Cell{Row: "k", Family: "f", Qualifier: "a", Value: fmt.Sprint("a", stamp), Timestamp: stamp})
		}
		c.tool.Flush()
	}
	c.tool.Put(table, hbasetool.Cell{Row: "k", Family: "g", Qualifier: "img", Value: strings.Repeat("x", 9000), Timestamp: 50})
	put(100, 200, 300)
	o := map[string]any{"versions": 2, "row": map[string]any{"encoding": "string"}, "columns": []map[string]any{{"column": "f:a", "name": "a"}}, "row_max": 4096}
	r, s := newReader(t, open(t, c.server), table, o)
	rows, at, bad := readFrom(t, r, s, connector.Shard{}, nil)
	if want := []string{"k|300|a300", "k|200|a200", "k|50|"}; !slices.Equal(rows, want) || len(bad) > 0 {
		t.Fatalf("got %q and %+v, want %q", rows, bad, want)
	}
	put(time.Now().Add(time.Hour).UnixMilli())
	rest, _, _ := readFrom(t, r, s, connector.Shard{}, at[2])
	if want := []string{"k|50|"}; !slices.Equal(rest, want) {
		t.Errorf("behind two versions: %q, want %q", rest, want)
	}
	one, _, _ := readFrom(t, r, s, connector.Shard{}, nil)
	if !slices.Equal(one, rows) {
		t.Errorf("from the beginning: %q, want %q", one, rows)
	}
}
