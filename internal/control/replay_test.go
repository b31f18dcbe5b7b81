package control_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/connector/connectortest/memory"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/job"
	"github.com/towpath/towpath/record"
)

// soiled is a rig whose target refused every third of n rows while strict was set.
type soiled struct {
	*rig
	strict *atomic.Bool
	key    string // of the run
}

// write is how the run writes: by mode, to a target of a way.
type write struct {
	mode connector.Mode
	way  connector.Way
}

var writes = map[string]write{
	"way A, insert": {connector.Insert, connector.WayA},
	"way A, append": {connector.Append, connector.WayA},
	"way B, upsert": {connector.Upsert, connector.WayB},
	"way C by A":    {connector.Replace, connector.WayA},
	"way C by B":    {connector.Replace, connector.WayB},
}

func newSoiled(t *testing.T, w write, n int) *soiled {
	t.Helper()
	s := &soiled{strict: new(atomic.Bool)}
	s.strict.Store(true)
	s.rig = newRig(t, memory.Options{}, memory.Options{Way: w.way, Reject: func(_ string, row connectortest.Row) record.Code {
		if id, _ := strconv.Atoi(row[0].Text); s.strict.Load() && id%3 == 0 && !strings.HasPrefix(row[1].Text, "mended") {
			return record.Rejected
		}
		return ""
	}}, n)
	if w.mode == connector.Append { // without a key, each row that is written twice is there twice
		keyless := people()
		keyless.Fields[0].Key = 0
		s.target.Make("people", keyless)
	}
	j, err := job.Parse([]byte("{name: test, mode: batch, source: {connector: from}, target: {connector: to}, streams: [{source: people, write: "+string(w.mode)+
		"}], settings: {group_rows: 10, shards: 4}}"), "job.yaml")
	if err != nil {
		t.Fatal(err)
	}
	run, err := s.run(j, nil)
	if err != nil || run.State != store.Succeeded {
		t.Fatalf("run is %s: %v", run.State, err)
	}
	s.key = run.Key
	s.holds(n-n/3, n/3)
	return s
}

// holds checks what the run has counted, that so many dirty rows wait, and that the target holds each written row once.
func (s *soiled) holds(written, dirty int) {
	s.t.Helper()
	c := s.counts(s.key)
	if c.Written != int64(written) || c.Dirty != int64(dirty) || !c.Balanced() {
		s.t.Errorf("counts are %+v, want %d written and %d dirty", c, written, dirty)
	}
	if waiting := len(s.waiting()); waiting != dirty {
		s.t.Errorf("%d dirty rows are listed, want %d", waiting, dirty)
	}
	seen := map[string]int{}
	for _, row := range s.target.Rows("people") {
		seen[row[0].Text]++
	}
	for id, n := range seen {
		if n != 1 {
			s.t.Errorf("row %s is there %d times", id, n)
		}
	}
	if len(seen) != written {
		s.t.Errorf("the target holds %d rows, want %d", len(seen), written)
	}
}

