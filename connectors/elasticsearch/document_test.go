package elasticsearch

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// Any text is one JSON string that reads back as itself, on one line.
func TestQuotedIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Filter(utf8.ValidString).Draw(t, "s")
		got := appendQuoted(nil, s)
		var back string
		if err := json.Unmarshal(got, &back); err != nil || back != s {
			t.Fatalf("%q became %s: %q, %v", s, got, back, err)
		}
		if strings.ContainsAny(string(got), "\n\r") {
			t.Fatalf("%q became more than a line: %q", s, got)
		}
	})
	if got := string(appendQuoted(nil, "<a&b>\u2028\x00\"\\")); got != `"<a&b>`+"\u2028"+`\u0000\"\\"` {
		t.Errorf("got %s", got)
	}
}

// Two different keys never share an id, and no id is empty or too long.
func TestIDsDiffer(t *testing.T) {
	t.Parallel()
	part := rapid.OneOf(rapid.SampledFrom([]string{"", "a", "1:", ":", "~tw:", "~tw:e:", "~tw:h:", "2:ab", strings.Repeat("k", 507), strings.Repeat("k", 512), strings.Repeat("k", 513)}),
		rapid.StringMatching(`[a:0-9~]{0,6}`))
	for _, columns := range [][]string{{"a text"}, {"a text", "b text"}, {"a text", "b text", "c text"}} {
		s := schemaOf(t, len(columns), columns...)
		k := ids{}
		for i := range s.Fields {
			k.key = append(k.key, keyColumn{i, &s.Fields[i].Type})
		}
		seen := map[string]string{}
		rapid.Check(t, func(rt *rapid.T) {
			cells := rapid.SliceOfN(part, len(columns), len(columns)).Draw(rt, "cells")
			id := string(k.append(nil, batchOf(t, s, cells), 0))
			key := fmt.Sprintf("%q", cells)
			if other, ok := seen[id]; ok && other != key {
				rt.Fatalf("%s and %s are both %q", key, other, id)
			}
			seen[id] = key
			if id == "" || len(id) > maxID {
				rt.Fatalf("%s has an id of %d bytes", key, len(id))
			}
		})
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		columns, cells []string
		want           string
	}{
		{[]string{"a int64"}, []string{"-42"}, "-42"},
		{[]string{"a uint64"}, []string{"18446744073709551615"}, "18446744073709551615"},
		{[]string{"a text"}, []string{"b|c"}, "b|c"},
		{[]string{"a text"}, []string{""}, "~tw:e:"},
		{[]string{"a text", "b text"}, []string{"a", "b|c"}, "1:a3:b|c"},
		{[]string{"a text", "b text"}, []string{"a|b", "c"}, "3:a|b1:c"},
		{[]string{"a decimal(10,2)"}, []string{"12.50"}, "12.50"},
		{[]string{"a uuid"}, []string{"0190c9f2-7b1a-7c3d-8e4f-001122334455"}, "0190c9f2-7b1a-7c3d-8e4f-001122334455"},
		{[]string{"a bytes"}, []string{"00ff"}, "AP8"},
		{[]string{"a bytes"}, []string{""}, "~tw:e:"},
		{[]string{"a bytes", "b int64"}, []string{"fbefff", "7"}, "4:--__1:7"},
	} {
		s := schemaOf(t, len(c.columns), c.columns...)
		e, err := newEncoder(s, make([]string, len(c.columns)))
		k := ids{}
		if err == nil {
			k.key = e.key
		} else {
			for i := range s.Fields {
				k.key = append(k.key, keyColumn{i, &s.Fields[i].Type})
			}
		}
		if got := string(k.append(nil, batchOf(t, s, c.cells), 0)); got != c.want {
			t.Errorf("%v: id %q, want %q", c.cells, got, c.want)
		}
	}
}

