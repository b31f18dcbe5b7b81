package control

import (
	"cmp"
	"context"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/executor/local"
	"github.com/towpath/towpath/internal/store"
)

// patiently does what can be repeated until the server that it needs is there. It returns a *local.Halt when that takes longer
// than the job bears, when the server is full, and when a person wishes so between two attempts.
func (h *helm) patiently(ctx context.Context, do func() error) error {
	outage := cmp.Or(time.Duration(h.plan.Job.Settings.Outage), defaultOutage)
	since := time.Now()
	for attempt := 1; ; attempt++ {
		err := do()
		switch connector.ClassOf(err) {
		case connector.Retry, connector.Busy, connector.Lost, connector.Unknown:
		case connector.Full:
			return &local.Halt{Kind: store.WishPause, Err: err}
		default:
			return err
		}
		if time.Since(since) > outage {
			return local.Away(outage, err)
		}
		h.Log.Warn("tried again", "run", h.lease.Run, "state", h.stands(), "attempt", attempt, "error", err)
		if err := h.wait(ctx, local.BackOff(attempt, err)); err != nil {
			return err
		}
	}
}

// wait waits, or returns a *local.Halt when a person has wished for one that the run's state allows, or the run is to be left.
func (h *helm) wait(ctx context.Context, d time.Duration) error {
	timer, ticker := time.NewTimer(d), time.NewTicker(250*time.Millisecond)
	defer timer.Stop()
	defer ticker.Stop()
	for {
		wishes, err := h.Store.Wishes(ctx, h.lease.Run)
		if passes := connector.ClassOf(err) == connector.Retry; err != nil && !passes {
			return err // else the control database is what is waited for, and tells no wish
		}
		w := wishes[h.lease.Run].Wish
		if w.Kind == store.WishPause || w.Kind == store.WishStop && h.stands() != store.Finishing {
			return &local.Halt{Kind: w.Kind, Who: w.Who}
		}
		if h.taking.left() {
			return &local.Halt{Kind: local.Leave}
		}
		select {
		case <-timer.C:
			return nil
		case <-ticker.C:
		case <-h.taking.Leave:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// insist does what can be repeated until the control database takes it, or ctx ends: a run must not rest in a state that nobody knows of.
func insist(ctx context.Context, do func() error) error {
	for attempt := 1; ; attempt++ {
		err := do()
		if connector.ClassOf(err) != connector.Retry {
			return err
		}
		select {
		case <-time.After(local.BackOff(attempt, err)):
		case <-ctx.Done():
			return err
		}
	}
}
