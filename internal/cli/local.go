package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/control/team"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/secret"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/internal/view"
	"github.com/towpath/towpath/job"
)

// local does what commands ask for on the control database of this machine, on behalf of its owner.
type local struct {
	s     *session
	svc   *control.Service // of jobs whose connections stand in a file or are stored
	team  *team.Team
	owner team.Actor
}

// local opens the control database.
func (s *session) local(ctx context.Context) (*local, func(), error) {
	t, done, err := s.team(ctx)
	if err != nil {
		return nil, nil, err
	}
	l := &local{s: s, svc: &t.Base, team: t,
		owner: team.Actor{Account: who(), Workspace: s.workspace(), Role: team.Admin, Admin: true, Via: team.ViaCommand}}
	stored := t.Service(l.owner.Workspace, s.flags.Environment, l.owner.Account)
	file, ofFile := l.svc.Connections, l.svc.Secrets
	l.svc.Connections = func(ctx context.Context, alias string) (job.Connection, error) {
		all, err := l.Aliases(ctx)
		if err != nil {
			return job.Connection{}, err
		}
		return pick(all, alias)
	}
	l.svc.Secrets = func(ctx context.Context, alias string, options json.RawMessage) (json.RawMessage, error) {
		if _, err := file(ctx, alias); err != nil && alias != "" {
			return stored.Secrets(ctx, alias, options)
		}
		return ofFile(ctx, alias, options)
	}
	return l, done, nil
}

// team opens what a team shares in the control database.
func (s *session) team(ctx context.Context) (*team.Team, func(), error) {
	svc, done, err := s.service(ctx)
	if err != nil {
		return nil, nil, err
	}
	return &team.Team{Store: svc.Store, Connectors: s.set, Keys: &keys{load: sync.OnceValues(s.keys)}, Scrub: &s.scrub, Base: *svc, Log: svc.Log}, done, nil
}

// keys reads the key that secrets are sealed by. Who shares the control database shares the key.
func (s *session) keys() (*secret.Keys, error) {
	file := ""
	if !store.OnServer(s.flags.State) {
		folder, err := s.stateFolder()
		if err != nil {
			return nil, err
		}
		file = filepath.Join(folder, secret.KeyFile)
	}
	return secret.LoadKeys(file, nil)
}

// keys are read, and where there are none made, when the first secret is sealed or opened: most commands need none.
type keys struct {
	load func() (*secret.Keys, error)
}

// Seal implements team.Sealer.
func (k *keys) Seal(plain []byte, place string) ([]byte, error) {
	loaded, err := k.load()
	if err != nil {
		return nil, err
	}
	return loaded.Seal(plain, place)
}

// Open implements team.Sealer.
func (k *keys) Open(sealed []byte, place string) ([]byte, error) {
	loaded, err := k.load()
	if err != nil {
		return nil, err
	}
	return loaded.Open(sealed, place)
}

// Aliases are the connections of the file, and those stored ones that the file does not have.
func (l *local) Aliases(ctx context.Context) (map[string]job.Connection, error) {
	file, _, err := l.s.connections()
	if err != nil {
		return nil, err
	}
	all := map[string]job.Connection{}
	stored, err := l.team.ListConnections(ctx, l.owner, l.s.flags.Environment)
	for _, c := range stored {
		all[c.Alias] = job.Connection{Connector: c.Connector, Options: c.Options}
	}
	for alias, c := range file {
		all[alias] = c
	}
	return all, err
}

// observer tells the screen what control tells.
type observer struct{ *screen }

// State implements control.Observer.
func (o observer) State(e store.Event) { o.screen.State(view.Event(e)) }

// Progress implements control.Observer.
func (o observer) Progress(p control.Progress) { o.screen.Progress(view.Progress(p)) }

// shown is a run as it rests.
func shown(r store.Run, err error) (client.Run, error) {
	if r.Key == "" {
		return client.Run{}, err
	}
	out := view.Run(r, nil)
	view.Duty(&out, r)
	return out, err
}

// Plan makes the plan of a job.
func (l *local) Plan(ctx context.Context, w work) (*engine.Plan, error) {
	return l.svc.Plan(ctx, w.job)
}

