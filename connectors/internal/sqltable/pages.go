package sqltable

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

var (
	// ErrEnough ends a read whose receiver wants no more. Pages returns it to its Sender, and Run returns nil for it.
	ErrEnough = errors.New("enough")
	// ErrRepeated is the end of a read that would never end: the server returned rows behind a key, and the key again as the last of them.
	ErrRepeated = errors.New("the key of the last row was read before")
)

// How many rows one statement asks for: few at first, then as many as fit its time.
const (
	firstRows = 20_000
	leastRows = 1_000
	mostRows  = 4_000_000
	// A statement with more rows than these is one whose rows are worth waiting for.
	manyRows = 10_000
	// A statement that is this many times too old, because the receiver is slow, is given up: while it runs, the server keeps what was
	// changed or deleted since.
	overdue = 6
	// A batch that fills slowly is handed on after this time.
	lingering = time.Second
)

// Pages is the reading of one shard by statements of bounded length: what the next one asks for, and the batches in which rows are handed
// on. Run drives a Sender, which sends the statements and for each row calls Pace, Fits or Room, Took and Overdue, in this
// order. One goroutine uses it.
type Pages struct {
	Range Range // what is still to be read
	Limit int   // rows that the next statement asks for
	Rows  int   // that the statement has returned so far
	// Batch is where rows go; nil: none is begun.
	Batch *record.Batch

	query   connector.Query
	yield   func(connector.Chunk, error) bool
	sender  Sender
	keyed   bool // chunks end with positions
	bounded bool // statements have limits
	may     time.Duration
	last    int       // row of the statement from which on those left are not waited for together
	began   time.Time // of the statement
	filling time.Time // of the batch's first row
}

// Sender sends the statements of Pages and decodes their rows.
type Sender interface {
	// Begin takes a session. Run calls it before the first Page, and again after one that was left before its end.
	Begin() error
	// Page sends one statement for Range and takes its rows; whole is false when it was left before its end.
	Page() (whole bool, err error)
	// Last returns the key of the last row.
	Last() ([]connector.Part, error)
	// End gives the session back, in the middle of a result too. It does nothing when there is none.
	End()
}

// Pages prepares the reading of q. Statements are bounded, each by about may, when bounded is true and the shard has an order; others are
// one statement without a limit of rows.
func (k Key) Pages(q connector.Query, bounded bool, may time.Duration) (*Pages, error) {
	r, err := k.ShardRange(q.Shard, q.From)
	if err != nil {
		return nil, err
	}
	keyed := r.Part == Keyed && len(k) > 0
	return &Pages{Range: r, Limit: firstRows, query: q, keyed: keyed, bounded: bounded && keyed, may: may}, nil
}

// Run reads to the end of the shard and hands its batches to yield.
//
// A page with fewer rows than asked for proves nothing: proxies and row limits cut results short without an error. Only a
// page without a row is the end.
func (p *Pages) Run(s Sender, yield func(connector.Chunk, error) bool) error {
	p.sender, p.yield = s, yield
	err := p.run()
	if err == ErrEnough {
		return nil
	}
	return err
}

func (p *Pages) run() error {
	if err := p.sender.Begin(); err != nil {
		return err
	}
	defer func() {
		p.Batch.Release()
		p.Batch = nil
		p.sender.End()
	}()
	for {
		p.began, p.Rows, p.last = time.Now(), 0, math.MaxInt
		if p.bounded {
			p.last = p.Limit - p.Limit/4
		}
		whole, err := p.sender.Page()
		if err != nil {
			return err
		}
		if p.Range.Part != Keyed || p.Rows == 0 && whole {
			return p.Flush()
		}
		if err := p.advance(); err != nil {
			return err
		}
		if !whole {
			p.sender.End()
			if err := p.sender.Begin(); err != nil {
				return err
			}
		}
		p.Limit = nextLimit(p.Limit, p.Rows, time.Since(p.began), p.may)
	}
}

// nextLimit is how many rows the next statement asks for, so that it takes about as long as it may.
func nextLimit(limit, rows int, took, may time.Duration) int {
	if took <= 0 || rows == 0 {
		return limit
	}
	fit := float64(rows) * float64(may) / float64(took)
	return int(min(max(fit, leastRows), float64(4*limit), mostRows))
}

// Statement returns the next statement over a table.
func (p *Pages) Statement(s Select) Statement {
	if !p.bounded {
		return s.Page(p.Range, 0)
	}
	return s.Page(p.Range, p.Limit)
}

// Keyed reports whether the shard has an order, so that the key of its last row is asked for.
func (p *Pages) Keyed() bool { return p.keyed }

// Pace is how rows are waited for from a row on.
type Pace int

// The paces.
const (
	SamePace Pace = iota // as before
	Together             // many at a time: it is a long answer
	OneByOne             // each as it comes: near the end of an answer, where the last ones would be waited for in vain
)

// Pace says how rows are waited for behind the one that has come.
func (p *Pages) Pace() Pace {
	switch {
	case p.Rows == p.last:
		return OneByOne
	case p.Rows == manyRows && p.last > manyRows:
		return Together
	}
	return SamePace
}

// Fits reports whether a row of so many bytes may go into Batch without asking Room, as nearly all may.
func (p *Pages) Fits(sizeBytes int) bool {
	return p.Batch != nil && sizeBytes <= record.MaxBytes && p.Rows&255 != 0
}

// Room makes room in Batch for a row of so many bytes; it may be another batch from then on.
func (p *Pages) Room(ctx context.Context, sizeBytes int) error {
	// A row beyond a batch's size is a batch of its own.
	if p.Batch != nil && p.Batch.Len > 0 && (sizeBytes > record.MaxBytes || p.Rows&255 == 0 && time.Since(p.filling) > lingering) {
		if err := p.Flush(); err != nil {
			return err
		}
	}
	if p.Batch != nil {
		return nil
	}
	b, err := p.query.Batches.Get(ctx, p.query.Schema)
	if err != nil {
		return err
	}
	p.Batch, p.filling = b, time.Now()
	return nil
}

// Took counts a row that stands in Batch, and reports whether the batch is full: then Flush comes next.
func (p *Pages) Took() (full bool) {
	p.Rows++
	return p.Batch.Full()
}

// Overdue reports whether the statement is to be left before its end, because its receiver is slow.
func (p *Pages) Overdue() bool {
	return p.Batch == nil && p.bounded && time.Since(p.began) > overdue*p.may
}

// Flush hands the batch on, when there is one, with the position behind its last row. Texts in it that are no UTF-8 become marks.
func (p *Pages) Flush() error {
	if p.Batch == nil || p.Batch.Len == 0 {
		return nil
	}
	chunk := connector.Chunk{Batch: p.Batch}
	if p.keyed {
		key, err := p.sender.Last()
		if err != nil {
			return err
		}
		chunk.After = NewPosition(key)
	}
	p.Batch.CheckText()
	p.Batch.Settle()
	p.Batch = nil
	if !p.yield(chunk, nil) {
		return ErrEnough
	}
	return nil
}

// advance moves the range behind the last row read.
func (p *Pages) advance() error {
	if p.Rows == 0 {
		return nil
	}
	key, err := p.sender.Last()
	if err != nil {
		return err
	}
	if p.Range.Low != nil && string(NewPosition(p.Range.Low)) == string(NewPosition(key)) {
		return ErrRepeated
	}
	p.Range.Low = key
	return nil
}
