package socket

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"unsafe"
)

// Quick returns a TCP connection with reads and writes of which Go's scheduler knows nothing; any other one as it is. Streams of many
// megabytes a second want it: whenever the scheduler's monitor finds a call of the system under way, it hands the caller's place to
// another thread and then looks 20,000 times a second what there is to hand over next, which takes an eighth of the CPU time of a copy.
// No place need be handed over here, as the socket of a [net.TCPConn] never blocks: a call lasts as long as it copies mostAtOnce bytes.
// https://go.dev/src/runtime/proc.go (sysmon, retake)
func Quick(conn net.Conn) net.Conn {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return conn
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return conn
	}
	q := &quick{TCPConn: tcp}
	q.in.conn, q.in.wait, q.in.call, q.in.number = tcp, raw.Read, "read", syscall.SYS_READ
	q.out.conn, q.out.wait, q.out.call, q.out.number, q.out.whole = tcp, raw.Write, "write", syscall.SYS_WRITE, true
	q.in.try, q.out.try = q.in.once, q.out.once // bound here, so that a move allocates nothing
	return q
}

// mostAtOnce is how many bytes one call moves at most: some tens of microseconds, for which a collection of garbage may have to wait.
const mostAtOnce = 256 << 10

// quick is used like any connection, by many goroutines too.
type quick struct {
	*net.TCPConn
	in, out direction
}

// Read implements [io.Reader].
func (q *quick) Read(b []byte) (int, error) {
	n, err := q.in.move(b)
	if n == 0 && err == nil && len(b) > 0 {
		err = io.EOF
	}
	return n, err
}

// Write implements [io.Writer].
func (q *quick) Write(b []byte) (int, error) { return q.out.move(b) }

// direction is one of the two in which bytes go.
type direction struct {
	conn   *net.TCPConn
	wait   func(try func(fd uintptr) bool) error // calls try whenever the socket is ready, until it returns true
	try    func(fd uintptr) bool
	call   string
	number uintptr
	whole  bool // a move is of all bytes, not of those that there are

	mu      sync.Mutex // of what follows, the move under way
	rest    []byte
	moved   int
	refused syscall.Errno
}

// move moves bytes from or to b and returns how many.
func (d *direction) move(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rest, d.moved, d.refused = b, 0, 0
	err := d.wait(d.try)
	d.rest = nil
	if e, ok := errors.AsType[*net.OpError](err); ok {
		e.Op = d.call // and not the name of the way that it took
	}
	if err == nil && d.refused != 0 {
		err = &net.OpError{Op: d.call, Net: "tcp", Source: d.conn.LocalAddr(), Addr: d.conn.RemoteAddr(), Err: os.NewSyscallError(d.call, d.refused)}
	}
	return d.moved, err
}

// once moves what the socket takes or has, and reports whether that is all.
func (d *direction) once(fd uintptr) (done bool) {
	for len(d.rest) > 0 {
		n, _, errno := syscall.RawSyscall(d.number, fd, uintptr(unsafe.Pointer(&d.rest[0])), uintptr(min(len(d.rest), mostAtOnce)))
		switch errno {
		case 0:
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			return false
		default:
			d.refused = errno
			return true
		}
		d.moved += int(n)
		d.rest = d.rest[n:]
		if !d.whole {
			return true
		}
	}
	return true
}
