package team

import (
	"context"
	"time"

	"github.com/towpath/towpath/internal/store"
)

// Retention says for how long what is over is kept; 0: for ever. The record of who did what is always kept.
type Retention struct {
	Runs  time.Duration // runs that succeeded, failed or were stopped, with all that is known of them
	Dirty time.Duration // their dirty rows, which hold data of the source
}

// houseEvery is how often what is over is looked for.
const houseEvery = time.Hour

// mostForgotten bounds how many runs are forgotten at a time: others wait for the control database meanwhile.
const mostForgotten = 100

// KeepHouse forgets what is over for too long, until ctx ends.
func (t *Team) KeepHouse(ctx context.Context, r Retention) error {
	ticker := time.NewTicker(houseEvery)
	defer ticker.Stop()
	for {
		if err := t.Forget(ctx, r); err != nil && ctx.Err() == nil {
			t.Log.Warn("what is over is not forgotten", "error", err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Forget forgets what is over for too long by now.
func (t *Team) Forget(ctx context.Context, r Retention) error {
	now, err := t.Store.Now(ctx)
	if err != nil {
		return err
	}
	if r.Dirty > 0 {
		if err := t.Store.ForgetDirty(ctx, now-r.Dirty.Milliseconds()); err != nil {
			return err
		}
	}
	for r.Runs > 0 {
		old, err := t.Store.Runs(ctx, store.Filter{States: []store.State{store.Succeeded, store.Stopped, store.Failed}, EndedBefore: now - r.Runs.Milliseconds(), Limit: mostForgotten})
		if err != nil || len(old) == 0 {
			return err
		}
		for _, run := range old {
			if err := t.Store.Forget(ctx, run.Key); err != nil {
				return err
			}
		}
	}
	return nil
}
