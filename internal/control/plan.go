package control

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/job"
)

// Plan makes the plan of a job, with all of its streams, and changes nothing. Where the plan refuses, the error is an *engine.Refused.
func (s *Service) Plan(ctx context.Context, j *job.Job) (*engine.Plan, error) {
	e, err := s.openAll(ctx, j)
	if err != nil {
		return nil, err
	}
	defer e.close()
	var streams []*engine.StreamPlan
	plan, err := s.plan(ctx, NewKey(5), j, e, func(int) {}, func(st *engine.StreamPlan, _ []connector.Shard) error {
		streams = append(streams, st)
		return nil
	})
	if plan != nil {
		slices.SortFunc(streams, func(a, b *engine.StreamPlan) int { return ordinal(a.ID) - ordinal(b.ID) })
		plan.Streams = streams
	}
	return plan, err
}

// ordinal is the place of a stream in its job, from 1.
func ordinal(id string) int {
	n, err := strconv.Atoi(id)
	if err != nil {
		panic(fmt.Sprintf("stream %q was not named by the planner", id))
	}
	return n
}

// plan expands the patterns of a job, tells expanded how many streams there are, and plans each of them.
func (s *Service) plan(ctx context.Context, key string, j *job.Job, e ends, expanded func(streams int),
	keep func(*engine.StreamPlan, []connector.Shard) error) (*engine.Plan, error) {
	streams, err := s.expand(ctx, j, e)
	if err != nil {
		return nil, err
	}
	expanded(len(streams))
	planner := engine.Planner{Sources: e.sources, Target: e.target}
	plan, err := planner.Make(ctx, key, j, streams, keep)
	if plan != nil {
		plan.Job = s.hide(plan.Job)
	}
	return plan, err
}

// expand makes one stream for each dataset that a pattern matches.
func (s *Service) expand(ctx context.Context, j *job.Job, e ends) ([]engine.Stream, error) {
	var out []engine.Stream
	for i, stream := range j.Streams {
		stream.Connection = origin(j, stream.Connection)
		at := fmt.Sprintf("streams[%d]", i)
		var names []string
		if job.IsPattern(stream.Source) {
			found, err := matches(ctx, e.sources[stream.Connection].Client, stream.Source, stream.Exclude)
			if err != nil {
				return nil, err
			}
			names = found
		}
		streams, err := job.Expand(stream, names)
		if err != nil {
			return nil, err
		}
		for _, one := range streams {
			place := at
			if job.IsPattern(stream.Source) {
				place += " (" + one.Source + ")"
			}
			out = append(out, engine.Stream{Stream: one, At: place})
		}
	}
	return out, nil
}

// matches returns the datasets that a pattern matches and no exclusion does.
func matches(ctx context.Context, c connector.Client, pattern string, exclude []string) ([]string, error) {
	left := map[string]bool{}
	for _, other := range exclude {
		for name, err := range c.Datasets(ctx, other) {
			if err != nil {
				return nil, err
			}
			left[name] = true
		}
	}
	var names []string
	for name, err := range c.Datasets(ctx, pattern) {
		if err != nil {
			return nil, err
		}
		if !left[name] {
			names = append(names, name)
		}
	}
	return names, nil
}

// draft collects the streams of a plan in the form in which they are stored: of ten thousand of them, nothing else is kept.
type draft struct {
	run     string
	obs     Observer // nil: nobody is told how planning goes on
	told    time.Time
	of      int // streams to be planned
	packer  engine.Packer
	target  string       // identity
	choice  store.Choice // of the dirty rows that a replay writes
	streams []store.Stream
	shards  [][]connector.Shard // of each stream
}

func (d *draft) keep(s *engine.StreamPlan, shards []connector.Shard) error {
	body, err := d.packer.Pack(s)
	if err != nil {
		return err
	}
	hash := sha256.Sum256(body)
	d.streams = append(d.streams, store.Stream{ID: s.ID, Source: s.Source.Dataset, Connection: s.Connection, Identity: d.target, Dataset: s.Sink.Dataset,
		Lead: s.Lead, Guarantee: string(s.Guarantee), Parallel: s.Target.Limits.Shards, Rows: s.Rows, Bytes: s.Bytes, Plan: body, Hash: hash[:]})
	d.shards = append(d.shards, shards)
	if d.obs != nil && time.Since(d.told) > showEvery {
		d.told = time.Now()
		d.obs.Progress(Progress{Run: d.run, State: store.Planning, Planned: len(d.streams), ToPlan: d.of})
	}
	return nil
}

// save stores the plan, its hash, its streams and shards in one transaction.
//
// Invariant 2: the plan is stored with a hash before the first row moves.
func (s *Service) save(ctx context.Context, lease store.RunLease, plan *engine.Plan, d *draft) error {
	head, err := json.Marshal(plan)
	if err != nil {
		return err
	}
	for i := range d.streams {
		st := &d.streams[i]
		st.Stage = plan.Stage(st.Lead)
		for n := range d.shards[i] {
			d.shards[i][n].Stage += st.Stage
		}
	}
	streams := slices.SortedFunc(slices.Values(d.streams), func(a, b store.Stream) int { return ordinal(a.ID) - ordinal(b.ID) })
	shards := func(yield func(connector.Shard) bool) {
		for _, some := range d.shards {
			for _, sh := range some {
				if !yield(sh) {
					return
				}
			}
		}
	}
	return s.Store.SavePlan(ctx, lease.Run, lease.Epoch, store.Plan{Format: engine.PlanFormat, Bytes: head, Hash: hashOf(head, streams),
		Replays: plan.Replays, Choice: d.choice}, streams, shards)
}

// hashOf is the hash of a whole plan: its head, and what each stream does.
func hashOf(head []byte, streams []store.Stream) []byte {
	h := sha256.New()
	h.Write(head)
	for _, st := range streams {
		h.Write(st.Hash)
	}
	return h.Sum(nil)
}

// load reads the head of a run's plan and its streams, and checks their hash.
func (s *Service) load(ctx context.Context, key string) (*engine.Plan, []store.Stream, error) {
	stored, err := s.Store.Plan(ctx, key)
	if err != nil {
		return nil, nil, err
	}
	if stored.Format != engine.PlanFormat {
		return nil, nil, connector.Errorf(connector.Changed, "TOW-136", "the plan of run %s has format %d, this towpath reads %d", key, stored.Format, engine.PlanFormat).
			WithHint("Only the version of towpath that planned the run goes on with it. Or stop it, with towpath stop %s, and start another.", key)
	}
	streams, err := s.Store.Streams(ctx, key)
	if err != nil {
		return nil, nil, err
	}
	if !bytes.Equal(hashOf(stored.Bytes, streams), stored.Hash) {
		return nil, nil, damaged(key)
	}
	plan := new(engine.Plan)
	return plan, streams, json.Unmarshal(stored.Bytes, plan)
}

func damaged(run string) error {
	return connector.Errorf(connector.Changed, "TOW-137", "the plan of run %s does not match its hash", run).
		WithHint("The control database is damaged. Stop the run and start another.")
}

// loadStream reads what one stream of a run does, and checks its hash.
func (s *Service) loadStream(ctx context.Context, run, id string) (*engine.StreamPlan, error) {
	body, hash, err := s.Store.StreamPlan(ctx, run, id)
	if err != nil {
		return nil, err
	}
	if found := sha256.Sum256(body); !bytes.Equal(found[:], hash) {
		return nil, damaged(run)
	}
	return engine.Unpack(body)
}
