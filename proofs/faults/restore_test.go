package faults

import (
	"testing"

	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// What stands under the target's name after a pause is not what the run wrote to: a resume is refused, and nothing is written.
func TestIndexReplacedWhilePaused(t *testing.T) {
	t.Parallel()
	from := origin{servers.Need(t, "mariadb"), t}
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
			index := to.index()
			to.must("PUT", "/"+index, mapping)
			r := newRig(t)
			w := r.begin(jobText{mode: "batch", write: "upsert", source: from, table: table, target: to, index: index, settings: slow}.String())
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
