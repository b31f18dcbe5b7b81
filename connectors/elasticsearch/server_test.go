package elasticsearch

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/record"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// realServers are those that tests run against.
func realServers() []string { return []string{"elasticsearch7", "elasticsearch8", "opensearch"} }

// onEach runs a test against each real server. One at a time: they share this machine's memory.
func onEach(t *testing.T, f func(t *testing.T, s *search)) {
	t.Helper()
	for _, name := range realServers() {
		t.Run(name, func(t *testing.T) { f(t, &search{base: servers.Need(t, name).URL}) })
	}
}

// tester is what the hooks need of a test, be it testing's or the suite's.
type tester interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(f func())
}

// search speaks to a server without the code under test.
type search struct{ base string }

func (s *search) ask(tb tester, method, path, body string) (int, []byte) {
	tb.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, s.base+path, strings.NewReader(body))
	if err != nil {
		tb.Fatalf("request: %v", err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatalf("ask: %v", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatalf("ask: %v", err)
	}
	return resp.StatusCode, b
}

// must is ask for what has to succeed.
func (s *search) must(tb tester, method, path, body string) []byte {
	tb.Helper()
	status, b := s.ask(tb, method, path, body)
	if status > 299 {
		tb.Fatalf("%s %s: %d %s", method, path, status, b)
	}
	return b
}

// newName returns a name of its own, and removes what comes to stand there.
func (s *search) newName(tb tester) string {
	name := "twtest-" + strings.ToLower(rand.Text()[:10])
	tb.Cleanup(func() {
		var found map[string]json.RawMessage
		if status, b := s.ask(tb, "GET", "/"+name+"*?expand_wildcards=all", ""); status == http.StatusOK && json.Unmarshal(b, &found) == nil {
			for index := range found {
				s.ask(tb, "DELETE", "/"+index, "")
			}
		}
	})
	return name
}

// hit is a document as the server shows it.
type hit struct {
	ID      string                     `json:"_id"`
	Version int64                      `json:"_version"`
	Source  map[string]json.RawMessage `json:"_source"`
}

func (s *search) hits(tb tester, dataset string) []hit {
	tb.Helper()
	if status, _ := s.ask(tb, "POST", "/"+dataset+"/_refresh", ""); status == http.StatusNotFound {
		return nil
	}
	var answer struct{ Hits struct{ Hits []hit } }
	if err := json.Unmarshal(s.must(tb, "GET", "/"+dataset+"/_search?size=10000&version=true", ""), &answer); err != nil {
		tb.Fatalf("read hits: %v", err)
	}
	return answer.Hits.Hits
}

// readBack returns the rows of an index from their _source.
func (s *search) readBack(tb tester, dataset string, schema *record.Schema) []connectortest.Row {
	tb.Helper()
	var rows []connectortest.Row
	for _, h := range s.hits(tb, dataset) {
		row := make(connectortest.Row, len(schema.Fields))
		for i := range schema.Fields {
			raw, ok := h.Source[schema.Fields[i].Name]
			if !ok {
				tb.Fatalf("document %s lacks %s", h.ID, schema.Fields[i].Name)
			}
			row[i] = cell(tb, &schema.Fields[i].Type, raw)
		}
		rows = append(rows, row)
	}
	return rows
}

// cell turns a JSON value into the text form of a type.
func cell(tb tester, t *record.Type, raw json.RawMessage) connectortest.Cell {
	tb.Helper()
	if string(raw) == "null" {
		return connectortest.Cell{Null: true}
	}
	text := string(raw)
	var list []string
	if raw[0] == '"' && t.Kind != record.JSON {
		_ = json.Unmarshal(raw, &text)
	}
	switch t.Kind {
	case record.List:
		text = listText(tb, t, raw)
	case record.Bytes, record.Document:
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			tb.Fatalf("base64: %v", err)
		}
		text = hex.EncodeToString(b)
	case record.Geometry:
		text = "00000000" + text
	case record.Datetime, record.Instant:
		text = strings.Replace(text, "T", " ", 1)
	case record.Year:
		text = fmt.Sprintf("%04s", text)
	case record.Set:
		_ = json.Unmarshal(raw, &list)
		text = strings.Join(list, ",")
	case record.Bit, record.Float:
		text = asText(tb, t, text)
	}
	return connectortest.Cell{Text: text}
}

