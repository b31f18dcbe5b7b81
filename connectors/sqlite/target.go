package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltarget"
	"github.com/towpath/towpath/record"
)

// zeroLoss is what columns of floats do not keep.
const zeroLoss = "−0 becomes 0"

// maxRowBytes is below what SQLite takes for one row (SQLITE_MAX_LENGTH, 1,000,000,000).
const maxRowBytes = 900_000_000

// planner collects a Target.
type planner struct {
	w      *writer
	want   *record.Schema
	table  *table // as it is; nil: none
	rows   int64
	target *connector.Target
	layout layout
}

// Plan looks at the file and changes nothing.
func (w *writer) Plan(ctx context.Context, want *record.Schema) (*connector.Target, error) {
	p := &planner{w: w, want: want}
	var db *sql.DB
	if w.client.exists() {
		var err error
		if db, err = w.client.reader(); err != nil {
			return nil, err
		}
		if err := p.look(ctx, db); err != nil {
			return nil, err
		}
	}
	base := sqltarget.Planner{Sink: w.sink, Want: want, Name: w.sink.Dataset, Table: p.describeTable(), SameName: strings.EqualFold,
		Staging: sqltarget.Staging(w.sink.Dataset, w.sink.Run, 0), Declare: declareColumn}
	if p.table != nil {
		base.Name = p.table.name
	}
	t, l, err := base.Plan()
	if err != nil {
		return nil, err
	}
	p.target, p.layout.Layout = t, *l
	t.Reason = "rows and checkpoint are in one transaction of the file"
	t.Limits = connector.Limits{Shards: 1, RowBytes: maxRowBytes}
	p.chooseTable()
	if p.table == nil {
		p.structure()
	}
	if err := p.tables(); err != nil {
		return nil, err
	}
	p.describe()
	t.Writer, err = json.Marshal(p.layout)
	return t, err
}

