package corpus

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"sync"

	"github.com/towpath/towpath/connector"
)

// holder holds the reading of each stream once, behind one of its rows, until the run is interrupted.
type holder struct {
	streams, widest int
	due             chan struct{} // a value when all streams at work are held, and what they read is committed

	mu        sync.Mutex
	reading   map[string]bool // at work, and not held
	held      map[string]bool // at work, and held
	ever      map[string]bool // was held, now or earlier
	ended     map[string]bool // was read to its end
	committed map[string]int64
}

func newHolder(streams, widest int) *holder {
	return &holder{streams: streams, widest: widest, due: make(chan struct{}, 1), reading: map[string]bool{}, held: map[string]bool{}, ever: map[string]bool{},
		ended: map[string]bool{}, committed: map[string]int64{}}
}

// connectors puts the holder between engine and connectors.
func (h *holder) connectors(set connector.Set) connector.Set {
	return between(set, func(r connector.Reader) connector.Reader { return heldReader{r, h} },
		func(w connector.Writer) connector.Writer {
			return taken{w, func(s connector.Shard, at connector.Checkpoint, sw connector.ShardWriter) connector.ShardWriter {
				return heldWriter{sw, h, s.Stream}
			}}
		})
}

// after is how many rows of a stream are read before it is held: by turns one and more.
func after(stream string) int64 {
	n, err := strconv.Atoi(stream)
	if err != nil {
		return 1
	}
	return int64(1 + n%3)
}

// again makes ready for the resumed run.
func (h *holder) again() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.reading)
	clear(h.held)
	select {
	case <-h.due:
	default:
	}
}

// touched are the streams that were held, and those that had too few rows for it.
func (h *holder) touched() map[string]bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := map[string]bool{}
	for stream := range h.ever {
		all[stream] = true
	}
	return all
}

func (h *holder) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return fmt.Sprintf("%d streams, reading %v, held %v, ended %v, committed %v", h.streams, h.reading, h.held, h.ended, h.committed)
}

// tell changes what is known and looks whether the run is due.
func (h *holder) tell(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
	if len(h.held) == 0 || len(h.reading) > 0 {
		return
	}
	for stream := range h.held {
		if h.committed[stream] < after(stream) {
			return
		}
	}
	waiting := 0
	for n := range h.streams {
		if stream := strconv.Itoa(n + 1); !h.held[stream] && !h.ended[stream] {
			waiting++
		}
	}
	if waiting > 0 && len(h.held) < h.widest { // another one is about to be taken up
		return
	}
	select {
	case h.due <- struct{}{}:
	default:
	}
}

type heldReader struct {
	connector.Reader
	h *holder
}

func (r heldReader) Read(ctx context.Context, q connector.Query) iter.Seq2[connector.Chunk, error] {
	return func(yield func(connector.Chunk, error) bool) {
		h, stream := r.h, q.Shard.Stream
		h.tell(func() { h.reading[stream] = true })
		rows := int64(0)
		for chunk, err := range r.Reader.Read(ctx, q) {
			if err == nil && chunk.Batch != nil && rows >= after(stream) && h.hold(stream) {
				<-ctx.Done()
				chunk.Batch.Release()
				return
			}
			if chunk.Batch != nil {
				rows += int64(chunk.Batch.Len)
			}
			if !yield(chunk, err) {
				return
			}
		}
		if ctx.Err() == nil {
			h.tell(func() {
				delete(h.reading, stream)
				h.ended[stream] = true
			})
		}
	}
}

// hold reports whether the stream is to be held: each is once.
func (h *holder) hold(stream string) (now bool) {
	h.tell(func() {
		if now = !h.ever[stream]; now {
			h.ever[stream], h.held[stream] = true, true
			delete(h.reading, stream)
		}
	})
	return now
}

type heldWriter struct {
	connector.ShardWriter
	h      *holder
	stream string
}

func (w heldWriter) Commit(ctx context.Context, c connector.Checkpoint) ([]byte, error) {
	state, err := w.ShardWriter.Commit(ctx, c)
	if err == nil {
		w.h.tell(func() { w.h.committed[w.stream] = c.Read })
	}
	return state, err
}
