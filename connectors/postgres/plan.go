package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltarget"
	"github.com/towpath/towpath/record"
)

// layout is the writer's own part of the plan.
type layout struct {
	sqltarget.Layout
	Schema string   `json:"schema"`
	Table  string   `json:"table"`            // that rows go to: the target, or its staging table
	Create []string `json:"create,omitempty"` // statements that make it; none: it exists
	Found  string   `json:"found,omitempty"`  // the target's columns and unique keys as planned; "": there was none
	// What a table that is made gets once its rows are there, and once all tables of the run are.
	Primary    string         `json:"primary,omitempty"` // makes the primary key; "": the table is made with it
	Indexes    []plannedIndex `json:"indexes,omitempty"`
	References []object       `json:"references,omitempty"`
	Numbered   []string       `json:"numbered,omitempty"` // columns whose sequences are moved on behind the rows
	Staged     *staged        `json:"staged,omitempty"`   // of a table that is replaced
}

// object is what a statement makes.
type object struct {
	Name string `json:"name"`
	SQL  string `json:"sql"`
}

// plannedIndex is an index of a table that is made. Names of indexes are those of a schema, so it has several to choose from.
type plannedIndex struct {
	Names []string `json:"names"`
	Head  string   `json:"head"` // of its statement, before the name
	Tail  string   `json:"tail"`
}

func (x *plannedIndex) statement(name string) string { return x.Head + quote(name) + x.Tail }

// nameMost is the most bytes that names of tables, columns and indexes have: the server cuts longer ones off.
const nameMost = nameBytes

// maxRowBytes is below what the server takes for one row of a COPY.
const maxRowBytes = 900_000_000

// planner collects a Target.
type planner struct {
	w      *writer
	s      *session
	want   *record.Schema
	table  *table // as it is; nil: none
	facts  *facts
	site   *site
	target *connector.Target
	layout layout
	text   map[string]bool // columns whose values go through their text
}

// Plan looks at the server and changes nothing.
func (w *writer) Plan(ctx context.Context, want *record.Schema) (*connector.Target, error) {
	var t *connector.Target
	err := w.client.withSession(ctx, writes, func(s *session) (err error) {
		p := &planner{w: w, s: s, want: want, text: map[string]bool{}}
		t, err = p.plan()
		return err
	})
	if err != nil {
		return nil, classify(err, "plan table "+w.name.String())
	}
	return t, nil
}

func (p *planner) plan() (*connector.Target, error) {
	if err := p.look(); err != nil {
		return nil, err
	}
	base := sqltarget.Planner{Sink: p.w.sink, Want: p.want, Name: p.w.name.String(), Staging: p.w.staging.String()}
	if p.table == nil {
		declared, err := p.s.declare(p.want.Fields)
		if err != nil {
			return nil, err
		}
		base.Declare = p.declared(declared)
	} else {
		described, err := p.describe()
		if err != nil {
			return nil, err
		}
		base.Table = described
	}
	t, l, err := base.Plan()
	if err != nil {
		return nil, err
	}
	p.target, p.layout.Layout = t, *l
	p.layout.Schema, p.layout.Table = p.w.name.schema, p.w.name.table
	if err := p.rights(); err != nil {
		return nil, err
	}
	if err := p.chooseWay(); err != nil {
		return nil, err
	}
	p.unfold()
	if err := p.tables(); err != nil {
		return nil, err
	}
	p.tell()
	t.Writer, err = json.Marshal(p.layout)
	return t, err
}

// look reads what there is.
func (p *planner) look() (err error) {
	if err := checkNames(p.w.name, p.want); err != nil {
		return err
	}
	if err := refuseDocuments(p.want); err != nil {
		return err
	}
	if p.site, err = p.s.look(p.w.name); err != nil {
		return err
	}
	if p.table, err = p.s.lookUp(p.w.name); err != nil {
		return err
	}
	switch {
	case p.table != nil:
		if p.facts, err = p.s.survey(p.table); err != nil {
			return err
		}
		p.layout.Found = p.table.print()
		return p.facts.refuseKind(p.table)
	case p.site.taken != "":
		return connector.Errorf(connector.Config, "TOW-753", "make table %s: %s has its name", p.w.name, p.site.taken)
	case !p.site.creates:
		return connector.Errorf(connector.Denied, "TOW-754", "make table %s: the role may not make tables in schema %q", p.w.name, p.w.name.schema).
			WithHint("GRANT CREATE ON SCHEMA %s TO the role, or make the table first.", quote(p.w.name.schema))
	}
	return checkMade(p.w.name, p.want, p.s.version)
}

// mostColumns is the most columns of a table.
const mostColumns = 1600

