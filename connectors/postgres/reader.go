package postgres

import (
	"context"
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

	table    *table
	columns  []column        // of the schema
	key      []column        // in key order; nil: no key
	sel      sqltable.Select // of table reads: what all statements have in common
	query    string          // of own SELECTs
	encoding string          // of the database

	walkRows int64 // sqltable.Sizing; 0: its own
}

func newReader(ctx context.Context, c *Client, src connector.Source, o ReadOptions) (*reader, error) {
	r := &reader{client: c, source: src, options: o}
	err := c.with(ctx, func(s *session) error {
		r.encoding = s.encoding
		if src.Query != "" {
			r.name = "query"
			return r.describeQuery(s)
		}
		n, err := parseName(src.Dataset, c.dialer.options.Schema)
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
	if err := r.refuseOids(); err != nil {
		return err
	}
	ix := t.readIndex()
	names := r.source.Key
	keyIndex := ix
	if len(names) == 0 && ix != nil && !t.nullable(ix) {
		for _, c := range ix.columns {
			names = append(names, t.columns[c.column].Name)
		}
	} else {
		keyIndex = nil
	}
	if r.schema, err = schemaOf(r.columns, names, len(r.source.Key) > 0); err != nil {
		return err
	}
	if len(r.schema.Key()) == 0 {
		keyIndex = nil
	}
	r.schema.Distinct = keyIndex != nil
	if err := r.describeStructure(s, keyIndex); err != nil {
		return classify(err, "describe "+r.name)
	}
	if ix != nil {
		for _, c := range ix.columns {
			r.key = append(r.key, t.columns[c.column])
		}
	}
	r.sel = sqltable.Select{From: n.quoted(), Where: r.source.Where, Key: t.key(ix), Dialect: dialect()}
	return r.check(s)
}

func (r *reader) describeStructure(s *session, key *index) (err error) {
	has := func(name string) bool { return r.schema.Index(name) >= 0 }
	r.schema.Comment = r.table.comment
	r.schema.Indexes = r.table.schemaIndexes(key, has)
	r.schema.References, err = s.references(r.table, has)
	return err
}

// check lets the server look at the statement, so that a missing right or a wrong condition is known before anything starts.
func (r *reader) check(s *session) error {
	if err := r.admit(s); err != nil {
		return classify(err, "read "+r.name)
	}
	sel := r.sel
	var formats []uint16
	sel.Columns, formats, _ = r.selection(r.schema)
	// Rights are looked at when a statement begins to run, which it may without a row.
	text := sel.Page(r.sel.Key.Some(), 0).SQL + " LIMIT 0"
	if _, err := s.execute(text, nil, formats); err != nil {
		return classifyRead(err, "read "+r.name)
	}
	if _, err := s.row(); err != nil {
		return classifyRead(err, "read "+r.name)
	}
	return nil
}

// admit prepares a session for text of the job, when there is any: it finds functions and types of the connection's schema.
func (r *reader) admit(s *session) error {
	if r.source.Where == "" && r.source.Query == "" {
		return nil
	}
	return s.admit(r.client.dialer.options.Schema, r.source.Query != "")
}

// refuseOids refuses columns that stand for something elsewhere, unless the job wants the numbers.
func (r *reader) refuseOids() error {
	for _, c := range r.columns {
		if oid := c.info.oid == oidOID || c.info.elem != nil && c.info.elem.oid == oidOID; oid && r.options.Oids == "refuse" {
			return connector.Errorf(connector.Config, "TOW-736", "read %s: column %q is an oid, and what it stands for would not be copied", r.name, c.Name).
				At("source.options.oids").WithHint("Leave the column out (columns), or copy the numbers: oids: number.")
		}
	}
	return nil
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
			e := connector.Errorf(connector.Missing, "TOW-712", "%s has no column %q", of, name)
			if i = slices.IndexFunc(all, func(c column) bool { return strings.EqualFold(c.Name, name) }); i >= 0 {
				e.WithHint("There is %q: names are sensitive to case.", all[i].Name)
			}
			return nil, e
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
	if missing, ok := sqltable.MarkKey(s, key, func(a, b string) bool { return a == b }); !ok && asked {
		return nil, connector.Errorf(connector.Config, "TOW-734", "key column %q is not among the columns read", missing).At("key")
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
		Rows: r.table.rows, RowBytes: r.table.rowBytes, Hint: hint, WalkRows: r.walkRows, Sample: b.sample})
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
			err = connector.Errorf(connector.Other, "TOW-738", "read %s: the server returned rows behind a key, and the key again as the last of them", r.name).
				WithHint("The index is damaged or the key does not tell rows apart: REINDEX.")
		}
		yield(connector.Chunk{}, classifyRead(err, "read "+r.name))
	}
}

// selection returns the select list of a schema, the forms in which its columns come, hidden key columns behind it, and where each
// key column is in it.
func (r *reader) selection(schema *record.Schema) (list string, formats []uint16, keyAt []int) {
	var items []string
	for i := range schema.Fields {
		if c := r.column(schema.Fields[i].Name); c != nil {
			items, formats = append(items, quote(c.Name)), append(formats, formatOf(c.info))
		}
	}
	shown := len(items)
	for i := range r.key {
		c := &r.key[i]
		at := slices.Index(items[:shown], quote(c.Name))
		if at < 0 || formats[at] != keyFormat(c.info) {
			at = len(items)
			items, formats = append(items, quote(c.Name)), append(formats, keyFormat(c.info))
		}
		keyAt = append(keyAt, at)
	}
	return strings.Join(items, ", "), formats, keyAt
}

func (r *reader) column(name string) *column {
	for i := range r.columns {
		if r.columns[i].Name == name {
			return &r.columns[i]
		}
	}
	return nil
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
