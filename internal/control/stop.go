package control

import (
	"context"
	"errors"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/store"
)

// Pause asks whoever steers a run to pause it; when nobody does, it is done here and now.
func (s *Service) Pause(ctx context.Context, key, why string) (store.Run, error) {
	run, held, err := s.lookUp(ctx, key)
	switch {
	case err != nil:
		return run, err
	case held:
		return run, s.Store.SetWish(ctx, key, store.Wish{Kind: store.WishPause, Who: s.Who, Why: why})
	case run.State == store.Paused:
		return run, nil
	case run.State.Final() || run.State == store.Failed:
		return run, connector.Errorf(connector.Config, "TOW-145", "run %s is %s", key, run.State)
	}
	lease, err := s.takeLease(ctx, run, nil)
	if err != nil {
		return run, err
	}
	run, err = s.calm(ctx, lease, nil)
	if err == nil {
		err = s.lieDown(ctx, lease, run, store.Change{Why: why}, nil)
	}
	return s.rest(ctx, lease, err)
}

// Stop asks whoever steers a run to stop it, for good; when nobody does, it is done here and now.
func (s *Service) Stop(ctx context.Context, key, why string) (store.Run, error) {
	run, held, err := s.lookUp(ctx, key)
	switch {
	case err != nil:
		return run, err
	case held:
		return run, s.Store.SetWish(ctx, key, store.Wish{Kind: store.WishStop, Who: s.Who, Why: why})
	case run.State == store.Stopped:
		return run, nil
	case run.State.Final():
		return run, connector.Errorf(connector.Config, "TOW-145", "run %s is %s", key, run.State)
	}
	lease, err := s.takeLease(ctx, run, nil)
	if err != nil {
		return run, err
	}
	ctx, letGo := s.keep(ctx, lease)
	defer letGo()
	if run, err = s.calm(ctx, lease, nil); err != nil || run.State.Final() {
		return s.rest(ctx, lease, err)
	}
	return s.stopHere(ctx, lease, run, why)
}

// lookUp returns a run, and whether a process that may live steers it.
func (s *Service) lookUp(ctx context.Context, key string) (run store.Run, held bool, err error) {
	if run, err = s.Store.Run(ctx, key); err != nil {
		return run, false, err
	}
	now, err := s.Store.Now(ctx)
	return run, err == nil && run.Owner.ID != "" && run.Until > now && !gone(run.Owner, s.Owner), err
}

// stopHere ends a run that nobody else steers and removes what it made. A target that does not answer, or is another server by
// now, is left to clean.
func (s *Service) stopHere(ctx context.Context, lease store.RunLease, run store.Run, why string) (store.Run, error) {
	h := &helm{Service: s, lease: lease, state: run.State}
	defer h.close()
	c := store.Change{Why: why}
	if run.PlanFormat != 0 {
		plan, err := s.load(ctx, run.Key)
		if err != nil {
			return s.rest(ctx, lease, err)
		}
		h.plan = plan
		if left := h.reach(ctx); left != nil {
			c.Why = "what it staged may be left (" + left.Error() + "): towpath clean shows and removes it"
		}
		defer h.ends.close()
	}
	return s.rest(ctx, lease, h.stop(ctx, c))
}

// reach opens the target and the writers of the streams that were prepared and not published, so that stop can remove what they
// made.
func (h *helm) reach(ctx context.Context) error {
	var err error
	if h.ends.target, err = h.Service.open(ctx, "target", h.plan.Job.Target); err != nil {
		return err
	}
	if h.ends.target.Identity != h.plan.Target.Identity {
		return errors.New("the target is another server")
	}
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
		if s.writer, err = h.ends.target.Write(ctx, h.ends.target.Client, s.Sink); err != nil {
			return err
		}
		h.streams = append(h.streams, s)
		err = s.writer.Prepare(ctx, s.Target, prepared != store.StepDone, func(connector.Checkpoint) error { return nil })
		if err != nil && connector.ClassOf(err) != connector.Changed {
			return err
		}
	}
	return nil
}
