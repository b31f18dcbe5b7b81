package control

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/crashpoint"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/executor/local"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/job"
	"github.com/towpath/towpath/record"
)

// ready opens readers and writers and prepares the targets. A run that ran before waits for a server that is away.
func (h *helm) ready(ctx context.Context) error {
	do := func() error {
		h.close()
		h.streams = nil
		if err := h.open(ctx); err != nil {
			return err
		}
		return h.prepare(ctx)
	}
	if h.state == store.Planning {
		return do()
	}
	return h.patiently(ctx, do)
}

// open makes readers and writers and compares declared schemas with the plan's.
//
// Invariant 2: a run goes on only by the schema it was planned with.
func (h *helm) open(ctx context.Context) error {
	for i := range h.plan.Streams {
		s := &stream{StreamPlan: &h.plan.Streams[i]}
		h.streams = append(h.streams, s)
		var err error
		if s.reader, err = h.ends.source.Read(ctx, h.ends.source.Client, s.Source); err != nil {
			return err
		}
		if s.writer, err = h.ends.target.Write(ctx, h.ends.target.Client, s.Sink); err != nil {
			return err
		}
		found, declared, err := s.reader.Schema(ctx)
		if err != nil {
			return err
		}
		if !s.Declared || !declared {
			continue
		}
		if difference := engine.Same(s.Schema, found); difference != "" {
			return connector.Errorf(connector.Changed, "TOW-140", "the schema of %s has changed since the run was planned: %s", s.Source.Dataset, difference).
				WithHint("Bring the old schema back and resume, or stop run %s and start another.", h.lease.Run)
		}
	}
	return nil
}

// prepare makes the targets ready and takes over the checkpoints they remember.
func (h *helm) prepare(ctx context.Context) error {
	for _, s := range h.streams {
		published, err := h.step(ctx, "publish "+s.ID, nil)
		if err != nil {
			return err
		}
		s.publishing = published == store.StepBegun
		if s.published = published == store.StepDone; s.published {
			continue
		}
		var remembered []connector.Checkpoint
		_, err = h.step(ctx, "prepare "+s.ID, func(before store.StepState) error {
			return s.writer.Prepare(ctx, s.Target, before != store.StepDone, func(c connector.Checkpoint) error {
				remembered = append(remembered, c)
				return nil
			})
		})
		if err != nil {
			return err
		}
		if !s.publishing && s.Target.Remembers() {
			if err := h.remember(ctx, s, remembered); err != nil {
				return err
			}
		}
	}
	return nil
}

// remember takes what the target remembers for the truth: its checkpoints replace ours, and shards it does not know begin again.
func (h *helm) remember(ctx context.Context, s *stream, cps []connector.Checkpoint) error {
	if err := h.Store.Remember(ctx, h.lease.Run, h.lease.Epoch, cps...); err != nil {
		return err
	}
	known := map[string]bool{}
	for _, c := range cps {
		known[c.Shard] = true
	}
	var lost []string
	for row, err := range h.Store.Shards(ctx, h.lease.Run, s.ID) {
		if err != nil {
			return err
		}
		if row.Checkpoint.Seq > 0 && !known[row.Shard.ID] {
			lost = append(lost, row.Shard.ID)
		}
	}
	return h.Store.ResetShards(ctx, h.lease.Run, h.lease.Epoch, lost...)
}

// step runs what changes something outside the control database, recorded as begun before and done after. do is told how far an
// earlier attempt came; with do nil the step is only looked at.
func (h *helm) step(ctx context.Context, name string, do func(before store.StepState) error) (store.StepState, error) {
	if do == nil {
		steps, err := h.Store.Steps(ctx, h.lease.Run)
		for _, st := range steps {
			if st.Name == name {
				return st.State, err
			}
		}
		return store.StepNew, err
	}
	st, err := h.Store.BeginStep(ctx, h.lease.Run, h.lease.Epoch, name, "")
	if err != nil {
		return st.State, err
	}
	if err := do(st.State); err != nil {
		return st.State, err
	}
	return st.State, h.Store.DoneStep(ctx, h.lease.Run, h.lease.Epoch, name)
}

