package team_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/connector/connectortest/memory"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/control/team"
	"github.com/towpath/towpath/internal/secret"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/record"
)

// rig is a team over two stores in memory and a control database of its own.
type rig struct {
	*team.Team
	t              *testing.T
	ctx            context.Context
	source, target *memory.Store
	path           string
}

func people() *record.Schema {
	return &record.Schema{Fields: []record.Field{
		{Name: "id", Type: record.Type{Kind: record.Int, Bits: 64}, Key: 1},
		{Name: "name", Type: record.Type{Kind: record.Text}, Nullable: true},
	}}
}

func rowsOf(from, to int) []connectortest.Row {
	var rows []connectortest.Row
	for i := from; i <= to; i++ {
		rows = append(rows, connectortest.Texts(strconv.Itoa(i), "person "+strconv.Itoa(i)))
	}
	return rows
}

func newRig(t *testing.T) *rig {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	from, fromStore := memory.New(memory.Options{Name: "from"})
	to, toStore := memory.New(memory.Options{Name: "to"})
	fromStore.Make("people", people(), rowsOf(1, 300)...)
	r := &rig{t: t, ctx: ctx, source: fromStore, target: toStore, path: filepath.Join(t.TempDir(), "towpath.db")}
	r.Team = r.team(connector.NewSet(from, to))
	return r
}

