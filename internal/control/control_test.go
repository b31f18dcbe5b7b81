package control_test

import (
	"context"
	"database/sql"
	"encoding/json"
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
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/job"
	"github.com/towpath/towpath/record"
)

// rig is an application over two stores in memory and a control database of its own.
type rig struct {
	*control.Service
	t              *testing.T
	source, target *memory.Store
	path           string
}

// people is a table of n rows with an int key.
func people() *record.Schema {
	return &record.Schema{Fields: []record.Field{
		{Name: "id", Type: record.Type{Kind: record.Int, Bits: 64}, Key: 1},
		{Name: "name", Type: record.Type{Kind: record.Text}, Nullable: true},
	}}
}

func peopleRows(from, to int) []connectortest.Row {
	var rows []connectortest.Row
	for i := from; i <= to; i++ {
		rows = append(rows, connectortest.Texts(strconv.Itoa(i), "person "+strconv.Itoa(i)))
	}
	return rows
}

func newRig(t *testing.T, source, target memory.Options, rows int) *rig {
	t.Helper()
	source.Name, target.Name = "from", "to"
	from, fromStore := memory.New(source)
	to, toStore := memory.New(target)
	fromStore.Make("people", people(), peopleRows(1, rows)...)
	r := &rig{t: t, source: fromStore, target: toStore, path: filepath.Join(t.TempDir(), "towpath.db")}
	r.Service = r.service(connector.NewSet(from, to))
	return r
}

// service is the application as another process would see it: the same control database, another owner.
func (r *rig) service(set connector.Set) *control.Service {
	r.t.Helper()
	s := &control.Service{Connectors: set, Owner: control.ThisProcess(), Who: "tester", Log: slog.New(slog.DiscardHandler), Lease: 3 * time.Second,
		Connections: func(_ context.Context, alias string) (job.Connection, error) {
			return job.Connection{}, errors.New("no aliases here")
		},
		Secrets:  func(_ context.Context, _ string, raw json.RawMessage) (json.RawMessage, error) { return raw, nil },
		Password: func(string) (string, error) { return "", nil },
		Clean:    func(text string) string { return text }}
	done, err := s.OpenStore(context.Background(), r.path)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(done)
	return s
}

func (r *rig) job(settings string) *job.Job {
	r.t.Helper()
	j, err := job.Parse([]byte("{name: test, mode: full, source: {connector: from}, target: {connector: to}, streams: [{source: people}], settings: "+settings+"}"), "job.yaml")
	if err != nil {
		r.t.Fatal(err)
	}
	return j
}

func (r *rig) run(j *job.Job, obs control.Observer) (store.Run, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	return r.Run(ctx, j, obs, nil)
}

func (r *rig) resume(key string) (store.Run, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	return r.Resume(ctx, key, control.ResumeOptions{}, nil)
}

// same fails when the target's people are not the source's.
func (r *rig) same() {
	r.t.Helper()
	if diff := connectortest.Diff(r.target.Rows("people"), r.source.Rows("people")); diff != "" {
		r.t.Error(diff)
	}
}

func (r *rig) counts(key string) connector.Counts {
	r.t.Helper()
	_, p, _, err := r.Status(context.Background(), key)
	if err != nil {
		r.t.Fatal(err)
	}
	return p.Streams[0].Counts
}

func (r *rig) states(key string) string {
	r.t.Helper()
	events, err := r.History(context.Background(), key)
	if err != nil {
		r.t.Fatal(err)
	}
	var names []string
	for i, e := range events {
		if e.Number != int64(i+1) {
			r.t.Errorf("event %d has number %d", i+1, e.Number)
		}
		names = append(names, string(e.To))
	}
	return strings.Join(names, " ")
}

// await returns once the run is in a state.
func (r *rig) await(key string, want store.State) {
	r.t.Helper()
	deadline, ticker := time.After(10*time.Second), time.NewTicker(5*time.Millisecond)
	defer ticker.Stop()
	for {
		run, err := r.Store.Run(context.Background(), key)
		if err != nil {
			r.t.Fatal(err)
		}
		if run.State == want {
			return
		}
		select {
		case <-ticker.C:
		case <-deadline:
			r.t.Fatalf("run %s is %s after 10 s, want %s", key, run.State, want)
		}
	}
}

