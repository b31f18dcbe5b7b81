package engine

import (
	"context"
	"sync/atomic"
)

// ahead bounds what a reader has read that its writer has not taken yet: one group, which is what the writer takes next. More would be
// memory for nothing, as whoever of the two is slower sets the pace. It has one reader and one writer.
type ahead struct {
	mostRows, mostBytes int64
	rows, bytes         atomic.Int64
	taken               chan struct{} // holds a value when the writer has taken something since the reader looked
}

func newAhead(l *groupLimit) *ahead {
	return &ahead{mostRows: int64(l.mostRows), mostBytes: int64(l.mostBytes), taken: make(chan struct{}, 1)}
}

// enter waits until there is room, and takes some for the item; false: ctx has ended.
func (a *ahead) enter(ctx context.Context, i *item) bool {
	for a.rows.Load() >= a.mostRows || a.bytes.Load() >= a.mostBytes {
		select {
		case <-a.taken:
		case <-ctx.Done():
			return false
		}
	}
	a.rows.Add(int64(max(i.rows, 0)))
	a.bytes.Add(int64(i.bytes))
	return true
}

// leave gives the room of an item back. It is called before the item is used for another batch.
func (a *ahead) leave(i *item) {
	a.rows.Add(-int64(max(i.rows, 0)))
	a.bytes.Add(-int64(i.bytes))
	select {
	case a.taken <- struct{}{}:
	default:
	}
}
