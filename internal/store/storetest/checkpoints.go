package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/store"
)

func testCheckpoint(t *testing.T, f *fixture) {
	f.running(t, "k1", []store.Stream{stream("s")}, shardsOf("s", 2)...)
	l := f.take(t, "w")
	cp := checkpoint(l.Shard.ID, 3, 100)
	must(t, f.SaveCheckpoint(f.ctx, "k1", l.Lease.Epoch, cp))
	must(t, f.SaveCheckpoint(f.ctx, "k1", l.Lease.Epoch, cp))
	wantClass(t, f.SaveCheckpoint(f.ctx, "k1", l.Lease.Epoch, checkpoint(l.Shard.ID, 2, 50)), connector.Fenced, "TOW-215")
	wantClass(t, f.SaveCheckpoint(f.ctx, "k1", l.Lease.Epoch, checkpoint("none", 2, 50)), connector.Missing, "TOW-217")
	other := cp
	other.Rev = 1
	wantClass(t, f.SaveCheckpoint(f.ctx, "k1", l.Lease.Epoch, other), connector.Changed, "TOW-216")
	must(t, f.ReleaseShard(f.ctx, epochOf(l), store.Failure{}))
	f.take(t, "w") // the other one: more of it is left
	again := f.take(t, "w")
	if diff := cmp.Diff(cp, again.Checkpoint); diff != "" {
		t.Errorf("checkpoint: %s", diff)
	}
	if done, err := f.Finished(f.ctx, "k1"); err != nil || done {
		t.Errorf("finished with shards left: %v, %v", done, err)
	}
	for row, err := range f.Shards(f.ctx, "k1", "s") {
		must(t, err)
		final := checkpoint(row.Shard.ID, 9, 200)
		final.Done = true
		must(t, f.SaveCheckpoint(f.ctx, "k1", row.Epoch, final))
		// A release that comes late reopens nothing.
		must(t, f.ReleaseShard(f.ctx, store.ShardEpoch{Run: "k1", Shard: row.Shard.ID, Epoch: row.Epoch}, store.Failure{Text: "late"}))
	}
	if done, err := f.Finished(f.ctx, "k1"); err != nil || !done {
		t.Errorf("finished: %v, %v", done, err)
	}
	f.none(t, "all are done")
}

func testFenced(t *testing.T, f *fixture) {
	f.running(t, "k1", []store.Stream{stream("s")}, shardsOf("s", 1)...)
	old := f.take(t, "frozen")
	must(t, f.SaveCheckpoint(f.ctx, "k1", old.Lease.Epoch, checkpoint(old.Shard.ID, 1, 10)))
	must(t, f.ReleaseShard(f.ctx, epochOf(old), store.Failure{}))
	l := f.take(t, "successor")
	id, epoch := old.Shard.ID, old.Lease.Epoch
	cp := checkpoint(id, 2, 20)
	near := old.Shard
	near.Rev = 1
	for name, err := range map[string]error{
		"save":   f.SaveCheckpoint(f.ctx, "k1", epoch, cp),
		"commit": f.CommitCheckpoint(f.ctx, "k1", epoch, cp, []store.DirtyRow{{Code: "NULL"}}),
		"dirty":  f.AddDirty(f.ctx, "k1", id, epoch, 2, []store.DirtyRow{{Code: "NULL"}}),
		"drop":   f.DropDirty(f.ctx, "k1", id, epoch, 0),
		"divide": f.Divide(f.ctx, "k1", epoch, near, checkpoint(id, 1, 10), shardsOf("far", 1)),
	} {
		if connector.ClassOf(err) != connector.Fenced {
			t.Errorf("%s by the former owner: %v", name, err)
		}
	}
	must(t, f.ReleaseShard(f.ctx, epochOf(old), store.Failure{Text: "late"}))
	row, err := f.Shard(f.ctx, "k1", id)
	must(t, err)
	if row.State != store.ShardLeased || row.Epoch != l.Lease.Epoch || row.Checkpoint.Seq != 1 || row.Shard.Rev != 0 || row.Failing.Attempts != 0 {
		t.Errorf("the former owner changed the shard: %+v", row)
	}
	if n, err := f.DirtyCount(f.ctx, "k1"); err != nil || n != 0 {
		t.Errorf("%d dirty rows, %v", n, err)
	}
}

