package storetest

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/internal/store"
)

func (f *fixture) wantWorkable(t *testing.T, want ...string) {
	t.Helper()
	runs, err := f.Workable(f.ctx)
	must(t, err)
	var keys []string
	for _, r := range runs {
		keys = append(keys, r.Key)
	}
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Errorf("runs for workers: %s", diff)
	}
}

// testWorkable: workers find the runs that servers steer, have shards that wait, and read no snapshot; they lease of no other.
func testWorkable(t *testing.T, f *fixture) {
	_, err := f.CreateRun(f.ctx, store.NewRun{Key: "snap", Name: "snap", Consistency: "snapshot", Owner: store.Owner{ID: "a"}, TTL: ttl, Duty: store.Duty{Served: true}})
	must(t, err)
	must(t, f.SavePlan(f.ctx, "snap", 1, store.Plan{Format: 1}, []store.Stream{stream("s")}, slices.Values(shardsOf("s", 1))))
	f.move(t, "snap", store.Planning, store.Running)
	_, err = f.ReadyStream(f.ctx, "snap", 1, "s", store.Remembered{})
	must(t, err)
	f.running(t, "own", []store.Stream{stream("s")}, shardsOf("s", 1)...) // of the command line
	l := f.served(t, "k1", 1)
	f.wantWorkable(t, "k1")
	asks := store.LeaseRequest{Worker: "w", Joins: true, TTL: ttl}
	a, ok, err := LeaseShard(f.ctx, f.Store, asks)
	if err != nil || !ok || a.Run != "k1" {
		t.Fatalf("leased %+v, %v, %v", a, ok, err)
	}
	if b, ok, err := LeaseShard(f.ctx, f.Store, asks); err != nil || ok {
		t.Fatalf("leased %+v of a run that is not for workers, %v", b, err)
	}
	f.wantWorkable(t)
	must(t, f.ReleaseShard(f.ctx, epochOf(a), store.Failure{}))
	f.wantWorkable(t, "k1")
	must(t, f.SetWish(f.ctx, "k1", store.Wish{Kind: store.WishPause, Who: "ann"}))
	f.wantWorkable(t)
	must(t, f.SetWish(f.ctx, "k1", store.Wish{}))
	must(t, f.BeginStreams(f.ctx, "k1", l.Epoch)) // its targets are not prepared again yet
	f.wantWorkable(t)
}

// testVerdicts: a shard that a worker has judged is leased no more until the run goes on, and its stream's failure ends the leases of others.
func testVerdicts(t *testing.T, f *fixture) {
	l := f.served(t, "k1", 2)
	a, b := f.take(t, "w"), f.take(t, "w")
	must(t, f.ReleaseShard(f.ctx, epochOf(a), store.Failure{Text: "no such column", Code: "TOW-400", Verdict: store.FailsStream}))
	f.none(t, "it was judged")
	f.wantWorkable(t)
	got, err := f.Verdicts(f.ctx, "k1")
	must(t, err)
	want := []store.Judged{{Stream: a.Stream, Shard: a.Shard.ID, Verdict: store.FailsStream, Text: "no such column", Code: "TOW-400"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("verdicts: %s", diff)
	}
	if lost, err := f.RenewShards(f.ctx, "w", []store.ShardEpoch{epochOf(b)}, ttl); err != nil || len(lost) != 0 {
		t.Errorf("lost before the stream failed: %v, %v", lost, err)
	}
	must(t, f.FailStream(f.ctx, "k1", l.Epoch, a.Stream, store.Failure{Text: "no such column"}))
	if lost, err := f.RenewShards(f.ctx, "w", []store.ShardEpoch{epochOf(b)}, ttl); err != nil || len(lost) != 1 {
		t.Errorf("lost when the stream failed: %v, %v", lost, err)
	}
	must(t, f.ReleaseShard(f.ctx, epochOf(b), store.Failure{}))
	must(t, f.BeginStreams(f.ctx, "k1", l.Epoch))
	f.ready(t, l, a.Stream)
	if got, err := f.Verdicts(f.ctx, "k1"); err != nil || len(got) != 0 {
		t.Errorf("verdicts of a part that is over: %+v, %v", got, err)
	}
	for range 2 {
		if c := f.take(t, "w"); c.Failing != (store.Failing{}) {
			t.Errorf("it failed in a part that is over: %+v", c.Failing)
		}
	}
}
