package mysql

import (
	"context"
	"encoding/json"
	"errors"
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
	Table      tableName          `json:"table"`                // that rows go to: the target, or its staging table
	Create     string             `json:"create,omitempty"`     // its definition; "": it is there, or like the target
	Found      string             `json:"found,omitempty"`      // the target's definition as planned; "": there was none
	Comment    string             `json:"comment,omitempty"`    // of the table when all is done
	Upsert     string             `json:"upsert,omitempty"`     // what ON DUPLICATE KEY does
	Lasting    bool               `json:"lasting,omitempty"`    // the table has no transactions
	Keys       map[string]string  `json:"keys,omitempty"`       // columns of unique keys over one, by the key's name
	Indexes    []secondary        `json:"indexes,omitempty"`    // made by Seal
	References []record.Reference `json:"references,omitempty"` // made by Link
}

// planner collects a Target.
type planner struct {
	w *writer
	*session
	want    *record.Schema
	found   *found
	maker   maker
	columns []definition
	target  *connector.Target
	layout  layout
}

// Plan looks at the server and changes nothing.
func (w *writer) Plan(ctx context.Context, want *record.Schema) (t *connector.Target, err error) {
	err = w.client.withSession(ctx, writes, func(s *session) error {
		p := &planner{w: w, session: s, want: want}
		if err := p.plan(); err != nil {
			return err
		}
		t = p.target
		return nil
	})
	return t, classify(err, "plan table "+w.name.String())
}

func (p *planner) plan() (err error) {
	if p.found, err = p.lookUp(p.w.name); err != nil {
		return err
	}
	if err := p.replaceable(); err != nil {
		return err
	}
	base := sqltarget.Planner{Sink: p.w.sink, Want: p.want, Name: p.w.name.String(), Table: p.found.forPlanner(), SameName: strings.EqualFold,
		Staging: p.w.staging().String()}
	if p.found == nil {
		if err := p.define(&base); err != nil {
			return err
		}
	}
	t, l, err := base.Plan()
	if err != nil {
		return err
	}
	p.target, p.layout.Layout = t, *l
	if err := p.exact(); err != nil {
		return err
	}
	t.Limits.RowBytes = int64(p.packet - packetReserve)
	p.tables()
	p.upsert()
	if err := p.chooseWay(); err != nil {
		return err
	}
	if err := p.allowed(); err != nil {
		return err
	}
	if err := p.notes(); err != nil {
		return err
	}
	p.steps()
	t.Writer, err = json.Marshal(p.layout)
	return err
}

// define defines the columns of a table that is made. The shared planner is asked for the key first.
func (p *planner) define(base *sqltarget.Planner) error {
	base.Declare = func(f record.Field, _ bool) (sqltarget.Column, string, string) {
		return sqltarget.Column{Field: f}, "", ""
	}
	_, l, err := base.Plan()
	if err != nil {
		return err
	}
	collations, err := p.w.client.collationsOf(p.session)
	if err != nil {
		return err
	}
	p.maker = maker{release: p.release, collations: collations, create: p.w.sink.Create, keyBytes: narrowKeyBytes}
	if p.release.Maria || p.release.oracle(5, 7, 0) {
		p.maker.keyBytes = wideKeyBytes
	}
	v, err := p.variables("explicit_defaults_for_timestamp")
	if err != nil {
		return err
	}
	p.maker.implicit = v["explicit_defaults_for_timestamp"] != "ON"
	p.columns = p.maker.define(p.want, l.Key)
	base.Declare = func(f record.Field, _ bool) (sqltarget.Column, string, string) {
		d := &p.columns[slices.IndexFunc(p.columns, func(d definition) bool { return d.name == f.Name })]
		c := sqltarget.Column{Field: record.Field{Native: d.text.String(), Type: logical(d.text), Charset: d.text.charset, Collation: d.collation,
			Comment: f.Comment, Default: f.Default, Numbered: d.numbered}}
		c.Keeps = keeps(&c.Type)
		return c, d.fold, strings.Join(d.losses, "; ")
	}
	return nil
}

// replaceable refuses what cannot change its place with another table unnoticed.
func (p *planner) replaceable() error {
	if p.w.sink.Mode != connector.Replace || p.found == nil {
		return nil
	}
	if err := p.relatives(p.found); err != nil {
		return err
	}
	hint := "Write with upsert, or drop them first and make them again afterwards."
	switch f := p.found; {
	case len(f.triggers) > 0:
		return connector.Errorf(connector.Config, "TOW-443", "replace table %s: it has triggers: %s", p.w.name, strings.Join(f.triggers, ", ")).WithHint("%s", hint)
	case f.unseen:
		return connector.Errorf(connector.Config, "TOW-443", "replace table %s: the account has no right to see its triggers, and they would go with it", p.w.name).
			WithHint("GRANT TRIGGER ON %s.* TO the account.", quote(p.w.name.database))
	case f.kind == "SYSTEM VERSIONED":
		return connector.Errorf(connector.Config, "TOW-443", "replace table %s: the versions that it keeps of its rows would go with it", p.w.name).WithHint("Write with upsert.")
	case len(f.children) > 0:
		return connector.Errorf(connector.Config, "TOW-443", "replace table %s: foreign keys of %s refer to it", p.w.name, strings.Join(f.children, ", ")).WithHint("%s", hint)
	case len(f.parents) > 0:
		return connector.Errorf(connector.Config, "TOW-443", "replace table %s: its foreign keys refer to %s", p.w.name, strings.Join(f.parents, ", ")).WithHint("%s", hint)
	case !f.transacts:
		return connector.Errorf(connector.Config, "TOW-443", "replace table %s: its engine %s has no transactions", p.w.name, f.engine).
			WithHint("ALTER TABLE %s ENGINE=InnoDB, or write with upsert.", p.w.name.quoted())
	}
	return nil
}

