package mysql

import (
	"bytes"
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltable"
	"github.com/towpath/towpath/record"
)

// errEnough ends a read whose receiver wants no more.
var errEnough = errors.New("enough")

// How many rows one statement asks for: few at first, then as many as fit its time.
const (
	firstRows = 20_000
	leastRows = 1_000
	mostRows  = 4_000_000
	// A statement with more rows than these is one whose rows are worth waiting for.
	manyRows = 10_000
	// A statement that is this many times too old, because the receiver is slow, is given up: it holds undo at the server.
	overdue = 6
	// A batch that fills slowly is handed on after this time.
	lingering = time.Second
)

// pager reads one shard by statements of bounded length.
type pager struct {
	*reader
	ctx     context.Context
	query   connector.Query
	yield   func(connector.Chunk, error) bool
	rng     sqltable.Range
	list    string // select list
	keyAt   []int  // where the key columns are in it
	session *session
	instant *snapshot // that the session belongs to; nil: none

	decoder decoder
	defs    []columnDef
	batch   *record.Batch
	began   time.Time // of the batch's first row
	rows    int       // of the statement
	unsaid  bool      // rows came since the last position was made
	amid    bool      // the statement's result is not read to its end
	limit   int

	previous, scratch []byte // keys of the last rows of an own SELECT
}

func (r *reader) pager(ctx context.Context, q connector.Query) (*pager, error) {
	p := &pager{reader: r, ctx: ctx, query: q, limit: firstRows}
	for i := range q.Schema.Fields {
		if r.column(q.Schema.Fields[i].Name) == nil {
			return nil, changed("%s has no column %q", r.name, q.Schema.Fields[i].Name)
		}
	}
	var err error
	if p.rng, err = r.sel.Key.ShardRange(q.Shard, q.From); err != nil {
		return nil, err
	}
	if r.table != nil {
		p.list, p.keyAt = r.selection(q.Schema)
	} else {
		p.keyAt = r.queryKeyAt()
	}
	return p, nil
}

