package hbase_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/hbase"
	"github.com/towpath/towpath/tools/testservers/hbasetool"
)

// TestFilter: rows that meet all conditions by their newest values, whole, also where they come in parts.
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
		`source.options.filter.0.column: ":a" is no column`:                                                             {"column": ":a", "is": "there"},
		`source.options.filter.0.value: "x" is no long (TYPE)`:                                                          {"column": "f:a", "is": "=", "value": "x", "encoding": "long"},
		`source.options.filter.0.encoding: the server compares bytes, and equal decimals may have others`:               {"column": "f:a", "is": "=", "value": "1.0", "encoding": "decimal"},
		`source.options.filter.0.is: the server compares bytes, whose order is not that of long`:                        {"column": "f:a", "is": "<", "value": "1", "encoding": "long"},
		`source.options.filter.0.value: a column that is to be there is not compared with "x"`:                          {"column": "f:a", "is": "there", "value": "x"},
		`source.options.filter.0.value: "\\x" has a backslash that begins no byte`:                                      {"column": "f:a", "is": "=", "value": `\x`, "encoding": "bytes"},
		`source.options.filter.0.value: "-1" is no phoenix_unsigned_int: Phoenix's unsigned types hold nothing below 0`: {"column": "f:a", "is": "=", "value": "-1", "encoding": "phoenix_unsigned_int"},
		`source.options.filter.0.encoding: unknown encoding "varchar"`:                                                  {"column": "f:a", "is": "=", "value": "x", "encoding": "varchar"},
	} {
		_, err := hbase.Connector().Read(t.Context(), open(t, c.server), connector.Source{Dataset: table, Options: options(map[string]any{"filter": []map[string]any{condition}})})
		if err == nil || err.Error() != want {
			t.Errorf("%+v: %v, want %s", condition, err, want)
		}
	}
}