const small = "{group_rows: 50, shards: 4}"

func TestRunCopiesEverything(t *testing.T) {
	t.Parallel()
	r := newRig(t, memory.Options{}, memory.Options{}, 1000)
	run, err := r.run(r.job(small), nil)
	if err != nil || run.State != store.Succeeded {
		t.Fatalf("run is %s: %v", run.State, err)
	}
	r.same()
	if c := r.counts(run.Key); c.Read != 1000 || c.Written != 1000 || !c.Balanced() {
		t.Errorf("counts are %+v", c)
	}
	if got, want := r.states(run.Key), "planning running verifying finishing succeeded"; got != want {
		t.Errorf("states are %q, want %q", got, want)
	}
	// The same again leaves target = source, deletions included.
	r.source.Make("people", people(), peopleRows(500, 800)...)
	if run, err = r.run(r.job(small), nil); err != nil || run.State != store.Succeeded {
		t.Fatalf("second run is %s: %v", run.State, err)
	}
	r.same()
}

func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	for name, way := range map[string]connector.Way{"way A": connector.WayA, "way B": connector.WayB} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, memory.Options{}, memory.Options{Way: way}, 4000)
			var key string
			reached, goOn := make(chan struct{}), make(chan struct{})
			r.target.Inject(memory.Write, 6, memory.Fault{Reached: func() { close(reached) }, Wait: goOn})
			ended := make(chan error, 1)
			var run store.Run
			go func() {
				var err error
				run, err = r.Run(context.Background(), r.job(small), nil, func(k string, _ *engine.Plan) { key = k })
				ended <- err
			}()
			<-reached
			other := r.service(r.Connectors)
			if _, err := other.Pause(context.Background(), key, "lunch"); err != nil {
				t.Fatal(err)
			}
			r.await(key, store.Pausing)
			close(goOn)
			if err := <-ended; err != nil || run.State != store.Paused {
				t.Fatalf("run is %s: %v", run.State, err)
			}
			if run.Owner.ID != "" {
				t.Errorf("a paused run is still owned by %v", run.Owner)
			}
			committed := r.counts(key)
			if committed.Read == 0 || committed.Read == 4000 {
				t.Fatalf("paused at %d rows, want it in the middle", committed.Read)
			}
			chunks := r.source.Calls(memory.Read)
			if run, err := r.resume(key); err != nil || run.State != store.Succeeded {
				t.Fatalf("resumed run is %s: %v", run.State, err)
			}
			r.same()
			if c := r.counts(key); c.Read != 4000 {
				t.Errorf("%d rows read in all, want each once", c.Read)
			}
			// Invariant 7: no committed row is read again.
			if again := r.source.Calls(memory.Read) - chunks; int64(again) > (4000-committed.Read)/50+8 {
				t.Errorf("%d chunks read after resume for %d rows", again, 4000-committed.Read)
			}
			if got, want := r.states(key), "planning running pausing paused running verifying finishing succeeded"; got != want {
				t.Errorf("states are %q, want %q", got, want)
			}
		})
	}
}

