package storetest

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/record"
)

// soiled makes run k1 with n committed dirty rows of 10 * n in its stream s, which is published.
func (f *fixture) soiled(t *testing.T, n int) {
	t.Helper()
	run := f.running(t, "k1", []store.Stream{stream("s")}, shardsOf("s", 1)...)
	l := f.take(t, "w")
	rows := make([]store.DirtyRow, n)
	for i := range rows {
		rows[i] = store.DirtyRow{Ordinal: int64(i), Code: "RANGE", Column: "c", Reason: "too large", Row: []byte(`{"c":"300"}`)}
	}
	rows[0].Code, rows[0].Column = "TRUNC", "d"
	cp := checkpoint(l.Shard.ID, 1, int64(10*n))
	cp.Done = true
	must(t, f.CommitCheckpoint(f.ctx, "k1", l.Lease.Epoch, cp, rows))
	must(t, f.EndStreams(f.ctx, "k1", run.Epoch, "s"))
}

// replaying makes a running replay of rows of k1.
func (f *fixture) replaying(t *testing.T, key string, c store.Choice) store.RunLease {
	t.Helper()
	l, err := f.CreateRun(f.ctx, store.NewRun{Key: key, Name: "job", Mode: "replay", Replays: "k1", Choice: []byte(`{"code":"RANGE"}`), Owner: owner(key), TTL: ttl})
	must(t, err)
	p := store.Plan{Format: 1, Bytes: []byte("plan"), Hash: []byte("hash"), Replays: "k1", Choice: c}
	must(t, f.SavePlan(f.ctx, key, l.Epoch, p, []store.Stream{stream("s")}, slices.Values([]connector.Shard{shard("s-r", "s", 3)})))
	f.move(t, key, store.Planning, store.Running)
	f.ready(t, l, "s")
	return l
}

// dirtyOf are the dirty rows of a run that wait, by the code of each and the replay that has it.
func (f *fixture) dirtyOf(t *testing.T, run string) (list []string) {
	t.Helper()
	for d, err := range f.Dirty(f.ctx, run, "", store.DirtyCursor{}, 0) {
		must(t, err)
		list = append(list, string(d.Code)+" "+d.Replay)
	}
	return list
}

func (f *fixture) wantMoved(t *testing.T, written, dirty int64) {
	t.Helper()
	p, err := f.Progress(f.ctx, "k1")
	must(t, err)
	if c := p[0].Counts; c.Written != written || c.Dirty != dirty || !c.Balanced() {
		t.Errorf("the run's counts are %+v, want %d written and %d dirty", c, written, dirty)
	}
}

// wantForgettable checks which runs are over for long enough and not kept by a replay.
func (f *fixture) wantForgettable(t *testing.T, want string) {
	t.Helper()
	now, err := f.Now(f.ctx)
	must(t, err)
	runs, err := f.Runs(f.ctx, store.Filter{EndedBefore: now + 1000})
	must(t, err)
	var keys []string
	for _, r := range runs {
		keys = append(keys, r.Key)
	}
	if got := strings.Join(keys, " "); got != want {
		t.Errorf("runs to be forgotten are %q, want %q", got, want)
	}
}

func (f *fixture) forgetDirty(t *testing.T) {
	t.Helper()
	now, err := f.Now(f.ctx)
	must(t, err)
	must(t, f.ForgetDirty(f.ctx, now+1000))
}

