package faults

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// verdict is what becomes of one row of a bulk request: 0 lets the server decide.
type verdict func(id string, offered int) int

// refusing is a proxy that takes rows out of bulk requests and answers for them itself; the server answers for the rest, so that
// each answer is true: what it says was refused was not written.
type refusing struct {
	url    string
	decide verdict
	whole  func(n int) (status int, header http.Header) // instead of the n-th bulk request; status 0: let it through
	pass   http.Handler

	mu      sync.Mutex
	bulks   int
	offered map[string]int // how often each row came
	given   map[int]int    // how often each status was given
}

func newRefusing(t *testing.T, server string) *refusing {
	t.Helper()
	to, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	r := &refusing{offered: map[string]int{}, given: map[int]int{}, pass: httputil.NewSingleHostReverseProxy(to),
		decide: func(string, int) int { return 0 }, whole: func(int) (int, http.Header) { return 0, nil }}
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	r.url = strings.TrimPrefix(s.URL, "http://")
	return r
}

// gave is how often a status was given for a row, or for a whole request.
func (r *refusing) gave(status int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.given[status]
}

func (r *refusing) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if !strings.HasSuffix(req.URL.Path, "/_bulk") {
		r.pass.ServeHTTP(w, req)
		return
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.mu.Lock()
	r.bulks++
	status, header := r.whole(r.bulks)
	if status != 0 {
		r.given[status]++
	}
	r.mu.Unlock()
	if status != 0 {
		for name, values := range header {
			w.Header()[name] = values
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"error":{"type":"es_rejected_execution_exception","reason":"planted"},"status":`+http.StatusText(status)+`}`)
		return
	}
	r.bulk(w, req, body)
}

// item is an answer of the proxy for a row.
type item map[string]map[string]any

// bulk lets the rows through that it has no verdict for, and puts its answers between the server's.
func (r *refusing) bulk(w http.ResponseWriter, req *http.Request, body []byte) {
	var through []byte
	var own []item // by place; nil: the server's
	lines := bytes.SplitAfter(body, []byte("\n"))
	for i := 0; i+1 < len(lines); i += 2 {
		verdict := r.verdict(lines[i])
		own = append(own, verdict)
		if verdict == nil {
			through = append(append(through, lines[i]...), lines[i+1]...)
		}
	}
	var answer struct {
		Errors bool              `json:"errors"`
		Items  []json.RawMessage `json:"items"`
	}
	if len(through) > 0 {
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(through)), int64(len(through))
		got := httptest.NewRecorder()
		r.pass.ServeHTTP(got, req)
		if got.Code != http.StatusOK || json.Unmarshal(got.Body.Bytes(), &answer) != nil {
			w.WriteHeader(got.Code)
			_, _ = w.Write(got.Body.Bytes())
			return
		}
	}
	merged := []any{}
	for _, verdict := range own {
		if verdict != nil {
			answer.Errors = true
			merged = append(merged, verdict)
		} else {
			merged = append(merged, answer.Items[0])
			answer.Items = answer.Items[1:]
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": answer.Errors, "items": merged})
}

func (r *refusing) verdict(action []byte) item {
	var a map[string]struct {
		ID string `json:"_id"`
	}
	if json.Unmarshal(action, &a) != nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for kind, meta := range a {
		r.offered[meta.ID]++
		status := r.decide(meta.ID, r.offered[meta.ID])
		if status == 0 {
			return nil
		}
		r.given[status]++
		kinds := map[int]string{400: "document_parsing_exception", 409: "version_conflict_engine_exception", 429: "es_rejected_execution_exception",
			503: "unavailable_shards_exception"}
		return item{kind: {"status": status, "error": map[string]any{"type": kinds[status], "reason": "planted: failed to parse field [note]"}}}
	}
	return nil
}