func TestTransientErrorsAreTriedAgain(t *testing.T) {
	t.Parallel()
	away := connector.Errorf(connector.Retry, "TOW-999", "connection reset")
	lost := connector.Errorf(connector.Unknown, "TOW-999", "answer lost")
	cases := map[string]struct {
		op    memory.Op
		fault memory.Fault
	}{
		"reading":                {memory.Read, memory.Fault{Err: away}},
		"writing":                {memory.Write, memory.Fault{Err: away}},
		"commit not applied":     {memory.Commit, memory.Fault{Err: lost}},
		"commit applied":         {memory.Commit, memory.Fault{Err: lost, Applied: true}},
		"take":                   {memory.Take, memory.Fault{Err: away}},
		"written, answer lost":   {memory.Write, memory.Fault{Err: away, Applied: true}},
		"server busy for longer": {memory.Write, memory.Fault{Err: &connector.Error{Class: connector.Busy, Text: "slower", After: time.Millisecond}}},
	}
	for name, c := range cases {
		for _, way := range []connector.Way{connector.WayA, connector.WayB} {
			t.Run(name+" way "+string(way), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, memory.Options{}, memory.Options{Way: way}, 1000)
				store := r.target
				if c.op == memory.Read {
					store = r.source
				}
				for _, nth := range []int{2, 3, 9} {
					store.Inject(c.op, nth, c.fault)
				}
				run, err := r.run(r.job(small), nil)
				if err != nil || string(run.State) != "succeeded" {
					t.Fatalf("run is %s: %v", run.State, err)
				}
				r.same()
				if c := r.counts(run.Key); c.Read != 1000 || !c.Balanced() {
					t.Errorf("counts are %+v", c)
				}
			})
		}
	}
}

func TestOutagePausesTheRun(t *testing.T) {
	t.Parallel()
	r := newRig(t, memory.Options{}, memory.Options{}, 100)
	for n := 1; n < 200; n++ {
		r.target.Inject(memory.Take, n, memory.Fault{Err: connector.Errorf(connector.Retry, "TOW-999", "connection refused")})
	}
	run, err := r.run(r.job("{outage: 1s, shards: 1}"), nil)
	if err != nil || run.State != store.Paused {
		t.Fatalf("run is %s: %v", run.State, err)
	}
	if want := "away for longer than 1s: connection refused"; run.Reason != want {
		t.Errorf("reason is %q, want %q", run.Reason, want)
	}
}

func TestFullTargetPauses(t *testing.T) {
	t.Parallel()
	r := newRig(t, memory.Options{}, memory.Options{}, 1000)
	r.target.Inject(memory.Write, 5, memory.Fault{Err: connector.Errorf(connector.Full, "TOW-999", "disk full")})
	run, err := r.run(r.job(small), nil)
	if err != nil || run.State != store.Paused || run.Reason != "disk full" || run.Code != "TOW-999" {
		t.Fatalf("run is %s (%s, %s): %v", run.State, run.Reason, run.Code, err)
	}
	if run, err = r.resume(run.Key); err != nil || run.State != store.Succeeded {
		t.Fatalf("resumed run is %s: %v", run.State, err)
	}
	r.same()
}

func TestDirtyRows(t *testing.T) {
	t.Parallel()
	seventh := func(_ string, row connectortest.Row) record.Code {
		if strings.HasSuffix(row[1].Text, "7") {
			return record.Constraint
		}
		return ""
	}
	r := newRig(t, memory.Options{}, memory.Options{Reject: seventh}, 1000)
	run, err := r.run(r.job(small), nil)
	if err != nil || run.State != store.Succeeded {
		t.Fatalf("run is %s: %v", run.State, err)
	}
	c := r.counts(run.Key)
	if c.Read != 1000 || c.Dirty == 0 || c.Written != 1000-c.Dirty {
		t.Fatalf("counts are %+v", c)
	}
	var stored int64
	for d, err := range r.Dirty(context.Background(), run.Key, "", 0) {
		if err != nil {
			t.Fatal(err)
		}
		stored++
		if d.Code != record.Constraint || !json.Valid(d.Row) {
			t.Errorf("dirty row %+v", d)
		}
	}
	if stored != c.Dirty {
		t.Errorf("%d dirty rows stored, %d counted", stored, c.Dirty)
	}

	run, err = r.run(r.job("{group_rows: 50, shards: 1, parallel: 1, dirty: {rows: 9}}"), nil)
	if err != nil || run.State != store.Paused || !strings.Contains(run.Reason, "the limit is 9") {
		t.Fatalf("run over the limit is %s (%s): %v", run.State, run.Reason, err)
	}
	if over := r.counts(run.Key).Dirty; over > 9+50 {
		t.Errorf("%d dirty rows, want at most one group over the limit", over)
	}
}

