package faults

import (
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
	from := origin{server.Server, t}
	to := search{servers.Need(t, "elasticsearch8").URL, t}
	table := from.table(20000)
	want := from.rows(table)
	between := newProxy(t, from.Addr())
	between.pace = 100 << 10

	t.Run("goes on", func(t *testing.T) {
		from, to := origin{server.Server, t}, search{to.base, t}
		index := to.index()
		w := newRig(t).begin(jobText{source: from, sourceAt: between.addr, table: table, target: to, index: index, settings: slow}.String())
		w.reach(4000)
		server.Kill(t)
		server.Start(t)
		w.rest(store.Succeeded)
		w.undisturbed()
		w.balance(20000, 0)
		same(t, want, to.rows(index))
	})
	t.Run("away for too long", func(t *testing.T) {
		from, to := origin{server.Server, t}, search{to.base, t}
		index := to.index()
		r := newRig(t)
		w := r.begin(jobText{source: from, sourceAt: between.addr, table: table, target: to, index: index, settings: slow + ", outage: 2s"}.String())
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

// The same for the target.
func TestTargetKilled(t *testing.T) {
	t.Parallel()
	server := servers.Private(t, "elasticsearch8")
	from := origin{servers.Need(t, "mariadb"), t}
	table := from.table(20000)
	from.drop(table)
	want := from.rows(table)

	t.Run("goes on", func(t *testing.T) {
		from, to := origin{from.Server, t}, search{server.URL, t}
		w := newRig(t).begin(jobText{source: from, table: table, target: to, index: "people", settings: slow}.String())
		w.reach(4000)
		server.Kill(t)
		server.Start(t)
		w.rest(store.Succeeded)
		w.undisturbed()
		w.balance(20000, 0)
		same(t, want, to.rows("people"))
	})
	t.Run("away for too long", func(t *testing.T) {
		from, to := origin{from.Server, t}, search{server.URL, t}
		r := newRig(t)
		w := r.begin(jobText{source: from, table: table, target: to, index: "others", settings: slow + ", outage: 2s"}.String())
		w.reach(4000)
		server.Kill(t)
		w.rest(store.Paused)
		w.says("TOW-132", "away for longer than 2s: ")
		r.resume(w.key).refuses(store.Paused, "TOW-500", "reach cluster: ")
		server.Start(t)
		w = r.resume(w.key).rest(store.Succeeded)
		w.balance(20000, 0)
		same(t, want, to.rows("others"))
	})
}
