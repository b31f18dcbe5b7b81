package storetest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/store"
)

func testPlan(t *testing.T, f *fixture) {
	l := f.newRun(t, "k1", "p")
	_, err := f.Plan(f.ctx, "k1")
	wantClass(t, err, connector.Missing, "TOW-221")
	plan := store.Plan{Format: 3, Bytes: []byte("the plan"), Hash: []byte{1, 0, 255}}
	streams := []store.Stream{
		{ID: "z", Source: "a", Connection: "shop", Identity: "i", Dataset: "d", Lead: "z", Stage: 2, Guarantee: "exactly-once", Parallel: 2, Rows: 7, Bytes: 8,
			Plan: []byte("plan of z"), Hash: []byte{7, 0}},
		{ID: "a", Source: "b", Identity: "i", Dataset: "e", Guarantee: "at-least-once", Plan: []byte("of a"), Hash: []byte{1}},
	}
	shards := []connector.Shard{
		{ID: "1", Stream: "z", Range: []byte{0, 1, 2}, Replay: connector.Superset, Scope: "snap", Rows: 5, Bytes: 6},
		{ID: "2", Stream: "z", Stage: 1, Rev: 4, Replay: connector.None, Rows: -1},
		{ID: "3", Stream: "a", Range: []byte("x")},
	}
	must(t, f.SavePlan(f.ctx, "k1", l.Epoch, store.Plan{Format: 2}, streams[:1], slices.Values(shards[:1])))
	must(t, f.SavePlan(f.ctx, "k1", l.Epoch, plan, streams, slices.Values(shards)))
	got, err := f.Plan(f.ctx, "k1")
	must(t, err)
	if plan.Saved = got.Saved; cmp.Diff(plan, got) != "" || got.Saved == 0 {
		t.Errorf("plan: %s", cmp.Diff(plan, got))
	}
	if run, err := f.Run(f.ctx, "k1"); err != nil || run.PlanFormat != 3 || !slices.Equal(run.PlanHash, plan.Hash) {
		t.Errorf("plan of run: %+v, %v", run, err)
	}
	gotStreams, err := f.Streams(f.ctx, "k1")
	must(t, err)
	for i, st := range streams {
		body, hash, err := f.StreamPlan(f.ctx, "k1", st.ID)
		must(t, err)
		if diff := cmp.Diff(st.Plan, body) + cmp.Diff(st.Hash, hash); diff != "" {
			t.Errorf("plan of stream %s: %s", st.ID, diff)
		}
		streams[i].Plan = nil
	}
	if diff := cmp.Diff(streams, gotStreams); diff != "" {
		t.Errorf("streams: %s", diff)
	}
	_, _, err = f.StreamPlan(f.ctx, "k1", "none")
	wantClass(t, err, connector.Missing, "TOW-221")
	var gotShards []connector.Shard
	for _, id := range []string{"z", "a"} {
		for row, err := range f.Shards(f.ctx, "k1", id) {
			must(t, err)
			gotShards = append(gotShards, row.Shard)
			if diff := cmp.Diff(connector.Checkpoint{Shard: row.Shard.ID, Rev: row.Shard.Rev, Range: row.Shard.Range}, row.Checkpoint); diff != "" {
				t.Errorf("checkpoint at the beginning: %s", diff)
			}
		}
	}
	if diff := cmp.Diff(shards, gotShards); diff != "" {
		t.Errorf("shards: %s", diff)
	}
	_, err = f.Shard(f.ctx, "k1", "none")
	wantClass(t, err, connector.Missing, "TOW-217")
}

func testPlanFixed(t *testing.T, f *fixture) {
	l := f.running(t, "k1", []store.Stream{stream("s")}, shardsOf("s", 1)...)
	err := f.SavePlan(f.ctx, "k1", l.Epoch, store.Plan{Format: 9}, nil, slices.Values([]connector.Shard{}))
	wantClass(t, err, connector.Changed, "TOW-220")
	if p, err := f.Plan(f.ctx, "k1"); err != nil || p.Format != 1 {
		t.Errorf("plan: %+v, %v", p, err)
	}
	// A shard given twice undoes the whole plan.
	l = f.newRun(t, "k2", "p")
	if err := f.SavePlan(f.ctx, "k2", l.Epoch, store.Plan{Format: 1}, nil, slices.Values([]connector.Shard{shard("a", "s", 1), shard("a", "s", 1)})); err == nil {
		t.Error("a shard given twice was taken")
	}
	_, err = f.Plan(f.ctx, "k2")
	wantClass(t, err, connector.Missing, "TOW-221")
}

