package main

import (
	"context"
	"fmt"
	"time"

	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/store"
)

// pauseTask runs a copy into a target that takes half a second a group, pauses it by another service on the same control
// database, as `towpath pause` does, and tells when reading ended and when the run was paused.
func pauseTask(ctx context.Context, t task) (Sample, error) {
	g := newGenerator(1<<40, 8)
	s, done, err := openService(ctx, t.State, g.connector(), null{answer: 500 * time.Millisecond}.connector())
	if err != nil {
		return Sample{}, err
	}
	defer done()
	other, doneOther, err := openService(ctx, t.State)
	if err != nil {
		return Sample{}, err
	}
	defer doneOther()
	j, err := jobText(map[string]any{"connector": "generator"}, map[string]any{"connector": "null"},
		map[string]any{"source": "rows", "target": "rows", "write": "upsert"}, map[string]any{"parallel": 4})
	if err != nil {
		return Sample{}, err
	}
	w := &pauseWatch{moved: make(chan struct{}), paused: make(chan time.Time, 1)}
	keys := make(chan string, 1)
	ended := make(chan error, 1)
	go func() {
		run, err := s.Run(ctx, j, w, func(key string, _ *engine.Plan) { keys <- key })
		if err == nil && run.State != store.Paused {
			err = fmt.Errorf("run is %s, want paused: %s", run.State, run.Reason)
		}
		ended <- err
	}()
	select {
	case <-w.moved:
	case err := <-ended:
		return Sample{}, fmt.Errorf("run ended before it was paused: %w", err)
	}
	wished := time.Now()
	if _, err := other.Pause(ctx, <-keys, "bench"); err != nil {
		return Sample{}, err
	}
	if err := <-ended; err != nil {
		return Sample{}, err
	}
	stopped := time.Unix(0, g.stopped.Load())
	return Sample{Seconds: (<-w.paused).Sub(wished).Seconds(), Extra: map[string]float64{"reading": stopped.Sub(wished).Seconds()}}, nil
}

// pauseWatch is told how the run goes on.
type pauseWatch struct {
	seen   bool
	moved  chan struct{} // closed once rows were committed
	paused chan time.Time
}

// State implements control.Observer.
func (w *pauseWatch) State(e store.Event) {
	if e.To == store.Paused {
		w.paused <- time.Now()
	}
}

// Progress implements control.Observer.
func (w *pauseWatch) Progress(p control.Progress) {
	if !w.seen && len(p.Streams) > 0 && p.Streams[0].Counts.Written > 0 {
		w.seen = true
		close(w.moved)
	}
}

func measurePause(ctx context.Context, b *bench) ([]Figure, error) {
	samples, err := b.interleave(ctx, b.job("pause", task{Kind: "pause"}))
	if err != nil {
		return nil, err
	}
	rss := median(samples[0], func(s Sample) float64 { return s.RSS })
	return []Figure{
		{Name: "pause-reading", Unit: "s", Value: median(samples[0], func(s Sample) float64 { return s.Extra["reading"] }), RSS: rss},
		{Name: "pause", Unit: "s", Value: median(samples[0], func(s Sample) float64 { return s.Seconds }), RSS: rss},
	}, nil
}