// exact refuses columns that round without a word: FLOAT(7,3) and DOUBLE(7,3).
func (p *planner) exact() error {
	if p.found == nil {
		return nil
	}
	for i := range p.target.Stored.Fields {
		f := &p.target.Stored.Fields[i]
		if f.Type.Kind != record.Float || !strings.Contains(f.Native, "(") || f.Native == p.want.Fields[i].Native {
			continue
		}
		return connector.Errorf(connector.Config, "TOW-445", "column %s of table %s is %s, in which the server rounds without a word", f.Name, p.w.name, f.Native).
			WithHint("Make it a DECIMAL, or a DOUBLE without digits.")
	}
	return nil
}

// tables decides which table rows go to and how it is made.
func (p *planner) tables() {
	l := &p.layout
	l.Table, l.Comment = p.w.name, ""
	if p.w.sink.Mode == connector.Replace {
		l.Table = p.w.staging()
	}
	if p.found != nil {
		l.Found, l.Comment, l.Keys = p.found.print, p.found.comment, p.found.keyNames()
		return
	}
	if p.w.sink.Create.Comments {
		l.Comment = cut(p.want.Comment, mostTableComment)
	}
	for _, at := range l.Key {
		p.columns[at].nullable = false
	}
	comment := l.Comment
	if p.w.sink.Mode == connector.Replace {
		comment = p.w.tag()
	}
	l.Create = createTable(l.Table, p.columns, l.Key, p.release, comment)
	if len(l.Key) == 1 {
		l.Keys = map[string]string{"PRIMARY": p.columns[l.Key[0]].name}
	}
	if p.w.sink.Create.Indexes {
		l.Indexes = p.maker.secondaries(p.want, p.columns)
	}
	p.target.Notes = append(p.target.Notes, p.maker.notes...)
	if p.w.sink.Create.References {
		l.References = p.want.References
		for _, f := range l.References {
			if _, why := foreignKey(f, f.Name, tableName{}); why != "" {
				p.target.Notes = append(p.target.Notes, why)
			}
		}
	}
}

// upsert is what a row does to one of the same key: it takes its place whole. A key column is written too where the server takes
// other texts for equal.
func (p *planner) upsert() {
	if p.w.sink.Mode != connector.Upsert {
		return
	}
	value := func(name string) string { return "VALUES(" + name + ")" }
	begin := " ON DUPLICATE KEY UPDATE "
	if p.release.oracle(8, 0, 20) { // VALUES() is to be given up there
		value = func(name string) string { return "towpath_row." + name }
		begin = " AS towpath_row" + begin
	}
	var set []string
	for i := range p.target.Stored.Fields {
		f := &p.target.Stored.Fields[i]
		place := slices.Index(p.layout.Key, i)
		if slices.Contains(p.layout.Skipped, i) || place >= 0 && p.layout.Folds[place] == "" {
			continue
		}
		set = append(set, quote(f.Name)+" = "+value(quote(f.Name)))
	}
	if len(set) == 0 { // nothing but the key
		name := quote(p.target.Key[0])
		set = []string{name + " = " + value(name)}
	}
	p.layout.Upsert = begin + strings.Join(set, ", ")
}

// chooseWay finds out whether checkpoints can be in the transactions of their rows.
func (p *planner) chooseWay() error {
	t := p.target
	why, err := p.forgetful()
	if err != nil {
		return err
	}
	if why == "" {
		t.Reason = "rows and checkpoint are in one transaction"
		if t.Mode == connector.Replace {
			t.Reason = "a staging table is filled in transactions with its checkpoints and takes the table's place by one RENAME"
		}
		return nil
	}
	if t.Mode != connector.Upsert {
		return connector.Errorf(connector.Config, "TOW-442", "%s into %s: %s, and without checkpoints at the target only upsert can begin again after a cut", t.Mode, p.w.name, why).
			WithHint("Write with upsert, or grant the account CREATE on %s.* for the table %s (InnoDB).", quote(p.w.name.database), sqltarget.Checkpoints)
	}
	t.Way, t.Inner = connector.WayB, ""
	t.Limits.Shards = max(p.w.client.pool.Size()-1, 1) // each has a session, and one is for the others
	t.Reason = why + ", so rows are written by their key and the checkpoint is saved after them"
	t.Notes = append(t.Notes, "a process that was cut off is kept from writing by ending its session, which holds the lock of its shard: "+
		"that covers one server, and not the others of a cluster, a server that takes over, or a proxy that gives sessions away",
		"the target keeps no marker of the run: that it was restored meanwhile goes unnoticed")
	return nil
}