func testFairness(t *testing.T, f *fixture) {
	f.running(t, "k1", []store.Stream{stream("a"), stream("b")}, append(shardsOf("a", 4), shardsOf("b", 2)...)...)
	f.running(t, "k2", []store.Stream{stream("c")}, shardsOf("c", 2)...)
	var got []string
	for range 8 {
		l := f.take(t, "w")
		got = append(got, l.Shard.ID)
		if l.Run == "" || l.Stream != l.Shard.Stream || l.Lease.Worker != "w" || l.Lease.Run != l.Run || l.Lease.TTL != ttl || l.Lease.Epoch != 1 {
			t.Errorf("lease: %+v", l)
		}
	}
	f.none(t, "all are at work")
	// Runs take turns, within k1 its streams do, within a stream the largest comes first; k2 has no third shard.
	want := "a-000004 c-000002 b-000002 c-000001 a-000003 b-000001 a-000002 a-000001"
	if got := strings.Join(got, " "); got != want {
		t.Errorf("order: got %s, want %s", got, want)
	}
}

func testCaps(t *testing.T, f *fixture) {
	narrow, twin := stream("narrow"), stream("twin")
	narrow.Parallel, twin.Parallel, twin.Dataset = 1, 1, narrow.Dataset
	run := f.running(t, "k1", []store.Stream{narrow, twin, stream("wide")}, slices.Concat(shardsOf("narrow", 2), shardsOf("twin", 2), shardsOf("wide", 5))...)
	must(t, f.SetLimits(f.ctx, "k1", store.Limits{Parallel: 3}))
	var leased []store.Leased
	var streams []string
	for range 3 {
		leased = append(leased, f.take(t, "w"))
		streams = append(streams, leased[len(leased)-1].Stream)
	}
	if got := strings.Join(streams, " "); got != "narrow wide wide" {
		t.Errorf("got shards of %s, want narrow wide wide", got)
	}
	f.none(t, "three are at work and the limit is three")
	must(t, f.SetLimits(f.ctx, "k1", store.Limits{Parallel: 4}))
	f.take(t, "w")
	f.none(t, "four are at work and the limit is four")
	must(t, f.FailStream(f.ctx, "k1", run.Epoch, "narrow", store.Failure{Text: "no right"}))
	f.none(t, "four are at work, one of them of a stream that failed")
	must(t, f.SetLimits(f.ctx, "k1", store.Limits{Parallel: 9}))
	f.take(t, "w")
	f.take(t, "w")
	f.none(t, "the one target of narrow and twin is still written by a shard of narrow, which failed")
	must(t, f.ReleaseShard(f.ctx, epochOf(leased[0]), store.Failure{}))
	if l := f.take(t, "w"); l.Stream != "twin" {
		t.Errorf("leased a shard of %s, want twin", l.Stream)
	}
}

func testSeveral(t *testing.T, f *fixture) {
	narrow := stream("narrow")
	narrow.Parallel = 1
	f.running(t, "k1", []store.Stream{narrow, stream("wide")}, append(shardsOf("narrow", 2), shardsOf("wide", 5)...)...)
	must(t, f.SetLimits(f.ctx, "k1", store.Limits{Parallel: 4}))
	for _, c := range []struct {
		most int
		want string
	}{{3, "narrow-000002 wide-000005 wide-000004"}, {5, "wide-000003"}, {5, ""}} {
		leased, err := f.LeaseShards(f.ctx, store.LeaseRequest{Worker: "w", TTL: ttl}, c.most)
		must(t, err)
		var got []string
		for _, l := range leased {
			got = append(got, l.Shard.ID)
		}
		if got := strings.Join(got, " "); got != c.want {
			t.Errorf("of %d at most: leased %q, want %q", c.most, got, c.want)
		}
	}
}

