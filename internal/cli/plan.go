package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/job"
)

type planCmd struct {
	File string            `arg:"" help:"The job file." type:"existingfile" predictor:"file"`
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
	ctx, cancel := background()
	defer cancel()
	svc, done, err := s.service(ctx)
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
	s.printf("source  %s %s\ntarget  %s %s\n", plan.Source.Connector, plan.Source.Identity, plan.Target.Connector, plan.Target.Identity)
	for i := range plan.Streams {
		s.showStream(&plan.Streams[i])
	}
}

func (s *session) showStream(st *engine.StreamPlan) {
	name := st.Source.Dataset
	if name == "" {
		name = "query"
	}
	s.printf("\n%s -> %s  (%s)\n", name, st.Sink.Dataset, st.Sink.Mode)
	s.printf("  guarantee  %s: %s\n", st.Guarantee, st.Reason)
	s.printf("  resume     %s\n", st.Again)
	s.printf("  rows       about %s, %s, in %s\n", full(st.Rows), size(st.Bytes), plural(st.Shards, "shard"))
	if len(st.Target.Key) > 0 {
		s.printf("  key        %s\n", strings.Join(st.Target.Key, ", "))
	}
	if st.Target.Stored != nil {
		s.printf("\n")
		var rows [][]string
		for i, c := range st.Columns {
			from := st.Schema.Fields[st.Schema.Index(c.From)]
			to := st.Target.Stored.Fields[i]
			what := c.Decision
			if c.Loss != "" {
				what += ": " + c.Loss
			}
			for code, policy := range c.Policies {
				what += fmt.Sprintf(", on %s: %s", code, policy)
			}
			rows = append(rows, []string{"  " + c.From, nativeOr(from.Native, from.Type.String()), "-> " + c.To, nativeOr(to.Native, to.Type.String()), what})
		}
		s.table([]string{"  column", "source type", "   target", "stored as", "values"}, rows)
	}
	for _, part := range []struct {
		title string
		lines []string
	}{{"losses", losses(st)}, {"notes", st.Target.Notes}, {"removes", st.Target.Removes}, {"steps", st.Target.Steps}} {
		if len(part.lines) > 0 {
			s.printf("\n  %s\n", part.title)
		}
		for _, line := range part.lines {
			s.printf("    %s\n", strings.ReplaceAll(line, "\n", "\n    "))
		}
	}
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
	return fmt.Sprintf("%d %ss", n, what)
}
