package control_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/connector/connectortest/memory"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/job"
)

// why returns what the history says of the last time that the run came into a state.
func (r *rig) why(key string, state store.State) (why string) {
	r.t.Helper()
	events, err := r.History(context.Background(), key)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, e := range events {
		if e.To == state {
			why = e.Why
		}
	}
	return why
}

func (r *rig) label(key string) string {
	r.t.Helper()
	run, err := r.Store.Run(context.Background(), key)
	if err != nil {
		r.t.Fatal(err)
	}
	return control.Consistency(run.Consistency)
}

// TestSnapshotOfAllStreams changes the source while a run reads it: what arrives is what was there when it began.
func TestSnapshotOfAllStreams(t *testing.T) {
	t.Parallel()
	r, _ := newWhole(t, 40, 50) // more than are ready at a time
	before := map[string][]connectortest.Row{}
	for _, name := range r.source.Names() {
		before[name] = r.source.Rows(name)
	}
	r.target.Inject(memory.Commit, 1, memory.Fault{Reached: func() {
		for name := range before {
			r.source.Make(name, people(), peopleRows(1000, 1003)...)
		}
		if r.source.Snapshots() != 1 {
			t.Errorf("%d snapshots are held while rows are read", r.source.Snapshots())
		}
	}})
	run, err := r.run(r.document("full", `{source: "*"}`, "{consistency: snapshot, group_rows: 20}"), nil)
	if err != nil || run.State != store.Succeeded {
		t.Fatalf("run is %s: %v", run.State, err)
	}
	for name, rows := range before {
		if diff := connectortest.Diff(r.target.Rows(name), rows); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if label := r.label(run.Key); label != "snapshot" || r.source.Snapshots() != 0 {
		t.Errorf("label is %q, %d snapshots are held at the end", label, r.source.Snapshots())
	}
	if why := r.why(run.Key, store.Running); !strings.HasPrefix(why, "rows are read in a snapshot") {
		t.Errorf("history says %q", why)
	}
	if run.Consistency.At < run.Created {
		t.Errorf("snapshot of %d in a run of %d", run.Consistency.At, run.Created)
	}
	if calls := r.source.Calls(memory.Snapshot); calls != 1 {
		t.Errorf("%d snapshots were taken, want one for all streams", calls)
	}
}

// TestPauseEndsTheSnapshot: a paused run holds none, and its resume goes on without and says so for good.
func TestPauseEndsTheSnapshot(t *testing.T) {
	t.Parallel()
	r, _ := newWhole(t, 2, 400)
	var key string
	reached, goOn := make(chan struct{}), make(chan struct{})
	r.target.Inject(memory.Write, 4, memory.Fault{Reached: func() { close(reached) }, Wait: goOn})
	ended := make(chan store.Run, 1)
	go func() {
		run, err := r.Run(context.Background(), r.document("full", `{source: "*"}`, "{consistency: snapshot, group_rows: 50}"), nil, func(k string, _ *engine.Plan) { key = k })
		if err != nil {
			t.Error(err)
		}
		ended <- run
	}()
	<-reached
	if _, err := r.service(r.Connectors).Pause(context.Background(), key, ""); err != nil {
		t.Fatal(err)
	}
	r.await(key, store.Pausing)
	close(goOn)
	if run := <-ended; run.State != store.Paused || r.source.Snapshots() != 0 {
		t.Fatalf("run is %s and holds %d snapshots", run.State, r.source.Snapshots())
	}
	if label := r.label(key); label != "snapshot" {
		t.Errorf("label of the paused run is %q", label)
	}
	run, err := r.resume(key)
	if err != nil || run.State != store.Succeeded {
		t.Fatalf("resumed run is %s: %v", run.State, err)
	}
	if label := r.label(key); !strings.HasPrefix(label, "snapshot until 20") || r.source.Calls(memory.Snapshot) != 1 {
		t.Errorf("label is %q after %d snapshots", label, r.source.Calls(memory.Snapshot))
	}
	if why := r.why(key, store.Running); why != "its snapshot has ended: rows that are read from here on are as they are at that moment" {
		t.Errorf("history says %q", why)
	}
}

// TestSnapshotLostInTheMiddle: the run does not go on at another instant by itself.
func TestSnapshotLostInTheMiddle(t *testing.T) {
	t.Parallel()
	r, _ := newWhole(t, 3, 400)
	r.target.Inject(memory.Commit, 3, memory.Fault{Reached: r.source.EndSnapshots})
	run, err := r.run(r.document("full", `{source: "*", source_options: {chunk_rows: 50}}`, "{consistency: snapshot, group_rows: 50, parallel: 2}"), nil)
	if err != nil || run.State != store.Paused || run.Code != "TOW-147" || !strings.Contains(run.Reason, ": the snapshot that the run reads in is gone: ") {
		t.Fatalf("run is %s (%s %s): %v", run.State, run.Reason, run.Code, err)
	}
	if run, err = r.resume(run.Key); err != nil || run.State != store.Succeeded {
		t.Fatalf("resumed run is %s: %v", run.State, err)
	}
	if label := r.label(run.Key); !strings.HasPrefix(label, "snapshot until ") {
		t.Errorf("label is %q", label)
	}
	if c := r.counts(run.Key); c.Read != 400 {
		t.Errorf("%d rows of the first stream were read, want each once", c.Read)
	}
}

// TestSnapshotThatCannotBeTaken: nothing is read, the targets are left, and a resume takes one.
func TestSnapshotThatCannotBeTaken(t *testing.T) {
	t.Parallel()
	r, _ := newWhole(t, 2, 10)
	r.source.Inject(memory.Snapshot, 1, memory.Fault{Err: connector.Errorf(connector.Denied, "TOW-999", "no right to lock")})
	run, err := r.run(r.document("full", `{source: "*"}`, "{consistency: snapshot}"), nil)
	if err == nil || err.Error() != "take the snapshot of from: no right to lock" || run.State != store.Failed || run.Code != "TOW-999" {
		t.Fatalf("run is %s: %v", run.State, err)
	}
	if n := r.source.Calls(memory.Read); n > 0 {
		t.Errorf("%d chunks were read", n)
	}
	if run, err = r.resume(run.Key); err != nil || run.State != store.Succeeded || r.label(run.Key) != "snapshot" {
		t.Fatalf("resumed run is %s (%s): %v", run.State, r.label(run.Key), err)
	}
}

// TestFuzzyTakesNoSnapshot also where the source could make one.
func TestFuzzyTakesNoSnapshot(t *testing.T) {
	t.Parallel()
	r, _ := newWhole(t, 1, 10)
	run, err := r.run(r.document("full", `{source: "*"}`, "{}"), nil)
	if err != nil || r.label(run.Key) != "fuzzy" || r.source.Calls(memory.Snapshot) != 0 {
		t.Errorf("run is %s (%s), %d snapshots: %v", run.State, r.label(run.Key), r.source.Calls(memory.Snapshot), err)
	}
}

// teller keeps what it is told of states.
type teller struct{ told []string }

func (o *teller) State(e store.Event) { o.told = append(o.told, string(e.To)+": "+e.Why) }

func (*teller) Progress(control.Progress) {}

// TestSnapshotEndsWithItsProcess: who takes up a run whose process is gone is told that it goes on without.
func TestSnapshotEndsWithItsProcess(t *testing.T) {
	t.Parallel()
	r, _ := newWhole(t, 2, 400)
	reached, goOn := make(chan struct{}), make(chan struct{})
	r.target.Inject(memory.Write, 4, memory.Fault{Reached: func() { close(reached) }, Wait: goOn})
	ended := make(chan error, 1)
	first := r.service(r.Connectors) // whose only worker waits: another would lease the shard again, and end it in the snapshot
	go func() {
		_, err := first.Run(context.Background(), r.document("full", `{source: "*"}`, "{consistency: snapshot, group_rows: 50, parallel: 1}"), nil, nil)
		ended <- err
	}()
	<-reached
	runs, err := r.Runs(context.Background(), 1)
	if err != nil {
		t.Fatal(err)
	}
	key := runs[0].Key
	lease, err := r.Store.TakeOverRun(context.Background(), key, first.Owner, r.Owner, time.Minute) // as if it was gone
	if err == nil {
		err = r.Store.ReleaseRun(context.Background(), lease)
	}
	if err != nil {
		t.Fatal(err)
	}
	told := new(teller)
	run, err := r.Resume(context.Background(), key, control.ResumeOptions{}, told)
	if err != nil || run.State != store.Succeeded || !strings.HasPrefix(r.label(key), "snapshot until ") {
		t.Errorf("resumed run is %s (%s): %v", run.State, r.label(key), err)
	}
	if want := "running: its snapshot has ended: rows that are read from here on are as they are at that moment"; told.told[0] != want {
		t.Errorf("told %q, want %q first", told.told, want)
	}
	close(goOn)
	if err := <-ended; err == nil {
		t.Error("the first process has not noticed that the run went on without it")
	}
	for _, name := range []string{"t01", "t02"} {
		if diff := connectortest.Diff(r.target.Rows(name), r.source.Rows(name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestSnapshotOfWhatIsRead: a connection that no stream reads from is left alone.
func TestSnapshotOfWhatIsRead(t *testing.T) {
	t.Parallel()
	r, _ := newWhole(t, 1, 10)
	north, northStore := memory.New(memory.Options{Name: "north"})
	northStore.Make("people", people(), peopleRows(1, 10)...)
	from, err := r.Connectors.Get("from")
	if err != nil {
		t.Fatal(err)
	}
	to, err := r.Connectors.Get("to")
	if err != nil {
		t.Fatal(err)
	}
	from.Snapshot = nil
	r.Service = r.service(connector.NewSet(from, north, to))
	r.Connections = func(context.Context, string) (job.Connection, error) { return job.Connection{Connector: "north"}, nil }
	run, err := r.run(r.document("full", `{source: people, connection: n}`, "{consistency: snapshot}"), nil)
	if err != nil || run.State != store.Succeeded || r.label(run.Key) != "snapshot" || northStore.Calls(memory.Snapshot) != 1 {
		t.Fatalf("run is %s (%s), %d snapshots: %v", run.State, r.label(run.Key), northStore.Calls(memory.Snapshot), err)
	}
}
