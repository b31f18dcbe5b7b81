package control

import (
	"context"
	"errors"
	"sync"
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
	plan    *engine.Plan // its head
	ends    ends
	obs     Observer
	flow    *engine.Flow
	brake   *local.Brake
	streams []*stream // in the plan's order
	byID    map[string]*stream
	targets []*target // in the order of their first streams

	more    chan struct{} // there may be more to lease
	awaited chan struct{} // a place for each stream that is ready and has not begun
	idled   chan struct{} // there are closings

	joined         bool // another process steers the run, this one works on it
	untouched      bool // no shard was ever leased
	snapshots      []connector.Snapshot
	snapshotShards int // that the snapshots can be read by at a time; 0: there are none

	boarding sync.Mutex // guards ends where joined

	mu       sync.Mutex // guards what follows, and what stream and target say
	shared   bool       // other processes have worked on the run, or are to
	shown    time.Time  // when the observer was told of progress
	untold   bool       // a stream has failed since
	state    store.State
	steps    map[string]store.StepState
	idle     []*target // open, and nobody needs them; the longest first
	closings []closing
	tokens   map[string][]byte // of snapshots, by source connection; nil: there are none
	fuzzy    bool              // it is recorded that the run goes on without its snapshot
}

func (s *Service) newHelm(run store.Run, lease store.RunLease, plan *engine.Plan, e ends, obs Observer) *helm {
	h := &helm{Service: s, shared: s.taking.Aside, lease: lease, plan: plan, ends: e, obs: obs, state: run.State, brake: local.NewBrake(), byID: map[string]*stream{},
		more: make(chan struct{}, 1), awaited: make(chan struct{}, readyAhead), idled: make(chan struct{}, 1), steps: map[string]store.StepState{}}
	h.flow = engine.NewFlow(plan.Job.Settings.Dirty, func(reason error) { h.brake.Pull(&local.Halt{Kind: store.WishPause, Err: reason}) })
	return h
}

// steer takes a run whose plan is stored to where it rests. Its lease and claims are held, and ctx ends when the lease is lost.
func (s *Service) steer(ctx context.Context, lease store.RunLease, plan *engine.Plan, streams []store.Stream, e ends, obs Observer) (store.Run, error) {
	run, err := s.Store.Run(ctx, lease.Run)
	if err != nil {
		return run, err
	}
	return s.newHelm(run, lease, plan, e, obs).steer(ctx, run, streams)
}

