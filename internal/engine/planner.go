package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/transform"
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
	return e.Fold(dataset)
}

// Planner makes plans.
type Planner struct {
	Source, Target End
}

// Make plans a run of a job whose patterns are expanded and parameters bound. It changes nothing anywhere. What it will not do
// is a *Refused that holds all reasons; shards come back per stream, with their IDs.
func (p *Planner) Make(ctx context.Context, run string, j *job.Job) (*Plan, []connector.Shard, error) {
	plan := &Plan{Format: PlanFormat, Run: run, Job: j, Source: p.Source.Side, Target: p.Target.Side}
	var shards []connector.Shard
	refused := &Refused{}
	targets := map[string]int{}
	for i := range j.Streams {
		at := fmt.Sprintf("streams[%d]", i)
		s, cut, err := p.stream(ctx, run, j, i, refused)
		toJob(err, at)
		if class := connector.ClassOf(err); class == connector.Missing || class == connector.Denied { // other streams may have reasons, too
			refused.Reasons = append(refused.Reasons, fmt.Errorf("%s: %w", at, err))
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("plan stream %s: %w", streamName(&j.Streams[i]), err)
		}
		if s == nil {
			continue
		}
		if before, taken := targets[p.Target.Canonical(s.Sink.Dataset)]; taken {
			refused.add(at+".target", "TOW-120", "streams[%d] writes %s as well", before, s.Sink.Dataset)
		}
		targets[p.Target.Canonical(s.Sink.Dataset)] = i
		plan.Streams = append(plan.Streams, *s)
		shards = append(shards, cut...)
	}
	if len(refused.Reasons) > 0 {
		return plan, nil, refused
	}
	return plan, shards, nil
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

func (p *Planner) stream(ctx context.Context, run string, j *job.Job, i int, refused *Refused) (*StreamPlan, []connector.Shard, error) {
	js := &j.Streams[i]
	at := fmt.Sprintf("streams[%d]", i)
	s := &StreamPlan{ID: strconv.Itoa(i + 1), Seed: xxh3.HashString(run + "/" + strconv.Itoa(i))}
	s.Source = connector.Source{Dataset: js.Source, Query: js.Query, Where: js.Where, Key: js.Key, Options: js.ReadOptions, Columns: sourceColumns(js)}
	s.Sink = connector.Sink{Dataset: js.Target, Mode: js.Write, Run: run, Options: js.WriteOptions}
	if s.Sink.Dataset == "" {
		s.Sink.Dataset = js.Source
	}
	if p.Source.Connector.Name == p.Target.Connector.Name && p.Source.Identity == p.Target.Identity && p.Target.Canonical(js.Source) == p.Target.Canonical(s.Sink.Dataset) {
		refused.add(at, string(record.Self), "source and target are the same dataset %s of the same server", js.Source)
		return nil, nil, nil
	}
	reader, err := p.Source.Read(ctx, p.Source.Client, s.Source)
	if err != nil {
		return nil, nil, err
	}
	defer reader.Close()
	s.Schema, s.Declared, err = reader.Schema(ctx)
	if err != nil {
		return nil, nil, err
	}
	want, ok := s.want(j, js, at, refused)
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
	if err := s.mergeColumnOptions(js); err != nil {
		return nil, nil, err
	}
	writer, err := p.Target.Write(ctx, p.Target.Client, s.Sink)
	if err != nil {
		return nil, nil, err
	}
	defer writer.Close()
	if s.Target, err = writer.Plan(ctx, want); err != nil {
		return nil, nil, err
	}
	if js.Create == job.CreateNever && !s.Target.Exists {
		refused.add(at+".create", "TOW-127", "target %s does not exist, and the job says not to create it", s.Sink.Dataset)
	}
	s.decide(at, refused)
	shards, err := reader.Split(ctx, connector.Shard{}, nil, connector.Hint{Shards: j.Settings.Shards})
	if err != nil {
		return nil, nil, err
	}
	for n := range shards {
		sh := &shards[n]
		sh.ID, sh.Stream = fmt.Sprintf("%s-%05d", s.ID, n+1), s.ID
		s.Rows += sh.Rows
		s.Bytes += sh.Bytes
		s.Replay = max(s.Replay, sh.Replay)
	}
	s.Shards = len(shards)
	s.guarantee(at, j, refused)
	return s, shards, nil
}

// sourceColumns returns the distinct source columns of a stream, nil for all.
func sourceColumns(js *job.Stream) []string {
	var names []string
	for _, c := range js.Columns {
		if !slices.Contains(names, c.From) {
			names = append(names, c.From)
		}
	}
	return names
}

// want fills s.Columns and returns the schema that the job asks of the target.
func (s *StreamPlan) want(j *job.Job, js *job.Stream, at string, refused *Refused) (*record.Schema, bool) {
	columns := js.Columns
	if len(columns) == 0 {
		for _, f := range s.Schema.Fields {
			columns = append(columns, job.Column{From: f.Name})
		}
	}
	key := js.Key
	if key == nil {
		for _, k := range s.Schema.Key() {
			key = append(key, s.Schema.Fields[k].Name)
		}
	}
	want := &record.Schema{}
	found := 0
	for n, c := range columns {
		k := s.Schema.Index(c.From)
		if k < 0 {
			refused.add(fmt.Sprintf("%s.columns[%d]", at, n), "TOW-122", "%s has no column %q", streamName(js), c.From)
			continue
		}
		f := s.Schema.Fields[k]
		f.Key = 0
		if pos := slices.Index(key, f.Name); pos >= 0 {
			f.Key = pos + 1
			found++
		}
		cp := ColumnPlan{From: f.Name, To: f.Name, Want: f.Type, Zone: c.Zone, Policies: j.Policies(c)}
		if cp.Zone == "" {
			cp.Zone = j.Settings.Zone
		}
		if c.To != "" {
			f.Name, cp.To = c.To, c.To
		}
		if c.Type != nil {
			f.Type, cp.Want = *c.Type, *c.Type
			f.Native, f.Default, f.Charset, f.Collation = "", nil, "", ""
		}
		want.Fields = append(want.Fields, f)
		s.Columns = append(s.Columns, cp)
	}
	for n, name := range js.Key {
		if s.Schema.Index(name) < 0 {
			refused.add(fmt.Sprintf("%s.key[%d]", at, n), "TOW-122", "%s has no column %q", streamName(js), name)
		}
	}
	if found < len(key) { // without all of it the rest tells nothing apart
		for n := range want.Fields {
			want.Fields[n].Key = 0
		}
	}
	return want, len(want.Fields) == len(columns)
}

// mergeColumnOptions hands the options of single columns to the target as its option "columns", by target column.
func (s *StreamPlan) mergeColumnOptions(js *job.Stream) error {
	columns := map[string]json.RawMessage{}
	for n, c := range js.Columns {
		if len(c.Options) > 0 {
			columns[s.Columns[n].To] = c.Options
		}
	}
	if len(columns) == 0 {
		return nil
	}
	all := map[string]json.RawMessage{}
	if len(s.Sink.Options) > 0 {
		if err := json.Unmarshal(s.Sink.Options, &all); err != nil {
			return err
		}
	}
	merged, err := json.Marshal(columns)
	if err != nil {
		return err
	}
	all["columns"] = merged
	s.Sink.Options, err = json.Marshal(all)
	return err
}

// decide asks the casts what becomes of each column, and refuses those that have no way.
//
// Invariant 6: a value that the target cannot hold exactly is refused here or diverted as a dirty row, unless the job names a policy.
func (s *StreamPlan) decide(at string, refused *Refused) {
	stage, err := s.Stage()
	if err != nil {
		refused.Reasons = append(refused.Reasons, err)
		return
	}
	for i, d := range stage.Decisions() {
		c := &s.Columns[i]
		c.Decision, c.Loss = d.String(), d.Loss
		if d.Decision == record.Refused {
			refused.add(fmt.Sprintf("%s.columns.%s", at, c.To), "TOW-124", "column %s of type %s cannot become %s: %s", c.From,
				s.Schema.Fields[s.Schema.Index(c.From)].Type, s.Target.Stored.Fields[i].Type, d.Loss).
				WithHint("Name another type: for the column, or leave it out.")
		}
	}
}

// Stage binds the transform that the plan describes.
func (s *StreamPlan) Stage() (*transform.Stage, error) {
	columns := make([]transform.Column, len(s.Columns))
	for i, c := range s.Columns {
		columns[i] = transform.Column{From: s.Schema.Index(c.From), Want: c.Want, Policies: c.Policies}
		if c.Zone == "" {
			continue
		}
		zone, err := time.LoadLocation(c.Zone)
		if err != nil {
			return nil, connector.Errorf(connector.Config, "TOW-125", "no time zone %q", c.Zone).WithHint("Use a name like Europe/Paris.")
		}
		columns[i].Cast.Zone = zone
	}
	return transform.New(s.Schema, s.Target.Stored, columns, transform.Options{Key: s.Target.Key, RowBytes: s.Target.Limits.RowBytes}), nil
}

// Same compares the declared schema of a source with the planned one; statistics, defaults and comments do not count.
func Same(planned, found *record.Schema) (difference string) {
	if len(planned.Fields) != len(found.Fields) {
		return fmt.Sprintf("%s, planned were %d", plural(len(found.Fields), "column"), len(planned.Fields))
	}
	for i, f := range planned.Fields {
		g := found.Fields[i]
		switch {
		case f.Name != g.Name:
			return fmt.Sprintf("column %d is %s, planned was %s", i+1, g.Name, f.Name)
		case f.Key != g.Key:
			return fmt.Sprintf("the key is another (column %s)", f.Name)
		case f.Native != g.Native || !sameType(f.Type, g.Type) || f.Collation != g.Collation || f.Nullable != g.Nullable:
			return fmt.Sprintf("column %s is %s, planned was %s", f.Name, describe(g), describe(f))
		}
	}
	return ""
}

func sameType(a, b record.Type) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

func describe(f record.Field) string {
	text := f.Native
	if text == "" {
		text = f.Type.String()
	}
	if f.Collation != "" {
		text += " collate " + f.Collation
	}
	if !f.Nullable {
		text += " not null"
	}
	return text
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}
