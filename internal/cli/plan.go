package cli

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/job"
)

type planCmd struct {
	File string            `arg:"" help:"The job file; - is standard input." predictor:"file"`
	Set  map[string]string `help:"Give a parameter of the job a value." placeholder:"NAME=VALUE" mapsep:"none"`
}

// Run shows the plan of a job.
func (c *planCmd) Run(s *session) error {
	j, err := s.readJob(c.File, c.Set)
	if err != nil {
		return err
	}
	return s.plan(j)
}

// plan shows the plan of a job, also one that refuses, as far as it was made.
func (s *session) plan(j *job.Job) error {
	ctx, svc, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	plan, err := svc.Plan(ctx, j)
	refused, isRefused := errors.AsType[*engine.Refused](err)
	if err != nil && !isRefused {
		return err
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

func (s *session) showPlan(plan *engine.Plan) {
	for _, side := range []struct {
		name string
		engine.Side
	}{{"source", plan.Source}, {"target", plan.Target}} {
		s.printf("%s  %s %s\n", side.name, nativeOr(side.Connection, side.Connector), side.Identity)
	}
	for i := range plan.Streams {
		s.showStream(&plan.Streams[i])
	}
}

func (s *session) showStream(st *engine.StreamPlan) {
	s.printf("\n%s -> %s  (%s)\n", sourceName(st), st.Sink.Dataset, st.Sink.Mode)
	facts := [][2]string{}
	if st.Guarantee != "" {
		facts = append(facts, [2]string{"guarantee", string(st.Guarantee) + ": " + st.Reason}, [2]string{"resume", st.Again})
	}
	facts = append(facts, [2]string{"rows", fmt.Sprintf("about %s, %s, in %s", full(st.Rows), size(st.Bytes), plural(st.Shards, "shard"))})
	if st.Target != nil && len(st.Target.Key) > 0 {
		facts = append(facts, [2]string{"key", strings.Join(st.Target.Key, ", ")})
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
	}{{"losses", losses(st)}, {"notes", st.Target.Notes}, {"removes", st.Target.Removes}, {"steps", st.Target.Steps}} {
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
		from := st.Schema.Fields[st.Schema.Index(c.From)]
		to := st.Target.Stored.Fields[i]
		name := c.From
		if c.To != c.From {
			name += " -> " + c.To
		}
		what := c.Decision
		if c.Loss != "" {
			what += ": " + c.Loss
		}
		for _, code := range slices.Sorted(maps.Keys(c.Policies)) {
			what += fmt.Sprintf(", on %s: %s", code, c.Policies[code])
		}
		rows = append(rows, []string{"  " + name, nativeOr(from.Native, from.Type.String()), nativeOr(to.Native, to.Type.String()), what})
	}
	return rows
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
