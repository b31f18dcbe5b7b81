package record_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/towpath/towpath/record"
)

func TestAppendRowJSON(t *testing.T) {
	t.Parallel()
	types := []record.Type{typed(t, "int64"), typed(t, "text"), typed(t, "bytes"), typed(t, "date"), typed(t, "text"), typed(t, "datetime(0)")}
	b := table(t, types, []string{"1", "a\"\\\n\x01<\u2028🦀", "00ff", null, null, "2026-01-02 03:04:05"})
	b.Schema.Fields[0].Key = 1
	b.Schema.Fields[1].Name = `q"`
	b.Marks = []record.Mark{{Row: 0, Col: 3, Code: record.ZeroDate, Raw: []byte("0000-00-00")}, {Row: 0, Col: 4, Code: record.UTF8, Raw: []byte("a\xff")}}
	want := `{"a":"1","q\"":"a\"\\\n\u0001<` + "\u2028🦀" + `","c":"00ff","d":{"mark":"ZERODATE","raw":"0000-00-00"},"e":{"mark":"UTF8","hex":"61ff"},"f":"2026-01-02 03:04:05"}`
	got := record.AppendRowJSON([]byte("x"), b, 0, 0)
	if string(got) != "x"+want || !json.Valid(got[1:]) {
		t.Errorf("got  %s\nwant x%s", got, want)
	}
	for limit, want := range map[int]string{len(want) + 1: want, len(want) - 1: `{"a":"1"}`, 9: `{"a":"1"}`, 5: `{}`} {
		if got := string(record.AppendRowJSON(nil, b, 0, limit)); got != want {
			t.Errorf("at most %d bytes: %s, want %s", limit, got, want)
		}
	}
	lists := table(t, []record.Type{typed(t, "list(text)"), typed(t, "list(int32)"), typed(t, "list")}, []string{`["a\"\\","\u0001"]`, "[0:1]=[1,null]", null})
	lists.Cols[2] = record.NewVector(record.FormBytes)
	lists.Cols[2].AppendString("\x00\xff")
	want = `{"a":"[\"a\\\"\\\\\",\"\\u0001\"]","b":"[0:1]=[1,null]","c":"00ff"}`
	if got := record.AppendRowJSON(nil, lists, 0, 0); string(got) != want || !json.Valid(got) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	b.Schema.Fields[0].Key, b.Schema.Fields[1].Key = 0, 1
	b.Cols[1] = column(t, types[1], strings.Repeat("k", 100_000))
	if got := string(record.AppendRowJSON(nil, b, 0, 64<<10)); got != `{"q\"":null}` {
		t.Errorf("a key that is too long: %s", got)
	}
}
