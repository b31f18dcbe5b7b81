package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// maxRowBytes is below what SQLite takes for one row (SQLITE_MAX_LENGTH, 1,000,000,000).
const maxRowBytes = 900_000_000

// planner collects a Target.
type planner struct {
	w      *writer
	want   *record.Schema
	table  *table // as it is; nil: none
	target *connector.Target
	layout layout
}

// Plan looks at the file and changes nothing.
func (w *writer) Plan(ctx context.Context, want *record.Schema) (*connector.Target, error) {
	p := &planner{w: w, want: want, target: &connector.Target{Dataset: w.sink.Dataset, Mode: w.sink.Mode, Way: connector.WayA,
		Reason: "rows and checkpoint are in one transaction of the file", Limits: connector.Limits{Shards: 1, RowBytes: maxRowBytes}}}
	if w.client.exists() {
		db, err := w.client.reader()
		if err != nil {
			return nil, err
		}
		if err := p.look(ctx, db); err != nil {
			return nil, err
		}
	}
	if err := p.columns(); err != nil {
		return nil, err
	}
	if err := p.chooseKey(); err != nil {
		return nil, err
	}
	if err := p.tables(); err != nil {
		return nil, err
	}
	p.describe()
	var err error
	p.target.Writer, err = json.Marshal(p.layout)
	return p.target, err
}

// look finds the table and what hangs on it.
func (p *planner) look(ctx context.Context, db *sql.DB) error {
	t, err := lookUp(ctx, db, p.w.sink.Dataset)
	if connector.ClassOf(err) == connector.Missing {
		return nil
	}
	if err != nil {
		return err
	}
	if t.kind != "table" {
		return connector.Errorf(connector.Config, "TOW-319", "%s is a %s, no table", t.name, t.kind)
	}
	p.table, p.target.Exists, p.layout.Found = t, true, t.sql
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM "+quote(t.name)).Scan(&p.target.Rows); err != nil {
		return classify(err, "count rows of %s", t.name)
	}
	if p.w.sink.Mode != connector.Replace {
		return nil
	}
	return each(ctx, db, `SELECT m.name FROM sqlite_schema m, pragma_foreign_key_list(m.name) f WHERE m.type = 'table' AND lower(f."table") = lower(?)`, t.name, func(r *sql.Rows) error {
		var child string
		if err := r.Scan(&child); err != nil {
			return err
		}
		return connector.Errorf(connector.Config, "TOW-320", "replace table %s, which foreign keys of %s refer to", t.name, child).
			WithHint("Write with upsert, or drop the foreign keys first.")
	})
}

// columns decides the type of each column as stored.
func (p *planner) columns() error {
	p.target.Stored = new(record.Schema)
	for i, f := range p.want.Fields {
		out := record.Field{Name: f.Name, Nullable: f.Nullable, Comment: f.Comment}
		if p.table == nil {
			decl, stored, loss := declare(f.Type)
			out.Native, out.Type = decl, stored
			if loss != "" {
				p.target.Losses = append(p.target.Losses, connector.Loss{Column: f.Name, What: loss})
			}
		} else if err := p.existing(i, &out); err != nil {
			return err
		}
		p.target.Stored.Fields = append(p.target.Stored.Fields, out)
	}
	if p.table == nil {
		return nil
	}
	for _, c := range p.table.columns {
		if p.target.Stored.Index(c.name) < 0 && c.notNull && !c.fallback.Valid && !c.generated && !c.hidden && !p.isAlias(c) {
			return connector.Errorf(connector.Config, "TOW-321", "column %s of table %s is NOT NULL without a default, and nothing is written to it", c.name, p.table.name)
		}
	}
	return nil
}

func (p *planner) isAlias(c column) bool {
	alias, ok := p.table.rowidAlias()
	return ok && alias.name == c.name
}