// copy runs the shards. While they run, the run becomes pausing or stopping as soon as that is wished.
func (h *helm) copy(ctx context.Context) error {
	before := map[string]connector.Counts{}
	progress, err := h.Store.Progress(ctx, h.lease.Run)
	if err != nil {
		return err
	}
	for _, p := range progress {
		before[p.Stream] = p.Counts
	}
	settings := h.plan.Job.Settings
	h.flow = engine.NewFlow(settings.Dirty, before, func(reason error) { h.brake.Pull(&local.Halt{Kind: store.WishPause, Err: reason}) })
	work := local.Work{Run: h.lease.Run, Epoch: h.lease.Epoch, Pipes: map[string]*engine.Pipe{}, Flow: h.flow, BatchRows: settings.GroupRows,
		Memory: cmp.Or(int64(settings.Memory), defaultMemory), Outage: cmp.Or(time.Duration(settings.Outage), defaultOutage)}
	for _, s := range h.streams {
		if s.published {
			continue
		}
		stage, err := s.Stage()
		if err != nil {
			return err
		}
		work.Pipes[s.ID] = &engine.Pipe{Stream: s.ID, Reader: s.reader, Writer: s.writer, Schema: s.Schema, Target: s.Target, Stage: stage,
			Gate: h.flow, Seed: s.Seed, Rows: settings.GroupRows}
	}
	watched := make(chan error, 1)
	watchCtx, stop := context.WithCancel(ctx)
	go func() { watched <- h.watch(ctx, watchCtx.Done()) }()
	executor := &local.Executor{Store: h.Store, Log: h.Log, Worker: h.Owner.ID, TTL: h.Service.Lease, Clean: h.Clean}
	halt, err := executor.Run(ctx, work, h.brake)
	stop()
	err = errors.Join(err, <-watched)
	h.show(ctx)
	if err == nil && halt != nil {
		return halt
	}
	return err
}

// watch tells the observer how the run goes on until done, and moves it as soon as it is halted.
func (h *helm) watch(ctx context.Context, done <-chan struct{}) error {
	ticker := time.NewTicker(250 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return nil
		case <-h.brake.Pulled():
			halt := h.brake.Halt()
			if halt == nil {
				return nil
			}
			change := h.changeOf(ctx, halt)
			if halt.Kind == store.WishStop {
				return h.move(ctx, store.Stopping, change)
			}
			return h.move(ctx, store.Pausing, change)
		case <-ticker.C:
			h.show(ctx)
		}
	}
}

func (h *helm) show(ctx context.Context) {
	if h.obs == nil {
		return
	}
	progress, err := h.Store.Progress(ctx, h.lease.Run)
	if err != nil {
		return
	}
	h.obs.Progress(progressOf(h.plan, h.state, progress, h.flow.Totals()))
}

// verify seals the targets and counts what the run owns.
func (h *helm) verify(ctx context.Context) error {
	progress, err := h.Store.Progress(ctx, h.lease.Run)
	if err != nil {
		return err
	}
	counts := map[string]connector.Counts{}
	for _, p := range progress {
		counts[p.Stream] = p.Counts
	}
	for _, s := range h.streams {
		if s.published {
			continue
		}
		if err := h.wait(ctx, 0); err != nil {
			return err
		}
		c := counts[s.ID]
		if !s.publishing && s.Sink.Mode == connector.Replace && c.Written == 0 && s.Target.Rows != 0 && s.Target.Exists && !h.plan.Job.Settings.AllowEmptyReplace {
			return connector.Errorf(connector.Config, "TOW-141", "%s gave no rows, and %s holds %s", s.Source.Dataset, s.Sink.Dataset, rowsText(s.Target.Rows)).
				WithHint("To replace it by nothing all the same: settings: {allow_empty_replace: true}.")
		}
		err := h.patiently(ctx, func() error {
			_, err := h.step(ctx, "seal "+s.ID, func(store.StepState) error { return s.writer.Finish(ctx, connector.Seal) })
			return err
		})
		if err != nil {
			return err
		}
		if s.publishing { // counted before; the swap may have moved away what is counted
			continue
		}
		if err := h.patiently(ctx, func() error { return h.count(ctx, s, c) }); err != nil {
			return err
		}
	}
	return nil
}

func rowsText(n int64) string {
	if n < 0 {
		return "rows"
	}
	return fmt.Sprintf("%d rows", n)
}

func (h *helm) count(ctx context.Context, s *stream, c connector.Counts) error {
	if h.ends.target.Count == nil || s.Target.Owned == "" || h.plan.Job.Settings.Verify == job.VerifyNone {
		return nil
	}
	holds, err := h.ends.target.Count(ctx, h.ends.target.Client, s.Target.Owned, "")
	if err != nil {
		return err
	}
	if want := c.Written - c.Superseded; holds != want {
		return connector.Errorf(connector.Other, string(record.Count), "%s holds %d rows, the run wrote %d", s.Target.Owned, holds, want).
			WithHint("Something else writes or deletes there, or rows share a key. Nothing was published.")
	}
	return nil
}

// publish swaps in what was staged and ends what the run keeps at the target.
func (h *helm) publish(ctx context.Context) error {
	for _, s := range h.streams {
		if s.published {
			continue
		}
		if err := h.wait(ctx, 0); err != nil {
			return err
		}
		err := h.patiently(ctx, func() error {
			_, err := h.step(ctx, "publish "+s.ID, func(store.StepState) error {
				crashpoint.At(s.ID, crashpoint.Swapping)
				defer crashpoint.At(s.ID, crashpoint.Elsewhere)
				return s.writer.Finish(ctx, connector.Publish)
			})
			return err
		})
		if err != nil {
			return err
		}
		s.published = true
	}
	return nil
}
