package control

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/store"
)

// Pause asks whoever steers a run to pause it; when nobody does, it is done here and now. A run that waits for servers waits no more.
func (s *Service) Pause(ctx context.Context, key, why string) (store.Run, error) {
	run, held, err := s.lookUp(ctx, key)
	switch {
	case err != nil:
		return run, err
	case held:
		return run, s.Store.SetWish(ctx, key, store.Wish{Kind: store.WishPause, Who: s.Who, Why: why})
	case run.Queued > 0 || run.Held != "" || run.State == store.Paused && run.Served && run.Code == away: // it would go on by itself
		if err := s.Store.Unqueue(ctx, key, join("paused by "+s.Who, why)); err != nil || run.State == store.Failed || run.State == store.Planning {
			return s.after(ctx, key, err)
		}
	}
	switch {
	case run.State == store.Paused:
		return s.after(ctx, key, nil)
	case run.State.Final() || run.State == store.Failed:
		return run, connector.Errorf(connector.Config, "TOW-145", "run %s is %s", key, run.State)
	}
	lease, err := s.takeLease(ctx, run, nil)
	if err != nil {
		return run, s.wishInstead(ctx, err, key, store.Wish{Kind: store.WishPause, Who: s.Who, Why: why})
	}
	run, err = s.calm(ctx, lease, nil)
	if err == nil {
		err = s.lieDown(ctx, lease, run, store.Change{Why: why}, nil)
	}
	return s.rest(ctx, lease, err)
}

// after returns a run as it is by now.
func (s *Service) after(ctx context.Context, key string, err error) (store.Run, error) {
	run, readErr := s.Store.Run(ctx, key)
	return run, errors.Join(err, readErr)
}

// wishInstead leaves to a process what it took the run for in the moment before we could; other errors stay.
func (s *Service) wishInstead(ctx context.Context, err error, key string, w store.Wish) error {
	if _, taken := errors.AsType[*store.HeldError](err); taken {
		return s.Store.SetWish(ctx, key, w)
	}
	return err
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
		return run, s.wishInstead(ctx, err, key, store.Wish{Kind: store.WishStop, Who: s.Who, Why: why})
	}
	ctx, letGo := s.keep(ctx, lease)
	defer letGo()
	return s.stopTaken(ctx, lease, store.Change{Why: why}, nil)
}

// stopTaken stops a run whose lease was taken for that.
func (s *Service) stopTaken(ctx context.Context, lease store.RunLease, c store.Change, obs Observer) (store.Run, error) {
	run, err := s.Store.Run(ctx, lease.Run)
	if err == nil && run.State == store.Planning && run.PlanFormat == 0 && run.Served { // nothing of it is anywhere
		c.Epoch = lease.Epoch
		return s.rest(ctx, lease, s.move(ctx, run.Key, store.Planning, store.Stopped, c, obs))
	}
	if err == nil {
		run, err = s.calm(ctx, lease, obs)
	}
	if err != nil || run.State.Final() {
		return s.rest(ctx, lease, err)
	}
	return s.stopHere(ctx, lease, run, c)
}

// lookUp returns a run, and whether a process that may live steers it.
func (s *Service) lookUp(ctx context.Context, key string) (run store.Run, held bool, err error) {
	if run, err = s.Store.Run(ctx, key); err != nil {
		return run, false, err
	}
	now, err := s.Store.Now(ctx)
	return run, err == nil && run.Owner.ID != "" && run.Until > now && !s.gone(run.Owner), err
}

// Lapsed reports whether the lease of a run that does not rest has run out: its process is no more, or not heard of.
func (s *Service) Lapsed(ctx context.Context, run store.Run) bool {
	if run.Owner.ID == "" {
		return false
	}
	now, err := s.Store.Now(ctx)
	return err == nil && run.Until <= now
}

// stopHere ends a run that nobody else steers and removes what it made. A target that does not answer, or is another server by
// now, is left to clean.
func (s *Service) stopHere(ctx context.Context, lease store.RunLease, run store.Run, c store.Change) (store.Run, error) {
	if run.PlanFormat == 0 {
		return s.rest(ctx, lease, s.strike(ctx, lease, run, c))
	}
	plan, streams, err := s.load(ctx, run.Key)
	if connector.ClassOf(err) == connector.Changed { // made by another version, or damaged: it says no more what is to be removed
		c.Why = join(c.Why, mayBeLeft(err))
		return s.rest(ctx, lease, s.strike(ctx, lease, run, c))
	}
	if err != nil {
		return s.rest(ctx, lease, err)
	}
	h := s.newHelm(run, lease, plan, ends{}, nil)
	defer h.close()
	if err := h.takeUp(ctx, streams); err != nil {
		return s.rest(ctx, lease, err)
	}
	if err := h.reach(ctx); err != nil {
		c.Why = mayBeLeft(err)
	}
	defer h.ends.close()
	return s.rest(ctx, lease, h.stop(ctx, c))
}

