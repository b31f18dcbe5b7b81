package local

import (
	"context"
	"fmt"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/crashpoint"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/store"
)

// What a shard must be for its far part to be given away: groups that are left of it, and how long it has been at work, so that what is cut is worth the
// taking of another lease.
const (
	divideGroups = 2
	divideAfter  = time.Second
	groupRows    = 16_384 // of a run that does not say
)

// divide has the shard with the most rows left end with the group in hand, to give its far part to a worker that has none. One is divided at a time.
func (r *runner) divide(ctx context.Context) error {
	var largest *attempt
	least := int64(divideGroups * groupRows)
	if r.BatchRows > 0 {
		least = int64(divideGroups * r.BatchRows)
	}
	for _, a := range r.attempts {
		if a.divided.Load() {
			return nil
		}
		if a.yield == nil || a.leased.Shard.Replay == connector.None || r.undivided[a.leased.Shard.ID] || time.Since(a.began) < divideAfter {
			continue
		}
		if left := a.leased.Shard.Rows - a.read.Load(); left >= least {
			largest, least = a, left
		}
	}
	if largest == nil {
		return nil
	}
	// Where shards wait, a limit keeps them from the workers: more of them would wait as well.
	if waits, err := r.Store.ShardsWait(ctx, r.Work.Run); err != nil || waits {
		return err
	}
	largest.divided.Store(true)
	largest.yield()
	largest.yield = nil
	return nil
}

// cut gives the far part of a shard away whose reading has stopped and whose last group is committed, under the lease that it still has, and returns how many
// shards that makes. A source that cannot cut what is left leaves it whole.
//
// Invariant 2: the narrowed range, the raised Rev and the new shards are one change of the control database.
func (r *runner) cut(ctx context.Context, reader connector.Reader, leased store.Leased, at connector.Checkpoint) (int, error) {
	crashpoint.At(leased.Shard.ID, crashpoint.Dividing)
	defer crashpoint.At(leased.Shard.ID, crashpoint.Elsewhere)
	parts, err := reader.Split(ctx, leased.Shard, at.At, connector.Hint{Shards: 2})
	if err != nil || len(parts) < 2 {
		r.Log.Debug("shard not divided", "run", r.Work.Run, "shard", leased.Shard.ID, "error", err)
		return 0, nil
	}
	near := leased.Shard
	near.Rev++
	near.Range, near.Rows, near.Bytes = parts[0].Range, at.Read+max(parts[0].Rows, 0), at.Counts.Bytes+max(parts[0].Bytes, 0)
	far := parts[1:]
	for i := range far {
		far[i].ID, far[i].Stream, far[i].Stage, far[i].Rev = farID(near, i), near.Stream, near.Stage, 0
	}
	at.Shard, at.Rev, at.Range = near.ID, near.Rev, near.Range
	crashpoint.At(leased.Shard.ID, crashpoint.Cut)
	if err := r.Store.Divide(ctx, leased.Run, leased.Lease.Epoch, near, at, far); err != nil {
		return 0, keeping(fmt.Errorf("divide shard %s: %w", near.ID, err))
	}
	crashpoint.At(leased.Shard.ID, crashpoint.Divided)
	r.Log.Debug("shard divided", "run", r.Work.Run, "shard", near.ID, "rev", near.Rev, "far", len(far))
	return len(far), nil
}

// farID names the nth shard that was cut off a shard when it came to its Rev: no other has the name.
func farID(near connector.Shard, n int) string {
	if n == 0 {
		return fmt.Sprintf("%s.%d", near.ID, near.Rev)
	}
	return fmt.Sprintf("%s.%d.%d", near.ID, near.Rev, n)
}

// work copies a shard, and divides it when that was wished.
func (r *runner) work(ctx, halt context.Context, a *attempt, open Opening, w engine.Work) (at connector.Checkpoint, far int, err error) {
	pipe, err := open(ctx)
	if err != nil {
		return at, 0, err
	}
	at, err = pipe.Copy(ctx, halt, w)
	if err == nil && !at.Done && a.divided.Load() && ctx.Err() == nil {
		far, err = r.cut(ctx, pipe.Reader, a.leased, at)
	}
	return at, far, err
}
