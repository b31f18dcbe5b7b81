package faults

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/all"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/job"
)

// patience is how long a test waits for what must come; a loaded machine takes its time.
const patience = 2 * time.Minute

// rig is an application with a control database of its own.
type rig struct {
	*control.Service
	t    *testing.T
	path string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, path: filepath.Join(t.TempDir(), "towpath.db")}
	r.reopen(store.Options{})
	return r
}

// reopen is the application of another process: the same control database, another owner.
func (r *rig) reopen(o store.Options) {
	r.t.Helper()
	s := &control.Service{Connectors: all.Connectors(), Owner: control.ThisProcess(), Who: "tester", Log: slog.New(slog.DiscardHandler),
		Lease: 5 * time.Second,
		Connections: func(context.Context, string) (job.Connection, error) {
			return job.Connection{}, errors.New("no aliases here")
		},
		Secrets:  func(_ context.Context, _ string, raw json.RawMessage) (json.RawMessage, error) { return raw, nil },
		Password: func(string) (string, error) { return "towpath", nil },
		Clean:    func(text string) string { return text }}
	opened, err := store.Open(context.Background(), r.path, o)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = opened.Close() })
	s.Store, r.Service = opened, s
}

// running is a run under way.
type running struct {
	*rig
	key    string
	cancel context.CancelFunc
	ended  chan struct{}
	run    store.Run // once ended
	err    error
}

// begin starts a job and returns once its rows move.
func (r *rig) begin(text string) *running {
	r.t.Helper()
	j, err := job.Parse([]byte(text), "job.yaml")
	if err != nil {
		r.t.Fatal(err)
	}
	keys := make(chan string, 1)
	w := r.launch(func(ctx context.Context) (store.Run, error) {
		return r.Run(ctx, j, nil, func(key string, _ *engine.Plan) { keys <- key })
	})
	select {
	case w.key = <-keys:
	case <-w.ended:
		r.t.Fatalf("run ended before it began: %s: %v", w.run.State, w.err)
	case <-time.After(patience):
		r.t.Fatal("run did not begin")
	}
	return w
}

// resume goes on with a run.
func (r *rig) resume(key string) *running {
	r.t.Helper()
	w := r.launch(func(ctx context.Context) (store.Run, error) {
		return r.Resume(ctx, key, control.ResumeOptions{Waiting: func(store.Owner, time.Duration) {}}, nil)
	})
	w.key = key
	return w
}

func (r *rig) launch(do func(ctx context.Context) (store.Run, error)) *running {
	ctx, cancel := context.WithCancel(context.Background())
	w := &running{rig: r, cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(w.ended)
		w.run, w.err = do(ctx)
	}()
	r.t.Cleanup(func() {
		cancel()
		<-w.ended
	})
	return w
}

// counts are the run's counts so far.
func (w *running) counts() connector.Counts {
	w.t.Helper()
	_, p, _, err := w.Status(context.Background(), w.key)
	if err != nil {
		w.t.Fatal(err)
	}
	return p.Streams[0].Counts
}

// reach returns once so many rows are committed.
func (w *running) reach(rows int64) {
	w.t.Helper()
	waitFor(w.t, fmt.Sprintf("%d rows committed", rows), func() bool {
		select {
		case <-w.ended:
			w.t.Fatalf("run is %s (%s) before %d rows: %v", w.run.State, w.run.Reason, rows, w.err)
		default:
		}
		return w.counts().Read >= rows
	})
}

// ends returns once the run rests, in whatever state.
func (w *running) ends() *running {
	w.t.Helper()
	select {
	case <-w.ended:
	case <-time.After(patience):
		w.t.Fatalf("run goes on after %s: %s", patience, w.troubles())
	}
	return w
}

// rest returns once the run rests, and fails unless it does in that state.
func (w *running) rest(want store.State) *running {
	w.t.Helper()
	w.ends()
	if w.run.State != want {
		w.t.Fatalf("run is %s (%s %s), want %s: %v", w.run.State, w.run.Code, w.run.Reason, want, w.err)
	}
	return w
}

// troubles are the failures that the run's shards have.
func (w *running) troubles() string {
	var all []string
	_, _, plan, err := w.Status(context.Background(), w.key)
	if err != nil || plan == nil {
		return fmt.Sprint(err)
	}
	for row, err := range w.Store.Shards(context.Background(), w.key, plan.Streams[0].ID) {
		all = append(all, fmt.Sprintf("%+v %v", row, err))
	}
	return strings.Join(all, "\n")
}

// said is what a person is told of how the run ended: code and text.
func (w *running) said() string {
	if w.err == nil {
		return w.run.Code + " " + w.run.Reason
	}
	code := ""
	if e, ok := errors.AsType[*connector.Error](w.err); ok {
		code = e.Code
	}
	return code + " " + w.err.Error()
}

// says fails unless a run paused or failed with the code and a reason that holds the text.
func (w *running) says(code, text string) {
	w.t.Helper()
	if w.run.Code != code || !strings.Contains(w.run.Reason, text) {
		w.t.Errorf("run says %s %q, want %s %q", w.run.Code, w.run.Reason, code, text)
	}
}

// refuses fails unless a resume was refused with the code and a text, the run being as it was.
func (w *running) refuses(was store.State, code, text string) {
	w.t.Helper()
	w.rest(was)
	e, ok := errors.AsType[*connector.Error](w.err)
	if !ok || e.Code != code || !strings.Contains(e.Error(), text) {
		w.t.Errorf("resume says %v, want %s %q", w.err, code, text)
	}
}

// pause wishes a pause and returns once the run rests, paused, which must be within 10 s.
func (w *running) pause() *running {
	w.t.Helper()
	wished := time.Now()
	if _, err := w.Pause(context.Background(), w.key, "lunch"); err != nil {
		w.t.Fatal(err)
	}
	w.rest(store.Paused)
	if took := time.Since(wished); took > 10*time.Second {
		w.t.Errorf("paused after %s, want within 10 s", took)
	}
	return w
}

// balance fails unless so many rows were read, each once, and so many of them are dirty.
func (w *running) balance(read, dirty int64) {
	w.t.Helper()
	c := w.counts()
	if c.Read != read || c.Dirty != dirty || c.Written != read-dirty || !c.Balanced() {
		w.t.Errorf("counts are %+v, want %d read, %d dirty, the rest written", c, read, dirty)
	}
	stored := int64(0)
	for _, err := range w.Dirty(context.Background(), w.key, "", 0) {
		if err != nil {
			w.t.Fatal(err)
		}
		stored++
	}
	if stored != dirty {
		w.t.Errorf("%d dirty rows stored, want %d", stored, dirty)
	}
}

// history are the states that the run went through.
func (w *running) history() string {
	w.t.Helper()
	events, err := w.History(context.Background(), w.key)
	if err != nil {
		w.t.Fatal(err)
	}
	var names []string
	for _, e := range events {
		names = append(names, string(e.To))
	}
	return strings.Join(names, " ")
}

// undisturbed fails unless the run went through without a rest.
func (w *running) undisturbed() {
	w.t.Helper()
	if got, want := w.history(), "planning running verifying finishing succeeded"; got != want {
		w.t.Errorf("states are %q, want %q", got, want)
	}
}

// waitFor returns once the condition holds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline, ticker := time.After(patience), time.NewTicker(10*time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("no %s after %s", what, patience)
		}
	}
}

func newName() string { return "tw_" + strings.ToLower(rand.Text()[:10]) }
