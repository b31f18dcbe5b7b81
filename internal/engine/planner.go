package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/job"
	"github.com/towpath/towpath/record"
)

// End is one open side of a job.
type End struct {
	Side
	connector.Connector
	Client connector.Client
}

// Canonical returns a dataset's name in the form in which two names of one dataset are alike.
func (e End) Canonical(dataset string) string {
	if e.Fold == nil {
		return dataset
	}
	return e.Fold(e.Client, dataset)
}

// Planner makes plans.
type Planner struct {
	Sources map[string]End // by the alias that streams name; "" is the job's own
	Target  End
}

// Stream is one stream to be planned: one of the job, or a match of one of its patterns.
type Stream struct {
	job.Stream
	At string // its place in the job
}

// atOnce is how many streams are planned side by side: planning waits for servers most of the time.
const atOnce = 8

// Make plans a run of a job whose parameters are bound. streams are those of the job, with its patterns expanded, in its order. It
// changes nothing anywhere. What it will not do is a *Refused that holds all reasons. Each stream is handed to keep with its shards, which
// have their IDs, one at a time and in no order; the plan that comes back is the head.
func (p *Planner) Make(ctx context.Context, run string, j *job.Job, streams []Stream, keep func(*StreamPlan, []connector.Shard) error) (*Plan, error) {
	m := newMaker(p, run, j, streams, keep)
	if m.able(); len(m.unable.Reasons) > 0 {
		return m.plan, &m.unable
	}
	for _, wave := range [][]int{m.leads(), m.others()} { // a stream that shares a target is measured against the first of it
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(atOnce)
		for _, i := range wave {
			group.Go(func() error { return m.stream(ctx, i) })
		}
		if err := group.Wait(); err != nil {
			return nil, err
		}
	}
	m.order()
	return m.plan, m.refusal()
}

// maker makes one plan.
type maker struct {
	*Planner
	run     string
	job     *job.Job
	streams []Stream
	groups  []*group          // target datasets, in the order of their first streams
	of      []*group          // of each stream
	targets map[string]*group // by the target's canonical name
	sources map[source]*group // nil: the dataset goes to several targets
	unable  Refused           // reasons that are those of no stream

	mu      sync.Mutex // guards what follows, and calls of keep
	keep    func(*StreamPlan, []connector.Shard) error
	plan    *Plan
	refused []*Refused // of each stream; nil: none
}

// group is a target dataset and the streams that flow into it.
type group struct {
	dataset string // as the first stream names it
	streams []int
	mixed   bool           // the streams read from several connections
	longest int            // characters of the longest name of what they read, nameLength at least
	lead    *StreamPlan    // once the first stream is planned; only kept where others share it
	want    *record.Schema // what the first stream asks of the target
	parents map[*group]bool
	inner   int // highest stage of its shards
}

// source names a dataset of one of the sources.
type source struct{ connection, dataset string }

func newMaker(p *Planner, run string, j *job.Job, streams []Stream, keep func(*StreamPlan, []connector.Shard) error) *maker {
	m := &maker{Planner: p, run: run, job: j, streams: streams, keep: keep, of: make([]*group, len(streams)), targets: map[string]*group{}, sources: map[source]*group{},
		refused: make([]*Refused, len(streams)), plan: &Plan{Format: PlanFormat, Run: run, Job: j, Source: p.Sources[""].Side, Target: p.Target.Side,
			Consistency: j.Settings.Consistency}}
	for alias, end := range p.Sources {
		if alias != "" {
			if m.plan.Sources == nil {
				m.plan.Sources = map[string]Side{}
			}
			m.plan.Sources[alias] = end.Side
		}
	}
	for i := range streams {
		name := targetOf(&streams[i].Stream)
		g := m.targets[p.Target.Canonical(name)]
		if g == nil {
			g = &group{dataset: name, parents: map[*group]bool{}}
			m.targets[p.Target.Canonical(name)] = g
			m.groups = append(m.groups, g)
		}
		g.streams = append(g.streams, i)
		m.of[i] = g
		if s := &streams[i]; s.Source != "" {
			at := source{s.Connection, p.Sources[s.Connection].Canonical(s.Source)}
			if other, twice := m.sources[at]; twice && other != g {
				g = nil
			}
			m.sources[at] = g
		}
	}
	for _, g := range m.groups {
		m.compareOrigins(g)
	}
	return m
}