// checkMade refuses columns that no table has.
func checkMade(n tableName, want *record.Schema, version int) error {
	if len(want.Fields) > mostColumns {
		return connector.Errorf(connector.Config, "TOW-752", "make table %s: %d columns, %d are the most", n, len(want.Fields), mostColumns).WithHint("Leave columns out (columns).")
	}
	for _, f := range want.Fields {
		switch f.Name {
		case "ctid", "xmin", "xmax", "cmin", "cmax", "tableoid":
		case "oid":
			if version >= 120000 {
				continue
			}
		default:
			continue
		}
		return connector.Errorf(connector.Config, "TOW-752", "make table %s: every table has a column %s of its own", n, f.Name).WithHint("Give the column another name.")
	}
	return nil
}

// checkNames refuses names that the server would cut off.
func checkNames(n tableName, want *record.Schema) error {
	refuse := func(what, name string) error {
		return connector.Errorf(connector.Config, "TOW-752", "the name of %s %q has %d bytes, %d are the most", what, name, len(name), nameMost)
	}
	for what, name := range map[string]string{"schema": n.schema, "table": n.table} {
		if len(name) > nameMost {
			return refuse(what, name)
		}
	}
	for _, f := range want.Fields {
		switch {
		case len(f.Name) > nameMost:
			return refuse("column", f.Name)
		case f.Name == "" || strings.Contains(f.Name, "\x00"):
			return connector.Errorf(connector.Config, "TOW-752", "%q is no name of a column", f.Name)
		}
	}
	return nil
}

// declared is the planner's Declare.
func (p *planner) declared(list []declaration) func(record.Field, bool) (sqltarget.Column, string, string) {
	at := -1
	return func(f record.Field, _ bool) (sqltarget.Column, string, string) {
		at++
		d := &list[at]
		c := sqltarget.Column{Field: record.Field{Type: d.logical, Native: d.text, Collation: d.collation, Comment: f.Comment, Default: f.Default}}
		c.Numbered = f.Numbered && !f.Nullable && (d.info.oid == oidInt2 || d.info.oid == oidInt4 || d.info.oid == oidInt8)
		c.Type, c.Keeps = p.stored(f.Name, d.logical, d.info, d.mod)
		return c, d.fold, d.loss
	}
}

// stored is what a column holds exactly: the logical type of its values, and the marks that it keeps.
func (p *planner) stored(name string, t record.Type, i *typeInfo, mod int32) (record.Type, []record.Code) {
	c, direct := p.server().newColumn(0, t, i, mod)
	p.text[name] = !direct
	return p.server().characters(t), c.value.keeps
}

func (p *planner) server() server { return server{p.s.version, p.s.encoding} }

// characters says what a database whose encoding is not UTF-8 lacks of a type, and how it counts. What other encodings lack than the
// one that is known here, the server refuses.
func (s server) characters(t record.Type) record.Type {
	switch t.Kind {
	case record.Text, record.Enum, record.Native:
		if s.encoding == "WIN1252" {
			t.Charset = "latin1"
		}
		if s.encoding == "SQL_ASCII" && t.Length > 0 {
			t.Unit = record.Octets
		}
	case record.List:
		if t.Elem != nil {
			elem := s.characters(*t.Elem)
			t.Elem = &elem
		}
	}
	return t
}

// describe is the table as the shared planner needs it.
func (p *planner) describe() (*sqltarget.Table, error) {
	out := &sqltarget.Table{}
	for i := range p.table.columns {
		c := &p.table.columns[i]
		f := sqltarget.Column{Field: c.Field, Computed: c.Generated, Filled: p.facts.columns[c.Name].filled}
		f.Default, f.Comment = nil, ""
		if !c.Generated {
			f.Type, f.Keeps = p.stored(c.Name, c.Type, c.info, c.mod)
		}
		out.Columns = append(out.Columns, f)
	}
	for i := range p.table.indexes {
		if u, ok := p.unique(&p.table.indexes[i]); ok {
			out.Unique = append(out.Unique, u)
		}
	}
	var err error
	out.Rows, err = p.countRows()
	return out, err
}

// unique is an index for whose sake a row can be refused.
func (p *planner) unique(ix *index) (sqltarget.Unique, bool) {
	const exclusion, nullsNotDistinct = "exclusion constraint", "NULLS NOT DISTINCT" // as describeIndexes says it
	if !ix.unique && ix.foreign != exclusion {
		return sqltarget.Unique{}, false
	}
	u := sqltarget.Unique{Name: "index " + ix.name, Primary: ix.primary, Partial: ix.foreign != "" && ix.foreign != nullsNotDistinct || p.table.parent}
	for _, c := range ix.columns {
		if c.column < 0 {
			u.Columns = append(u.Columns, sqltarget.KeyColumn{})
			continue
		}
		column := &p.table.columns[c.column]
		u.Columns = append(u.Columns, sqltarget.KeyColumn{Name: column.Name, Fold: p.foldOf(column)})
	}
	return u, true
}

