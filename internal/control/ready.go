package control

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/executor/local"
	"github.com/towpath/towpath/internal/store"
)

// readyAhead is how many streams stand ready with no shard at work yet: enough that no worker waits for one to be opened.
const readyAhead = 32

// sideBySide is how many targets are prepared, sealed or published at a time, within bounds as many as shards are copied: most of that is
// waiting for a server.
func (h *helm) sideBySide() int {
	return min(max(h.plan.Job.Settings.Parallel, defaultParallel), readyAhead/2)
}

// ours marks an error of the control database: it is the run's, not a stream's.
type ours struct{ error }

func (o ours) Unwrap() error { return o.error }

func keeping(err error) error {
	if err == nil {
		return nil
	}
	return ours{err}
}

// queue returns the streams that are to be copied, in the order in which they may be: by stage, then as the job has them.
func (h *helm) queue() []*stream {
	var queue []*stream
	for _, s := range h.streams {
		if !s.target.published {
			queue = append(queue, s)
		}
	}
	slices.SortStableFunc(queue, func(a, b *stream) int { return a.Stage - b.Stage })
	return queue
}

// readyFirst makes streams ready until one is, so that a run which can copy nothing does not begin. It returns those that are left. A run
// that ran before waits for a server that is away.
func (h *helm) readyFirst(ctx context.Context, queue []*stream) ([]*stream, error) {
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		err := h.beginSteps(ctx, "prepare ", s.target)
		if err != nil {
			return nil, err
		}
		if h.stands() == store.Planning {
			err = h.ready(ctx, s)
		} else {
			err = h.patiently(ctx, func() error { return h.ready(ctx, s) })
		}
		if err == nil {
			return queue, nil
		}
		if !h.onlyOf(err) || ctx.Err() != nil {
			return nil, err
		}
		if err := h.fail(ctx, s, err); err != nil {
			return nil, err
		}
		queue = slices.DeleteFunc(queue, func(other *stream) bool { return other.state == store.StreamHeld })
	}
	return nil, h.failure()
}

// onlyOf reports whether an error is that of a stream alone, so that others may go on.
func (h *helm) onlyOf(err error) bool {
	if _, whole := errors.AsType[ours](err); whole {
		return false
	}
	if _, halted := errors.AsType[*local.Halt](err); halted {
		return false
	}
	switch connector.ClassOf(err) {
	case connector.Retry, connector.Busy, connector.Lost, connector.Unknown, connector.Full:
		return false
	}
	return true
}

// readyRest makes the other streams ready while shards are copied, a few ahead of the workers.
func (h *helm) readyRest(ctx context.Context, queue []*stream) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(h.sideBySide())
	for n := 0; n < len(queue) && ctx.Err() == nil; n += readyAhead {
		next := queue[n:min(n+readyAhead, len(queue))]
		targets := make([]*target, len(next))
		for i, s := range next {
			targets[i] = s.target
		}
		if err := h.patiently(ctx, func() error { return h.beginSteps(ctx, "prepare ", targets...) }); err != nil {
			return errors.Join(err, group.Wait())
		}
		for _, s := range next {
			select {
			case h.awaited <- struct{}{}:
			case <-h.brake.Pulled():
				return group.Wait()
			case <-ctx.Done():
				return group.Wait()
			}
			group.Go(func() error { return h.readyOne(ctx, s) })
		}
	}
	return group.Wait()
}

// readyOne makes a stream ready, or fails it; it returns errors of the whole run.
func (h *helm) readyOne(ctx context.Context, s *stream) error {
	h.mu.Lock()
	s.awaited = s.state == store.StreamWaiting
	if !s.awaited { // held meanwhile
		<-h.awaited
		h.mu.Unlock()
		return nil
	}
	h.mu.Unlock()
	err := h.patiently(ctx, func() error { return h.ready(ctx, s) })
	if cause := err; err != nil && ctx.Err() == nil && h.onlyOf(err) {
		err = h.patiently(ctx, func() error { return h.fail(ctx, s, cause) })
	}
	if halt, halted := errors.AsType[*local.Halt](err); halted {
		h.brake.Pull(halt)
		return nil
	}
	if err == nil {
		h.wake()
	}
	return err
}