// Copy runs a job in this process.
func (l *local) Copy(ctx context.Context, w work, on *screen) (client.Run, error) {
	return shown(l.svc.Run(ctx, w.job, observer{on}, func(key string, plan *engine.Plan) {
		on.known(key)
		on.begin("run", key, plan)
	}))
}

// CopyAll runs the job of a full synchronisation in this process.
func (l *local) CopyAll(ctx context.Context, all client.Full, on *screen) (client.Run, error) {
	c, err := l.svc.Connections(ctx, all.Source)
	if err != nil {
		return client.Run{}, err
	}
	document, err := json.Marshal(team.Whole{Source: all.Source, Target: all.Target, Datasets: all.Datasets, Name: all.Name}.Job(l.team.Everything(c.Connector)))
	if err != nil {
		return client.Run{}, err
	}
	j, err := job.Parse(document, "job")
	if err != nil {
		return client.Run{}, err
	}
	return l.Copy(ctx, made(j), on)
}

// GoOn resumes a run in this process.
func (l *local) GoOn(ctx context.Context, key string, moved bool, on *screen) (client.Run, error) {
	if run, _, plan, err := l.svc.Status(ctx, key); err == nil && !run.State.Final() {
		on.begin("resuming run", key, plan)
	}
	return shown(l.svc.Resume(ctx, key, control.ResumeOptions{Moved: moved, Taken: func() { on.known(key) }, Waiting: func(holder store.Owner, left time.Duration) {
		on.waiting(fmt.Sprintf("process %d on %s holds the run; its lease ends in %s", holder.PID, holder.Host, span(left.Round(time.Second))))
	}}, observer{on}))
}

// Runs lists runs; without --workspace, those of all.
func (l *local) Runs(ctx context.Context, f client.RunFilter) (page client.Page[client.Run], err error) {
	runs, err := l.team.Store.Runs(ctx, store.Filter{Workspace: l.s.flags.Workspace, Limit: f.Limit + 1, Before: f.After})
	if err != nil {
		return page, err
	}
	keys := make([]string, len(runs))
	for i, r := range runs {
		keys[i] = r.Key
	}
	states, err := l.svc.States(ctx, keys...)
	if err != nil {
		return page, err
	}
	totals, err := l.team.Store.Totals(ctx, keys...)
	return view.Page(view.Runs(runs, states, totals), f.Limit, func(r client.Run) string { return r.Run }), err
}

// Run returns a run with its history, and of its streams those that people call so, or with "" all.
func (l *local) Run(ctx context.Context, key, stream string) (out client.Run, err error) {
	run, progress, _, err := l.svc.Status(ctx, key)
	if err != nil {
		return out, err
	}
	streams := progress.Streams
	if stream != "" {
		found, err := l.svc.FindStreams(ctx, key, stream)
		if err != nil {
			return out, err
		}
		streams = slices.DeleteFunc(slices.Clone(streams), func(p control.StreamProgress) bool {
			return !slices.ContainsFunc(found, func(st store.Stream) bool { return st.ID == p.ID })
		})
	}
	history, err := l.svc.History(ctx, key)
	out = view.Status(run, progress, streams, history)
	view.Duty(&out, run)
	return out, err
}

// DirtyRows yields up to most dirty rows of streams that people call so, or with "" of all.
func (l *local) DirtyRows(ctx context.Context, key, stream string, most int) iter.Seq2[client.DirtyRow, error] {
	return func(yield func(client.DirtyRow, error) bool) {
		only := []string{""}
		if stream != "" {
			found, err := l.svc.FindStreams(ctx, key, stream)
			if err != nil {
				yield(client.DirtyRow{}, err)
				return
			}
			only = view.List(found, func(st store.Stream) string { return st.ID })
		}
		_, progress, _, err := l.svc.Status(ctx, key)
		if err != nil {
			yield(client.DirtyRow{}, err)
			return
		}
		names := make(map[string]string, len(progress.Streams))
		for _, p := range progress.Streams {
			names[p.ID] = view.StreamName(view.Stream(p))
		}
		left := most
		for _, id := range only {
			for row, err := range l.svc.Dirty(ctx, key, id, max(left, 0)) {
				if !yield(view.DirtyRow(names, row), err) {
					return
				}
				if left--; left == 0 {
					return
				}
			}
		}
	}
}