// foldOf names what makes the server take values of a column for equal that are not the same.
func (p *planner) foldOf(c *column) string {
	switch {
	case p.facts.columns[c.Name].folds:
		return c.Collation
	case c.info.row != nil && c.info.row.name == "citext":
		return "citext"
	case c.info.oid == oidJSONB, c.info.oid == oidInterval, c.info.oid == oidNumeric && c.mod < 4:
		return c.info.name
	}
	return ""
}

// unfold takes key columns off the list of those that fold whose source has the very same type, and so the same equality.
func (p *planner) unfold() {
	p.target.Folded = slices.DeleteFunc(p.target.Folded, func(name string) bool {
		at := p.target.Stored.Index(name)
		stored := &p.target.Stored.Fields[at]
		return p.want.Fields[at].Native == stored.Native && p.want.Fields[at].Collation == stored.Collation
	})
}

// countRows counts a small table and takes the server's estimate for others; -1: unknown. Whether there are any is never a guess.
func (p *planner) countRows() (int64, error) {
	const few = 10_000
	if slices.ContainsFunc(p.table.columns, func(c column) bool { return !p.facts.columns[c.Name].choose }) {
		return -1, nil
	}
	rows, err := p.s.query(fmt.Sprintf("SELECT count(*) FROM (SELECT FROM %s LIMIT %d) t", p.w.name.quoted(), few))
	if err != nil {
		return 0, classify(err, "count rows of "+p.w.name.String())
	}
	switch n := rows[0][0].int64(); {
	case n < few:
		return n, nil
	case p.table.rows >= few:
		return p.table.rows, nil
	}
	return -1, nil
}

// rights refuses what the role may not do, before anything begins.
func (p *planner) rights() error {
	upsert := p.target.Mode == connector.Upsert
	if p.table != nil {
		var columns []string
		for i, f := range p.target.Stored.Fields {
			if !slices.Contains(p.layout.Skipped, i) {
				columns = append(columns, f.Name)
			}
		}
		if err := p.facts.refuseRights(p.table, columns, upsert); err != nil {
			return err
		}
		if upsert {
			if err := p.updatable(); err != nil {
				return err
			}
		}
	}
	through := p.through()
	switch {
	case !upsert && len(through) == 0:
		return nil
	case !p.site.temporary:
		return connector.Errorf(connector.Denied, "TOW-754", "write to %s: the role may not make temporary tables, by which rows of this stream go", p.w.name).
			WithHint("GRANT TEMPORARY ON DATABASE %s TO the role.", quote(p.w.client.dialer.options.Database))
	case len(p.target.Stored.Fields)-len(p.layout.Skipped) >= mostColumns:
		return connector.Errorf(connector.Config, "TOW-753", "write to %s: the temporary table by which rows of this stream go has a column more, and %d are the most", p.w.name, mostColumns).
			WithHint("Leave a column out, or write with insert or replace.")
	case p.table != nil && p.facts.ruled && p.target.Mode != connector.Replace:
		return connector.Errorf(connector.Config, "TOW-753", "write to %s: it has rules, which would change what is written", p.w.name).
			WithHint("Drop the rules, or make triggers of them.")
	}
	return nil
}

// updatable refuses an upsert that could not replace whole rows.
func (p *planner) updatable() error {
	settable := 0
	for i, f := range p.target.Stored.Fields {
		at := slices.IndexFunc(p.table.columns, func(c column) bool { return c.Name == f.Name })
		switch {
		case slices.Contains(p.layout.Skipped, i):
		case p.table.columns[at].identity != 'a':
			settable++
		case f.Key == 0:
			return connector.Errorf(connector.Config, "TOW-755", "upsert into %s: column %q is GENERATED ALWAYS AS IDENTITY, which no UPDATE may set", p.w.name, f.Name).
				WithHint("ALTER TABLE ... ALTER COLUMN %s SET GENERATED BY DEFAULT, or leave the column out.", quote(f.Name))
		}
	}
	if settable == 0 {
		return connector.Errorf(connector.Config, "TOW-755", "upsert into %s: there is no column that an UPDATE may set", p.w.name).
			WithHint("ALTER TABLE ... ALTER COLUMN ... SET GENERATED BY DEFAULT.")
	}
	return nil
}

// through returns the columns whose values go through their text.
func (p *planner) through() []string {
	var names []string
	for i, f := range p.target.Stored.Fields {
		if !slices.Contains(p.layout.Skipped, i) && p.text[f.Name] {
			names = append(names, f.Name)
		}
	}
	return names
}

