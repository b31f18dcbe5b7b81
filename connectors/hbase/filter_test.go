package hbase_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/hbase"
	"github.com/towpath/towpath/record"
	"github.com/towpath/towpath/tools/testservers/hbasetool"
)

// TestFilter: rows that meet all conditions by their newest values, whole, however large; positions move on also where no row does.
func TestFilter(t *testing.T) {
	c := newCluster(t)
	table := c.name(t)
	c.tool.Create(table, []string{"f:3"}, "k4")
	long := func(n int64) string { return string(binary.BigEndian.AppendUint64(nil, uint64(n))) }
	put := func(row, qualifier, value string, stamp int64) {
		c.tool.Put(table, hbasetool.Cell{Row: row, Family: "f", Qualifier: qualifier, Value: value, Timestamp: stamp})
	}
	for i := range 8 {
		row := fmt.Sprintf("k%d", i)
		put(row, "n", long(int64(i%3-1)), 10)
		put(row, "name", string(rune('a'+i)), 10)
		put(row, "sorted", string([]byte{0x7F + byte(i/2%2), 0xFF * byte(1-i/2%2), 0xFF * byte(1-i/2%2), byte(i % 4)}), 10) // -256 and -255, 2 and 3
		put(row, "pad", strings.Repeat("p", 5000), 10)
	}
	put("k2", "state", "open", 10)
	put("k2", "state", "closed", 20)
	put("k3", "state", "open", 10)
	put("k6", "state", "", 10)
	put("k9", "other", "x", 10)
	for row, value := range map[string]string{"k0": "\xFF", "k1": "\x01", "k2": "\x00", "k3": "no"} {
		put(row, "flag", value, 10)
	}
	put("k0", "phoenix", "", 10)
	put("k1", "phoenix", "\x80\x00\x00\x05", 10)
	c.tool.Flush()
	condition := func(column, is, value, encoding string) map[string]any {
		return map[string]any{"column": column, "is": is, "value": value, "encoding": encoding}
	}
	for name, test := range map[string]struct {
		filter []map[string]any
		want   string
	}{
		"none":      {nil, "k0 k1 k2 k3 k4 k5 k6 k7 k9"},
		"long":      {[]map[string]any{condition("f:n", "=", "-1", "long")}, "k0 k3 k6"},
		"not":       {[]map[string]any{condition("f:n", "!=", "-1", "long")}, "k1 k2 k4 k5 k7"},
		"less":      {[]map[string]any{condition("f:name", "<", "c", "")}, "k0 k1"},
		"up to":     {[]map[string]any{condition("f:name", "<=", "c", "")}, "k0 k1 k2"},
		"more":      {[]map[string]any{condition("f:name", ">", "f", "string")}, "k6 k7"},
		"bytes":     {[]map[string]any{condition("f:name", ">=", `\x67`, "bytes")}, "k6 k7"},
		"sorted":    {[]map[string]any{condition("f:sorted", "<", "1", "phoenix_integer")}, "k0 k1 k4 k5"},
		"both":      {[]map[string]any{condition("f:n", "=", "-1", "long"), condition("f:name", ">", "c", "")}, "k3 k6"},
		"newest":    {[]map[string]any{condition("f:state", "=", "open", "")}, "k3"},
		"there":     {[]map[string]any{condition("f:state", "there", "", "")}, "k2 k3 k6"},
		"true":      {[]map[string]any{condition("f:flag", "=", "true", "boolean")}, "k0 k1 k3"}, // what is no boolean is dirty, not left out
		"not true":  {[]map[string]any{condition("f:flag", "!=", "true", "boolean")}, "k2"},
		"false":     {[]map[string]any{condition("f:flag", "=", "false", "boolean")}, "k2"},
		"not NULL":  {[]map[string]any{condition("f:phoenix", "<", "7", "phoenix_integer")}, "k1"},
		"not 4":     {[]map[string]any{condition("f:phoenix", "!=", "4", "phoenix_integer")}, "k1"},
		"is there":  {[]map[string]any{condition("f:phoenix", "there", "", "phoenix_integer")}, "k1"},
		"no column": {[]map[string]any{condition("f:nothing", "there", "", "")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r, s := newReader(t, open(t, c.server), table, map[string]any{"row": map[string]any{"encoding": "string"}, "columns": []map[string]any{{"column": "f:pad"}},
				"filter": test.filter, "fetch_bytes": 4096})
			lines, _, _ := readFrom(t, r, s, connector.Shard{}, nil)
			var got []string
			for _, line := range lines {
				row, pad, _ := strings.Cut(line, "|")
				if len(pad) != 5000 && row != "k9" {
					t.Errorf("row %s has %d of 5000 bytes", row, len(pad))
				}
				got = append(got, row)
			}
			if d := gocmp.Diff(test.want, strings.Join(got, " ")); d != "" {
				t.Error(d)
			}
		})
	}
	// with skip_empty a row is left out that has the condition's column alone
	r, s := newReader(t, open(t, c.server), table, map[string]any{"row": map[string]any{"encoding": "string"}, "columns": []map[string]any{{"column": "f:state"}, {"column": "f:other"}},
		"filter": []map[string]any{condition("f:name", ">=", "c", "")}, "skip_empty": true})
	got, _, _ := readFrom(t, r, s, connector.Shard{}, nil)
	if d := gocmp.Diff([]string{"k2|closed|", "k3|open|", "k6||"}, got); d != "" {
		t.Error(d)
	}
}