// existing gives field i the type of the table's column.
func (p *planner) existing(i int, out *record.Field) error {
	c, ok := p.table.column(out.Name)
	if !ok {
		return connector.Errorf(connector.Missing, "TOW-313", "table %s has no column %q", p.table.name, out.Name)
	}
	if c.generated || c.hidden {
		return connector.Errorf(connector.Config, "TOW-321", "column %s of table %s is computed and cannot be written", c.name, p.table.name)
	}
	out.Name, out.Native, out.Nullable = c.name, c.decl, !c.notNull && !(p.table.withoutRowid && c.key > 0) && !p.isAlias(c)
	t, declared := readType(c.decl)
	a := affinityOf(c.decl)
	switch {
	case !declared:
		t = p.want.Fields[i].Type // the column converts nothing
		if t.Kind == record.Uint && t.Bits == 64 || t.Kind == record.Decimal {
			t = record.Type{Kind: record.Text}
		}
	case t.Kind == record.Decimal && a != affinityText && a != affinityBlob:
		t = numericType(t)
	case t.Kind == record.JSON && a != affinityText && a != affinityBlob:
		p.layout.Guarded = append(p.layout.Guarded, i)
	}
	out.Type = t
	return nil
}

// numericType is what a column of NUMERIC affinity holds exactly: SQLite makes a float of what is no integer, which keeps 15
// digits (https://www.sqlite.org/datatype3.html#type_affinity).
func numericType(t record.Type) record.Type {
	switch {
	case t.Precision == 0:
		return record.Type{Kind: record.Float, Bits: 64}
	case t.Scale == 0:
		t.Precision = min(t.Precision, 18)
	default:
		t.Precision = min(t.Precision, 15)
		t.Scale = min(t.Scale, 15)
	}
	return t
}

// chooseKey decides what identifies a row.
func (p *planner) chooseKey() error {
	names := p.w.sink.Key
	if len(names) == 0 {
		for _, at := range p.want.Key() {
			names = append(names, p.want.Fields[at].Name)
		}
	}
	if p.w.sink.Mode == connector.Append {
		return nil
	}
	var places []int
	for _, name := range names {
		at := slices.IndexFunc(p.target.Stored.Fields, func(f record.Field) bool { return strings.EqualFold(f.Name, name) })
		if at < 0 {
			return connector.Errorf(connector.Config, "TOW-312", "key column %q is not written", name)
		}
		places = append(places, at)
	}
	if p.table != nil {
		return p.existingKey(places)
	}
	nullable := slices.ContainsFunc(places, func(at int) bool { return p.target.Stored.Fields[at].Nullable })
	if p.w.sink.Mode == connector.Upsert && (len(places) == 0 || nullable) {
		return connector.Errorf(connector.Config, "TOW-312", "upsert into %s needs a key whose columns are never NULL", p.w.sink.Dataset).
			WithHint("Name one by key, or write with insert or replace.")
	}
	if nullable {
		p.target.Notes = append(p.target.Notes, "the key may be NULL, so the table is made without a primary key")
		return nil
	}
	p.setKey(places, nil)
	return nil
}

// existingKey finds the index of the table that the key is.
func (p *planner) existingKey(places []int) error {
	var names []string
	for _, at := range places {
		names = append(names, p.target.Stored.Fields[at].Name)
	}
	upsert := p.w.sink.Mode == connector.Upsert
	if alias, ok := p.table.rowidAlias(); ok && len(names) == 1 && alias.name == names[0] {
		p.setKey(places, nil)
		return p.noOther(upsert, nil)
	}
	for i := range p.table.indexes {
		x := &p.table.indexes[i]
		if len(names) == 0 || !x.usable() || !x.covers(names) {
			continue
		}
		folds := make([]string, len(names))
		for j, name := range names {
			at := slices.IndexFunc(x.columns, func(c indexColumn) bool { return strings.EqualFold(c.name, name) })
			folds[j] = strings.ToUpper(x.columns[at].collation)
		}
		if upsert && slices.ContainsFunc(places, func(at int) bool { return p.target.Stored.Fields[at].Nullable && p.want.Fields[at].Nullable }) {
			return connector.Errorf(connector.Config, "TOW-312", "upsert into %s by a key that may be NULL", p.table.name)
		}
		p.setKey(places, folds)
		return p.noOther(upsert, x)
	}
	if upsert {
		return connector.Errorf(connector.Config, "TOW-312", "upsert into %s needs a primary key or unique index over exactly (%s)", p.table.name, strings.Join(names, ", "))
	}
	return nil
}