func testCommit(t *testing.T, f *fixture) {
	f.running(t, "k1", []store.Stream{stream("s")}, shardsOf("s", 1)...)
	l := f.take(t, "w")
	rows := []store.DirtyRow{{Ordinal: 0, Code: "RANGE", Column: "c", Reason: "too large", Key: "7", Row: []byte(`{"c":"300"}`)}, {Ordinal: 1, Code: "NULL"}}
	must(t, f.CommitCheckpoint(f.ctx, "k1", l.Lease.Epoch, checkpoint(l.Shard.ID, 1, 20), rows))
	// Two rows of one ordinal: neither the rows nor the checkpoint stay.
	if err := f.CommitCheckpoint(f.ctx, "k1", l.Lease.Epoch, checkpoint(l.Shard.ID, 2, 40), []store.DirtyRow{{Ordinal: 5}, {Ordinal: 5}}); err == nil {
		t.Error("two dirty rows of one ordinal were taken")
	}
	row, err := f.Shard(f.ctx, "k1", l.Shard.ID)
	must(t, err)
	if n, err := f.DirtyCount(f.ctx, "k1"); err != nil || n != 2 || row.Checkpoint.Seq != 1 {
		t.Errorf("%d dirty rows at seq %d, %v; want 2 at 1", n, row.Checkpoint.Seq, err)
	}
}

func testDirty(t *testing.T, f *fixture) {
	f.running(t, "k1", []store.Stream{stream("s")}, shardsOf("s", 2)...)
	b, a := f.take(t, "w"), f.take(t, "w")
	rows := func(n int) []store.DirtyRow {
		all := make([]store.DirtyRow, n)
		for i := range all {
			all[i] = store.DirtyRow{Ordinal: int64(i), Code: "RANGE", Column: "c", Reason: "r", Key: fmt.Sprint(i), Row: fmt.Appendf(nil, `{"c":"%d"}`, i)}
		}
		return all
	}
	add := func(l store.Leased, seq int64, n int) {
		must(t, f.AddDirty(f.ctx, "k1", l.Shard.ID, l.Lease.Epoch, seq, rows(n)))
	}
	add(a, 1, 5)
	add(a, 1, 3)
	add(a, 2, 250)
	add(b, 1, 2)
	list := func(after store.DirtyCursor, limit int) (got []store.DirtyAt) {
		for d, err := range f.Dirty(f.ctx, "k1", "", after, limit) {
			must(t, err)
			got = append(got, d)
		}
		return got
	}
	if early := list(store.DirtyCursor{}, 0); len(early) != 0 {
		t.Errorf("%d dirty rows listed of commits that are not made", len(early))
	}
	for l, seq := range map[*store.Leased]int64{&a: 2, &b: 1} {
		must(t, f.SaveCheckpoint(f.ctx, "k1", l.Lease.Epoch, connector.Checkpoint{Shard: l.Shard.ID, Seq: seq, Range: l.Shard.Range}))
	}
	// From an ordinal on: what a shard without order adds to its one commit.
	must(t, f.AddDirty(f.ctx, "k1", a.Shard.ID, a.Lease.Epoch, 2, rows(250)[200:]))
	all := list(store.DirtyCursor{}, 0)
	if n, err := f.DirtyCount(f.ctx, "k1"); err != nil || n != 255 || len(all) != 255 {
		t.Fatalf("%d rows counted, %d listed, %v; want 255", n, len(all), err)
	}
	want := store.DirtyAt{DirtyRow: rows(3)[2], Cursor: store.DirtyCursor{Shard: a.Shard.ID, Seq: 1, Ordinal: 2}, At: all[2].At}
	if diff := cmp.Diff(want, all[2]); diff != "" || all[2].At == 0 {
		t.Errorf("third row: %s", diff)
	}
	odd := store.DirtyRow{Ordinal: 7, Code: "UTF8", Reason: "\xffa\x00b", Key: "k\x00\xc3", Row: []byte("{\"c\":\"\x00\"}")}
	must(t, f.AddDirty(f.ctx, "k1", b.Shard.ID, b.Lease.Epoch, 1, []store.DirtyRow{odd}))
	last := list(all[254].Cursor, 0)
	if odd.Reason, odd.Key = "\uFFFDa\uFFFDb", "k\uFFFD\uFFFD"; len(last) != 1 || cmp.Diff(odd, last[0].DirtyRow) != "" {
		t.Errorf("a row with bytes that are no text: %+v, want %+v", last, odd)
	}
	must(t, f.AddDirty(f.ctx, "k1", b.Shard.ID, b.Lease.Epoch, 1, rows(2)))
	if got := list(all[99].Cursor, 120); cmp.Diff(all[100:220], got) != "" {
		t.Errorf("rows 101 to 220: got %d of them, %s", len(got), cmp.Diff(all[100:220], got))
	}
	for range f.Dirty(f.ctx, "k1", "", store.DirtyCursor{}, 0) {
		break
	}
	must(t, f.DropDirty(f.ctx, "k1", a.Shard.ID, a.Lease.Epoch, 1))
	if got := list(store.DirtyCursor{}, 0); len(got) != 5 {
		t.Errorf("%d rows after the drop, want 5", len(got))
	}
	add(a, 1, 0)
	if n, err := f.DirtyCount(f.ctx, "k1"); err != nil || n != 2 {
		t.Errorf("%d rows after a group without any came instead, %v; want 2", n, err)
	}
}