func testLeaseable(t *testing.T, f *fixture) {
	l := f.newRun(t, "k1", "p")
	must(t, f.SavePlan(f.ctx, "k1", l.Epoch, store.Plan{Format: 1}, []store.Stream{stream("s")}, slices.Values(shardsOf("s", 2))))
	f.none(t, "the run is planning")
	f.move(t, "k1", store.Planning, store.Running)
	must(t, f.SetWish(f.ctx, "k1", store.Wish{Kind: store.WishPause}))
	f.none(t, "someone wishes it to pause")
	must(t, f.SetWish(f.ctx, "k1", store.Wish{}))
	f.none(t, "its stream waits")
	f.ready(t, l, "s")
	for _, c := range []struct {
		runs []string
		want bool
	}{{[]string{}, false}, {[]string{"k2"}, false}, {[]string{"k2", "k1"}, true}} {
		_, ok, err := LeaseShard(f.ctx, f.Store, store.LeaseRequest{Worker: "w", Runs: c.runs, TTL: ttl})
		must(t, err)
		if ok != c.want {
			t.Errorf("lease of runs %v: got %v, want %v", c.runs, ok, c.want)
		}
	}
	f.move(t, "k1", store.Running, store.Pausing)
	f.none(t, "the run is pausing")
}

func testStages(t *testing.T, f *fixture) {
	late := shard("late", "s", 1000)
	late.Stage = 1
	f.running(t, "k1", []store.Stream{stream("s")}, append(shardsOf("s", 2), late)...)
	a, b := f.take(t, "w"), f.take(t, "w")
	f.none(t, "stage 0 is at work")
	must(t, f.ReleaseShard(f.ctx, epochOf(a), store.Failure{Text: "away", After: time.Hour}))
	f.none(t, "stage 0 rests")
	must(t, f.remember("k1", 1, doneAt(a.Shard.ID)))
	f.none(t, "the other shard of stage 0 is at work")
	must(t, f.SaveCheckpoint(f.ctx, "k1", b.Lease.Epoch, doneAt(b.Shard.ID)))
	if l := f.take(t, "w"); l.Shard.ID != "late" {
		t.Errorf("leased %s, want late", l.Shard.ID)
	}
}

func doneAt(id string) connector.Checkpoint {
	cp := checkpoint(id, 1, 1)
	cp.Done = true
	return cp
}

func testExpiry(t *testing.T, f *fixture) {
	f.running(t, "k1", []store.Stream{stream("s")}, shardsOf("s", 1)...)
	a, ok, err := LeaseShard(f.ctx, f.Store, store.LeaseRequest{Worker: "a", TTL: 20 * time.Millisecond})
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	f.past(t, a.Until)
	if n, err := f.AtWork(f.ctx, "k1", "c"); err != nil || n != 0 {
		t.Errorf("at work behind the lease's end: %d, %v", n, err)
	}
	b := f.take(t, "b")
	if b.Lease.Epoch != 2 || b.Lease.Stamp <= a.Lease.Stamp {
		t.Errorf("second lease: %+v after %+v", b.Lease, a.Lease)
	}
	if n, err := f.AtWork(f.ctx, "k1", "c"); err != nil || n != 1 {
		t.Errorf("at work while leased: %d, %v", n, err)
	}
	lost, err := f.RenewShards(f.ctx, "a", []store.ShardEpoch{epochOf(a), epochOf(b)}, ttl)
	must(t, err)
	if diff := cmp.Diff([]store.ShardEpoch{epochOf(a), epochOf(b)}, lost); diff != "" {
		t.Errorf("lost: %s", diff)
	}
	if lost, err := f.RenewShards(f.ctx, "b", []store.ShardEpoch{epochOf(b)}, ttl); err != nil || len(lost) != 0 {
		t.Errorf("the owner lost %v, %v", lost, err)
	}
}

