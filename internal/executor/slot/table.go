// Package slot shares the places of a process among its runs: each shard at work takes one. It knows no shard, no store and no job.
package slot

import (
	"cmp"
	"time"
)

// Rest is how long a run keeps what it has before it is asked to give a place back, and again from one time to the next.
const Rest = 3 * time.Second

// dryRest is how long a run that got a place and had no use for it makes nobody else give one back.
const dryRest = 4 * Rest

// Base is the weight of a run of priority 0.
const Base = 8

// Weight is a run's share against others: it doubles with each step of priority, up to three.
func Weight(priority int) int {
	if p := min(max(priority, -3), 3); p < 0 {
		return Base >> -p
	} else {
		return Base << p
	}
}

// Table says which run gets a place that is free, and which is to give one back. It starts nothing and waits for nothing; its times are those of any
// clock, which may jump. It is not safe for concurrent use.
//
// Free places go to runs that have none, in the order in which they began to wait, then to those that have least for their weight. So nobody
// waits for longer than it takes to free as many places as there are runs.
type Table struct {
	places, taken int
	lines         map[string]*line
	turn          int64
}

// line is a run at the table.
type line struct {
	weight     int
	has, wants int           // places: that it has, that it could use in all
	turn       int64         // when it was last served or, without a place, began to wait
	at         time.Duration // when it got its first place, or was last asked for one
	asked      bool          // for one that it has not given back
	dry        bool          // it had no use for its last place, at dried
	dried      time.Duration
}

// NewTable returns a table of so many places, 0 for none.
func NewTable(places int) *Table { return &Table{places: places, lines: map[string]*line{}} }

// Join adds a run that wants nothing yet.
func (t *Table) Join(run string, weight int) { t.lines[run] = &line{weight: max(weight, 1)} }

// Leave takes a run from the table, with the places that it has. It returns the runs that got one.
func (t *Table) Leave(run string, now time.Duration) []string {
	if l := t.lines[run]; l != nil {
		t.taken -= l.has
		delete(t.lines, run)
	}
	return t.share(now)
}

// Want says how many places a run could use in all; those that it has beyond go back. It returns how many it has, and which runs got one.
func (t *Table) Want(run string, places int, now time.Duration) (has int, got []string) {
	l := t.lines[run]
	if l.has > places {
		t.taken -= l.has - places
		l.has = places
		if places == 0 {
			l.dry, l.dried = true, now
		}
	}
	if l.has == 0 && (l.wants == 0 || places == 0) {
		t.turn++
		l.turn = t.turn
	}
	l.wants = places
	got = t.share(now)
	return l.has, got
}

// Free takes back a place that was used. It returns the runs that got one.
func (t *Table) Free(run string, now time.Duration) []string {
	l := t.lines[run]
	l.has--
	t.taken--
	l.asked, l.dry = false, false
	if l.has == 0 {
		t.turn++
		l.turn = t.turn
	}
	return t.share(now)
}

// Keep says that a run which was asked for a place cannot give one now.
func (t *Table) Keep(run string, now time.Duration) {
	l := t.lines[run]
	l.asked, l.at = false, now
}

// share gives free places away and returns who got one.
func (t *Table) share(now time.Duration) (got []string) {
	for t.taken < t.places {
		run := t.next()
		if run == "" {
			break
		}
		l := t.lines[run]
		if l.has == 0 {
			l.at = now
		}
		l.has++
		t.taken++
		t.turn++
		l.turn = t.turn
		got = append(got, run)
	}
	return got
}

// next is the run that gets the next free place, "" when none waits.
func (t *Table) next() (best string) {
	var b *line
	for run, l := range t.lines {
		if l.wants > l.has && (b == nil || l.before(b)) {
			best, b = run, l
		}
	}
	return best
}

func (l *line) before(o *line) bool {
	return cmp.Or(cmp.Compare(l.has*o.weight, o.has*l.weight), cmp.Compare(l.turn, o.turn)) < 0
}

// Yield returns the run that is to give a place back because another has none: of those that have more than their share and have been left in
// peace for long enough, the one that has most for its weight. "": none is.
func (t *Table) Yield(now time.Duration) string {
	if t.taken < t.places {
		return ""
	}
	waiting, weights := 0, 0
	for _, l := range t.lines {
		if l.asked {
			waiting--
		}
		if l.has == 0 && l.wants > 0 && !(l.dry && since(&l.dried, now) < dryRest) {
			waiting++
		}
		if l.has > 0 || l.wants > 0 {
			weights += l.weight
		}
	}
	if waiting <= 0 {
		return ""
	}
	var who string
	var v *line
	for run, l := range t.lines {
		if l.has == 0 || l.asked || l.has*weights <= t.places*l.weight || since(&l.at, now) < Rest*time.Duration(max(l.weight, Base))/Base {
			continue
		}
		if v == nil || cmp.Or(-cmp.Compare(l.has*v.weight, v.has*l.weight), cmp.Compare(l.at, v.at), cmp.Compare(l.turn, v.turn)) < 0 {
			who, v = run, l
		}
	}
	if v != nil {
		v.asked, v.at = true, now
	}
	return who
}

// since is the time from then to now. A clock that went back makes then now: nobody waits until it is where it was.
func since(then *time.Duration, now time.Duration) time.Duration {
	*then = min(*then, now)
	return now - *then
}