// team is the application as one process has it.
func (r *rig) team(set connector.Set) *team.Team {
	r.t.Helper()
	s, err := store.Open(r.ctx, r.path, store.Options{})
	r.must(err)
	r.t.Cleanup(func() { s.Close() })
	keys, err := secret.LoadKeys(filepath.Join(filepath.Dir(r.path), "master.key"), func(string) (string, bool) { return "", false })
	r.must(err)
	return &team.Team{Store: s, Connectors: set, Keys: keys, Scrub: new(secret.Scrubber), Log: slog.New(slog.DiscardHandler),
		Base: control.Service{Owner: control.ThisProcess(), Lease: 3 * time.Second}}
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func actor(name string, role team.Role) team.Actor {
	return team.Actor{Account: name, Workspace: "main", Role: role, Via: "session"}
}

func (r *rig) connect(environment, alias, kind string) {
	r.t.Helper()
	_, err := r.PutConnection(r.ctx, actor("ann", team.Editor), team.ConnectionInput{Environment: environment, Alias: alias, Connector: kind})
	r.must(err)
}

// codeIs checks the code of an error.
func codeIs(t *testing.T, err error, code string) {
	t.Helper()
	e, ok := errors.AsType[*connector.Error](err)
	if !ok || e.Code != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

// TestSecretsAreKept: what is given comes to the connector and nowhere else; *** keeps a secret, leaving it out takes it away.
func TestSecretsAreKept(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const word = "correct-horse-battery"
	ann := actor("ann", team.Editor)
	c, err := r.PutConnection(r.ctx, ann, team.ConnectionInput{Alias: "shop", Connector: "from", Options: []byte(`{"password":"` + word + `"}`)})
	r.must(err)
	if string(c.Options) != "{}" || len(c.Secrets) != 1 || c.Secrets[0].Path != "password" || c.Secrets[0].By != "ann" || c.Secrets[0].Sealed != nil {
		t.Errorf("connection is %s with %+v", c.Options, c.Secrets)
	}
	opens := func(want string) {
		t.Helper()
		s := r.Service("main", team.DefaultEnvironment, "ann")
		stored, err := s.Connections(r.ctx, "shop")
		r.must(err)
		got, err := s.Secrets(r.ctx, "shop", stored.Options)
		if err != nil || string(got) != want {
			t.Errorf("opened with %s: %v, want %s", got, err, want)
		}
	}
	opens(`{"password":"` + word + `"}`)
	if got := r.Scrub.Clean("denied with " + word); got != "denied with ***" {
		t.Errorf("cleaned: %s", got)
	}
	if c, err = r.PutConnection(r.ctx, ann, team.ConnectionInput{Alias: "shop", Connector: "from", Version: 1, Options: []byte(`{"password":"***"}`)}); err != nil || len(c.Secrets) != 1 {
		t.Errorf("kept: %+v, %v", c.Secrets, err)
	}
	opens(`{"password":"` + word + `"}`)
	// Sealed for one place, it does not open in another.
	sealed, err := r.Store.SealedOptions(r.ctx, c.ConnectionKey)
	r.must(err)
	moved := c.Connection
	moved.Alias, moved.Version = "stolen", 0
	_, err = r.Store.PutConnection(r.ctx, moved, sealed, nil, store.Entry{Who: "eve"})
	r.must(err)
	if _, err := r.Service("main", team.DefaultEnvironment, "eve").Secrets(r.ctx, "stolen", []byte("{}")); err == nil {
		t.Error("a secret opened as that of another connection")
	}
	if c, err = r.PutConnection(r.ctx, ann, team.ConnectionInput{Alias: "shop", Connector: "from", Version: 2}); err != nil || len(c.Secrets) != 0 {
		t.Errorf("left out: %+v, %v", c.Secrets, err)
	}
	opens("{}")
	_, err = r.PutConnection(r.ctx, ann, team.ConnectionInput{Alias: "shop", Connector: "from", Version: 3, Options: []byte(`{"password":"***"}`)})
	codeIs(t, err, "TOW-183")
	entries, err := r.Store.AuditEntries(r.ctx, store.AuditFilter{Who: "ann"})
	r.must(err)
	for _, e := range entries {
		if strings.Contains(e.Detail, word) {
			t.Errorf("the record holds the secret: %+v", e)
		}
	}
	if len(entries) != 3 || entries[2].Detail != "connector from, environment default, set password" {
		t.Errorf("the record: %+v", entries)
	}
}

// TestConnectionsAreRefused: each mistake has its code and its place, and nothing is stored.
func TestConnectionsAreRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, c := range map[string]struct {
		role team.Role
		in   team.ConnectionInput
		want string
	}{
		"no right":       {team.Operator, team.ConnectionInput{Alias: "a", Connector: "from"}, "TOW-261"},
		"no name":        {team.Editor, team.ConnectionInput{Alias: "../a", Connector: "from"}, "TOW-181"},
		"environment":    {team.Editor, team.ConnectionInput{Environment: "a b", Alias: "a", Connector: "from"}, "TOW-181"},
		"no connector":   {team.Editor, team.ConnectionInput{Alias: "a", Connector: "fro"}, "TOW-002"},
		"unknown option": {team.Editor, team.ConnectionInput{Alias: "a", Connector: "from", Options: []byte(`{"pasword":"x"}`)}, "TOW-001"},
		"role":           {team.Editor, team.ConnectionInput{Alias: "a", Connector: "from", UseRole: "boss"}, "TOW-260"},
		"parallel":       {team.Editor, team.ConnectionInput{Alias: "a", Connector: "from", Parallel: -1}, "TOW-182"},
	} {
		_, err := r.PutConnection(r.ctx, actor("ann", c.role), c.in)
		if e, ok := errors.AsType[*connector.Error](err); !ok || e.Code != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if all, err := r.ListConnections(r.ctx, actor("ann", team.Viewer), ""); err != nil || len(all) != 0 {
		t.Errorf("stored all the same: %v, %v", all, err)
	}
}

// TestLooksAreRecorded: a test, a list and a sample of a connection stand in the record, and a test keeps its answer.
func TestLooksAreRecorded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.connect("", "shop", "from")
	ann := actor("ann", team.Editor)
	checked, err := r.TestConnection(r.ctx, ann, "", "shop")
	r.must(err)
	names, more, err := r.Discover(r.ctx, ann, "", "shop", "*", 10)
	if err != nil || more || len(names) != 1 || names[0] != "people" {
		t.Errorf("discovered %v, more %v: %v", names, more, err)
	}
	if _, more, err = r.Discover(r.ctx, ann, "", "shop", "*", 0); err != nil || !more {
		t.Errorf("more is %v: %v", more, err)
	}
	_, _, sample, err := r.Sample(r.ctx, ann, "", "shop", "people", 3)
	if err != nil || len(sample) != 3 {
		t.Errorf("%d rows: %v", len(sample), err)
	}
	_, _, _, err = r.Sample(r.ctx, ann, "", "shop", "people", team.MostSampled+1)
	codeIs(t, err, "TOW-185")
	_, _, _, err = r.Sample(r.ctx, actor("bob", team.Operator), "", "shop", "people", 1)
	codeIs(t, err, "TOW-261")
	c, err := r.Connection(r.ctx, ann, "", "shop")
	if err != nil || c.Tested.At == 0 || c.Tested.Error != "" || c.Tested.Identity != checked.Identity || checked.Identity == "" {
		t.Errorf("tested: %+v, %v", c.Tested, err)
	}
	entries, err := r.Store.AuditEntries(r.ctx, store.AuditFilter{Who: "ann"})
	r.must(err)
	var got []string
	for _, e := range entries {
		if e.Action == string(team.LookInside) {
			got = append(got, e.Detail)
		}
	}
	if want := "sampled 3 rows of people in environment default; listed * in environment default; listed * in environment default; tested in environment default"; strings.Join(got, "; ") != want {
		t.Errorf("the record: %s", strings.Join(got, "; "))
	}
}

const document = "name: people\nmode: full\nsource: {connection: shop}\ntarget: {connection: search}\nstreams: [{source: people}]\n"

// TestJobWaitsForItsConnections: a job may name what is not there; it starts once that is, and by nobody who may not use it.
func TestJobWaitsForItsConnections(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ann, bob := actor("ann", team.Editor), actor("bob", team.Operator)
	r.connect("", "shop", "from")
	started, err := r.StartDocument(r.ctx, ann, []byte(document), team.StartInput{})
	if err != nil || started.Run.Key != "" || strings.Join(started.Missing, " ") != "search" || started.Job.ID == "" {
		t.Fatalf("started %+v: %v", started, err)
	}
	_, err = r.Start(r.ctx, bob, team.StartInput{Job: "people"})
	codeIs(t, err, "TOW-186")
	_, err = r.PutConnection(r.ctx, ann, team.ConnectionInput{Alias: "search", Connector: "to", UseRole: "editor"})
	r.must(err)
	_, err = r.Start(r.ctx, bob, team.StartInput{Job: "people"})
	codeIs(t, err, "TOW-261")
	first, err := r.Start(r.ctx, ann, team.StartInput{Job: "people", Key: "once", Priority: 7})
	r.must(err)
	run := first.Run
	if run.State != store.Planning || run.Queued == 0 || !run.Served || run.JobID != started.Job.ID || run.JobVersion != 1 || run.Priority != 7 || run.Environment != team.DefaultEnvironment {
		t.Errorf("run is %+v", run)
	}
	again, err := r.Start(r.ctx, ann, team.StartInput{Job: "people", Key: "once"})
	if err != nil || !again.Again || again.Run.Key != run.Key {
		t.Errorf("the same request made %s (%v): %v", again.Run.Key, again.Again, err)
	}
	_, err = r.Start(r.ctx, ann, team.StartInput{Job: "people", Environment: "prod"})
	codeIs(t, err, "TOW-186")
	// The same document is no new version, another is.
	second, err := r.StartDocument(r.ctx, ann, []byte("# the same\n"+document), team.StartInput{})
	if err != nil || second.Job.Version != 1 {
		t.Errorf("version %d: %v", second.Job.Version, err)
	}
	third, err := r.StartDocument(r.ctx, ann, []byte(document+"settings: {parallel: 2}\n"), team.StartInput{})
	if err != nil || third.Job.Version != 2 || third.Run.JobVersion != 2 {
		t.Errorf("version %d: %v", third.Job.Version, err)
	}
	_, err = r.StartDocument(r.ctx, bob, []byte(document), team.StartInput{}) // would change the job
	codeIs(t, err, "TOW-261")
	_, err = r.StartDocument(r.ctx, ann, []byte("name: x\nmode: full\nsource: {connector: from}\ntarget: {connection: search}\nstreams: [{source: people}]\n"), team.StartInput{})
	codeIs(t, err, "TOW-180")
	codeIs(t, r.RemoveConnection(r.ctx, ann, "", "shop"), "TOW-184")
}

// TestWholeInOneCall: nothing but two aliases is needed.
func TestWholeInOneCall(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.connect("", "shop", "from")
	r.connect("", "search", "to")
	started, err := r.StartWhole(r.ctx, actor("ann", team.Editor), team.Whole{Source: "shop", Target: "search"})
	r.must(err)
	j, err := r.Job(r.ctx, actor("ann", team.Viewer), "shop-to-search", 0)
	r.must(err)
	if started.Run.Key == "" || len(j.Parsed.Streams) != 1 || j.Parsed.Streams[0].Source != "*" || j.Parsed.Mode != "full" {
		t.Errorf("started %+v of %s", started.Run, j.Canonical)
	}
	plan, err := r.Plan(r.ctx, actor("ann", team.Operator), nil, team.StartInput{Job: j.ID})
	if err != nil || len(plan.Streams) != 1 || plan.Streams[0].Source.Dataset != "people" {
		t.Errorf("plan is %+v: %v", plan, err)
	}
}

// TestOtherWorkspace: what lies in one workspace is not there for those of another.
func TestOtherWorkspace(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.connect("", "shop", "from")
	r.connect("", "search", "to")
	started, err := r.StartDocument(r.ctx, actor("ann", team.Editor), []byte(document), team.StartInput{})
	r.must(err)
	eve := team.Actor{Account: "eve", Workspace: "other", Role: team.Admin}
	for name, err := range map[string]error{
		"run":        second(r.Run(r.ctx, eve, started.Run.Key)),
		"events":     second(r.Events(r.ctx, eve, started.Run.Key, 0, 10)),
		"limits":     second(r.Limits(r.ctx, eve, started.Run.Key)),
		"pause":      second(r.Pause(r.ctx, eve, started.Run.Key, "")),
		"stop":       second(r.Stop(r.ctx, eve, started.Run.Key, "")),
		"job":        second(r.Job(r.ctx, eve, started.Job.ID, 0)),
		"start":      second(r.Start(r.ctx, eve, team.StartInput{Job: started.Job.ID})),
		"connection": second(r.Connection(r.ctx, eve, "", "shop")),
		"test":       second(r.TestConnection(r.ctx, eve, "", "shop")),
		"hold":       second(r.Hold(r.ctx, eve, "", "shop", "why")),
	} {
		if connector.ClassOf(err) != connector.Missing {
			t.Errorf("%s: %v, want class missing", name, err)
		}
	}
	for _, err := range r.Dirty(r.ctx, eve, started.Run.Key, "", store.DirtyCursor{}, 1) {
		if connector.ClassOf(err) != connector.Missing {
			t.Errorf("dirty rows: %v", err)
		}
	}
	if run, err := r.Run(r.ctx, actor("ann", team.Viewer), started.Run.Key); err != nil || run.State != store.Planning {
		t.Errorf("run is %s: %v", run.State, err)
	}
}

func second[T any](_ T, err error) error { return err }

// TestRoles: every action is allowed from its role on, and to nobody who is not signed in.
func TestRoles(t *testing.T) {
	t.Parallel()
	for x, need := range map[team.Action]team.Role{team.SeeRuns: team.Viewer, team.StartRuns: team.Operator, team.SteerRuns: team.Operator, team.SeeRows: team.Editor,
		team.ChangeJobs: team.Editor, team.ChangeConnections: team.Editor, team.LookInside: team.Editor, team.ChangeMembers: team.Admin, team.ManageServer: team.Admin + 1, "unknown": 99} {
		for role := team.Nobody; role <= team.Admin; role++ {
			if got, want := actor("ann", role).May(x) == nil, role >= need; got != want {
				t.Errorf("%s as %s: %v", x, role, got)
			}
		}
		if err := (team.Actor{Role: team.Admin}).May(x); err == nil {
			t.Errorf("%s is allowed to nobody", x)
		}
		if got := (team.Actor{Account: "root", Admin: true}).May(x) == nil; got != (x != "unknown") {
			t.Errorf("%s as administrator: %v", x, got)
		}
	}
}

// TestStartSentManyTimes at once is one start, of a job that was not there before.
func TestStartSentManyTimes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.connect("", "shop", "from")
	r.connect("", "search", "to")
	runs := make(chan string, 8)
	for range cap(runs) {
		go func() {
			started, err := r.StartDocument(r.ctx, actor("ann", team.Editor),
				[]byte("{name: n, mode: full, source: {connection: shop}, target: {connection: search}, streams: [{source: a}]}"), team.StartInput{Key: "once"})
			if err != nil {
				t.Error(err)
			}
			runs <- started.Run.Key
		}()
	}
	first := <-runs
	for range cap(runs) - 1 {
		if run := <-runs; run != first {
			t.Errorf("it is run %s and run %s", first, run)
		}
	}
}
