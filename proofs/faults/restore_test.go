package faults

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// What stands under the target's name after a pause is not what the run wrote to: a resume is refused, and nothing is written.
func TestIndexReplacedWhilePaused(t *testing.T) {
	t.Parallel()
	from := base{servers.Need(t, "mariadb"), t}
	to := search{servers.Need(t, "elasticsearch8").URL, t}
	table := from.table(20000)
	from.drop(table)
	const mapping = `{"mappings": {"dynamic": "strict", "properties": {"id": {"type": "long"}, "name": {"type": "keyword"}, "amount": {"type": "double"},
		"at": {"type": "date_nanos"}, "note": {"type": "keyword"}, "n": {"type": "long"}}}}`
	cases := map[string]struct {
		replace func(index string)
		code    string
		says    string
	}{
		"deleted": {func(index string) { to.must("DELETE", "/"+index, "") }, "TOW-507", "it is not there any more"},
		"made anew": {func(index string) {
			to.must("DELETE", "/"+index, "")
			to.must("PUT", "/"+index, mapping)
		}, "TOW-508", "it is another index than the one that was planned for"},
		"a copy under an alias": {func(index string) {
			to.must("DELETE", "/"+index, "")
			to.must("PUT", "/"+index+"-old", mapping)
			to.must("POST", "/"+index+"-old/_doc/1", `{"id": 1, "name": "older"}`)
			to.must("POST", "/_aliases", `{"actions": [{"add": {"index": "`+index+`-old", "alias": "`+index+`"}}]}`)
		}, "TOW-507", "it is not there any more"},
		"without the run's sign": {func(index string) {
			to.must("POST", "/_aliases", `{"actions": [{"remove": {"index": "`+index+`", "alias": "*__tw_*"}}]}`)
		}, "TOW-508", "the sign of this run is gone, so the index was restored to a state from before its start"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			index := to.vacant()
			to.must("PUT", "/"+index, mapping)
			r := newRig(t)
			w := r.begin(jobText{mode: "batch", write: "upsert", source: from, table: table, target: to, into: index, settings: slow}.String())
			w.reach(4000)
			w.pause()
			before := w.counts()
			c.replace(index)
			r.resume(w.key).refuses(store.Paused, c.code, c.says)
			if after := w.counts(); after != before {
				t.Errorf("counts went from %+v to %+v", before, after)
			}
			if status, _ := to.ask("GET", "/"+index, ""); name == "deleted" && status != 404 {
				t.Errorf("the index was made again: status %d", status)
			}
		})
	}
}

// A file remembers how far it is: put back to an older state it is brought to the end from there.
func TestFileRestored(t *testing.T) {
	t.Parallel()
	for _, write := range []string{"append", "replace"} {
		t.Run(write, func(t *testing.T) {
			t.Parallel()
			from, to := newFile(t), newFile(t)
			from.table(20000)
			to.exec("CREATE TABLE people (id INTEGER, name TEXT, note TEXT)")
			before := to.save()
			mode := map[string]string{"append": "batch", "replace": "full"}[write]
			r := newRig(t)
			w := r.begin(fileJob(from, to, mode, write, slow))
			w.reach(3000)
			w.pause()
			older := to.save()
			w = r.resume(w.key)
			w.reach(8000)
			w.pause()
			before()
			r.resume(w.key).refuses(store.Paused, "TOW-166", "it was restored from before the start")
			older()
			w = r.resume(w.key).rest(store.Succeeded)
			w.balance(20000, 0)
			same(t, from.rows(), to.rows())
		})
	}
}

// A database is put back to a backup while runs are paused. They go on from what it remembers; when it does not know them any more they are
// refused, and nothing is written.
func TestDatabaseRestored(t *testing.T) {
	t.Parallel()
	for source, target := range map[string]string{"mariadb": "postgres", "postgres": "mariadb"} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			server := servers.Private(t, target)
			from, to := base{servers.Need(t, source), t}, base{server.Server, t}
			name := from.table(20000)
			from.drop(name)
			want, dirty := from.rows(name), int64(0)
			for id := range want {
				if id%1000 == 7 {
					delete(want, id)
					dirty++
				}
			}
			jobs := []jobText{{mode: "batch", write: "append"}, {mode: "full", write: "replace"}}
			for i := range jobs {
				j := &jobs[i]
				j.source, j.table, j.target, j.into = from, name, to, to.empty(", CHECK (id % 1000 <> 7)")
				j.settings = "group_rows: 250, shards: 16, parallel: 4, rate: {rows: 4000}" // some shards end between the backups
			}
			to.sql("INSERT INTO " + jobs[1].into + " (id, name) VALUES (-1, 'stands there until the table is replaced')")
			before, first := backup(t, server), to.objects("")
			var runs []*running
			for _, j := range jobs {
				runs = append(runs, newRig(t).begin(j.String()))
			}
			pauseAll(runs, 3000)
			older := backup(t, server)
			for i, w := range runs {
				runs[i] = w.resume(w.key)
			}
			pauseAll(runs, 12000)

			before()
			for _, w := range runs {
				w.resume(w.key).refuses(store.Paused, "TOW-166", "it was restored from before the start")
			}
			if objects := to.objects(""); objects != first {
				t.Errorf("tables are %q after runs were refused, want %q", objects, first)
			}
			if got := len(to.rows(jobs[0].into)) + len(to.rows(jobs[1].into)); got != 1 {
				t.Errorf("the tables hold %d rows after runs were refused, want 1", got)
			}

			older()
			for i, w := range runs {
				runs[i] = w.resume(w.key)
			}
			for i, w := range runs {
				w.rest(store.Succeeded)
				w.balance(20000, dirty)
				same(t, want, to.rows(jobs[i].into))
			}
		})
	}
}

// pauseAll pauses runs once each has committed so many rows.
func pauseAll(runs []*running, rows int64) {
	for _, w := range runs {
		w.reach(rows)
		w.pause()
	}
}

// backup keeps a server's data as they are; what comes back puts them in the place of those that it has then.
func backup(t *testing.T, server *servers.Instance) (restore func()) {
	t.Helper()
	data, kept := dataOf(t, server.Name), filepath.Join(t.TempDir(), "backup")
	server.Stop(t)
	copyFolder(t, data, kept)
	server.Start(t)
	return func() {
		t.Helper()
		server.Kill(t)
		if err := os.RemoveAll(data); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(kept, data); err != nil {
			t.Fatal(err)
		}
		server.Start(t)
	}
}
