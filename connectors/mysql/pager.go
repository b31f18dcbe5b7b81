package mysql

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltable"
	"github.com/towpath/towpath/record"
)

// pager reads one shard by statements of bounded length.
type pager struct {
	*reader
	*sqltable.Pages
	ctx     context.Context
	query   connector.Query
	list    string // select list
	keyAt   []int  // where the key columns are in it
	session *session
	instant *snapshot // that the session belongs to; nil: none

	decoder decoder
	defs    []columnDef
	amid    bool // the statement's result is not read to its end

	previous, scratch []byte // keys of the last rows of an own SELECT
}

func (r *reader) pager(ctx context.Context, q connector.Query) (*pager, error) {
	p := &pager{reader: r, ctx: ctx, query: q}
	for i := range q.Schema.Fields {
		if r.column(q.Schema.Fields[i].Name) == nil {
			return nil, changed("%s has no column %q", r.name, q.Schema.Fields[i].Name)
		}
	}
	var err error
	if p.Pages, err = r.sel.Key.Pages(q, r.table != nil, time.Duration(r.options.StatementSeconds)*time.Second); err != nil {
		return nil, err
	}
	if r.table != nil {
		p.list, p.keyAt = r.selection(q.Schema)
	} else {
		p.keyAt = r.queryKeyAt()
	}
	return p, nil
}

// Begin implements sqltable.Sender.
func (p *pager) Begin() error {
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
		p.End()
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
	if p.instant == nil || err == nil || err == sqltable.ErrEnough || p.ctx.Err() != nil || connector.ClassOf(err) == connector.Lost {
		return err
	}
	e, refused := errors.AsType[*serverError](err)
	if p.session != nil && (p.session.Broken || p.session.Stopped()) || refused && e.Number == tableAltered {
		return snapshotGone(err)
	}
	return err
}

// tableAltered is the server's error for a table that was defined anew after the snapshot.
const tableAltered = 1412

// End implements sqltable.Sender. In the middle of a result the session is ended, or, in a snapshot, its statement.
func (p *pager) End() {
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

// statement is the next statement.
func (p *pager) statement() sqltable.Statement {
	if p.table == nil {
		return p.queryStatement(p.Range)
	}
	sel := p.sel
	sel.Columns = p.list
	return p.Statement(sel)
}

// Page implements sqltable.Sender.
func (p *pager) Page() (whole bool, err error) {
	whole, err = p.page()
	return whole, p.lost(err)
}

// page runs one statement and reads its rows; whole is false when it was left before its end.
func (p *pager) page() (whole bool, err error) {
	defer p.until()()
	page := p.statement()
	params, err := p.params(page)
	if err != nil {
		return false, err
	}
	st, err := p.session.prepare(page.SQL)
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
			p.session.Broken = true
			return false, err
		}
	}
	p.amid = true
	for {
		packet, err := p.session.answer()
		if err != nil {
			_, refused := errors.AsType[*serverError](err)
			if p.amid = !refused; refused { // the server's error is the end of its answer
				p.session.Single()
			}
			return false, err
		}
		if isEOF(packet) {
			p.session.Single()
			p.amid = false
			if err := p.warned(packet); err != nil {
				return false, err
			}
			return true, p.session.closeStatement(st)
		}
		switch p.Pace() {
		case sqltable.Together:
			p.session.Batch()
		case sqltable.OneByOne:
			p.session.Single()
		}
		if err := p.row(packet); err != nil {
			p.session.Broken = p.session.Broken || errors.Is(err, errMalformed)
			return false, err
		}
		if p.Overdue() {
			return false, nil
		}
	}
}

// row takes one row.
func (p *pager) row(packet []byte) error {
	if !p.Fits(len(packet)) {
		if err := p.Room(p.ctx, len(packet)); err != nil {
			return err
		}
		p.decoder.attach(p.Batch)
	}
	if err := p.decoder.row(packet); err != nil {
		return err
	}
	if p.table == nil && len(p.keyAt) > 0 {
		if err := p.distinct(); err != nil {
			return err
		}
	}
	if p.Took() {
		return p.Flush()
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
		WithHint("A query with %s needs a key that tells its rows apart.", sqltable.Marker)
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

// Last implements sqltable.Sender.
func (p *pager) Last() ([]connector.Part, error) { return p.keyParts(p.keyDefs(), p.decoder.keys) }

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
	d := decoder{bitmap: (len(defs) + 9) / 8, maxCell: int(p.options.MaxCellBytes), keys: make([][]byte, len(p.keyAt))}
	for i, def := range defs {
		c := skipper(def)
		if i < len(fields) {
			var ok bool
			if c, ok = bind(&fields[i], def); !ok {
				return changed("column %q of %s comes as another type than the planned %s", fields[i].Name, p.name, fields[i].Type)
			}
			c.index = i
			foreign, err := p.sent(&fields[i], def)
			if err != nil {
				return err
			}
			if foreign {
				c.decode = decodeForeign
			}
		}
		if at := slices.Index(p.keyAt, i); at >= 0 && p.Keyed() {
			c.key = at + 1
			if p.table == nil && p.key[at].Type.Kind == record.Text && !keepsApart(def) {
				return changed("key column %q of %s is compared by another collation than when the read began", def.Name, p.name)
			}
		}
		d.columns = append(d.columns, c)
	}
	p.decoder, p.defs = d, defs
	if p.Batch != nil {
		p.decoder.attach(p.Batch)
	}
	return nil
}
