package control

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"slices"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/job"
)

// Plan makes the plan of a job and changes nothing. Where the plan refuses, the error is an *engine.Refused.
func (s *Service) Plan(ctx context.Context, j *job.Job) (*engine.Plan, error) {
	e, err := s.openBoth(ctx, j)
	if err != nil {
		return nil, err
	}
	defer e.close()
	plan, _, err := s.plan(ctx, newKey(5), j, e)
	return plan, err
}

func (s *Service) plan(ctx context.Context, key string, j *job.Job, e ends) (*engine.Plan, []connector.Shard, error) {
	expanded, err := s.expand(ctx, j, e.source)
	if err != nil {
		return nil, nil, err
	}
	planner := engine.Planner{Source: e.source, Target: e.target}
	plan, shards, err := planner.Make(ctx, key, expanded)
	if plan != nil {
		plan.Job = s.hide(plan.Job)
	}
	return plan, shards, err
}

// expand makes one stream for each dataset that a pattern matches.
func (s *Service) expand(ctx context.Context, j *job.Job, source engine.End) (*job.Job, error) {
	out := j.Clone()
	out.Streams = nil
	for _, stream := range j.Streams {
		var names []string
		if job.IsPattern(stream.Source) {
			for name, err := range source.Client.Datasets(ctx, stream.Source) {
				if err != nil {
					return nil, err
				}
				names = append(names, name)
			}
		}
		streams, err := job.Expand(stream, names)
		if err != nil {
			return nil, err
		}
		out.Streams = append(out.Streams, streams...)
	}
	return out, nil
}

// save stores the plan, its hash, its streams and shards in one transaction.
//
// Invariant 2: the plan is stored with a hash before the first row moves.
func (s *Service) save(ctx context.Context, lease store.RunLease, plan *engine.Plan, shards []connector.Shard) error {
	body, err := json.Marshal(plan)
	if err != nil {
		return err
	}
	hash := sha256.Sum256(body)
	streams := make([]store.Stream, len(plan.Streams))
	for i, st := range plan.Streams {
		streams[i] = store.Stream{ID: st.ID, Source: st.Source.Dataset, Identity: plan.Target.Identity, Dataset: st.Sink.Dataset,
			Guarantee: string(st.Guarantee), Parallel: st.Target.Limits.Shards, Rows: st.Rows, Bytes: st.Bytes}
	}
	return s.Store.SavePlan(ctx, lease.Run, lease.Epoch, store.Plan{Format: engine.PlanFormat, Bytes: body, Hash: hash[:]}, streams, slices.Values(shards))
}

// load reads a run's plan and checks its hash.
func (s *Service) load(ctx context.Context, key string) (*engine.Plan, error) {
	stored, err := s.Store.Plan(ctx, key)
	if err != nil {
		return nil, err
	}
	if stored.Format != engine.PlanFormat {
		return nil, connector.Errorf(connector.Changed, "TOW-136", "the plan of run %s has format %d, this towpath reads %d", key, stored.Format, engine.PlanFormat).
			WithHint("Resume with the version of towpath that planned the run.")
	}
	if hash := sha256.Sum256(stored.Bytes); !slices.Equal(hash[:], stored.Hash) {
		return nil, connector.Errorf(connector.Changed, "TOW-137", "the plan of run %s does not match its hash", key).
			WithHint("The control database is damaged. Stop the run and start another.")
	}
	plan := new(engine.Plan)
	return plan, json.Unmarshal(stored.Bytes, plan)
}
