package control_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest/memory"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/store"
)

// queue makes a run of a job that waits for servers.
func (r *rig) queue(key, settings string) {
	r.t.Helper()
	_, err := r.Store.CreateRun(context.Background(), store.NewRun{Key: key, Name: "test", Mode: "full", Job: r.job(settings).Canonical(), Who: "ann",
		Limits: store.Limits{Parallel: 2}, Duty: store.Duty{Served: true, Queued: 1}})
	if err != nil {
		r.t.Fatal(err)
	}
}

// takeUp goes on with a run as a server would.
func (r *rig) takeUp(s *control.Service, key string, leave <-chan struct{}) (store.Run, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	return s.TakeUp(ctx, key, control.Taking{Leave: leave}, nil)
}

// dying is a service whose process is no more, as others see it.
func (r *rig) dying() *control.Service {
	s := r.service(r.Connectors)
	s.Owner.PID = 1 << 30
	return s
}

func (r *rig) wantLost(waiting, orphans string) {
	r.t.Helper()
	for what, c := range map[string]struct {
		list func() ([]store.Run, error)
		want string
	}{
		"waiting": {func() ([]store.Run, error) { return r.Waiting(context.Background(), 9) }, waiting},
		"orphans": {func() ([]store.Run, error) { return r.Orphans(context.Background()) }, orphans},
	} {
		runs, err := c.list()
		var keys []string
		for _, run := range runs {
			keys = append(keys, run.Key)
		}
		if got := strings.Join(keys, " "); err != nil || got != c.want {
			r.t.Errorf("%s are %q, %v; want %q", what, got, err, c.want)
		}
	}
}

func TestQueuedRunIsPlannedAndRun(t *testing.T) {
	t.Parallel()
	r := newRig(t, memory.Options{}, memory.Options{}, 1000)
	r.queue("k1", small)
	r.wantLost("k1", "")
	run, err := r.takeUp(r.Service, "k1", make(chan struct{}))
	if err != nil || run.State != store.Succeeded || run.Queued != 0 || run.Owner.ID != "" {
		t.Fatalf("run is %+v: %v", run, err)
	}
	r.same()
	r.wantLost("", "")
	if got, want := r.states("k1"), "planning running verifying finishing succeeded"; got != want {
		t.Errorf("states are %q, want %q", got, want)
	}
	if _, err := r.takeUp(r.Service, "k1", nil); err != nil {
		t.Errorf("taking up a run that is over says %v", err)
	}
}

// TestPlanningProcessDies: before the plan is stored, and behind it.
func TestPlanningProcessDies(t *testing.T) {
	t.Parallel()
	for name, op := range map[string]memory.Op{"while it plans": memory.Schema, "while it prepares the target": memory.Prepare} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, memory.Options{}, memory.Options{}, 1000)
			r.queue("k1", small)
			reached, never := make(chan struct{}), make(chan struct{})
			for _, s := range []*memory.Store{r.source, r.target} {
				s.Inject(op, 1, memory.Fault{Reached: func() { close(reached) }, Wait: never})
			}
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan struct{})
			dying := r.dying()
			go func() {
				defer close(ended)
				_, _ = dying.TakeUp(ctx, "k1", control.Taking{Leave: make(chan struct{})}, nil)
			}()
			<-reached
			r.wantLost("k1", "")
			if run, err := r.takeUp(r.Service, "k1", make(chan struct{})); err != nil || run.State != store.Succeeded {
				t.Errorf("run is %s: %v", run.State, err)
			}
			cancel()
			<-ended
			r.same()
			if got, want := r.states("k1"), "planning running verifying finishing succeeded"; got != want {
				t.Errorf("states are %q, want %q", got, want)
			}
		})
	}
}

// TestRunIsLeft: a process that ends commits what it has in hand and leaves the run as it is; another goes on, and nobody has paused it.
func TestRunIsLeft(t *testing.T) {
	t.Parallel()
	for _, way := range []connector.Way{connector.WayA, connector.WayB} {
		t.Run("way "+string(way), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, memory.Options{}, memory.Options{Way: way}, 4000)
			r.queue("k1", small)
			leave, reached, goOn := make(chan struct{}), make(chan struct{}), make(chan struct{})
			r.target.Inject(memory.Write, 6, memory.Fault{Reached: func() { close(reached) }, Wait: goOn})
			ended := make(chan error, 1)
			var run store.Run
			go func() {
				var err error
				run, err = r.takeUp(r.Service, "k1", leave)
				ended <- err
			}()
			<-reached
			close(leave)
			close(goOn)
			if err := <-ended; err != nil || run.State != store.Running || run.Owner.ID != "" {
				t.Fatalf("run is %s of %v: %v", run.State, run.Owner, err)
			}
			committed := r.counts("k1")
			if committed.Read == 0 || committed.Read == 4000 {
				t.Fatalf("left at %d rows, want it in the middle", committed.Read)
			}
			r.wantLost("", "k1")
			chunks := r.source.Calls(memory.Read)
			if run, err := r.takeUp(r.service(r.Connectors), "k1", make(chan struct{})); err != nil || run.State != store.Succeeded {
				t.Fatalf("run is %s: %v", run.State, err)
			}
			r.same()
			// Invariant 7: no committed row is read again.
			if again := r.source.Calls(memory.Read) - chunks; int64(again) > (4000-committed.Read)/50+8 {
				t.Errorf("%d chunks read again for %d rows", again, 4000-committed.Read)
			}
			if got, want := r.states("k1"), "planning running verifying finishing succeeded"; got != want {
				t.Errorf("states are %q, want %q", got, want)
			}
		})
	}
}

