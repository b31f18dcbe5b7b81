package control

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/executor/local"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/job"
)

// copy makes the streams of the queue ready and runs their shards. While they run, the run becomes pausing or stopping as soon as that is
// wished. Streams that fail are noted, and the others go on.
func (h *helm) copy(ctx context.Context, queue []*stream) error {
	copied := make(chan struct{})
	openCtx, stop := context.WithCancel(ctx)
	var beside sync.WaitGroup
	var watched error
	beside.Go(func() { watched = h.watch(ctx, copied) })
	for range h.sideBySide() {
		beside.Go(func() { h.closeIdled(ctx, copied) })
	}
	beside.Go(func() {
		if err := h.readyRest(openCtx, queue); err != nil && openCtx.Err() == nil {
			h.brake.Fail(err)
		}
	})
	halt, err := h.runShards(ctx, h)
	stop()
	close(copied)
	beside.Wait()
	// Invariant 8: a run that rests holds no snapshot.
	h.endSnapshots()
	h.show()
	if err = errors.Join(err, watched); err == nil && halt != nil {
		return halt
	}
	if err == nil {
		h.othersEnd(ctx) // of streams that failed
		err = h.patiently(ctx, func() error { return h.learn(ctx) })
	}
	if halt := h.brake.Halt(); err == nil && halt != nil { // for rows that other processes have moved
		return halt
	}
	return err
}

// runShards runs shards of the run in this process until none is left for it.
func (h *helm) runShards(ctx context.Context, streams local.Streams) (*local.Halt, error) {
	settings := h.plan.Job.Settings
	work := local.Work{Run: h.lease.Run, Epoch: h.lease.Epoch, Streams: streams, Flow: h.flow, BatchRows: settings.GroupRows, Most: h.snapshotShards, Seat: h.taking.Seat,
		Memory: cmp.Or(int64(settings.Memory), defaultMemory), Outage: cmp.Or(time.Duration(settings.Outage), defaultOutage), Joined: h.joined}
	executor := &local.Executor{Store: h.Store, Log: h.Log, Worker: h.Owner.ID, TTL: h.Service.Lease, Clean: h.Clean}
	return executor.Run(ctx, work, h.brake)
}

// learn takes over how far streams are from the control database, which alone knows: their shards may be at work, and have been ended, in other
// processes.
func (h *helm) learn(ctx context.Context) error {
	progress, err := h.Store.Progress(ctx, h.lease.Run)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, s := range h.streams {
		p := progress[i]
		if s.elsewhere = max(p.Active-s.atWork, 0); p.Active > 0 || p.Done > 0 {
			h.notAwaited(s)
		}
		switch {
		case h.joined:
			s.state = p.State
		case (s.state == store.StreamRunning || s.state == store.StreamCopied) && (p.State == store.StreamRunning || p.State == store.StreamCopied):
			s.state, s.shards, s.done, s.left = p.State, p.Shards, p.Done, p.Shards-p.Done
			h.flow.Learn(s.ID, p.Counts)
		default:
			continue
		}
		h.closeIdle(s)
	}
	return nil
}

// watch tells the observer how the run goes on until done, and moves it as soon as it is halted.
func (h *helm) watch(ctx context.Context, done <-chan struct{}) error {
	ticker, others := time.NewTicker(showEvery), time.NewTicker(othersEvery)
	defer ticker.Stop()
	defer others.Stop()
	leave := h.taking.Leave
	for {
		select {
		case <-done:
			return nil
		case <-leave:
			leave = nil
			h.brake.Pull(&local.Halt{Kind: local.Leave})
		case <-h.brake.Pulled():
			halt := h.brake.Halt()
			if halt == nil || halt.Kind == local.Leave {
				return nil
			}
			to := store.Pausing
			if halt.Kind == store.WishStop {
				to = store.Stopping
			}
			err := h.move(ctx, to, h.changeOf(ctx, halt))
			if connector.ClassOf(err) == connector.Retry { // the run is moved when its shards have come to rest
				h.Log.Warn("run not moved", "run", h.lease.Run, "to", to, "error", err)
				return nil
			}
			return err
		case <-others.C:
			if err := h.heedOthers(ctx); err != nil && connector.ClassOf(err) != connector.Retry && ctx.Err() == nil {
				h.brake.Fail(err)
			}
		case <-ticker.C:
			h.show()
		}
	}
}

// showEvery is how often the observer is told.
const showEvery = 250 * time.Millisecond

// showSome is show, when it is time or a stream has failed.
func (h *helm) showSome() {
	h.mu.Lock()
	due := h.untold || time.Since(h.shown) > showEvery
	h.mu.Unlock()
	if due {
		h.show()
	}
}

// show tells the observer how far the run is, by what this process knows.
func (h *helm) show() {
	if h.obs == nil {
		return
	}
	h.mu.Lock()
	h.shown, h.untold = time.Now(), false
	p := Progress{Run: h.lease.Run, State: h.state, States: map[store.StreamState]int{}}
	few := len(h.streams) <= FewStreams
	for _, s := range h.streams {
		sp := StreamProgress{ID: s.ID, Source: s.Source, Connection: s.Connection, Target: s.Dataset, State: s.state, Guarantee: job.Guarantee(s.Guarantee), Rows: s.Rows,
			Bytes: s.Bytes, Counts: h.flow.Of(s.ID), Shards: s.shards, Done: s.done, Active: s.atWork + s.elsewhere}
		if s.cause != nil {
			sp.Error, sp.Code = h.Clean(s.cause.Error()), codeOf(s.cause)
		}
		sp = p.add(sp)
		if few || s.atWork > 0 || s.cause != nil && p.States[store.StreamFailed] <= FewStreams {
			p.Streams = append(p.Streams, sp)
		}
	}
	h.mu.Unlock()
	h.obs.Progress(p)
}
