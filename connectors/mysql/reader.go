package mysql

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltable"
	"github.com/towpath/towpath/record"
)

// reader reads one table, view or own SELECT.
type reader struct {
	client  *Client
	source  connector.Source
	options ReadOptions
	name    string // for errors
	schema  *record.Schema

	table   *table
	columns []column        // of the schema, then those of the key that it lacks
	key     []column        // in key order; nil: no key
	sel     sqltable.Select // of table reads: what all statements have in common
	query   string          // of own SELECTs
	results string          // character_set_results of its statements

	walkRows int64 // sqltable.Sizing; 0: its own
}

func newReader(ctx context.Context, c *Client, src connector.Source, o ReadOptions) (*reader, error) {
	r := &reader{client: c, source: src, options: o, results: "NULL"}
	err := c.with(ctx, func(s *session) error {
		if src.Query != "" {
			r.name = "query"
			return r.describeQuery(s)
		}
		n, err := parseName(src.Dataset, c.dialer.options.Database)
		if err != nil {
			return err
		}
		r.name = n.String()
		return r.describeTable(s, n)
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (r *reader) describeTable(s *session, n tableName) error {
	t, err := s.describe(n)
	if err != nil {
		return err
	}
	r.table = t
	if r.columns, err = pick(t.columns, r.source.Columns, r.name); err != nil {
		return err
	}
	ix := t.readIndex()
	names := r.source.Key
	if len(names) == 0 && ix != nil && !ix.nullable {
		for _, at := range ix.columns {
			names = append(names, t.columns[at].Name)
		}
	}
	if r.schema, err = schemaOf(r.columns, names, len(r.source.Key) > 0); err != nil {
		return err
	}
	r.schema.Distinct = len(r.source.Key) == 0 && len(r.schema.Key()) > 0 && slices.Contains(uniqueEngines, t.engine)
	if err := s.describeStructure(t, r.schema); err != nil {
		return err
	}
	from := n.quoted()
	if ix != nil {
		for _, at := range ix.columns {
			r.key = append(r.key, t.columns[at])
		}
		from += " FORCE INDEX (" + quote(ix.name) + ")"
	}
	r.sel = sqltable.Select{From: from, Where: r.source.Where, Key: t.key(ix)}
	return r.check(s)
}

// uniqueEngines keep unique keys themselves. Others declare what the tables behind them need not keep.
var uniqueEngines = []string{"InnoDB", "MyISAM", "Aria", "MEMORY", "ROCKSDB"}

// check lets the server look at the statement, so that a missing right or a wrong condition is known before anything starts.
func (r *reader) check(s *session) error {
	sel := r.sel
	sel.Columns, _ = r.selection(r.schema)
	st, err := s.prepare(sel.Page(r.sel.Key.Some(), 1).SQL)
	if err != nil {
		return classify(err, "read "+r.name)
	}
	return s.closeStatement(st)
}

// pick returns the named columns in the given order; all when names is nil.
func pick(all []column, names []string, of string) ([]column, error) {
	if names == nil {
		return all, nil
	}
	var out []column
	for _, name := range names {
		i := slices.IndexFunc(all, func(c column) bool { return c.Name == name })
		if i < 0 {
			// Names of columns are not sensitive to case at the server.
			i = slices.IndexFunc(all, func(c column) bool { return strings.EqualFold(c.Name, name) })
		}
		if i < 0 {
			return nil, connector.Errorf(connector.Missing, "TOW-412", "%s has no column %q", of, name)
		}
		out = append(out, all[i])
	}
	return out, nil
}

// schemaOf makes the schema and marks the key. A key of which a column is not read identifies nothing: it is left out, or
// refused when the job named it.
func schemaOf(columns []column, key []string, asked bool) (*record.Schema, error) {
	s := &record.Schema{}
	for _, c := range columns {
		s.Fields = append(s.Fields, c.Field)
	}
	if missing, ok := sqltable.MarkKey(s, key, strings.EqualFold); !ok && asked {
		return nil, connector.Errorf(connector.Config, "TOW-434", "key column %q is not among the columns read", missing).At("key")
	}
	return s, nil
}

// Schema implements connector.Reader. It is declared: the server knows every type.
func (r *reader) Schema(context.Context) (*record.Schema, bool, error) { return r.schema, true, nil }

// Close implements connector.Reader.
func (r *reader) Close() error { return nil }

// Split implements connector.Reader. Tables are cut by the borders that the server's index gives; everything else is one shard.
func (r *reader) Split(ctx context.Context, of connector.Shard, after connector.Position, hint connector.Hint) ([]connector.Shard, error) {
	if r.table == nil {
		return sqltable.Undivided(of, r.key != nil), nil
	}
	b := &borders{reader: r, until: time.Now().Add(time.Duration(r.options.PlanSeconds) * time.Second)}
	return sqltable.Shards(ctx, b, r.sel.Key, of, after, sqltable.Sizing{
		Rows: r.table.rows, RowBytes: r.table.rowBytes, Hint: hint, WalkRows: r.walkRows})
}

// Read implements connector.Reader.
func (r *reader) Read(ctx context.Context, q connector.Query) iter.Seq2[connector.Chunk, error] {
	return func(yield func(connector.Chunk, error) bool) {
		p, err := r.pager(ctx, q)
		if err == nil {
			err = p.Run(p, yield)
		}
		switch {
		case err == nil:
			return
		case ctx.Err() != nil:
			err = context.Cause(ctx)
		case err == sqltable.ErrRepeated:
			err = connector.Errorf(connector.Other, "TOW-438", "read %s: the server returned rows behind a key, and the key again as the last of them", r.name).
				WithHint("The index is damaged or the key does not tell rows apart: CHECK TABLE.")
		}
		yield(connector.Chunk{}, classify(err, "read "+r.name))
	}
}

// selection returns the select list of a schema, hidden key columns behind it, and where each key column is in it.
func (r *reader) selection(schema *record.Schema) (list string, keyAt []int) {
	var items []string
	for i := range schema.Fields {
		if c := r.column(schema.Fields[i].Name); c != nil {
			items = append(items, readExpression(c))
		}
	}
	shown := len(items)
	for i := range r.key {
		want := keyExpression(&r.key[i])
		at := slices.Index(items[:shown], want)
		if at < 0 {
			at = len(items)
			items = append(items, want)
		}
		keyAt = append(keyAt, at)
	}
	return strings.Join(items, ", "), keyAt
}

func (r *reader) column(name string) *column {
	for i := range r.columns {
		if r.columns[i].Name == name {
			return &r.columns[i]
		}
	}
	return nil
}

// borders answers sqltable's questions about the table.
type borders struct {
	*reader
	until time.Time // later, what is not cut stays whole
}

// ask runs a statement; with columns given, rows hold these alone.
func (b *borders) ask(ctx context.Context, doing string, st sqltable.Statement, columns ...string) (rows [][]cell, err error) {
	params, err := b.params(st)
	if err != nil {
		return nil, err
	}
	err = b.client.with(ctx, func(s *session) error {
		rows, err = s.ask(st.SQL, columns, params)
		return classify(err, doing+" "+b.name)
	})
	return rows, err
}

// bare is the table without the job's condition: borders need only be near, and a condition can make each question a scan.
func (b *borders) bare() sqltable.Select {
	sel := b.sel
	sel.Where = ""
	return sel
}

// Rows implements sqltable.Source.
func (b *borders) Rows(ctx context.Context, r sqltable.Range, upTo int64) (int64, error) {
	count := func() (int64, error) {
		rows, err := b.ask(ctx, "count rows of", b.bare().CountUpTo(r, upTo))
		if err != nil || len(rows) != 1 {
			return 0, err
		}
		return rows[0][0].int64(), nil
	}
	return sqltable.CountOrEstimate(upTo, count, func() (int64, error) { return b.estimate(ctx, r) })
}

// estimate asks the server's optimizer.
func (b *borders) estimate(ctx context.Context, r sqltable.Range) (n int64, err error) {
	sel := b.bare()
	sel.Columns = "1"
	st := sel.Page(r, 0)
	params, err := b.params(st)
	if err != nil {
		return 0, err
	}
	err = b.client.with(ctx, func(s *session) error {
		rows, err := s.ask(s.release.explain()+st.SQL, []string{"rows"}, params)
		for _, row := range rows {
			n = max(n, row[0].int64())
		}
		return classify(err, "estimate rows of "+b.name)
	})
	return n, err
}

// End implements sqltable.Source.
func (b *borders) End(ctx context.Context, r sqltable.Range, greatest bool) (connector.Part, error) {
	sel := b.bare()
	order := sel.Key
	if greatest {
		order = slices.Clone(order)
		order[0].Descending = !order[0].Descending
	}
	key, err := b.keyAt(ctx, sel, r, 0, order.OrderBy())
	if err != nil || key == nil {
		return connector.Part{}, err
	}
	return key[0], nil
}

// KeyAt implements sqltable.Source.
func (b *borders) KeyAt(ctx context.Context, r sqltable.Range, n int64) ([]connector.Part, error) {
	if time.Now().After(b.until) {
		return nil, nil
	}
	return b.keyAt(ctx, b.bare(), r, n, b.sel.Key.OrderBy())
}

// keyAt reads the key of row n in the given order.
func (b *borders) keyAt(ctx context.Context, sel sqltable.Select, r sqltable.Range, n int64, order string) (key []connector.Part, err error) {
	var items []string
	for i := range b.key {
		items = append(items, keyExpression(&b.key[i]))
	}
	sel.Columns = strings.Join(items, ", ")
	st := sel.Page(r, 0)
	st.SQL = strings.TrimSuffix(st.SQL, " ORDER BY "+sel.Key.OrderBy()) + fmt.Sprintf(" ORDER BY %s LIMIT 1 OFFSET %d", order, n)
	params, err := b.params(st)
	if err != nil {
		return nil, err
	}
	err = b.client.with(ctx, func(s *session) error {
		if err := s.charset(b.results); err != nil {
			return err
		}
		key, err = b.oneKey(s, st.SQL, params)
		return classify(err, "find borders of "+b.name)
	})
	return key, err
}

// oneKey runs a statement whose columns are the key's, and returns its only row; nil: there is none.
func (b *borders) oneKey(s *session, text string, params []param) ([]connector.Part, error) {
	st, err := s.standing(text)
	if err != nil {
		return nil, err
	}
	defs, err := s.execute(st, params)
	if err != nil {
		s.drop(st)
		return nil, err
	}
	d := &decoder{bitmap: (len(defs) + 9) / 8, keys: make([][]byte, len(defs)), batch: &record.Batch{}}
	for i, def := range defs {
		c := skipper(def)
		c.key = i + 1
		d.columns = append(d.columns, c)
	}
	for {
		p, err := s.answer()
		if err != nil {
			s.drop(st)
			return nil, err
		}
		if isEOF(p) {
			break
		}
		if err := d.row(p); err != nil {
			s.Broken = true
			return nil, err
		}
	}
	if err := s.giveBack(st); err != nil || d.batch.Len == 0 {
		return nil, err
	}
	return b.keyParts(defs, d.keys)
}

func (r *reader) keyParts(defs []columnDef, raw [][]byte) ([]connector.Part, error) {
	parts := make([]connector.Part, len(raw))
	for i := range raw {
		var err error
		if parts[i], err = keyPart(&r.key[i], defs[i], raw[i]); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

// params binds the arguments of a statement.
func (r *reader) params(st sqltable.Statement) ([]param, error) {
	params := make([]param, len(st.Args))
	for i, p := range st.Args {
		var err error
		if params[i], err = keyParam(&r.key[st.Places[i]], p); err != nil {
			return nil, err
		}
	}
	return params, nil
}
