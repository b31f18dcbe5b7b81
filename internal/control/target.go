package control

import (
	"context"
	"slices"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/crashpoint"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/store"
)

// keptOpen is how many targets stay open though nothing is at work on them: those of a small run all do, from its beginning to its end.
const keptOpen = 64

// hold opens and prepares a target, unless it is open, and keeps it so until letGo. It returns the target's writer.
func (h *helm) hold(ctx context.Context, t *target) (connector.Writer, error) {
	return h.holdBy(ctx, t, nil)
}

// holdBy is hold for one who has the plan of the target's first stream at hand; nil: it is loaded.
func (h *helm) holdBy(ctx context.Context, t *target, plan *engine.StreamPlan) (connector.Writer, error) {
	h.mu.Lock()
	t.users++
	h.idle = slices.DeleteFunc(h.idle, func(other *target) bool { return other == t })
	fresh := !h.joined && h.steps["prepare "+t.id] != store.StepDone
	h.mu.Unlock()
	t.opening.Lock()
	defer t.opening.Unlock()
	if t.writer != nil {
		return t.writer, nil
	}
	var err error
	if plan == nil {
		plan, err = h.loadStream(ctx, h.lease.Run, t.id)
		err = keeping(err)
	}
	if err == nil {
		err = t.open(ctx, h.ends.target, plan, fresh, h.joined)
	}
	if err != nil {
		h.mu.Lock()
		t.users--
		h.mu.Unlock()
		return nil, err
	}
	return t.writer, nil
}

// open makes the target's writer and prepares the target. The caller holds t.opening.
func (t *target) open(ctx context.Context, end engine.End, plan *engine.StreamPlan, fresh, joins bool) error {
	sink := plan.Sink
	sink.Joins = joins
	writer, err := end.Write(ctx, end.Client, sink)
	if err != nil {
		return err
	}
	remembered := map[string][]connector.Checkpoint{}
	if fresh {
		crashpoint.At(t.id, crashpoint.Making)
		defer crashpoint.At(t.id, crashpoint.Elsewhere)
	}
	err = writer.Prepare(ctx, plan.Target, fresh, func(c connector.Checkpoint) error {
		id := engine.StreamOf(c.Shard)
		remembered[id] = append(remembered[id], c)
		return nil
	})
	if err != nil {
		writer.Close()
		return err
	}
	t.plan, t.writer, t.remembered, t.sealed = plan, writer, remembered, false
	return nil
}

// checkpoints are those of a stream that the target remembers.
func (t *target) checkpoints(stream string) []connector.Checkpoint {
	t.opening.Lock()
	defer t.opening.Unlock()
	return t.remembered[stream]
}

// letGo ends a hold. A target that nobody holds stays open until others need its place.
func (h *helm) letGo(ctx context.Context, t *target) {
	h.mu.Lock()
	t.users--
	if t.users == 0 {
		h.idle = append(h.idle, t)
	}
	var out *target
	if len(h.idle) > keptOpen {
		out = h.idle[0]
		h.idle = slices.Delete(h.idle, 0, 1)
	}
	h.mu.Unlock()
	if out != nil {
		h.shut(ctx, out)
	}
}

// shut closes a target that was idle. What was set for loading is put back before.
func (h *helm) shut(ctx context.Context, t *target) {
	t.opening.Lock()
	defer t.opening.Unlock()
	if t.writer == nil {
		return
	}
	h.mu.Lock()
	held, parked := t.users > 0, t.sealed || t.published || h.joined // held: by one who waits for t.opening
	h.mu.Unlock()
	if held {
		return
	}
	if !parked {
		ctx, cancel := context.WithTimeout(ctx, leaveTime)
		defer cancel()
		if err := t.writer.Finish(ctx, connector.Park); err != nil {
			h.Log.Warn("target not left as it should be", "run", h.lease.Run, "target", t.dataset, "phase", connector.Park, "error", err)
		}
	}
	t.close()
}

// close gives up what is open of the target. The caller holds t.opening.
func (t *target) close() {
	if t.writer != nil {
		t.writer.Close()
	}
	t.plan, t.writer, t.remembered, t.sealed = nil, nil, nil, false
}

// beginSteps records that a step of targets begins, for those of which it did not, in one transaction.
func (h *helm) beginSteps(ctx context.Context, what string, targets ...*target) error {
	var names []string
	h.mu.Lock()
	for _, t := range targets {
		if _, known := h.steps[what+t.id]; !known && !slices.Contains(names, what+t.id) {
			names = append(names, what+t.id)
		}
	}
	h.mu.Unlock()
	if len(names) == 0 {
		return nil
	}
	if _, err := h.Store.BeginSteps(ctx, h.lease.Run, h.lease.Epoch, names...); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, name := range names {
		h.steps[name] = store.StepBegun
	}
	return nil
}

// doneSteps records that a step of targets is done.
func (h *helm) doneSteps(ctx context.Context, what string, targets ...*target) error {
	if len(targets) == 0 {
		return nil
	}
	names := make([]string, len(targets))
	for i, t := range targets {
		names[i] = what + t.id
	}
	if err := h.Store.DoneSteps(ctx, h.lease.Run, h.lease.Epoch, names...); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, name := range names {
		h.steps[name] = store.StepDone
	}
	return nil
}