// chooseWay decides how rows and position come to agree.
//
// Invariant 1: with way A both are in one transaction.
func (p *planner) chooseWay() error {
	t, mode := p.target, p.target.Mode
	t.Limits = connector.Limits{RowBytes: maxRowBytes, Shards: max(p.w.client.dialer.options.Connections-2, 1)}
	t.Reason = "rows and checkpoint are in one transaction of the server"
	because, keeps := p.site.keeps(p.w.name.schema)
	grant := fmt.Sprintf("GRANT CREATE ON SCHEMA %s TO the role", quote(p.w.name.schema))
	if p.site.known {
		grant = fmt.Sprintf("GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO the role", p.w.memory.Table)
	}
	switch {
	case mode == connector.Replace && p.table != nil && !p.facts.owned:
		return connector.Errorf(connector.Denied, "TOW-754", "replace table %s: the role is not its owner", p.w.name).
			WithHint("Write as its owner, or with upsert.")
	case mode == connector.Replace && !p.site.creates:
		return connector.Errorf(connector.Denied, "TOW-754", "replace table %s: the role may not make tables in schema %q", p.w.name, p.w.name.schema).
			WithHint("GRANT CREATE ON SCHEMA %s TO the role.", quote(p.w.name.schema))
	case mode == connector.Replace && !keeps:
		return connector.Errorf(connector.Denied, "TOW-754", "replace table %s: %s", p.w.name, because).WithHint("%s.", grant)
	case mode == connector.Replace:
		t.Reason = "a staging table is filled in transactions with its checkpoints and takes the table's place in one"
	case keeps:
	case mode == connector.Insert:
		return connector.Errorf(connector.Denied, "TOW-754", "insert into %s: %s, without which rows sent again would be refused as doubles", p.w.name, because).
			WithHint("%s, or write with upsert.", grant)
	default:
		t.Way, t.Reason = connector.WayB, because
		t.Notes = append(t.Notes, "a lock of each shard's session keeps older owners out; it is not known to a standby that is promoted, and a target that was restored to an earlier state is not noticed")
	}
	return nil
}

// tell says what will happen, and what is to be known.
func (p *planner) tell() {
	t := p.target
	if t.Remembers() && !p.site.known {
		t.Steps = append(t.Steps, schemaOfCheckpoints(p.w.memory.Table))
	}
	t.Steps = append(t.Steps, p.layout.Create...)
	if p.layout.Primary != "" {
		t.Steps = append(t.Steps, p.layout.Primary)
	}
	for _, x := range p.layout.Indexes {
		t.Steps = append(t.Steps, x.statement(x.Names[0]))
	}
	for _, x := range p.layout.References {
		t.Steps = append(t.Steps, x.SQL)
	}
	for _, name := range p.layout.Numbered {
		t.Steps = append(t.Steps, fmt.Sprintf("move the sequence of %s on behind the rows", name))
	}
	if t.Mode == connector.Replace {
		p.tellSwap()
	}
	if p.facts != nil {
		t.Notes = append(t.Notes, p.facts.notes(p.table, t.Mode == connector.Replace)...)
	}
	t.Notes = append(t.Notes, p.site.notes()...)
	for _, name := range p.through() {
		t.Notes = append(t.Notes, name+" is converted from its text by the server; a row whose text the type writes otherwise is dirty (SHAPE)")
	}
	for i, f := range t.Stored.Fields {
		if p.table == nil || p.want.Fields[i].Native == f.Native || p.want.Fields[i].Type.Kind != record.JSON {
			continue
		}
		if at := slices.IndexFunc(p.table.columns, func(c column) bool { return c.Name == f.Name }); p.table.columns[at].info.oid == oidJSONB {
			t.Losses = append(t.Losses, connector.Loss{Column: f.Name, What: "jsonb keeps neither white space nor the order of keys, and of repeated keys the last"})
		}
	}
}

func (p *planner) tellSwap() {
	t := p.target
	if t.Exists {
		t.Steps = append(t.Steps, "DROP TABLE "+p.w.name.quoted())
		if t.Rows < 0 {
			t.Removes = []string{"all rows that " + p.w.name.String() + " holds"}
		}
	}
	t.Steps = append(t.Steps, "ALTER TABLE "+p.w.staging.quoted()+" RENAME TO "+quote(p.w.name.table))
}

// print is what of a table must not change between plan and start.
func (t *table) print() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%c", t.kind)
	for i := range t.columns {
		c := &t.columns[i]
		fmt.Fprintf(&b, "; %q %s %t %t %c", c.Name, c.Native, c.Nullable, c.Generated, max(c.identity, '-'))
	}
	for i := range t.indexes {
		ix := &t.indexes[i]
		if !ix.unique {
			continue
		}
		fmt.Fprintf(&b, "; unique %q %s", ix.name, ix.foreign)
		for _, c := range ix.columns {
			fmt.Fprintf(&b, " %d", c.column)
		}
	}
	return b.String()
}
