package control_test

import (
	"context"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest/memory"
	"github.com/towpath/towpath/internal/store"
)

// away is a server that does not answer for the moment.
func away() error { return connector.Errorf(connector.Retry, "TOW-999", "connection refused") }

func TestFinishingIsTriedAgain(t *testing.T) {
	t.Parallel()
	for _, op := range []memory.Op{memory.Finish, memory.Count} {
		t.Run(string(op), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, memory.Options{}, memory.Options{}, 100)
			for n := 1; n <= 3; n++ {
				r.target.Inject(op, n, memory.Fault{Err: away()})
			}
			run, err := r.run(r.job(small), nil)
			if err != nil || run.State != store.Succeeded {
				t.Fatalf("run is %s: %v", run.State, err)
			}
			r.same()
			if got, want := r.states(run.Key), "planning running verifying finishing succeeded"; got != want {
				t.Errorf("states are %q, want %q", got, want)
			}
		})
	}
}

func TestOutageWhileFinishingPauses(t *testing.T) {
	t.Parallel()
	r := newRig(t, memory.Options{}, memory.Options{}, 100)
	for n := 1; n <= 6; n++ { // as many attempts as an outage of 1 s takes, and one to park
		r.target.Inject(memory.Finish, n, memory.Fault{Err: away()})
	}
	run, err := r.run(r.job("{outage: 1s}"), nil)
	if err != nil || run.State != store.Paused || run.Code != "TOW-132" || run.Reason != "away for longer than 1s: connection refused" {
		t.Fatalf("run is %s (%s %s): %v", run.State, run.Code, run.Reason, err)
	}
	if run, err = r.resume(run.Key); err != nil || run.State != store.Succeeded {
		t.Fatalf("resumed run is %s: %v", run.State, err)
	}
	r.same()
}

// A target that does not answer holds up neither who cancels nor the record of what became of the run.
func TestCancelWhileTargetHangs(t *testing.T) {
	t.Parallel()
	r := newRig(t, memory.Options{}, memory.Options{}, 1000)
	reached, never := make(chan struct{}), make(chan struct{})
	defer close(never)
	r.target.Inject(memory.Write, 3, memory.Fault{Reached: func() { close(reached) }, Wait: never})
	r.target.Inject(memory.Finish, 1, memory.Fault{Wait: never})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan store.Run, 1)
	go func() {
		run, _ := r.Run(ctx, r.job(small), nil, nil)
		ended <- run
	}()
	<-reached
	cancel()
	select {
	case run := <-ended:
		if run.State != store.Failed || run.Owner.ID != "" {
			t.Errorf("run is %s of %v", run.State, run.Owner)
		}
	case <-time.After(5 * time.Second):
		t.Error("run goes on 5 s after it was cancelled")
	}
}
