package control

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/crashpoint"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/job"
	"github.com/towpath/towpath/record"
)

// complete are the targets whose rows are all there and that are not published.
func (h *helm) complete() []*target {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []*target
	for _, t := range h.targets {
		if !t.published && t.complete() {
			list = append(list, t)
		}
	}
	return list
}

// each takes targets through a recorded step, some side by side. What is wrong with one target fails its streams, and the others go on;
// the error that comes back is that of the whole run. Targets that got through are handed to done, many at a time, once that is recorded.
func (h *helm) each(ctx context.Context, step string, targets []*target, do func(ctx context.Context, t *target) error, done func(list []*target) error) error {
	for n := 0; n < len(targets); n += readyAhead {
		some := targets[n:min(n+readyAhead, len(targets))]
		if err := h.wait(ctx, 0); err != nil {
			return err
		}
		if err := h.patiently(ctx, func() error { return h.beginSteps(ctx, step, some...) }); err != nil {
			return err
		}
		var mu sync.Mutex
		var through []*target
		group, inner := errgroup.WithContext(ctx)
		group.SetLimit(h.sideBySide())
		for _, t := range some {
			group.Go(func() error {
				err := h.patiently(inner, func() error { return do(inner, t) })
				if err == nil {
					mu.Lock()
					defer mu.Unlock()
					through = append(through, t)
					return nil
				}
				if !h.onlyOf(err) || inner.Err() != nil {
					return err
				}
				cause := err
				return h.patiently(inner, func() error { return h.failAll(inner, t, cause) })
			})
		}
		err := group.Wait()
		if ctx.Err() == nil { // what was done is recorded also where another was halted
			err = errors.Join(err, h.patiently(ctx, func() error {
				if err := h.doneSteps(ctx, step, through...); err != nil {
					return err
				}
				return done(through)
			}))
		}
		h.showSome()
		if err != nil {
			return err
		}
	}
	return nil
}

// failAll fails the streams of a target.
func (h *helm) failAll(ctx context.Context, t *target, cause error) error {
	for _, s := range t.streams {
		if err := h.fail(ctx, s, cause); err != nil {
			return err
		}
	}
	return nil
}

// verify seals the targets that are complete and counts what the run owns of them.
func (h *helm) verify(ctx context.Context) error {
	var progress []store.Progress
	err := h.patiently(ctx, func() (err error) {
		progress, err = h.Store.Progress(ctx, h.lease.Run)
		return err
	})
	if err != nil {
		return err
	}
	counts := map[string]connector.Counts{} // by target
	for _, p := range progress {
		c := counts[p.Stream.Lead]
		c.Add(p.Counts)
		counts[p.Stream.Lead] = c
	}
	return h.each(ctx, "seal ", h.complete(), func(ctx context.Context, t *target) error {
		if _, err := h.hold(ctx, t); err != nil {
			return err
		}
		defer h.letGo(ctx, t)
		c := counts[t.id]
		if err := h.notEmptied(t, c); err != nil {
			return err
		}
		if err := t.seal(ctx); err != nil || t.publishing { // counted before; the swap may have moved away what is counted
			return err
		}
		return h.count(ctx, t, c)
	}, func([]*target) error { return nil })
}

// seal tells an open target that all of its rows are there.
func (t *target) seal(ctx context.Context) error {
	t.opening.Lock()
	defer t.opening.Unlock()
	err := t.writer.Finish(ctx, connector.Seal)
	t.sealed = err == nil
	return err
}

// notEmptied refuses to replace rows by none.
func (h *helm) notEmptied(t *target, c connector.Counts) error {
	planned := t.plan.Target
	if t.publishing || planned.Mode != connector.Replace || c.Written > 0 || planned.Rows == 0 || !planned.Exists || h.plan.Job.Settings.AllowEmptyReplace {
		return nil
	}
	from := nameOf(t.streams[0])
	if n := len(t.streams) - 1; n > 0 {
		from += fmt.Sprintf(" and %d more", n)
	}
	return connector.Errorf(connector.Config, "TOW-141", "%s gave no rows, and %s holds %s", from, t.dataset, rowsText(planned.Rows)).
		WithHint("To replace it by nothing all the same: settings: {allow_empty_replace: true}.")
}

func rowsText(n int64) string {
	if n < 0 {
		return "rows"
	}
	return fmt.Sprintf("%d rows", n)
}

// count compares what the run's own dataset holds with what its streams wrote there together.
func (h *helm) count(ctx context.Context, t *target, c connector.Counts) error {
	owned := t.plan.Target.Owned
	if h.ends.target.Count == nil || owned == "" || h.plan.Job.Settings.Verify == job.VerifyNone {
		return nil
	}
	holds, err := h.ends.target.Count(ctx, h.ends.target.Client, owned, "")
	if err != nil {
		return err
	}
	if want := c.Written - c.Superseded; holds != want {
		return connector.Errorf(connector.Other, string(record.Count), "%s holds %d rows, the run wrote %d", owned, holds, want).
			WithHint("Something else writes or deletes there, or rows share a key. Nothing of it was published.")
	}
	return nil
}

// publish swaps in what was staged and ends what the run keeps at the targets.
func (h *helm) publish(ctx context.Context) error {
	return h.each(ctx, "publish ", h.complete(), func(ctx context.Context, t *target) error {
		writer, err := h.hold(ctx, t)
		if err != nil {
			return err
		}
		defer h.letGo(ctx, t)
		if !t.isSealed() { // it was opened anew: Prepare may have changed settings for loading that Seal puts back
			if err := t.seal(ctx); err != nil {
				return err
			}
		}
		crashpoint.At(t.id, crashpoint.Swapping)
		defer crashpoint.At(t.id, crashpoint.Elsewhere)
		if err := writer.Finish(ctx, connector.Publish); err != nil {
			return err
		}
		crashpoint.At(t.id, crashpoint.Published)
		return nil
	}, func(list []*target) error {
		var ids []string
		h.mu.Lock()
		for _, t := range list {
			t.published = true
			for _, s := range t.streams {
				s.state = store.StreamDone
				ids = append(ids, s.ID)
			}
		}
		h.mu.Unlock()
		if len(ids) == 0 {
			return nil
		}
		return h.Store.EndStreams(ctx, h.lease.Run, h.lease.Epoch, ids...)
	})
}

func (t *target) isSealed() bool {
	t.opening.Lock()
	defer t.opening.Unlock()
	return t.sealed
}

// link makes foreign keys between the targets once all of them are published. A run of which something failed does so when it was resumed.
func (h *helm) link(ctx context.Context) error {
	linked := map[string]bool{}
	for _, id := range h.plan.Links {
		linked[id] = true
	}
	h.mu.Lock()
	var list []*target
	all := true
	for _, t := range h.targets {
		all = all && t.published
		if linked[t.id] && h.steps["link "+t.id] != store.StepDone {
			list = append(list, t)
		}
	}
	h.mu.Unlock()
	if !all {
		return nil
	}
	return h.each(ctx, "link ", list, func(ctx context.Context, t *target) error {
		writer, err := h.hold(ctx, t)
		if err != nil {
			return err
		}
		defer h.letGo(ctx, t)
		return writer.Finish(ctx, connector.Link)
	}, func([]*target) error { return nil })
}