// choice is a choice of dirty rows as the store knows it.
func (l *local) choice(ctx context.Context, key string, c client.Choice) (store.Choice, error) {
	if c.Stream == "" {
		return view.Choice(c, nil), nil
	}
	found, err := l.svc.FindStreams(ctx, key, c.Stream)
	return view.Choice(c, view.List(found, func(st store.Stream) string { return st.ID })), err
}

// Mend gives dirty rows other values.
func (l *local) Mend(ctx context.Context, key string, in client.Mend) (client.Mended, error) {
	chosen, err := l.choice(ctx, key, in.Choice)
	if err != nil {
		return client.Mended{}, err
	}
	n, err := l.svc.Mend(ctx, key, chosen, in.Values, store.Entry{})
	return client.Mended{Rows: n}, err
}

// WriteAgain replays dirty rows in this process.
func (l *local) WriteAgain(ctx context.Context, key string, in client.Replay, on *screen) (client.Run, error) {
	chosen, err := l.choice(ctx, key, in.Choice)
	if err != nil {
		return client.Run{}, err
	}
	return shown(l.svc.Replay(ctx, key, view.Replaying(chosen, in), observer{on}, func(replay string, plan *engine.Plan) {
		on.known(replay)
		on.begin(replaying(key), replay, plan)
	}))
}

// replaying is what the screen says before the key of a replay.
func replaying(key string) string { return "replaying dirty rows of run " + key + " as run" }

// Limits returns the limits of a run.
func (l *local) Limits(ctx context.Context, key string) (client.Limits, error) {
	return l.SetLimits(ctx, key, client.LimitsChange{})
}

// SetLimits changes limits of a run.
func (l *local) SetLimits(ctx context.Context, key string, change client.LimitsChange) (client.Limits, error) {
	limits, err := l.svc.Limits(ctx, key, change.Rows, change.Bytes, change.Parallel)
	return view.Limits(limits), err
}

// Pause asks for a pause.
func (l *local) Pause(ctx context.Context, key, why string) (client.Run, error) {
	return shown(l.svc.Pause(ctx, key, why))
}

// Stop asks for the end of a run.
func (l *local) Stop(ctx context.Context, key, why string) (client.Run, error) {
	return shown(l.svc.Stop(ctx, key, why))
}

// Check asks a server who it is.
func (l *local) Check(ctx context.Context, e job.Endpoint) (client.Checked, error) {
	checked, err := l.svc.Check(ctx, e)
	return view.Checked(checked), err
}

// List yields the datasets that match a pattern.
func (l *local) List(ctx context.Context, e job.Endpoint, pattern string) iter.Seq2[string, error] {
	return l.svc.Discover(ctx, e, pattern)
}

// Look returns the schema of a dataset and up to so many rows.
func (l *local) Look(ctx context.Context, e job.Endpoint, dataset string, rows int) (out client.Sample, err error) {
	schema, declared, sample, err := l.svc.Schema(ctx, e, dataset, rows)
	if err != nil {
		return out, err
	}
	fields, err := json.Marshal(schema.Fields)
	return view.Sample(dataset, fields, declared, sample), err
}

// CleanUp lists what runs left, and with remove takes away what belongs to ended ones.
func (l *local) CleanUp(ctx context.Context, e job.Endpoint, remove bool) (client.Page[client.Leftover], error) {
	list, err := l.svc.CleanUp(ctx, e, remove)
	return all(list, view.Leftover, err)
}

// Connectors lists the systems that can be copied.
func (l *local) Connectors(context.Context) (client.Page[client.Connector], error) {
	return all(l.s.set.All(), view.Connector, nil)
}

// Connector describes one.
func (l *local) Connector(_ context.Context, name string) (client.Connector, error) {
	c, err := l.s.set.Get(name)
	if err != nil {
		return client.Connector{}, err
	}
	return view.ConnectorGuide(c), nil
}

// all is a list that has no pages.
func all[S, T any](of []S, show func(S) T, err error) (client.Page[T], error) {
	if err != nil {
		return client.Page[T]{}, err
	}
	return view.Page(view.List(of, show), len(of), nil), nil
}

// one shows what came without an error.
func one[S, T any](of S, err error, show func(S) T) (out T, _ error) {
	if err != nil {
		return out, err
	}
	return show(of), nil
}

var _ backend = (*local)(nil)