func testRemember(t *testing.T, f *fixture) {
	run := f.running(t, "k1", []store.Stream{stream("s")}, shardsOf("s", 3)...)
	c, b, a := f.take(t, "w"), f.take(t, "w"), f.take(t, "w")
	for _, l := range []store.Leased{a, b, c} {
		for seq := int64(1); seq <= 3; seq++ {
			must(t, f.AddDirty(f.ctx, "k1", l.Shard.ID, l.Lease.Epoch, seq, []store.DirtyRow{{Code: "NULL"}}))
		}
	}
	ours := checkpoint(a.Shard.ID, 3, 30)
	ours.Done = true
	must(t, f.SaveCheckpoint(f.ctx, "k1", a.Lease.Epoch, ours))
	back, ahead := checkpoint(a.Shard.ID, 1, 10), checkpoint(b.Shard.ID, 3, 30) // the target was put back; the target is ahead of us
	ahead.Done = true
	must(t, f.remember("k1", run.Epoch, back, ahead))
	wantClass(t, f.SaveCheckpoint(f.ctx, "k1", a.Lease.Epoch, checkpoint(a.Shard.ID, 4, 40)), connector.Fenced, "TOW-215")
	l := f.take(t, "w")
	if diff := cmp.Diff(back, l.Checkpoint); diff != "" || l.Shard.ID != a.Shard.ID || l.Lease.Epoch != a.Lease.Epoch+2 {
		t.Errorf("reopened shard %s, epoch %d: %s", l.Shard.ID, l.Lease.Epoch, diff)
	}
	if row, err := f.Shard(f.ctx, "k1", b.Shard.ID); err != nil || row.State != store.ShardDone || row.Checkpoint.Seq != 3 {
		t.Errorf("closed shard: %+v, %v", row, err)
	}
	if n, err := f.DirtyCount(f.ctx, "k1"); err != nil || n != 3+3+3 {
		t.Errorf("%d dirty rows before the shard is taken from its owner, who may yet commit, %v; want 9", n, err)
	}
	must(t, f.DropDirty(f.ctx, "k1", l.Shard.ID, l.Lease.Epoch, l.Checkpoint.Seq))
	if n, err := f.DirtyCount(f.ctx, "k1"); err != nil || n != 1+3+3 {
		t.Errorf("%d dirty rows, %v; want 7", n, err)
	}
	wantClass(t, f.remember("k1", run.Epoch+1, back), connector.Fenced, "TOW-213")
}

