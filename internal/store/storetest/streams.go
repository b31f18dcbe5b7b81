package storetest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/store"
)

// testStreamStages: parents before children, and who waits for a stream that failed waits for good.
func testStreamStages(t *testing.T, f *fixture) {
	parent, child, other, late := stream("parent"), stream("child"), stream("other"), stream("late")
	child.Stage, other.Stage, late.Stage = 1, 1, 2
	streams := []store.Stream{late, child, other, parent}
	l := f.running(t, "k1", streams, slices.Concat(shardsOf("late", 1), shardsOf("child", 1), shardsOf("other", 1), shardsOf("parent", 2))...)
	big := f.take(t, "w")
	if big.Stream != "parent" {
		t.Fatalf("leased a shard of %s first, want parent", big.Stream)
	}
	must(t, f.SaveCheckpoint(f.ctx, "k1", big.Lease.Epoch, doneAt(big.Shard.ID)))
	small := f.take(t, "w")
	f.none(t, "a shard of the lower stage is at work")
	must(t, f.ReleaseShard(f.ctx, epochOf(small), store.Failure{Text: "away", After: time.Hour}))
	f.none(t, "a shard of the lower stage rests")
	if done, err := f.Finished(f.ctx, "k1"); err != nil || done {
		t.Errorf("finished with streams at work: %v, %v", done, err)
	}
	must(t, f.FailStream(f.ctx, "k1", l.Epoch, "parent", store.Failure{Text: "no right", Code: "TOW-999"}, "child"))
	free := f.take(t, "w")
	if free.Stream != "other" {
		t.Errorf("leased a shard of %s, want other: child waits for its parent", free.Stream)
	}
	must(t, f.SaveCheckpoint(f.ctx, "k1", free.Lease.Epoch, doneAt(free.Shard.ID)))
	if l := f.take(t, "w"); l.Stream != "late" {
		t.Errorf("leased a shard of %s, want late", l.Stream)
	} else {
		must(t, f.SaveCheckpoint(f.ctx, "k1", l.Lease.Epoch, doneAt(l.Shard.ID)))
	}
	f.none(t, "the parent has failed and its child is held")
	if done, err := f.Finished(f.ctx, "k1"); err != nil || !done {
		t.Errorf("nothing more can be done, finished is %v, %v", done, err)
	}
	f.wantStates(t, "k1", "late copied, child held, other copied, parent failed (no right TOW-999)")
	must(t, f.BeginStreams(f.ctx, "k1", l.Epoch))
	f.wantStates(t, "k1", "late waiting, child waiting, other waiting, parent waiting")
	f.none(t, "all wait for their targets to be prepared")
}

func (f *fixture) wantStates(t *testing.T, run, want string) {
	t.Helper()
	all, err := f.Progress(f.ctx, run)
	must(t, err)
	var states []string
	count := map[store.StreamState]int{}
	for _, p := range all {
		text := p.Stream.ID + " " + string(p.State)
		if p.Failure != "" {
			text += " (" + p.Failure + " " + p.Code + ")"
		}
		states = append(states, text)
		count[p.State]++
	}
	if got := strings.Join(states, ", "); got != want {
		t.Errorf("states are %s; want %s", got, want)
	}
	totals, err := f.Totals(f.ctx, run, "unknown")
	must(t, err)
	var sum connector.Counts
	for _, p := range all {
		sum.Add(p.Counts)
	}
	if len(totals) != 1 || totals[run] != sum {
		t.Errorf("totals are %+v, want %+v", totals, sum)
	}
	counted, err := f.StreamStates(f.ctx, run, "unknown")
	must(t, err)
	for state, n := range count {
		if counted[run][state] != n {
			t.Errorf("%d streams are counted %s, want %d", counted[run][state], state, n)
		}
	}
}

