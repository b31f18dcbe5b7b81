package storetest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/store"
)

func asError(err error) (*connector.Error, bool) { return errors.AsType[*connector.Error](err) }

func testRuns(t *testing.T, f *fixture) {
	lease := f.newRun(t, "k1", "p1")
	f.newRun(t, "k2", "p1")
	f.newRun(t, "k3", "p1")
	_, err := f.CreateRun(f.ctx, store.NewRun{Key: "k1", Name: "other"})
	wantClass(t, err, connector.Retry, "TOW-219")

	got, err := f.Run(f.ctx, "k1")
	must(t, err)
	want := store.Run{Key: "k1", Name: "job of k1", Mode: "full", Job: []byte("name: k1"), State: store.Planning, Event: 1,
		Created: got.Created, Owner: owner("p1"), Epoch: 1, Until: lease.Until, Consistency: store.Consistency{Wanted: "fuzzy"}, Duty: store.Duty{Workspace: store.MainWorkspace}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("run: %s", diff)
	}
	now, err := f.Now(f.ctx)
	must(t, err)
	if got.Created > now || got.Created < now-60_000 {
		t.Errorf("created %d, the database's clock is %d", got.Created, now)
	}
	f.move(t, "k2", store.Planning, store.Failed)
	for _, c := range []struct {
		name   string
		filter store.Filter
		want   string
	}{
		{"all", store.Filter{}, "k3 k2 k1"},
		{"first page", store.Filter{Limit: 2}, "k3 k2"},
		{"second page", store.Filter{Limit: 2, Before: "k2"}, "k1"},
		{"by state", store.Filter{States: []store.State{store.Failed, store.Running}}, "k2"},
		{"by no state", store.Filter{States: []store.State{}}, ""},
		{"ended", store.Filter{EndedBefore: now + 60_000}, "k2"},
		{"ended long ago", store.Filter{EndedBefore: now - 60_000}, ""},
	} {
		runs, err := f.Runs(f.ctx, c.filter)
		must(t, err)
		var keys []string
		for _, r := range runs {
			keys = append(keys, r.Key)
		}
		if got := strings.Join(keys, " "); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func testUnknownRun(t *testing.T, f *fixture) {
	_, err := f.Run(f.ctx, "k3f9x")
	wantClass(t, err, connector.Missing, "TOW-210")
	f.newRun(t, "k3f9y", "p")
	f.newRun(t, "zzzzz", "p")
	_, err = f.Run(f.ctx, "k3f9x")
	wantClass(t, err, connector.Missing, "TOW-210")
	e, _ := asError(err)
	if got, want := err.Error()+"; "+e.Hint, "no run k3f9x; Did you mean k3f9y?"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	_, err = f.Run(f.ctx, "qqqqq")
	if e, _ := asError(err); e.Hint != "Newest runs: zzzzz, k3f9y." {
		t.Errorf("hint %q", e.Hint)
	}
	_, err = f.Transition(f.ctx, "nope", store.Planning, store.Running, store.Change{})
	wantClass(t, err, connector.Missing, "TOW-210")
	wantClass(t, f.SetWish(f.ctx, "nope", store.Wish{Kind: store.WishPause}), connector.Missing, "TOW-210")
	_, err = f.AcquireRun(f.ctx, "nope", owner("p"), ttl)
	wantClass(t, err, connector.Missing, "TOW-210")
	wantClass(t, f.Forget(f.ctx, "nope"), connector.Missing, "TOW-210")
}

func testTransition(t *testing.T, f *fixture) {
	l := f.newRun(t, "k1", "p")
	planned := store.Change{Who: "ann", Why: "planned", Epoch: l.Epoch}
	e, err := f.Transition(f.ctx, "k1", store.Planning, store.Running, planned)
	must(t, err)
	// Its answer was lost, and the holder of the lease asks again.
	if again, err := f.Transition(f.ctx, "k1", store.Planning, store.Running, planned); err != nil || again != e {
		t.Errorf("asked again: %+v, %v; want %+v", again, err, e)
	}
	for name, c := range map[string]store.Change{"other reason": {Who: "ann", Why: "other", Epoch: l.Epoch}, "nobody's": {Who: "ann", Why: "planned"}} {
		if _, err := f.Transition(f.ctx, "k1", store.Planning, store.Running, c); !errors.As(err, new(*store.StateError)) {
			t.Errorf("%s: %v, want a StateError", name, err)
		}
	}
	_, err = f.Transition(f.ctx, "k1", store.Planning, store.Failed, store.Change{})
	stale, ok := errors.AsType[*store.StateError](err)
	if !ok || *stale != (store.StateError{Run: "k1", From: store.Planning, Is: store.Running, Want: store.Failed}) {
		t.Errorf("stale transition: got %v", err)
	}
	wantClass(t, err, connector.Other, "TOW-211")
	failed, err := f.Transition(f.ctx, "k1", store.Running, store.Failed, store.Change{Who: "towpath", Why: "disk", Code: "TOW-202"})
	must(t, err)
	run, err := f.Run(f.ctx, "k1")
	must(t, err)
	if run.State != store.Failed || run.Reason != "disk" || run.Code != "TOW-202" || run.Event != 3 || run.Started != e.At || run.Ended != failed.At {
		t.Errorf("failed run: %+v", run)
	}
	f.move(t, "k1", store.Failed, store.Running)
	if run, err = f.Run(f.ctx, "k1"); err != nil || run.Started != e.At || run.Ended != 0 || run.Code != "" {
		t.Errorf("resumed run: %+v, %v", run, err)
	}
	events, err := f.Events(f.ctx, "k1", 1, 2)
	must(t, err)
	if diff := cmp.Diff([]store.Event{e, failed}, events); diff != "" {
		t.Errorf("events 2 and 3: %s", diff)
	}
}

func testTransitionsAtOnce(t *testing.T, f *fixture) {
	f.newRun(t, "k1", "p")
	other := f.again(t)
	const each = 10
	var wg sync.WaitGroup
	for worker := range 8 {
		s := []*store.Store{f.Store, other}[worker%2]
		wg.Go(func() {
			for done := 0; done < each; {
				from, to := store.Planning, store.Running
				if _, err := s.Transition(f.ctx, "k1", from, to, store.Change{}); err == nil {
					done++
					continue
				} else if _, stale := errors.AsType[*store.StateError](err); !stale {
					t.Error(err)
					return
				}
				if _, err := s.Transition(f.ctx, "k1", to, from, store.Change{}); err == nil {
					done++
				} else if _, stale := errors.AsType[*store.StateError](err); !stale {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	events, err := f.Events(f.ctx, "k1", 0, 1000)
	must(t, err)
	if len(events) != 8*each+1 {
		t.Fatalf("got %d events, want %d", len(events), 8*each+1)
	}
	for i, e := range events {
		if e.Number != int64(i+1) || i > 0 && e.From != events[i-1].To {
			t.Fatalf("event %d: %+v after %+v", i+1, e, events[max(i-1, 0)])
		}
	}
}

func testForget(t *testing.T, f *fixture) {
	f.running(t, "k1", []store.Stream{stream("s")}, shardsOf("s", 2)...)
	first := f.take(t, "w")
	must(t, f.ClaimTargets(f.ctx, "k1", "server-1", "dst.s"))
	wantClass(t, f.Forget(f.ctx, "k1"), connector.Config, "TOW-218")
	f.move(t, "k1", store.Running, store.Stopped)
	must(t, f.Forget(f.ctx, "k1"))
	if _, err := f.Run(f.ctx, "k1"); connector.ClassOf(err) != connector.Missing {
		t.Errorf("forgotten run: %v", err)
	}
	if events, err := f.Events(f.ctx, "k1", 0, 10); err != nil || len(events) != 0 {
		t.Errorf("forgotten run has events %v, %v", events, err)
	}
	f.running(t, "k1", []store.Stream{stream("s")}, shardsOf("s", 2)...)
	if l := f.take(t, "w"); l.Lease.Stamp <= first.Lease.Stamp {
		t.Errorf("stamp went from %d to %d over a forgotten run", first.Lease.Stamp, l.Lease.Stamp)
	}
}

func testRunLease(t *testing.T, f *fixture) {
	l := f.newRun(t, "k1", "a")
	_, err := f.AcquireRun(f.ctx, "k1", owner("b"), ttl)
	wantClass(t, err, connector.Busy, "TOW-212")
	held, ok := errors.AsType[*store.HeldError](err)
	if !ok || held.Holder != owner("a") || held.Until != l.Until || held.Epoch != 1 || held.Now >= held.Until {
		t.Fatalf("held: %+v", held)
	}
	if e, _ := asError(err); e.After <= 0 || e.After > ttl {
		t.Errorf("free after %s", e.After)
	}
	renewed, err := f.RenewRun(f.ctx, l, 5*time.Millisecond)
	must(t, err)
	f.past(t, renewed.Until)
	b, err := f.AcquireRun(f.ctx, "k1", owner("b"), ttl)
	must(t, err)
	if b.Epoch != 2 || b.Previous != owner("a") {
		t.Errorf("taken lease: %+v", b)
	}
	_, err = f.RenewRun(f.ctx, l, ttl)
	wantClass(t, err, connector.Fenced, "TOW-213")
	must(t, f.ReleaseRun(f.ctx, l))
	if run, err := f.Run(f.ctx, "k1"); err != nil || run.Owner != owner("b") {
		t.Errorf("a former holder's release took the lease from %+v, %v", run.Owner, err)
	}
	must(t, f.ReleaseRun(f.ctx, b))
	c, err := f.AcquireRun(f.ctx, "k1", owner("c"), ttl)
	must(t, err)
	if c.Epoch != 3 || c.Previous != (store.Owner{}) {
		t.Errorf("lease after release: %+v", c)
	}
	wantClass(t, f.SavePlan(f.ctx, "k1", b.Epoch, store.Plan{Format: 1}, nil, slices.Values([]connector.Shard{})), connector.Fenced, "TOW-213")
}

func testTakeOver(t *testing.T, f *fixture) {
	f.running(t, "k1", []store.Stream{stream("s")}, shardsOf("s", 3)...)
	for _, worker := range []string{"owner-k1", "owner-k1/2", "owner-k12"} {
		f.take(t, worker)
	}
	_, err := f.TakeOverRun(f.ctx, "k1", owner("someone"), owner("b"), ttl)
	wantClass(t, err, connector.Busy, "TOW-212")
	l, err := f.TakeOverRun(f.ctx, "k1", owner("owner-k1"), owner("b"), ttl)
	must(t, err)
	if l.Epoch != 2 || l.Previous != owner("owner-k1") {
		t.Errorf("lease taken over: %+v", l)
	}
	if a, b := f.take(t, "b"), f.take(t, "b"); a.Lease.Epoch != 2 || b.Lease.Epoch != 2 {
		t.Errorf("freed shards have epochs %d and %d, want 2", a.Lease.Epoch, b.Lease.Epoch)
	}
	f.none(t, "another process's worker holds it")
}

func testClaims(t *testing.T, f *fixture) {
	lease := f.running(t, "k1", nil)
	f.running(t, "k2", nil)
	claim := func(run string, datasets ...string) error { return f.ClaimTargets(f.ctx, run, "server-1", datasets...) }
	must(t, claim("k1", "orders"))
	must(t, claim("k1", "orders"))
	err := claim("k2", "orders")
	wantClass(t, err, connector.Busy, "TOW-214")
	if c, ok := errors.AsType[*store.ClaimedError](err); !ok || c.Run != "k1" || c.State != store.Running {
		t.Errorf("claimed: %v", err)
	}
	wantClass(t, claim("k2", "items", "orders"), connector.Busy, "TOW-214")
	must(t, claim("k1", "items")) // of several, all or none are claimed
	must(t, claim("k2", "parts", "places"))
	must(t, f.ClaimTargets(f.ctx, "k2", "server-2", "orders"))
	former := lease
	former.Epoch--
	must(t, f.ReleaseTargets(f.ctx, former))
	wantClass(t, claim("k2", "orders"), connector.Busy, "TOW-214") // who lost the run gives up nothing of it
	must(t, f.ReleaseTargets(f.ctx, lease))
	must(t, claim("k2", "orders"))
	_, err = f.Transition(f.ctx, "k2", store.Running, store.Failed, store.Change{Epoch: 99})
	wantClass(t, err, connector.Fenced, "TOW-213")
	f.move(t, "k2", store.Running, store.Stopped)
	must(t, claim("k1", "orders"))
}

func testWishes(t *testing.T, f *fixture) {
	f.newRun(t, "k1", "p")
	f.newRun(t, "k2", "p")
	must(t, f.SetWish(f.ctx, "k1", store.Wish{Kind: store.WishPause, Who: "ann", Why: "lunch"}))
	must(t, f.SetLimits(f.ctx, "k1", store.Limits{Rows: 10, Bytes: 20, Parallel: 3}))
	got, err := f.Wishes(f.ctx, "k1", "k2", "unknown")
	must(t, err)
	want := map[string]store.Wishes{
		"k1": {Revision: 3, Wish: store.Wish{Kind: store.WishPause, Who: "ann", Why: "lunch"}, Limits: store.Limits{Rows: 10, Bytes: 20, Parallel: 3},
			State: store.Planning, Epoch: 1},
		"k2": {Revision: 1, State: store.Planning, Epoch: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("wishes: %s", diff)
	}
	must(t, f.SetWish(f.ctx, "k1", store.Wish{Kind: store.WishStop, Who: "bob"}))
	must(t, f.SetWish(f.ctx, "k1", store.Wish{Kind: store.WishPause, Who: "ann"}))
	if got, err = f.Wishes(f.ctx, "k1"); err != nil || got["k1"].Wish != (store.Wish{Kind: store.WishStop, Who: "bob"}) {
		t.Errorf("a pause replaced a stop: %+v, %v", got, err)
	}
	must(t, f.SetWish(f.ctx, "k1", store.Wish{}))
	if got, err = f.Wishes(f.ctx, "k1"); err != nil || got["k1"].Wish != (store.Wish{}) || got["k1"].Revision != 6 {
		t.Errorf("cleared wish: %+v, %v", got, err)
	}
}

func testSteps(t *testing.T, f *fixture) {
	l := f.newRun(t, "k1", "p")
	for i, want := range [][]store.StepState{{store.StepNew, store.StepNew}, {store.StepBegun, store.StepBegun}} {
		if got, err := f.BeginSteps(f.ctx, "k1", l.Epoch, "swap", "link"); err != nil || !slices.Equal(got, want) {
			t.Errorf("steps at try %d are %v, %v; want %v", i, got, err, want)
		}
	}
	must(t, f.DoneSteps(f.ctx, "k1", l.Epoch, "swap"))
	want := []store.StepState{store.StepBegun, store.StepNew, store.StepDone}
	if got, err := f.BeginSteps(f.ctx, "k1", l.Epoch, "link", "seal", "swap"); err != nil || !slices.Equal(got, want) {
		t.Errorf("steps are %v, %v; want %v", got, err, want)
	}
	wantClass(t, f.DoneSteps(f.ctx, "k1", l.Epoch, "link", "other"), connector.Other, "TOW-222")
	_, err := f.AcquireRun(f.ctx, "k1", owner("p"), ttl)
	must(t, err)
	_, err = f.BeginSteps(f.ctx, "k1", l.Epoch, "late")
	wantClass(t, err, connector.Fenced, "TOW-213")
	wantClass(t, f.DoneSteps(f.ctx, "k1", l.Epoch, "swap"), connector.Fenced, "TOW-213")
	steps, err := f.Steps(f.ctx, "k1")
	if err != nil || len(steps) != 3 {
		t.Fatalf("steps: %+v, %v", steps, err)
	}
	for _, st := range steps {
		if done := st.State == store.StepDone; done != (st.Name == "swap") || st.Begun == 0 || done != (st.Done > 0) {
			t.Errorf("step %+v", st)
		}
	}
}
func testCancel(t *testing.T, f *fixture) {
	f.newRun(t, "k1", "p")
	ctx, cancel := context.WithCancel(f.ctx)
	cancel()
	if _, err := f.Transition(ctx, "k1", store.Planning, store.Running, store.Change{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled transition: %v", err)
	}
	// Cancelled in the middle of its transaction: shards are asked for behind its first statements.
	ctx, cancel = context.WithCancel(f.ctx)
	err := f.SavePlan(ctx, "k1", 1, store.Plan{Format: 1}, []store.Stream{stream("s")}, func(yield func(connector.Shard) bool) {
		yield(shard("a", "s", 1))
		cancel()
		yield(shard("b", "s", 1))
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled plan: %v", err)
	}
	_, err = f.Plan(f.ctx, "k1")
	wantClass(t, err, connector.Missing, "TOW-221")
	f.move(t, "k1", store.Planning, store.Running)
}
