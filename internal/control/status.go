package control

import (
	"context"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/store"
)

// progressOf joins the plan's streams with what the store and, where the run is at work here, its flow know of them.
func progressOf(plan *engine.Plan, state store.State, stored []store.Progress, live map[string]connector.Counts) Progress {
	out := Progress{Run: plan.Run, State: state}
	byID := map[string]store.Progress{}
	for _, p := range stored {
		byID[p.Stream] = p
	}
	for _, s := range plan.Streams {
		p := byID[s.ID]
		sp := StreamProgress{ID: s.ID, Source: s.Source.Dataset, Target: s.Sink.Dataset, Guarantee: s.Guarantee, Rows: s.Rows, Bytes: s.Bytes,
			Counts: p.Counts, Shards: p.Shards, Done: p.Done}
		if c, ok := live[s.ID]; ok {
			sp.Counts = c
		}
		out.Streams = append(out.Streams, sp)
	}
	return out
}

// Status returns a run, its progress and, when it was planned, its plan.
func (s *Service) Status(ctx context.Context, key string) (store.Run, Progress, *engine.Plan, error) {
	run, err := s.Store.Run(ctx, key)
	if err != nil {
		return run, Progress{}, nil, err
	}
	if run.PlanFormat == 0 {
		return run, Progress{Run: key, State: run.State}, nil, nil
	}
	plan, err := s.load(ctx, key)
	if err != nil {
		return run, Progress{}, nil, err
	}
	stored, err := s.Store.Progress(ctx, key)
	return run, progressOf(plan, run.State, stored, nil), plan, err
}
