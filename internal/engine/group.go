package engine

import (
	"cmp"
	"time"

	"github.com/towpath/towpath/record"
)

// A group closes at this size unless the target's limits or its answers say less, and at this age.
const (
	groupRows  = 4 * record.MaxRows
	groupBytes = 8 << 20
	groupAge   = time.Second
)

// groupLimit is how large a group may grow: adapted so that the target answers within about a second.
type groupLimit struct {
	rows, bytes         int
	mostRows, mostBytes int
	answer              time.Duration
}

func (p *Pipe) groupLimit(memory int64) *groupLimit {
	l := p.Target.Limits
	g := &groupLimit{mostRows: groupRows, mostBytes: groupBytes, answer: cmp.Or(p.Answer, time.Second)}
	for _, rows := range []int{l.GroupRows, p.Rows} {
		if rows > 0 {
			g.mostRows = min(g.mostRows, rows)
		}
	}
	if l.GroupBytes > 0 {
		g.mostBytes = l.GroupBytes
	}
	// Invariant 9: a pipe holds at least three groups' worth of batches, or reader and writer would wait for each other.
	g.mostBytes = int(min(int64(g.mostBytes), memory/4))
	g.mostRows = min(g.mostRows, int(memory/4/record.MaxBytes)*record.MaxRows)
	g.rows, g.bytes = g.mostRows, g.mostBytes
	return g
}

// took adapts the limit to how long the target took for a group.
func (g *groupLimit) took(d time.Duration) {
	switch {
	case d > g.answer:
		g.rows, g.bytes = min(max(g.rows/2, 64), g.mostRows), min(max(g.bytes/2, 64<<10), g.mostBytes)
	case d < g.answer/4:
		g.rows, g.bytes = min(g.rows*2, g.mostRows), min(g.bytes*2, g.mostBytes)
	}
}
