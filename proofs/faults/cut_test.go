package faults

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/job"
)

// bulk is in every request that writes rows of documents.
const bulk = "/_bulk?"

// line is a job between two proxies.
type line struct {
	*rig
	jobText
	near, far *proxy // before the source, before the target
	want      map[int64]string
}

// newLine copies rows between shared servers: documents into an index that is swapped in, rows into a table that has no key.
func newLine(t *testing.T, source, target string, rows int) *line {
	t.Helper()
	from, to := need(t, source).(base), need(t, target)
	l := &line{rig: newRig(t), near: newProxy(t, from.address()), far: newProxy(t, to.address())}
	l.near.pace = 100 << 10
	name := from.table(rows)
	from.drop(name)
	l.want = from.rows(name)
	l.jobText = jobText{source: from, table: name, target: to, sourceAt: l.near.addr, targetAt: l.far.addr, settings: slow}
	if table, sql := to.(base); sql {
		l.mode, l.write, l.into = "batch", "append", table.empty("")
	} else {
		l.into = to.vacant()
	}
	return l
}

// complete fails unless the run went through without a rest and everything is there.
func (l *line) complete(w *running) {
	l.t.Helper()
	w.rest(store.Succeeded)
	w.undisturbed()
	w.balance(int64(len(l.want)), 0)
	same(l.t, l.want, l.target.rows(l.into))
}

func TestSourceCut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ source, target string }{{"mariadb", "elasticsearch8"}, {"postgres", "mariadb"}} {
		t.Run(c.source, func(t *testing.T) {
			t.Parallel()
			l := newLine(t, c.source, c.target, 20000)
			w := l.begin(l.String())
			w.reach(3000)
			l.near.cut()
			l.near.set(func() { l.near.cutAfter, l.near.cuts = 30<<10, 6 }) // in the middle of rows
			waitFor(t, "cut in the middle of rows", func() bool { return l.near.broke("cut") == 6 })
			l.near.cut()
			l.near.set(func() { l.near.cutAfter, l.near.cuts = 20, 3 }) // in the middle of the handshake
			l.near.cut()
			l.complete(w)
			if n := l.near.broke("cut"); n != 9 {
				t.Errorf("%d connections were cut behind a number of bytes, want 9", n)
			}
		})
	}
}

func TestTargetCut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ source, target string }{{"mariadb", "elasticsearch8"}, {"postgres", "mariadb"}, {"mariadb", "postgres"}} {
		t.Run(c.target, func(t *testing.T) {
			t.Parallel()
			l := newLine(t, c.source, c.target, 20000)
			w := l.begin(l.String())
			w.reach(3000)
			l.far.cut()
			l.far.set(func() { l.far.cutAfter, l.far.cuts = 600, 6 }) // in the middle of answers
			w.reach(8000)
			l.far.set(func() { l.far.cutSent, l.far.sentCuts = 30<<10, 6 }) // in the middle of a group
			l.far.cut()
			waitFor(t, "cut in the middle of a group", func() bool { return l.far.broke("cut sent") == 6 })
			l.far.cut()
			l.complete(w)
			if n := l.far.broke("cut"); n != 6 {
				t.Errorf("%d connections were cut behind a number of bytes, want 6", n)
			}
		})
	}
}

// What a target is asked to make durable, and what is in its answer once it has.
var durable = map[string]struct{ request, answer string }{
	"elasticsearch8": {bulk, ""},
	"mariadb":        {"\x03COMMIT", ""},
	"postgres":       {"COMMIT\x00", "COMMIT\x00"},
}

// Rows are durable and the answer is lost, or the request for it never came to the server. By key the same rows are written again; where the
// target holds the checkpoint, it is asked which of the two happened.
func TestAnswerCut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ source, target string }{{"mariadb", "elasticsearch8"}, {"postgres", "mariadb"}, {"mariadb", "postgres"}} {
		t.Run(c.target, func(t *testing.T) {
			t.Parallel()
			l := newLine(t, c.source, c.target, 20000)
			d := durable[c.target]
			w := l.begin(l.String())
			w.reach(1000)
			l.far.set(func() { l.far.dropping, l.far.answered, l.far.drops = []byte(d.request), []byte(d.answer), 5 })
			w.reach(6000)
			l.far.set(func() { l.far.losing = 5 })
			w.reach(12000)
			l.far.set(func() { l.far.drops = 5 })
			l.complete(w)
			if answers, requests := l.far.broke("drop"), l.far.broke("lose"); answers != 10 || requests != 5 {
				t.Errorf("%d answers and %d requests were lost, want 10 and 5", answers, requests)
			}
		})
	}
}

