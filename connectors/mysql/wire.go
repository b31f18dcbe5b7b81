package mysql

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/towpath/towpath/connectors/internal/socket"
)

// The protocol: https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html and
// https://mariadb.com/kb/en/clientserver-protocol/.
const (
	comQuery       = 0x03
	comPing        = 0x0e
	comStmtPrepare = 0x16
	comStmtExecute = 0x17
	comStmtClose   = 0x19

	comStmtBulkExecute = 0xfa

	headOK  = 0x00
	headErr = 0xff
	headEOF = 0xfe

	maxPayload = 1<<24 - 1
	keepBuffer = 4 << 20 // a larger buffer of a command is given back
)

// errMalformed is a packet that breaks the protocol. The connection is of no more use.
var errMalformed = errors.New("malformed packet")

// errStopped ends reads and writes whose caller went away.
var errStopped = socket.ErrStopped

// wire reads and writes the packets of a connection whose handshake is done. Packets are views into its buffer: between the
// network and the vectors nothing is copied. One goroutine uses it; Stop alone may come from another.
type wire struct {
	*socket.Conn
	seq    byte
	out    []byte
	within bool // a transaction is open
}

func newWire(conn net.Conn, timeout time.Duration) *wire {
	return &wire{Conn: socket.New(conn, conn, timeout, maxPayload)}
}

func (w *wire) header() (length int, err error) {
	h, err := w.Next(4)
	if err != nil {
		return 0, err
	}
	if h[3] != w.seq {
		w.Broken = true
		return 0, fmt.Errorf("%w: sequence number %d where %d belongs", errMalformed, h[3], w.seq)
	}
	w.seq++
	return int(h[0]) | int(h[1])<<8 | int(h[2])<<16, nil
}

// packet returns the next packet, valid until the next call. It has at least one byte.
func (w *wire) packet() ([]byte, error) {
	length, err := w.header()
	if err != nil {
		return nil, err
	}
	if length == maxPayload {
		return w.longPacket(length)
	}
	p, err := w.Next(length)
	if err != nil {
		return nil, err
	}
	if length == 0 {
		w.Broken = true
		return nil, fmt.Errorf("%w: it is empty", errMalformed)
	}
	return p, nil
}

// longPacket joins a packet that came in parts of 16 MB, the last of them shorter.
func (w *wire) longPacket(length int) ([]byte, error) {
	var whole []byte
	for {
		p, err := w.Next(length)
		if err != nil {
			return nil, err
		}
		whole = append(whole, p...)
		if length < maxPayload {
			return whole, nil
		}
		if length, err = w.header(); err != nil {
			return nil, err
		}
	}
}

// command begins a command; the caller appends its arguments to w.out and calls send.
func (w *wire) command(code byte) {
	w.out = append(w.out[:0], 0, 0, 0, 0, code)
}

// send writes the command in w.out.
func (w *wire) send() error {
	w.seq = 0
	for rest := w.out; ; {
		n := min(len(rest)-4, maxPayload)
		rest[0], rest[1], rest[2], rest[3] = byte(n), byte(n>>8), byte(n>>16), w.seq
		w.seq++
		if err := w.Write(rest[:4+n]); err != nil {
			w.Broken = true
			return err
		}
		if n < maxPayload {
			break
		}
		rest = rest[n:] // its first four bytes are sent and become the next header
	}
	if cap(w.out) > keepBuffer {
		w.out = nil
	}
	return nil
}

// answer reads the packet that begins an answer; a server's error comes back as *serverError.
func (w *wire) answer() ([]byte, error) {
	p, err := w.packet()
	if err != nil {
		return nil, err
	}
	if p[0] == headErr {
		return nil, parseServerError(p)
	}
	return p, nil
}

// done is what a statement without rows did.
type done struct {
	affected uint64
	warnings int // 65535: that many or more
}

// ok reads an answer that holds no rows.
func (w *wire) ok() error {
	_, err := w.done()
	return err
}

// done reads an answer that holds no rows.
func (w *wire) done() (d done, err error) {
	p, err := w.answer()
	if err != nil {
		return d, err
	}
	if p[0] != headOK {
		// 0xfb would be the wish for a file of ours (LOAD DATA LOCAL): nothing is ever sent.
		w.Broken = true
		return d, fmt.Errorf("%w: an answer begins with 0x%02x", errMalformed, p[0])
	}
	return w.parseOK(p)
}

const statusInTransaction = 1

func (w *wire) parseOK(p []byte) (d done, err error) {
	affected, at := lenenc(p, 1)
	_, at = lenenc(p, at) // the last number of AUTO_INCREMENT
	if at < 0 || len(p)-at < 4 {
		w.Broken = true
		return d, fmt.Errorf("%w: the end of a statement", errMalformed)
	}
	w.within = binary.LittleEndian.Uint16(p[at:])&statusInTransaction != 0
	return done{affected: affected, warnings: int(binary.LittleEndian.Uint16(p[at+2:]))}, nil
}

// isEOF tells the end of a list of packets; CLIENT_DEPRECATE_EOF is never asked for.
func isEOF(p []byte) bool { return p[0] == headEOF && len(p) < 9 }

// warningsOf returns the number of warnings that an EOF packet counts.
func warningsOf(p []byte) int {
	if len(p) < 5 {
		return 0
	}
	return int(binary.LittleEndian.Uint16(p[1:]))
}

// serverError is an ERR packet.
type serverError struct {
	Number  uint16
	State   string
	Message string
}

func (e *serverError) Error() string { return fmt.Sprintf("%s (%d, %s)", e.Message, e.Number, e.State) }

func parseServerError(p []byte) *serverError {
	e := &serverError{State: "HY000"}
	if len(p) < 3 {
		e.Message = "the server sent an error without a number"
		return e
	}
	e.Number = binary.LittleEndian.Uint16(p[1:])
	rest := p[3:]
	if len(rest) >= 6 && rest[0] == '#' {
		e.State, rest = string(rest[1:6]), rest[6:]
	}
	e.Message = string(rest)
	return e
}

// lenenc reads a length-encoded number at p[at:]; next is -1 when p is too short or holds none.
func lenenc(p []byte, at int) (n uint64, next int) {
	if at < 0 || at >= len(p) {
		return 0, -1
	}
	switch b := p[at]; {
	case b < 0xfb:
		return uint64(b), at + 1
	case b == 0xfc && len(p)-at >= 3:
		return uint64(binary.LittleEndian.Uint16(p[at+1:])), at + 3
	case b == 0xfd && len(p)-at >= 4:
		return uint64(p[at+1]) | uint64(p[at+2])<<8 | uint64(p[at+3])<<16, at + 4
	case b == 0xfe && len(p)-at >= 9:
		return binary.LittleEndian.Uint64(p[at+1:]), at + 9
	}
	return 0, -1
}

// lenencBytes reads length-encoded bytes at p[at:], a view; next is -1 when p is too short.
func lenencBytes(p []byte, at int) (b []byte, next int) {
	n, at := lenenc(p, at)
	if at < 0 || n > uint64(len(p)-at) {
		return nil, -1
	}
	return p[at : at+int(n)], at + int(n)
}

// appendLenenc appends a length-encoded number.
func appendLenenc(b []byte, n uint64) []byte {
	switch {
	case n < 0xfb:
		return append(b, byte(n))
	case n < 1<<16:
		return binary.LittleEndian.AppendUint16(append(b, 0xfc), uint16(n))
	case n < 1<<24:
		return append(b, 0xfd, byte(n), byte(n>>8), byte(n>>16))
	}
	return binary.LittleEndian.AppendUint64(append(b, 0xfe), n)
}
