package draw

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/all"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/job"
	"github.com/towpath/towpath/proofs/corpus"
	"github.com/towpath/towpath/proofs/corpus/rig"
	"github.com/towpath/towpath/tools/testservers/hbaseclient"
)

// Through copies a draw into a table of HBase, and from there into the draw's target, and judges what came to stand there as if it had been copied
// at once. Rows that the way in keeps are none of the way out. The table in between is gone afterwards.
func (r *Runner) Through(ctx context.Context, d *Draw, hbase corpus.Server) (o *Outcome, err error) {
	from, err := r.place(ctx, d.From, "source")
	if err != nil {
		return nil, err
	}
	to, err := r.place(ctx, d.To, "target")
	if err != nil {
		return nil, err
	}
	at, err := url.Parse(hbase.URL)
	if err != nil {
		return nil, err
	}
	l := &line{r, from, to}
	if err := l.fill(ctx, []*Draw{d}); err != nil {
		return nil, err
	}
	middle := r.Prefix + "_" + d.From
	drop := func() error {
		return hbaseclient.Run(ctx, hbase.Client, at.Host, "drop\t"+middle+"\n", func(string) error { return nil })
	}
	if err := drop(); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, drop()) }()
	endpoint := fmt.Sprintf("{connector: hbase, quorum: [%q]}", at.Host)
	in, err := l.leg(ctx, rig.Passwords{Source: from.Password}, fmt.Sprintf("name: in\nmode: full\nsource: %s\ntarget: %s\nstreams:\n  - {source: %q, target: %q, write: replace}\n",
		from.Endpoint(""), endpoint, from.Dataset(d.Table()), middle))
	if err != nil {
		return nil, err
	}
	options, err := in.asWritten()
	if err != nil {
		return nil, err
	}
	out, err := l.leg(ctx, rig.Passwords{Target: to.Password}, fmt.Sprintf("name: out\nmode: full\nsource: %s\ntarget: %s\nstreams:\n  - {source: %q, target: %q, write: replace, source_options: %s}\n",
		endpoint, to.Endpoint(""), middle, to.Dataset(d.Table()), options))
	if err != nil {
		return nil, err
	}
	here, err := look(ctx, from, []*Draw{d})
	if err != nil {
		return nil, err
	}
	there, err := look(ctx, to, []*Draw{d})
	if err != nil {
		return nil, err
	}
	o = &Outcome{Draw: d, through: "hbase"}
	whole := in.total
	if whole.Written != out.total.Read || !out.total.Balanced() {
		o.fault("%d rows were written in between, and %+v are counted of them", whole.Written, out.total)
	}
	whole.Written, whole.Dirty = out.total.Written, whole.Dirty+out.total.Dirty
	both := *in.plan
	target := *in.plan.Target
	both.Target, target.Losses = &target, append(append(target.Losses[:len(target.Losses):len(target.Losses)], out.plan.Target.Losses...), out.losses()...)
	o.judge(here[0], there[0], func() *engine.StreamPlan { return &both }, append(in.dirty, out.dirty...), whole)
	return o, nil
}

// leg is a run of one stream.
type leg struct {
	plan  *engine.StreamPlan
	total connector.Counts
	dirty []rig.DirtyRow
}

// leg plans and runs a job.
func (l *line) leg(ctx context.Context, p rig.Passwords, text string) (*leg, error) {
	j, err := job.Parse([]byte(text), "job.yaml")
	if err != nil {
		return nil, err
	}
	s := l.rig.Service(all.Connectors(), p)
	plan, err := s.Plan(ctx, j)
	if err != nil {
		return nil, fmt.Errorf("plan %s: %w", j.Name, err)
	}
	run, runErr := s.Run(ctx, j, nil, nil)
	e, err := rig.Look(ctx, s, run, runErr)
	if err != nil {
		return nil, err
	}
	if e.Run.State != store.Succeeded {
		return nil, fmt.Errorf("%s: %s, its stream is %s %s", j.Name, e.Said(), e.State["1"], e.Told["1"])
	}
	return &leg{plan.Streams[0], e.Total["1"], e.Dirty["1"]}, nil
}

// losses are those of the plan's columns, by the target's names.
func (g *leg) losses() (list []connector.Loss) {
	for _, c := range g.plan.Columns {
		if c.Loss != "" {
			list = append(list, connector.Loss{Column: c.To, What: c.Loss})
		}
	}
	return list
}

// asWritten are options by which a table of HBase is read as the plan says that it was written.
func (g *leg) asWritten() (string, error) {
	var scheme struct {
		Columns []struct {
			Encoding, Family string
			Qualifier        []byte
		}
	}
	if err := json.Unmarshal(g.plan.Target.Writer, &scheme); err != nil {
		return "", err
	}
	options := map[string]any{}
	var columns []map[string]any
	for i, c := range scheme.Columns {
		name := g.plan.Target.Stored.Fields[i].Name
		if c.Family == "" {
			options["row"] = map[string]any{"name": name, "encoding": c.Encoding}
			continue
		}
		columns = append(columns, map[string]any{"column": c.Family + ":" + string(c.Qualifier), "name": name, "encoding": c.Encoding})
	}
	options["columns"] = columns
	raw, err := json.Marshal(options)
	return strings.TrimSpace(string(raw)), err
}
