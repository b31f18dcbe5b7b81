package control

import (
	"context"
	"fmt"
	"sync"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/store"
)

// stream is a stream of a run that this process steers. What is open of it is held only while its shards are at work: a run may have ten
// thousand of them.
type stream struct {
	store.Stream
	target *target

	// guarded by helm.mu
	state        store.StreamState
	cause        error // why it failed
	shards, done int
	left         int // shards to do, once it is ready
	atWork       int
	awaited      bool    // it takes a place among those that are ready and have not begun
	open         *opened // nil: nothing is
	elsewhere    int     // shards at work in other processes

	late sync.Mutex // is held while it is opened for a shard that was leased
}

// opened is what copies the shards of a stream.
type opened struct {
	reader connector.Reader
	pipe   *engine.Pipe
}

// target is a target dataset of a run, shared by the streams that flow into it and known by the first of them.
type target struct {
	id, dataset string
	streams     []*stream
	publishing  bool // the swap was begun by an earlier attempt: all that comes before it is done
	published   bool

	users int // guarded by helm.mu: who needs it open

	opening sync.Mutex // guards what follows
	// plan is that of the first stream; nil: the target is closed.
	plan       *engine.StreamPlan
	writer     connector.Writer
	remembered map[string][]connector.Checkpoint // by stream
	sealed     bool                              // by this writer
}

// complete reports whether all rows of a target are there. The caller holds helm.mu.
func (t *target) complete() bool {
	for _, s := range t.streams {
		if s.state != store.StreamCopied {
			return false
		}
	}
	return true
}

// takeUp reads where the run's streams and steps stand.
func (h *helm) takeUp(ctx context.Context, rows []store.Stream) error {
	steps, err := h.Store.Steps(ctx, h.lease.Run)
	if err != nil {
		return err
	}
	for _, st := range steps {
		h.steps[st.Name] = st.State
	}
	progress, err := h.Store.Progress(ctx, h.lease.Run)
	if err != nil {
		return err
	}
	if h.untouched, err = h.Store.Untouched(ctx, h.lease.Run); err != nil {
		return err
	}
	targets := map[string]*target{}
	for i, row := range rows {
		t := targets[row.Lead]
		if t == nil {
			t = &target{id: row.Lead, dataset: row.Dataset, publishing: h.steps["publish "+row.Lead] == store.StepBegun,
				published: h.steps["publish "+row.Lead] == store.StepDone}
			targets[row.Lead] = t
			h.targets = append(h.targets, t)
		}
		p := progress[i]
		s := &stream{Stream: row, target: t, state: p.State, shards: p.Shards, done: p.Done}
		t.streams = append(t.streams, s)
		h.streams = append(h.streams, s)
		h.byID[row.ID] = s
		h.flow.Begin(row.ID, p.Counts)
	}
	return nil
}

// recall ends the streams whose targets were published although that was not recorded of them, or whose foreign keys failed.
func (h *helm) recall(ctx context.Context) error {
	var ended []*stream
	var ids []string
	for _, s := range h.streams {
		if s.target.published && s.state != store.StreamDone {
			ended, ids = append(ended, s), append(ids, s.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	if err := h.Store.EndStreams(ctx, h.lease.Run, h.lease.Epoch, ids...); err != nil {
		return err
	}
	for _, s := range ended {
		s.state = store.StreamDone
	}
	return nil
}

// fail records that a stream failed, and holds back those that wait for it. The first reason stays.
func (h *helm) fail(ctx context.Context, s *stream, cause error) error {
	h.mu.Lock()
	var held []*stream
	var ids []string
	known := s.cause != nil
	if !known {
		held = h.dependents(s.target)
	}
	for _, other := range held {
		ids = append(ids, other.ID)
	}
	h.mu.Unlock()
	if known {
		return nil
	}
	h.Log.Warn("stream failed", "run", h.lease.Run, "stream", s.ID, "source", s.Source, "error", cause)
	err := h.Store.FailStream(ctx, h.lease.Run, h.lease.Epoch, s.ID, store.Failure{Text: h.Clean(cause.Error()), Code: codeOf(cause)}, ids...)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s.state, s.cause, h.untold = store.StreamFailed, cause, true
	h.closeIdle(s)
	for _, other := range held {
		other.state = store.StreamHeld
		h.closeIdle(other)
	}
	return nil
}

// dependents returns the streams that wait for a target, and for those that wait for it in turn. The caller holds h.mu.
func (h *helm) dependents(of *target) []*stream {
	var waiting []*stream
	seen := map[string]bool{of.id: true}
	for again := true; again; {
		again = false
		for _, t := range h.targets {
			if seen[t.id] || !anyOf(h.plan.Parents[t.id], seen) {
				continue
			}
			seen[t.id], again = true, true
			for _, s := range t.streams {
				if s.state == store.StreamWaiting || s.state == store.StreamRunning {
					waiting = append(waiting, s)
				}
			}
		}
	}
	return waiting
}

func anyOf(ids []string, seen map[string]bool) bool {
	for _, id := range ids {
		if seen[id] {
			return true
		}
	}
	return false
}

// mostTold is how many failed streams the reason of a failed run tells of.
const mostTold = 3

// failure is why a run failed whose streams did, nil when none did: the reason itself when it has but one stream.
func (h *helm) failure() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var failed, held int
	var first error
	text := ""
	for _, s := range h.streams {
		switch s.state {
		case store.StreamHeld:
			held++
		case store.StreamFailed:
			if failed++; failed <= mostTold {
				text += fmt.Sprintf("; %s: %s", nameOf(s), s.cause)
			}
			if first == nil {
				first = s.cause
			}
		}
	}
	switch {
	case failed == 0 && held == 0:
		return nil
	case len(h.streams) == 1:
		return first
	case failed > mostTold:
		text += fmt.Sprintf("; and %d more", failed-mostTold)
	}
	if held > 0 {
		text += fmt.Sprintf("; %d wait for rows of those", held)
	}
	return connector.Errorf(connector.Other, "TOW-150", "%d of %d streams failed: %s", failed, len(h.streams), text[2:]).
		WithHint("towpath status %s shows each of them.", h.lease.Run)
}

// nameOf is how people call a stream.
func nameOf(s *stream) string {
	name := s.Source
	if name == "" {
		name = s.Dataset
	}
	if s.Connection != "" {
		name = s.Connection + ":" + name
	}
	return name
}
