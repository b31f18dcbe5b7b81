package storetest

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/store"
)

// connection makes one in workspace main, environment default.
func (f *fixture) connection(t *testing.T, alias string, parallel int) store.ConnectionKey {
	t.Helper()
	c := connectionOf("default", alias)
	c.Parallel = parallel
	if old, err := f.Connection(f.ctx, c.ConnectionKey); err == nil {
		c.Version = old.Version
	}
	_, err := f.PutConnection(f.ctx, c, nil, nil, by("connection.change"))
	must(t, err)
	return c.ConnectionKey
}

// queued makes a run that waits for the pool and uses connections.
func (f *fixture) queued(t *testing.T, key string, priority int, aliases ...string) {
	t.Helper()
	_, err := f.CreateRun(f.ctx, store.NewRun{Key: key, Duty: store.Duty{Environment: "default", Queued: 1, Served: true, Priority: priority}, Aliases: aliases})
	must(t, err)
	now, err := f.Now(f.ctx)
	must(t, err)
	f.past(t, now) // no two runs wait since the same moment
}

// served makes a running run that servers see to.
func (f *fixture) served(t *testing.T, key string, shards int, aliases ...string) store.RunLease {
	t.Helper()
	f.queued(t, key, 0, aliases...)
	l, err := f.TakeQueued(f.ctx, key, store.Owner{}, owner("owner-"+key), ttl)
	must(t, err)
	st := stream(key)
	must(t, f.SavePlan(f.ctx, key, l.Epoch, store.Plan{Format: 1}, []store.Stream{st}, func(yield func(connector.Shard) bool) {
		for _, sh := range shardsOf(key, shards) {
			if !yield(sh) {
				return
			}
		}
	}))
	f.move(t, key, store.Planning, store.Running)
	f.ready(t, l, key)
	return l
}

func keys(runs []store.Run) string {
	var all []string
	for _, r := range runs {
		all = append(all, r.Key)
	}
	return strings.Join(all, " ")
}

func (f *fixture) wantQueue(t *testing.T, want string) {
	t.Helper()
	runs, err := f.Queue(f.ctx, 100)
	must(t, err)
	if got := keys(runs); got != want {
		t.Errorf("queue is %q, want %q", got, want)
	}
}

func testQueue(t *testing.T, f *fixture) {
	f.newRun(t, "own", "p") // is nobody's but its process's
	f.queued(t, "first", 0)
	f.queued(t, "second", 0)
	f.queued(t, "urgent", 3)
	f.queued(t, "late", -1)
	f.wantQueue(t, "urgent first second late")
	if runs, err := f.Queue(f.ctx, 2); err != nil || keys(runs) != "urgent first" {
		t.Errorf("the first two are %q, %v", keys(runs), err)
	}
	must(t, f.SetWaits(f.ctx, map[string]string{"second": "waits: 2 runs before it", "own": "nothing"}))
	must(t, f.Unqueue(f.ctx, "late", "paused by ann"))
	f.wantQueue(t, "urgent first second")
	for key, want := range map[string]string{"second": "waits: 2 runs before it", "own": "", "late": "paused by ann"} {
		if run, err := f.Run(f.ctx, key); err != nil || run.Waits != want {
			t.Errorf("run %s waits for %q, %v; want %q", key, run.Waits, err, want)
		}
	}
	// A run in the middle of something is not queued; one that rests, or has not begun, is, at the end of those of its priority.
	must(t, f.Enqueue(f.ctx, "late", by("test")))
	f.move(t, "own", store.Planning, store.Running)
	err := f.Enqueue(f.ctx, "own", by("test"))
	wantClass(t, err, connector.Config, "TOW-330")
	if e, ok := errors.AsType[*store.StateError](err); !ok || e.Is != store.Running {
		t.Errorf("queueing a running run says %v", err)
	}
	wantClass(t, f.Enqueue(f.ctx, "nope", by("test")), connector.Missing, "TOW-210")
	f.move(t, "own", store.Running, store.Failed)
	must(t, f.SetWish(f.ctx, "own", store.Wish{Kind: store.WishPause, Who: "ann", Why: "x"}))
	must(t, f.Enqueue(f.ctx, "own", by("test")))
	f.wantQueue(t, "urgent first second own late")
	run, err := f.Run(f.ctx, "own")
	must(t, err)
	wishes, err := f.Wishes(f.ctx, "own")
	must(t, err)
	if !run.Served || run.Queued == 0 || run.Waits != "" || wishes["own"].Wish.Kind != store.WishNone {
		t.Errorf("queued again: %+v, wish %+v", run, wishes["own"].Wish)
	}
	since := run.Queued
	must(t, f.Enqueue(f.ctx, "own", store.Entry{}))
	if run, err = f.Run(f.ctx, "own"); err != nil || run.Queued != since {
		t.Errorf("asked again, it waits since %d, %v; want %d", run.Queued, err, since)
	}
	f.move(t, "own", store.Failed, store.Running)
	f.move(t, "first", store.Planning, store.Failed)
	f.wantQueue(t, "urgent second late")
}

