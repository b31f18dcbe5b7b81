package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/store"
)

// testTwoStores leases 400 shards by eight goroutines over two stores on one database: each exactly once, stamps strictly rising. A store
// that the other keeps from the database for too long says so with an error that passes, and is asked again, as workers do.
func testTwoStores(t *testing.T, f *fixture) {
	const shards = 400
	f.running(t, "k1", []store.Stream{stream("s")}, shardsOf("s", shards)...)
	other := f.again(t)
	leased := make([][]store.Leased, 8)
	var wg sync.WaitGroup
	for worker := range leased {
		s := []*store.Store{f.Store, other}[worker%2]
		wg.Go(func() {
			for {
				l, ok, err := LeaseShard(f.ctx, s, store.LeaseRequest{Worker: "w", TTL: time.Hour})
				if connector.ClassOf(err) == connector.Retry {
					continue
				}
				if err != nil {
					t.Error(err)
				}
				if !ok || err != nil {
					return
				}
				leased[worker] = append(leased[worker], l)
			}
		})
	}
	wg.Wait()
	seen, stamps := map[string]bool{}, map[int64]bool{}
	for worker, all := range leased {
		last := int64(0)
		for _, l := range all {
			if seen[l.Shard.ID] || stamps[l.Lease.Stamp] || l.Lease.Epoch != 1 || l.Lease.Stamp <= last {
				t.Fatalf("worker %d: shard %s leased twice, or epoch %d, or stamp %d after %d", worker, l.Shard.ID, l.Lease.Epoch, l.Lease.Stamp, last)
			}
			seen[l.Shard.ID], stamps[l.Lease.Stamp], last = true, true, l.Lease.Stamp
		}
	}
	if len(seen) != shards {
		t.Errorf("%d shards leased, want %d", len(seen), shards)
	}
}

// testMany saves the largest plan and works on it. The times are bounds against a missing index, not measures, and the fastest of several
// counts: a busy machine slows most of them, not all.
func testMany(t *testing.T, f *fixture) {
	const shards = manyShards
	l := f.newRun(t, "k1", "p")
	begin := time.Now()
	must(t, f.SavePlan(f.ctx, "k1", l.Epoch, store.Plan{Format: 1}, []store.Stream{stream("a"), stream("b")}, func(yield func(connector.Shard) bool) {
		for _, id := range []string{"a", "b"} {
			for _, sh := range shardsOf(id, shards/2) {
				if !yield(sh) {
					return
				}
			}
		}
	}))
	took := time.Since(begin)
	t.Logf("plan of %d shards saved in %s", shards, took)
	if took > 20*time.Second {
		t.Errorf("a plan of %d shards takes %s to save", shards, took)
	}
	f.move(t, "k1", store.Planning, store.Running)
	f.ready(t, l, "a")
	f.ready(t, l, "b")
	const leases = 200
	fastest := time.Hour
	for i := range leases {
		begin := time.Now()
		if got, want := f.take(t, "w"), int64(shards/2-i/2); got.Shard.Rows != want {
			t.Fatalf("lease %d got %d rows, want %d", i, got.Shard.Rows, want)
		}
		fastest = min(fastest, time.Since(begin))
	}
	t.Logf("leased in %s at best", fastest)
	if fastest > 50*time.Millisecond {
		t.Errorf("a lease among %d shards takes %s at best", shards, fastest)
	}
	var p []store.Progress
	fastest = time.Hour
	for range 5 {
		begin := time.Now()
		var err error
		p, err = f.Progress(f.ctx, "k1")
		must(t, err)
		fastest = min(fastest, time.Since(begin))
	}
	if p[0].Shards != shards/2 || p[1].Active != leases/2 || fastest > time.Second {
		t.Errorf("progress after %s: %+v", fastest, p)
	}
	if ids := f.idsOf(t, "k1", "b"); len(ids) != shards/2 {
		t.Errorf("%d shards of stream b, want %d", len(ids), shards/2)
	}
	done := make([]connector.Checkpoint, 0, shards/2)
	for _, sh := range shardsOf("a", shards/2) {
		done = append(done, doneAt(sh.ID))
	}
	begin = time.Now()
	_, err := f.ReadyStream(f.ctx, "k1", l.Epoch, "a", store.Remembered{Checkpoints: done[:shards/10]})
	must(t, err)
	t.Logf("%d checkpoints taken over in %s", shards/10, time.Since(begin))
	if p, err = f.Progress(f.ctx, "k1"); err != nil || p[0].Done != shards/10 {
		t.Errorf("progress of the taken over: %+v, %v", p, err)
	}
}