// look finds the table and what hangs on it.
func (p *planner) look(ctx context.Context, db *sql.DB) error {
	t, err := p.w.client.lookUp(ctx, db, p.w.sink.Dataset)
	if connector.ClassOf(err) == connector.Missing {
		return nil
	}
	if err != nil {
		return err
	}
	if t.kind != "table" {
		return connector.Errorf(connector.Config, "TOW-319", "%s is a %s, no table", t.name, t.kind)
	}
	p.table = t
	if p.layout.Found, err = t.definition(ctx, db); err != nil {
		return err
	}
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM "+quote(t.name)).Scan(&p.rows); err != nil {
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

// describeTable is the table as the shared planner needs it.
func (p *planner) describeTable() *sqltarget.Table {
	if p.table == nil {
		return nil
	}
	out := &sqltarget.Table{Rows: p.rows}
	alias, isAlias := p.table.rowidAlias()
	if isAlias {
		out.Unique = append(out.Unique, sqltarget.Unique{Name: alias.name, Primary: true, Columns: []sqltarget.KeyColumn{{Name: alias.name}}})
	}
	for _, c := range p.table.columns {
		rowid := isAlias && c.name == alias.name
		out.Columns = append(out.Columns, sqltarget.Column{Filled: c.fallback.Valid || rowid, Computed: c.generated || c.hidden, Field: record.Field{
			Name: c.name, Native: c.decl, Type: p.stored(c), Nullable: !c.notNull && !(p.table.withoutRowid && c.key > 0) && !rowid}})
	}
	for i := range p.table.indexes {
		x := &p.table.indexes[i]
		if !x.unique {
			continue
		}
		u := sqltarget.Unique{Name: "index " + x.name, Primary: x.origin == "pk", Partial: !x.usable()}
		for _, c := range x.columns {
			u.Columns = append(u.Columns, sqltarget.KeyColumn{Name: p.nameOf(c.name), Fold: foldOf(c.collation)})
		}
		out.Unique = append(out.Unique, u)
	}
	return out
}

// nameOf is a column's name as it was declared.
func (p *planner) nameOf(name string) string {
	c, _ := p.table.column(name)
	return c.name
}

// foldOf names a collation that takes texts for equal which are not the same.
func foldOf(collation string) string {
	if collation = strings.ToUpper(collation); collation == "BINARY" {
		return ""
	}
	return collation
}

// stored is what a column of the table holds exactly.
func (p *planner) stored(c column) record.Type {
	t, declared := readType(c.decl)
	a := affinityOf(c.decl)
	switch {
	case !declared: // the column converts nothing
		if i := p.wanted(c.name); i >= 0 {
			t = p.want.Fields[i].Type
		}
		if t.Kind == record.Uint && t.Bits == 64 || t.Kind == record.Decimal {
			t = record.Type{Kind: record.Text}
		}
	case t.Kind == record.Decimal && a != affinityText && a != affinityBlob:
		t = numericType(t)
	case t.Kind == record.JSON && a != affinityText && a != affinityBlob:
		if i := p.wanted(c.name); i >= 0 {
			p.layout.Guarded = append(p.layout.Guarded, i)
		}
	}
	return t
}

// wanted returns the place of a column among those wanted, or -1.
func (p *planner) wanted(name string) int {
	for i, f := range p.want.Fields {
		if strings.EqualFold(f.Name, name) {
			return i
		}
	}
	return -1
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

// declareColumn is a column of a table that is made.
func declareColumn(f record.Field, _ bool) (c sqltarget.Column, fold, loss string) {
	c.Field = record.Field{Comment: f.Comment, Default: f.Default}
	c.Native, c.Type, loss = declare(f.Type)
	return c, "", loss
}

// chooseTable decides which table rows go to.
func (p *planner) chooseTable() {
	p.layout.Table = p.w.sink.Dataset
	if p.table != nil {
		p.layout.Table = p.table.name
	}
	if p.w.sink.Mode == connector.Replace {
		p.target.Reason = "a staging table is filled in transactions with its checkpoints and takes the table's place in one"
		p.layout.Table = p.target.Owned
	}
}

// tables decides how the table that rows go to is made.
func (p *planner) tables() error {
	switch {
	case p.table == nil:
		p.layout.Create = createTable(p.layout.Table, p.target.Stored, p.layout.Key, p.layout.References)
	case p.w.sink.Mode == connector.Replace:
		ddl, ok := renamed(p.layout.Found, p.layout.Table)
		if !ok {
			return connector.Errorf(connector.Other, "TOW-320", "replace table %s: its definition is not understood", p.table.name)
		}
		p.layout.Create = ddl
		for i, x := range p.table.indexes {
			if x.origin == "c" && x.unique {
				s, ok := renamedIndex(x.sql, sqltarget.Staging(fmt.Sprintf("i%d", i), p.w.sink.Run, 0), p.layout.Table)
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
	for _, x := range p.layout.Secondary {
		t.Steps = append(t.Steps, createIndex(x.Name, p.layout.Table, x))
	}
	if t.Mode == connector.Replace {
		if t.Exists {
			t.Steps = append(t.Steps, "DROP TABLE "+quote(p.table.name))
		}
		t.Steps = append(t.Steps, "ALTER TABLE "+quote(p.layout.Table)+" RENAME TO "+quote(t.Dataset))
	}
	for _, at := range p.layout.Guarded {
		f := t.Stored.Fields[at]
		t.Notes = append(t.Notes, fmt.Sprintf("%s is declared %s: a document that is a single number is dirty (SHAPE), since SQLite would rewrite it", f.Name, f.Native))
	}
	for i := range t.Stored.Fields {
		// whole floats lie in the file as integers, which have no −0: https://www.sqlite.org/datatype3.html
		if f := &t.Stored.Fields[i]; f.Type.Kind == record.Float && p.want.Fields[i].Native != f.Native {
			t.Losses = append(t.Losses, connector.Loss{Column: f.Name, What: zeroLoss})
		}
	}
}