// paused is a run that stopped in the middle because its target was full.
func paused(t *testing.T) (*rig, string) {
	t.Helper()
	r := newRig(t, memory.Options{}, memory.Options{}, 1000)
	r.target.Inject(memory.Write, 5, memory.Fault{Err: connector.Errorf(connector.Full, "TOW-999", "disk full")})
	run, err := r.run(r.job(small), nil)
	if err != nil || run.State != store.Paused {
		t.Fatalf("run is %s: %v", run.State, err)
	}
	return r, run.Key
}

func TestSchemaChanged(t *testing.T) {
	t.Parallel()
	r, key := paused(t)
	other := people()
	other.Fields[1].Type = record.Type{Kind: record.Text, Length: 20}
	r.source.Make("people", other, peopleRows(1, 1000)...)
	run, err := r.resume(key)
	want := "the schema of people has changed since the run was planned: column name is text(20), planned was text"
	if err == nil || err.Error() != want || run.State != store.Paused {
		t.Errorf("run is %s: %v", run.State, err)
	}
}

func TestAnotherServer(t *testing.T) {
	t.Parallel()
	r, key := paused(t)
	from, fromStore := memory.New(memory.Options{Name: "from"})
	fromStore.Make("people", people(), peopleRows(1, 1000)...)
	to, _ := r.Connectors.Get("to")
	open := from.Open
	from.Open = func(ctx context.Context, c connector.Connection) (connector.Client, error) {
		client, err := open(ctx, c)
		return renamed{client}, err
	}
	moved := r.service(connector.NewSet(from, to))
	_, err := moved.Resume(context.Background(), key, control.ResumeOptions{}, nil)
	if want := "the source is another server: planned was store from, this is store elsewhere"; err == nil || err.Error() != want {
		t.Errorf("resume says %v", err)
	}
	run, err := moved.Resume(context.Background(), key, control.ResumeOptions{Moved: true}, nil)
	if err != nil || run.State != store.Succeeded {
		t.Errorf("moved run is %s: %v", run.State, err)
	}
}

func TestTargetRestored(t *testing.T) {
	t.Parallel()
	r, key := paused(t)
	r.target.Forget()
	if _, err := r.resume(key); connector.ClassOf(err) != connector.Changed {
		t.Errorf("resume says %v", err)
	}
}

func TestStopped(t *testing.T) {
	t.Parallel()
	r, key := paused(t)
	if run, err := r.Stop(context.Background(), key, "no longer wanted"); err != nil || run.State != store.Stopped {
		t.Fatalf("run is %s: %v", run.State, err)
	}
	for _, name := range r.target.Names() {
		if strings.Contains(name, "__tw_") {
			t.Errorf("%s stayed", name)
		}
	}
	if _, err := r.resume(key); err == nil || err.Error() != "run "+key+" is stopped and cannot be resumed" {
		t.Errorf("resume says %v", err)
	}
}

// TestPlanThatCannotBeRead is one that another version made, or that is damaged: the run is not resumed, but seen and stopped.
func TestPlanThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ statement, code string }{
		"another version": {"UPDATE plan SET format = 1", "TOW-136"},
		"damaged":         {"UPDATE plan SET hash = x'00'", "TOW-137"},
		"a stream's":      {"UPDATE stream SET hash = x'00'", "TOW-137"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, key := paused(t)
			db, err := sql.Open("sqlite", r.path)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Exec(c.statement); err != nil {
				t.Fatal(err)
			}
			run, err := r.resume(key)
			if e, ok := errors.AsType[*connector.Error](err); !ok || e.Code != c.code || run.State != store.Paused {
				t.Errorf("resumed run is %s: %v", run.State, err)
			}
			run, p, _, err := r.Status(context.Background(), key)
			if err != nil || run.Key != key || p.Total.Counts.Read == 0 {
				t.Errorf("status is %+v of %+v: %v", p, run, err)
			}
			run, err = r.Stop(context.Background(), key, "no longer wanted")
			if err != nil || run.State != store.Stopped || !strings.HasPrefix(run.Reason, "no longer wanted; what it staged may be left (the plan of run") {
				t.Errorf("run is %s (%s): %v", run.State, run.Reason, err)
			}
		})
	}
}

