package cli

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control"
)

// Copy stores the job at the server under its name, starts it and follows it.
func (r *remote) Copy(ctx context.Context, w work, on *screen) (client.Run, error) {
	started, err := r.StartBatch(ctx, control.NewKey(10), r.batch(w))
	return r.followStart(ctx, started, err, on, func() error {
		_, err := r.Plan(ctx, w)
		return err
	})
}

// CopyAll starts a full synchronisation at the server and follows it.
func (r *remote) CopyAll(ctx context.Context, all client.Full, on *screen) (client.Run, error) {
	all.Environment = r.s.flags.Environment
	started, err := r.StartFull(ctx, control.NewKey(10), all)
	return r.followStart(ctx, started, err, on, func() error {
		_, err := r.PlanStored(ctx, started.Job.ID, all.Start)
		return err
	})
}

// GoOn lets a run go on at the server and follows it.
func (r *remote) GoOn(ctx context.Context, key string, moved bool, on *screen) (client.Run, error) {
	if moved {
		return client.Run{}, usage(connector.Errorf(connector.Config, "TOW-942", "--moved does not go through a server").
			WithHint("Resume the run once on the machine of the control database; it says which connection is meant."))
	}
	run, err := r.Resume(ctx, key, "")
	if err != nil || on.leave {
		return run, err
	}
	on.known(key)
	return r.follow(ctx, key, "resuming run", on, nil)
}

// WriteAgain starts a replay at the server and follows it.
func (r *remote) WriteAgain(ctx context.Context, key string, in client.Replay, on *screen) (client.Run, error) {
	run, err := r.Replay(ctx, key, in, control.NewKey(10))
	if err != nil || on.leave {
		return run, err
	}
	on.known(run.Run)
	return r.follow(ctx, run.Run, replaying(key), on, nil)
}

// followStart follows a run that was started, unless it is to be left alone. plan says in full why a run could not be planned.
func (r *remote) followStart(ctx context.Context, s client.Started, err error, on *screen, plan func() error) (client.Run, error) {
	switch {
	case err != nil:
		return client.Run{}, err
	case s.Run == nil:
		return client.Run{}, incomplete(s, r.s.flags.Environment)
	case on.leave:
		return *s.Run, nil
	}
	on.known(s.Run.Run)
	return r.follow(ctx, s.Run.Run, "run", on, plan)
}

// incomplete says of a job that was stored which connections it waits for.
func incomplete(s client.Started, environment string) error {
	return connector.Errorf(connector.Config, "TOW-943", "job %s is stored, and names %s, which environment %s does not have", s.Job.Name, strings.Join(s.Missing, ", "), environment).
		WithHint("Store the connection with towpath connection put %s FILE, then start the job with towpath job start %s.", s.Missing[0], s.Job.Name)
}

// followEvery is how often a run is looked at of which nothing is heard: one that waits for the pool says so nowhere else.
const followEvery = 2 * time.Second

// follow tells the screen how a run goes until it rests. A connection that breaks is made again.
func (r *remote) follow(ctx context.Context, key, verb string, on *screen, plan func() error) (client.Run, error) {
	ctx, stop := context.WithCancel(ctx)
	f := &follower{remote: r, key: key, verb: verb, on: on}
	messages := make(chan client.Message)
	var failure error
	var hearing sync.WaitGroup
	hearing.Go(func() {
		defer close(messages)
		for m, err := range r.Watch(ctx, r.RunTopic(key), -1) {
			if failure = err; err != nil {
				return
			}
			select {
			case messages <- m:
			case <-ctx.Done():
				return
			}
		}
	})
	defer hearing.Wait()
	defer stop()
	ticker := time.NewTicker(followEvery)
	defer ticker.Stop()
	for {
		var err error
		look := true
		select {
		case m, more := <-messages:
			if !more {
				if err := context.Cause(ctx); err != nil {
					return client.Run{}, err
				}
				return client.Run{}, failure
			}
			look, err = f.hear(ctx, m)
		case <-ticker.C:
		}
		if err == nil && look {
			var run client.Run
			var rests bool
			if run, rests, err = f.look(ctx); rests {
				return run, why(run, plan)
			}
		}
		if err != nil {
			return client.Run{}, err
		}
	}
}

// why is the error of a run that failed, nil where it did not. What kept it from being planned, plan says in full.
func why(run client.Run, plan func() error) error {
	if run.State != client.Failed {
		return nil
	}
	if len(run.Streams) == 0 && plan != nil {
		if err := understood(plan()); err != nil {
			return err
		}
	}
	return told{run.Reason, &connector.Error{Code: run.Code}}
}

// follower tells a screen of one run.
type follower struct {
	*remote
	key, verb string
	on        *screen
	begun     bool // the screen was told which run it is
}

// hear tells what a message says; look: the run may rest.
func (f *follower) hear(ctx context.Context, m client.Message) (look bool, err error) {
	switch m.Kind {
	case client.KindState:
		var e client.RunEvent
		if err := m.Into(&e); err != nil {
			return false, err
		}
		f.on.State(e.Event)
		return e.To.Rests(), nil
	case client.KindProgress:
		var p client.Progress
		if err := m.Into(&p); err != nil {
			return false, err
		}
		if p.State != client.Planning {
			if err := f.begin(ctx); err != nil {
				return false, err
			}
		}
		f.on.Progress(p)
		return false, nil
	}
	return m.Kind == client.KindSubscribed || m.Kind == client.KindGap, nil
}

// begin tells which run it is, once it is planned.
func (f *follower) begin(ctx context.Context) error {
	if f.begun {
		return nil
	}
	plan, err := planOf(f.RunPlan(ctx, f.key))
	if connector.ClassOf(err) == connector.Missing {
		return nil
	}
	if err == nil {
		f.begun = true
		f.on.begin(f.verb, f.key, plan)
	}
	return err
}

// look returns the run, and whether it rests and nobody has asked that it go on.
func (f *follower) look(ctx context.Context) (run client.Run, rests bool, err error) {
	if run, err = f.Run(ctx, f.key, ""); err != nil {
		return run, false, err
	}
	if rests = run.State.Rests() && run.Queued == ""; !rests {
		if run.Queued != "" && run.Waits != "" {
			f.on.waiting(run.Waits)
		}
		return run, false, nil
	}
	if len(run.Streams) > 0 {
		if err := f.begin(ctx); err != nil {
			return run, false, err
		}
		f.on.Progress(progressOf(run))
	}
	return run, true, nil
}

// progressOf is how far a run is that was looked at.
func progressOf(run client.Run) client.Progress {
	p := client.Progress{Run: run.Run, State: run.State, States: run.States, Streams: run.Streams}
	for _, s := range run.Streams {
		p.Total.Rows += max(s.Rows, s.Counts.Read)
		p.Total.Bytes += s.Bytes
		p.Total.Shards += s.Shards
		p.Total.Done += s.Done
	}
	if run.Total != nil {
		p.Total.Counts = *run.Total
	}
	return p
}
