// Package socket reads the connections of connectors: in views of what came, many packets at a time where that is worth it, until a
// context ends. It knows no protocol.
package socket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// ErrStopped ends reads whose caller went away.
var ErrStopped = errors.New("reading was stopped")

// Sizes of a Reader's buffer.
const (
	usual = 256 << 10
	most  = 4 << 20 // one that is larger, grown for something huge, is given back
)

// Reader reads a connection. What it returns are views into its buffer: between the network and who decodes nothing is copied. One
// goroutine uses it; Stop alone may come from another.
type Reader struct {
	conn     net.Conn
	in       io.Reader
	ahead    int
	buf      []byte
	r, w     int
	timeout  time.Duration
	extended time.Time // when the timeout began to count
	batched  bool      // the system waits for more than a packet before it wakes us
	stopped  atomic.Bool
}

// NewReader returns a reader of in, which is conn or what has read ahead on it. One read on the network may take timeout; 0: any time. Where
// more than aheadBytes are asked for, memory is taken as they come, whatever length the other side claims.
func NewReader(conn net.Conn, in io.Reader, timeout time.Duration, aheadBytes int) *Reader {
	return &Reader{conn: conn, in: in, timeout: timeout, ahead: aheadBytes, buf: make([]byte, usual)}
}

// Next returns the next n bytes, valid until the next call. An error ends the use of the connection.
func (r *Reader) Next(n int) ([]byte, error) {
	if r.w-r.r < n {
		return r.more(n)
	}
	r.r += n
	return r.buf[r.r-n : r.r : r.r], nil
}

// more is Next for bytes that have not come yet.
func (r *Reader) more(n int) ([]byte, error) {
	if err := r.fill(n); err != nil {
		return nil, err
	}
	return r.Next(n)
}

// fill reads until n bytes are in the buffer behind r.
func (r *Reader) fill(n int) error {
	if r.r == r.w {
		r.r, r.w = 0, 0
	}
	if n > len(r.buf)-r.r || len(r.buf) > most {
		r.room(n)
	}
	for r.w-r.r < n {
		if r.w == len(r.buf) {
			r.room(n)
		}
		got, err := r.read()
		r.w += got
		if err != nil && r.w-r.r < n {
			if r.stopped.Load() {
				return ErrStopped
			}
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return fmt.Errorf("read from server: %w", err)
		}
	}
	return nil
}

// room moves what is unread to the front of a buffer that holds n bytes, or some part of them.
func (r *Reader) room(n int) {
	unread, to := r.w-r.r, r.buf
	switch {
	case n > len(r.buf):
		to = make([]byte, max(min(n, max(2*max(unread, usual), r.ahead)), usual))
	case len(r.buf) > most && n <= usual && unread <= usual:
		to = make([]byte, usual)
	}
	r.w = copy(to, r.buf[r.r:r.w])
	r.r, r.buf = 0, to
}

// batchWait is how long rows are waited for that come in batches. One that is not full by then is the last, or the server is slow.
const batchWait = 20 * time.Millisecond

// read reads what there is from the network.
func (r *Reader) read() (int, error) {
	if r.batched {
		_ = r.conn.SetReadDeadline(time.Now().Add(batchWait))
		if r.stopped.Load() {
			return 0, ErrStopped
		}
		got, err := r.in.Read(r.buf[r.w:])
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return got, err
		}
		r.Single()
	}
	r.extend()
	// Asked after the deadline is set: Stop either sees its own deadline last or is seen here.
	if r.stopped.Load() {
		return 0, ErrStopped
	}
	return r.in.Read(r.buf[r.w:])
}

// extend puts off the time at which a read counts as lost. Doing so for each read would cost as much as the read.
func (r *Reader) extend() {
	if r.timeout <= 0 {
		return
	}
	if now := time.Now(); now.Sub(r.extended) > r.timeout/16 {
		r.extended = now
		_ = r.conn.SetReadDeadline(now.Add(r.timeout))
	}
}

// SetTimeout changes how long one read on the network may take; 0: any time. A deadline that is set already is the caller's to remove.
func (r *Reader) SetTimeout(timeout time.Duration) { r.timeout, r.extended = timeout, time.Time{} }

// Batch lets the system wake us for some ten thousand bytes at a time instead of for each packet, which costs a busy machine more than
// what is in them. It lasts until Single is called, or until what comes is too little.
func (r *Reader) Batch() {
	if !r.batched {
		r.batched = WakeFor(r.conn, usual/4)
	}
}

// Single ends what Batch began.
func (r *Reader) Single() {
	if r.batched {
		r.batched, r.extended = false, time.Time{}
		WakeFor(r.conn, 1)
	}
}

// Stop makes reads and writes of the connection, also those under way, end at once, reads with ErrStopped. The connection is of no use from
// then on.
func (r *Reader) Stop() {
	r.stopped.Store(true)
	_ = r.conn.SetDeadline(time.Unix(1, 0))
}

// Until calls stop when ctx ends; the caller calls the answer once, when it is done, and stop is not called from then on.
func Until(ctx context.Context, stop func()) (release func()) {
	stopped := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		stop()
		close(stopped)
	})
	return func() {
		// A stop that has begun must not hit the next user.
		if !cancel() {
			<-stopped
		}
	}
}
