package draw

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/towpath/towpath/connectors/all"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/job"
	"github.com/towpath/towpath/proofs/corpus"
	"github.com/towpath/towpath/proofs/corpus/rig"
	"github.com/towpath/towpath/proofs/corpus/system"
)

// Runner copies draws.
type Runner struct {
	Servers corpus.Servers
	Dir     string
	Prefix  string // of databases, schemas and indices that it makes

	rig    *rig.Rig
	places map[string]*system.Place // by connector and side
	// tamper, when set, changes the target between the copy and its judgement: the judge is to find it
	tamper func(ctx context.Context, to *system.Place) error
}

// Open makes the runner ready.
func (r *Runner) Open(ctx context.Context) (err error) {
	r.places = map[string]*system.Place{}
	r.rig, err = rig.Open(ctx, filepath.Join(r.Dir, r.Prefix+"_"+strings.ToLower(rand.Text()[:6])+".control.db"))
	return err
}

// Close removes what the runner made.
func (r *Runner) Close(ctx context.Context) error {
	r.rig.Close()
	var all error
	for _, p := range r.places {
		all = errors.Join(all, p.Remove(ctx))
	}
	return all
}

// place returns the place of a connector at a side.
func (r *Runner) place(ctx context.Context, connector, side string) (*system.Place, error) {
	name := connector + " " + side
	if p := r.places[name]; p != nil {
		return p, nil
	}
	p, err := r.Servers.Place(connector, r.Dir, r.Prefix, r.Prefix+"_"+side)
	if err == nil {
		r.places[name] = p
		err = p.Reset(ctx)
	}
	return p, err
}

// Run copies draws of one way as streams of one run, and judges them. The tables are gone afterwards.
func (r *Runner) Run(ctx context.Context, draws []*Draw) ([]*Outcome, error) {
	if len(draws) == 0 {
		return nil, nil
	}
	from, err := r.place(ctx, draws[0].From, "source")
	if err != nil {
		return nil, err
	}
	to, err := r.place(ctx, draws[0].To, "target")
	if err != nil {
		return nil, err
	}
	l := &line{r, from, to}
	if err := l.fill(ctx, draws); err != nil {
		return nil, err
	}
	outcomes, err := l.copy(ctx, draws)
	var drop [2]strings.Builder
	for _, d := range draws {
		drop[0].WriteString(from.Texts.Drop(d.Table()))
		drop[1].WriteString(to.Texts.Drop(d.Table()))
	}
	return outcomes, errors.Join(err, from.Run(ctx, drop[0].String()), to.Run(ctx, drop[1].String()))
}

// line is a way between two places.
type line struct {
	*Runner
	from, to *system.Place
}

// fill makes the tables of draws.
func (l *line) fill(ctx context.Context, draws []*Draw) error {
	var source, target strings.Builder
	for _, d := range draws {
		names, types, targets := []string{}, []string{}, []string{}
		for _, c := range d.Columns {
			names = append(names, c.Name)
			types = append(types, c.Name+" "+c.Type)
			targets = append(targets, c.Name+" "+c.Target)
		}
		source.WriteString(l.from.Texts.Drop(d.Table()) + l.from.Texts.Make(d.Table(), types))
		for i, row := range d.Rows {
			source.WriteString(l.from.Texts.Put(d.Table(), strconv.Itoa(i+1), names, row))
		}
		target.WriteString(l.to.Texts.Drop(d.Table()))
		if d.there() {
			target.WriteString(l.to.Texts.Make(d.Table(), targets))
		}
	}
	return errors.Join(l.from.Run(ctx, source.String()), l.to.Run(ctx, target.String()))
}

// there reports whether the target is there before.
func (d *Draw) there() bool { return d.Columns[0].Target != "" }

