package control_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
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

// TestControlDatabaseIsHeldForAWhile: a run waits for another process that holds the control database for longer than one change does,
// wherever it stands.
func TestControlDatabaseIsHeldForAWhile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		op      memory.Op
		nth     int
		failing bool // a stream fails meanwhile
	}{
		"making targets ready": {memory.Prepare, 20, false},
		"a stream fails":       {memory.Prepare, 20, true},
		"committing":           {memory.Commit, 20, false},
		"sealing":              {memory.Finish, 1, false},
		"a count fails":        {memory.Count, 3, true},
		"publishing":           {memory.Finish, 41, false},
		"the last of all":      {memory.Finish, 80, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := newWhole(t, 40, 10)
			r.Database = store.Options{Busy: 30 * time.Millisecond}
			done, err := r.OpenStore(context.Background(), r.path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(done)
			fault := memory.Fault{Reached: func() { r.holdStore(500 * time.Millisecond) }}
			if c.failing {
				fault.Err = connector.Errorf(connector.Denied, "TOW-999", "no right")
			}
			r.target.Inject(c.op, c.nth, fault)
			run, err := r.run(r.document("full", `{source: "*"}`, "{outage: 20s}"), nil)
			if c.failing {
				if err == nil || !strings.HasPrefix(err.Error(), "1 of 40 streams failed: ") || !strings.HasSuffix(err.Error(), "no right") || run.State != store.Failed {
					t.Errorf("run is %s: %v", run.State, err)
				}
				return
			}
			if err != nil || run.State != store.Succeeded {
				t.Errorf("run is %s: %v", run.State, err)
			}
		})
	}
}

// holdStore keeps the control database locked for a time, as another process would.
func (r *rig) holdStore(d time.Duration) {
	db, err := sql.Open("sqlite", r.path+"?_pragma=busy_timeout(10000)")
	if err != nil {
		r.t.Error(err)
		return
	}
	conn, err := db.Conn(context.Background())
	if err == nil {
		_, err = conn.ExecContext(context.Background(), "BEGIN IMMEDIATE")
	}
	if err != nil {
		r.t.Error(err)
	}
	time.AfterFunc(d, func() {
		_, err := conn.ExecContext(context.Background(), "ROLLBACK")
		if err = errors.Join(err, conn.Close(), db.Close()); err != nil {
			r.t.Error(err)
		}
	})
}
