package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/option"
	"github.com/towpath/towpath/job"
)

type planCmd struct {
	File   string            `arg:"" help:"The job file; - is standard input." predictor:"file"`
	Set    map[string]string `help:"Give a parameter of the job a value." placeholder:"NAME=VALUE" mapsep:"none"`
	Stream string            `help:"Show only streams of this source, alias:source, or target." placeholder:"NAME"`
}

// Run shows the plan of a job.
func (c *planCmd) Run(s *session) error {
	w, err := s.readJob(c.File, c.Set)
	if err != nil {
		return err
	}
	ctx, b, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	return s.plan(ctx, b, w, c.Stream)
}

// plan shows the plan of a job.
func (s *session) plan(ctx context.Context, b backend, w work, only string) error {
	plan, err := b.Plan(ctx, w)
	return s.planned(plan, err, only)
}

// planned shows a plan, also one that refuses, as far as it was made; of streams that are called so, or with "" of all.
func (s *session) planned(plan *engine.Plan, err error, only string) error {
	refused, isRefused := errors.AsType[*engine.Refused](err)
	if err != nil && !isRefused {
		return err
	}
	if only != "" && plan != nil {
		if plan.Streams, err = pickStreams(plan, only); err != nil {
			return err
		}
	}
	if isRefused {
		if s.flags.JSON {
			s.code = exitRefused
			return s.print(envelope{Command: s.command, Data: plan, Error: describe(refused)})
		}
		s.showPlan(plan)
		return refused
	}
	return s.answer(plan, func() { s.showPlan(plan) })
}

// pickStreams returns the streams of a plan that people call so.
func pickStreams(plan *engine.Plan, name string) (found []*engine.StreamPlan, err error) {
	var names []string
	for _, called := range []func(st *engine.StreamPlan) string{
		planName,
		func(st *engine.StreamPlan) string { return st.Source.Dataset },
		func(st *engine.StreamPlan) string { return st.Sink.Dataset },
	} {
		for _, st := range plan.Streams {
			if called(st) == name {
				found = append(found, st)
			}
			names = append(names, called(st))
		}
		if found != nil {
			return found, nil
		}
	}
	e := connector.Errorf(connector.Config, "TOW-149", "the plan has no stream %q", name)
	if near := option.Nearest(name, names); near != "" {
		return nil, e.WithHint("Did you mean %q?", near)
	}
	return nil, e.WithHint("towpath plan without --stream shows which there are.")
}

// fewStreams is how many streams of a plan are shown whole.
const fewStreams = 20

func (s *session) showPlan(plan *engine.Plan) {
	sides := [][2]string{{"source", sideText(plan.Source)}}
	for _, alias := range slices.Sorted(maps.Keys(plan.Sources)) {
		sides = append(sides, [2]string{"source", sideText(plan.Sources[alias])})
	}
	sides = append(sides, [2]string{"target", sideText(plan.Target)})
	if plan.Consistency == job.Snapshot {
		text := "snapshot: rows are read as they were at one instant, until the run is paused or cut off"
		if n := len(plan.Sources); n > 0 {
			text = "snapshot: the rows of each connection are read as they were at one instant, each its own, until the run is paused or cut off"
		}
		sides = append(sides, [2]string{"rows", text})
	}
	for _, side := range sides {
		s.paragraph(side[0]+strings.Repeat(" ", 8-len(side[0]))+side[1], "        ")
	}
	for _, note := range plan.Notes {
		s.paragraph("note    "+note, "        ")
	}
	if len(plan.Streams) > fewStreams {
		s.showMany(plan)
		return
	}
	for _, st := range plan.Streams {
		s.showStream(st)
	}
}

func sideText(side engine.Side) string {
	return nativeOr(side.Connection, side.Connector) + " " + side.Identity
}

// showMany shows the plan of many streams: what they are together, the largest of them, and those that are not like the others.
func (s *session) showMany(plan *engine.Plan) {
	t := plan.Totals
	s.printf("\n%s into %s: about %s rows, %s, in %s\n", plural(t.Streams, "stream"), plural(t.Targets, "target"), full(t.Rows), size(t.Bytes), plural(t.Shards, "shard"))
	for _, g := range []job.Guarantee{job.ExactlyOnce, job.EffectivelyOnce, job.AtLeastOnce} {
		if n := t.Guarantees[g]; n > 0 {
			s.printf("  %-16s  %s\n", g, full(int64(n)))
		}
	}
	for _, group := range []struct {
		title string
		has   func(st *engine.StreamPlan) bool
	}{
		{"with losses", func(st *engine.StreamPlan) bool { return st.Target != nil && len(st.Target.Losses) > 0 }},
		{"with notes", func(st *engine.StreamPlan) bool { return len(notes(st)) > 0 }},
		{"remove rows", func(st *engine.StreamPlan) bool { return st.Target != nil && len(st.Target.Removes) > 0 }},
		{"in order", func(st *engine.StreamPlan) bool { return len(st.After) > 0 }},
	} {
		var names []string
		for _, st := range plan.Streams {
			if group.has(st) {
				names = append(names, planName(st))
			}
		}
		if n := len(names); n > 0 {
			s.paragraph(fmt.Sprintf("  %-16s  %s: %s", group.title, full(int64(n)), someNames(names)), strings.Repeat(" ", 20))
		}
	}
	largest := slices.SortedStableFunc(slices.Values(plan.Streams), func(a, b *engine.StreamPlan) int { return cmp.Compare(b.Rows, a.Rows) })[:fewStreams]
	var rows [][]string
	for _, st := range largest {
		rows = append(rows, []string{"  " + planName(st), st.Sink.Dataset, string(st.Sink.Mode), full(st.Rows), size(st.Bytes), strconv.Itoa(st.Shards), string(st.Guarantee)})
	}
	s.printf("\n")
	s.table([]string{"  THE LARGEST", "TARGET", "WRITE", "ROWS", "SIZE", "SHARDS", "GUARANTEE"}, rows)
	s.printf("  and %s: --stream NAME shows one whole, --json all\n", plural(len(plan.Streams)-len(rows), "stream"))
}

