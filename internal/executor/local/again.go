package local

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/store"
)

// Back-off between attempts at a shard: doubled from first to longest, with half of it left to chance so that shards do not come
// back all at once.
const (
	firstPause   = 200 * time.Millisecond
	longestPause = 15 * time.Second
)

// trouble is a shard's failures since its last commit.
type trouble struct {
	since    time.Time
	attempts int
}

// again gives a shard back to be tried later, or pauses the run when this has gone on for longer than its outage allows.
func (r *runner) again(ctx context.Context, res result) {
	id := res.leased.Shard.ID
	t := r.trouble[id]
	if t == nil {
		t = &trouble{since: time.Now()}
		if f := res.leased.Failing; f.Attempts > 0 && res.at.Seq <= res.leased.Checkpoint.Seq { // in other processes, too
			t.attempts = f.Attempts
			t.since = t.since.Add(-time.Duration(res.leased.Until-f.Since)*time.Millisecond + r.TTL)
		}
		r.trouble[id] = t
	}
	t.attempts++
	away := time.Since(t.since)
	r.Log.Warn("shard tried again", "run", r.Work.Run, "shard", id, "attempt", t.attempts, "away", away.Round(time.Second), "error", res.err)
	if away > r.Outage {
		r.pause(ctx, res.leased, Away(r.Outage, res.err))
		return
	}
	r.release(ctx, res.leased, BackOff(t.attempts, res.err), store.TriedAgain, res.err)
}

// Away is the halt of a run whose source or target was away for longer than its job bears.
func Away(outage time.Duration, err error) *Halt {
	return &Halt{Kind: store.WishPause, Err: connector.Errorf(connector.Retry, "TOW-132", "away for longer than %s: %w", outage, err).
		WithHint("Resume when source and target answer again.")}
}

// BackOff is how long to wait after so many failures in a row, 1 or more, the last of which was err.
func BackOff(attempt int, err error) time.Duration {
	d := min(firstPause<<min(attempt-1, 10), longestPause)
	d = d/2 + rand.N(d/2+1)
	if e, ok := errors.AsType[*connector.Error](err); ok {
		d = max(d, min(e.After, time.Minute))
	}
	return d
}

// Brake halts a run's work: reading stops, groups in hand are committed.
type Brake struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
}

// NewBrake returns a brake that nobody has pulled.
func NewBrake() *Brake {
	ctx, cancel := context.WithCancelCause(context.Background())
	return &Brake{ctx, cancel}
}

// Pull halts the work; the first reason stays.
func (b *Brake) Pull(h *Halt) { b.cancel(h) }

// Fail halts the work because the run has failed; the first reason stays.
func (b *Brake) Fail(err error) { b.cancel(err) }

// Failure returns why the run has failed, or nil.
func (b *Brake) Failure() error {
	if b.ctx.Err() == nil || b.Halt() != nil {
		return nil
	}
	return context.Cause(b.ctx)
}

// Pulled is closed once the brake is pulled.
func (b *Brake) Pulled() <-chan struct{} { return b.ctx.Done() }

// Halt returns why the brake was pulled, or nil.
func (b *Brake) Halt() *Halt {
	h, _ := errors.AsType[*Halt](context.Cause(b.ctx))
	return h
}