func testTakeQueued(t *testing.T, f *fixture) {
	f.queued(t, "k1", 0)
	l, err := f.TakeQueued(f.ctx, "k1", store.Owner{}, owner("a"), ttl)
	must(t, err)
	_, err = f.TakeQueued(f.ctx, "k1", store.Owner{}, owner("b"), ttl)
	wantClass(t, err, connector.Busy, "TOW-212")
	// Also the same process does not take it twice: it would steer it twice.
	_, err = f.TakeQueued(f.ctx, "k1", store.Owner{}, owner("a"), ttl)
	wantClass(t, err, connector.Busy, "TOW-212")
	f.wantQueue(t, "k1") // until it runs: its process may die before
	if l, err = f.TakeQueued(f.ctx, "k1", owner("a"), owner("b"), ttl); err != nil || l.Epoch != 2 {
		t.Fatalf("taking it from a process that is gone: %+v, %v", l, err)
	}
	f.move(t, "k1", store.Planning, store.Running)
	f.wantQueue(t, "")
	stale := l
	stale.Epoch--
	wantClass(t, f.Requeue(f.ctx, stale), connector.Fenced, "TOW-213")
	must(t, f.Requeue(f.ctx, l))
	f.wantQueue(t, "k1")
	must(t, f.SetWish(f.ctx, "k1", store.Wish{Kind: store.WishPause, Who: "ann", Why: "x"}))
	must(t, f.Requeue(f.ctx, l)) // not against a wish
	f.wantQueue(t, "")
	must(t, f.SetWish(f.ctx, "k1", store.Wish{}))
	must(t, f.ReleaseRun(f.ctx, l))
	_, err = f.TakeQueued(f.ctx, "k1", store.Owner{}, owner("c"), ttl)
	wantClass(t, err, connector.Busy, "TOW-331")
	if run, err := f.Run(f.ctx, "k1"); err != nil || run.Owner.ID != "" || run.Epoch != 2 {
		t.Errorf("a take that was refused left %+v, %v", run, err)
	}
	runs, err := f.Unrested(f.ctx, owner("self"))
	if must(t, err); keys(runs) != "k1" {
		t.Errorf("unrested are %q", keys(runs))
	}
	f.newRun(t, "own", "p")
	f.move(t, "own", store.Planning, store.Running)
	if runs, err = f.Unrested(f.ctx, owner("self")); err != nil || keys(runs) != "k1" {
		t.Errorf("unrested are %q, %v", keys(runs), err)
	}
	f.move(t, "k1", store.Running, store.Pausing)
	_, err = f.Transition(f.ctx, "k1", store.Pausing, store.Paused, store.Change{Code: "TOW-132"})
	must(t, err)
	if runs, err = f.Unrested(f.ctx, owner("self")); err != nil || len(runs) != 0 {
		t.Errorf("unrested are %q, %v", keys(runs), err)
	}
	for code, want := range map[string]string{"TOW-132": "k1", "TOW-130": ""} {
		if runs, err = f.PausedBy(f.ctx, code, 10); err != nil || keys(runs) != want {
			t.Errorf("paused by %s are %q, %v", code, keys(runs), err)
		}
	}
	must(t, f.Unqueue(f.ctx, "k1", "paused by ann"))
	if runs, err = f.PausedBy(f.ctx, "TOW-132", 10); err != nil || len(runs) != 0 {
		t.Errorf("a run that ann wants to rest is among %q, %v", keys(runs), err)
	}
}