func testMend(t *testing.T, f *fixture) {
	f.soiled(t, 4)
	value := "7"
	mend := func(want int64, c store.Choice, values map[string]*string, by store.Entry) {
		t.Helper()
		if n, err := f.MendDirty(f.ctx, "k1", c, "ann", values, by); err != nil || n != want {
			t.Errorf("%d rows mended, %v; want %d", n, err, want)
		}
	}
	mend(3, store.Choice{Code: "RANGE"}, map[string]*string{"c": &value, "d": nil}, store.Entry{Who: "ann", Action: "run.mend", Object: "k1"})
	mend(0, store.Choice{Code: "RANGE", Column: "d"}, map[string]*string{"c": &value}, store.Entry{Who: "ann", Action: "run.mend", Object: "nothing"})
	var rows []store.DirtyAt
	for d, err := range f.Dirty(f.ctx, "k1", "s", store.DirtyCursor{}, 0) {
		must(t, err)
		rows = append(rows, d)
	}
	if got := rows[1]; string(got.Row) != `{"c":"300"}` || got.Mend.Who != "ann" || got.Mend.At == 0 || cmp.Diff(map[string]*string{"c": &value, "d": nil}, got.Mend.Values) != "" {
		t.Errorf("mended row is %+v", got)
	}
	mend(1, store.Choice{Row: rows[1].Cursor, Streams: []string{"s"}}, nil, store.Entry{})
	if chosen, err := f.Chosen(f.ctx, "k1", store.Choice{Mended: true}); err != nil || len(chosen) != 1 || chosen[0].ID != "s" || chosen[0].Rows != 2 || chosen[0].Bytes != 22 ||
		chosen[0].State != store.StreamDone {
		t.Errorf("mended rows: %+v, %v", chosen, err)
	}
	if chosen, err := f.Chosen(f.ctx, "k1", store.Choice{Streams: []string{"other"}}); err != nil || len(chosen) != 0 {
		t.Errorf("rows of another stream: %+v, %v", chosen, err)
	}
	entries, err := f.AuditEntries(f.ctx, store.AuditFilter{})
	must(t, err)
	if len(entries) != 1 || entries[0].Object != "k1" {
		t.Errorf("recorded: %+v", entries)
	}
}

func testReplay(t *testing.T, f *fixture) {
	f.soiled(t, 4)
	value := "7"
	_, err := f.MendDirty(f.ctx, "k1", store.Choice{}, "ann", map[string]*string{"c": &value}, store.Entry{})
	must(t, err)
	l := f.replaying(t, "r1", store.Choice{Code: "RANGE"})
	if diff := cmp.Diff([]string{"TRUNC ", "RANGE r1", "RANGE r1", "RANGE r1"}, f.dirtyOf(t, "k1")); diff != "" {
		t.Errorf("chosen: %s", diff)
	}
	if n, err := f.MendDirty(f.ctx, "k1", store.Choice{Code: "RANGE"}, "ann", nil, store.Entry{}); err != nil || n != 0 {
		t.Errorf("%d rows mended that a replay has, %v", n, err)
	}
	rows, err := f.ReplayRows(f.ctx, "r1", "s-r", 1)
	must(t, err)
	if want := (store.ReplayRow{Number: 3, Row: []byte(`{"c":"300"}`), Values: map[string]*string{"c": &value}}); len(rows) != 2 || cmp.Diff(want, rows[1]) != "" {
		t.Errorf("rows behind the first: %+v", rows)
	}
	if run, err := f.Store.Run(f.ctx, "r1"); err != nil || run.Replays != "k1" || string(run.Choice) != `{"code":"RANGE"}` {
		t.Errorf("replay is %+v, %v", run, err)
	}
	sh := f.take(t, "w")
	at := func(seq, written, dirty int64, done bool) connector.Checkpoint {
		c := connector.Checkpoint{Shard: sh.Shard.ID, Seq: seq, Done: done, Range: sh.Shard.Range}
		c.Read, c.Written, c.Dirty = written+dirty, written, dirty
		return c
	}
	// A commit that is not known of moves nothing; one that is, moves what was written; one that goes back moves it back.
	again := []store.DirtyRow{{Code: "CONSTRAINT", Column: "e", Reason: "taken", Origin: 2}}
	must(t, f.AddDirty(f.ctx, "r1", sh.Shard.ID, sh.Lease.Epoch, 2, again))
	f.wantMoved(t, 36, 4)
	must(t, f.CommitCheckpoint(f.ctx, "r1", sh.Lease.Epoch, at(1, 1, 0, false), nil))
	must(t, f.CommitCheckpoint(f.ctx, "r1", sh.Lease.Epoch, at(2, 1, 1, false), again))
	f.wantMoved(t, 37, 3)
	must(t, f.remember("r1", l.Epoch, at(0, 0, 0, false)))
	f.wantMoved(t, 36, 4)
	must(t, f.remember("r1", l.Epoch, at(2, 1, 1, false)))
	if sh = f.take(t, "w"); sh.Lease.Epoch < 3 {
		t.Errorf("epoch is %d", sh.Lease.Epoch)
	}
	must(t, f.SaveCheckpoint(f.ctx, "r1", sh.Lease.Epoch, at(3, 2, 1, true)))
	f.wantMoved(t, 38, 2)
	f.move(t, "k1", store.Running, store.Failed)
	wantClass(t, f.Forget(f.ctx, "k1"), connector.Config, "TOW-218")
	f.wantForgettable(t, "")
	f.forgetDirty(t)
	if diff := cmp.Diff([]string{"RANGE r1", "RANGE r1", "RANGE r1"}, f.dirtyOf(t, "k1")); diff != "" {
		t.Errorf("rows that a replay needs: %s", diff)
	}
	for _, step := range [][2]store.State{{store.Running, store.Verifying}, {store.Verifying, store.Finishing}, {store.Finishing, store.Succeeded}} {
		f.move(t, "r1", step[0], step[1])
	}
	if diff := cmp.Diff([]string{"CONSTRAINT "}, f.dirtyOf(t, "k1")); diff != "" {
		t.Errorf("dirty after the replay: %s", diff)
	}
	f.wantMoved(t, 38, 2)
	must(t, f.ReleaseRun(f.ctx, l))
	f.wantForgettable(t, "r1 k1")
	must(t, f.Forget(f.ctx, "r1"))
	if diff := cmp.Diff([]string{"CONSTRAINT "}, f.dirtyOf(t, "k1")); diff != "" {
		t.Errorf("dirty when the replay is forgotten: %s", diff)
	}
}