// mixed is a batch of 20 columns of mixed types, with what encoding/json needs to write the same documents.
func mixed(tb testing.TB, rows int) (*shardWriter, *record.Batch, []map[string]any) {
	tb.Helper()
	s := schemaOf(tb, 1, "id int64", "a int32", "b int32", "c uint32", "d int64", "e bool", "f bool", "g float64", "h float64", "i decimal(12,2)",
		"j decimal(10,4)", "k text", "l text", "m text", "n text", "o datetime(0)", "p datetime(6)", "q date", "r uuid", "s text")
	b := record.NewBatch(s)
	var maps []map[string]any
	for i := range rows {
		texts := []string{fmt.Sprint(i), fmt.Sprint(i * 3), fmt.Sprint(-i), fmt.Sprint(i), fmt.Sprint(i * 1e9), "true", "false", fmt.Sprint(float64(i) / 7), fmt.Sprint(float64(i) * 1.25),
			fmt.Sprintf("%d.25", i), fmt.Sprintf("%d.1234", i), "short", "customer " + fmt.Sprint(i), "a somewhat longer text, with a \"quote\"", "Grüße", "2026-01-02 03:04:05",
			"2026-01-02 03:04:05.123456", "2026-01-02", "0190c9f2-7b1a-7c3d-8e4f-001122334455", "status"}
		m := map[string]any{}
		for c, text := range texts {
			if code := record.AppendParsed(b.Cols[c], &s.Fields[c].Type, []byte(text)); code != "" {
				tb.Fatalf("%s: %s", text, code)
			}
			switch k := s.Fields[c].Type.Kind; k {
			case record.Int, record.Uint:
				m[s.Fields[c].Name] = int64(i)
			case record.Float:
				m[s.Fields[c].Name] = float64(i) / 7
			case record.Bool:
				m[s.Fields[c].Name] = true
			case record.Decimal:
				m[s.Fields[c].Name] = json.Number(text)
			case record.Datetime, record.Date:
				m[s.Fields[c].Name] = time.Date(2026, 1, 2, 3, 4, 5, 123456000, time.UTC)
			default:
				m[s.Fields[c].Name] = text
			}
		}
		maps = append(maps, m)
		b.Len++
	}
	var types []string
	for i := range s.Fields {
		types = append(types, defaultType(s.Fields[i].Type, server{}))
	}
	e, err := newEncoder(s, types)
	if err != nil {
		tb.Fatal(err)
	}
	w := &writer{client: &client{}, options: defaultWriting(), encode: e, plan: scheme{Keyed: true}}
	return newShardWriter(w, connector.Shard{ID: "s"}, connector.Lease{Stamp: 1764000000000}, state{}), b, maps
}

// fillBody is what Write does before it sends.
func fillBody(s *shardWriter, group []*record.Batch, body *bulkBody) {
	s.begin(group)
	s.check()
	s.makeIDs()
	body.buf, body.rows, body.ends = body.buf[:0], body.rows[:0], body.ends[:0]
	for row := range s.rows {
		s.appendRow(body, row)
	}
}

func TestBodyAllocatesNothing(t *testing.T) {
	s, b, _ := mixed(t, 1000)
	group, body := []*record.Batch{b}, new(bulkBody)
	fillBody(s, group, body)
	if n := testing.AllocsPerRun(10, func() { fillBody(s, group, body) }); n > 50 {
		t.Errorf("%v allocations for 1000 rows, want none that grow with the rows", n)
	}
	for line := range strings.Lines(string(body.buf)) {
		if !json.Valid([]byte(line)) {
			t.Fatalf("no JSON: %s", line)
		}
	}
}

func BenchmarkBody(b *testing.B) {
	const rows = 1000
	s, batch, maps := mixed(b, rows)
	b.Run("ours", func(b *testing.B) {
		group, body := []*record.Batch{batch}, new(bulkBody)
		b.ReportAllocs()
		for b.Loop() {
			fillBody(s, group, body)
		}
		b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds(), "rows/s")
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		var buf []byte
		for b.Loop() {
			buf = buf[:0]
			for _, m := range maps {
				action, err := json.Marshal(map[string]any{"index": map[string]any{"_id": fmt.Sprint(m["id"]), "version": 1764000000000, "version_type": "external_gte"}})
				if err != nil {
					b.Fatal(err)
				}
				doc, err := json.Marshal(m)
				if err != nil {
					b.Fatal(err)
				}
				buf = append(append(append(append(buf, action...), '\n'), doc...), '\n')
			}
		}
		b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds(), "rows/s")
	})
}