// noOther refuses upsert where another unique index could make one row replace a row of another key.
func (p *planner) noOther(upsert bool, mine *index) error {
	if !upsert {
		return nil
	}
	if alias, ok := p.table.rowidAlias(); ok && mine != nil {
		return connector.Errorf(connector.Config, "TOW-322", "upsert into %s, which has another unique key: %s", p.table.name, alias.name)
	}
	for i := range p.table.indexes {
		if x := &p.table.indexes[i]; x.unique && x != mine {
			return connector.Errorf(connector.Config, "TOW-322", "upsert into %s, which has another unique key: index %s", p.table.name, x.name).
				WithHint("Drop that index for the run, or write with insert or replace.")
		}
	}
	return nil
}

func (p *planner) setKey(places []int, folds []string) {
	p.layout.Key, p.layout.Folds = places, folds
	for i, at := range places {
		f := &p.target.Stored.Fields[at]
		f.Key, f.Nullable = i+1, false
		p.target.Key = append(p.target.Key, f.Name)
	}
}

// tables decides which table rows go to and how it is made.
func (p *planner) tables() error {
	p.layout.Table = p.w.sink.Dataset
	if p.table != nil {
		p.layout.Table = p.table.name
	}
	if p.w.sink.Mode == connector.Replace {
		p.target.Way, p.target.Inner = connector.WayC, connector.WayA
		p.target.Reason = "a staging table is filled in transactions with its checkpoints and takes the table's place in one"
		p.layout.Table = stagingName(p.w.sink.Dataset, p.w.sink.Run)
		p.target.Owned = p.layout.Table
	} else if p.table == nil || p.target.Rows == 0 {
		p.target.Owned = p.layout.Table
	}
	switch {
	case p.table == nil:
		p.layout.Create = createTable(p.layout.Table, p.target.Stored, p.layout.Key)
	case p.w.sink.Mode == connector.Replace:
		ddl, ok := renamed(p.table.sql, p.layout.Table)
		if !ok {
			return connector.Errorf(connector.Other, "TOW-320", "replace table %s: its definition is not understood", p.table.name)
		}
		p.layout.Create = ddl
		for i, x := range p.table.indexes {
			if x.origin == "c" && x.unique {
				s, ok := renamedIndex(x.sql, stagingName(fmt.Sprintf("i%d", i), p.w.sink.Run), p.layout.Table)
				if !ok {
					return connector.Errorf(connector.Other, "TOW-320", "replace table %s: its index %s is not understood", p.table.name, x.name)
				}
				p.layout.Indexes = append(p.layout.Indexes, s)
			}
		}
	}
	return nil
}

// describe says what will happen.
func (p *planner) describe() {
	t := p.target
	if p.layout.Create != "" {
		t.Steps = append(t.Steps, p.layout.Create)
	}
	t.Steps = append(append(t.Steps, p.layout.Indexes...), strings.Join(strings.Fields(schemaOfCheckpoints), " "))
	switch {
	case t.Mode == connector.Replace:
		if t.Exists {
			t.Steps = append(t.Steps, "DROP TABLE "+quote(p.table.name))
			t.Removes = append(t.Removes, fmt.Sprintf("the %d rows that %s holds", t.Rows, p.table.name))
		}
		t.Steps = append(t.Steps, "ALTER TABLE "+quote(p.layout.Table)+" RENAME TO "+quote(t.Dataset))
	default:
		t.Remain = "The rows written so far stay in " + p.layout.Table + "."
	}
	for _, at := range p.layout.Guarded {
		f := t.Stored.Fields[at]
		t.Notes = append(t.Notes, fmt.Sprintf("%s is declared %s: a document that is a single number is dirty (SHAPE), since SQLite would rewrite it", f.Name, f.Native))
	}
}
