package engine

import (
	"context"
	"maps"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/job"
	"github.com/towpath/towpath/record"
)

// Anew begins the plan of a run that writes dirty rows of another, with that one's plan, once more. Limits of dirty rows do not hold: all
// of its rows are.
func (p *Plan) Anew(run string, source Side) *Plan {
	j := *p.Job
	j.Settings.Dirty, j.Settings.Consistency = job.Dirty{}, job.Fuzzy
	return &Plan{Format: PlanFormat, Run: run, Job: &j, Source: source, Target: p.Target, Consistency: job.Fuzzy, Replays: p.Run, stages: map[string]int{}}
}

// Add takes a stream into a plan that Anew began; stage is that of its shards.
func (p *Plan) Add(s *StreamPlan, stage int) {
	p.Totals.add(s)
	p.stages[s.Lead] = stage
}

// Anew plans to write more rows to the target of a stream, which is published: with the same columns, and as the target is by now. Nothing
// is staged any more: where rows replaced the dataset they are inserted, and a key that is there is a dirty row; only a target that
// inserts nothing takes them by key. on are policies for all columns, beside the stream's.
func (s *StreamPlan) Anew(ctx context.Context, run string, j *job.Job, target End, on record.Policies) (*StreamPlan, error) {
	r := *s
	r.Source = connector.Source{Dataset: s.Source.Dataset}
	r.Connection, r.Declared, r.Replay, r.Shards, r.After, r.Notes = "", false, connector.Exact, 1, nil, nil
	r.Seed = xxh3.HashString(run + "/" + s.ID)
	r.Sink.Run, r.Sink.Create, r.Sink.Distinct = run, connector.Structure{}, false
	r.Columns = slices.Clone(s.Columns)
	for i := range r.Columns {
		c := &r.Columns[i]
		c.Policies = maps.Clone(c.Policies)
		if c.Policies == nil && len(on) > 0 {
			c.Policies = record.Policies{}
		}
		maps.Copy(c.Policies, on)
	}
	modes := []connector.Mode{s.Sink.Mode}
	if s.Sink.Mode == connector.Replace {
		modes = []connector.Mode{connector.Append}
		if len(s.Sink.Key) > 0 {
			modes = []connector.Mode{connector.Insert, connector.Upsert}
		}
	}
	var err error
	for _, r.Sink.Mode = range modes {
		if r.Target, err = r.planTarget(ctx, target); !declines(err) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	refused := &Refused{}
	r.decide(s.Sink.Dataset, refused)
	r.checkFolds(s.Sink.Dataset, refused)
	r.guarantee(s.Sink.Dataset, j, refused)
	if len(refused.Reasons) > 0 {
		return nil, refused
	}
	return &r, nil
}

func (s *StreamPlan) planTarget(ctx context.Context, target End) (*connector.Target, error) {
	writer, err := target.Write(ctx, target.Client, s.Sink)
	if err != nil {
		return nil, err
	}
	defer writer.Close()
	t, err := writer.Plan(ctx, s.wanted())
	if err == nil && !t.Exists {
		err = connector.Errorf(connector.Missing, "TOW-342", "target %s is not there any more", s.Sink.Dataset)
	}
	return t, err
}

// wanted is the schema that was asked of the target when the stream was planned.
func (s *StreamPlan) wanted() *record.Schema {
	want := &record.Schema{Comment: s.Schema.Comment}
	for i := range s.Columns {
		c := &s.Columns[i]
		f := record.Field{Type: c.Want}
		if c.From != "" {
			f = s.Schema.Fields[s.Schema.Index(c.From)]
			if !sameType(f.Type, c.Want) {
				f.Type, f.Native, f.Default, f.Charset, f.Collation = c.Want, "", nil, "", ""
			}
			if c.To != c.From {
				f.Place = nil
			}
		}
		f.Name, f.Key = c.To, slices.Index(s.Sink.Key, c.To)+1
		want.Fields = append(want.Fields, f)
	}
	return want
}
