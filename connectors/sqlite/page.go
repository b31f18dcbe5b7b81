package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"iter"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltable"
	"github.com/towpath/towpath/record"
)

// Read reads a keyed shard batch by batch, one statement each, so that no lock of the file is held while the receiver works;
// a shard without an order is one statement.
func (r *reader) Read(ctx context.Context, q connector.Query) iter.Seq2[connector.Chunk, error] {
	return func(yield func(connector.Chunk, error) bool) {
		within, err := r.key.ShardRange(q.Shard, q.From)
		if err != nil {
			yield(connector.Chunk{}, err)
			return
		}
		columns := make([]string, len(q.Schema.Fields))
		for i, f := range q.Schema.Fields {
			columns[i] = f.Name
		}
		conn, err := r.db.Conn(ctx)
		if err != nil {
			yield(connector.Chunk{}, classify(err, "read %s", r.source.Dataset))
			return
		}
		defer conn.Close()
		p := &pager{conn: conn, schema: q.Schema, pool: q.Batches, query: r.selecting(columns), dataset: r.source.Dataset}
		if within.Part == sqltable.Keyed && len(r.key) > 0 {
			err = p.pages(ctx, within, yield)
		} else {
			err = p.stream(ctx, within, yield)
		}
		if err != nil {
			yield(connector.Chunk{}, classify(err, "read %s", r.source.Dataset))
		}
	}
}

// pager reads one shard.
type pager struct {
	conn    *sql.Conn
	schema  *record.Schema
	pool    *record.Pool
	query   sqltable.Select
	dataset string
}

// pages reads batch after batch. The end is proven by a statement that returns no row.
func (p *pager) pages(ctx context.Context, within sqltable.Range, yield func(connector.Chunk, error) bool) error {
	for {
		b, err := p.pool.Get(ctx, p.schema)
		if err != nil {
			return err
		}
		rows, err := p.open(ctx, p.query.Page(within, record.MaxRows))
		if err != nil {
			b.Release()
			return err
		}
		d := newDecoder(p.schema, len(p.query.Key))
		_, err = d.fill(ctx, rows, b)
		if err = errors.Join(err, rows.Close()); err != nil {
			b.Release()
			return err
		}
		if b.Len == 0 {
			b.Release()
			return nil
		}
		b.Settle()
		within.Low = d.key()
		if !yield(connector.Chunk{Batch: b, After: sqltable.NewPosition(within.Low)}, nil) {
			return nil
		}
	}
}

// stream reads a shard that has no order: its position stays the beginning.
func (p *pager) stream(ctx context.Context, within sqltable.Range, yield func(connector.Chunk, error) bool) error {
	rows, err := p.open(ctx, p.query.Page(within, 0))
	if err != nil {
		return err
	}
	defer rows.Close()
	d := newDecoder(p.schema, len(p.query.Key))
	for {
		b, err := p.pool.Get(ctx, p.schema)
		if err != nil {
			return err
		}
		end, err := d.fill(ctx, rows, b)
		if err != nil || b.Len == 0 {
			b.Release()
			return err
		}
		b.Settle()
		if !yield(connector.Chunk{Batch: b}, nil) || end {
			return nil
		}
	}
}

// open sends a statement past database/sql, whose rows would box and copy every cell once more.
func (p *pager) open(ctx context.Context, s sqltable.Statement) (rows driver.Rows, err error) {
	args := make([]driver.NamedValue, len(s.Args))
	for i, a := range s.Args {
		args[i] = driver.NamedValue{Ordinal: i + 1, Value: argument(a)}
	}
	err = p.conn.Raw(func(c any) error {
		rows, err = c.(driver.QueryerContext).QueryContext(ctx, s.SQL, args)
		return err
	})
	return rows, err
}

// fill reads rows into the batch until it is full or, end, no row follows.
func (d *decoder) fill(ctx context.Context, rows driver.Rows, b *record.Batch) (end bool, err error) {
	for !b.Full() {
		if b.Len&255 == 0 && ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		err := rows.Next(d.row)
		if err == io.EOF {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		d.decode(b)
	}
	return false, nil
}
