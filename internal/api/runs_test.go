package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/internal/store"
)

// as is a client of the server.
func (b *bench) as(token string) *client.Client {
	return &client.Client{URL: b.URL, Token: token}
}

func TestRuns(t *testing.T) {
	t.Parallel()
	b := start(t, roles{})
	c := b.as("operator@main")
	for n := range 4 {
		_, err := b.team.Store.CreateRun(t.Context(), store.NewRun{Key: fmt.Sprint("more-", n), Name: "more", Mode: "full", Who: "test"})
		if err != nil {
			t.Fatal(err)
		}
	}
	var keys []string
	f := client.RunFilter{Part: client.Part{Limit: 2}, States: []client.State{client.Planning, client.Paused}}
	for {
		page, err := c.Runs(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Items {
			keys = append(keys, r.Run)
		}
		if f.After = page.Next; f.After == "" {
			break
		}
	}
	if len(keys) != 5 || !cmp.Equal(map[string]bool{"run-main": true, "more-0": true, "more-1": true, "more-2": true, "more-3": true}, setOf(keys)) {
		t.Errorf("got %v", keys)
	}
	live, err := c.Live(t.Context())
	if err != nil || len(live) != 5 {
		t.Errorf("got %v, %v", live, err)
	}

	run, err := c.Run(t.Context(), "run-main", "")
	if err != nil {
		t.Fatal(err)
	}
	self := "workspaces/main/runs/run-main"
	want := client.Run{Run: "run-main", Name: "shop", Mode: "full", State: client.Planning, Consistency: client.Consistency{Label: "fuzzy"}, Created: run.Created,
		Total: &client.Counts{}, Workspace: "main", Queued: run.Queued, Links: &client.Links{Self: "/api/v1/" + self, Dirty: "/api/v1/" + self + "/dirty", Topic: self},
		History: []client.Event{{Number: 1, At: run.Created, To: client.Planning, Who: "test"}}}
	if d := cmp.Diff(want, run); d != "" || run.Queued == "" {
		t.Error(d)
	}
	if _, err := time.Parse(time.RFC3339, run.Created); err != nil {
		t.Error(err)
	}

	rows := int64(500)
	limits, err := c.SetLimits(t.Context(), "run-main", client.LimitsChange{Rows: &rows})
	if err != nil || limits.Rows != 500 {
		t.Errorf("got %+v, %v", limits, err)
	}
	if again, err := c.Limits(t.Context(), "run-main"); err != nil || again != limits {
		t.Errorf("got %+v, %v", again, err)
	}
	stopped, err := c.Stop(t.Context(), "run-main", "not needed")
	if err != nil || stopped.State != client.Stopped {
		t.Errorf("got %+v, %v", stopped, err)
	}
	events, err := c.Events(t.Context(), "run-main", client.Part{Limit: 1, After: "1"})
	if err != nil || len(events.Items) != 1 || events.Items[0].Number != 2 || events.Items[0].Who != "operator" || events.Next != "2" {
		t.Errorf("got %+v, %v", events, err)
	}
	run, err = c.Run(t.Context(), "run-main", "")
	if err != nil || run.Reason != "not needed" || run.History[len(run.History)-1].Who != "operator" {
		t.Errorf("got %+v, %v", run, err)
	}
	_, err = c.Pause(t.Context(), "run-main", "")
	isProblem(t, err, http.StatusConflict, "TOW-145")
}

func setOf(keys []string) map[string]bool {
	set := map[string]bool{}
	for _, k := range keys {
		set[k] = true
	}
	return set
}

// isProblem checks that a client's error is a problem of a status and code.
func isProblem(t *testing.T, err error, status int, code string) *client.Problem {
	t.Helper()
	p, ok := err.(*client.Problem)
	if !ok || p.Status != status || p.Code != code || p.Title != http.StatusText(status) || p.Detail == "" || p.Request == "" {
		t.Errorf("got %#v, want %d %s", err, status, code)
	}
	return p
}

func TestDirtyPages(t *testing.T) {
	t.Parallel()
	b := start(t, roles{})
	_, err := b.as("editor@main").Dirty(t.Context(), "run-main", "", client.Part{After: "nonsense"})
	isProblem(t, err, http.StatusUnprocessableEntity, "TOW-904")
	_, err = b.as("editor@main").Dirty(t.Context(), "run-main", "orders", client.Part{})
	isProblem(t, err, http.StatusUnprocessableEntity, "TOW-149")
	page, err := b.as("editor@main").Dirty(t.Context(), "run-main", "", client.Part{})
	if err != nil || page.Items == nil || len(page.Items) != 0 {
		t.Errorf("got %+v, %v", page, err)
	}
}

// TestRefused: what is sent wrong is said with its place.
func TestRefused(t *testing.T) {
	t.Parallel()
	b := start(t, roles{})
	for name, c := range map[string]struct {
		method, path, text string
		header             []string
		status             int
		code, at           string
	}{
		"no route":           {"GET", "/api/v1/nothing", "", nil, 404, "TOW-900", ""},
		"no such method":     {"DELETE", "/api/v1/workspaces/main/runs", "", nil, 404, "TOW-900", ""},
		"unknown state":      {"GET", "/api/v1/workspaces/main/runs?state=dancing", "", nil, 422, "TOW-901", "query.state[0]"},
		"too many":           {"GET", "/api/v1/workspaces/main/runs?limit=100000", "", nil, 422, "TOW-901", "query.limit"},
		"unknown query":      {"GET", "/api/v1/workspaces/main/runs?sort=name", "", nil, 422, "TOW-901", "query.sort"},
		"unknown key":        {"PUT", "/api/v1/workspaces/main/runs/run-main/limits", `{"row":1}`, nil, 422, "TOW-901", "body.row"},
		"negative":           {"PUT", "/api/v1/workspaces/main/runs/run-main/limits", `{"rows":-1}`, nil, 422, "TOW-901", "body.rows"},
		"no JSON":            {"PUT", "/api/v1/workspaces/main/runs/run-main/limits", `{`, nil, 400, "TOW-901", "body"},
		"too long":           {"PUT", "/api/v1/workspaces/main/runs/run-main/limits", strings.Repeat(" ", 1<<20) + `{"rows":1}`, nil, 413, "TOW-901", ""},
		"another site's":     {"POST", "/api/v1/workspaces/main/runs/run-main/stop", `{}`, []string{"Origin", "https://evil.example"}, 403, "TOW-902", ""},
		"of another site":    {"POST", "/api/v1/workspaces/main/runs/run-main/stop", `{}`, []string{"Sec-Fetch-Site", "cross-site"}, 403, "TOW-902", ""},
		"sign-out elsewhere": {"DELETE", "/api/v1/session", ``, []string{"Sec-Fetch-Site", "same-site"}, 403, "TOW-902", ""},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, b.URL+c.path, strings.NewReader(c.text))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer root@main")
		for i := 0; i < len(c.header); i += 2 {
			r.Header.Set(c.header[i], c.header[i+1])
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		p := problemOf(t, answer)
		if answer.StatusCode != c.status || p.Code != c.code || p.Path != c.at || answer.Header.Get("Content-Type") != client.ProblemType || p.Request != answer.Header.Get("X-Request-Id") {
			t.Errorf("%s: got %s %+v", name, answer.Status, p)
		}
	}
}

// TestNoBody: what may be left out of a request may be left out whole.
func TestNoBody(t *testing.T) {
	t.Parallel()
	b := start(t, roles{})
	for path, want := range map[string]int{"/runs/run-main/stop": http.StatusAccepted, "/jobs/none/runs": http.StatusNotFound} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.URL+"/api/v1/workspaces/main"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer operator@main")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%s: got %s, want %d", path, answer.Status, want)
		}
	}
}