// able refuses what the connectors of both sides cannot do, whatever the streams.
func (m *maker) able() {
	for _, alias := range slices.Sorted(maps.Keys(m.Sources)) {
		end, path := m.Sources[alias], "source"
		if alias != "" {
			path = "connections." + alias
		}
		if end.Read == nil {
			m.unable.add(path, "TOW-146", "connector %s does not read", end.Side.Connector)
		}
		read := slices.ContainsFunc(m.streams, func(s Stream) bool { return s.Connection == alias })
		if m.job.Settings.Consistency == job.Snapshot && end.Snapshot == nil && read {
			m.unable.add("settings.consistency", "TOW-128", "connector %s has no snapshots: its datasets cannot be read as they were at one instant", end.Side.Connector).
				WithHint("Leave settings.consistency out, or write fuzzy: each row is then read as it is at that moment.")
		}
	}
	if m.Target.Write == nil {
		m.unable.add("target", "TOW-146", "connector %s does not write", m.Target.Side.Connector)
	}
}

func targetOf(s *job.Stream) string {
	if s.Target != "" {
		return s.Target
	}
	return s.Source
}

// id is what a stream is called in shards, steps and records.
func id(stream int) string { return strconv.Itoa(stream + 1) }

// StreamOf returns the stream that a shard is of.
func StreamOf(shard string) string {
	stream, _, _ := strings.Cut(shard, "-")
	return stream
}

func (m *maker) leads() []int {
	leads := make([]int, len(m.groups))
	for n, g := range m.groups {
		leads[n] = g.streams[0]
	}
	return leads
}

func (m *maker) others() []int {
	var others []int
	for _, g := range m.groups {
		others = append(others, g.streams[1:]...)
	}
	return others
}

// refusal returns the reasons of all streams in their order, nil when there are none.
func (m *maker) refusal() error {
	all := &Refused{}
	for _, r := range m.refused {
		if r != nil {
			all.Reasons = append(all.Reasons, r.Reasons...)
		}
	}
	if len(all.Reasons) == 0 {
		return nil
	}
	return all
}

