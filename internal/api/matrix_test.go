package api

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/control/team"
	"github.com/towpath/towpath/internal/event"
	"github.com/towpath/towpath/internal/secret"
	"github.com/towpath/towpath/internal/store"
)

// roles lets in whoever says so: role@workspace, where the installation's administrators are root@.
type roles struct{}

func (roles) ByToken(_ context.Context, token, workspace string) (team.Actor, error) {
	name, home, ok := strings.Cut(token, "@")
	a := team.Actor{Account: name, Workspace: workspace, Via: "session", Admin: name == "root"}
	role, err := team.ParseRole(name)
	if !ok || err != nil && !a.Admin {
		return team.Actor{}, connector.Errorf(connector.Denied, "TOW-262", "the token is not known")
	}
	if workspace == "" {
		a.Workspace = home
	}
	if a.Workspace == home {
		a.Role = role
	}
	return a, nil
}

func (r roles) BySession(ctx context.Context, session, workspace string) (team.Actor, error) {
	return r.ByToken(ctx, session, workspace)
}

func (roles) SignIn(_ context.Context, name, password string, from team.Peer) (string, store.Account, error) {
	if password != "right" {
		return "", store.Account{}, connector.Errorf(connector.Denied, "TOW-263", "wrong name or password, from %s", from.Address)
	}
	return name + "@main", store.Account{Name: name}, nil
}

func (r roles) RedeemLink(ctx context.Context, link, _ string, from team.Peer) (string, store.Account, error) {
	return r.SignIn(ctx, "viewer", link, from)
}

func (roles) SignOut(context.Context, string) error { return nil }

// bench is a server with a store of two workspaces and a run in each.
type bench struct {
	*httptest.Server
	team   *team.Team
	events *event.Hub
	mux    *recorder

	mu    sync.Mutex
	conns []net.Conn // that were accepted
}

// cut ends all connections, WebSockets included.
func (b *bench) cut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, conn := range b.conns {
		conn.Close()
	}
}

// runOf is the key of the run of a workspace.
func runOf(workspace string) string { return "run-" + workspace }

func start(t *testing.T, auth Authenticator, change ...func(*Options)) *bench {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "towpath.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	b := &bench{events: event.New(event.Options{}), team: &team.Team{Store: s, Scrub: new(secret.Scrubber), Connectors: connector.NewSet(),
		Base: control.Service{Owner: control.ThisProcess(), Lease: time.Minute}, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}}
	for _, workspace := range []string{"main", "other"} {
		_, err := s.CreateRun(t.Context(), store.NewRun{Key: runOf(workspace), Name: "shop", Mode: "full", Job: []byte("{}"), Who: "test", Duty: store.Duty{Workspace: workspace, Queued: 1}})
		if err != nil {
			t.Fatal(err)
		}
	}
	o := Options{Team: b.team, Auth: auth, Events: b.events, Version: "1", Plain: true, Log: b.team.Log}
	for _, f := range change {
		f(&o)
	}
	b.events = o.Events
	h, mux := build(o)
	b.mux = mux
	b.Server = httptest.NewUnstartedServer(h)
	b.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context { // so that one who does not read is noticed soon
		if err := conn.(*net.TCPConn).SetWriteBuffer(64 << 10); err != nil {
			t.Error(err)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.conns = append(b.conns, conn)
		return ctx
	}
	b.Start()
	t.Cleanup(b.Close)
	return b
}

// ask sends a request and returns its answer with its body.
func (b *bench) ask(t *testing.T, method, path, token string, header ...string) (*http.Response, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, b.URL+path, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if method == http.MethodGet {
		r.Body, r.ContentLength = http.NoBody, 0
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, text
}

// pathOf fills a route's path for a workspace.
func pathOf(r route, workspace, run string) string {
	path := strings.NewReplacer("{workspace}", workspace, "{run}", run, "{$}", "").Replace(r.path)
	for strings.Contains(path, "{") {
		before, rest, _ := strings.Cut(path, "{")
		_, after, _ := strings.Cut(rest, "}")
		path = before + "none" + after
	}
	return path
}

// TestMatrix asks each route as everybody: who may not do what it is for gets no answer, who may does.
func TestMatrix(t *testing.T) {
	t.Parallel()
	b := start(t, roles{})
	for _, r := range routes() {
		here := strings.Contains(r.path, "{workspace}")
		for _, c := range []struct {
			name, token, workspace string
			role                   team.Role
			admin                  bool
		}{
			{"anonymous", "", "main", team.Nobody, false},
			{"unknown token", "nobody", "main", team.Nobody, false},
			{"viewer", "viewer@main", "main", team.Viewer, false},
			{"operator", "operator@main", "main", team.Operator, false},
			{"editor", "editor@main", "main", team.Editor, false},
			{"admin", "admin@main", "main", team.Admin, false},
			{"root", "root@main", "main", team.Nobody, true},
			{"admin of another workspace", "admin@other", "main", team.Nobody, false},
		} {
			if c.workspace == "main" && strings.HasSuffix(c.token, "@other") && !here {
				c.role = team.Admin // the route is of no workspace: the actor's own counts
			}
			answer, text := b.ask(t, r.method, pathOf(r, c.workspace, runOf("main")), c.token)
			known := strings.Contains(c.token, "@")
			may := team.Actor{Account: c.name, Role: c.role, Admin: c.admin}.Can(r.action)
			want := "an answer"
			switch {
			case r.action == Open:
			case !known:
				want = "401 TOW-262"
			case !may:
				want = "403 TOW-261"
			}
			got := "an answer"
			if answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden {
				var p client.Problem
				if err := json.Unmarshal(text, &p); err != nil {
					t.Errorf("%s %s: %v: %s", r.method, r.path, err, text)
				}
				got = answer.Status[:3] + " " + p.Code
			}
			if answer.StatusCode >= 500 {
				got = answer.Status + ": " + string(text)
			}
			if got != want {
				t.Errorf("%s %s as %s: got %s, want %s", r.method, r.path, c.name, got, want)
			}
		}
		if strings.Contains(r.path, "{run}") { // that is there, and of others
			answer, text := b.ask(t, r.method, pathOf(r, "main", runOf("other")), "root@main")
			if answer.StatusCode != http.StatusNotFound || strings.Contains(string(text), "hint") {
				t.Errorf("%s %s: a run of another workspace: got %s %s", r.method, r.path, answer.Status, text)
			}
		}
	}
}

// TestTable: what is registered is what the table says, and nothing of it is open by mistake.
func TestTable(t *testing.T) {
	t.Parallel()
	b := start(t, roles{})
	var want []string
	for _, r := range routes() {
		want = append(want, r.method+" "+r.path)
		if (r.call == nil) == (r.plain == nil) {
			t.Errorf("%s %s is answered by nothing, or twice", r.method, r.path)
		}
		if r.action == Open && strings.Contains(r.path, "{workspace}") {
			t.Errorf("%s %s is open to everybody", r.method, r.path)
		}
		if !(team.Actor{Account: "root", Admin: true}).Can(r.action) && r.action != Open {
			t.Errorf("%s %s needs %s, which nobody can do", r.method, r.path, r.action)
		}
	}
	slices.Sort(want)
	got := slices.Sorted(slices.Values(b.mux.patterns))
	if !slices.Equal(got, want) {
		t.Errorf("registered are\n%s\nthe table says\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	defer func() {
		if recover() == nil {
			t.Error("a route without an action is registered")
		}
	}()
	route{method: "GET", path: "/mistake", plain: (*server).healthy}.add(&server{}, &recorder{ServeMux: http.NewServeMux()}, nil)
}