// TestRunningProcessDies: its run is taken up at once on its machine, and what was wished of it before holds.
func TestRunningProcessDies(t *testing.T) {
	t.Parallel()
	for wish, want := range map[store.Kind]string{
		store.WishNone:  "planning running verifying finishing succeeded",
		store.WishPause: "planning running pausing paused",
		store.WishStop:  "planning running stopping stopped",
	} {
		t.Run("wish "+string(wish), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, memory.Options{}, memory.Options{}, 1000)
			r.queue("k1", small)
			reached, never := make(chan struct{}), make(chan struct{})
			r.target.Inject(memory.Write, 6, memory.Fault{Reached: func() { close(reached) }, Wait: never})
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan struct{})
			dying := r.dying()
			go func() {
				defer close(ended)
				_, _ = dying.TakeUp(ctx, "k1", control.Taking{Leave: make(chan struct{})}, nil)
			}()
			<-reached
			if err := dying.Store.Close(); err != nil { // it dies here: what it does from now on, nobody hears of
				t.Error(err)
			}
			if wish != store.WishNone {
				if err := r.Store.SetWish(context.Background(), "k1", store.Wish{Kind: wish, Who: "bob", Why: "enough"}); err != nil {
					t.Fatal(err)
				}
			}
			r.wantLost("", "k1")
			run, err := r.takeUp(r.Service, "k1", make(chan struct{}))
			if err != nil {
				t.Errorf("run is %s: %v", run.State, err)
			}
			cancel()
			<-ended
			if got := r.states("k1"); got != want {
				t.Errorf("states are %q, want %q", got, want)
			}
			if wish != store.WishNone && !strings.HasPrefix(run.Reason, "enough") {
				t.Errorf("run is %s because %q", run.State, run.Reason)
			}
			if wish != store.WishPause {
				return
			}
			if _, err := r.Queue(context.Background(), "k1", store.Entry{}); err != nil {
				t.Fatal(err)
			}
			if run, err := r.takeUp(r.Service, "k1", make(chan struct{})); err != nil || run.State != store.Succeeded {
				t.Errorf("queued again, the run is %s: %v", run.State, err)
			}
			r.same()
		})
	}
}

// diesAt ends the process of a service when a run gets into a state.
type diesAt struct {
	t     *testing.T
	state store.State
	s     *control.Service
}

func (d diesAt) State(e store.Event) {
	if e.To == d.state {
		if err := d.s.Store.Close(); err != nil {
			d.t.Error(err)
		}
	}
}

func (diesAt) Progress(control.Progress) {}

// TestProcessDiesOnTheWayBack: a run that lost its process while it finished is paused for a moment, and nobody has wished that it stays so.
func TestProcessDiesOnTheWayBack(t *testing.T) {
	t.Parallel()
	for _, state := range []store.State{store.Pausing, store.Paused} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, memory.Options{}, memory.Options{}, 1000)
			r.queue("k1", small)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			reached, never := make(chan struct{}), make(chan struct{})
			r.target.Inject(memory.Finish, 2, memory.Fault{Reached: func() { close(reached) }, Wait: never})
			ended := make(chan struct{})
			first, second := r.dying(), r.dying()
			go func() {
				defer close(ended)
				_, _ = first.TakeUp(ctx, "k1", control.Taking{Leave: make(chan struct{})}, nil)
			}()
			<-reached
			if err := first.Store.Close(); err != nil {
				t.Error(err)
			}
			r.wantLost("", "k1")
			if _, err := second.TakeUp(ctx, "k1", control.Taking{Leave: make(chan struct{})}, diesAt{t, state, second}); err == nil {
				t.Error("the second process did not die")
			}
			r.wantLost("k1", "")
			if run, err := r.takeUp(r.Service, "k1", make(chan struct{})); err != nil || run.State != store.Succeeded || run.Queued != 0 {
				t.Errorf("run is %s, queued %d: %v", run.State, run.Queued, err)
			}
			cancel()
			<-ended
			r.same()
			if got, want := r.states("k1"), "planning running verifying finishing pausing paused running verifying finishing succeeded"; got != want {
				t.Errorf("states are %q, want %q", got, want)
			}
		})
	}
}