// mostNames is how many names a line gives before it counts the others.
const mostNames = 8

func someNames(names []string) string {
	if more := len(names) - mostNames; more > 0 {
		return strings.Join(names[:mostNames], ", ") + " and " + full(int64(more)) + " more"
	}
	return strings.Join(names, ", ")
}

// planName is how people call a stream.
func planName(st *engine.StreamPlan) string {
	if st.Connection != "" {
		return st.Connection + ":" + sourceName(st)
	}
	return sourceName(st)
}

func (s *session) showStream(st *engine.StreamPlan) {
	s.printf("\n%s -> %s  (%s)\n", planName(st), st.Sink.Dataset, st.Sink.Mode)
	facts := [][2]string{}
	if st.Guarantee != "" {
		facts = append(facts, [2]string{"guarantee", string(st.Guarantee) + ": " + st.Reason}, [2]string{"resume", st.Again})
	}
	facts = append(facts, [2]string{"rows", fmt.Sprintf("about %s, %s, in %s", full(st.Rows), size(st.Bytes), plural(st.Shards, "shard"))})
	if st.Target != nil && len(st.Target.Key) > 0 {
		facts = append(facts, [2]string{"key", strings.Join(st.Target.Key, ", ")})
	}
	if len(st.After) > 0 {
		facts = append(facts, [2]string{"after", strings.Join(st.After, ", ") + ": their rows are there before rows that refer to them"})
	}
	for _, fact := range facts {
		s.paragraph(fmt.Sprintf("  %-9s  %s", fact[0], fact[1]), strings.Repeat(" ", 13))
	}
	if st.Target == nil {
		return
	}
	if st.Target.Stored != nil {
		s.printf("\n")
		s.table([]string{"  COLUMN", "TYPE", "STORED AS", "VALUES"}, columnRows(st))
	}
	for _, part := range []struct {
		title string
		lines []string
	}{{"losses", losses(st)}, {"notes", notes(st)}, {"removes", st.Target.Removes}, {"steps", st.Target.Steps}} {
		if len(part.lines) > 0 {
			s.printf("\n  %s\n", part.title)
		}
		for _, text := range part.lines {
			for line := range strings.SplitSeq(text, "\n") {
				s.paragraph("    "+line, "        ")
			}
		}
	}
}

// sourceName is how people call what a stream reads.
func sourceName(st *engine.StreamPlan) string {
	if st.Source.Dataset == "" {
		return "query"
	}
	return st.Source.Dataset
}

// columnRows says of each column where it goes, as what, and what becomes of its values.
func columnRows(st *engine.StreamPlan) [][]string {
	var rows [][]string
	for i, c := range st.Columns {
		to := st.Target.Stored.Fields[i]
		name, what := c.From, c.Decision
		from := ""
		if c.From == "" {
			name, what = "(name of the source)", "the text "+strconv.Quote(c.Constant)
		} else {
			field := st.Schema.Fields[st.Schema.Index(c.From)]
			from = nativeOr(field.Native, field.Type.String())
		}
		if c.To != c.From {
			name += " -> " + c.To
		}
		if c.Loss != "" {
			what += ": " + c.Loss
		}
		for _, code := range slices.Sorted(maps.Keys(c.Policies)) {
			what += fmt.Sprintf(", on %s: %s", code, c.Policies[code])
		}
		rows = append(rows, []string{"  " + name, from, nativeOr(to.Native, to.Type.String()), what})
	}
	return rows
}

func notes(st *engine.StreamPlan) []string {
	if st.Target == nil {
		return st.Notes
	}
	return slices.Concat(st.Target.Notes, st.Notes)
}

func losses(st *engine.StreamPlan) []string {
	var lines []string
	for _, l := range st.Target.Losses {
		line := l.Column + ": " + l.What
		if l.Policy != "" {
			line += " (allowed by " + l.Policy + ")"
		}
		lines = append(lines, line)
	}
	return lines
}

func nativeOr(native, logical string) string {
	if native != "" {
		return native
	}
	return logical
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return full(int64(n)) + " " + what + "s"
}

func plural64(n int64, what string) string { return plural(int(n), what) }