// testBounds: the shards of all runs that use a connection are counted, by whatever process they are leased.
func testBounds(t *testing.T, f *fixture) {
	k := f.connection(t, "shop", 3)
	f.connection(t, "search", 0)
	f.served(t, "k1", 3, "shop", "search")
	f.served(t, "k2", 3, "shop")
	f.served(t, "k3", 9, "search")
	other := f.again(t)
	atWork := map[string]int{}
	var leased []store.Leased
	for i := range 12 {
		l, ok, err := LeaseShard(f.ctx, []*store.Store{f.Store, other}[i%2], store.LeaseRequest{Worker: "w", TTL: ttl})
		if must(t, err); !ok {
			t.Fatalf("lease %d found none: %v", i, atWork)
		}
		atWork[l.Run]++
		leased = append(leased, l)
	}
	f.none(t, "shop bears three shards")
	if want := map[string]int{"k1": 2, "k2": 1, "k3": 9}; cmp.Diff(want, atWork) != "" {
		t.Errorf("at work are %v, want %v", atWork, want)
	}
	must(t, f.ReleaseShard(f.ctx, epochOf(leased[0]), store.Failure{}))
	if l := f.take(t, "w"); l.Run == "k3" {
		t.Error("a shard of k3 was leased twice")
	}
	f.none(t, "shop bears three shards")
	f.connection(t, "shop", 4)
	f.take(t, "w")
	f.none(t, "shop bears four shards")
	f.connection(t, "shop", 0)
	_, err := f.SetHold(f.ctx, k, store.Hold{By: "ann", Why: "new disks"}, by("test"))
	must(t, err)
	f.none(t, "shop is held")
}

func testHoldQueued(t *testing.T, f *fixture) {
	k := f.connection(t, "shop", 0)
	running := f.served(t, "k1", 2, "shop")
	f.served(t, "k2", 2)
	f.served(t, "k3", 2, "shop")
	must(t, f.SetWish(f.ctx, "k3", store.Wish{Kind: store.WishPause, Who: "bob"})) // and stays paused, whoever holds what
	f.queued(t, "k4", 0, "shop")
	f.queued(t, "k5", 0, "shop")
	_, err := f.TakeQueued(f.ctx, "k5", store.Owner{}, owner("p"), ttl) // is being planned
	must(t, err)
	runs, err := f.SetHold(f.ctx, k, store.Hold{By: "ann", Why: "new disks"}, by("test"))
	if must(t, err); strings.Join(runs, " ") != "k1 k5" {
		t.Errorf("held are %v", runs)
	}
	_, err = f.TakeQueued(f.ctx, "k4", store.Owner{}, owner("p"), ttl)
	wantClass(t, err, connector.Busy, "TOW-332")
	const err4 = "connection shop is held by ann: new disks"
	if err.Error() != err4 {
		t.Errorf("taking it says %q, want %q", err, err4)
	}
	if run, err := f.Run(f.ctx, "k4"); err != nil || run.Owner.ID != "" || run.Epoch != 0 {
		t.Errorf("a take that was refused left %+v, %v", run, err)
	}
	if words, err := f.HeldRuns(f.ctx); err != nil || words["k4"] != err4 || len(words) != 2 { // k5 waits as well, until it runs
		t.Errorf("held are %v, %v", words, err)
	}
	f.move(t, "k5", store.Planning, store.Running)
	for _, key := range []string{"k1", "k3", "k5"} {
		f.move(t, key, store.Running, store.Pausing)
		f.move(t, key, store.Pausing, store.Paused)
	}
	must(t, f.ReleaseRun(f.ctx, running))
	f.wantQueue(t, "k4")
	must(t, f.Unqueue(f.ctx, "k5", "")) // a person wants it to stay paused
	if runs, err = f.SetHold(f.ctx, k, store.Hold{}, by("test")); err != nil || strings.Join(runs, " ") != "k1" {
		t.Errorf("released are %v, %v", runs, err)
	}
	f.wantQueue(t, "k4 k1")
	if _, err = f.TakeQueued(f.ctx, "k1", store.Owner{}, owner("p"), time.Minute); err != nil {
		t.Error(err)
	}
	wishes, err := f.Wishes(f.ctx, "k1")
	if must(t, err); wishes["k1"].Wish.Kind != store.WishNone {
		t.Errorf("taken up, it has the wish %+v", wishes["k1"].Wish)
	}
	// A hold that is over before the run runs pauses nothing.
	f.queued(t, "k6", 0, "shop")
	_, err = f.TakeQueued(f.ctx, "k6", store.Owner{}, owner("p"), ttl)
	must(t, err)
	for _, h := range []store.Hold{{By: "ann", Why: "new disks"}, {}} {
		if runs, err = f.SetHold(f.ctx, k, h, by("test")); err != nil || !slices.Contains(runs, "k6") {
			t.Errorf("held or released are %v, %v", runs, err)
		}
	}
	f.move(t, "k6", store.Planning, store.Running)
	wishes, err = f.Wishes(f.ctx, "k6")
	if must(t, err); wishes["k6"].Wish.Kind != store.WishNone {
		t.Errorf("released before it ran, it has the wish %+v", wishes["k6"].Wish)
	}
}
