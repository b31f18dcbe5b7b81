package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/store"
)

func by(action string) store.Entry {
	return store.Entry{Workspace: "main", Who: "ann", Via: "test", Action: action}
}

func connectionOf(environment, alias string) store.Connection {
	return store.Connection{ConnectionKey: store.ConnectionKey{Workspace: "main", Environment: environment, Alias: alias}, Connector: "kind", Options: []byte(`{"host":"h"}`),
		UseRole: "operator"}
}

func testConnections(t *testing.T, f *fixture) {
	secrets := []store.Sealed{{Path: "password", Sealed: []byte{0, 1, 0xFF}}, {Path: "tls.key", Sealed: []byte("k")}}
	made, err := f.PutConnection(f.ctx, connectionOf("dev", "shop"), secrets, nil, by("connection.change"))
	must(t, err)
	want := connectionOf("dev", "shop")
	want.Version, want.Created, want.Changed, want.ChangedBy = 1, made.Created, made.Created, "ann"
	if diff := cmp.Diff(want, made); diff != "" || made.Created == 0 {
		t.Errorf("made: %s", diff)
	}
	_, err = f.PutConnection(f.ctx, connectionOf("dev", "shop"), nil, nil, by("connection.change"))
	wantClass(t, err, connector.Config, "TOW-232")
	_, err = f.PutConnection(f.ctx, connectionOf("prod", "shop"), nil, nil, by("connection.change"))
	must(t, err)
	must(t, f.SetTested(f.ctx, made.ConnectionKey, "no answer", ""))
	must(t, f.SetTested(f.ctx, made.ConnectionKey, "", "server-1"))
	made.Parallel, made.Options = 3, []byte(`{}`)
	changed, err := f.PutConnection(f.ctx, made, []store.Sealed{{Path: "password", Sealed: []byte("new")}}, []string{"tls.key"}, by("connection.change"))
	must(t, err)
	if changed.Version != 2 || changed.Parallel != 3 || string(changed.Options) != `{}` || changed.Tested.At != 0 || changed.Tested.Identity != "server-1" {
		t.Errorf("changed: %+v", changed)
	}
	_, err = f.PutConnection(f.ctx, made, nil, nil, by("connection.change"))
	wantClass(t, err, connector.Config, "TOW-232")
	sealed, err := f.SealedOptions(f.ctx, made.ConnectionKey)
	must(t, err)
	if len(sealed) != 1 || sealed[0].Path != "password" || string(sealed[0].Sealed) != "new" || sealed[0].By != "ann" || sealed[0].At == 0 {
		t.Errorf("sealed: %+v", sealed)
	}
	list := func(environment string) string {
		all, err := f.Connections(f.ctx, "main", environment)
		must(t, err)
		var names []string
		for _, c := range all {
			names = append(names, c.Environment+"/"+c.Alias)
		}
		return strings.Join(names, " ")
	}
	if got := list("") + ", " + list("dev"); got != "dev/shop prod/shop, dev/shop" {
		t.Errorf("listed %q", got)
	}
	must(t, f.RemoveConnection(f.ctx, made.ConnectionKey, by("connection.change")))
	wantClass(t, f.RemoveConnection(f.ctx, made.ConnectionKey, by("connection.change")), connector.Missing, "TOW-233")
	_, err = f.Connection(f.ctx, made.ConnectionKey)
	wantClass(t, err, connector.Missing, "TOW-233")
	if sealed, err := f.SealedOptions(f.ctx, made.ConnectionKey); err != nil || len(sealed) != 0 {
		t.Errorf("secrets of a removed connection: %v, %v", sealed, err)
	}
	// Each change is in the record once, what was refused is not.
	entries, err := f.AuditEntries(f.ctx, store.AuditFilter{})
	must(t, err)
	if len(entries) != 4 {
		t.Errorf("%d entries in the record: %+v", len(entries), entries)
	}
	if newest, err := f.VerifyAudit(f.ctx); err != nil || newest.Number != 4 {
		t.Errorf("the record has %d entries that hold: %v", newest.Number, err)
	}
}

