package engine

import (
	"context"
	"testing"
)

// What is read ahead is a group, by rows or by bytes, and no more; an end takes no room.
func TestAhead(t *testing.T) {
	t.Parallel()
	for name, i := range map[string]*item{"rows": {rows: 60, bytes: 1}, "bytes": {rows: 1, bytes: 600}} {
		a := newAhead(&groupLimit{mostRows: 100, mostBytes: 1000})
		for range 2 { // the second passes the limit, as nobody knows before how large an item is
			if !a.enter(t.Context(), i) {
				t.Fatalf("%s: no room at the beginning", name)
			}
		}
		ended, end := context.WithCancel(t.Context())
		end()
		if a.enter(ended, i) {
			t.Errorf("%s: a third item has room", name)
		}
		entered := make(chan bool)
		go func() { entered <- a.enter(t.Context(), i) }()
		a.leave(i)
		if !<-entered {
			t.Errorf("%s: no room once an item is taken", name)
		}
		a.leave(i)
		a.leave(i)
		if a.enter(t.Context(), &item{rows: -1}); a.rows.Load() != 0 || a.bytes.Load() != 0 {
			t.Errorf("%s: %d rows and %d bytes are left of nothing", name, a.rows.Load(), a.bytes.Load())
		}
	}
}
