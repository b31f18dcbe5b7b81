package elasticsearch

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// script answers bulk requests as no server does on demand; everything else it answers like an empty cluster with one index.
type script struct {
	mu     sync.Mutex
	bodies [][]string // the ids of each bulk request
	most   int64      // bytes of a longer bulk request are not read, and its connection is reset; 0: any length
	gone   bool       // every connection is reset
	answer func(request int, ids []string) (status int, header http.Header, body string)
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case s.most > 0 && r.ContentLength > s.most, s.gone:
		reset(w)
	case r.URL.Path == "/":
		fmt.Fprint(w, `{"cluster_uuid":"c","version":{"number":"8.19.0"}}`)
	case r.URL.Path == "/_cluster/state/blocks":
		fmt.Fprint(w, `{}`)
	case strings.HasSuffix(r.URL.Path, "/_bulk"):
		body, _ := io.ReadAll(r.Body)
		var ids []string
		for line := range strings.Lines(string(body)) {
			if _, rest, ok := strings.Cut(line, `"_id":"`); ok {
				id, _, _ := strings.Cut(rest, `"`)
				ids = append(ids, id)
			}
		}
		s.mu.Lock()
		s.bodies = append(s.bodies, ids)
		n := len(s.bodies)
		s.mu.Unlock()
		status, header, text := s.answer(n, ids)
		for k, v := range header {
			w.Header()[k] = v
		}
		w.WriteHeader(status)
		fmt.Fprint(w, text)
	default:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"error":{"type":"resource_not_found_exception","reason":"not in the script"},"status":404}`)
	}
}

// reset ends a connection as a proxy does that answers before it has read the request: what it wrote is lost on the way.
func reset(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}

// scripted returns a shard writer whose bulk requests the script answers; its index is never made.
func scripted(t *testing.T, s *script, mode connector.Mode, options string) connector.ShardWriter {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	c := openClient(t, fmt.Sprintf(`{"urls":[%q]}`, server.URL))
	w := openWriter(t, c, connector.Sink{Dataset: "orders", Mode: mode, Run: "r1", Options: []byte(options)}).(*writer)
	target, err := w.Plan(t.Context(), numbered(t))
	if err != nil {
		t.Fatalf("plan: %v", err)
	}
	if w.encode, err = newEncoder(target.Stored, []string{"long", "text"}); err != nil {
		t.Fatalf("encoder: %v", err)
	}
	w.target, w.plan = target, scheme{Index: "orders", Marker: "orders__tw_r1_w", Keyed: true, Types: []string{"long", "text"}}
	return newShardWriter(w, connector.Shard{ID: "s1"}, connector.Lease{Run: "r1", Stamp: 1000}, state{})
}

func numbered(t *testing.T) *record.Schema { return schemaOf(t, 1, "id int64", "note text") }

func numbers(t *testing.T, n int) *record.Batch {
	var rows [][]string
	for i := range n {
		rows = append(rows, []string{fmt.Sprint(i), "n"})
	}
	return batchOf(t, numbered(t), rows...)
}

// items makes a bulk answer from the status of each row.
func items(ids []string, statusOf func(id string) (int, string)) string {
	var parts []string
	failed := false
	for i, id := range ids {
		status, fault := statusOf(id)
		if status < 300 {
			parts = append(parts, fmt.Sprintf(`{"index":{"_seq_no":%d,"status":%d}}`, i, status))
			continue
		}
		failed = true
		parts = append(parts, fmt.Sprintf(`{"index":{"status":%d,"error":%s}}`, status, fault))
	}
	return fmt.Sprintf(`{"errors":%t,"items":[%s]}`, failed, strings.Join(parts, ","))
}

// Only what the server was too busy for goes again; the other failures become rejected rows with reason and column.
func TestMixedAnswers(t *testing.T) {
	t.Parallel()
	s := &script{answer: func(n int, ids []string) (int, http.Header, string) {
		return 200, nil, items(ids, func(id string) (int, string) {
			switch {
			case id == "1":
				return 400, `{"type":"mapper_parsing_exception","reason":"failed to parse field [note] of type [long] in document with id '1'","caused_by":{"reason":"For input string"}}`
			case id == "2":
				return 409, `{"type":"version_conflict_engine_exception","reason":"current version [2000] is higher"}`
			case id == "3" && n < 3:
				return 429, `{"type":"es_rejected_execution_exception","reason":"queue full"}`
			case id == "4" && n < 2:
				return 503, `{"type":"unavailable_shards_exception","reason":"primary is not active"}`
			}
			return 201, ""
		})
	}}
	out, err := scripted(t, s, connector.Upsert, `{}`).Write(t.Context(), []*record.Batch{numbers(t, 6)})
	if err != nil {
		t.Fatal(err)
	}
	if want := [][]string{{"0", "1", "2", "3", "4", "5"}, {"3", "4"}, {"3"}}; !cmp.Equal(s.bodies, want) {
		t.Errorf("requests %v, want %v", s.bodies, want)
	}
	want := []connector.Rejected{
		{RowRef: connector.RowRef{Row: 1}, Code: record.Rejected, Column: "note", Reason: "failed to parse field [note] of type [long] in document with id '1': For input string"},
		{RowRef: connector.RowRef{Row: 2}, Code: record.Rejected, Reason: "the index holds a newer version of this document: current version [2000] is higher"},
	}
	if d := cmp.Diff(want, out.Rejected); d != "" {
		t.Error(d)
	}
}

// A body that is too large is halved until it fits; a row that is too large alone is dirty.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	s := &script{answer: func(_ int, ids []string) (int, http.Header, string) {
		if len(ids) > 2 || slices.Contains(ids, "5") {
			return 413, nil, ""
		}
		return 200, nil, items(ids, func(string) (int, string) { return 201, "" })
	}}
	out, err := scripted(t, s, connector.Upsert, `{}`).Write(t.Context(), []*record.Batch{numbers(t, 8)})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Rejected) != 1 || out.Rejected[0].Row != 5 || out.Rejected[0].Code != record.TooBig {
		t.Errorf("rejected %+v, want row 5 as TOOBIG", out.Rejected)
	}
	written := 0
	for _, ids := range s.bodies {
		if len(ids) <= 2 && !slices.Contains(ids, "5") {
			written += len(ids)
		}
	}
	if written != 7 {
		t.Errorf("%d rows written, want 7", written)
	}
}

// A body whose connection is reset before an answer can be read is halved as well, while the node lives.
func TestResetWhileSending(t *testing.T) {
	t.Parallel()
	good := func(_ int, ids []string) (int, http.Header, string) {
		return 200, nil, items(ids, func(string) (int, string) { return 201, "" })
	}
	rows := [][]string{}
	for i := range 8 {
		rows = append(rows, []string{fmt.Sprint(i), strings.Repeat("n", 600_000)})
	}
	rows[5][1] = strings.Repeat("n", 3<<20)
	b := batchOf(t, numbered(t), rows...)
	s := &script{answer: good, most: 1300_000}
	out, err := scripted(t, s, connector.Upsert, `{"bulk_bytes":67108864}`).Write(t.Context(), []*record.Batch{b})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Rejected) != 1 || out.Rejected[0].Row != 5 || out.Rejected[0].Code != record.TooBig {
		t.Errorf("rejected %+v, want row 5 as TOOBIG", out.Rejected)
	}
	got := slices.Concat(s.bodies...)
	slices.Sort(got)
	if want := []string{"0", "1", "2", "3", "4", "6", "7"}; !slices.Equal(got, want) {
		t.Errorf("rows written %v, want %v", got, want)
	}

	dead := &script{answer: good}
	sw := scripted(t, dead, connector.Upsert, `{"bulk_bytes":67108864}`)
	dead.gone = true
	if _, err := sw.Write(t.Context(), []*record.Batch{b}); connector.ClassOf(err) != connector.Retry {
		t.Errorf("write to a node that is gone: %v, want class retry", err)
	}
}

// Whole answers end the group in the class that makes the engine do the right thing.
func TestRefusedRequests(t *testing.T) {
	t.Parallel()
	flood := `{"error":{"type":"cluster_block_exception","reason":"index [orders] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has read-only-allow-delete block];"},"status":429}`
	floodItem := `{"type":"cluster_block_exception","reason":"index [orders] blocked by: [FORBIDDEN/12/index read-only / allow delete (api), read-only-allow-delete block];"}`
	item := func(status int, fault string) func(int, []string) (int, http.Header, string) {
		return func(_ int, ids []string) (int, http.Header, string) {
			return 200, nil, items(ids, func(string) (int, string) { return status, fault })
		}
	}
	whole := func(status int, body string) func(int, []string) (int, http.Header, string) {
		return func(int, []string) (int, http.Header, string) {
			return status, http.Header{"Retry-After": {"7"}}, body
		}
	}
	for name, c := range map[string]struct {
		answer func(int, []string) (int, http.Header, string)
		class  connector.Class
		code   string
	}{
		"busy":            {whole(429, `{"error":{"type":"circuit_breaking_exception","reason":"too much"}}`), connector.Busy, "TOW-505"},
		"unavailable":     {whole(503, `{"error":"no master"}`), connector.Retry, "TOW-500"},
		"gateway":         {whole(502, `<html>`), connector.Retry, "TOW-500"},
		"flood":           {whole(429, flood), connector.Full, "TOW-506"},
		"flood of items":  {item(403, floodItem), connector.Full, "TOW-506"},
		"flood 429 items": {item(429, floodItem), connector.Full, "TOW-506"},
		"write block":     {item(403, `{"type":"cluster_block_exception","reason":"index [orders] blocked by: [FORBIDDEN/8/index write (api)];"}`), connector.Denied, "TOW-504"},
		"login":           {whole(401, `{"error":{"type":"security_exception","reason":"missing credentials"}}`), connector.Denied, "TOW-502"},
		"right":           {whole(403, `{"error":{"type":"security_exception","reason":"action is unauthorized"}}`), connector.Denied, "TOW-504"},
		"gone":            {item(404, `{"type":"index_not_found_exception","reason":"no such index [orders]"}`), connector.Changed, "TOW-507"},
		"remapped":        {item(400, `{"type":"strict_dynamic_mapping_exception","reason":"mapping set to strict"}`), connector.Changed, "TOW-507"},
		"busy items":      {item(429, `{"type":"es_rejected_execution_exception","reason":"queue full"}`), connector.Busy, "TOW-505"},
		"too few answers": {whole(200, `{"errors":false,"items":[{"index":{"_seq_no":1,"status":201}}]}`), connector.Retry, "TOW-509"},
		"empty answer":    {whole(200, `{"errors":true,"items":[{"index":{"_seq_no":1,"status":201}},{},{"index":{"_seq_no":2,"status":201}}]}`), connector.Retry, "TOW-509"},
		"no status":       {whole(200, `{"errors":true,"items":[{"index":{"_seq_no":1,"status":201}},{"index":{}},{"index":{"_seq_no":2,"status":201}}]}`), connector.Retry, "TOW-509"},
		"no answer":       {whole(200, `garbage`), connector.Retry, "TOW-509"},
		"bad request":     {whole(400, `{"error":{"type":"illegal_argument_exception","reason":"what"}}`), connector.Config, "TOW-516"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := scripted(t, &script{answer: c.answer}, connector.Upsert, `{"patience_seconds":0}`).Write(t.Context(), []*record.Batch{numbers(t, 3)})
			if got := connector.ClassOf(err); got != c.class {
				t.Fatalf("class %s of %v, want %s", got, err, c.class)
			}
			e := err.(*connector.Error)
			if e.Code != c.code {
				t.Errorf("code %s, want %s", e.Code, c.code)
			}
			if c.class == connector.Busy && name == "busy" && e.After != 7*time.Second {
				t.Errorf("after %s, want the server's 7s", e.After)
			}
		})
	}
}

// A row that the server refuses leaves its key to the earlier row that it would have replaced.
func TestPredecessorTakesOver(t *testing.T) {
	t.Parallel()
	s := &script{answer: func(n int, ids []string) (int, http.Header, string) {
		return 200, nil, items(ids, func(id string) (int, string) {
			if n == 1 && id == "7" {
				return 400, `{"type":"mapper_parsing_exception","reason":"no"}`
			}
			return 201, ""
		})
	}}
	b := batchOf(t, numbered(t), []string{"7", "first"}, []string{"8", "x"}, []string{"7", "second"}, []string{"7", "third"})
	out, err := scripted(t, s, connector.Upsert, `{}`).Write(t.Context(), []*record.Batch{b})
	if err != nil {
		t.Fatal(err)
	}
	if want := [][]string{{"8", "7"}, {"7"}}; !cmp.Equal(s.bodies, want) {
		t.Errorf("requests %v, want %v", s.bodies, want)
	}
	if len(out.Rejected) != 1 || out.Rejected[0].Row != 3 || !slices.Equal(out.Superseded, []connector.RowRef{{Row: 0}}) {
		t.Errorf("rejected %v, superseded %v; want row 3 and row 0", out.Rejected, out.Superseded)
	}
}

// Bodies are cut at their size, sent side by side, and lose no row.
func TestBodiesAreCut(t *testing.T) {
	t.Parallel()
	s := &script{answer: func(_ int, ids []string) (int, http.Header, string) {
		return 200, nil, items(ids, func(string) (int, string) { return 200, "" })
	}}
	sw := scripted(t, s, connector.Upsert, `{"bulk_bytes":65536,"concurrency":3}`)
	for range 3 {
		if _, err := sw.Write(t.Context(), []*record.Batch{numbers(t, 4096), record.NewBatch(numbered(t)), numbers(t, 5)}); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]int{}
	for _, ids := range s.bodies {
		for _, id := range ids {
			seen[id]++
		}
	}
	if len(seen) != 4096 || seen["0"] != 3 || seen["4095"] != 3 {
		t.Errorf("%d ids, first %d times, last %d times; want 4096, 3, 3", len(seen), seen["0"], seen["4095"])
	}
	if len(s.bodies) < 9 {
		t.Errorf("%d requests, want bodies of 64 KiB", len(s.bodies))
	}
}

// A cancelled Write returns at once, also out of a back-off.
func TestCancelEndsBackOff(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 100)
	s := &script{answer: func(int, []string) (int, http.Header, string) {
		asked <- struct{}{}
		return 429, http.Header{"Retry-After": {"20"}}, `{}`
	}}
	sw := scripted(t, s, connector.Upsert, `{"patience_seconds":60}`)
	ctx, cancel := contextWithCancel(t)
	done := make(chan error, 1)
	go func() {
		_, err := sw.Write(ctx, []*record.Batch{numbers(t, 3)})
		done <- err
	}()
	<-asked
	cancel()
	select {
	case err := <-done:
		if err == nil {
			t.Error("write returned no error")
		}
	case <-time.After(5 * time.Second):
		t.Error("write went on after its context ended")
	}
}

// emptyCluster is a stand-in that holds no index.
func emptyCluster(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(&script{})
	t.Cleanup(s.Close)
	return s.URL
}