func testJobs(t *testing.T, f *fixture) {
	job := store.Job{ID: "j1", Workspace: "main", Name: "shop", JobVersion: store.JobVersion{Document: []byte("name: shop"), Canonical: []byte(`{"name":"shop"}`),
		Aliases: []string{"from", "to"}, Note: "first"}}
	made, err := f.PutJob(f.ctx, job, by("job.change"))
	must(t, err)
	got, err := f.Job(f.ctx, "main", "shop", 0)
	must(t, err)
	if diff := cmp.Diff(made, got); diff != "" || got.Version != 1 || got.Newest != 1 || got.MadeBy != "ann" || got.Made == 0 {
		t.Errorf("made: %s %+v", diff, got)
	}
	second := made
	second.Document, second.Aliases, second.Note = []byte("name: shop # two"), []string{"from", "other"}, "second"
	_, err = f.PutJob(f.ctx, second, by("job.change"))
	must(t, err)
	_, err = f.PutJob(f.ctx, second, by("job.change"))
	wantClass(t, err, connector.Config, "TOW-232")
	twin := job
	twin.ID = "j2"
	_, err = f.PutJob(f.ctx, twin, by("job.change"))
	wantClass(t, err, connector.Config, "TOW-234")
	twin.Workspace = "other"
	_, err = f.PutJob(f.ctx, twin, by("job.change"))
	must(t, err)
	for _, c := range []struct {
		version  int64
		document string
	}{{0, "name: shop # two"}, {1, "name: shop"}, {2, "name: shop # two"}} {
		if got, err := f.Job(f.ctx, "main", "j1", c.version); err != nil || string(got.Document) != c.document || got.Newest != 2 {
			t.Errorf("version %d: %q of %d, %v", c.version, got.Document, got.Newest, err)
		}
	}
	_, err = f.Job(f.ctx, "main", "j1", 3)
	wantClass(t, err, connector.Missing, "TOW-235")
	_, err = f.Job(f.ctx, "main", "j2", 0)
	wantClass(t, err, connector.Missing, "TOW-235")
	versions, err := f.JobVersions(f.ctx, "main", "j1")
	must(t, err)
	if len(versions) != 2 || versions[0].Note != "second" || versions[1].Note != "first" {
		t.Errorf("versions: %+v", versions)
	}
	for i := range 3 {
		_, err := f.PutJob(f.ctx, store.Job{ID: fmt.Sprint("p", i), Workspace: "main", Name: fmt.Sprint("page ", i)}, by("job.change"))
		must(t, err)
	}
	names := func(filter store.JobFilter) string {
		filter.Workspace = "main"
		jobs, err := f.Jobs(f.ctx, filter)
		must(t, err)
		var names []string
		for _, j := range jobs {
			names = append(names, j.Name)
		}
		return strings.Join(names, ", ")
	}
	for want, filter := range map[string]store.JobFilter{"page 0, page 1": {Limit: 2}, "page 2, shop": {After: "page 1"}, "shop": {Alias: "other"}, "": {Alias: "to"}} {
		if got := names(filter); got != want {
			t.Errorf("%+v: %q, want %q", filter, got, want)
		}
	}
	wantClass(t, f.RemoveJob(f.ctx, "main", "j1", 1, by("job.change")), connector.Config, "TOW-232")
	must(t, f.RemoveJob(f.ctx, "main", "j1", 2, by("job.change")))
	_, err = f.Job(f.ctx, "main", "shop", 0)
	wantClass(t, err, connector.Missing, "TOW-235")
	if got, err := f.Job(f.ctx, "main", "j1", 1); err != nil || got.Removed == 0 {
		t.Errorf("a removed job by its ID: %+v, %v", got, err)
	}
	job.ID = "j3"
	_, err = f.PutJob(f.ctx, job, by("job.change")) // the name is free again
	must(t, err)
}

