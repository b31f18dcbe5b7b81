package control

import (
	"context"
	"sync"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/executor/local"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/job"
)

// othersEvery is how often is looked at what other processes do for a run.
const othersEvery = 500 * time.Millisecond

// Work runs shards of a run that another process steers, until none waits for a while, the run halts, or somebody else steers it. What fails here is left
// to whoever steers.
func (s *Service) Work(ctx context.Context, key string, o Taking) error {
	own := *s
	own.taking = o
	run, err := s.Store.Run(ctx, key)
	if err != nil {
		return err
	}
	plan, streams, err := s.load(ctx, key)
	if err != nil {
		return err
	}
	h := own.newHelm(run, store.RunLease{Run: key, Epoch: run.Epoch}, plan, ends{}, nil)
	h.joined, h.flow = true, engine.NewFlow(job.Dirty{}, func(error) {}) // who steers counts dirty rows
	defer h.ends.close()
	defer h.close()
	if err := h.takeUp(ctx, streams); err != nil {
		return err
	}
	s.Log.Info("run joined", "run", key, "epoch", run.Epoch)
	done := make(chan struct{})
	var beside sync.WaitGroup
	beside.Go(func() { h.closeIdled(ctx, done) })
	beside.Go(func() { h.look(ctx, done) })
	_, err = h.runShards(ctx, hand{h})
	close(done)
	beside.Wait()
	return err
}

// look follows the streams of a joined run, and leaves it when that is wished, until done.
func (h *helm) look(ctx context.Context, done <-chan struct{}) {
	ticker := time.NewTicker(othersEvery)
	defer ticker.Stop()
	leave := h.taking.Leave
	for {
		select {
		case <-done:
			return
		case <-leave:
			leave = nil
			h.brake.Pull(&local.Halt{Kind: local.Leave})
		case <-ticker.C:
			if err := h.learn(ctx); err != nil && ctx.Err() == nil {
				h.Log.Debug("streams not looked at", "run", h.lease.Run, "error", err)
			}
		}
	}
}

// hand is the streams of a run that is joined: they are opened as shards of them are leased.
type hand struct{ *helm }

// Fail implements local.Streams: the shard's verdict is with the control database, for whoever steers.
func (h hand) Fail(_ context.Context, id string, _ error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.byID[id].state = store.StreamFailed
	return nil
}

// openLate opens a stream of which a shard is at work: another process has made it ready.
func (h *helm) openLate(ctx context.Context, s *stream) (*engine.Pipe, error) {
	s.late.Lock()
	defer s.late.Unlock()
	h.mu.Lock()
	o := s.open
	h.mu.Unlock()
	if o != nil && o.pipe != nil {
		return o.pipe, nil
	}
	if err := h.board(ctx); err != nil {
		return nil, err
	}
	plan, err := h.loadStream(ctx, h.lease.Run, s.ID)
	if err != nil {
		return nil, err
	}
	writer, err := h.hold(ctx, s.target)
	if err != nil {
		return nil, err
	}
	late := new(opened)
	if err := h.openPipe(ctx, s, plan, writer, late); err != nil {
		h.letGo(ctx, s.target)
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.open != nil { // without a pipe: it holds the target as well
		h.closings = append(h.closings, closing{s.open, s.target})
	}
	s.open = late
	return late.pipe, nil
}

// board opens the sides of a joined run, which must be the planned ones.
func (h *helm) board(ctx context.Context) error {
	h.boarding.Lock()
	defer h.boarding.Unlock()
	if !h.joined || h.ends.target.Client != nil {
		return nil
	}
	e, err := h.openPlanned(ctx, h.plan)
	if err != nil {
		return err
	}
	if err := sameServers(h.plan, e, false); err != nil {
		e.close()
		return err
	}
	h.ends = e
	return nil
}

// heedOthers takes over what other processes have done for the run, and acts on what failed there.
func (h *helm) heedOthers(ctx context.Context) error {
	verdicts, err := h.Store.Verdicts(ctx, h.lease.Run)
	if err != nil {
		return err
	}
	for _, v := range verdicts {
		cause := &connector.Error{Class: connector.Other, Code: v.Code, Text: v.Text}
		switch v.Verdict {
		case store.PausesRun:
			h.brake.Pull(&local.Halt{Kind: store.WishPause, Err: cause})
		case store.FailsRun:
			h.brake.Fail(cause)
		default:
			if err := h.fail(ctx, h.byID[v.Stream], cause); err != nil {
				return err
			}
		}
	}
	if !h.withOthers(ctx) {
		return nil
	}
	return h.learn(ctx)
}

// withOthers reports whether other processes work on the run, or did.
func (h *helm) withOthers(ctx context.Context) bool {
	n, err := h.Store.AtWork(ctx, h.lease.Run, h.Owner.ID)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.shared = h.shared || err == nil && n > 0
	return h.shared
}

// othersEnd waits until no shard of the run is at work in other processes: they heed where the run stands, and a lease that nobody renews runs out.
func (h *helm) othersEnd(ctx context.Context) {
	if !h.withOthers(ctx) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 2*h.Service.Lease)
	defer cancel()
	ticker := time.NewTicker(tickOthers)
	defer ticker.Stop()
	for {
		if n, err := h.Store.AtWork(ctx, h.lease.Run, h.Owner.ID); err == nil && n == 0 {
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// tickOthers is how often is looked whether others have ended.
const tickOthers = 50 * time.Millisecond