// forgetful says why the target cannot keep checkpoints in the transactions of its rows; "": it can.
func (p *planner) forgetful() (string, error) {
	if p.found != nil && !p.found.transacts {
		p.layout.Lasting = true
		return "the engine " + p.found.engine + " has no transactions", nil
	}
	table := p.w.checkpoints()
	statements := []string{schemaOfCheckpoints(table)}
	_, there, err := p.commentOf(table)
	if err != nil {
		return "", err
	}
	if there {
		statements = []string{"INSERT INTO " + table.quoted() + " (epoch) VALUES (1)", "UPDATE " + table.quoted() + " SET epoch = 1", "DELETE FROM " + table.quoted(),
			"SELECT 1 FROM " + table.quoted() + " FOR UPDATE"}
	}
	for _, text := range statements {
		err := p.try(text)
		if e, ok := errors.AsType[*serverError](err); ok && knownError(e.Number).class == connector.Denied {
			return fmt.Sprintf("the account has no rights to keep checkpoints in %s (%s)", table, e.Message), nil
		}
		if err != nil {
			return "", err
		}
	}
	return "", nil
}

// try has the server look at a statement, and at the account's rights to it, without running it.
func (p *planner) try(text string) error {
	st, err := p.prepare(text)
	if err != nil {
		return err
	}
	return p.closeStatement(st)
}

// allowed refuses what the account may not do, as far as the server says so beforehand.
func (p *planner) allowed() error {
	l := &p.layout
	text := l.Create
	switch {
	case text != "":
	case p.w.sink.Mode == connector.Replace:
		text = "CREATE TABLE " + l.Table.quoted() + " LIKE " + p.w.name.quoted()
	default:
		text = newInserter(l.Table.quoted(), p.target.Stored, l.Skipped, l.Upsert, l.Upsert != "").text(1)
	}
	return p.try(text)
}

// notes say what a person should know of this server and table.
func (p *planner) notes() error {
	t := p.target
	note := func(format string, args ...any) { t.Notes = append(t.Notes, fmt.Sprintf(format, args...)) }
	v, err := p.variables("innodb_flush_log_at_trx_commit", "sync_binlog", "log_bin")
	if err != nil {
		return err
	}
	if flush := v["innodb_flush_log_at_trx_commit"]; flush != "1" {
		note("innodb_flush_log_at_trx_commit is %s: when the server's machine fails, commits of its last second can be lost", flush)
	}
	if sync := v["sync_binlog"]; v["log_bin"] == "ON" && sync != "1" {
		note("sync_binlog is %s: when the server's machine fails, the binary log can lack commits that the tables have", sync)
	}
	if p.logged {
		note("binlog_format is STATEMENT, so transactions are REPEATABLE READ: shards that are written side by side can wait for each other")
	}
	if p.found == nil {
		return nil
	}
	if t.Rows < 0 && len(t.Removes) > 0 {
		t.Removes[0] = fmt.Sprintf("the rows that %s holds, about %d", p.w.name, max(p.found.table.rows, mostCounted))
	}
	if len(p.found.triggers) > 0 {
		note("triggers of the table run for its rows: %s", strings.Join(p.found.triggers, ", "))
	}
	if p.found.unseen {
		note("the account has no right to see the table's triggers: if it has some, they run for its rows")
	}
	for i := range t.Stored.Fields {
		f := &t.Stored.Fields[i]
		if w := &p.want.Fields[i]; f.Type.Kind == record.Text && f.Type.Fixed && !(w.Type.Kind == record.Text && w.Type.Fixed) {
			t.Losses = append(t.Losses, connector.Loss{Column: f.Name, What: "blanks at the end are not kept"})
		}
	}
	return nil
}

// steps say what will be done.
func (p *planner) steps() {
	t, l := p.target, &p.layout
	add := func(format string, args ...any) { t.Steps = append(t.Steps, fmt.Sprintf(format, args...)) }
	if t.Remembers() {
		add("%s", schemaOfCheckpoints(p.w.checkpoints()))
	}
	switch {
	case l.Create != "":
		add("%s", l.Create)
	case t.Mode == connector.Replace:
		add("CREATE TABLE %s LIKE %s", l.Table.quoted(), p.w.name.quoted())
	}
	for _, x := range l.Indexes {
		add("ALTER TABLE %s %s", l.Table.quoted(), x.SQL)
	}
	if t.Mode == connector.Replace {
		add("%s", p.w.swap(l.Found))
		if t.Exists {
			add("DROP TABLE %s", p.w.old().quoted())
		}
	}
	for _, f := range l.References {
		add("ALTER TABLE %s ADD FOREIGN KEY %s to %s", p.w.name.quoted(), f.Name, f.Dataset)
	}
}