// TestQueuedRunIsPausedAndStopped before anybody took it.
func TestQueuedRunIsPausedAndStopped(t *testing.T) {
	t.Parallel()
	r := newRig(t, memory.Options{}, memory.Options{}, 100)
	ctx := context.Background()
	r.queue("k1", small)
	run, err := r.Pause(ctx, "k1", "lunch")
	if err != nil || run.State != store.Planning || run.Queued != 0 || run.Waits != "paused by tester; lunch" {
		t.Errorf("paused, it is %+v: %v", run, err)
	}
	r.wantLost("", "")
	if run, err = r.takeUp(r.Service, "k1", make(chan struct{})); err != nil || run.State != store.Planning {
		t.Errorf("taken up though it is paused: %s, %v", run.State, err)
	}
	if run, err = r.Queue(ctx, "k1", store.Entry{}); err != nil || run.Queued == 0 || run.Waits != "" {
		t.Errorf("queued again, it is %+v: %v", run, err)
	}
	if run, err = r.Stop(ctx, "k1", "no longer wanted"); err != nil || run.State != store.Stopped || run.Queued != 0 {
		t.Errorf("stopped, it is %+v: %v", run, err)
	}
	if got, want := r.states("k1"), "planning stopped"; got != want {
		t.Errorf("states are %q, want %q", got, want)
	}
	if _, err = r.Queue(ctx, "k1", store.Entry{}); err == nil || err.Error() != "run k1 is stopped and cannot be resumed" {
		t.Errorf("queueing it again says %v", err)
	}
}

// TestQueuedRunCannotGoOn: a run that rests stays as it is, and says why; one that could not be planned has failed.
func TestQueuedRunCannotGoOn(t *testing.T) {
	t.Parallel()
	r, key := paused(t)
	r.target.Forget()
	if _, err := r.Queue(context.Background(), key, store.Entry{}); err != nil {
		t.Fatal(err)
	}
	moved := r.service(connector.NewSet())
	run, err := r.takeUp(moved, key, make(chan struct{}))
	if err == nil || run.State != store.Paused || run.Queued != 0 || run.Waits != err.Error() {
		t.Errorf("run is %+v: %v", run, err)
	}
	r.queue("k2", small)
	if run, err = r.takeUp(moved, "k2", make(chan struct{})); err == nil || run.State != store.Failed || run.Reason != err.Error() || run.Queued != 0 {
		t.Errorf("run is %+v: %v", run, err)
	}
	if _, err = r.Queue(context.Background(), "k2", store.Entry{}); err == nil || err.Error() != "run k2 ended before it was planned" {
		t.Errorf("queueing it again says %v", err)
	}
}

// TestOutageWaitsForPerson: who pauses a run that an outage has paused wants it to rest also when the outage is over.
func TestOutageWaitsForPerson(t *testing.T) {
	t.Parallel()
	r := newRig(t, memory.Options{}, memory.Options{}, 100)
	ctx := context.Background()
	r.queue("k1", small)
	for _, c := range [][2]store.State{{store.Planning, store.Running}, {store.Running, store.Pausing}, {store.Pausing, store.Paused}} {
		if _, err := r.Store.Transition(ctx, "k1", c[0], c[1], store.Change{Code: "TOW-132"}); err != nil {
			t.Fatal(err)
		}
	}
	if runs, err := r.Away(ctx, 9); err != nil || len(runs) != 1 {
		t.Errorf("away are %d, %v", len(runs), err)
	}
	if run, err := r.Pause(ctx, "k1", ""); err != nil || run.State != store.Paused || run.Waits != "paused by tester" {
		t.Errorf("run is %+v: %v", run, err)
	}
	if runs, err := r.Away(ctx, 9); err != nil || len(runs) != 0 {
		t.Errorf("away are %d, %v", len(runs), err)
	}
}

// TestControlDatabaseIsAwayWhilePlanning: a run that waits is no failure of its own when the control database goes away while it is planned.
func TestControlDatabaseIsAwayWhilePlanning(t *testing.T) {
	t.Parallel()
	r := newRig(t, memory.Options{}, memory.Options{}, 100)
	r.queue("k1", small)
	r.source.Inject(memory.Split, 1, memory.Fault{Err: connector.Errorf(connector.Retry, "TOW-224", "control database does not answer")})
	run, err := r.takeUp(r.Service, "k1", make(chan struct{}))
	if err != nil || run.State != store.Planning || run.Queued == 0 || run.Owner.ID != "" {
		t.Fatalf("run is %s, queued %d, of %q: %v", run.State, run.Queued, run.Owner.ID, err)
	}
	if run, err = r.takeUp(r.Service, "k1", make(chan struct{})); err != nil || run.State != store.Succeeded {
		t.Fatalf("run is %s: %v", run.State, err)
	}
	r.same()
	if got, want := r.states("k1"), "planning running verifying finishing succeeded"; got != want {
		t.Errorf("states are %q, want %q", got, want)
	}
}
