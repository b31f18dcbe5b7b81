// Package socket reads and writes the connections of connectors: in views of what came, many packets at a time where that is worth it, until
// a context ends. It knows no protocol.
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

// ErrStopped ends reads and writes whose caller went away.
var ErrStopped = errors.New("reading was stopped")

// Sizes of a Conn's buffer.
const (
	usual = 256 << 10
	most  = 4 << 20 // one that is larger, grown for something huge, is given back
)

// Conn is a connection. What it returns are views into its buffer: between the network and who decodes nothing is copied. One goroutine
// uses it; Stop may come from another, and Write from one that writes alone.
type Conn struct {
	Broken bool // an answer was left unread or reading failed: of no more use. The caller sets it, too

	Net      net.Conn // for its addresses, deadlines and end
	in       io.Reader
	ahead    int
	buf      []byte
	r, w     int
	timeout  time.Duration
	extended time.Time // when the timeout began to count
	batched  bool      // the system waits for more than a packet before it wakes us
	stopped  atomic.Bool
}

// New returns a connection that is read from in, which is conn or what has read ahead on it. One read or write on the network may take
// timeout; 0: any time. Where more than aheadBytes are asked for, memory is taken as they come, whatever length the other side claims.
func New(conn net.Conn, in io.Reader, timeout time.Duration, aheadBytes int) *Conn {
	return &Conn{Net: conn, in: in, timeout: timeout, ahead: aheadBytes, buf: make([]byte, usual)}
}

// Next returns the next n bytes, valid until the next call. An error ends the use of the connection.
func (c *Conn) Next(n int) ([]byte, error) {
	if c.w-c.r < n {
		return c.more(n)
	}
	c.r += n
	return c.buf[c.r-n : c.r : c.r], nil
}

// more is Next for bytes that have not come yet.
func (c *Conn) more(n int) ([]byte, error) {
	if err := c.fill(n); err != nil {
		c.Broken = true
		return nil, err
	}
	return c.Next(n)
}

// fill reads until n bytes are in the buffer behind r.
func (c *Conn) fill(n int) error {
	if c.r == c.w {
		c.r, c.w = 0, 0
	}
	if n > len(c.buf)-c.r || len(c.buf) > most {
		c.room(n)
	}
	for c.w-c.r < n {
		if c.w == len(c.buf) {
			c.room(n)
		}
		got, err := c.read()
		c.w += got
		if err != nil && c.w-c.r < n {
			if c.stopped.Load() {
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
func (c *Conn) room(n int) {
	unread, to := c.w-c.r, c.buf
	switch {
	case n > len(c.buf):
		to = make([]byte, max(min(n, max(2*max(unread, usual), c.ahead)), usual))
	case len(c.buf) > most && n <= usual && unread <= usual:
		to = make([]byte, usual)
	}
	c.w = copy(to, c.buf[c.r:c.w])
	c.r, c.buf = 0, to
}

// batchWait is how long rows are waited for that come in batches. One that is not full by then is the last, or the server is slow.
const batchWait = 20 * time.Millisecond

// read reads what there is from the network.
func (c *Conn) read() (int, error) {
	if c.batched {
		_ = c.Net.SetReadDeadline(time.Now().Add(batchWait))
		if c.stopped.Load() {
			return 0, ErrStopped
		}
		got, err := c.in.Read(c.buf[c.w:])
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return got, err
		}
		c.Single()
	}
	c.extend()
	// Asked after the deadline is set: Stop either sees its own deadline last or is seen here.
	if c.stopped.Load() {
		return 0, ErrStopped
	}
	return c.in.Read(c.buf[c.w:])
}

// extend puts off the time at which a read counts as lost. Doing so for each read would cost as much as the read.
func (c *Conn) extend() {
	if c.timeout <= 0 {
		return
	}
	if now := time.Now(); now.Sub(c.extended) > c.timeout/16 {
		c.extended = now
		_ = c.Net.SetReadDeadline(now.Add(c.timeout))
	}
}

// SetTimeout changes how long one read or write on the network may take, 0: any time, and returns how long it was. A deadline that is set
// already is the caller's to remove.
func (c *Conn) SetTimeout(timeout time.Duration) (before time.Duration) {
	before, c.timeout, c.extended = c.timeout, timeout, time.Time{}
	return before
}

// Write writes all of b. An error ends the use of the connection, which the caller notes: Write touches nothing that reading does.
func (c *Conn) Write(b []byte) error {
	if c.timeout > 0 {
		_ = c.Net.SetWriteDeadline(time.Now().Add(c.timeout))
	}
	// Asked after the deadline is set: Stop either sees its own deadline last or is seen here.
	if c.Stopped() {
		return ErrStopped
	}
	_, err := c.Net.Write(b)
	if err != nil && c.Stopped() {
		return ErrStopped
	}
	if err != nil {
		return fmt.Errorf("write to server: %w", err)
	}
	return nil
}

// Batch lets the system wake us for some ten thousand bytes at a time instead of for each packet, which costs a busy machine more than
// what is in them. It lasts until Single is called, or until what comes is too little.
func (c *Conn) Batch() {
	if !c.batched {
		c.batched = WakeFor(c.Net, usual/4)
	}
}

// Single ends what Batch began.
func (c *Conn) Single() {
	if c.batched {
		c.batched, c.extended = false, time.Time{}
		WakeFor(c.Net, 1)
	}
}

// Stop makes reads and writes of the connection, also those under way, end at once, reads with ErrStopped. The connection is of no use from
// then on.
func (c *Conn) Stop() {
	c.stopped.Store(true)
	_ = c.Net.SetDeadline(time.Unix(1, 0))
}

// Stopped reports whether Stop was called.
func (c *Conn) Stopped() bool { return c.stopped.Load() }

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
