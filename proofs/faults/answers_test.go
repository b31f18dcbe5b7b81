package faults

import (
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/record"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// place is a number from 0 to 99 that belongs to an id.
func place(id string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	return h.Sum32() % 100
}

// Answers that mix good rows with those that the server will never take, has in a newer version, or is too busy for.
func TestMixedAnswers(t *testing.T) {
	t.Parallel()
	from := base{servers.Need(t, "mariadb"), t}
	to := search{servers.Need(t, "elasticsearch8").URL, t}
	table := from.table(20000)
	from.drop(table)
	want := from.rows(table)
	between := newRefusing(t, to.base)
	between.decide = func(id string, offered int) int {
		switch p := place(id); {
		case p == 0:
			return http.StatusBadRequest
		case p == 1:
			return http.StatusConflict
		case p < 12 && offered == 1:
			return http.StatusTooManyRequests
		case p < 20 && offered <= 2:
			return http.StatusServiceUnavailable
		}
		return 0
	}
	between.whole = func(n int) (int, http.Header) {
		switch n {
		case 3:
			return http.StatusTooManyRequests, http.Header{"Retry-After": {"1"}}
		case 5:
			return http.StatusServiceUnavailable, http.Header{"Retry-After": {"1"}}
		case 7, 8:
			return http.StatusRequestEntityTooLarge, nil
		}
		return 0, nil
	}
	dirty := map[string]record.Code{}
	for id := range maps.Clone(want) {
		if text := strconv.FormatInt(id, 10); place(text) < 2 {
			dirty[text] = record.Rejected
			delete(want, id)
		}
	}
	index := to.vacant()
	w := newRig(t).begin(jobText{source: from, table: table, target: to, targetAt: between.url, into: index, settings: "group_rows: 2000, shards: 4"}.String())
	w.rest(store.Succeeded)
	w.undisturbed()
	w.balance(20000, int64(len(dirty)))
	same(t, want, to.rows(index))
	for d, err := range w.Dirty(context.Background(), w.key, "", 0) {
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(d.Row), `"id":"`)
		id, _, _ := strings.Cut(rest, `"`)
		reason := "planted"
		if place(id) == 1 {
			reason = "the index holds a newer version of this document: planted"
		}
		if dirty[id] != d.Code || !strings.HasPrefix(d.Reason, reason) {
			t.Errorf("dirty row %s: %s %q", d.Row, d.Code, d.Reason)
		}
		delete(dirty, id)
	}
	if len(dirty) > 0 {
		t.Errorf("dirty rows %v are not kept", dirty)
	}
	for _, status := range []int{400, 409, 413, 429, 503} {
		if between.gave(status) == 0 {
			t.Errorf("no answer had status %d", status)
		}
	}
}

// Somebody else writes newer versions of some rows while the run goes on, and some rows are of a form that the index refuses.
func TestRefusedByTheServerItself(t *testing.T) {
	t.Parallel()
	from := base{servers.Need(t, "mariadb"), t}
	to := search{servers.Need(t, "elasticsearch8").URL, t}
	table := from.table(10000)
	from.drop(table)
	from.sql("UPDATE " + table + " SET note = IF(id % 100 = 50, 'no number', id)")
	want := from.rows(table)
	index := to.vacant()
	to.must("PUT", "/"+index, `{"mappings": {"dynamic": "strict", "properties": {"id": {"type": "long"}, "name": {"type": "keyword"},
		"amount": {"type": "double"}, "at": {"type": "date_nanos"}, "note": {"type": "long"}, "n": {"type": "long"}}}}`)
	theirs := 0
	for id := range int64(10000) {
		if id > 0 && id%1000 == 0 {
			to.must("PUT", fmt.Sprintf("/%s/_doc/%d?version_type=external&version=%d", index, id, int64(1)<<61), fmt.Sprintf(`{"id": %d, "name": "theirs"}`, id))
			delete(want, id)
			theirs++
		}
		if id%100 == 50 {
			delete(want, id)
			theirs++
		}
	}
	w := newRig(t).begin(jobText{mode: "batch", write: "upsert", source: from, table: table, target: to, into: index,
		streamOptions: "target_options: {columns: {note: {type: long}}}", settings: "group_rows: 2000, shards: 4"}.String())
	w.rest(store.Succeeded)
	w.balance(10000, int64(theirs))
	got := to.rows(index)
	for id, row := range got {
		if strings.HasPrefix(row, "theirs|") {
			delete(got, id)
			theirs--
		}
	}
	same(t, want, got)
	if theirs != 100 {
		t.Errorf("%d of their documents are missing", theirs-100)
	}
}

// A disk that passes its flood stage pauses the run; it goes on when there is room.
func TestFloodStage(t *testing.T) {
	t.Parallel()
	from := base{servers.Need(t, "mariadb"), t}
	to := search{servers.Need(t, "elasticsearch8").URL, t}
	table := from.table(20000)
	from.drop(table)
	index := to.vacant()
	r := newRig(t)
	w := r.begin(jobText{source: from, table: table, target: to, into: index, settings: slow}.String())
	w.reach(4000)
	block := "/" + index + "__tw_" + w.key + "/_settings"
	to.must("PUT", block, `{"index.blocks.read_only_allow_delete": true}`)
	w.rest(store.Paused)
	w.says("TOW-506", "read-only-allow-delete")
	again := r.resume(w.key)
	<-again.ended
	if again.run.State != store.Paused {
		t.Fatalf("run is %s on a full disk: %v", again.run.State, again.err)
	}
	to.must("PUT", block, `{"index.blocks.read_only_allow_delete": null}`)
	w = r.resume(w.key).rest(store.Succeeded)
	w.balance(20000, 0)
	same(t, from.rows(table), to.rows(index))
}
