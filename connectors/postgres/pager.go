package postgres

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltable"
)

// pager reads one shard by statements of bounded length.
type pager struct {
	*reader
	*sqltable.Pages
	ctx     context.Context
	query   connector.Query
	list    string   // select list
	formats []uint16 // of its columns
	keyAt   []int    // where the key columns are in it
	session *session
	address string // of the snapshot's server
	view    string // its name of the snapshot

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

// Begin implements sqltable.Sender: it takes a session, which joins the snapshot when the read is of one.
func (p *pager) Begin() error {
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
		p.End()
	}
	return err
}

// End implements sqltable.Sender. In the middle of a result the session is ended.
func (p *pager) End() {
	s := p.session
	if s == nil {
		return
	}
	p.session = nil
	if p.amid || s.Stopped() {
		p.amid = false
		p.client.abandon(s)
		return
	}
	if s.state != stateIdle && !s.Broken {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		release := s.until(ctx)
		_ = s.exec("ROLLBACK") // a session that does not leave its transaction is closed
		release()
		cancel()
	}
	p.client.give(s)
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
	for {
		body, err := p.session.row()
		if err != nil {
			return false, p.ended(err)
		}
		if body == nil {
			p.session.Single()
			p.amid = false
			return true, nil
		}
		switch p.Pace() {
		case sqltable.Together:
			p.session.Batch()
		case sqltable.OneByOne:
			p.session.Single()
		}
		if err := p.row(body); err != nil {
			return false, err
		}
		if p.Overdue() {
			return false, nil
		}
	}
}

// ended notes that a statement ended with the server's error, which is the end of its answer.
func (p *pager) ended(err error) error {
	if _, refused := errors.AsType[*serverError](err); refused && !p.session.Broken {
		p.session.Single()
		p.amid = false
	}
	return err
}

// row takes one row.
func (p *pager) row(body []byte) error {
	if !p.Fits(len(body)) {
		if err := p.Room(p.ctx, len(body)); err != nil {
			return err
		}
		p.decoder.attach(p.Batch)
	}
	if err := p.decoder.row(body); err != nil {
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

// Last implements sqltable.Sender.
func (p *pager) Last() ([]connector.Part, error) {
	key := make([]connector.Part, len(p.key))
	for i := range p.key {
		var err error
		if key[i], err = p.keyPart(&p.key[i], p.decoder.keys[i], p.decoder.present[i]); err != nil {
			return nil, err
		}
	}
	return key, nil
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
		if at := slices.Index(p.keyAt, i); at >= 0 && p.Keyed() {
			if c.key = at + 1; def.Type != p.key[at].info.oid {
				return changed("key column %q of %s is of another type than when the read began", p.key[at].Name, p.name)
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