func testRestored(t *testing.T, f *fixture) {
	run := f.running(t, "k1", []store.Stream{stream("s")}, shardsOf("s", 2)...)
	higher := checkpoint("s-000002", 5, 10)
	higher.Rev = 1
	for name, cp := range map[string]connector.Checkpoint{"unknown shard": checkpoint("s-000009", 1, 10), "higher revision": higher} {
		wantClass(t, f.remember("k1", run.Epoch, checkpoint("s-000001", 7, 10), cp), connector.Changed, "TOW-216")
		if row, err := f.Shard(f.ctx, "k1", "s-000001"); err != nil || row.Checkpoint.Seq != 0 {
			t.Errorf("%s: the other checkpoint was taken over: %+v, %v", name, row.Checkpoint, err)
		}
	}
}

func testReset(t *testing.T, f *fixture) {
	run := f.running(t, "k1", []store.Stream{stream("s")}, shardsOf("s", 1)...)
	l := f.take(t, "w")
	cp := doneAt(l.Shard.ID)
	must(t, f.CommitCheckpoint(f.ctx, "k1", l.Lease.Epoch, cp, []store.DirtyRow{{Code: "NULL"}}))
	f.none(t, "all are done")
	if is, err := f.ReadyStream(f.ctx, "k1", run.Epoch, "s", store.Remembered{Keeps: true}); err != nil || is != (store.Ready{State: store.StreamRunning, Left: 1}) {
		t.Errorf("a stream whose target has forgotten it is ready as %+v, %v; want 1 shard left and nothing copied", is, err)
	}
	again := f.take(t, "w")
	if again.Checkpoint.Seq != 0 || again.Checkpoint.At != nil || again.Lease.Epoch != l.Lease.Epoch+2 {
		t.Errorf("reset shard: %+v", again)
	}
	must(t, f.DropDirty(f.ctx, "k1", again.Shard.ID, again.Lease.Epoch, again.Checkpoint.Seq))
	if n, err := f.DirtyCount(f.ctx, "k1"); err != nil || n != 0 {
		t.Errorf("%d dirty rows, %v", n, err)
	}
	_, err := f.ReadyStream(f.ctx, "k1", run.Epoch-1, "s", store.Remembered{Keeps: true})
	wantClass(t, err, connector.Fenced, "TOW-213")
}

func testDivide(t *testing.T, f *fixture) {
	f.running(t, "k1", []store.Stream{stream("s")}, shardsOf("s", 1)...)
	l := f.take(t, "w")
	must(t, f.SaveCheckpoint(f.ctx, "k1", l.Lease.Epoch, checkpoint(l.Shard.ID, 1, 10)))
	near := l.Shard
	near.Rev, near.Range, near.Rows = 1, []byte("narrow"), 20
	cp := checkpoint(l.Shard.ID, 2, 15)
	cp.Rev, cp.Range = 1, near.Range
	far := []connector.Shard{shard("far", "s", 50)}
	// A far shard whose id is taken: nothing of the division stays.
	if err := f.Divide(f.ctx, "k1", l.Lease.Epoch, near, cp, []connector.Shard{far[0], l.Shard}); err == nil {
		t.Error("a division into an id that is taken went through")
	}
	if row, err := f.Shard(f.ctx, "k1", l.Shard.ID); err != nil || row.Shard.Rev != 0 || row.Checkpoint.Seq != 1 {
		t.Errorf("after the refused division: %+v, %v", row, err)
	}
	must(t, f.Divide(f.ctx, "k1", l.Lease.Epoch, near, cp, far))
	wantClass(t, f.Divide(f.ctx, "k1", l.Lease.Epoch, near, cp, nil), connector.Fenced, "TOW-215")
	wantClass(t, f.SaveCheckpoint(f.ctx, "k1", l.Lease.Epoch, checkpoint(l.Shard.ID, 3, 16)), connector.Changed, "TOW-216")
	row, err := f.Shard(f.ctx, "k1", l.Shard.ID)
	must(t, err)
	if diff := cmp.Diff(near, row.Shard) + cmp.Diff(cp, row.Checkpoint); diff != "" || row.State != store.ShardLeased {
		t.Errorf("near part: %s", diff)
	}
	if idle := f.take(t, "idle"); cmp.Diff(far[0], idle.Shard) != "" || idle.Checkpoint.Seq != 0 {
		t.Errorf("far part: %+v", idle)
	}
	// The target was put back to before the division: its checkpoint has the lower revision and holds.
	must(t, f.remember("k1", 1, checkpoint(l.Shard.ID, 1, 10)))
}

