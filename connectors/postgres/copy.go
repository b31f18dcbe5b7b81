package postgres

import (
	"encoding/binary"
	"time"

	"github.com/towpath/towpath/connectors/internal/sqltarget"
)

// Messages of a COPY from us: https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-COPY
const (
	msgCopyData = 'd'
	msgCopyDone = 'c'

	gotCopyIn = 'G'
)

// copySize is how many bytes of rows are collected before they are sent.
const copySize = 64 << 10

// copyHeader begins the binary form: a signature, flags, and the length of an extension of the header.
const copyHeader = "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00"

// request is a text of statements that the server answers by itself, and the rows of the COPY that stands at its end.
type request struct {
	text string
	copy *copyRows // nil: the text has no COPY
}

// copyRows are rows that are encoded while they are sent, so that a group is held once.
type copyRows struct {
	encoder *encoder
	parts   []sqltarget.Part
	first   int // number of the first row
}

// reply is the answer to a request.
type reply struct {
	rows     [][]cell // of all its statements
	affected int64    // rows that its last statement changed or returned
	tag      string   // of its last statement
	err      *serverError
}

// talk sends requests one behind the other and returns the answers, one for each; a refused request makes those behind it fail in a
// transaction. The error is of the network, or the server's last word on the session.
//
// Answers are read while requests are sent: a server that has something to say (triggers can) reads on only when it is heard.
func (s *session) talk(requests ...request) ([]reply, error) {
	for _, r := range requests {
		if err := checkText(r.text); err != nil {
			return nil, err
		}
	}
	replies := make([]reply, len(requests))
	heard := make(chan error, 1)
	go func() {
		heard <- s.hear(replies)
	}()
	said := s.say(requests)
	if said != nil {
		// What the server said before it went tells more than the failed write.
		_ = s.Net.SetReadDeadline(time.Now().Add(time.Second))
	}
	err := <-heard
	if said != nil {
		s.Broken = true
		if err == nil {
			err = said
		}
	}
	return replies, err
}

// say sends the requests. It touches no state that hear does.
func (s *session) say(requests []request) error {
	for _, r := range requests {
		at := s.begin(msgQuery)
		s.text(r.text)
		s.end(at)
		if r.copy != nil {
			if err := s.sayRows(r.copy); err != nil {
				return err
			}
		}
	}
	return s.push()
}

// sayRows sends the rows of a COPY. When the server refused it, it drops them.
func (s *session) sayRows(c *copyRows) error {
	at := s.begin(msgCopyData)
	s.out = append(s.out, copyHeader...)
	row := c.first
	for _, p := range c.parts {
		c.encoder.attach(p.Batch)
		for from := p.From; from < p.To; from += blockRows {
			to := min(from+blockRows, p.To)
			s.out = c.encoder.appendRows(s.out, from, to, row)
			row += to - from
			if len(s.out) < copySize {
				continue
			}
			s.end(at)
			if err := s.push(); err != nil {
				return err
			}
			at = s.begin(msgCopyData)
		}
	}
	s.out = binary.BigEndian.AppendUint16(s.out, 0xFFFF)
	s.end(at)
	s.end(s.begin(msgCopyDone))
	return nil
}

// hear reads the answers.
func (s *session) hear(replies []reply) error {
	for i := range replies {
		if err := s.hearOne(&replies[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) hearOne(r *reply) error {
	for {
		kind, body, err := s.message()
		if err != nil {
			if r.err != nil && r.err.last() {
				s.Broken = true
				return r.err
			}
			return err
		}
		switch kind {
		case gotReady:
			return s.noteState(body)
		case gotError:
			r.err = parseServerError(body)
		case gotComplete:
			r.affected, r.tag = rowsOfTag(body), string(body[:max(len(body)-1, 0)])
		case gotRow:
			row := []cell{}
			if err := eachCell(body, func(b []byte, null bool) { row = append(row, cell{string(b), null}) }); err != nil {
				s.Broken = true
				return err
			}
			r.rows = append(r.rows, row)
		case gotDescription, gotEmpty, gotCopyIn:
		default:
			return s.unexpected(kind)
		}
	}
}

// refusedAt returns the first reply that is a refusal; len(replies) when there is none.
func refusedAt(replies []reply) int {
	for i := range replies {
		if replies[i].err != nil {
			return i
		}
	}
	return len(replies)
}
