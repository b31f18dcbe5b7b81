package faults

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/tools/testservers/servers"
)

const slow = "group_rows: 500, shards: 4, rate: {rows: 8000}"

// A source that is killed and comes back is gone for a while: the run goes on by itself, or by a resume when it was away for
// longer than the job bears.
func TestSourceKilled(t *testing.T) {
	t.Parallel()
	server := servers.Private(t, "mariadb")
	from := base{server.Server, t}
	to := search{servers.Need(t, "elasticsearch8").URL, t}
	table := from.table(20000)
	want := from.rows(table)
	between := newProxy(t, from.Addr())
	between.pace = 100 << 10

	t.Run("goes on", func(t *testing.T) {
		from, to := base{server.Server, t}, search{to.base, t}
		index := to.vacant()
		w := newRig(t).begin(jobText{source: from, sourceAt: between.addr, table: table, target: to, into: index, settings: slow}.String())
		w.reach(4000)
		server.Kill(t)
		server.Start(t)
		w.rest(store.Succeeded)
		w.undisturbed()
		w.balance(20000, 0)
		same(t, want, to.rows(index))
	})
	t.Run("away for too long", func(t *testing.T) {
		from, to := base{server.Server, t}, search{to.base, t}
		index := to.vacant()
		r := newRig(t)
		w := r.begin(jobText{source: from, sourceAt: between.addr, table: table, target: to, into: index, settings: slow + ", outage: 2s"}.String())
		w.reach(4000)
		server.Kill(t)
		w.rest(store.Paused)
		w.says("TOW-132", "away for longer than 2s: ")
		r.resume(w.key).refuses(store.Paused, "TOW-402", "open "+between.addr+": ")
		server.Start(t)
		w = r.resume(w.key).rest(store.Succeeded)
		w.balance(20000, 0)
		same(t, want, to.rows(index))
	})
}

// A database is killed twice under three runs: one reads from it, two write to it, of which one bears no outage and is resumed.
func TestDatabaseKilled(t *testing.T) {
	t.Parallel()
	for other, victim := range map[string]string{"mariadb": "postgres", "postgres": "mariadb"} {
		t.Run(victim, func(t *testing.T) {
			t.Parallel()
			server := servers.Private(t, victim)
			away, stays := base{server.Server, t}, base{servers.Need(t, other), t}
			tables := map[base]string{away: away.table(20000), stays: stays.table(20000)}
			stays.drop(tables[stays])
			begin := func(from, to base, mode, write, settings string) (w *running, into string) {
				into = to.empty("")
				w = newRig(t).begin(jobText{mode: mode, write: write, source: from, table: tables[from], target: to, into: into, settings: settings}.String())
				return w, into
			}
			const paced = "group_rows: 500, shards: 4, rate: {rows: 2000}"
			reads, copied := begin(away, stays, "batch", "append", paced)
			writes, appended := begin(stays, away, "batch", "append", paced)
			hasty, replaced := begin(stays, away, "full", "replace", paced+", outage: 1s")
			for _, w := range []*running{reads, writes, hasty} {
				w.reach(4000)
			}
			server.Kill(t)
			hasty.rest(store.Paused)
			hasty.says("TOW-132", "away for longer than 1s: ")
			server.Start(t)
			hasty = hasty.resume(hasty.key)
			writes.reach(8000)
			server.Kill(t)
			server.Start(t)
			for hasty.ends().run.State == store.Paused {
				hasty = hasty.resume(hasty.key)
			}
			for _, w := range []*running{reads, writes, hasty} {
				w.rest(store.Succeeded)
				w.balance(20000, 0)
			}
			reads.undisturbed()
			writes.undisturbed()
			same(t, away.rows(tables[away]), stays.rows(copied))
			same(t, stays.rows(tables[stays]), away.rows(appended))
			same(t, stays.rows(tables[stays]), away.rows(replaced))
		})
	}
}

// The same for the target, with three runs at once because such a server starts slowly: one goes on by itself, one that bears
// less pauses and is resumed, and one finds its index put back to what it was in the middle: the same index, with fewer of the
// writes it had acknowledged.
func TestTargetKilledAndRestored(t *testing.T) {
	t.Parallel()
	server := servers.Private(t, "elasticsearch8")
	from, to := base{servers.Need(t, "mariadb"), t}, search{server.URL, t}
	table := from.table(20000)
	from.drop(table)
	want := from.rows(table)
	begin := func(index, settings string) *running {
		t.Helper()
		w := newRig(t).begin(jobText{source: from, table: table, target: to, into: index, settings: settings}.String())
		w.reach(4000)
		return w
	}
	restored := begin("restored", slow).pause()
	patient, hasty := begin("patient", "group_rows: 500, shards: 4, rate: {rows: 3000}"), begin("hasty", slow+", outage: 2s")
	server.Kill(t)
	hasty.rest(store.Paused)
	hasty.says("TOW-132", "away for longer than 2s: ")
	hasty.resume(hasty.key).refuses(store.Paused, "TOW-500", "reach cluster: ")
	data, backup := dataOf(t, server.Name), filepath.Join(t.TempDir(), "backup")
	copyFolder(t, data, backup)
	server.Start(t)
	hasty = hasty.resume(hasty.key).rest(store.Succeeded)
	hasty.balance(20000, 0)
	same(t, want, to.rows("hasty"))
	patient.rest(store.Succeeded)
	patient.undisturbed()
	patient.balance(20000, 0)
	same(t, want, to.rows("patient"))

	restored = restored.resume(restored.key)
	restored.reach(10000)
	restored.pause()
	server.Kill(t)
	if err := os.RemoveAll(data); err != nil {
		t.Fatal(err)
	}
	copyFolder(t, backup, data)
	server.Start(t)
	restored = restored.resume(restored.key)
	<-restored.ended
	if restored.run.State == store.Succeeded || !strings.HasPrefix(restored.said(), "TOW-508 ") || !strings.Contains(restored.said(), "acknowledged before") {
		t.Errorf("run is %s and says %q, want TOW-508", restored.run.State, restored.said())
	}
	if status, _ := to.ask("GET", "/restored", ""); status != 404 {
		t.Errorf("the restored index was published: status %d", status)
	}
}

// dataOf finds the data folder of a private server: it lies in a folder of the test's own.
func dataOf(t *testing.T, name string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(filepath.Dir(t.TempDir()), "*", name, "data"))
	if err != nil || len(found) != 1 {
		t.Fatalf("data folders of %s: %q, %v", name, found, err)
	}
	return found[0]
}

func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("copy %s: %v: %s", from, err, out)
	}
}