func (h *helm) steer(ctx context.Context, run store.Run, streams []store.Stream) (store.Run, error) {
	err := h.work(ctx, streams)
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
	if errors.Is(err, errLeft) {
		return h.leaveRun(restCtx, h.lease)
	}
	return h.rest(restCtx, h.lease, err)
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

// stands returns the run's state.
func (h *helm) stands() store.State {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state
}

func (h *helm) move(ctx context.Context, to store.State, c store.Change) error {
	c.Epoch = h.lease.Epoch
	err := h.Service.move(ctx, h.lease.Run, h.stands(), to, c, h.obs)
	if err == nil {
		h.mu.Lock()
		h.state = to
		h.mu.Unlock()
	}
	return err
}

// come moves a run to where it rests, as soon as the control database takes it.
func (h *helm) come(ctx context.Context, to store.State, c store.Change) error {
	return insist(ctx, func() error { return h.move(ctx, to, c) })
}

// goOn moves a run that goes on; a control database that another process holds for a while is waited for.
func (h *helm) goOn(ctx context.Context, to store.State, why string) error {
	return h.patiently(ctx, func() error { return h.move(ctx, to, store.Change{Why: why}) })
}

// work prepares the targets, copies, verifies and finishes. It returns nil when the run succeeded, a *local.Halt when it was
// halted, and else why it failed. Streams that fail do not keep the others from being published.
func (h *helm) work(ctx context.Context, rows []store.Stream) (err error) {
	for _, step := range []func() error{
		func() error { return h.Store.BeginStreams(ctx, h.lease.Run, h.lease.Epoch) },
		func() error { return h.takeUp(ctx, rows) },
		func() error { return h.recall(ctx) },
	} {
		if err := h.patiently(ctx, step); err != nil {
			return err
		}
	}
	queue := h.queue()
	copies := len(queue) > 0
	if queue, err = h.readyFirst(ctx, queue); err != nil {
		return err
	}
	why, err := h.takeSnapshots(ctx)
	if err != nil {
		return err
	}
	if h.stands() != store.Running {
		if err := h.goOn(ctx, store.Running, why); err != nil {
			return err
		}
	} else if why != "" && h.obs != nil { // its process was gone: it is running all the time, and no event says so
		h.obs.State(store.Event{Run: h.lease.Run, From: store.Running, To: store.Running, Who: h.Who, Why: why})
	}
	if copies {
		if err := h.copy(ctx, queue); err != nil {
			return err
		}
	}
	if err := h.failure(); err != nil && len(h.complete()) == 0 {
		return err
	}
	for _, step := range []struct {
		state store.State
		do    func(context.Context) error
	}{{store.Verifying, h.verify}, {store.Finishing, h.publish}, {store.Finishing, h.link}} {
		if h.stands() != step.state {
			if err := h.goOn(ctx, step.state, ""); err != nil {
				return err
			}
		}
		if err := step.do(ctx); err != nil {
			return err
		}
	}
	if err := h.failure(); err != nil {
		return err
	}
	for _, t := range h.targets {
		if !t.published {
			return connector.Errorf(connector.Other, "TOW-151", "%s is not published though nothing is left to do", t.dataset)
		}
	}
	return h.goOn(ctx, store.Succeeded, "")
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
		h.park(ctx)
	}
	state := h.stands()
	if state == store.Stopping { // it is wished for good, whatever else went wrong
		return errors.Join(ignoreHalt(err), h.stop(ctx, h.changeOf(ctx, &local.Halt{Kind: store.WishStop})))
	}
	var halt *local.Halt
	if h.taking.Leave != nil && worked.Err() != nil || errors.As(err, &halt) && halt.Kind == local.Leave {
		park() // others may go on meanwhile
		return errLeft
	}
	if resting := state == store.Paused || state == store.Failed; resting && !(errors.As(err, &halt) && halt.Kind == store.WishStop) {
		park() // it had not begun to run again
		return ignoreWish(err)
	}
	if !errors.As(err, &halt) || state == store.Planning {
		failed := h.come(ctx, store.Failed, store.Change{Why: err.Error(), Code: codeOf(err)}) // first: that is what other processes heed
		h.othersEnd(ctx)
		park()
		return errors.Join(err, failed)
	}
	change := h.changeOf(ctx, halt)
	if halt.Kind == store.WishStop {
		return h.stop(ctx, change)
	}
	if state != store.Pausing {
		if err := h.come(ctx, store.Pausing, change); err != nil {
			return err
		}
	}
	h.othersEnd(ctx)
	park()
	return h.come(ctx, store.Paused, change)
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

// park puts back what was set for loading at the targets that are open. A parked run rests even where its target does not answer: the next
// Prepare puts right what could not be done.
func (h *helm) park(ctx context.Context) {
	for _, t := range h.targets {
		t.opening.Lock()
		if t.writer != nil && !t.published {
			if err := t.writer.Finish(ctx, connector.Park); err != nil {
				h.Log.Warn("target not left as it should be", "run", h.lease.Run, "target", t.dataset, "phase", connector.Park, "error", err)
			}
		}
		t.opening.Unlock()
	}
}

// close closes all that is open.
func (h *helm) close() {
	h.endSnapshots()
	for _, s := range h.streams {
		if s.open != nil && s.open.reader != nil {
			s.open.reader.Close()
		}
	}
	for _, c := range h.closings {
		if c.reader != nil {
			c.reader.Close()
		}
	}
	for _, t := range h.targets {
		t.opening.Lock()
		t.close()
		t.opening.Unlock()
	}
}
