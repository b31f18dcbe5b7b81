package served

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/proofs/kill"
)

// Figures is what killing servers came to. It can be stored, and added up.
type Figures struct {
	Kills      int     `json:"kills"`
	Database   int     `json:"kills_of_the_control_database,omitempty"`
	Under      int     `json:"runs_under_way_at_kills"` // all kills together
	Runs       int     `json:"runs"`
	Again      int     `json:"starts_whose_answer_was_lost"`
	Unanswered int     `json:"requests_without_an_answer"`
	Pauses     int     `json:"pauses"`
	Resumes    int     `json:"resumes"`
	Events     int     `json:"changes_of_state"`
	Record     int64   `json:"entries_of_the_record"`
	Rows       int64   `json:"rows_judged"`
	Longest    float64 `json:"longest_run_seconds"`
	kill.Verdict
	Faults []string `json:"faults"`
}

// Add adds o.
func (f *Figures) Add(o Figures) {
	f.Kills += o.Kills
	f.Database += o.Database
	f.Under += o.Under
	f.Runs += o.Runs
	f.Again += o.Again
	f.Unanswered += o.Unanswered
	f.Pauses += o.Pauses
	f.Resumes += o.Resumes
	f.Events += o.Events
	f.Record += o.Record
	f.Rows += o.Rows
	f.Longest = max(f.Longest, o.Longest)
	f.Verdict.Add(o.Verdict)
	f.Faults = append(f.Faults, o.Faults...)
}

// Good reports whether nothing was wrong.
func (f *Figures) Good() bool { return f.Verdict == (kill.Verdict{}) && len(f.Faults) == 0 }

// Killing kills the servers of a site at random while runs of the scenes go on, one of each scene at a time.
type Killing struct {
	*Site
	Scenes  []kill.Scene
	Seed    uint64
	Longest time.Duration // between a start and the next kill; 0: 1.5 s
	// Database kills the server of the control database, and starts it again; nil: it is left alone.
	Database func(ctx context.Context) error

	moves   atomic.Int64 // times that a run was seen to have got on
	clients []*client.Client
	mu      sync.Mutex
	figures Figures
	keys    map[string]string // runs by the keys of their starts; "": not answered yet
	settled map[string]bool   // runs that are over and were looked at
}

func (k *Killing) count(change func(*Figures)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change(&k.figures)
}

func (k *Killing) fault(err error) {
	if err != nil {
		k.Log("NOT GOOD: %v", err)
		k.count(func(f *Figures) { f.Faults = append(f.Faults, err.Error()) })
	}
}

func (k *Killing) intend(key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys[key] = ""
}

func (k *Killing) started(key, run string, again bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys[key] = run
	if again {
		k.figures.Again++
	}
}

// Run kills so often, lets all runs end, and looks at everything.
func (k *Killing) Run(ctx context.Context, kills int) (Figures, error) {
	k.keys, k.settled = map[string]string{}, map[string]bool{}
	k.Longest = max(k.Longest, 1500*time.Millisecond)
	for _, s := range k.Servers {
		k.clients = append(k.clients, k.Client(s))
		if err := s.Start(ctx); err != nil {
			return k.figures, err
		}
	}
	defer k.Close()
	riders, ctx := errgroup.WithContext(ctx)
	over := make(chan struct{})
	for i, scene := range k.Scenes {
		r := &rider{Killing: k, Rand: rand.New(rand.NewPCG(k.Seed, uint64(i))), scene: scene, dir: filepath.Join(k.Files(), scene.Name()), at: i}
		if err := errors.Join(r.reset(ctx), r.connect(ctx)); err != nil {
			return k.figures, err
		}
		riders.Go(func() error { return r.rideOn(ctx, over) })
	}
	err := k.kill(ctx, kills)
	close(over)
	if err := errors.Join(err, riders.Wait()); err != nil {
		return k.figures, err
	}
	k.fault(k.inspect(context.WithoutCancel(ctx), true))
	for _, s := range k.Servers {
		k.fault(s.Stop())
	}
	return k.figures, nil
}