func (s *soiled) waiting() (all []store.DirtyAt) {
	s.t.Helper()
	for d, err := range s.Dirty(context.Background(), s.key, "", 0) {
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

func (s *soiled) replay(r control.Replaying) (store.Run, error) {
	return s.Replay(context.Background(), s.key, r, nil, nil)
}

// settled resumes a replay, each time as another process, until it succeeds.
func (s *soiled) settled(run store.Run, err error) {
	s.t.Helper()
	for n := 0; run.State != store.Succeeded; n++ {
		if n == 20 {
			s.t.Fatalf("replay is %s: %v", run.State, err)
		}
		run, err = s.service(s.Connectors).Resume(context.Background(), run.Key, control.ResumeOptions{}, nil)
	}
}

func TestReplay(t *testing.T) {
	t.Parallel()
	for name, w := range writes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSoiled(t, w, 90)
			text := "mended"
			row := s.waiting()[4]
			if n, err := s.Mend(context.Background(), s.key, store.Choice{Row: row.Cursor}, map[string]*string{"name": &text}, store.Entry{}); err != nil || n != 1 {
				t.Fatalf("%d rows mended: %v", n, err)
			}
			mended := s.waiting()[4]
			if mended.Mend.Who != "tester" || mended.Mend.At == 0 || *mended.Mend.Values["name"] != text || string(mended.Row) != string(row.Row) {
				t.Errorf("mended row is %+v, was %+v", mended, row)
			}
			// What does not fit stays dirty, and is counted nowhere twice.
			run, err := s.replay(control.Replaying{})
			if err != nil || run.State != store.Succeeded || run.Mode != control.ReplayMode {
				t.Fatalf("replay is %s: %v", run.State, err)
			}
			s.holds(61, 29)
			if c := s.counts(run.Key); c.Read != 30 || c.Written != 1 || c.Dirty != 29 {
				t.Errorf("the replay's counts are %+v", c)
			}
			s.strict.Store(false)
			if run, err = s.replay(control.Replaying{}); err != nil || run.State != store.Succeeded {
				t.Fatalf("replay is %s: %v", run.State, err)
			}
			s.holds(90, 0)
			if diff := cmp.Diff(1, mendedRows(s.target)); diff != "" {
				t.Errorf("mended rows: %s", diff)
			}
			if _, err = s.replay(control.Replaying{}); codeOf(err) != "TOW-341" {
				t.Errorf("a replay of nothing: %v", err)
			}
			if _, err = s.Replay(context.Background(), run.Key, control.Replaying{}, nil, nil); codeOf(err) != "TOW-344" {
				t.Errorf("a replay of a replay: %v", err)
			}
		})
	}
}

func mendedRows(s *memory.Store) (n int) {
	for _, row := range s.Rows("people") {
		if row[1].Text == "mended" {
			n++
		}
	}
	return n
}

func codeOf(err error) string {
	if e, ok := errors.AsType[*connector.Error](err); ok {
		return e.Code
	}
	return ""
}

// TestReplayCutAnywhere cuts a replay at each of its calls of the target in turn, before and after the call had its effect, and goes on as
// another process: no row is lost or doubled, and the counts of both runs hold.
func TestReplayCutAnywhere(t *testing.T) {
	t.Parallel()
	calls := map[memory.Op]int{memory.Prepare: 1, memory.Take: 1, memory.Write: 3, memory.Commit: 3, memory.Finish: 2}
	for _, name := range []string{"way A, append", "way B, upsert", "way C by A"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for op, n := range calls {
				for cut := range 2 * n {
					s := newSoiled(t, writes[name], 90)
					s.strict.Store(false)
					s.target.Inject(op, cut/2+1, memory.Fault{Err: connector.Errorf(connector.Full, "TOW-999", "cut off"), Applied: cut%2 == 1})
					run, err := s.replay(control.Replaying{})
					if run.State == store.Succeeded {
						t.Errorf("it was not cut")
					}
					s.settled(run, err)
					s.holds(90, 0)
					if t.Failed() {
						t.Fatalf("cut at %s %d, applied %t", op, cut/2+1, cut%2 == 1)
					}
				}
			}
		})
	}
}

// frozen begins a replay whose process stands still in a call of the target and is taken for dead; thaw lets it go on, and waits for its end.
func (s *soiled) frozen(op memory.Op, nth int) (key string, thaw func()) {
	s.t.Helper()
	reached, goOn, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	s.target.Inject(op, nth, memory.Fault{Reached: func() { close(reached) }, Wait: goOn})
	dying := s.dying()
	go func() {
		defer close(ended)
		_, _ = dying.Replay(context.Background(), s.key, control.Replaying{}, nil, func(k string, _ *engine.Plan) { key = k })
	}()
	<-reached
	return key, func() {
		close(goOn)
		<-ended
	}
}

