package sqlite

import (
	"context"
	"database/sql"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltarget"
	"github.com/towpath/towpath/record"
)

// describeStructure puts into the schema of a table what is built on its columns.
func (r *reader) describeStructure(ctx context.Context) error {
	for i := range r.table.indexes {
		x := &r.table.indexes[i]
		if x.origin == "pk" || r.isKey(x) {
			continue
		}
		r.schema.Indexes = append(r.schema.Indexes, r.table.logicalIndex(x))
	}
	var err error
	r.schema.References, err = references(ctx, r.db, r.table.name)
	return err
}

// isKey reports whether the index is the one by which the schema's key is known.
func (r *reader) isKey(x *index) bool {
	key := r.schema.Key()
	if len(key) == 0 || !x.unique || x.partial {
		return false
	}
	names := make([]string, len(key))
	for i, at := range key {
		names[i] = r.schema.Fields[at].Name
	}
	return x.covers(names)
}

// logicalIndex is the index as other systems can have it.
func (t *table) logicalIndex(x *index) record.Index {
	out := record.Index{Name: x.name, Unique: x.unique}
	if strings.HasPrefix(x.name, "sqlite_autoindex_") {
		out.Name = t.name + "_unique"
	}
	if x.partial {
		out.Foreign = "it has a condition"
		return out
	}
	for _, c := range x.columns {
		if c.name == "" {
			out.Foreign = "it is over an expression"
			return out
		}
		known, _ := t.column(c.name)
		out.Columns = append(out.Columns, record.IndexColumn{Name: known.name, Descending: c.descending})
	}
	return out
}

// references reads the foreign keys of a table. One that names no columns refers to the primary key.
func references(ctx context.Context, db querier, name string) ([]record.Reference, error) {
	var list []record.Reference
	last := -1
	err := each(ctx, db, `SELECT id, "table", "from", coalesce("to", ''), on_update, on_delete FROM pragma_foreign_key_list(?) ORDER BY id, seq`, name, func(rows *sql.Rows) error {
		var id int
		var parent, from, to, onUpdate, onDelete string
		if err := rows.Scan(&id, &parent, &from, &to, &onUpdate, &onDelete); err != nil {
			return err
		}
		if id != last {
			last = id
			list = append(list, record.Reference{Name: name + "_" + parent + "_" + strconv.Itoa(id), Dataset: parent, OnDelete: action(onDelete), OnUpdate: action(onUpdate)})
		}
		f := &list[len(list)-1]
		f.Columns = append(f.Columns, from)
		if to != "" {
			f.Foreign = append(f.Foreign, to)
		}
		return nil
	})
	if err != nil {
		return nil, classify(err, "look up foreign keys of %s", name)
	}
	for i := range list {
		if f := &list[i]; len(f.Foreign) == 0 {
			parent, err := lookUp(ctx, db, f.Dataset)
			if connector.ClassOf(err) == connector.Missing {
				continue // it refers to nothing yet
			}
			if err != nil {
				return nil, err
			}
			f.Dataset, f.Foreign = parent.name, parent.primaryKey()
		}
	}
	return slices.DeleteFunc(list, func(f record.Reference) bool { return len(f.Foreign) != len(f.Columns) }), nil
}

// primaryKey returns the names of the primary key's columns in its order.
func (t *table) primaryKey() []string {
	var columns []column
	for _, c := range t.columns {
		if c.key > 0 {
			columns = append(columns, c)
		}
	}
	slices.SortFunc(columns, func(a, b column) int { return a.key - b.key })
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	return names
}

func action(word string) record.Action {
	if a := record.Action(strings.ToLower(word)); a != "no action" {
		return a
	}
	return record.NoAction
}

// fallback reads the text of a default, as pragma_table_xinfo gives it, for a field of the type.
func fallback(decl string, t record.Type) *record.Default {
	text := strings.TrimSpace(decl)
	upper := strings.ToUpper(text)
	literal := func(value string) *record.Default {
		v := record.NewVector(t.Form())
		if record.AppendParsed(v, &t, []byte(value)) != "" {
			return &record.Default{Foreign: decl}
		}
		return &record.Default{Text: string(record.AppendText(nil, &t, v, 0))}
	}
	switch {
	case upper == "NULL":
		return nil
	case upper == "CURRENT_TIMESTAMP" && (t.Kind == record.Datetime || t.Kind == record.Instant):
		return &record.Default{Now: true}
	case upper == "TRUE" || upper == "FALSE":
		return literal(map[bool]string{true: "1", false: "0"}[upper == "TRUE"])
	case len(text) >= 2 && text[0] == '\'' && text[len(text)-1] == '\'':
		inner := text[1 : len(text)-1]
		if strings.Contains(strings.ReplaceAll(inner, "''", ""), "'") {
			return &record.Default{Foreign: decl}
		}
		value := strings.ReplaceAll(inner, "''", "'")
		if t.Kind == record.Bytes {
			value = hex.EncodeToString([]byte(value))
		}
		return literal(value)
	case strings.HasPrefix(upper, "X'") && strings.HasSuffix(text, "'"):
		return literal(text[2 : len(text)-1])
	}
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return literal(strings.TrimPrefix(text, "+"))
	}
	return &record.Default{Foreign: decl}
}