func TestEmptySource(t *testing.T) {
	t.Parallel()
	r := newRig(t, memory.Options{}, memory.Options{}, 10)
	if _, err := r.run(r.job("{}"), nil); err != nil {
		t.Fatal(err)
	}
	r.source.Make("people", people())
	run, err := r.run(r.job("{}"), nil)
	if err == nil || err.Error() != "people gave no rows, and people holds 10 rows" || run.State != store.Failed {
		t.Errorf("run is %s: %v", run.State, err)
	}
	if len(r.target.Rows("people")) != 10 {
		t.Error("the target was replaced by nothing")
	}
	if run, err := r.run(r.job("{allow_empty_replace: true}"), nil); err != nil || run.State != store.Succeeded {
		t.Errorf("run is %s: %v", run.State, err)
	}
}

// renamed is a client of another server.
type renamed struct{ connector.Client }

func (renamed) Identity(context.Context) (string, error) { return "store elsewhere", nil }

func TestTargetIsWrittenByOneRun(t *testing.T) {
	t.Parallel()
	r := newRig(t, memory.Options{}, memory.Options{}, 1000)
	reached, goOn := make(chan struct{}), make(chan struct{})
	r.target.Inject(memory.Write, 3, memory.Fault{Reached: func() { close(reached) }, Wait: goOn})
	ended := make(chan error, 1)
	go func() {
		_, err := r.run(r.job(small), nil)
		ended <- err
	}()
	<-reached
	_, err := r.service(r.Connectors).Run(context.Background(), r.job(small), nil, nil)
	if _, ok := errors.AsType[*store.ClaimedError](err); !ok {
		t.Errorf("second run says %v", err)
	}
	// Nor is the run taken from a process that lives, even by one that is ready to wait.
	runs, err := r.Runs(context.Background(), 10)
	if err != nil || len(runs) != 2 {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	waited := false
	_, err = r.service(r.Connectors).Resume(context.Background(), runs[1].Key, control.ResumeOptions{Waiting: func(store.Owner, time.Duration) { waited = true }}, nil)
	if _, ok := errors.AsType[*store.HeldError](err); !ok || !waited {
		t.Errorf("resume by another process says %v", err)
	}
	close(goOn)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	r.same()
}

// TestShardIsEndedByAnother: a process that still has the newest epoch of a shard ends it while the run is steered here. The run knows of it
// by its control database and is published.
func TestShardIsEndedByAnother(t *testing.T) {
	t.Parallel()
	r := newRig(t, memory.Options{}, memory.Options{Way: connector.WayB}, 1000)
	var ended string
	r.target.Inject(memory.Take, 1, memory.Fault{Reached: func() {
		runs, err := r.Store.Runs(context.Background(), store.Filter{})
		if err == nil { // room for one more
			err = r.Store.SetLimits(context.Background(), runs[0].Key, store.Limits{Parallel: 3})
		}
		if err != nil {
			t.Error(err)
			return
		}
		leased, err := r.Store.LeaseShards(context.Background(), store.LeaseRequest{Worker: "another", TTL: time.Minute}, 1)
		if err != nil || len(leased) != 1 {
			t.Errorf("%d shards leased: %v", len(leased), err)
			return
		}
		l := leased[0]
		ended = l.Shard.ID
		err = r.Store.SaveCheckpoint(context.Background(), l.Run, l.Lease.Epoch, connector.Checkpoint{Shard: ended, Seq: 1, Rev: l.Shard.Rev, Done: true})
		if err != nil {
			t.Error(err)
		}
	}})
	run, err := r.run(r.job("{group_rows: 50, shards: 4, parallel: 2}"), nil)
	if err != nil || run.State != store.Succeeded || ended == "" {
		t.Fatalf("run is %s, shard %q was ended elsewhere: %v", run.State, ended, err)
	}
	if got := int64(len(r.target.Rows("people"))); got == 0 || got != r.counts(run.Key).Written {
		t.Errorf("the target holds %d rows, %d are counted", got, r.counts(run.Key).Written)
	}
}