// TestReplayOfAFrozenProcess: who was taken for dead and goes on writes nothing any more.
func TestReplayOfAFrozenProcess(t *testing.T) {
	t.Parallel()
	for name, w := range writes {
		for _, op := range []memory.Op{memory.Write, memory.Commit} {
			t.Run(name+", "+string(op), func(t *testing.T) {
				t.Parallel()
				s := newSoiled(t, w, 90)
				s.strict.Store(false)
				key, thaw := s.frozen(op, 2)
				s.settled(s.resume(key))
				s.holds(90, 0)
				thaw()
				s.holds(90, 0)
			})
		}
	}
}

// TestReplayStopped: what a stopped replay has not written is free, also where its process was frozen in a commit, or the answer of one was lost.
func TestReplayStopped(t *testing.T) {
	t.Parallel()
	for name, w := range writes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSoiled(t, w, 90)
			s.strict.Store(false)
			key, thaw := s.frozen(memory.Commit, 2)
			if n, err := s.Mend(context.Background(), s.key, store.Choice{}, nil, store.Entry{}); codeOf(err) != "TOW-341" {
				t.Errorf("%d rows mended that a replay has: %v", n, err)
			}
			if _, err := s.replay(control.Replaying{}); codeOf(err) != "TOW-341" {
				t.Errorf("a second replay of the same rows: %v", err)
			}
			run, err := s.Stop(context.Background(), key, "enough")
			if err != nil || run.State != store.Stopped {
				t.Fatalf("replay is %s: %v", run.State, err)
			}
			s.holdsStopped(w, 70, 20)
			thaw()
			s.settled(s.replay(control.Replaying{}))
			s.holds(90, 0)
		})
		t.Run(name+", answer lost", func(t *testing.T) {
			t.Parallel()
			s := newSoiled(t, w, 90)
			s.strict.Store(false)
			s.target.Inject(memory.Commit, 2, memory.Fault{Err: errors.New("cut off"), Applied: true})
			run, err := s.replay(control.Replaying{})
			if run.State != store.Failed {
				t.Fatalf("replay is %s: %v", run.State, err)
			}
			if run, err = s.service(s.Connectors).Stop(context.Background(), run.Key, ""); err != nil || run.State != store.Stopped {
				t.Fatalf("replay is %s: %v", run.State, err)
			}
			s.settled(s.replay(control.Replaying{}))
			s.holds(90, 0)
		})
	}
}

// holdsStopped is holds where way B may have written more than it has committed.
func (s *soiled) holdsStopped(w write, written, dirty int) {
	s.t.Helper()
	if w.way == connector.WayA {
		s.holds(written, dirty)
	} else if c := s.counts(s.key); c.Written != int64(written) || c.Dirty != int64(dirty) {
		s.t.Errorf("counts are %+v, want %d written and %d dirty", c, written, dirty)
	}
}

// TestReplayStoppedWithoutItsTarget: whether rows were written is not known, so that none of them is written again.
func TestReplayStoppedWithoutItsTarget(t *testing.T) {
	t.Parallel()
	s := newSoiled(t, writes["way A, append"], 90)
	s.strict.Store(false)
	s.target.Inject(memory.Commit, 2, memory.Fault{Err: errors.New("cut off"), Applied: true})
	run, err := s.replay(control.Replaying{})
	if run.State != store.Failed {
		t.Fatalf("replay is %s: %v", run.State, err)
	}
	s.target.Inject(memory.Open, 1, memory.Fault{Err: connector.Errorf(connector.Missing, "TOW-999", "no such host")})
	run, err = s.Stop(context.Background(), run.Key, "")
	if err != nil || run.State != store.Stopped || !strings.Contains(run.Reason, "none of them is written again") {
		t.Fatalf("replay is %s (%s): %v", run.State, run.Reason, err)
	}
	if _, err := s.replay(control.Replaying{}); codeOf(err) != "TOW-341" {
		t.Errorf("a replay of rows of which nothing is known: %v", err)
	}
}