// rideOn makes runs until the kills are over or something is wrong.
func (r *rider) rideOn(ctx context.Context, over <-chan struct{}) error {
	for {
		if err := r.ride(ctx); err != nil {
			if ctx.Err() != nil {
				return err
			}
			r.fault(err)
			return nil
		}
		select {
		case <-over:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		default:
		}
	}
}

// kill kills, starts again and looks at all runs.
func (k *Killing) kill(ctx context.Context, kills int) error {
	r := rand.New(rand.NewPCG(k.Seed, 1000))
	for n := 1; n <= kills; n++ {
		if r.IntN(4) > 0 {
			k.awaitMove(ctx)
		}
		select {
		case <-time.After(time.Duration(r.Int64N(int64(k.Longest)))):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		s := k.Servers[n%len(k.Servers)]
		live, err := k.clients[(n+1)%len(k.Servers)].Live(ctx)
		if err != nil {
			k.fault(fmt.Errorf("look at live runs: %w", err))
		}
		k.count(func(f *Figures) {
			f.Kills++
			f.Under += len(live)
		})
		if err := s.Kill(); err != nil {
			k.fault(err)
			return nil
		}
		if k.Database != nil && n%3 == 0 {
			k.count(func(f *Figures) { f.Database++ })
			if err := k.Database(ctx); err != nil {
				return err
			}
		}
		if err := s.Start(ctx); err != nil {
			k.fault(err)
			return nil
		}
		k.fault(k.inspect(ctx, false))
		if n%20 == 0 {
			k.count(func(f *Figures) { k.Log("%d kills, %d runs", f.Kills, f.Runs) })
		}
		if f := k.faults(); f > 5 {
			return nil
		}
	}
	return nil
}

// awaitMove waits until a run got on since the last kill: on a busy machine servers would die before they did anything.
func (k *Killing) awaitMove(ctx context.Context) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience / 6)
	for was := k.moves.Load(); k.moves.Load() < was+2; {
		select {
		case <-tick.C:
		case <-late:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (k *Killing) faults() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.figures.Faults)
}

// starts are the runs by the keys of their starts.
func (k *Killing) starts() map[string]string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.keys)
}

// inspect looks at all runs and at the record; at the end each has to have succeeded, and to be one that was asked for.
func (k *Killing) inspect(ctx context.Context, end bool) error {
	c := k.clients[0]
	answered := k.starts() // those that come while runs are listed need not be among them
	runs, err := runsOf(ctx, c)
	if err != nil {
		return fmt.Errorf("list runs: %w", err)
	}
	keys := k.starts()
	if len(runs) > len(keys) {
		return fmt.Errorf("there are %d runs of %d starts", len(runs), len(keys))
	}
	var faults []error
	there := map[string]bool{}
	for _, r := range runs {
		there[r.Run] = true
		if k.settled[r.Run] {
			continue
		}
		run, events, err := history(ctx, c, r.Run)
		if err != nil {
			return fmt.Errorf("look at run %s: %w", r.Run, err)
		}
		if wrong := wrongIn(events, run.State); wrong != "" {
			faults = append(faults, fmt.Errorf("history of run %s: %s", r.Run, wrong))
		}
		if end && run.State != client.Succeeded {
			faults = append(faults, fmt.Errorf("run %s ended %s: %s", r.Run, run.State, run.Reason))
		}
		if run.State.Final() {
			k.settled[r.Run] = true
			k.count(func(f *Figures) { f.Events += len(events) })
		}
	}
	for key, run := range answered {
		if (end || run != "") && !there[run] {
			faults = append(faults, fmt.Errorf("start %s is lost: there is no run %q", key, run))
		}
	}
	if distinct := slices.Compact(slices.Sorted(maps.Values(keys))); end && len(distinct) != len(keys) {
		faults = append(faults, fmt.Errorf("%d starts are %d runs", len(keys), len(distinct)))
	}
	var record struct {
		Entries int64 `json:"entries"`
	}
	if end || len(there)%5 == 0 {
		if err := k.Command(ctx, &record, nil, "audit", "verify"); err != nil {
			faults = append(faults, err)
		}
	}
	if end {
		k.count(func(f *Figures) { f.Record = record.Entries })
	}
	return errors.Join(faults...)
}
