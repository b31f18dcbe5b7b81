package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"iter"
	"sync"

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
		p := &pager{conn: conn, schema: q.Schema, pool: q.Batches, query: r.selecting(columns), behind: &r.client.behind}
		defer p.close()
		if within.Part == sqltable.Keyed && len(r.key) > 0 {
			p.slow = r.source.Where != ""
			err = p.pages(ctx, within, yield)
		} else {
			p.slow = true
			err = p.stream(ctx, within, yield)
		}
		if err != nil {
			yield(connector.Chunk{}, classify(err, "read %s", r.source.Dataset))
		}
	}
}

// pager reads one shard.
type pager struct {
	conn   *sql.Conn
	schema *record.Schema
	pool   *record.Pool
	query  sqltable.Select
	slow   bool // the next row may be long in coming
	left   bool // a goroutine works on and gives back what this pager holds
	behind *sync.WaitGroup
}

func (p *pager) close() {
	if !p.left {
		_ = p.conn.Close()
	}
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
		_, err = p.fill(ctx, d, rows, b)
		if p.left {
			return err
		}
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
	defer func() {
		if !p.left {
			_ = rows.Close()
		}
	}()
	d := newDecoder(p.schema, len(p.query.Key))
	for {
		b, err := p.pool.Get(ctx, p.schema)
		if err != nil {
			return err
		}
		end, err := p.fill(ctx, d, rows, b)
		if p.left {
			return err
		}
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

// fill fills a batch. The driver cannot be interrupted between the rows of a statement, so where rows may be long in coming a
// goroutine waits for them: it works on when ctx ends first, and then gives everything back. Client.Close waits for it.
func (p *pager) fill(ctx context.Context, d *decoder, rows driver.Rows, b *record.Batch) (end bool, err error) {
	if !p.slow {
		return d.fill(ctx, rows, b)
	}
	type filled struct {
		end bool
		err error
	}
	done := make(chan filled, 1)
	p.behind.Go(func() {
		end, err := d.fill(ctx, rows, b)
		done <- filled{end, err}
	})
	select {
	case f := <-done:
		return f.end, f.err
	case <-ctx.Done():
	}
	p.left = true
	p.behind.Go(func() {
		<-done
		_ = rows.Close()
		b.Release()
		_ = p.conn.Close()
	})
	return false, context.Cause(ctx)
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
