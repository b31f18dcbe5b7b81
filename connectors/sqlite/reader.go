package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltable"
	"github.com/towpath/towpath/record"
)

// dialect: SQLite searches an index by a row comparison (https://www.sqlite.org/rowvalue.html).
var dialect = sqltable.Dialect{RowComparison: true}

// reader reads one table, view or SELECT.
type reader struct {
	client   *Client
	db       *sql.DB
	source   connector.Source
	table    *table // nil for a query
	key      sqltable.Key
	columns  []string // of the schema, by their names in the source
	schema   *record.Schema
	declared bool
}

func newReader(ctx context.Context, c *Client, s connector.Source) (*reader, error) {
	if err := cmp.Or(oneStatement("query", s.Query), oneStatement("where", s.Where)); err != nil {
		return nil, err
	}
	db, err := c.reader()
	if err != nil {
		return nil, err
	}
	r := &reader{client: c, db: db, source: s}
	if s.Query != "" {
		return r, r.prepareQuery(ctx)
	}
	if r.table, err = c.lookUp(ctx, db, s.Dataset); err != nil {
		return nil, err
	}
	if r.key, err = r.table.readKey(s.Key); err != nil {
		return nil, err
	}
	return r, r.prepareTable(ctx)
}

// prepareTable makes the schema of a table or view.
func (r *reader) prepareTable(ctx context.Context) error {
	names := r.source.Columns
	if names == nil {
		for _, c := range r.table.columns {
			if !c.hidden {
				names = append(names, c.name)
			}
		}
	}
	r.schema, r.declared = new(record.Schema), true
	for _, name := range names {
		c, ok := r.table.column(name)
		if !ok {
			return connector.Errorf(connector.Missing, "TOW-313", "table %s has no column %q", r.table.name, name)
		}
		t, ok := readType(c.decl)
		if !ok {
			var err error
			if t, err = r.sample(ctx, c.name); err != nil {
				return err
			}
			r.declared = false
		}
		f := record.Field{Name: c.name, Type: t, Native: c.decl, Generated: c.generated, Nullable: !c.notNull}
		if c.fallback.Valid {
			f.Default = fallback(c.fallback.String, t)
		}
		r.columns = append(r.columns, c.name)
		r.schema.Fields = append(r.schema.Fields, f)
	}
	if alias, ok := r.table.rowidAlias(); ok {
		if at := r.schema.Index(alias.name); at >= 0 {
			r.schema.Fields[at].Numbered = true
		}
	}
	r.markKey()
	return r.describeStructure(ctx)
}

// markKey numbers the key's columns when all of them are read.
func (r *reader) markKey() {
	places := make([]int, len(r.key))
	for i, k := range r.key {
		if places[i] = r.schema.Index(k.Name); places[i] < 0 {
			return
		}
	}
	for i, at := range places {
		r.schema.Fields[at].Key = i + 1
		// A rowid is never NULL, and neither is a key column of a WITHOUT ROWID table.
		r.schema.Fields[at].Nullable = r.key[i].Nullable
	}
}

// prepareQuery makes the schema of a SELECT of the job.
func (r *reader) prepareQuery(ctx context.Context) error {
	rows, err := r.db.QueryContext(ctx, "SELECT * FROM ("+r.source.Query+"\n) LIMIT 0")
	if err != nil {
		return classify(err, "look at the query")
	}
	defer rows.Close()
	kinds, err := rows.ColumnTypes()
	if err != nil {
		return classify(err, "look at the query")
	}
	r.schema, r.declared = new(record.Schema), true
	for _, kind := range kinds {
		if r.source.Columns != nil && !containsFold(r.source.Columns, kind.Name()) {
			continue
		}
		t, ok := readType(kind.DatabaseTypeName())
		if !ok {
			if t, err = r.sample(ctx, kind.Name()); err != nil {
				return err
			}
			r.declared = false
		}
		r.columns = append(r.columns, kind.Name())
		r.schema.Fields = append(r.schema.Fields, record.Field{Name: kind.Name(), Type: t, Native: kind.DatabaseTypeName(), Nullable: true})
	}
	return errors.Join(rows.Err(), rows.Close())
}

func containsFold(list []string, name string) bool {
	for _, x := range list {
		if strings.EqualFold(x, name) {
			return true
		}
	}
	return false
}

// sampledRows is how many rows decide the type of a column that has no declared one.
const sampledRows = "1000"

// sample looks at what a column without a declared type holds.
func (r *reader) sample(ctx context.Context, name string) (record.Type, error) {
	query := "SELECT group_concat(DISTINCT typeof(c)) FROM (SELECT " + quote(name) + " AS c FROM " + r.from() + " LIMIT " + sampledRows + ") WHERE c IS NOT NULL"
	var found sql.NullString
	if err := r.db.QueryRowContext(ctx, query).Scan(&found); err != nil {
		return record.Type{}, classify(err, "sample column %s", name)
	}
	switch found.String {
	case "integer":
		return record.Type{Kind: record.Int, Bits: 64}, nil
	case "real", "integer,real", "real,integer":
		return record.Type{Kind: record.Float, Bits: 64}, nil
	case "blob":
		return record.Type{Kind: record.Bytes}, nil
	}
	return record.Type{Kind: record.Text}, nil
}

// from is what stands behind FROM.
func (r *reader) from() string {
	if r.table == nil {
		return "(" + r.source.Query + "\n)"
	}
	return quote(r.table.name)
}

func (r *reader) Schema(context.Context) (*record.Schema, bool, error) {
	return r.schema, r.declared, nil
}

// selecting returns the SELECT of the columns followed by the key's, which positions are made of.
func (r *reader) selecting(columns []string) sqltable.Select {
	list := make([]string, 0, len(columns)+len(r.key))
	for _, name := range columns {
		// The sign hides the declared type from the driver, which otherwise makes times of texts.
		list = append(list, "+"+quote(name))
	}
	for _, k := range r.key {
		bare, _, _ := strings.Cut(k.Quoted, " COLLATE ")
		list = append(list, "+"+bare)
	}
	return sqltable.Select{Columns: strings.Join(list, ", "), From: r.from(), Where: r.source.Where, Key: r.key, Dialect: dialect}
}

// Split cuts the table by its key; views, queries and tables without one stay whole.
func (r *reader) Split(ctx context.Context, of connector.Shard, after connector.Position, hint connector.Hint) ([]connector.Shard, error) {
	size := sqltable.Sizing{Hint: hint, RowBytes: r.rowBytes(ctx)}
	return sqltable.Shards(ctx, borders{r}, r.key, of, after, size)
}

// rowBytes estimates the average row from its first ones; 0 when that fails, since nothing but the size of shards hangs on it.
func (r *reader) rowBytes(ctx context.Context) int64 {
	if len(r.columns) == 0 {
		return 0
	}
	var sum []string
	for _, name := range r.columns {
		sum = append(sum, "coalesce(length("+quote(name)+"), 0) + 2")
	}
	var avg sql.NullFloat64
	query := "SELECT avg(n) FROM (SELECT " + strings.Join(sum, " + ") + " AS n FROM " + r.from() + " LIMIT " + sampledRows + ")"
	if err := r.db.QueryRowContext(ctx, query).Scan(&avg); err != nil {
		return 0
	}
	return int64(avg.Float64) + 8
}

// Close does nothing: connections are the client's.
func (r *reader) Close() error { return nil }
