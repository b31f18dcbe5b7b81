package control

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/executor/local"
	"github.com/towpath/towpath/internal/store"
)

// helm steers one run under its lease.
type helm struct {
	*Service
	lease   store.RunLease
	plan    *engine.Plan
	ends    ends
	obs     Observer
	state   store.State
	streams []*stream
	flow    *engine.Flow
	brake   *local.Brake
}

// stream is a stream of the plan, open.
type stream struct {
	*engine.StreamPlan
	reader     connector.Reader
	writer     connector.Writer
	publishing bool // the swap was begun by an earlier attempt: all that comes before it is done
	published  bool // nothing is left to do
}

// steer takes a run whose plan is stored to where it rests. Its lease and claims are held, and ctx ends when the lease is lost.
func (s *Service) steer(ctx context.Context, lease store.RunLease, plan *engine.Plan, e ends, obs Observer) (store.Run, error) {
	run, err := s.Store.Run(ctx, lease.Run)
	if err != nil {
		return run, err
	}
	h := &helm{Service: s, lease: lease, plan: plan, ends: e, obs: obs, state: run.State, brake: local.NewBrake()}
	err = h.work(ctx)
	if cause := context.Cause(ctx); connector.ClassOf(cause) == connector.Fenced {
		err = cause // another process has the run: it is not ours to move any more
	} else {
		err = h.end(ctx, err)
	}
	h.close()
	if connector.ClassOf(err) == connector.Fenced {
		return run, err
	}
	restCtx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	return s.rest(restCtx, h.lease, err)
}

// keep renews a run lease until letGo is called. The context it returns ends with class Fenced when the lease is lost.
func (s *Service) keep(ctx context.Context, lease store.RunLease) (kept context.Context, letGo func()) {
	kept, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(s.Lease / 3)
		defer ticker.Stop()
		for {
			select {
			case <-kept.Done():
				return
			case <-ticker.C:
			}
			_, err := s.Store.RenewRun(kept, lease, s.Lease)
			if connector.ClassOf(err) == connector.Fenced {
				cancel(err)
				return
			}
			if err != nil && kept.Err() == nil {
				s.Log.Warn("run lease not renewed", "run", lease.Run, "error", err)
			}
		}
	}()
	return kept, func() {
		cancel(nil)
		<-done
	}
}

func (h *helm) move(ctx context.Context, to store.State, c store.Change) error {
	c.Epoch = h.lease.Epoch
	err := h.Service.move(ctx, h.lease.Run, h.state, to, c, h.obs)
	if err == nil {
		h.state = to
	}
	return err
}

// work prepares the targets, copies, verifies and finishes. It returns nil when the run succeeded, a *local.Halt when it was
// halted, and else why it failed.
func (h *helm) work(ctx context.Context) error {
	if err := h.ready(ctx); err != nil {
		return err
	}
	if h.state != store.Running {
		if err := h.move(ctx, store.Running, store.Change{}); err != nil {
			return err
		}
	}
	if err := h.copy(ctx); err != nil {
		return err
	}
	if err := h.move(ctx, store.Verifying, store.Change{}); err != nil {
		return err
	}
	if err := h.verify(ctx); err != nil {
		return err
	}
	if err := h.move(ctx, store.Finishing, store.Change{}); err != nil {
		return err
	}
	if err := h.publish(ctx); err != nil {
		return err
	}
	return h.move(ctx, store.Succeeded, store.Change{})
}

// How long a target may take to be left as it should be; and when the run's caller wants to go.
const (
	leaveTime   = 30 * time.Second
	hurriedTime = time.Second
)

// end moves the run to where it rests after work returned. worked is the context that work had.
func (h *helm) end(worked context.Context, err error) error {
	if err == nil {
		return nil
	}
	// The rest is recorded also behind a target that took all the time it had to be left.
	ctx, cancel := context.WithTimeout(context.Background(), 2*leaveTime)
	defer cancel()
	limit := leaveTime
	if worked.Err() != nil {
		limit = hurriedTime
	}
	park := func() {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		h.finish(ctx, connector.Park)
	}
	if h.state == store.Stopping { // it is wished for good, whatever else went wrong
		return errors.Join(ignoreHalt(err), h.stop(ctx, h.changeOf(ctx, &local.Halt{Kind: store.WishStop})))
	}
	var halt *local.Halt
	if resting := h.state == store.Paused || h.state == store.Failed; resting && !(errors.As(err, &halt) && halt.Kind == store.WishStop) {
		park() // it had not begun to run again
		return ignoreWish(err)
	}
	if !errors.As(err, &halt) || h.state == store.Planning {
		park()
		return errors.Join(err, h.move(ctx, store.Failed, store.Change{Why: err.Error(), Code: codeOf(err)}))
	}
	change := h.changeOf(ctx, halt)
	if halt.Kind == store.WishStop {
		return h.stop(ctx, change)
	}
	if h.state != store.Pausing {
		if err := h.move(ctx, store.Pausing, change); err != nil {
			return err
		}
	}
	park()
	return h.move(ctx, store.Paused, change)
}

// changeOf tells who halted the run, and why: a person's words, or the error that had to.
func (h *helm) changeOf(ctx context.Context, halt *local.Halt) store.Change {
	c := store.Change{Who: halt.Who}
	if halt.Err != nil {
		c.Why, c.Code = halt.Err.Error(), codeOf(halt.Err)
	} else if wishes, err := h.Store.Wishes(ctx, h.lease.Run); err == nil {
		c.Why = wishes[h.lease.Run].Wish.Why
	}
	return c
}

// stop removes what the run made and says what stays.
func (h *helm) stop(ctx context.Context, c store.Change) error {
	if h.state != store.Stopping {
		if err := h.move(ctx, store.Stopping, c); err != nil {
			return err
		}
	}
	dropCtx, cancel := context.WithTimeout(ctx, leaveTime)
	defer cancel()
	if err := h.finish(dropCtx, connector.Drop); err != nil {
		c.Why = join(c.Why, "what it staged may be left ("+err.Error()+"): towpath clean shows and removes it")
	}
	for _, s := range h.streams {
		if s.published {
			c.Why = join(c.Why, s.Sink.Dataset+" was replaced already.")
		} else if !strings.Contains(c.Why, s.Target.Remain) {
			c.Why = join(c.Why, s.Target.Remain)
		}
	}
	return h.move(ctx, store.Stopped, c)
}

func join(a, b string) string { return strings.TrimSpace(a + " " + b) }

// ignoreHalt returns nil for what is only the way in which work is halted.
func ignoreHalt(err error) error {
	if _, ok := errors.AsType[*local.Halt](err); ok {
		return nil
	}
	return err
}

// ignoreWish returns nil for a halt that a person wished for, and why the run had to halt for another.
func ignoreWish(err error) error {
	if halt, ok := errors.AsType[*local.Halt](err); ok {
		return halt.Err
	}
	return err
}

// finish takes the streams that are not published through a phase. A parked or dropped run rests even where its target does
// not answer: the next Prepare or clean puts right what could not be done.
func (h *helm) finish(ctx context.Context, phase connector.Phase) error {
	var all error
	for _, s := range h.streams {
		if s.writer == nil || s.published {
			continue
		}
		if err := s.writer.Finish(ctx, phase); err != nil {
			h.Log.Warn("target not left as it should be", "run", h.lease.Run, "stream", s.ID, "phase", phase, "error", err)
			all = errors.Join(all, err)
		}
	}
	return all
}

func (h *helm) close() {
	for _, s := range h.streams {
		if s.reader != nil {
			s.reader.Close()
		}
		if s.writer != nil {
			s.writer.Close()
		}
	}
}
