package control

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/store"
)

// ResumeOptions are what a person may say to a resume.
type ResumeOptions struct {
	// Moved accepts that source or target now answer with another identity: a server that was moved.
	Moved bool
	// Taken is told, when not nil, that the run is this process's from here on.
	Taken func()
	// Waiting is told, about once a second, how long the lease of a process elsewhere still has to run.
	Waiting func(holder store.Owner, left time.Duration)
}

// Resume goes on with a run that is paused or failed, or whose process is gone, until it rests again.
func (s *Service) Resume(ctx context.Context, key string, o ResumeOptions, obs Observer) (store.Run, error) {
	run, err := s.Store.Run(ctx, key)
	if err != nil {
		return run, err
	}
	if run.State.Final() {
		return run, notResumable(run)
	}
	if run.PlanFormat == 0 {
		return run, neverPlanned(key)
	}
	lease, err := s.takeLease(ctx, run, o.Waiting)
	if err != nil {
		return run, err
	}
	// What was wished of the run before is over; what is wished from here on holds.
	if err := s.Store.SetWish(ctx, key, store.Wish{Kind: store.WishNone, Who: s.Who}); err != nil {
		return s.rest(ctx, lease, err)
	}
	if o.Taken != nil {
		o.Taken()
	}
	ctx, letGo := s.keep(ctx, lease)
	defer letGo()
	if run, err = s.calm(ctx, lease, obs); err != nil {
		return s.rest(ctx, lease, err)
	}
	if run.State == store.Stopping { // its process died while it stopped
		run, err = s.stopHere(ctx, lease, run, store.Change{})
		return run, errors.Join(err, notResumable(run))
	}
	if run.State.Final() { // it ended while its lease was waited for
		return s.rest(ctx, lease, notResumable(run))
	}
	plan, streams, e, err := s.reopen(ctx, key, o.Moved)
	if err != nil {
		return s.rest(ctx, lease, errors.Join(err, s.lieDown(ctx, lease, run, store.Change{Why: err.Error(), Code: codeOf(err)}, obs)))
	}
	defer e.close()
	return s.steer(ctx, lease, plan, streams, e, obs)
}

func notResumable(run store.Run) error {
	return connector.Errorf(connector.Config, "TOW-142", "run %s is %s and cannot be resumed", run.Key, run.State).
		WithHint("Start another with: towpath run.")
}

// reopen loads a run's plan and attaches it.
func (s *Service) reopen(ctx context.Context, key string, moved bool) (*engine.Plan, []store.Stream, ends, error) {
	plan, streams, err := s.load(ctx, key)
	if err != nil {
		return nil, nil, ends{}, err
	}
	e, err := s.attach(ctx, plan, streams, moved)
	return plan, streams, e, err
}

// attach opens all sides of a run, makes sure that they are the planned ones and claims the targets.
func (s *Service) attach(ctx context.Context, plan *engine.Plan, streams []store.Stream, moved bool) (ends, error) {
	e, err := s.openPlanned(ctx, plan)
	if err != nil {
		return e, err
	}
	if err = sameServers(plan, e, moved); err == nil {
		err = s.claim(ctx, plan.Run, streams, e.target)
	}
	if err != nil {
		e.close()
	}
	return e, err
}

// lieDown pauses a run that was running when its process died and that is not taken up again; in other states it rests already.
func (s *Service) lieDown(ctx context.Context, lease store.RunLease, run store.Run, c store.Change, obs Observer) error {
	if run.State != store.Running {
		return nil
	}
	c.Epoch = lease.Epoch
	if err := s.move(ctx, run.Key, store.Running, store.Pausing, c, obs); err != nil {
		return err
	}
	return s.move(ctx, run.Key, store.Pausing, store.Paused, c, obs)
}

// takeLease takes the run lease: at once when its holder was a process of this machine that is gone, else when it has run out.
// A holder that renews it meanwhile lives, and keeps it.
func (s *Service) takeLease(ctx context.Context, run store.Run, waiting func(store.Owner, time.Duration)) (store.RunLease, error) {
	for until := int64(0); ; {
		lease, err := s.Store.AcquireRun(ctx, run.Key, s.Owner, s.Lease)
		held, ok := errors.AsType[*store.HeldError](err)
		if !ok {
			return lease, err
		}
		if s.gone(held.Holder) {
			return s.Store.TakeOverRun(ctx, run.Key, held.Holder, s.Owner, s.Lease)
		}
		if waiting == nil || until != 0 && held.Until > until {
			return lease, err
		}
		until = held.Until
		waiting(held.Holder, time.Duration(held.Until-held.Now)*time.Millisecond)
		select {
		case <-time.After(min(time.Second, s.Lease/4)):
		case <-ctx.Done():
			return lease, context.Cause(ctx)
		}
	}
}

// calm brings a run that its process left in the middle to a state from which it can run again, or be stopped; it returns the
// run as it then is.
func (s *Service) calm(ctx context.Context, lease store.RunLease, obs Observer) (store.Run, error) {
	run, err := s.Store.Run(ctx, lease.Run)
	if err != nil {
		return run, err
	}
	path := map[store.State][]store.State{
		store.Planning:  {store.Failed},
		store.Verifying: {store.Pausing, store.Paused},
		store.Finishing: {store.Pausing, store.Paused},
		store.Pausing:   {store.Paused},
	}
	for _, to := range path[run.State] {
		if err := s.move(ctx, run.Key, run.State, to, store.Change{Why: "its process is gone", Epoch: lease.Epoch}, obs); err != nil {
			return run, err
		}
		run.State = to
	}
	return run, nil
}

// sameServers compares the servers' own ids with those of the plan.
func sameServers(plan *engine.Plan, e ends, moved bool) error {
	same := func(name string, planned, found engine.Side) error {
		if planned.Identity == found.Identity || moved {
			return nil
		}
		return connector.Errorf(connector.Changed, "TOW-144", "the %s is another server: planned was %s, this is %s", name, planned.Identity, found.Identity).
			WithHint("If the same data was moved to this server, say so with: towpath resume %s --moved.", plan.Run)
	}
	for _, alias := range slices.Sorted(maps.Keys(e.sources)) {
		name := "source"
		if alias != "" {
			name = "source " + alias
		}
		if err := same(name, plan.Origin(alias), e.sources[alias].Side); err != nil {
			return err
		}
	}
	return same("target", plan.Target, e.target.Side)
}