// The same when a run ends: what seals, counts and publishes is done again, with the same result.
func TestLastAnswersCut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		source, target, request string
		answers                 int // to drop; a target that does it once answers once
	}{
		{"mariadb", "elasticsearch8", "/_settings", 2},
		{"mariadb", "elasticsearch8", "/_refresh", 2},
		{"mariadb", "elasticsearch8", "/_count", 2},
		{"mariadb", "elasticsearch8", "/_aliases", 2},
		{"postgres", "mariadb", "RENAME TABLE ", 1},
		{"mariadb", "postgres", " RENAME TO ", 2},
	} {
		t.Run(c.target+" "+strings.Trim(c.request, "/_ "), func(t *testing.T) {
			l := newLine(t, c.source, c.target, 6000)
			l.mode, l.write = "full", "replace"
			w := l.begin(l.String())
			w.reach(1000)
			l.far.set(func() { l.far.dropping, l.far.drops = []byte(c.request), c.answers })
			l.complete(w)
			if n := l.far.broke("drop"); n != c.answers {
				t.Errorf("%d answers were dropped, want %d", n, c.answers)
			}
		})
	}
}

func TestSourceStalls(t *testing.T) {
	t.Parallel()
	l := newLine(t, "mariadb", "elasticsearch8", 20000)
	l.sourceOptions = "read_seconds: 1, connect_seconds: 1"
	w := l.begin(l.String())
	w.reach(3000)
	l.near.set(func() { l.near.stalled = true })
	_, before := l.near.connections()
	waitFor(t, "another connection: a deadline of the first ones", func() bool {
		_, now := l.near.connections()
		return now > before+1
	})
	l.near.set(func() { l.near.stalled = false })
	l.complete(w)
}

func TestTargetStalls(t *testing.T) {
	t.Parallel()
	l := newLine(t, "mariadb", "elasticsearch8", 20000)
	l.targetOptions = "answer_seconds: 1"
	w := l.begin(l.String())
	w.reach(3000)
	l.far.set(func() { l.far.stallAt = []byte(bulk) })
	waitFor(t, "stalled request", func() bool { return l.far.broke("stall") > 0 })
	_, before := l.far.connections()
	waitFor(t, "another connection: a deadline of the first ones", func() bool {
		_, now := l.far.connections()
		return now > before+1
	})
	l.far.set(func() { l.far.stalled = false })
	l.complete(w)
}

// Whoever cancels or pauses does not wait for a server that does not answer.
func TestStalledRunsEnd(t *testing.T) {
	t.Parallel()
	for _, side := range []string{"source", "target"} {
		for _, how := range []string{"cancelled", "paused"} {
			t.Run(side+" stalls, run is "+how, func(t *testing.T) {
				t.Parallel()
				l := newLine(t, "mariadb", "elasticsearch8", 10000)
				stalling := l.near
				if side == "target" {
					stalling = l.far
				}
				if side == "target" && how == "paused" {
					l.targetOptions = "answer_seconds: 3" // the group in hand has that long
				}
				w := l.begin(l.String())
				w.reach(2000)
				stalling.set(func() { stalling.stalled = true })
				if how == "paused" {
					w.pause()
				} else {
					asked := time.Now()
					w.cancel()
					<-w.ended
					if took := time.Since(asked); took > 2*time.Second {
						t.Errorf("run ended %s after it was cancelled", took)
					}
				}
				stalling.set(func() { stalling.stalled = false })
				w = l.resume(w.key).rest(store.Succeeded)
				w.balance(10000, 0)
				same(t, l.want, l.target.rows(l.into))
			})
		}
	}
}

// What a person reads when a server does not answer as it should from the first byte on.
func TestHandshakeCut(t *testing.T) {
	t.Parallel()
	l := newLine(t, "mariadb", "elasticsearch8", 10)
	l.sourceOptions = "connect_seconds: 1"
	l.targetOptions = "answer_seconds: 1"
	cases := map[string]struct {
		p    *proxy
		with func(p *proxy)
		want string
	}{
		"source cut":     {l.near, func(p *proxy) { p.cutAfter, p.cuts = 20, 1 }, "open " + l.near.addr + ": the server closed the connection"},
		"source stalled": {l.near, func(p *proxy) { p.stalled = true }, "open " + l.near.addr + ": no answer in 1 s"},
		"target stalled": {l.far, func(p *proxy) { p.stalled = true }, "reach cluster: "},
		"target cut":     {l.far, func(p *proxy) { p.cutAfter, p.cuts = 20, 9 }, "reach cluster: "},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.p.set(func() { c.with(c.p) })
			defer c.p.set(func() { c.p.stalled, c.p.cuts = false, 0 })
			j, err := job.Parse([]byte(l.String()), "job.yaml")
			if err != nil {
				t.Fatal(err)
			}
			_, err = l.Run(context.Background(), j, nil, nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("run says %v, want %q", err, c.want)
			}
			if _, err := l.Resume(context.Background(), "none", control.ResumeOptions{}, nil); err == nil {
				t.Error("a run was left to resume")
			}
		})
	}
}