// defaultClause is the DEFAULT of a column that is made, "" for none. The value is what a row that is written would hold.
func defaultClause(f record.Field) string {
	d := f.Default
	switch {
	case d == nil || d.Foreign != "":
		return ""
	case d.Now && f.Type.Kind == record.Instant:
		return " DEFAULT (strftime('%Y-%m-%d %H:%M:%SZ', 'now'))"
	case d.Now && f.Type.Kind == record.Datetime:
		return " DEFAULT CURRENT_TIMESTAMP"
	case d.Now:
		return ""
	}
	switch f.Type.Kind {
	case record.Bool:
		return " DEFAULT " + map[bool]string{true: "1", false: "0"}[d.Text == "true"]
	case record.Int, record.Year:
		return " DEFAULT " + d.Text
	case record.Uint:
		if f.Type.Bits < 64 {
			return " DEFAULT " + d.Text
		}
	case record.Float:
		if _, err := strconv.ParseFloat(d.Text, 64); err == nil && !strings.ContainsAny(d.Text, "nN") {
			return " DEFAULT " + d.Text
		}
	case record.Bytes, record.Document, record.List, record.Geometry:
		if f.Type.Kind != record.Bytes {
			return ""
		}
		return " DEFAULT x'" + d.Text + "'"
	}
	return " DEFAULT " + text(d.Text)
}

// text quotes a text.
func text(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// structure plans what a table that is made gets beside its columns and its key: foreign keys as a part of its definition, since
// SQLite cannot add them later, and indexes once its rows are there.
func (p *planner) structure() {
	create := p.w.sink.Create
	note := func(text string) { p.target.Notes = append(p.target.Notes, text) }
	if create.Comments && (p.want.Comment != "" || slices.ContainsFunc(p.want.Fields, func(f record.Field) bool { return f.Comment != "" })) {
		note("comments are not kept: SQLite has none")
	}
	if create.Defaults {
		for _, f := range p.want.Fields {
			if f.Default != nil && f.Default.Foreign != "" {
				note("the default of " + f.Name + " is not made: " + f.Default.Foreign + " is the source's own language")
			}
		}
	}
	if create.References {
		for _, f := range p.want.References {
			p.layout.References = append(p.layout.References, foreignKey(f))
		}
	}
	if !create.Indexes {
		return
	}
	for _, x := range p.want.Indexes {
		if x.Foreign != "" {
			note("index " + x.Name + " is not made: " + x.Foreign)
			continue
		}
		p.layout.Secondary = append(p.layout.Secondary, x)
	}
}

// candidates are the names that an index may have, in turn: indexes share one space of names with the tables of a file, and two tables
// can come with indexes of one name.
func candidates(table, name string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		if !yield(name) || !yield(table+"_"+name) {
			return
		}
		for n := 2; yield(table + "_" + name + "_" + strconv.Itoa(n)); n++ {
		}
	}
}

// makeIndex makes an index of the table, unless it was made before. dataset is what the table is called in the end.
func makeIndex(ctx context.Context, conn *sql.Conn, dataset, table string, x record.Index) error {
	for name := range candidates(dataset, x.Name) {
		var owner sql.NullString
		err := conn.QueryRowContext(ctx, "SELECT max(CASE WHEN type = 'index' THEN tbl_name ELSE '' END) FROM sqlite_schema WHERE lower(name) = lower(?)", name).Scan(&owner)
		switch {
		case err != nil:
			return err
		case strings.EqualFold(owner.String, table):
			return nil
		case owner.Valid:
			continue
		}
		_, err = conn.ExecContext(ctx, createIndex(name, table, x))
		return err
	}
	return nil
}

func createIndex(name, table string, x record.Index) string {
	columns := make([]string, len(x.Columns))
	for i, c := range x.Columns {
		columns[i] = quote(c.Name) + map[bool]string{true: " DESC"}[c.Descending]
	}
	return "CREATE " + map[bool]string{true: "UNIQUE "}[x.Unique] + "INDEX " + quote(name) + " ON " + quote(table) + " (" + strings.Join(columns, ", ") + ")"
}

func foreignKey(f record.Reference) string {
	list := func(names []string) string {
		quoted := make([]string, len(names))
		for i, name := range names {
			quoted[i] = quote(name)
		}
		return "(" + strings.Join(quoted, ", ") + ")"
	}
	s := "FOREIGN KEY " + list(f.Columns) + " REFERENCES " + quote(f.Dataset) + " " + list(f.Foreign)
	if f.OnUpdate != record.NoAction {
		s += " ON UPDATE " + strings.ToUpper(string(f.OnUpdate))
	}
	if f.OnDelete != record.NoAction {
		s += " ON DELETE " + strings.ToUpper(string(f.OnDelete))
	}
	return s
}

// seal makes the indexes that the plan has.
func (w *writer) seal(ctx context.Context) error {
	if len(w.layout.Secondary) == 0 {
		return nil
	}
	db, err := w.client.writer()
	if err != nil {
		return err
	}
	return immediate(ctx, db, func(conn *sql.Conn) error {
		if state, err := w.marker(ctx, conn); err != nil || state == sqltarget.Published {
			return err
		}
		for _, x := range w.layout.Secondary {
			if err := makeIndex(ctx, conn, w.sink.Dataset, w.layout.Table, x); err != nil {
				return err
			}
		}
		return nil
	})
}

// link proves that the rows of the table's foreign keys refer to rows that are there; while rows came, nothing looked.
func (w *writer) link(ctx context.Context) error {
	if len(w.layout.References) == 0 {
		return nil
	}
	db, err := w.client.writer()
	if err != nil {
		return err
	}
	var lost int
	err = db.QueryRowContext(ctx, "SELECT count(*) FROM pragma_foreign_key_check(?)", w.sink.Dataset).Scan(&lost)
	if err == nil && lost > 0 {
		return connector.Errorf(connector.Config, "TOW-323", "foreign keys of %s: lost references: %d", w.sink.Dataset, lost).
			WithHint("PRAGMA foreign_key_check(%s) lists them. Rows of the other table may be dirty or filtered.", text(w.sink.Dataset))
	}
	return err
}
