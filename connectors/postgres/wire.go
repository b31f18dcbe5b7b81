package postgres

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/towpath/towpath/connectors/internal/socket"
)

// Messages of protocol 3.0: https://www.postgresql.org/docs/current/protocol-message-formats.html
const (
	msgBind     = 'B'
	msgDescribe = 'D'
	msgExecute  = 'E'
	msgParse    = 'P'
	msgQuery    = 'Q'
	msgSync     = 'S'

	gotParse       = '1'
	gotBind        = '2'
	gotNotify      = 'A'
	gotComplete    = 'C'
	gotRow         = 'D'
	gotError       = 'E'
	gotEmpty       = 'I'
	gotNoData      = 'n'
	gotNotice      = 'N'
	gotStatus      = 'S'
	gotParams      = 't'
	gotDescription = 'T'
	gotReady       = 'Z'

	keepBuffer = 4 << 20   // a larger buffer of a message is given back
	maxMessage = 1<<30 + 1 // bytes of a message; the server's rows are below 1 GB
)

// The states of a session's transaction, as ReadyForQuery tells them.
const (
	stateIdle   = 'I'
	stateWithin = 'T'
	stateFailed = 'E'
)

// errMalformed is a message that breaks the protocol. The connection is of no more use.
var errMalformed = errors.New("malformed message")

// errStopped ends reads and writes whose caller went away.
var errStopped = socket.ErrStopped

// wire reads and writes the messages of a connection that is logged in. Messages are views into its buffer: between the network
// and the vectors nothing is copied. One goroutine uses it; Stop alone may come from another.
type wire struct {
	*socket.Conn
	out   []byte
	state byte // of the transaction, when the last answer ended

	affected int64 // rows that the last statement changed or returned
}

func newWire(conn net.Conn, in io.Reader, timeout time.Duration) *wire {
	return &wire{Conn: socket.New(conn, in, timeout, 0), state: stateIdle}
}

// message returns the next message but those that come at any time, valid until the next call.
func (w *wire) message() (kind byte, body []byte, err error) {
	for {
		head, err := w.Next(5)
		if err != nil {
			return 0, nil, err
		}
		kind = head[0]
		length := int(binary.BigEndian.Uint32(head[1:]))
		if length < 4 || length > maxMessage {
			w.Broken = true
			return 0, nil, fmt.Errorf("%w: it is %d bytes long", errMalformed, length)
		}
		if body, err = w.Next(length - 4); err != nil {
			return 0, nil, err
		}
		if kind != gotNotice && kind != gotStatus && kind != gotNotify {
			return kind, body, nil
		}
	}
}

// answer reads a message of an answer. An error of the server comes back as *serverError, with the rest of the answer read, so that
// the session goes on.
func (w *wire) answer() (kind byte, body []byte, err error) {
	kind, body, err = w.message()
	if err == nil && kind == gotError {
		refused := parseServerError(body)
		if err := w.ready(); err != nil {
			w.Broken = true
		}
		return 0, nil, refused
	}
	if err == nil && kind == gotReady {
		return kind, body, w.noteState(body)
	}
	if err == nil && kind == gotComplete {
		w.affected = rowsOfTag(body)
	}
	return kind, body, err
}

// rowsOfTag reads the number at the end of a command's tag: INSERT 0 5.
func rowsOfTag(tag []byte) (n int64) {
	factor := int64(1)
	for i := len(tag) - 2; i >= 0 && tag[i] >= '0' && tag[i] <= '9' && factor < 1e18; i-- {
		n += factor * int64(tag[i]-'0')
		factor *= 10
	}
	return n
}

// ready reads to the end of an answer.
func (w *wire) ready() error {
	for {
		kind, body, err := w.message()
		if err != nil {
			return err
		}
		if kind == gotReady {
			return w.noteState(body)
		}
	}
}

func (w *wire) noteState(body []byte) error {
	if len(body) != 1 {
		return w.unexpected(gotReady)
	}
	w.state = body[0]
	return nil
}

// unexpected gives up a connection on which something came that does not belong there.
func (w *wire) unexpected(kind byte) error {
	w.Broken = true
	return fmt.Errorf("%w: %q where it does not belong", errMalformed, kind)
}

// expect reads one message of the kind.
func (w *wire) expect(kind byte) ([]byte, error) {
	got, body, err := w.answer()
	if err != nil {
		return nil, err
	}
	if got != kind {
		return nil, w.unexpected(got)
	}
	return body, nil
}

// begin begins a message in w.out; the caller appends its body and calls end with the answer.
func (w *wire) begin(kind byte) (at int) {
	w.out = append(w.out, kind, 0, 0, 0, 0)
	return len(w.out) - 4
}

func (w *wire) end(at int) { binary.BigEndian.PutUint32(w.out[at:], uint32(len(w.out)-at)) }

// text appends a string to the message. Its end is a zero byte, so it may hold none.
func (w *wire) text(s string) { w.out = append(append(w.out, s...), 0) }

// send writes the messages in w.out.
func (w *wire) send() error {
	err := w.push()
	w.Broken = w.Broken || err != nil
	return err
}

// push is send beside another goroutine that reads answers: it touches nothing that this one does.
func (w *wire) push() error {
	err := w.Write(w.out)
	if w.out = w.out[:0]; cap(w.out) > keepBuffer {
		w.out = nil
	}
	return err
}

// serverError is what the server says of a failed statement.
type serverError struct {
	Severity, Code, Message, Detail, Hint       string
	Schema, Table, Column, DataType, Constraint string
	Where                                       string // what it was at, a line for each level; the last of a COPY names the row
}

// Error returns the server's text with its SQLSTATE.
func (e *serverError) Error() string { return fmt.Sprintf("%s (%s)", e.Message, e.Code) }

// last reports whether the server ended the session with it; a refused statement alone leaves the session as good as before.
func (e *serverError) last() bool { return e.Severity == "FATAL" || e.Severity == "PANIC" }

func parseServerError(body []byte) *serverError {
	e := &serverError{Code: "XX000"}
	for len(body) > 1 {
		field := body[0]
		value, rest, ok := strings.Cut(string(body[1:]), "\x00")
		if !ok {
			break
		}
		switch field {
		case 'V':
			e.Severity = value
		case 'C':
			e.Code = value
		case 'M':
			e.Message = value
		case 'D':
			e.Detail = value
		case 'H':
			e.Hint = value
		case 's':
			e.Schema = value
		case 't':
			e.Table = value
		case 'c':
			e.Column = value
		case 'd':
			e.DataType = value
		case 'n':
			e.Constraint = value
		case 'W':
			e.Where = value
		}
		body = []byte(rest)
	}
	if e.Message == "" {
		e.Message = "the server sent an error without a text"
	}
	return e
}
