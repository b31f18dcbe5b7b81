package corpus

import (
	"context"
	"strconv"
	"sync"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// cutter cuts each stream's connection to the target once: by turns in the middle of its first group, and before the answer to its
// first commit. Where the target is a file, its writer answers in the place of a server.
type cutter struct {
	proxy *proxy // nil: a file
	once  bool   // a write is one request, whose answer is that of the commit

	mu  sync.Mutex
	did map[string]bool
}

func newCutter(p *proxy, once bool) *cutter {
	return &cutter{proxy: p, once: once, did: map[string]bool{}}
}

func (c *cutter) connectors(set connector.Set) connector.Set {
	return between(set, nil, func(w connector.Writer) connector.Writer {
		return taken{w, func(s connector.Shard, _ connector.Checkpoint, sw connector.ShardWriter) connector.ShardWriter {
			return &cutWriter{sw, c, s.Stream}
		}}
	})
}

// touched are the streams that were cut.
func (c *cutter) touched() map[string]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[string]bool{}
	for stream := range c.did {
		all[stream] = true
	}
	return all
}

// take reports whether the stream is to be cut in the way: each is once.
func (c *cutter) take(stream string, answer bool) bool {
	n, err := strconv.Atoi(stream)
	if err != nil || (n%2 == 1) != answer {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.did[stream] {
		return false
	}
	c.did[stream] = true
	return true
}

// forget takes back that a stream was cut.
func (c *cutter) forget(stream string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.did, stream)
}

type cutWriter struct {
	connector.ShardWriter
	c      *cutter
	stream string
}

func (w *cutWriter) Write(ctx context.Context, group []*record.Batch) (connector.Outcome, error) {
	answer := w.c.once && w.c.take(w.stream, true)
	if !answer && !w.c.take(w.stream, false) {
		return w.ShardWriter.Write(ctx, group)
	}
	p := w.c.proxy
	if p == nil {
		if out, err := w.ShardWriter.Write(ctx, group); err != nil {
			return out, err
		}
		return connector.Outcome{}, connector.Errorf(connector.Retry, "", "write rows: %w", errLost)
	}
	n, err := strconv.Atoi(w.stream)
	if err != nil {
		return connector.Outcome{}, err
	}
	if answer {
		p.dropAnswer()
	} else {
		p.cutAfter(10 + 37*n%400)
	}
	out, err := w.ShardWriter.Write(ctx, group)
	if err == nil { // fewer bytes than that: what was sent is not committed
		p.cut()
	}
	return out, err
}

func (w *cutWriter) Commit(ctx context.Context, at connector.Checkpoint) ([]byte, error) {
	if w.c.once || !w.c.take(w.stream, true) {
		return w.ShardWriter.Commit(ctx, at)
	}
	p := w.c.proxy
	if p != nil {
		p.dropAnswer()
	}
	state, err := w.ShardWriter.Commit(ctx, at)
	switch {
	case err != nil:
		return state, err
	case p == nil:
		return nil, connector.Errorf(connector.Unknown, "", "commit: %w", errLost)
	}
	p.cut()
	w.c.forget(w.stream) // the commit asked the server nothing
	return state, nil
}