func testStreamStates(t *testing.T, f *fixture) {
	l := f.newRun(t, "k1", "p")
	must(t, f.SavePlan(f.ctx, "k1", l.Epoch, store.Plan{Format: 1}, []store.Stream{stream("a"), stream("b"), stream("none")}, slices.Values(append(shardsOf("a", 1), shardsOf("b", 1)...))))
	f.move(t, "k1", store.Planning, store.Running)
	f.wantStates(t, "k1", "a waiting, b waiting, none waiting")
	for stream, want := range map[string]int{"a": 1, "none": 0} {
		if is, err := f.ReadyStream(f.ctx, "k1", l.Epoch, stream, store.Remembered{}); err != nil || is.Left != want {
			t.Errorf("%d shards left of stream %s, %v; want %d", is.Left, stream, err, want)
		}
	}
	f.wantStates(t, "k1", "a running, b waiting, none copied")
	if untouched, err := f.Untouched(f.ctx, "k1"); err != nil || !untouched {
		t.Errorf("untouched before the first lease: %v, %v", untouched, err)
	}
	a := f.take(t, "w")
	f.none(t, "b waits")
	if untouched, err := f.Untouched(f.ctx, "k1"); err != nil || untouched {
		t.Errorf("untouched after the first lease: %v, %v", untouched, err)
	}
	must(t, f.SaveCheckpoint(f.ctx, "k1", a.Lease.Epoch, doneAt(a.Shard.ID)))
	f.wantStates(t, "k1", "a copied, b waiting, none copied")
	_, err := f.BeginSteps(f.ctx, "k1", l.Epoch, "prepare a")
	must(t, err)
	is, err := f.ReadyStream(f.ctx, "k1", l.Epoch, "a", store.Remembered{Step: "prepare a"})
	if want := doneAt(a.Shard.ID).Counts; err != nil || is.Left != 0 || is.Counts != want {
		t.Errorf("a stream that is copied is ready as %+v, %v; want counts %+v", is, err, want)
	}
	if steps, err := f.Steps(f.ctx, "k1"); err != nil || steps[0].State != store.StepDone {
		t.Errorf("steps: %+v, %v", steps, err)
	}
	must(t, f.EndStreams(f.ctx, "k1", l.Epoch, "a", "none"))
	must(t, f.FailStream(f.ctx, "k1", l.Epoch, "b", store.Failure{Text: "gone"}))
	must(t, f.BeginStreams(f.ctx, "k1", l.Epoch))
	f.wantStates(t, "k1", "a done, b waiting, none done")
	wantClass(t, f.BeginStreams(f.ctx, "k1", l.Epoch+1), connector.Fenced, "TOW-213")
	wantClass(t, f.FailStream(f.ctx, "k1", l.Epoch+1, "b", store.Failure{}), connector.Fenced, "TOW-213")
	wantClass(t, f.EndStreams(f.ctx, "k1", l.Epoch+1, "b"), connector.Fenced, "TOW-213")
}

func testConsistency(t *testing.T, f *fixture) {
	l, err := f.CreateRun(f.ctx, store.NewRun{Key: "k1", Owner: owner("p"), TTL: ttl, Consistency: "snapshot"})
	must(t, err)
	f.newRun(t, "k2", "p")
	want := func(key string, ok func(c store.Consistency) bool) {
		t.Helper()
		if run, err := f.Run(f.ctx, key); err != nil || !ok(run.Consistency) {
			t.Errorf("consistency of %s is %+v, %v", key, run.Consistency, err)
		}
	}
	want("k1", func(c store.Consistency) bool { return c == store.Consistency{Wanted: "snapshot"} })
	want("k2", func(c store.Consistency) bool { return c == store.Consistency{Wanted: "fuzzy"} })
	must(t, f.EndSnapshot(f.ctx, l))
	want("k1", func(c store.Consistency) bool { return c.Until == 0 }) // there was none that could end
	must(t, f.SetSnapshot(f.ctx, l, 12*time.Millisecond))
	want("k1", func(c store.Consistency) bool { return c.At > 0 && c.Locked == 12 && c.Until == 0 })
	must(t, f.EndSnapshot(f.ctx, l))
	run, err := f.Run(f.ctx, "k1")
	must(t, err)
	if run.Consistency.Until < run.Consistency.At {
		t.Errorf("ended at %d, made at %d", run.Consistency.Until, run.Consistency.At)
	}
	f.past(t, run.Consistency.Until)
	must(t, f.EndSnapshot(f.ctx, l))
	want("k1", func(c store.Consistency) bool { return c == run.Consistency })
	former := l
	former.Epoch--
	wantClass(t, f.SetSnapshot(f.ctx, former, 0), connector.Fenced, "TOW-213")
}

// testTogether changes shards from many goroutines, some of which are refused or cancelled: all others stand, each whole.
func testTogether(t *testing.T, f *fixture) {
	const shards = 60
	f.running(t, "k1", []store.Stream{stream("s")}, shardsOf("s", shards)...)
	leased := make([]store.Leased, shards)
	for i := range leased {
		leased[i] = f.take(t, "w")
	}
	ended, end := context.WithCancel(f.ctx)
	end()
	var wg sync.WaitGroup
	for i, l := range leased {
		wg.Go(func() {
			id, epoch := l.Shard.ID, l.Lease.Epoch
			for seq := int64(1); seq <= 5; seq++ {
				ctx, rows := f.ctx, []store.DirtyRow{{Ordinal: 0, Code: "RANGE"}}
				switch {
				case i%5 == 3: // half of the change is made before it is refused
					rows = append(rows, rows[0])
				case i%5 == 4:
					ctx = ended
				}
				err := f.CommitCheckpoint(ctx, "k1", epoch, checkpoint(id, seq, seq), rows)
				if want := i%5 >= 3; (err != nil) != want {
					t.Errorf("commit %d of shard %s: %v", seq, id, err)
				}
			}
		})
	}
	wg.Wait()
	good := int64(0)
	for i, l := range leased {
		row, err := f.Shard(f.ctx, "k1", l.Shard.ID)
		must(t, err)
		want := int64(5)
		if i%5 >= 3 {
			want = 0
		}
		if row.Checkpoint.Seq != want {
			t.Errorf("shard %s is at commit %d, want %d", l.Shard.ID, row.Checkpoint.Seq, want)
		}
		good += want
	}
	if n, err := f.DirtyCount(f.ctx, "k1"); err != nil || n != good {
		t.Errorf("%d dirty rows, %v; want %d", n, err, good)
	}
	f.wantProgress(t, "k1")
}
