package postgres

import (
	"fmt"
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltarget"
)

// facts is what the catalog says of a table beyond what reading takes: who may write it, and what happens when rows come.
type facts struct {
	unlogged     bool
	owned        bool // by the role, or by one that it is a member of
	secured      bool // row-level security is in force for the role
	ruled        bool
	deferrable   bool // some constraint is
	triggers     string
	publications string
	columns      map[string]columnFacts
}

// columnFacts is what the catalog says of a column.
type columnFacts struct {
	filled                 bool // a row may leave it out
	insert, update, choose bool // rights
	folds                  bool // its collation takes different texts for equal
	sequence               string
	sequenceMoves          bool // the role may move it on
	numeric                bool // its values are numbers
}

const describeFacts = `SELECT c.relpersistence = 'u', pg_has_role(c.relowner, 'USAGE'), row_security_active(c.oid),
	EXISTS (SELECT FROM pg_rewrite r WHERE r.ev_class = c.oid AND r.rulename <> '_RETURN'),
	EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.condeferrable),
	(SELECT string_agg(quote_ident(g.tgname), ', ' ORDER BY g.tgname) FROM pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal AND g.tgenabled IN ('O', 'A')),
	(SELECT string_agg(DISTINCT quote_ident(p.pubname), ', ') FROM pg_publication_tables p WHERE p.schemaname = n.nspname AND p.tablename = c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1`

const describeColumnFacts = `SELECT a.attname, a.atthasdef OR a.attidentity <> '' OR t.typdefault IS NOT NULL,
	has_column_privilege(c.oid, a.attnum, 'INSERT'), has_column_privilege(c.oid, a.attnum, 'UPDATE'), has_column_privilege(c.oid, a.attnum, 'SELECT'),
	%s, q.name, coalesce(has_sequence_privilege(q.name, 'UPDATE') AND has_sequence_privilege(q.name, 'SELECT'), false),
	t.typcategory = 'N'
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_type t ON t.oid = a.atttypid
	LEFT JOIN pg_collation k ON k.oid = a.attcollation
	CROSS JOIN LATERAL (SELECT pg_get_serial_sequence(format('%%I.%%I', n.nspname, c.relname), a.attname) AS name) q
WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped`

// survey reads the facts of a table.
func (s *session) survey(t *table) (*facts, error) {
	rows, err := s.ask(describeFacts, oidParam(t.oid))
	if err != nil {
		return nil, classify(err, "describe "+t.name.String())
	}
	if len(rows) != 1 {
		return nil, sqltarget.NotPlanned(t.name.String())
	}
	r := rows[0]
	f := &facts{unlogged: r[0].bool(), owned: r[1].bool(), secured: r[2].bool(), ruled: r[3].bool(), deferrable: r[4].bool(), triggers: r[5].text,
		publications: r[6].text, columns: map[string]columnFacts{}}
	folds := "false"
	if s.version >= 120000 {
		folds = "coalesce(NOT k.collisdeterministic, false)"
	}
	if rows, err = s.ask(fmt.Sprintf(describeColumnFacts, folds), oidParam(t.oid)); err != nil {
		return nil, classify(err, "describe "+t.name.String())
	}
	for _, r := range rows {
		f.columns[r[0].text] = columnFacts{filled: r[1].bool(), insert: r[2].bool(), update: r[3].bool(), choose: r[4].bool(), folds: r[5].bool(),
			sequence: r[6].text, sequenceMoves: r[7].bool(), numeric: r[8].bool()}
	}
	return f, nil
}

// site is what the catalog says of the schema and the server that rows go to.
type site struct {
	creates    bool   // tables may be made in the schema
	temporary  bool   // temporary tables may be made in the database
	known      bool   // the table of checkpoints is there
	remembers  bool   // and may be written
	taken      string // what has the table's name and is no table; "": nothing
	fsync      bool
	durable    string // synchronous_commit of sessions that do not set their own
	replicates string // session_replication_role
}

const describeSite = `SELECT n.oid IS NOT NULL AND has_schema_privilege(n.oid, 'USAGE'), has_schema_privilege(n.oid, 'CREATE'),
	has_database_privilege(current_database(), 'TEMPORARY'),
	EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = $2::name AND c.relkind = 'r' AND has_table_privilege(c.oid, 'SELECT')
		AND has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE')),
	(SELECT CASE c.relkind WHEN 'S' THEN 'a sequence' WHEN 'i' THEN 'an index' WHEN 'I' THEN 'an index' ELSE 'a composite type' END
		FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = $3::name AND c.relkind NOT IN ('r', 'p', 'v', 'm', 'f')),
	(SELECT 'a type' FROM pg_type t WHERE t.typnamespace = n.oid AND t.typname = $3::name AND t.typrelid = 0),
	current_setting('fsync') = 'on', current_setting('session_replication_role'),
	current_setting('synchronous_commit'),
	EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = $2::name)
FROM (SELECT) one LEFT JOIN pg_namespace n ON n.nspname = $1::name`

