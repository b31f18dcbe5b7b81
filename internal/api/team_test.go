package api

import (
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest/memory"
	"github.com/towpath/towpath/internal/secret"
	"github.com/towpath/towpath/record"
)

// full is a server whose people come in by the team's own doors, and whose connections are stores in memory.
func full(t *testing.T) *bench {
	t.Helper()
	from, fromStore := memory.New(memory.Options{Name: "from"})
	to, _ := memory.New(memory.Options{Name: "to"})
	fromStore.Make("people", &record.Schema{Fields: []record.Field{{Name: "id", Type: record.Type{Kind: record.Int, Bits: 64}, Key: 1}}})
	keys, err := secret.LoadKeys(filepath.Join(t.TempDir(), "master.key"), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	return start(t, nil, func(o *Options) {
		o.Team.Keys, o.Team.Connectors = keys, connector.NewSet(from, to)
		o.Auth = o.Team
	})
}

// browser is a client with the cookies of whoever signs in by it.
func (b *bench) browser(t *testing.T) *client.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &client.Client{URL: b.URL, HTTP: &http.Client{Jar: jar}}
}

// sign sends what the client package has no method for: pages sign in.
func sign(t *testing.T, c *client.Client, path, body string) (*http.Response, client.Problem) {
	t.Helper()
	answer, err := c.HTTP.Post(c.URL+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return answer, problemOf(t, answer)
}

// admin signs in as the first administrator.
func (b *bench) admin(t *testing.T) *client.Client {
	t.Helper()
	link, err := b.team.FirstLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := b.browser(t)
	body, err := json.Marshal(client.LinkSignIn{Link: link, Password: "correct horse battery staple"})
	if err != nil {
		t.Fatal(err)
	}
	if answer, p := sign(t, c, "/api/v1/session/link", string(body)); answer.StatusCode != 200 {
		t.Fatalf("got %s %+v", answer.Status, p)
	}
	return c
}

// TestSignIn: by the first link, then by the password; a token is made, used and revoked.
func TestSignIn(t *testing.T) {
	t.Parallel()
	b := full(t)
	c := b.admin(t)
	who, err := c.WhoAmI(t.Context())
	if err != nil || who.Account != "admin" || !who.Admin || who.Workspace != "main" {
		t.Errorf("got %+v, %v", who, err)
	}
	fresh := b.browser(t)
	answer, p := sign(t, fresh, "/api/v1/session", `{"name":"admin","password":"wrong"}`)
	if answer.StatusCode != 401 || p.Code != "TOW-263" {
		t.Errorf("got %s %+v", answer.Status, p)
	}
	answer, _ = sign(t, fresh, "/api/v1/session", `{"name":"admin","password":"correct horse battery staple"}`)
	cookie := answer.Header.Get("Set-Cookie")
	if answer.StatusCode != 200 || !strings.HasPrefix(cookie, "towpath=") || !strings.HasSuffix(cookie, "; Path=/; HttpOnly; SameSite=Lax") {
		t.Errorf("got %s, cookie %s", answer.Status, cookie)
	}
	if _, err := fresh.Accounts(t.Context()); err != nil {
		t.Error(err)
	}

	k, err := c.CreateToken(t.Context(), client.TokenInput{Name: "ci", Role: "operator", Days: 7})
	if err != nil || !strings.HasPrefix(k.Token, "tw_pat_") {
		t.Fatalf("got %+v, %v", k, err)
	}
	program := b.as(k.Token)
	if who, err := program.WhoAmI(t.Context()); err != nil || who.Role != "operator" || who.Admin {
		t.Errorf("got %+v, %v", who, err)
	}
	_, err = program.Accounts(t.Context())
	isProblem(t, err, http.StatusForbidden, "TOW-261")
	_, err = program.CreateToken(t.Context(), client.TokenInput{Name: "more", Role: "viewer"})
	isProblem(t, err, http.StatusForbidden, "TOW-267")
	if err := c.RevokeToken(t.Context(), k.ID); err != nil {
		t.Fatal(err)
	}
	_, err = program.WhoAmI(t.Context())
	isProblem(t, err, http.StatusUnauthorized, "TOW-262")

	page, err := c.Audit(t.Context(), "admin", client.Part{Limit: 1})
	if err != nil || len(page.Items) != 1 || page.Items[0].Action != "token.revoke" || page.Next == "" {
		t.Errorf("got %+v, %v", page, err)
	}
	page, err = c.Audit(t.Context(), "admin", client.Part{After: page.Next})
	if err != nil || len(page.Items) == 0 || page.Items[0].Action != "token.create" {
		t.Errorf("got %+v, %v", page, err)
	}
}

// TestMembers: an account has what its role allows, in its workspace.
func TestMembers(t *testing.T) {
	t.Parallel()
	b := full(t)
	c := b.admin(t)
	if _, err := c.CreateAccount(t.Context(), client.AccountInput{Name: "ann"}); err != nil {
		t.Fatal(err)
	}
	_, err := c.CreateAccount(t.Context(), client.AccountInput{Name: "Ann O."})
	isProblem(t, err, http.StatusUnprocessableEntity, "TOW-266")
	if err := c.SetMember(t.Context(), "ann", "viewer"); err != nil {
		t.Fatal(err)
	}
	link, err := c.CreateLink(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	ann := b.browser(t)
	if answer, p := sign(t, ann, "/api/v1/session/link", `{"link":"`+link.Link+`","password":"a long enough one"}`); answer.StatusCode != 200 {
		t.Fatalf("got %s %+v", answer.Status, p)
	}
	if _, err := ann.Runs(t.Context(), client.RunFilter{}); err != nil {
		t.Error(err)
	}
	_, err = ann.Members(t.Context())
	isProblem(t, err, http.StatusForbidden, "TOW-261")
	ann.Workspace = "other"
	if _, err = ann.Runs(t.Context(), client.RunFilter{}); err == nil {
		t.Error("ann sees another workspace")
	}
	ann.Workspace = ""
	off := true
	if err := c.ChangeAccount(t.Context(), "ann", client.AccountChange{Disabled: &off}); err != nil {
		t.Fatal(err)
	}
	_, err = ann.Runs(t.Context(), client.RunFilter{})
	isProblem(t, err, http.StatusUnauthorized, "TOW-262")
	members, err := c.Members(t.Context())
	if err != nil || len(members.Items) == 0 {
		t.Errorf("got %+v, %v", members, err)
	}
}

// TestConnections: secrets go in and never come out; a change needs the version that was read.
func TestConnections(t *testing.T) {
	t.Parallel()
	b := full(t)
	c := b.admin(t)
	const canary = "canary-correct-horse"
	in := client.ConnectionInput{Connector: "from", Options: json.RawMessage(`{"password":"` + canary + `"}`)}
	made, err := c.PutConnection(t.Context(), "", "shop", 0, in)
	if err != nil || made.Version != 1 || len(made.Secrets) != 1 {
		t.Fatalf("got %+v, %v", made, err)
	}
	_, err = c.PutConnection(t.Context(), "", "shop", 0, in)
	isProblem(t, err, http.StatusPreconditionFailed, "TOW-232")
	if _, err = c.PutConnection(t.Context(), "", "shop", made.Version, client.ConnectionInput{Connector: "from", Options: json.RawMessage(`{"password":"***"}`)}); err != nil {
		t.Error(err)
	}
	_, err = c.PutConnection(t.Context(), "", "shop", made.Version, in)
	isProblem(t, err, http.StatusPreconditionFailed, "TOW-232")
	_, err = c.PutConnection(t.Context(), "", "shop", 2, client.ConnectionInput{Connector: "from", Options: json.RawMessage(`{"passwort":"` + canary + `"}`)})
	if p := isProblem(t, err, http.StatusUnprocessableEntity, "TOW-001"); p != nil && (p.Path != "options.passwort" || strings.Contains(p.Error(), canary)) {
		t.Errorf("got %+v", p)
	}
	if checked, err := c.TestConnection(t.Context(), "", "shop"); err != nil || checked.Connector != "from" {
		t.Errorf("got %+v, %v", checked, err)
	}
	if found, err := c.Datasets(t.Context(), "", "shop", "*", 10); err != nil || !slices.Equal(found.Names, []string{"people"}) {
		t.Errorf("got %+v, %v", found, err)
	}
	sample, err := c.Sample(t.Context(), "", "shop", "people", 5)
	if err != nil || !strings.Contains(string(sample.Fields), `"id"`) {
		t.Errorf("got %+v, %v", sample, err)
	}
	if held, err := c.Hold(t.Context(), "", "shop", "new disk"); err != nil || len(held.Runs) != 0 {
		t.Errorf("got %+v, %v", held, err)
	}
	one, err := c.Connection(t.Context(), "", "shop")
	if err != nil || one.Held == nil || one.Held.Why != "new disk" || one.Tested == nil || one.Tested.Error != "" {
		t.Errorf("got %+v, %v", one, err)
	}
	if _, err := c.Release(t.Context(), "", "shop"); err != nil {
		t.Error(err)
	}
	for _, path := range []string{"connections", "connections/shop", "connections/shop/used", "audit", "sync"} {
		answer, err := c.HTTP.Get(b.URL + "/api/v1/workspaces/main/" + path)
		if err != nil {
			t.Fatal(err)
		}
		var text json.RawMessage
		if err := json.NewDecoder(answer.Body).Decode(&text); err != nil || answer.StatusCode != 200 || strings.Contains(string(text), canary) {
			t.Errorf("%s: %s %s", path, answer.Status, text)
		}
		answer.Body.Close()
	}
	if err := c.RemoveConnection(t.Context(), "", "shop"); err != nil {
		t.Error(err)
	}
	_, err = c.Connection(t.Context(), "", "shop")
	if p, ok := err.(*client.Problem); !ok || p.Status != http.StatusNotFound {
		t.Errorf("got %v", err)
	}
}

// TestStarts: a job waits for its connections, starts once however often it is asked for, and is found in the lists.
func TestStarts(t *testing.T) {
	t.Parallel()
	b := full(t)
	c := b.admin(t)
	waits, err := c.StartFull(t.Context(), "k1", client.Full{Source: "shop", Target: "search", Datasets: []string{"people"}})
	if err != nil || waits.Run != nil || !slices.Equal(waits.Missing, []string{"search", "shop"}) && !slices.Equal(waits.Missing, []string{"shop", "search"}) {
		t.Fatalf("got %+v, %v", waits, err)
	}
	_, err = c.StartJob(t.Context(), waits.Job.ID, "", client.Start{})
	isProblem(t, err, http.StatusConflict, "TOW-186")
	for alias, kind := range map[string]string{"shop": "from", "search": "to"} {
		if _, err := c.PutConnection(t.Context(), "", alias, 0, client.ConnectionInput{Connector: kind, Options: json.RawMessage("{}")}); err != nil {
			t.Fatal(err)
		}
	}
	first, err := c.StartJob(t.Context(), waits.Job.ID, "k2", client.Start{Why: "monday", Priority: 3})
	if err != nil || first.Run == nil || first.Again || first.Run.State != client.Planning || first.Run.Queued == "" || first.Run.Links == nil || first.Run.Priority != 3 {
		t.Fatalf("got %+v, %v", first, err)
	}
	again, err := c.StartJob(t.Context(), waits.Job.ID, "k2", client.Start{Why: "monday", Priority: 3})
	if err != nil || !again.Again || again.Run.Run != first.Run.Run {
		t.Errorf("got %+v, %v", again, err)
	}
	page, err := c.Runs(t.Context(), client.RunFilter{Job: waits.Job.ID})
	if err != nil || len(page.Items) != 1 || page.Items[0].Run != first.Run.Run {
		t.Errorf("got %+v, %v", page, err)
	}
	if use, err := c.WhereUsed(t.Context(), "", "shop"); err != nil || !cmp.Equal(use, client.Use{Jobs: []string{"shop-to-search"}, Runs: []string{first.Run.Run}}) {
		t.Errorf("got %+v, %v", use, err)
	}
	err = c.RemoveConnection(t.Context(), "", "shop")
	isProblem(t, err, http.StatusConflict, "TOW-184")

	yaml, err := json.Marshal("name: people\nmode: batch\nsource: {connection: shop}\ntarget: {connection: search}\nstreams:\n  - {source: people, target: persons, write: upsert, key: [id], columns: [id]}\n")
	if err != nil {
		t.Fatal(err)
	}
	batch, err := c.StartBatch(t.Context(), "", client.Batch{Document: yaml})
	if err != nil || batch.Run == nil || batch.Job.Name != "people" {
		t.Errorf("got %+v, %v", batch, err)
	}
	plan, err := c.Plan(t.Context(), client.Batch{Document: yaml})
	if err != nil || !strings.Contains(string(plan), "persons") {
		t.Errorf("got %.200s, %v", plan, err)
	}
	_, err = c.Plan(t.Context(), client.Batch{Document: json.RawMessage(`{"name":"x","mode":"dance"}`)})
	if p, ok := err.(*client.Problem); !ok || p.Status != http.StatusUnprocessableEntity || len(p.Parts) < 2 || p.Parts[0].Code == "" {
		t.Errorf("got %+v", err)
	}
}

// TestJobs: versions follow one another.
func TestJobs(t *testing.T) {
	t.Parallel()
	b := full(t)
	c := b.admin(t)
	document := func(streams string) json.RawMessage {
		return json.RawMessage(`{"name":"a/b job","mode":"full","source":{"connection":"shop"},"target":{"connection":"search"},"streams":[` + streams + `]}`)
	}
	made, err := c.CreateJob(t.Context(), client.JobInput{Document: document(`{"source":"a"}`), Note: "first"})
	if err != nil || made.Version != 1 {
		t.Fatalf("got %+v, %v", made, err)
	}
	_, err = c.CreateJob(t.Context(), client.JobInput{Document: document(`{"source":"a"}`)})
	isProblem(t, err, http.StatusConflict, "TOW-234")
	_, err = c.ChangeJob(t.Context(), made.ID, 0, client.JobInput{Document: document(`{"source":"b"}`)})
	isProblem(t, err, http.StatusUnprocessableEntity, "TOW-909")
	changed, err := c.ChangeJob(t.Context(), made.Name, 1, client.JobInput{Document: document(`{"source":"b"}`), Note: "second"})
	if err != nil || changed.Version != 2 || changed.ID != made.ID {
		t.Fatalf("got %+v, %v", changed, err)
	}
	_, err = c.ChangeJob(t.Context(), made.ID, 1, client.JobInput{Document: document(`{"source":"c"}`)})
	isProblem(t, err, http.StatusPreconditionFailed, "TOW-232")
	old, err := c.Job(t.Context(), made.ID, 1)
	if err != nil || old.Note != "first" || !strings.Contains(string(old.Canonical), `"a"`) {
		t.Errorf("got %+v, %v", old, err)
	}
	versions, err := c.JobVersions(t.Context(), made.Name)
	if err != nil || len(versions.Items) != 2 || versions.Items[0].Note != "second" {
		t.Errorf("got %+v, %v", versions, err)
	}
	answer, err := c.HTTP.Get(b.URL + "/api/v1/workspaces/main/jobs/" + url.PathEscape(made.Name))
	if err != nil || answer.Header.Get("ETag") != `"2"` {
		t.Errorf("got %+v, %v", answer, err)
	}
	answer.Body.Close()
	if err := c.RemoveJob(t.Context(), made.ID, 2); err != nil {
		t.Error(err)
	}
	if page, err := c.Jobs(t.Context(), client.Part{}); err != nil || len(page.Items) != 0 {
		t.Errorf("got %+v, %v", page, err)
	}
}