// listText writes an array as the text form of a list.
func listText(tb tester, t *record.Type, raw json.RawMessage) string {
	tb.Helper()
	var nested func(raw json.RawMessage) string
	nested = func(raw json.RawMessage) string {
		var items []json.RawMessage
		if raw[0] != '[' {
			c := cell(tb, t.Elem, raw)
			quoted, err := json.Marshal(c.Text)
			if err != nil {
				tb.Fatalf("quote %q: %v", c.Text, err)
			}
			if c.Null {
				return "null"
			}
			if t.Elem.Kind == record.Bool {
				return c.Text
			}
			return string(quoted)
		}
		if err := json.Unmarshal(raw, &items); err != nil {
			tb.Fatalf("read array: %v", err)
		}
		if t.Elem.Kind == record.List {
			for i, item := range items {
				if string(item) != "null" {
					text, err := json.Marshal(listText(tb, t.Elem, item))
					if err != nil {
						tb.Fatalf("quote: %v", err)
					}
					items[i] = text
				}
			}
			text, err := json.Marshal(items)
			if err != nil {
				tb.Fatalf("write array: %v", err)
			}
			return string(text)
		}
		texts := make([]string, len(items))
		for i, item := range items {
			texts[i] = nested(item)
		}
		return "[" + strings.Join(texts, ",") + "]"
	}
	text := nested(raw)
	v := record.NewVector(t.Form())
	if code := record.AppendParsed(v, t, []byte(text)); code != "" {
		tb.Fatalf("read %s as %s: %s", text, t, code)
	}
	return string(record.AppendText(nil, t, v, 0))
}

// asText brings a number into the text form of its type.
func asText(tb tester, t *record.Type, text string) string {
	tb.Helper()
	v := record.NewVector(t.Form())
	switch {
	case t.Kind == record.Float:
		if code := record.AppendParsed(v, t, []byte(text)); code != "" {
			tb.Fatalf("read %s as %s: %s", text, t, code)
		}
	case t.Form() == record.FormUint64:
		var n uint64
		if _, err := fmt.Sscan(text, &n); err != nil {
			tb.Fatalf("read %s: %v", text, err)
		}
		v.AppendUint64(n)
	default:
		return text
	}
	return string(record.AppendText(nil, t, v, 0))
}

func (s *search) connection() json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"urls":[%q]}`, s.base))
}

// open opens a client over the connection's options.
func openClient(t *testing.T, options string) connector.Client {
	t.Helper()
	c, err := Connector().Open(t.Context(), connector.Connection{Name: "search", Options: json.RawMessage(options)})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// batchOf makes a batch of the schema from cells in text form; "\x00" is NULL.
func batchOf(t testing.TB, s *record.Schema, rows ...[]string) *record.Batch {
	t.Helper()
	b := record.NewBatch(s)
	for _, row := range rows {
		for i, text := range row {
			switch {
			case text == null:
				b.Cols[i].AppendNull()
				continue
			case s.Fields[i].Type.Kind == record.JSON: // also what is none
				b.Cols[i].AppendString(text)
				continue
			}
			if code := record.AppendParsed(b.Cols[i], &s.Fields[i].Type, []byte(text)); code != "" {
				t.Fatalf("cell %q of %s: %s", text, s.Fields[i].Name, code)
			}
		}
		b.Len++
	}
	return b
}

const null = "\x00"

// schemaOf makes a schema of "name type" texts, keyed by the first n.
func schemaOf(t testing.TB, key int, columns ...string) *record.Schema {
	t.Helper()
	s := &record.Schema{}
	for i, c := range columns {
		name, text, _ := strings.Cut(c, " ")
		typ, err := record.ParseType(text)
		if err != nil {
			t.Fatalf("type of %s: %v", name, err)
		}
		f := record.Field{Name: name, Type: typ, Nullable: true}
		if i < key {
			f.Key = i + 1
		}
		s.Fields = append(s.Fields, f)
	}
	return s
}

// run is a writer taken as far as a shard.
type run struct {
	w      connector.Writer
	target *connector.Target
	sw     connector.ShardWriter
}

func openWriter(t *testing.T, c connector.Client, sink connector.Sink) connector.Writer {
	t.Helper()
	w, err := Connector().Write(t.Context(), c, sink)
	if err != nil {
		t.Fatalf("writer: %v", err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

func start(t *testing.T, c connector.Client, sink connector.Sink, s *record.Schema) *run {
	t.Helper()
	r := &run{w: openWriter(t, c, sink)}
	var err error
	if r.target, err = r.w.Plan(t.Context(), s); err != nil {
		t.Fatalf("plan: %v", err)
	}
	if err := r.w.Prepare(t.Context(), r.target, true, nil); err != nil {
		t.Fatalf("prepare: %v", err)
	}
	r.sw = r.take(t, 1000, nil)
	return r
}

func (r *run) take(t *testing.T, stamp int64, st []byte) connector.ShardWriter {
	t.Helper()
	sw, _, err := r.w.Take(t.Context(), connector.Shard{ID: "s1", Stream: "x"}, connector.Lease{Run: "r", Epoch: stamp, Stamp: stamp}, connector.Checkpoint{State: st})
	if err != nil {
		t.Fatalf("take: %v", err)
	}
	return sw
}

func (r *run) finish(t *testing.T, phases ...connector.Phase) {
	t.Helper()
	for _, p := range phases {
		if err := r.w.Finish(t.Context(), p); err != nil {
			t.Fatalf("finish %s: %v", p, err)
		}
	}
}

func newRun() string { return strings.ToLower(rand.Text()[:6]) }
