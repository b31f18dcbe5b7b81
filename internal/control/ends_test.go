package control_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest/memory"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/store"
)

// TestSwapWhoseAnswerWasLost checks that a run which was cut off after its swap, and before that was recorded, succeeds when it is
// resumed: nothing is counted that the swap has moved away.
func TestSwapWhoseAnswerWasLost(t *testing.T) {
	t.Parallel()
	for name, way := range map[string]connector.Way{"way A": connector.WayA, "way B": connector.WayB} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, memory.Options{}, memory.Options{Way: way}, 500)
			r.target.Inject(memory.Finish, 2, memory.Fault{Err: errors.New("cut off"), Applied: true})
			run, err := r.run(r.job(small), nil)
			if err == nil || run.State != store.Failed {
				t.Fatalf("run is %s: %v", run.State, err)
			}
			if run, err = r.resume(run.Key); err != nil || run.State != store.Succeeded {
				t.Fatalf("resumed run is %s: %v", run.State, err)
			}
			r.same()
		})
	}
}

// TestStopOutlastsAFailure checks that a stop that was wished is carried out although a shard fails for good meanwhile.
func TestStopOutlastsAFailure(t *testing.T) {
	t.Parallel()
	r := newRig(t, memory.Options{}, memory.Options{}, 1000)
	reached, goOn := make(chan struct{}), make(chan struct{})
	r.target.Inject(memory.Write, 3, memory.Fault{Reached: func() { close(reached) }, Wait: goOn,
		Err: connector.Errorf(connector.Denied, "TOW-999", "no right any more")})
	ended := make(chan store.Run, 1)
	go func() {
		run, _ := r.run(r.job(small), nil)
		ended <- run
	}()
	<-reached
	runs, err := r.Runs(context.Background(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.service(r.Connectors).Stop(context.Background(), runs[0].Key, "not wanted"); err != nil {
		t.Fatal(err)
	}
	r.await(runs[0].Key, store.Stopping)
	close(goOn)
	if run := <-ended; run.State != store.Stopped {
		t.Errorf("run is %s (%s)", run.State, run.Reason)
	}
	r.nothingStaged()
}

func (r *rig) nothingStaged() {
	r.t.Helper()
	for _, name := range r.target.Names() {
		if strings.Contains(name, "__tw_") {
			r.t.Errorf("%s stayed", name)
		}
	}
}

// TestStopNeedsNoSource checks that a paused run can be stopped when its source is gone for good, and without its target as well.
func TestStopNeedsNoSource(t *testing.T) {
	t.Parallel()
	for _, gone := range []string{"source", "target"} {
		t.Run(gone, func(t *testing.T) {
			t.Parallel()
			r, key := paused(t)
			side := map[string]*memory.Store{"source": r.source, "target": r.target}[gone]
			for n := 1; n < 20; n++ {
				side.Inject(memory.Open, n, memory.Fault{Err: connector.Errorf(connector.Missing, "TOW-999", "no such host")})
			}
			run, err := r.Stop(context.Background(), key, "")
			if err != nil || run.State != store.Stopped {
				t.Fatalf("run is %s: %v", run.State, err)
			}
			if gone == "source" {
				r.nothingStaged()
			} else if !strings.Contains(run.Reason, "no such host") || !strings.Contains(run.Reason, "towpath clean") {
				t.Errorf("reason is %q", run.Reason)
			}
		})
	}
}

// TestKilledWhileStopping checks that a run whose process died while it stopped is cleared away, and not resumed.
func TestKilledWhileStopping(t *testing.T) {
	t.Parallel()
	for name, again := range map[string]func(s *control.Service, key string) (store.Run, error){
		"stop": func(s *control.Service, key string) (store.Run, error) { return s.Stop(context.Background(), key, "") },
		"resume": func(s *control.Service, key string) (store.Run, error) {
			return s.Resume(context.Background(), key, control.ResumeOptions{}, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, key := paused(t)
			for from, to := range map[store.State]store.State{store.Paused: store.Stopping} {
				if _, err := r.Store.Transition(context.Background(), key, from, to, store.Change{Who: "a process that died"}); err != nil {
					t.Fatal(err)
				}
			}
			run, err := again(r.Service, key)
			if run.State != store.Stopped || (err == nil) != (name == "stop") {
				t.Errorf("run is %s: %v", run.State, err)
			}
			r.nothingStaged()
		})
	}
}

// TestPauseWhileResuming checks that a pause that is wished while a run is only being taken up is not lost.
func TestPauseWhileResuming(t *testing.T) {
	t.Parallel()
	r, key := paused(t)
	reached, goOn := make(chan struct{}), make(chan struct{})
	r.target.Inject(memory.Prepare, 1, memory.Fault{Reached: func() { close(reached) }, Wait: goOn})
	ended := make(chan store.Run, 1)
	go func() {
		run, err := r.resume(key)
		if err != nil {
			t.Error(err)
		}
		ended <- run
	}()
	<-reached
	if _, err := r.service(r.Connectors).Pause(context.Background(), key, "after all"); err != nil {
		t.Fatal(err)
	}
	close(goOn)
	if run := <-ended; run.State != store.Paused {
		t.Errorf("run is %s", run.State)
	}
	if run, err := r.resume(key); err != nil || run.State != store.Succeeded {
		t.Errorf("run is %s: %v", run.State, err)
	}
	r.same()
}

// TestStopWhileSealing checks that nothing is published after a stop that was wished while the target was sealed.
func TestStopWhileSealing(t *testing.T) {
	t.Parallel()
	r := newRig(t, memory.Options{}, memory.Options{}, 200)
	reached, goOn := make(chan struct{}), make(chan struct{})
	r.target.Inject(memory.Count, 1, memory.Fault{Reached: func() { close(reached) }, Wait: goOn})
	ended := make(chan store.Run, 1)
	go func() {
		run, _ := r.run(r.job(small), nil)
		ended <- run
	}()
	<-reached
	runs, err := r.Runs(context.Background(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.service(r.Connectors).Pause(context.Background(), runs[0].Key, ""); err != nil {
		t.Fatal(err)
	}
	close(goOn)
	if run := <-ended; run.State != store.Paused {
		t.Errorf("run is %s", run.State)
	}
	for _, name := range r.target.Names() {
		if name == "people" {
			t.Error("the target was published")
		}
	}
}

// TestForeignSteeringEndsTheRun checks that a process stops its work as soon as another one steers the run.
func TestForeignSteeringEndsTheRun(t *testing.T) {
	t.Parallel()
	r := newRig(t, memory.Options{}, memory.Options{}, 2000)
	reached, goOn := make(chan struct{}), make(chan struct{})
	r.target.Inject(memory.Write, 3, memory.Fault{Reached: func() { close(reached) }, Wait: goOn})
	ended := make(chan error, 1)
	go func() {
		_, err := r.run(r.job(small), nil)
		ended <- err
	}()
	<-reached
	runs, err := r.Runs(context.Background(), 1)
	if err != nil {
		t.Fatal(err)
	}
	other := r.service(r.Connectors)
	lease, err := r.Store.TakeOverRun(context.Background(), runs[0].Key, r.Owner, other.Owner, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	close(goOn)
	if err := <-ended; connector.ClassOf(err) != connector.Fenced {
		t.Errorf("the former owner ends with %v", err)
	}
	run, err := r.Store.Run(context.Background(), runs[0].Key)
	if err != nil || run.State != store.Running || run.Epoch != lease.Epoch {
		t.Errorf("run is %s at epoch %d, its new owner's is %d: %v", run.State, run.Epoch, lease.Epoch, err)
	}
}
