package elasticsearch

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// lossy stands before a real node under two addresses. Once armed, the answer to the first request of that method, path and
// part of a body is lost, after the node has carried the request out.
type lossy struct {
	proxy http.Handler
	armed atomic.Pointer[[3]string]
	lost  atomic.Int32
}

func (l *lossy) arm(method, path, body string) { l.armed.Store(&[3]string{method, path, body}) }

func (l *lossy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if a := l.armed.Load(); a != nil && r.Method == a[0] && strings.HasSuffix(r.URL.Path, a[1]) && bytes.Contains(body, []byte(a[2])) && l.armed.CompareAndSwap(a, nil) {
		l.lost.Add(1)
		l.proxy.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}
	l.proxy.ServeHTTP(w, r)
}

func newLossy(t *testing.T, s *search) (l *lossy, options string) {
	t.Helper()
	u, err := url.Parse(s.base)
	if err != nil {
		t.Fatal(err)
	}
	l = &lossy{proxy: httputil.NewSingleHostReverseProxy(u)}
	one, two := httptest.NewServer(l), httptest.NewServer(l)
	t.Cleanup(one.Close)
	t.Cleanup(two.Close)
	return l, fmt.Sprintf(`{"urls":[%q,%q]}`, one.URL, two.URL)
}

// A request whose answer was lost is repeated at another node; what it finds done is done.
func TestLostAnswers(t *testing.T) {
	onEach(t, func(t *testing.T, s *search) {
		name := s.newName(t)
		s.must(t, "PUT", "/"+name, `{}`)
		l, options := newLossy(t, s)
		c := openClient(t, options)
		r := start(t, c, connector.Sink{Dataset: name, Mode: connector.Replace, Run: newRun()}, numbered(t))
		write(t, r.sw, batchOf(t, numbered(t), []string{"1", "x"}))
		r.finish(t, connector.Seal)
		l.arm("POST", "/_aliases", "remove_index")
		r.finish(t, connector.Publish)
		if d := s.sources(t, name); len(d) != 1 || d["1"] == "" {
			t.Errorf("published %v", d)
		}
		l.arm("POST", "/_aliases", `"remove"`)
		if err := r.w.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		run := newRun()
		next := start(t, c, connector.Sink{Dataset: name, Mode: connector.Replace, Run: run}, numbered(t))
		l.arm("DELETE", "__tw_"+run, "")
		next.finish(t, connector.Drop)
		if n := l.lost.Load(); n != 3 {
			t.Errorf("%d answers were lost, want 3", n)
		}
	})
}

func notes(t *testing.T, texts ...string) *record.Batch {
	t.Helper()
	var all [][]string
	for _, x := range texts {
		all = append(all, []string{x})
	}
	return batchOf(t, schemaOf(t, 0, "note text"), all...)
}

func (s *search) documents(t *testing.T, dataset string) []string {
	t.Helper()
	var out []string
	for _, doc := range s.sources(t, dataset) {
		out = append(out, doc)
	}
	slices.Sort(out)
	return out
}

// Deletes that are repeated find nothing any more: they are done.
func TestLostPurge(t *testing.T) {
	onEach(t, func(t *testing.T, s *search) {
		l, options := newLossy(t, s)
		r := start(t, openClient(t, options), connector.Sink{Dataset: s.newName(t), Mode: connector.Replace, Run: newRun()}, schemaOf(t, 0, "note text"))
		write(t, r.sw, notes(t, "a", "b", "c", "d"))
		again := r.take(t, 2000, nil)
		write(t, again, notes(t, "a", "z"))
		l.arm("POST", "/_bulk", `{"delete"`)
		if _, err := again.Commit(t.Context(), connector.Checkpoint{Seq: 1, Done: true}); err != nil {
			t.Fatalf("commit: %v", err)
		}
		if n := l.lost.Load(); n != 1 {
			t.Errorf("%d answers were lost, want 1", n)
		}
		if d := cmp.Diff([]string{`{"note":"a"}`, `{"note":"z"}`}, s.documents(t, r.target.Owned)); d != "" {
			t.Error(d)
		}
	})
}

// The place of a row that a later attempt rejects keeps no row of an earlier one, wherever the attempt is cut.
func TestKeylessRejected(t *testing.T) {
	onEach(t, func(t *testing.T, s *search) {
		sink := connector.Sink{Dataset: s.newName(t), Mode: connector.Replace, Run: newRun(), Options: []byte(`{"columns":{"note":{"type":"long"}}}`)}
		r := start(t, openClient(t, s.options()), sink, schemaOf(t, 0, "note text"))
		write(t, r.sw, notes(t, "1", "2", "3", "4"))
		again := r.take(t, 2000, nil)
		write(t, again, notes(t, "1", "x"))
		out := write(t, again, notes(t, "3", "y"))
		if len(out.Rejected) != 1 || out.Rejected[0].Row != 1 {
			t.Errorf("rejected %+v, want row 1", out.Rejected)
		}
		if _, err := again.Commit(t.Context(), connector.Checkpoint{Seq: 1}); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]string{`{"note":"1"}`, `{"note":"3"}`}, s.documents(t, r.target.Owned)); d != "" {
			t.Error(d)
		}
	})
}