// strike moves a run to stopped and touches no target.
func (s *Service) strike(ctx context.Context, lease store.RunLease, run store.Run, c store.Change) error {
	c.Epoch = lease.Epoch
	if run.State != store.Stopping {
		if err := s.move(ctx, run.Key, run.State, store.Stopping, c, nil); err != nil {
			return err
		}
	}
	return s.move(ctx, run.Key, store.Stopping, store.Stopped, c, nil)
}

// mayBeLeft says why a stop has not removed what the run made.
func mayBeLeft(cause error) string {
	return "what it staged may be left (" + cause.Error() + "): towpath clean shows and removes it"
}

// reach opens the target, so that stop can remove what the run made there.
func (h *helm) reach(ctx context.Context) (err error) {
	if h.ends.target, err = h.Service.open(ctx, "target", h.plan.Job.Target); err != nil {
		return err
	}
	if h.ends.target.Identity != h.plan.Target.Identity {
		h.ends.target.Client.Close()
		h.ends.target = engine.End{}
		return errors.New("the target is another server")
	}
	return nil
}

// stop removes what the run made and says what stays.
func (h *helm) stop(ctx context.Context, c store.Change) error {
	if h.stands() != store.Stopping {
		if err := h.move(ctx, store.Stopping, c); err != nil {
			return err
		}
	}
	h.othersEnd(ctx)
	if err := h.settle(ctx); err != nil {
		c.Why = join(c.Why, "it is not known which of its rows were written ("+err.Error()+"): none of them is written again")
	}
	remains, err := h.drop(ctx)
	if err != nil {
		c.Why = join(c.Why, mayBeLeft(err))
	}
	var published []string
	for _, t := range h.targets {
		if t.published {
			published = append(published, t.dataset)
		}
	}
	if len(published) > 0 {
		c.Why = join(c.Why, few(published)+" "+map[bool]string{true: "was", false: "were"}[len(published) == 1]+" replaced already.")
	}
	c.Why = join(c.Why, strings.Join(remains, " "))
	return h.move(ctx, store.Stopped, c)
}

// join puts a sentence or clause behind another.
func join(a, b string) string {
	if a != "" && b != "" && !strings.HasSuffix(a, ".") {
		a += ";"
	}
	return strings.TrimSpace(a + " " + b)
}

// mostNamed is how many targets of a stopped run are named one by one.
const mostNamed = 5

// few joins names, the first of them and how many more there are.
func few(names []string) string {
	if n := len(names) - mostNamed; n > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:mostNamed], ", "), n)
	}
	if last := len(names) - 1; last > 0 {
		return strings.Join(names[:last], ", ") + " and " + names[last]
	}
	return names[0]
}

// drop removes what the run made at the targets that it had prepared and not published. It returns what stays there, in sentences.
func (h *helm) drop(ctx context.Context) (remains []string, all error) {
	if h.ends.target.Client == nil {
		return h.wouldRemain(ctx), nil
	}
	var mu sync.Mutex
	group := new(errgroup.Group)
	group.SetLimit(h.sideBySide())
	for _, t := range h.targets {
		if _, prepared := h.steps["prepare "+t.id]; !prepared || t.published {
			continue
		}
		group.Go(func() error {
			remain, err := h.dropOne(ctx, t)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				h.Log.Warn("target not left as it should be", "run", h.lease.Run, "target", t.dataset, "phase", connector.Drop, "error", err)
			}
			if all == nil {
				all = err
			}
			remains = told(remains, remain)
			return nil
		})
	}
	return remains, errors.Join(group.Wait(), all)
}

// told adds a sentence that was not said, up to some.
func told(sentences []string, one string) []string {
	if one == "" || len(sentences) >= mostNamed || slices.Contains(sentences, one) {
		return sentences
	}
	return append(sentences, one)
}

// dropOne removes what the run made at one target and returns what stays there.
func (h *helm) dropOne(ctx context.Context, t *target) (remain string, err error) {
	ctx, cancel := context.WithTimeout(ctx, leaveTime)
	defer cancel()
	t.opening.Lock()
	defer t.opening.Unlock()
	if t.writer == nil {
		if t.plan, err = h.loadStream(ctx, h.lease.Run, t.id); err != nil {
			return "", err
		}
		if t.writer, err = h.ends.target.Write(ctx, h.ends.target.Client, t.plan.Sink); err != nil {
			return t.plan.Target.Remain, err
		}
		err = t.writer.Prepare(ctx, t.plan.Target, h.steps["prepare "+t.id] != store.StepDone, func(connector.Checkpoint) error { return nil })
		if connector.ClassOf(err) == connector.Changed { // restored from before the run: what is there of it goes all the same
			err = nil
		}
	}
	remain = t.plan.Target.Remain
	if err == nil {
		err = t.writer.Finish(ctx, connector.Drop)
	}
	t.close()
	return remain, err
}

// wouldRemain is what stays at targets that cannot be reached.
func (h *helm) wouldRemain(ctx context.Context) (remains []string) {
	for _, t := range h.targets[:min(len(h.targets), mostNamed)] {
		if plan, err := h.loadStream(ctx, h.lease.Run, t.id); err == nil && !t.published {
			remains = told(remains, plan.Target.Remain)
		}
	}
	return remains
}