// run reads to the end of the shard.
//
// A page with fewer rows than asked for proves nothing: proxies and row limits cut results short without an error. Only a
// page without a row is the end.
func (p *pager) run() error {
	if err := p.open(); err != nil {
		return err
	}
	defer func() {
		p.batch.Release()
		p.batch = nil
		p.close()
	}()
	for {
		began := time.Now()
		whole, err := p.page(began)
		if err != nil {
			return p.lost(err)
		}
		if p.rng.Part != sqltable.Keyed || (p.rows == 0 && whole) {
			return p.flush()
		}
		if err := p.advance(); err != nil {
			return err
		}
		if !whole {
			p.close()
			if err := p.open(); err != nil {
				return err
			}
		}
		p.limit = nextLimit(p.limit, p.rows, time.Since(began), time.Duration(p.options.StatementSeconds)*time.Second)
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

func (p *pager) open() error {
	s, err := p.take()
	if err != nil {
		return err
	}
	p.session = s
	release := p.until()
	err = s.charset(p.results)
	release()
	if err != nil {
		err = p.lost(err)
		p.close()
	}
	return err
}

// take takes a session: of the query's snapshot, if it has one.
func (p *pager) take() (*session, error) {
	if p.query.Snapshot == nil {
		return p.client.take(p.ctx, reads)
	}
	if p.instant = p.client.snapshotOf(p.query.Snapshot); p.instant == nil {
		return nil, snapshotGone(errSnapshotClosed)
	}
	return p.instant.take(p.ctx)
}

// until ends what the session does when the read's context ends; the caller calls the answer once, when it is done.
func (p *pager) until() (release func()) {
	if p.instant != nil {
		return p.instant.until(p.ctx, p.session)
	}
	return p.session.until(p.ctx)
}

// lost says of an error in a snapshot whether it took the snapshot with it: another session would show another instant.
func (p *pager) lost(err error) error {
	if p.instant == nil || err == nil || err == errEnough || p.ctx.Err() != nil || connector.ClassOf(err) == connector.Lost {
		return err
	}
	e, refused := errors.AsType[*serverError](err)
	if p.session != nil && (p.session.broken || p.session.stopped.Load()) || refused && e.Number == tableAltered {
		return snapshotGone(err)
	}
	return err
}

// tableAltered is the server's error for a table that was defined anew after the snapshot.
const tableAltered = 1412

// close gives the session back; in the middle of a result it is ended, or, in a snapshot, its statement.
func (p *pager) close() {
	if p.session == nil {
		return
	}
	switch {
	case p.instant != nil:
		p.instant.give(p.session, p.amid)
	case p.amid:
		p.client.abandon(p.session)
	default:
		p.client.give(p.session)
	}
	p.session, p.amid = nil, false
}

// statement is the text of the next statement and its parameters.
func (p *pager) statement() (string, []connector.Part) {
	if p.table == nil {
		return p.queryStatement(p.rng)
	}
	sel := p.sel
	sel.Columns = p.list
	limit := p.limit
	if p.rng.Part != sqltable.Keyed {
		limit = 0
	}
	st := sel.Page(p.rng, limit)
	return st.SQL, st.Args
}

// page runs one statement and reads its rows; whole is false when it was left before its end.
func (p *pager) page(began time.Time) (whole bool, err error) {
	defer p.until()()
	text, args := p.statement()
	params, err := p.params(args)
	if err != nil {
		return false, err
	}
	st, err := p.session.prepare(text)
	if err != nil {
		return false, err
	}
	defer func() {
		if err != nil && !p.amid {
			p.session.drop(st)
		}
	}()
	if len(st.columns) == 0 {
		return false, notARead(p.name)
	}
	defs, err := p.session.execute(st, params)
	if err != nil {
		return false, err
	}
	if p.defs == nil || !slices.Equal(p.defs, defs) {
		if err := p.bind(defs); err != nil {
			p.session.broken = true
			return false, err
		}
	}
	p.amid = true
	last := time.Duration(overdue*p.options.StatementSeconds) * time.Second
	p.rows = 0
	for {
		packet, err := p.session.answer()
		if err != nil {
			_, refused := errors.AsType[*serverError](err)
			if p.amid = !refused; refused { // the server's error is the end of its answer
				p.session.single()
			}
			return false, err
		}
		if isEOF(packet) {
			p.session.single()
			p.amid = false
			if err := p.warned(packet); err != nil {
				return false, err
			}
			return true, p.session.closeStatement(st)
		}
		p.pace()
		if err := p.row(packet); err != nil {
			p.session.broken = p.session.broken || errors.Is(err, errMalformed)
			return false, err
		}
		if p.batch == nil && p.rng.Part == sqltable.Keyed && p.table != nil && time.Since(began) > last {
			return false, nil
		}
	}
}

// pace reads the rows of a long answer in batches, but for those near its end, where the last batch would be waited for in vain.
func (p *pager) pace() {
	last := math.MaxInt
	if p.rng.Part == sqltable.Keyed && p.table != nil {
		last = p.limit - p.limit/4
	}
	switch {
	case p.rows == last:
		p.session.single()
	case p.rows == manyRows && last > manyRows:
		p.session.batch()
	}
}

// row takes one row, and hands the batch on when it is full.
func (p *pager) row(packet []byte) error {
	// A row beyond a batch's size is a batch of its own.
	if p.batch != nil && p.batch.Len > 0 && (len(packet) > record.MaxBytes || p.rows&255 == 0 && time.Since(p.began) > lingering) {
		if err := p.flush(); err != nil {
			return err
		}
	}
	if p.batch == nil {
		b, err := p.query.Batches.Get(p.ctx, p.query.Schema)
		if err != nil {
			return err
		}
		p.batch, p.began = b, time.Now()
		p.decoder.attach(b)
	}
	if err := p.decoder.row(packet); err != nil {
		return err
	}
	p.rows++
	p.unsaid = true
	if p.table == nil && len(p.keyAt) > 0 {
		if err := p.distinct(); err != nil {
			return err
		}
	}
	if p.batch.Full() {
		return p.flush()
	}
	return nil
}

// distinct refuses a key of an own SELECT that two neighbours share: behind the first, the second could not be found again.
func (p *pager) distinct() error {
	p.previous, p.scratch = p.scratch, p.previous[:0]
	for i, k := range p.decoder.keys {
		p.scratch = append(p.scratch, p.compared(i, k)...)
	}
	if !bytes.Equal(p.previous, p.scratch) {
		return nil
	}
	return connector.Errorf(connector.Config, "TOW-439", "read %s: two rows have the same key", p.name).At("key").
		WithHint("A query with %s needs a key that tells its rows apart.", rangeMarker)
}

// compared is what the server tells values of key column i apart by: text that is padded ends before its trailing blanks.
func (p *pager) compared(i int, raw []byte) []byte {
	if d := p.defs[p.keyAt[i]]; p.key[i].Type.Kind != record.Text || !slices.Contains(paddedBinary, d.Charset) {
		return raw
	}
	text, _ := lenencBytes(raw, 0)
	text = bytes.TrimRight(text, " ")
	return append(appendLenenc(nil, uint64(len(text))), text...)
}

// flush hands the batch on with the position behind its last row.
func (p *pager) flush() error {
	if p.batch == nil || p.batch.Len == 0 {
		return nil
	}
	chunk := connector.Chunk{Batch: p.batch}
	if p.rng.Part == sqltable.Keyed {
		key, err := p.keyParts(p.keyDefs(), p.decoder.keys)
		if err != nil {
			return err
		}
		chunk.After = sqltable.NewPosition(key)
	}
	p.batch.Settle()
	p.batch = nil
	if !p.yield(chunk, nil) {
		return errEnough
	}
	return nil
}

// advance moves the range behind the last row read.
func (p *pager) advance() error {
	if !p.unsaid {
		return nil
	}
	key, err := p.keyParts(p.keyDefs(), p.decoder.keys)
	if err != nil {
		return err
	}
	if p.rng.Low != nil && string(connector.NewPosition("", p.rng.Low...)) == string(connector.NewPosition("", key...)) {
		return connector.Errorf(connector.Other, "TOW-438", "read %s: the server returned rows behind a key, and the key again as the last of them", p.name).
			WithHint("The index is damaged or the key does not tell rows apart: CHECK TABLE.")
	}
	p.rng.Low, p.unsaid = key, false
	return nil
}

func (p *pager) keyDefs() []columnDef {
	defs := make([]columnDef, len(p.keyAt))
	for i, at := range p.keyAt {
		defs[i] = p.defs[at]
	}
	return defs
}

// sent tells whether a column is foreignText, and refuses text that does not come as the UTF-8 that it was when the reader looked.
func (p *pager) sent(f *record.Field, def columnDef) (foreign bool, err error) {
	if c := p.column(f.Name); p.table != nil && c != nil && marksForeign(c) {
		return true, nil
	}
	if inCharset(f, def) && !isUTF8(def.Charset) {
		return false, changed("column %q of %s comes in another charset than when the read began", f.Name, p.name)
	}
	return false, nil
}

// bind makes the decoder for what the server sends.
func (p *pager) bind(defs []columnDef) error {
	fields := p.query.Schema.Fields
	if p.table == nil {
		if len(defs) != len(p.columns) {
			return changed("%s has %d columns, %d were planned", p.name, len(defs), len(p.columns))
		}
		for i := range defs {
			if i < len(fields) && !strings.EqualFold(defs[i].Name, fields[i].Name) {
				return changed("column %d of %s is %q, planned was %q", i+1, p.name, defs[i].Name, fields[i].Name)
			}
		}
	}
	var err error
	d := decoder{bitmap: (len(defs) + 9) / 8, maxCell: int(p.options.MaxCellBytes), keys: make([][]byte, len(p.keyAt))}
	for i, def := range defs {
		c := skipper(def)
		if i < len(fields) {
			var ok bool
			if c, ok = bind(&fields[i], def); !ok {
				return changed("column %q of %s comes as another type than the planned %s", fields[i].Name, p.name, fields[i].Type)
			}
			c.index = i
			if c.foreign, err = p.sent(&fields[i], def); err != nil {
				return err
			}
		}
		if at := slices.Index(p.keyAt, i); at >= 0 && p.rng.Part == sqltable.Keyed {
			c.key = at + 1
			if p.table == nil && p.key[at].Type.Kind == record.Text && !keepsApart(def) {
				return changed("key column %q of %s is compared by another collation than when the read began", def.Name, p.name)
			}
		}
		d.columns = append(d.columns, c)
	}
	p.decoder, p.defs = d, defs
	if p.batch != nil {
		p.decoder.attach(p.batch)
	}
	return nil
}
