package control

import (
	"context"
	"errors"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/store"
)

// ResumeOptions are what a person may say to a resume.
type ResumeOptions struct {
	// Moved accepts that source or target now answer with another identity: a server that was moved.
	Moved bool
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
		return run, connector.Errorf(connector.Config, "TOW-142", "run %s is %s and cannot be resumed", key, run.State).
			WithHint("Start another with: towpath run.")
	}
	if run.PlanFormat == 0 {
		return run, connector.Errorf(connector.Config, "TOW-143", "run %s ended before it was planned", key).WithHint("Start another with: towpath run.")
	}
	lease, err := s.takeLease(ctx, run, o.Waiting)
	if err != nil {
		return run, err
	}
	plan, err := s.load(ctx, key)
	if err == nil {
		err = s.calm(ctx, key, obs)
	}
	if err != nil {
		return s.rest(ctx, lease, err)
	}
	e, err := s.openBoth(ctx, plan.Job)
	if err != nil {
		return s.rest(ctx, lease, err)
	}
	defer e.close()
	if err := sameServers(plan, e, o.Moved); err != nil {
		return s.rest(ctx, lease, err)
	}
	if err := errors.Join(s.claim(ctx, plan), s.Store.SetWish(ctx, key, store.Wish{Kind: store.WishNone, Who: s.Who})); err != nil {
		return s.rest(ctx, lease, err)
	}
	return s.steer(ctx, lease, plan, e, obs)
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
		if gone(held.Holder, s.Owner) {
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

// calm brings a run that its process left in the middle to a state from which it can run again.
func (s *Service) calm(ctx context.Context, key string, obs Observer) error {
	run, err := s.Store.Run(ctx, key)
	if err != nil {
		return err
	}
	why := store.Change{Why: "its process is gone"}
	path := map[store.State][]store.State{
		store.Planning:  {store.Failed},
		store.Verifying: {store.Pausing, store.Paused},
		store.Finishing: {store.Pausing, store.Paused},
		store.Pausing:   {store.Paused},
		store.Stopping:  {store.Stopped},
	}
	for from := run.State; ; {
		next := path[from]
		if len(next) == 0 {
			return nil
		}
		for _, to := range next {
			if err := s.move(ctx, key, from, to, why, obs); err != nil {
				return err
			}
			from = to
		}
	}
}

// sameServers compares the servers' own ids with those of the plan.
func sameServers(plan *engine.Plan, e ends, moved bool) error {
	for _, side := range []struct {
		name           string
		planned, found engine.Side
	}{{"source", plan.Source, e.source.Side}, {"target", plan.Target, e.target.Side}} {
		if side.planned.Identity != side.found.Identity && !moved {
			return connector.Errorf(connector.Changed, "TOW-144", "the %s is another server: planned was %s, this is %s", side.name,
				side.planned.Identity, side.found.Identity).
				WithHint("If the same data was moved to this server, say so with: towpath resume %s --moved.", plan.Run)
		}
	}
	return nil
}

// Pause asks whoever steers a run to pause it; when nobody does, it is done here and now.
func (s *Service) Pause(ctx context.Context, key, why string) (store.Run, error) {
	return s.wish(ctx, key, store.WishPause, why)
}

// Stop is Pause for a stop, which is final.
func (s *Service) Stop(ctx context.Context, key, why string) (store.Run, error) {
	return s.wish(ctx, key, store.WishStop, why)
}

// wish asks whoever steers a run to pause or stop it. When nobody does, it is done here and now.
func (s *Service) wish(ctx context.Context, key string, kind store.Kind, why string) (store.Run, error) {
	run, err := s.Store.Run(ctx, key)
	if err != nil {
		return run, err
	}
	switch {
	case kind == store.WishPause && run.State == store.Paused, kind == store.WishStop && run.State == store.Stopped:
		return run, nil
	case run.State.Final():
		return run, connector.Errorf(connector.Config, "TOW-145", "run %s is %s", key, run.State)
	}
	now, err := s.Store.Now(ctx)
	if err != nil {
		return run, err
	}
	if run.Owner.ID != "" && run.Until > now && !gone(run.Owner, s.Owner) {
		err := s.Store.SetWish(ctx, key, store.Wish{Kind: kind, Who: s.Who, Why: why})
		return run, err
	}
	if kind == store.WishPause {
		if run.State == store.Failed {
			return run, connector.Errorf(connector.Config, "TOW-145", "run %s is %s", key, run.State)
		}
		return s.settle(ctx, run)
	}
	return s.end(ctx, run, why)
}

// settle pauses a run whose process is gone.
func (s *Service) settle(ctx context.Context, run store.Run) (store.Run, error) {
	lease, err := s.takeLease(ctx, run, nil)
	if err != nil {
		return run, err
	}
	if err = s.calm(ctx, run.Key, nil); err == nil {
		if run, err = s.Store.Run(ctx, run.Key); err == nil && run.State == store.Running {
			err = s.move(ctx, run.Key, store.Running, store.Pausing, store.Change{}, nil)
			if err == nil {
				err = s.move(ctx, run.Key, store.Pausing, store.Paused, store.Change{}, nil)
			}
		}
	}
	return s.rest(ctx, lease, err)
}

// end stops a run that nobody steers and removes what it made.
func (s *Service) end(ctx context.Context, run store.Run, why string) (store.Run, error) {
	lease, err := s.takeLease(ctx, run, nil)
	if err != nil {
		return run, err
	}
	if err := s.calm(ctx, run.Key, nil); err != nil {
		return s.rest(ctx, lease, err)
	}
	if run, err = s.Store.Run(ctx, run.Key); err != nil || run.State.Final() {
		return s.rest(ctx, lease, err)
	}
	if run.PlanFormat == 0 {
		return s.rest(ctx, lease, s.move(ctx, run.Key, run.State, store.Stopped, store.Change{Why: why}, nil))
	}
	plan, err := s.load(ctx, run.Key)
	if err != nil {
		return s.rest(ctx, lease, err)
	}
	e, err := s.openBoth(ctx, plan.Job)
	if err != nil {
		return s.rest(ctx, lease, err)
	}
	defer e.close()
	h := &helm{Service: s, lease: lease, plan: plan, ends: e, state: run.State}
	defer h.close()
	if err := h.drop(ctx); err != nil {
		return s.rest(ctx, lease, err)
	}
	return s.rest(ctx, lease, h.stop(ctx, store.Change{Why: why}))
}

// drop opens the writers of the streams that were prepared and not published, so that stop can remove what they made.
func (h *helm) drop(ctx context.Context) error {
	for i := range h.plan.Streams {
		s := &stream{StreamPlan: &h.plan.Streams[i]}
		prepared, err := h.step(ctx, "prepare "+s.ID, nil)
		if err != nil {
			return err
		}
		published, err := h.step(ctx, "publish "+s.ID, nil)
		if err != nil {
			return err
		}
		if prepared == store.StepNew || published == store.StepDone {
			continue
		}
		h.streams = append(h.streams, s)
		if s.writer, err = h.ends.target.Write(ctx, h.ends.target.Client, s.Sink); err != nil {
			return err
		}
		err = s.writer.Prepare(ctx, s.Target, prepared != store.StepDone, func(connector.Checkpoint) error { return nil })
		if err != nil && connector.ClassOf(err) != connector.Changed {
			return err
		}
	}
	return nil
}
