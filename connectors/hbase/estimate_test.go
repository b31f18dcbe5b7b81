package hbase_test

import (
	"slices"
	"testing"

	"github.com/towpath/towpath/connector"
)

// estimated cuts a table and returns the estimates of its shards together.
func estimated(t *testing.T, r connector.Reader, shards int) (rows, bytes int64, of []int64) {
	t.Helper()
	all, err := r.Split(t.Context(), connector.Shard{}, nil, connector.Hint{Shards: shards})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		rows, bytes, of = rows+s.Rows, bytes+s.Bytes, append(of, s.Rows)
	}
	return rows, bytes, of
}

// TestEstimates: small tables are counted, and large ones are told by the sizes of their regions, in files and in memory.
func TestEstimates(t *testing.T) {
	c := newCluster(t)
	client := open(t, c.server)
	small := c.name(t)
	fill(c.tool, small, 300, "k000100", "k000250")
	for _, test := range []struct {
		options map[string]any
		want    []int64
	}{{nil, []int64{100, 150, 50}}, {map[string]any{"start_row": "k000050", "stop_row": "k000120"}, []int64{50, 20}}} {
		r, _ := newReader(t, client, small, numbers(test.options))
		if rows, bytes, of := estimated(t, r, 0); !slices.Equal(of, test.want) || bytes < 20*rows || bytes > 200*rows {
			t.Errorf("%v: about %d rows, %d bytes: %v", test.options, rows, bytes, of)
		}
	}
	each, _ := newReader(t, client, small, map[string]any{"cells": true, "row": map[string]any{"encoding": "string"}})
	if rows, _, _ := estimated(t, each, 0); rows != int64(len(c.tool.Scan(small))) {
		t.Errorf("about %d rows, want one for each of %d cells", rows, len(c.tool.Scan(small)))
	}
	empty := c.name(t)
	c.tool.Create(empty, []string{"f"})
	r, _ := newReader(t, client, empty, numbers(nil))
	if rows, bytes, _ := estimated(t, r, 0); rows != 0 || bytes != 0 {
		t.Errorf("empty: about %d rows, %d bytes", rows, bytes)
	}
	const generated = 60_000
	for _, test := range []struct {
		name    string
		command []string // beside table and rows
		splits  []string
		shards  int
	}{{"in files", nil, []string{"k000020000", "k000050000"}, 0}, {"in memory", []string{"unflushed"}, nil, 4}} {
		table := c.name(t)
		c.tool.Create(table, []string{"f"}, test.splits...)
		if _, err := c.tool.Try(append([]string{"generate", table, "60000"}, test.command...)...); err != nil {
			t.Fatal(err)
		}
		r, _ := newReader(t, client, table, map[string]any{"row": map[string]any{"encoding": "string"}, "columns": []map[string]any{{"column": "f:note"}}})
		var rows, bytes int64
		var of []int64
		for range 50 { // the servers report sizes some time later
			if rows, bytes, of = estimated(t, r, test.shards); rows > generated/2 && rows < 2*generated {
				break
			}
		}
		t.Logf("%s: about %d rows, %d bytes: %v", test.name, rows, bytes, of)
		if rows < generated/2 || rows > 2*generated || bytes < 200*generated || bytes > 1000*generated {
			t.Errorf("%s: about %d rows, %d bytes: %v", test.name, rows, bytes, of)
		}
	}
}