// testHold holds a connection under runs of all kinds: those that work and nobody else wished to pause are paused for it, and the release queues just them.
func testHold(t *testing.T, f *fixture) {
	for _, alias := range []string{"shop", "other"} {
		_, err := f.PutConnection(f.ctx, connectionOf("dev", alias), nil, nil, by("connection.change"))
		must(t, err)
	}
	start := func(key, environment, alias string) {
		t.Helper()
		_, err := f.CreateRun(f.ctx, store.NewRun{Key: key, Name: key, Who: "ann", Aliases: []string{alias, "target"}, Duty: store.Duty{Environment: environment, Served: true}})
		must(t, err)
	}
	for _, key := range []string{"works", "paused", "wished", "stopped", "stops"} {
		start(key, "dev", "shop")
	}
	start("elsewhere", "prod", "shop")
	start("unrelated", "dev", "other")
	for _, key := range []string{"works", "paused", "wished", "stops", "elsewhere", "unrelated"} {
		f.move(t, key, store.Planning, store.Running)
	}
	f.move(t, "paused", store.Running, store.Pausing)
	f.move(t, "paused", store.Pausing, store.Paused)
	f.move(t, "stopped", store.Planning, store.Stopped)
	must(t, f.SetWish(f.ctx, "wished", store.Wish{Kind: store.WishPause, Who: "eve"}))
	k := connectionOf("dev", "shop").ConnectionKey
	held, err := f.SetHold(f.ctx, k, store.Hold{By: "bob", Why: "new disks"}, by("connection.hold"))
	must(t, err)
	if !slices.Equal(held, []string{"stops", "works"}) {
		t.Errorf("paused are %v", held)
	}
	c, err := f.Connection(f.ctx, k)
	must(t, err)
	if c.Held.By != "bob" || c.Held.Why != "new disks" || c.Held.At == 0 {
		t.Errorf("hold is %+v", c.Held)
	}
	wishes, err := f.Wishes(f.ctx, "works", "wished", "unrelated")
	must(t, err)
	if w := wishes["works"].Wish; w.Kind != store.WishPause || w.Who != "bob" || w.Why != "new disks" || wishes["wished"].Wish.Who != "eve" || wishes["unrelated"].Wish.Kind != "" {
		t.Errorf("wishes are %+v", wishes)
	}
	must(t, f.SetWish(f.ctx, "stops", store.Wish{Kind: store.WishStop, Who: "eve"}))
	released, err := f.SetHold(f.ctx, k, store.Hold{}, by("connection.hold"))
	must(t, err)
	if !slices.Equal(released, []string{"works"}) {
		t.Errorf("released are %v", released)
	}
	r, err := f.Run(f.ctx, "works")
	must(t, err)
	if r.Queued == 0 || r.Held != "" || !r.Served {
		t.Errorf("released run: %+v", r.Duty)
	}
	if r, err = f.Run(f.ctx, "paused"); err != nil || r.Queued != 0 {
		t.Errorf("a run that was paused before: %+v, %v", r.Duty, err)
	}
	_, err = f.SetHold(f.ctx, store.ConnectionKey{Workspace: "main", Environment: "dev", Alias: "none"}, store.Hold{By: "bob"}, by("connection.hold"))
	wantClass(t, err, connector.Missing, "TOW-233")
}

// testStartedOnce asks twice for one start.
func testStartedOnce(t *testing.T, f *fixture) {
	n := store.NewRun{Key: "k1", Name: "n", StartKey: "request-1", Aliases: []string{"a", "b"}, Duty: store.Duty{Workspace: "w", Environment: "dev", JobID: "j", JobVersion: 2, Priority: -5, Served: true, Queued: 1}}
	_, err := f.CreateRun(f.ctx, n)
	must(t, err)
	n.Key = "k2"
	_, err = f.CreateRun(f.ctx, n)
	wantClass(t, err, connector.Config, "TOW-236")
	if !strings.Contains(fmt.Sprint(err), "k1") {
		t.Errorf("%v does not name the run", err)
	}
	n.Workspace = "v"
	_, err = f.CreateRun(f.ctx, n)
	must(t, err)
	r, err := f.Run(f.ctx, "k1")
	must(t, err)
	queued := r.Queued
	want := store.Duty{Workspace: "w", Environment: "dev", JobID: "j", JobVersion: 2, Priority: -5, Served: true, Queued: queued}
	if diff := cmp.Diff(want, r.Duty); diff != "" || queued < r.Created {
		t.Errorf("duty: %s", diff)
	}
	for want, filter := range map[string]store.Filter{"k1": {Workspace: "w"}, "k2 k1": {Job: "j"}, "k1 ": {Workspace: "w", Alias: "b"}, "": {Alias: "c"}} {
		runs, err := f.Runs(f.ctx, filter)
		must(t, err)
		var keys []string
		for _, r := range runs {
			keys = append(keys, r.Key)
		}
		if got := strings.Join(keys, " "); got != strings.TrimSpace(want) {
			t.Errorf("%+v: %q, want %q", filter, got, want)
		}
	}
}

