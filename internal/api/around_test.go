package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/api/page"
	"github.com/towpath/towpath/internal/control/team"
	"github.com/towpath/towpath/internal/store"
)

func problemOf(t *testing.T, answer *http.Response) (p client.Problem) {
	t.Helper()
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&p); err != nil {
		t.Error(err)
	}
	return p
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	for _, plain := range []bool{true, false} {
		b := start(t, roles{}, func(o *Options) { o.Plain = plain })
		for _, path := range []string{"/", "/page.js", "/page.css", "/healthz", "/api/v1/session", "/nothing"} {
			answer, _ := b.ask(t, "GET", path, "")
			h := answer.Header
			for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"} {
				if h.Get(name) != want {
					t.Errorf("%s: %s is %q", path, name, h.Get(name))
				}
			}
			policy := h.Get("Content-Security-Policy")
			if !strings.HasPrefix(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
				t.Errorf("%s: policy %q", path, policy)
			}
			if got := h.Get("Strict-Transport-Security") != ""; got == plain {
				t.Errorf("%s: plain %v and strict transport %v", path, plain, got)
			}
		}
		answer, _ := b.ask(t, "DELETE", "/api/v1/session", "", "Cookie", "towpath=viewer@main; __Host-towpath=viewer@main")
		cookie := answer.Header.Get("Set-Cookie")
		want := map[bool]string{true: "towpath=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax", false: "__Host-towpath=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"}[plain]
		if answer.StatusCode != http.StatusNoContent || cookie != want {
			t.Errorf("got %s with cookie %q", answer.Status, cookie)
		}
	}
}

// TestSession: the cookie stands for its session, under its own name alone.
func TestSession(t *testing.T) {
	t.Parallel()
	b := start(t, roles{}, func(o *Options) { o.Plain = false })
	for cookie, want := range map[string]int{"__Host-towpath=viewer@main": 200, "towpath=viewer@main": 401, "__Host-towpath=": 401} {
		answer, text := b.ask(t, "GET", "/api/v1/session", "", "Cookie", cookie)
		if answer.StatusCode != want {
			t.Errorf("%s: got %s %s", cookie, answer.Status, text)
		}
	}
	_, text := b.ask(t, "GET", "/api/v1/session", "viewer@main", WorkspaceHeader, "other")
	var s client.Session
	if err := json.Unmarshal(text, &s); err != nil || s != (client.Session{Account: "viewer", Workspace: "other", Role: "none"}) {
		t.Errorf("got %s", text)
	}
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	b := start(t, roles{})
	s := &server{Options: Options{Team: b.team, Log: b.team.Log}}
	for _, c := range []struct {
		err    error
		status int
	}{
		{team.Actor{}.May(team.SeeRuns), 401},
		{team.Actor{Account: "a"}.May(team.SeeRuns), 403},
		{connector.Errorf(connector.Denied, "TOW-710", "no right at the source"), 422},
		{connector.Errorf(connector.Missing, "TOW-210", "no run"), 404},
		{connector.Errorf(connector.Config, "TOW-185", "too many rows"), 422},
		{connector.Errorf(connector.Config, "TOW-145", "run is stopped"), 409},
		{&connector.Error{Class: connector.Other, Code: "TOW-211", Err: &store.StateError{}}, 409},
		{connector.Errorf(connector.Config, "TOW-232", "changed since"), 412},
		{&connector.Error{Class: connector.Busy, Code: "TOW-201", Text: "locked"}, 503},
		{&connector.Error{Class: connector.Busy, Code: "TOW-270", Text: "too many attempts"}, 429},
		{connector.Errorf(connector.Retry, "TOW-701", "the source does not answer"), 502},
		{context.DeadlineExceeded, 504},
		{errors.New("secret-path/of.go"), 500},
		{connector.Errorf(connector.Other, "TOW-200", "secret-path: disk"), 500},
	} {
		err := s.problem(t.Context(), fmt.Errorf("handle: %w", c.err))
		p := err.(answered)
		if p.Status != c.status {
			t.Errorf("%v: got %d, want %d", c.err, p.Status, c.status)
		}
		if retry := p.GetHeaders().Get("Retry-After"); (retry != "") != (c.status == 503 || c.status == 429) {
			t.Errorf("%v: retry after %q", c.err, retry)
		}
		if text, _ := json.Marshal(err); strings.Contains(string(text), "secret-path") {
			t.Errorf("%s", text)
		}
	}
}

// broken panics where it is asked.
type broken struct{ roles }

func (broken) ByToken(context.Context, string, string) (team.Actor, error) { panic("secret-path") }

// TestPanic: a mistake of ours ends one request, and says nothing of itself.
func TestPanic(t *testing.T) {
	t.Parallel()
	b := start(t, broken{})
	answer, text := b.ask(t, "GET", "/api/v1/session", "root@main")
	if answer.StatusCode != 500 || strings.Contains(string(text), "secret-path") || !strings.Contains(string(text), "request") {
		t.Errorf("got %s %s", answer.Status, text)
	}
}

func TestReady(t *testing.T) {
	t.Parallel()
	b := start(t, roles{})
	if answer, _ := b.ask(t, "GET", "/readyz", ""); answer.StatusCode != 204 {
		t.Errorf("got %s", answer.Status)
	}
	answer, text := b.ask(t, "GET", "/metrics", "viewer@main")
	if answer.StatusCode != 200 || !strings.Contains(string(text), `towpath_http_request_seconds_count{method="GET",route="/readyz",status="204"} 1`) {
		t.Errorf("got %s %.500s", answer.Status, text)
	}
	b.team.Store.Close()
	if answer, text := b.ask(t, "GET", "/readyz", ""); answer.StatusCode != 503 || strings.Contains(string(text), ".db") {
		t.Errorf("got %s %s", answer.Status, text)
	}
	if answer, _ := b.ask(t, "GET", "/healthz", ""); answer.StatusCode != 204 {
		t.Errorf("got %s", answer.Status)
	}
}

// TestPage: it has no script or style of its own, which its policy forbids.
func TestPage(t *testing.T) {
	t.Parallel()
	text, err := page.Files.ReadFile("page.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, banned := range []string{"<style", " style=", " onclick=", " onsubmit=", "javascript:", "http://", "https://"} {
		if strings.Contains(string(text), banned) {
			t.Errorf("the page has %s", banned)
		}
	}
	if strings.Count(string(text), "<script") != strings.Count(string(text), "<script src=\"/page.js\" defer></script>") {
		t.Error("the page has a script in itself")
	}
}

// TestDocument: docs/reference/openapi.json is what the table says.
func TestDocument(t *testing.T) {
	t.Parallel()
	have, err := os.ReadFile("../../docs/reference/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != string(Document()) {
		t.Error("docs/reference/openapi.json is stale: make generate")
	}
}

// TestSlow: who sends its request bit by bit is not waited for.
func TestSlow(t *testing.T) {
	t.Parallel()
	s := Server(http.NotFoundHandler())
	if s.ReadHeaderTimeout == 0 || s.ReadTimeout == 0 || s.WriteTimeout < answerTime || s.IdleTimeout == 0 || s.MaxHeaderBytes == 0 {
		t.Errorf("a limit is missing: %+v", s)
	}
	s.ReadHeaderTimeout = 20 * time.Millisecond
	door, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() { s.Serve(door) })
	defer served.Wait()
	defer s.Close()
	conn, err := net.Dial("tcp", door.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn); err != nil { // until the server closes it
		t.Error(err)
	}
}
