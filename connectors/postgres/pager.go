package postgres

import (
	"context"
	"errors"
	"math"
	"slices"
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
	// A statement that is this many times too old, because the receiver is slow, is given up: while it runs, no dead row of the
	// database can be cleaned up.
	overdue = 6
	// A statement with more rows than these is one whose rows are worth waiting for.
	manyRows = 10_000
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
	list    string   // select list
	formats []uint16 // of its columns
	keyAt   []int    // where the key columns are in it
	session *session
	address string // of the snapshot's server
	view    string // its name of the snapshot

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
	if q.Snapshot != nil {
		if p.address, p.view, err = parseToken(q.Snapshot); err != nil {
			return nil, err
		}
	}
	if r.table != nil {
		p.list, p.formats, p.keyAt = r.selection(q.Schema)
	} else {
		p.formats, p.keyAt = r.queryFormats()
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
			return err
		}
		if p.rng.Part != sqltable.Keyed || p.rows == 0 && whole {
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

// open takes a session, which joins the snapshot when the read is of one.
func (p *pager) open() error {
	s, err := p.client.takeAt(p.ctx, reads, p.address)
	if err != nil {
		return err
	}
	p.session = s
	release := s.until(p.ctx)
	err = p.admit(s)
	if err == nil && p.view != "" {
		err = s.join(p.view)
	}
	release()
	if err != nil {
		p.close()
	}
	return err
}

// close gives the session back; in the middle of a result it is ended.
func (p *pager) close() {
	s := p.session
	if s == nil {
		return
	}
	p.session = nil
	if p.amid || s.stopped.Load() {
		p.amid = false
		p.client.abandon(s)
		return
	}
	if s.state != stateIdle && !s.broken {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		release := s.until(ctx)
		_ = s.exec("ROLLBACK") // a session that does not leave its transaction is closed
		release()
		cancel()
	}
	p.client.give(s)
}

// statement is the text of the next statement and its parameters.
func (p *pager) statement() sqltable.Statement {
	if p.table == nil {
		return p.queryStatement(p.rng)
	}
	sel := p.sel
	sel.Columns = p.list
	limit := p.limit
	if p.rng.Part != sqltable.Keyed {
		limit = 0
	}
	return sel.Page(p.rng, limit)
}

// page runs one statement and reads its rows; whole is false when it was left before its end.
func (p *pager) page(began time.Time) (whole bool, err error) {
	release := p.session.until(p.ctx)
	defer release()
	st := p.statement()
	params, err := p.params(st)
	if err != nil {
		return false, err
	}
	p.amid = true
	defs, err := p.session.execute(st.SQL, params, p.formats)
	if err != nil {
		return false, p.ended(err)
	}
	if len(defs) == 0 {
		return false, notARead(p.name)
	}
	if p.defs == nil || !slices.Equal(p.defs, defs) {
		if err := p.bind(defs); err != nil {
			return false, err
		}
	}
	last := time.Duration(overdue*p.options.StatementSeconds) * time.Second
	p.rows = 0
	for {
		body, err := p.session.row()
		if err != nil {
			return false, p.ended(err)
		}
		if body == nil {
			p.session.single()
			p.amid = false
			return true, nil
		}
		p.pace()
		if err := p.row(body); err != nil {
			return false, err
		}
		if p.batch == nil && p.rng.Part == sqltable.Keyed && p.table != nil && time.Since(began) > last {
			return false, nil
		}
	}
}

// ended notes that a statement ended with the server's error, which is the end of its answer.
func (p *pager) ended(err error) error {
	if _, refused := errors.AsType[*serverError](err); refused && !p.session.broken {
		p.session.single()
		p.amid = false
	}
	return err
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
func (p *pager) row(body []byte) error {
	// A row beyond a batch's size is a batch of its own.
	if p.batch != nil && p.batch.Len > 0 && (len(body) > record.MaxBytes || p.rows&255 == 0 && time.Since(p.began) > lingering) {
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
	if err := p.decoder.row(body); err != nil {
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

// lastKey is the key of the last row.
func (p *pager) lastKey() ([]connector.Part, error) {
	key := make([]connector.Part, len(p.key))
	for i := range p.key {
		var err error
		if key[i], err = p.keyPart(&p.key[i], p.decoder.keys[i], p.decoder.present[i]); err != nil {
			return nil, err
		}
	}
	return key, nil
}

// flush hands the batch on with the position behind its last row.
func (p *pager) flush() error {
	if p.batch == nil || p.batch.Len == 0 {
		return nil
	}
	chunk := connector.Chunk{Batch: p.batch}
	if p.rng.Part == sqltable.Keyed && len(p.key) > 0 {
		key, err := p.lastKey()
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
	key, err := p.lastKey()
	if err != nil {
		return err
	}
	if p.rng.Low != nil && string(connector.NewPosition("", p.rng.Low...)) == string(connector.NewPosition("", key...)) {
		return connector.Errorf(connector.Other, "TOW-738", "read %s: the server returned rows behind a key, and the key again as the last of them", p.name).
			WithHint("The index is damaged or the key does not tell rows apart: REINDEX.")
	}
	p.rng.Low, p.unsaid = key, false
	return nil
}

// bind makes the decoder for what the server sends.
func (p *pager) bind(defs []columnDef) error {
	fields := p.query.Schema.Fields
	if len(defs) != len(p.formats) {
		return changed("%s has %d columns, %d were planned", p.name, len(defs), len(p.formats))
	}
	n := len(p.keyAt)
	d := decoder{maxCell: int(p.options.MaxCellBytes), keys: make([][]byte, n), present: make([]bool, n), unbounded: p.session.version >= 170000}
	for i, def := range defs {
		c := decodeColumn{index: -1}
		if i < len(fields) {
			if p.table == nil && def.Name != fields[i].Name {
				return changed("column %d of %s is %q, planned was %q", i+1, p.name, def.Name, fields[i].Name)
			}
			info := p.infoOf(p.column(fields[i].Name), def)
			ok := info != nil && formatOf(info) == def.Format
			if ok {
				c, ok = bind(&fields[i], info, def.Mod)
			}
			if !ok {
				return changed("column %q of %s comes as another type than the planned %s", fields[i].Name, p.name, fields[i].Type)
			}
			c.index = i
		}
		if at := slices.Index(p.keyAt, i); at >= 0 && p.rng.Part == sqltable.Keyed {
			if c.key = at + 1; def.Type != p.key[at].info.oid {
				return changed("key column %q of %s is of another type than when the read began", p.key[at].Name, p.name)
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

// infoOf is the type that a column comes as: its own, or one of the server's that took its place; nil: neither.
func (r *reader) infoOf(c *column, def columnDef) *typeInfo {
	if c != nil && c.info.oid == def.Type {
		return c.info
	}
	if row := rowOf(typeTable(), def.Type, "", ""); row != nil {
		return &typeInfo{oid: def.Type, binary: true, row: row}
	}
	return nil
}