// testProgress does at random what changes counts and compares the sums with those of the shards after each step.
func testProgress(t *testing.T, f *fixture) {
	shards := append(shardsOf("a", 5), shardsOf("b", 5)...)
	run := f.running(t, "k1", []store.Stream{stream("a"), stream("b")}, shards...)
	epochs := map[string]int64{}
	for range shards {
		l := f.take(t, "w")
		epochs[l.Shard.ID] = l.Lease.Epoch
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		sh := shards[random.IntN(len(shards))]
		row, err := f.Shard(f.ctx, "k1", sh.ID)
		must(t, err)
		cp := checkpoint(sh.ID, row.Checkpoint.Seq+1, random.Int64N(1000))
		cp.Rev, cp.Superseded, cp.Filtered, cp.Done = row.Shard.Rev, random.Int64N(5), random.Int64N(5), random.IntN(4) == 0
		switch what := random.IntN(5); {
		case what == 0:
			_, err = f.ReadyStream(f.ctx, "k1", run.Epoch, sh.Stream, store.Remembered{Checkpoints: []connector.Checkpoint{cp}})
		case what == 1:
			r := store.Remembered{Keeps: true} // all but this shard
			for other, err := range f.Shards(f.ctx, "k1", sh.Stream) {
				must(t, err)
				if other.Shard.ID != sh.ID && other.Checkpoint.Seq > 0 {
					r.Checkpoints = append(r.Checkpoints, other.Checkpoint)
				}
			}
			_, err = f.ReadyStream(f.ctx, "k1", run.Epoch, sh.Stream, r)
		case what == 2 && row.State != store.ShardDone:
			near := row.Shard
			near.Rev++
			cp.Rev, cp.Done = near.Rev, false
			other := shard(fmt.Sprintf("%s/%d", sh.ID, near.Rev), sh.Stream, 5)
			err = f.Divide(f.ctx, "k1", row.Epoch, near, cp, []connector.Shard{other})
			shards = append(shards, other)
		default:
			err = f.SaveCheckpoint(f.ctx, "k1", row.Epoch, cp)
		}
		must(t, err)
		f.wantProgress(t, "k1")
	}
}

func (f *fixture) wantProgress(t *testing.T, run string) {
	t.Helper()
	streams, err := f.Streams(f.ctx, run)
	must(t, err)
	var want []store.Progress
	for _, st := range streams {
		st.Hash = nil
		p := store.Progress{Stream: st, State: store.StreamRunning}
		for row, err := range f.Shards(f.ctx, run, st.ID) {
			must(t, err)
			p.Counts.Add(row.Checkpoint.Counts)
			p.Shards++
			if row.State == store.ShardDone {
				p.Done++
			}
			if row.State == store.ShardLeased {
				p.Active++
			}
		}
		if p.Done == p.Shards {
			p.State = store.StreamCopied
		}
		want = append(want, p)
	}
	got, err := f.Progress(f.ctx, run)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("progress: %s", diff)
	}
}

// idsOf returns the ids of all shards of a stream, sorted.
func (f *fixture) idsOf(t *testing.T, run, stream string) []string {
	t.Helper()
	var ids []string
	for row, err := range f.Shards(f.ctx, run, stream) {
		must(t, err)
		ids = append(ids, row.Shard.ID)
	}
	if !slices.IsSorted(ids) {
		t.Errorf("shards of stream %s are not in order", stream)
	}
	return ids
}