// stream plans one stream and hands it on; what it refuses is noted.
func (m *maker) stream(ctx context.Context, i int) error {
	at, refused := m.streams[i].At, &Refused{}
	s, shards, err := m.planned(ctx, i, refused)
	toJob(err, at)
	switch {
	case declines(err): // other streams may have reasons, too
		refused.Reasons = append(refused.Reasons, fmt.Errorf("%s: %w", at, err))
	case err != nil:
		return fmt.Errorf("plan stream %s: %w", streamName(&m.streams[i].Stream), err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(refused.Reasons) > 0 {
		m.refused[i] = refused
	}
	if s == nil {
		return nil
	}
	m.plan.Totals.add(s)
	for _, sh := range shards {
		m.of[i].inner = max(m.of[i].inner, sh.Stage)
	}
	return m.keep(s, shards)
}

// declines reports whether an error is the answer of one side to what the stream asks of it. Options that are not understood are a mistake
// in the job, which ends the plan at once.
func declines(err error) bool {
	e, ok := errors.AsType[*connector.Error](err)
	return ok && (e.Class == connector.Missing || e.Class == connector.Denied || e.Class == connector.Config && e.Code != "TOW-001")
}

// toJob puts the place in the job where connectors name the options they were given.
func toJob(err error, at string) {
	e, ok := errors.AsType[*connector.Error](err)
	if !ok {
		return
	}
	for _, side := range []string{"source", "target"} {
		for _, sign := range []string{".", "_"} {
			if rest, yes := strings.CutPrefix(e.Path, side+sign+"options"); yes {
				e.Path = at + "." + side + "_options" + rest
			}
		}
	}
}

func (r *Refused) add(path, code, format string, args ...any) *connector.Error {
	e := connector.Errorf(connector.Config, code, format, args...).At(path)
	r.Reasons = append(r.Reasons, e)
	return e
}

func streamName(s *job.Stream) string {
	if s.Source != "" {
		return s.Source
	}
	return s.Target
}

// planned plans stream i. Reasons not to do it are added to refused; then no more of it may have been planned than came before.
func (m *maker) planned(ctx context.Context, i int, refused *Refused) (*StreamPlan, []connector.Shard, error) {
	js, at, g := &m.streams[i].Stream, m.streams[i].At, m.of[i]
	end := m.Sources[js.Connection]
	s := &StreamPlan{ID: id(i), Connection: js.Connection, Lead: id(g.streams[0]), Seed: xxh3.HashString(m.run + "/" + strconv.Itoa(i))}
	s.Source = connector.Source{Dataset: js.Source, Query: js.Query, Where: js.Where, Key: js.Key, Options: js.ReadOptions, Columns: sourceColumns(js)}
	s.Sink = connector.Sink{Dataset: g.dataset, Mode: js.Write, Run: m.run, Create: js.Create.Structure(), Options: js.WriteOptions}
	if end.Connector.Name == m.Target.Connector.Name && end.Identity == m.Target.Identity && m.Target.Canonical(js.Source) == m.Target.Canonical(g.dataset) {
		refused.add(at, string(record.Self), "source and target are the same dataset %s of the same server", js.Source)
		return nil, nil, nil
	}
	reader, err := end.Read(ctx, end.Client, s.Source)
	if err != nil {
		return nil, nil, err
	}
	defer reader.Close()
	s.Schema, s.Declared, err = reader.Schema(ctx)
	if err != nil {
		return nil, nil, err
	}
	want, ok := s.want(m.job, js, at, m.constant(i), refused)
	if !ok {
		return nil, nil, nil
	}
	for _, k := range want.Key() {
		s.Sink.Key = append(s.Sink.Key, want.Fields[k].Name)
	}
	if js.Write != connector.Replace && js.Write != connector.Append && len(s.Sink.Key) == 0 {
		refused.add(at+".write", "TOW-121", "%s has no key among the columns copied, so %s cannot tell its rows apart", streamName(js), js.Write).
			WithHint("Name the key columns with key:, or accept rows as they come with write: append.")
		return nil, nil, nil
	}
	s.Sink.Distinct = len(g.streams) == 1 && s.distinct(js, want)
	if err := s.mergeColumnOptions(js); err != nil {
		return nil, nil, err
	}
	m.structure(s, i, want)
	if i == g.streams[0] {
		err = m.lead(ctx, s, i, want, refused)
	} else {
		m.share(s, i, want, refused)
	}
	if err != nil || s.Target == nil {
		return nil, nil, err
	}
	m.refer(s, i, want)
	s.decide(at, refused)
	s.checkFolds(at, refused)
	shards, err := s.split(ctx, reader, m.job.Settings.Shards)
	if err != nil {
		return nil, nil, err
	}
	s.guarantee(at, m.job, refused)
	return s, shards, nil
}

// lead plans the target of a stream that is the first of it.
func (m *maker) lead(ctx context.Context, s *StreamPlan, i int, want *record.Schema, refused *Refused) error {
	writer, err := m.Target.Write(ctx, m.Target.Client, s.Sink)
	if err != nil {
		return err
	}
	defer writer.Close()
	if s.Target, err = writer.Plan(ctx, want); err != nil {
		return err
	}
	if js := &m.streams[i]; js.Create.Never() && !s.Target.Exists {
		refused.add(js.At+".create", "TOW-127", "target %s does not exist, and the job says not to create it", s.Sink.Dataset)
	}
	if g := m.of[i]; len(g.streams) > 1 {
		g.lead, g.want = s, want
		m.keysApart(i, refused)
	}
	return nil
}

// split cuts the stream into shards and gives them their IDs.
func (s *StreamPlan) split(ctx context.Context, reader connector.Reader, hint int) ([]connector.Shard, error) {
	shards, err := reader.Split(ctx, connector.Shard{}, nil, connector.Hint{Shards: hint})
	if err != nil {
		return nil, err
	}
	for n := range shards {
		sh := &shards[n]
		sh.ID, sh.Stream = fmt.Sprintf("%s-%05d", s.ID, n+1), s.ID
		s.Rows += sh.Rows
		s.Bytes += sh.Bytes
		s.Replay = max(s.Replay, sh.Replay)
	}
	s.Shards = len(shards)
	return shards, nil
}
