package local

import (
	"context"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/store"
)

// heed looks at wishes and limits.
func (r *runner) heed(ctx context.Context) error {
	wishes, err := r.Store.Wishes(ctx, r.Work.Run)
	if err != nil {
		return err
	}
	w := wishes[r.Work.Run]
	if r.Joined {
		if w.Epoch != r.Epoch || w.State != store.Running || w.Wish.Kind != store.WishNone { // who steers it next has it prepared first
			r.brake.Pull(&Halt{Kind: Leave})
			return nil
		}
	} else if w.Epoch != r.Epoch {
		return connector.Errorf(connector.Fenced, "TOW-213", "another process steers run %s", r.Work.Run)
	}
	if w.Revision == r.revision {
		return nil
	}
	r.revision = w.Revision
	if r.parallel = max(w.Limits.Parallel, 1); r.Most > 0 {
		r.parallel = min(r.parallel, r.Most)
	}
	r.limits, r.paced = w.Limits, time.Time{}
	if w.Wish.Kind != store.WishNone {
		r.brake.Pull(&Halt{Kind: w.Wish.Kind, Who: w.Wish.Who})
	}
	return nil
}

// pace sets this process's part of the run's rate: that of its shards among all at work.
func (r *runner) pace(ctx context.Context) error {
	if time.Since(r.paced) < lookEvery {
		return nil
	}
	l, own, others := r.limits, int64(max(len(r.attempts), 1)), 0
	if l.Rows > 0 || l.Bytes > 0 {
		var err error
		if others, err = r.Store.AtWork(ctx, r.Work.Run, r.Worker); err != nil {
			return err
		}
	}
	part := func(n int64) int64 {
		if others == 0 || n <= 0 {
			return n
		}
		return max(n*own/(own+int64(others)), 1)
	}
	r.paced = time.Now()
	r.Flow.SetRate(part(l.Rows), part(l.Bytes))
	return nil
}

// tend heeds wishes and keeps leases alive.
func (r *runner) tend(ctx context.Context) error {
	if err := r.heed(ctx); err != nil {
		return err
	}
	if err := r.pace(ctx); err != nil {
		return err
	}
	if time.Since(r.renewed) < r.TTL/3 || len(r.attempts) == 0 {
		return nil
	}
	r.renewed = time.Now()
	var held []store.ShardEpoch
	for id, a := range r.attempts {
		held = append(held, store.ShardEpoch{Run: r.Work.Run, Shard: id, Epoch: a.leased.Lease.Epoch})
	}
	lost, err := r.Store.RenewShards(ctx, r.Worker, held, r.TTL)
	if err != nil {
		return err
	}
	for _, s := range lost {
		if a := r.attempts[s.Shard]; a != nil && a.leased.Lease.Epoch == s.Epoch {
			a.cancel(connector.Errorf(connector.Fenced, "TOW-131", "the lease of shard %s ran out", s.Shard))
		}
	}
	return nil
}