// ready opens a stream, prepares its target and takes over what that remembers; then its shards may be leased. A stream of which nothing
// is left to copy is closed again.
func (h *helm) ready(ctx context.Context, s *stream) error {
	h.mu.Lock()
	o := s.open // of an attempt that the control database refused
	h.mu.Unlock()
	plan, err := h.loadStream(ctx, h.lease.Run, s.ID)
	if err != nil {
		return keeping(err)
	}
	if o == nil {
		if o, err = h.openStream(ctx, s, plan); err != nil {
			return err
		}
	}
	h.mu.Lock()
	s.open = o // before ReadyStream: a shard may be leased before its answer is heard
	h.mu.Unlock()
	known := h.remembered(s, plan)
	is, err := h.Store.ReadyStream(ctx, h.lease.Run, h.lease.Epoch, s.ID, known)
	if err != nil {
		return keeping(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.flow.Begin(s.ID, is.Counts)
	if known.Step != "" {
		h.steps[known.Step] = store.StepDone
	}
	s.left += is.Left // shards may be done by now
	s.done = s.shards - s.left
	switch {
	case s.state == store.StreamHeld || is.State == store.StreamHeld:
		s.state = store.StreamHeld
	case s.left == 0:
		s.state = store.StreamCopied
	default:
		s.state = store.StreamRunning
	}
	h.closeIdle(s)
	return nil
}

// remembered is what the held target remembers of a stream. After its swap was begun it keeps no checkpoints: all rows are there.
func (h *helm) remembered(s *stream, plan *engine.StreamPlan) store.Remembered {
	t := s.target
	var r store.Remembered
	if !t.publishing && plan.Target.Remembers() {
		r = store.Remembered{Keeps: true, Checkpoints: t.checkpoints(s.ID)}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if step := "prepare " + t.id; h.steps[step] != store.StepDone {
		r.Step = step
	}
	return r
}

// remaining is how many shards are to do, by what the target remembers.
func (s *stream) remaining(r store.Remembered) int {
	if !r.Keeps {
		return s.shards - s.done
	}
	left := s.shards
	for _, c := range r.Checkpoints {
		if c.Done {
			left--
		}
	}
	return left
}

// openStream opens the target of a stream and, where shards of it are left to do, its reader, whose declared schema must be the plan's.
//
// Invariant 2: a run goes on only by the schema it was planned with.
func (h *helm) openStream(ctx context.Context, s *stream, plan *engine.StreamPlan) (*opened, error) {
	first := plan
	if s.ID != s.target.id {
		first = nil
	}
	writer, err := h.holdBy(ctx, s.target, first)
	if err != nil {
		return nil, err
	}
	o := new(opened)
	if s.remaining(h.remembered(s, plan)) == 0 {
		return o, nil
	}
	if err := h.openPipe(ctx, s, plan, writer, o); err != nil {
		h.closeStream(ctx, o, s.target)
		return nil, err
	}
	return o, nil
}

// openPipe opens what copies the shards of a stream; an error leaves o as it was.
func (h *helm) openPipe(ctx context.Context, s *stream, plan *engine.StreamPlan, writer connector.Writer, o *opened) error {
	stage, err := plan.Stage()
	if err != nil {
		return err
	}
	reader, err := h.openReader(ctx, s, plan)
	if err != nil {
		return err
	}
	if err := keeping(h.goOnFuzzily(ctx)); err != nil {
		reader.Close()
		return err
	}
	o.reader = reader
	o.pipe = &engine.Pipe{Stream: s.ID, Reader: reader, Writer: writer, Schema: plan.Schema, Target: plan.Target, Stage: stage, Gate: h.flow,
		Seed: plan.Seed, Rows: h.plan.Job.Settings.GroupRows, Snapshot: h.tokens[s.Connection]}
	return nil
}

func (h *helm) openReader(ctx context.Context, s *stream, plan *engine.StreamPlan) (connector.Reader, error) {
	end := h.ends.sources[s.Connection]
	reader, err := end.Read(ctx, end.Client, plan.Source)
	if err != nil {
		return nil, err
	}
	found, declared, err := reader.Schema(ctx)
	if err == nil && plan.Declared && declared {
		if difference := engine.Same(plan.Schema, found); difference != "" {
			err = connector.Errorf(connector.Changed, "TOW-140", "the schema of %s has changed since the run was planned: %s", s.Source, difference).
				WithHint("Bring the old schema back and resume, or stop run %s and start another.", h.lease.Run)
		}
	}
	if err != nil {
		reader.Close()
		return nil, err
	}
	return reader, nil
}

// Begin implements local.Streams.
func (h *helm) Begin(id string) local.Opening {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.byID[id]
	if s.state == store.StreamFailed || s.state == store.StreamHeld { // since the lease was asked for
		return nil
	}
	s.atWork++
	h.notAwaited(s)
	if s.open == nil || s.open.pipe == nil {
		return func(ctx context.Context) (*engine.Pipe, error) { return h.openLate(ctx, s) }
	}
	pipe := s.open.pipe
	return func(context.Context) (*engine.Pipe, error) { return pipe, nil }
}

// End implements local.Streams.
func (h *helm) End(id string, done bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.byID[id]
	s.atWork--
	if done {
		s.done++
		if s.left--; s.left == 0 && s.state == store.StreamRunning {
			s.state = store.StreamCopied
		}
	}
	h.closeIdle(s)
}

// Divided implements local.Streams.
func (h *helm) Divided(id string, more int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.byID[id]
	s.shards += more
	s.left += more
}

// Fail implements local.Streams.
func (h *helm) Fail(ctx context.Context, id string, cause error) error {
	return h.fail(ctx, h.byID[id], cause)
}

// Ready implements local.Streams.
func (h *helm) Ready() <-chan struct{} { return h.more }

// wake tells the executor that there may be more to lease.
func (h *helm) wake() {
	select {
	case h.more <- struct{}{}:
	default:
	}
}

// notAwaited gives the place of a stream among those that are ready to another. The caller holds h.mu.
func (h *helm) notAwaited(s *stream) {
	if s.awaited {
		s.awaited = false
		<-h.awaited
	}
}

// closing is a stream that is to be closed.
type closing struct {
	*opened
	target *target
}

// closeIdle has a stream closed that copies nothing any more. The caller holds h.mu.
func (h *helm) closeIdle(s *stream) {
	if s.state == store.StreamWaiting || s.state == store.StreamRunning || s.atWork > 0 {
		return
	}
	h.notAwaited(s)
	if s.open != nil {
		h.closings = append(h.closings, closing{s.open, s.target})
		s.open, s.left = nil, 0
		select {
		case h.idled <- struct{}{}:
		default:
		}
	}
}

// closeIdled closes streams that copy nothing any more, beside the executor's loop, until done is closed.
func (h *helm) closeIdled(ctx context.Context, done <-chan struct{}) {
	for over := false; !over; {
		select {
		case <-h.idled:
		case <-done:
			over = true
		}
		for c, any := h.nextIdled(); any; c, any = h.nextIdled() {
			h.closeStream(ctx, c.opened, c.target)
		}
	}
}

func (h *helm) nextIdled() (c closing, any bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.closings) == 0 {
		return c, false
	}
	c = h.closings[0]
	h.closings = h.closings[1:]
	return c, true
}

// closeStream closes what was open of a stream and lets go of its target.
func (h *helm) closeStream(ctx context.Context, o *opened, t *target) {
	if o.reader != nil {
		o.reader.Close()
	}
	h.letGo(ctx, t)
}