// testSynced copies a pair by several runs: the newest counts, and the newest that published it.
func testSynced(t *testing.T, f *fixture) {
	run := func(key string, state store.StreamState) {
		t.Helper()
		l, err := f.CreateRun(f.ctx, store.NewRun{Key: key, Name: key, Owner: owner("p"), TTL: ttl, Source: "shop", Target: "search", Duty: store.Duty{Environment: "dev"}})
		must(t, err)
		streams := []store.Stream{{ID: "1", Lead: "1", Source: "a", Dataset: "a"}, {ID: "2", Lead: "2", Source: "b", Connection: "other", Dataset: "b"}}
		must(t, f.SavePlan(f.ctx, key, l.Epoch, store.Plan{Format: 1, Bytes: []byte("plan"), Hash: []byte("hash")}, streams, slices.Values([]connector.Shard(nil))))
		f.move(t, key, store.Planning, store.Running)
		if state == store.StreamDone {
			must(t, f.EndStreams(f.ctx, key, l.Epoch, "1"))
		}
	}
	run("k1", store.StreamDone)
	must(t, f.SetSyncCheck(f.ctx, "k1", "1", store.SyncCheck{Method: "count", Source: 5, Target: 6, About: true, Note: "n"}))
	run("k2", store.StreamWaiting)
	all, err := f.Synced(f.ctx, "main", "dev", "shop")
	must(t, err)
	if len(all) != 1 {
		t.Fatalf("pairs: %+v", all)
	}
	s := all[0]
	if s.Pair != (store.Pair{Alias: "shop", Source: "a", TargetAlias: "search", Target: "a"}) || s.Last.Run != "k2" || s.Last.Done || s.Last.State != store.Running || s.Good.Run != "k1" || !s.Good.Done {
		t.Errorf("pair: %+v", s)
	}
	if k := s.Check; k.At == 0 || k.Method != "count" || k.Source != 5 || k.Target != 6 || !k.About || k.Note != "n" {
		t.Errorf("check: %+v", k)
	}
	for alias, want := range map[string]int{"": 2, "search": 2, "other": 1, "none": 0} {
		if all, err = f.Synced(f.ctx, "main", "dev", alias); err != nil || len(all) != want {
			t.Errorf("%q has %d pairs: %v", alias, len(all), err)
		}
	}
	if all, err = f.Synced(f.ctx, "main", "prod", ""); err != nil || len(all) != 0 {
		t.Errorf("another environment: %+v, %v", all, err)
	}
}

// testForgetDirty forgets dirty rows of runs that ended long ago, and of no others.
func testForgetDirty(t *testing.T, f *fixture) {
	for _, key := range []string{"over", "goes"} {
		f.running(t, key, []store.Stream{stream("s")}, shardsOf("s", 1)...)
		l := f.take(t, "w")
		must(t, f.CommitCheckpoint(f.ctx, key, l.Lease.Epoch, Done(l), []store.DirtyRow{{Code: "RANGE", Row: []byte("{}")}}))
	}
	f.move(t, "over", store.Running, store.Failed)
	count := func(key string) (n int) {
		for _, err := range f.Dirty(f.ctx, key, "", store.DirtyCursor{}, 0) {
			must(t, err)
			n++
		}
		return n
	}
	now, err := f.Now(f.ctx)
	must(t, err)
	must(t, f.ForgetDirty(f.ctx, now-60_000))
	if over, goes := count("over"), count("goes"); over != 1 || goes != 1 {
		t.Errorf("%d and %d rows are left, want both", over, goes)
	}
	must(t, f.ForgetDirty(f.ctx, now+60_000))
	if over, goes := count("over"), count("goes"); over != 0 || goes != 1 {
		t.Errorf("%d and %d rows are left, want that of the run that goes on", over, goes)
	}
}