// look reads the facts of a schema and its server.
func (s *session) look(n tableName) (*site, error) {
	rows, err := s.ask(describeSite, textParam(n.schema), textParam(sqltarget.Checkpoints), textParam(n.table))
	if err != nil || len(rows) != 1 {
		return nil, classify(err, "describe schema "+n.schema)
	}
	r := rows[0]
	if !r[0].bool() {
		return nil, connector.Errorf(connector.Missing, "TOW-752", "write to %s: there is no schema %q that the role may use", n, n.schema).
			WithHint("Make it, or grant USAGE on it; names are sensitive to case.")
	}
	p := &site{creates: r[1].bool(), temporary: r[2].bool(), remembers: r[3].bool(), taken: r[4].text, fsync: r[6].bool(), replicates: r[7].text, durable: r[8].text, known: r[9].bool()}
	if p.taken == "" {
		p.taken = r[5].text
	}
	return p, nil
}

// keeps says whether checkpoints can be kept in the schema, and if not, why.
func (p *site) keeps(schema string) (because string, ok bool) {
	switch {
	case p.remembers || !p.known && p.creates:
		return "", true
	case p.known:
		return fmt.Sprintf("the role has no right to the table of checkpoints %s in schema %q", sqltarget.Checkpoints, schema), false
	}
	return fmt.Sprintf("the role may not make the table of checkpoints %s in schema %q", sqltarget.Checkpoints, schema), false
}

// refuseKind says why rows cannot go to the table at all.
func (f *facts) refuseKind(t *table) error {
	switch t.kind {
	case kindView, kindMaterial:
		return connector.Errorf(connector.Config, "TOW-753", "write to %s: it is a view", t.name).WithHint("Write to the table below it.")
	case kindForeign:
		return connector.Errorf(connector.Config, "TOW-753", "write to %s: it is a foreign table, whose rows would not be in the transaction of their checkpoint", t.name).
			WithHint("Write to the server that holds it.")
	}
	if f.secured {
		return connector.Errorf(connector.Denied, "TOW-754", "write to %s: its row-level security is in force for the role", t.name).
			WithHint("Write as its owner, or as a role with BYPASSRLS.")
	}
	return nil
}

// refuseRights says which rights to the table the role lacks.
func (f *facts) refuseRights(t *table, columns []string, upsert bool) error {
	var missing []string
	for _, name := range columns {
		c := f.columns[name]
		for _, right := range []struct {
			name   string
			has    bool
			needed bool
		}{{"INSERT", c.insert, true}, {"UPDATE", c.update, upsert}, {"SELECT", c.choose, upsert}} {
			if right.needed && !right.has && !slices.Contains(missing, right.name) {
				missing = append(missing, right.name)
			}
		}
	}
	if len(missing) > 0 {
		return connector.Errorf(connector.Denied, "TOW-754", "write to %s: the role has no right to %s", t.name, strings.Join(missing, ", ")).
			WithHint("GRANT %s ON %s TO the role.", strings.Join(missing, ", "), t.name.quoted())
	}
	return nil
}

// notes tells what a person should know of the table and its server.
func (f *facts) notes(t *table, replace bool) []string {
	var out []string
	if f.unlogged {
		out = append(out, "the table is unlogged: a crash of the server empties it, and a run that is resumed does not notice")
	}
	if f.publications != "" {
		out = append(out, "the rows go to the subscribers of publication "+f.publications)
	}
	if f.ruled {
		out = append(out, "rules of the table are not applied to rows that are copied")
	}
	switch {
	case f.triggers == "":
	case replace:
		out = append(out, "triggers do not run while rows are staged: "+f.triggers)
	default:
		out = append(out, "triggers run for the rows and may change them: "+f.triggers+"; one that drops a row stops the run")
	}
	if t.kind == kindPartitioned {
		out = append(out, "the table is partitioned: a row that no partition takes is dirty")
	}
	return out
}

func (p *site) notes() []string {
	var out []string
	if !p.fsync {
		out = append(out, "fsync is off at the server: a crash of its machine can lose or damage what it has acknowledged")
	}
	if p.durable == "off" {
		out = append(out, "the server's synchronous_commit is off; transactions of the run wait for the disk all the same")
	}
	if p.replicates != "origin" {
		out = append(out, "session_replication_role is "+p.replicates+": foreign keys are not checked and triggers do not run")
	}
	return out
}