func TestReplayByPolicy(t *testing.T) {
	t.Parallel()
	r := newRig(t, memory.Options{}, memory.Options{}, 120)
	j, err := job.Parse([]byte(`{name: test, mode: batch, source: {connector: from}, target: {connector: to}, settings: {group_rows: 10},
		streams: [{source: people, write: replace, columns: [id, {from: name, type: text(9)}]}]}`), "job.yaml")
	if err != nil {
		t.Fatal(err)
	}
	run, err := r.run(j, nil)
	if err != nil || run.State != store.Succeeded {
		t.Fatalf("run is %s: %v", run.State, err)
	}
	s := &soiled{rig: r, key: run.Key}
	s.holds(99, 21)
	if _, err := s.replay(control.Replaying{On: record.Policies{record.Trunc: "null"}}); codeOf(err) != "TOW-345" {
		t.Errorf("a policy that TRUNC has not: %v", err)
	}
	tooLong, none := strings.Repeat("x", 10), (*string)(nil)
	if _, err := s.Mend(context.Background(), s.key, store.Choice{}, map[string]*string{"nam": &tooLong}, store.Entry{}); codeOf(err) != "TOW-340" {
		t.Errorf("a column that is not there: %v", err)
	}
	if _, err := s.Mend(context.Background(), s.key, store.Choice{}, map[string]*string{"id": &tooLong}, store.Entry{}); codeOf(err) != "TOW-340" {
		t.Errorf("a text for a number: %v", err)
	}
	if _, err := s.Mend(context.Background(), s.key, store.Choice{Row: s.waiting()[0].Cursor}, map[string]*string{"name": none}, store.Entry{}); err != nil {
		t.Error(err)
	}
	if run, err = s.replay(control.Replaying{Choice: store.Choice{Code: record.Trunc}, On: record.Policies{record.Trunc: "truncate"}}); err != nil || run.State != store.Succeeded {
		t.Fatalf("replay is %s: %v", run.State, err)
	}
	s.holds(120, 0)
	rows := map[string]connectortest.Cell{}
	for _, row := range r.target.Rows("people") {
		rows[row[0].Text] = row[1]
	}
	if !rows["100"].Null || rows["101"].Text != "person 10" {
		t.Errorf("rows 100 and 101 are %v and %v", rows["100"], rows["101"])
	}
}

// TestReplayWaitsForThePublished: rows of a run that is not over are mended at once, and replayed once it is.
func TestReplayWaitsForThePublished(t *testing.T) {
	t.Parallel()
	s := &soiled{rig: newRig(t, memory.Options{}, memory.Options{Reject: func(_ string, row connectortest.Row) record.Code {
		if row[0].Text == "7" && row[1].Text != "mended" {
			return record.Rejected
		}
		return ""
	}}, 100)}
	s.target.Inject(memory.Finish, 1, memory.Fault{Err: errors.New("cut off")})
	run, err := s.run(s.job("{group_rows: 10}"), nil)
	if run.State != store.Failed {
		t.Fatalf("run is %s: %v", run.State, err)
	}
	s.key = run.Key
	text := "mended"
	if _, err := s.Mend(context.Background(), s.key, store.Choice{}, map[string]*string{"name": &text}, store.Entry{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.replay(control.Replaying{}); codeOf(err) != "TOW-346" {
		t.Errorf("a replay before the run has published: %v", err)
	}
	if run, err = s.resume(s.key); err != nil || run.State != store.Succeeded {
		t.Fatalf("run is %s: %v", run.State, err)
	}
	// As a server does it: queued, and taken up again when its process was left in the middle.
	n, err := s.NewReplay(context.Background(), s.key, control.Replaying{Choice: store.Choice{Mended: true}}, "mended by hand")
	if err != nil {
		t.Fatal(err)
	}
	n.Key, n.Duty = "r1", store.Duty{Served: true, Queued: 1}
	if _, err := s.Store.CreateRun(context.Background(), n); err != nil {
		t.Fatal(err)
	}
	if run, err := s.takeUp(s.Service, "r1", make(chan struct{})); err != nil || run.State != store.Succeeded {
		t.Fatalf("replay is %s: %v", run.State, err)
	}
	s.holds(100, 0)
}