func testRenew(t *testing.T, f *fixture) {
	f.running(t, "k1", []store.Stream{stream("s")}, shardsOf("s", 1)...)
	a, _, err := LeaseShard(f.ctx, f.Store, store.LeaseRequest{Worker: "a", TTL: time.Millisecond})
	must(t, err)
	f.past(t, a.Until)
	must(t, f.SetLimits(f.ctx, "k1", store.Limits{Parallel: 1}))
	if _, _, err := LeaseShard(f.ctx, f.Store, store.LeaseRequest{Worker: "b", Runs: []string{"other"}, TTL: ttl}); err != nil {
		t.Fatal(err)
	}
	if lost, err := f.RenewShards(f.ctx, "a", []store.ShardEpoch{epochOf(a)}, ttl); err != nil || len(lost) != 0 {
		t.Errorf("renewing a lease that nobody took: lost %v, %v", lost, err)
	}
	f.none(t, "its lease was renewed")
	must(t, f.ReleaseShard(f.ctx, epochOf(a), store.Failure{}))
	if lost, err := f.RenewShards(f.ctx, "a", []store.ShardEpoch{epochOf(a)}, ttl); err != nil || len(lost) != 1 {
		t.Errorf("renewing a released lease: lost %v, %v", lost, err)
	}
	f.take(t, "b")
}

func testFailure(t *testing.T, f *fixture) {
	f.running(t, "k1", []store.Stream{stream("s")}, shardsOf("s", 1)...)
	a := f.take(t, "a")
	must(t, f.ReleaseShard(f.ctx, epochOf(a), store.Failure{Text: "source away", Code: "TOW-400", After: 400 * time.Millisecond}))
	f.none(t, "it rests")
	row, err := f.Shard(f.ctx, "k1", a.Shard.ID)
	must(t, err)
	want := store.Failing{Attempts: 1, Since: row.Failing.Since, Text: "source away", Code: "TOW-400"}
	if row.Failing != want || row.Failing.Since == 0 || row.NotBefore < row.Failing.Since+400 || row.State != store.ShardPending {
		t.Errorf("failed shard: %+v", row)
	}
	f.past(t, row.NotBefore)
	b := f.take(t, "a")
	if b.Failing != want {
		t.Errorf("lease after failure: %+v", b.Failing)
	}
	must(t, f.ReleaseShard(f.ctx, epochOf(a), store.Failure{Text: "late", After: time.Hour}))
	must(t, f.ReleaseShard(f.ctx, epochOf(b), store.Failure{Text: "still away"}))
	c := f.take(t, "a")
	if c.Failing.Attempts != 2 || c.Failing.Since != want.Since || c.Failing.Text != "still away" {
		t.Errorf("lease after the second failure: %+v", c.Failing)
	}
	must(t, f.SaveCheckpoint(f.ctx, "k1", c.Lease.Epoch, checkpoint(c.Shard.ID, 1, 1)))
	must(t, f.ReleaseShard(f.ctx, epochOf(c), store.Failure{}))
	d := f.take(t, "a")
	if d.Failing != (store.Failing{}) {
		t.Errorf("lease after a checkpoint: %+v", d.Failing)
	}
	must(t, f.ReleaseShard(f.ctx, epochOf(d), store.Failure{After: time.Hour})) // only the target knows of a newer owner
	f.none(t, "it rests, though nothing went wrong")
}

func testStamps(t *testing.T, f *fixture) {
	a, b, c := stream("a"), stream("b"), stream("c")
	b.Dataset = a.Dataset
	f.running(t, "k1", []store.Stream{a, b, c}, slices.Concat(shardsOf("a", 20), shardsOf("b", 20), shardsOf("c", 20))...)
	last := map[string]int64{}
	dataset := map[string]string{"a": "ab", "b": "ab", "c": "c"}
	for range 60 {
		l := f.take(t, "w")
		if d := dataset[l.Stream]; l.Lease.Stamp <= last[d] {
			t.Fatalf("stamp %d after %d at one target", l.Lease.Stamp, last[d])
		} else {
			last[d] = l.Lease.Stamp
		}
	}
}