func testReplayStopped(t *testing.T, f *fixture) {
	f.soiled(t, 4)
	for _, settled := range []bool{true, false} {
		key := map[bool]string{true: "r1", false: "r2"}[settled]
		l := f.replaying(t, key, store.Choice{Code: "RANGE"})
		sh := f.take(t, "w")
		seized, err := f.SeizeShard(f.ctx, key, l.Epoch, sh.Shard.ID, "steerer")
		must(t, err)
		cp := connector.Checkpoint{Shard: sh.Shard.ID, Seq: 1, Range: sh.Shard.Range}
		cp.Read, cp.Written = 1, 1
		wantClass(t, f.SaveCheckpoint(f.ctx, key, sh.Lease.Epoch, cp), connector.Fenced, "TOW-215")
		if settled {
			if seized.Epoch != sh.Lease.Epoch+1 || seized.Stamp != sh.Lease.Stamp {
				t.Errorf("seized by %+v, was leased by %+v", seized, sh.Lease)
			}
			must(t, f.SaveCheckpoint(f.ctx, key, seized.Epoch, cp))
			_, err := f.BeginSteps(f.ctx, key, l.Epoch, store.SettleStep)
			must(t, err)
			must(t, f.DoneSteps(f.ctx, key, l.Epoch, store.SettleStep))
		}
		f.move(t, key, store.Running, store.Failed)
		must(t, f.ReleaseRun(f.ctx, l))
		f.wantForgettable(t, map[string]string{"r1": "", "r2": "r1"}[key])
		wantClass(t, f.Forget(f.ctx, key), connector.Config, "TOW-218")
		f.move(t, key, store.Failed, store.Stopped)
	}
	if diff := cmp.Diff([]string{"TRUNC ", "RANGE r2", "RANGE r2"}, f.dirtyOf(t, "k1")); diff != "" {
		t.Errorf("dirty after two replays, of which one knows what it has written: %s", diff)
	}
	chosen, err := f.Chosen(f.ctx, "k1", store.Choice{Code: record.Range})
	if err != nil || len(chosen) != 0 {
		t.Errorf("what nothing is known of is free: %+v, %v", chosen, err)
	}
}