func TestConditionsThatAreNone(t *testing.T) {
	c := newCluster(t)
	table := c.name(t)
	c.tool.Create(table, []string{"f"})
	for want, condition := range map[string]map[string]any{
		`source.options.filter.0.column: ":a" is no column`:                                                                   {"column": ":a", "is": "there"},
		`source.options.filter.0.value: "x" is no long (TYPE)`:                                                                {"column": "f:a", "is": "=", "value": "x", "encoding": "long"},
		`source.options.filter.0.encoding: the server compares bytes, and equal values of decimal may have others`:            {"column": "f:a", "is": "=", "value": "1.0", "encoding": "decimal"},
		`source.options.filter.0.is: the server compares bytes, whose order is not that of long`:                              {"column": "f:a", "is": "<", "value": "1", "encoding": "long"},
		`source.options.filter.0.value: a column that is to be there is not compared with "x"`:                                {"column": "f:a", "is": "there", "value": "x"},
		`source.options.filter.0.value: "\\x" has a backslash that begins no byte`:                                            {"column": "f:a", "is": "=", "value": `\x`, "encoding": "bytes"},
		`source.options.filter.0.value: "-1" is no phoenix_unsigned_int: Phoenix's unsigned types hold nothing below 0`:       {"column": "f:a", "is": "=", "value": "-1", "encoding": "phoenix_unsigned_int"},
		`source.options.filter.0.encoding: the server compares bytes, and equal values of text decimal(10,2) may have others`: {"column": "f:a", "is": "=", "value": "1.5", "encoding": "text decimal(10,2)"},
		`source.options.filter.0.encoding: the server compares bytes, and equal values of phoenix_timestamp may have others`:  {"column": "f:a", "is": "=", "value": "2026-01-02 03:04:05Z", "encoding": "phoenix_timestamp"},
		`source.options.filter.0.value: the server compares bytes, and 0 has more than one form in them`:                      {"column": "f:a", "is": "=", "value": "0", "encoding": "double"},
		`source.options.filter.0.encoding: unknown encoding "varchar"`:                                                        {"column": "f:a", "is": "=", "value": "x", "encoding": "varchar"},
	} {
		_, err := hbase.Connector().Read(t.Context(), open(t, c.server), connector.Source{Dataset: table, Options: options(map[string]any{"filter": []map[string]any{condition}})})
		if err == nil || err.Error() != want {
			t.Errorf("%+v: %v, want %s", condition, err, want)
		}
	}
}

// TestFilterMovesOn: at the border of each region it is told that its rows are read, though none of them passed; from there nothing is missed.
func TestFilterMovesOn(t *testing.T) {
	c := newCluster(t)
	table := c.name(t)
	fill(c.tool, table, 300, "k000100", "k000200")
	c.tool.Put(table, hbasetool.Cell{Row: "k000250", Family: "f", Qualifier: "mark", Value: "here"})
	c.tool.Flush()
	r, s := newReader(t, open(t, c.server), table, numbers(map[string]any{"filter": []map[string]any{{"column": "f:mark", "is": "there"}}}))
	var positions []connector.Position
	for chunk, err := range r.Read(t.Context(), connector.Query{Schema: s, Batches: record.NewPool(0)}) {
		if err != nil {
			t.Fatal(err)
		}
		if chunk.Batch != nil {
			chunk.Batch.Release()
		}
		positions = append(positions, chunk.After)
	}
	if len(positions) != 3 {
		t.Fatalf("%d positions, want one at each of two borders and one at the end", len(positions))
	}
	for i, from := range positions {
		rows, _, _ := readFrom(t, r, s, connector.Shard{}, from)
		if want := []int{1, 1, 0}[i]; len(rows) != want {
			t.Errorf("behind position %d: %q, want %d rows", i, rows, want)
		}
		shards, err := r.Split(t.Context(), connector.Shard{}, from, connector.Hint{})
		if want := []int{2, 1, 1}[i]; err != nil || len(shards) != want {
			t.Errorf("behind position %d: %d shards, %v; want %d", i, len(shards), err, want)
		}
	}
	// the region's first row is behind its border
	all, s := newReader(t, open(t, c.server), table, numbers(nil))
	if rows, _, _ := readFrom(t, all, s, connector.Shard{}, positions[0]); len(rows) != 200 {
		t.Errorf("behind the first border %d rows, want 200", len(rows))
	}
	other, err := hbase.Connector().Read(t.Context(), open(t, c.server), connector.Source{Dataset: table, Options: options(map[string]any{"filter": []map[string]any{{"column": "zz:a", "is": "there"}}})})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err = other.Schema(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "source.options.filter: ") || !strings.Contains(err.Error(), "Column family zz does not exist") {
		t.Errorf("a condition on a family that is not there: %v", err)
	}
}