// copy runs draws; those that the plan refuses are taken out and the others run again.
func (l *line) copy(ctx context.Context, draws []*Draw) ([]*Outcome, error) {
	j, err := l.job(draws)
	if err != nil {
		return nil, err
	}
	s := l.rig.Service(all.Connectors(), rig.Passwords{Source: l.from.Password, Target: l.to.Password})
	run, runErr := s.Run(ctx, j, nil, nil)
	if run.PlanFormat == 0 {
		return l.refused(ctx, draws, runErr)
	}
	e, err := rig.Look(ctx, s, run, runErr)
	if err != nil {
		return nil, err
	}
	var plan *engine.Plan // asked for where sides differ
	var planErr error
	planOf := func(n int) *engine.StreamPlan {
		if plan == nil && planErr == nil {
			plan, planErr = s.Plan(ctx, j)
		}
		if planErr != nil {
			return nil
		}
		return plan.Streams[n]
	}
	if l.tamper != nil {
		if err := l.tamper(ctx, l.to); err != nil {
			return nil, err
		}
	}
	here, err := look(ctx, l.from, draws)
	if err != nil {
		return nil, err
	}
	there, err := look(ctx, l.to, draws)
	if err != nil {
		return nil, err
	}
	var outcomes []*Outcome
	for i, d := range draws {
		o, stream := &Outcome{Draw: d}, strconv.Itoa(i+1)
		if e.Run.State != store.Succeeded && e.State[stream] != store.StreamDone {
			o.fault("%s, its stream is %s %s", e.Said(), e.State[stream], e.Told[stream])
		} else {
			o.judge(here[i], there[i], func() *engine.StreamPlan { return planOf(i) }, e.Dirty[stream], e.Total[stream])
		}
		outcomes = append(outcomes, o)
	}
	return outcomes, planErr
}

// refused finds out which draws a plan refuses and copies the others. Nothing may be at the target of those.
func (l *line) refused(ctx context.Context, draws []*Draw, cause error) ([]*Outcome, error) {
	codes := map[int]string{}
	if refused, ok := errors.AsType[*engine.Refused](cause); ok {
		for _, reason := range refused.Reasons {
			if m := regexp.MustCompile(`streams\[([0-9]+)\]`).FindStringSubmatch(reason.Error()); m != nil {
				n, err := strconv.Atoi(m[1])
				if err != nil {
					return nil, err
				}
				codes[n] = codeOf(reason)
			}
		}
	}
	if len(codes) == 0 && len(draws) > 1 { // it does not say of which
		var outcomes []*Outcome
		for half := range slices.Chunk(draws, (len(draws)+1)/2) {
			got, err := l.copy(ctx, half)
			if err != nil {
				return nil, err
			}
			outcomes = append(outcomes, got...)
		}
		return outcomes, nil
	}
	if len(codes) == 0 {
		codes[0] = codeOf(cause)
	}
	var outcomes []*Outcome
	var rest, out []*Draw
	for i, d := range draws {
		if code, ok := codes[i]; ok {
			o := &Outcome{Draw: d, Refused: code}
			if !d.mayRefuse() {
				o.fault("the plan refuses it: %v", cause)
			}
			outcomes, out = append(outcomes, o), append(out, d)
		} else {
			rest = append(rest, d)
		}
	}
	there, err := look(ctx, l.to, out)
	if err != nil {
		return nil, err
	}
	for i, o := range outcomes {
		if n := len(there[i].rows); n > 0 {
			o.fault("the plan refuses it, and the target holds %d rows", n)
		}
	}
	if len(rest) == 0 {
		return outcomes, nil
	}
	more, err := l.copy(ctx, rest)
	return append(outcomes, more...), err
}

func codeOf(err error) string {
	if codes := (&rig.Ended{Err: err}).Codes(); len(codes) > 0 {
		return codes[len(codes)-1]
	}
	return "none"
}

// mayRefuse reports whether a plan may refuse the draw: where a column is there at the target that may be none for the source's type.
func (d *Draw) mayRefuse() bool { return d.there() }

// job writes the job of draws. The target is replaced where the run makes it, as whole databases are copied.
func (l *line) job(draws []*Draw) (*job.Job, error) {
	group := [...]string{"", ", group_rows: 1", ", group_rows: 3"}[draws[0].Seed%3]
	var b strings.Builder
	fmt.Fprintf(&b, "name: draws\nmode: full\nsource: %s\ntarget: %s\nsettings: {parallel: 4%s}\nstreams:\n", l.from.Endpoint(""), l.to.Endpoint(""), group)
	for _, d := range draws {
		write := "replace"
		if d.there() {
			write = [...]string{"insert", "upsert"}[d.Seed%2]
		}
		fmt.Fprintf(&b, "  - {source: %q, target: %q, write: %s}\n", l.from.Dataset(d.Table()), l.to.Dataset(d.Table()), write)
	}
	return job.Parse([]byte(b.String()), "job.yaml")
}
