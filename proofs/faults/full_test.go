package faults

import (
	"os"
	"strings"
	"testing"

	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// The disk under the control database fills while a run goes on: dirty rows are what fills it. Nothing is committed that is not
// recorded, and the run goes on where it was when there is room.
func TestControlDatabaseFull(t *testing.T) {
	t.Parallel()
	t.Run("rows and checkpoints at the target", func(t *testing.T) {
		t.Parallel()
		from, to := newFile(t), newFile(t)
		from.table(6000)
		want := from.rows()
		to.exec("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT CHECK (id % 2 = 0), note TEXT)")
		for id := range want {
			if id%2 == 1 {
				delete(want, id)
			}
		}
		fillDisk(t, fileJob(from, to, "batch", "upsert", "group_rows: 100, shards: 2"), 6000, 3000)
		same(t, want, to.rows())
	})
	t.Run("checkpoints here", func(t *testing.T) {
		t.Parallel()
		from := base{servers.Need(t, "mariadb"), t}
		to := search{servers.Need(t, "elasticsearch8").URL, t}
		table := from.table(6000)
		from.drop(table)
		from.sql("UPDATE " + table + " SET note = IF(id % 2 = 1, 'no number', id)")
		want := from.rows(table)
		for id := range want {
			if id%2 == 1 {
				delete(want, id)
			}
		}
		index := to.vacant()
		fillDisk(t, jobText{source: from, table: table, target: to, into: index, streamOptions: "target_options: {columns: {note: {type: long}}}",
			settings: "group_rows: 100, shards: 2"}.String(), 6000, 3000)
		same(t, want, to.rows(index))
	})
}

// fillDisk runs a job until the control database is full, and again when there is room.
func fillDisk(t *testing.T, text string, rows, dirty int64) {
	t.Helper()
	r := newRig(t)
	if err := r.Store.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(r.path)
	if err != nil {
		t.Fatal(err)
	}
	r.reopen(store.Options{MaxPages: int(info.Size()/4096) + 60})
	w := r.begin(text)
	<-w.ended
	const says = "disk under the control database is full"
	if !strings.Contains(w.said(), says) || !strings.Contains(w.said(), "TOW-202") {
		t.Errorf("run is %s and says %q, want TOW-202 %q", w.run.State, w.said(), says)
	}
	r.reopen(store.Options{})
	if c := w.counts(); c.Dirty == 0 || c.Dirty == dirty || !c.Balanced() {
		t.Fatalf("counts are %+v when the disk is full, want some dirty rows", c)
	}
	w = r.resume(w.key).rest(store.Succeeded)
	w.balance(rows, dirty)
}
