package mysql

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltarget"
	"github.com/towpath/towpath/record"
)

// found is a target table as it is.
type found struct {
	*table
	rows      int64    // -1: more than were counted
	triggers  []string // that run when rows are inserted or updated
	unseen    bool     // the account may not be shown triggers, so there may be some
	parents   []string // that its foreign keys refer to
	children  []string // whose foreign keys refer to it
	print     string   // its definition, to be recognized by
	transacts bool     // its engine is InnoDB
}

// mostCounted is how many rows of a target are counted; of more, the server's estimate is said.
const mostCounted = 1_000_000

// lookUp describes a target table; nil: there is none.
func (s *session) lookUp(n tableName) (*found, error) {
	t, err := s.describe(n)
	if connector.ClassOf(err) == connector.Missing {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if t.kind != "BASE TABLE" && t.kind != "SYSTEM VERSIONED" {
		return nil, connector.Errorf(connector.Config, "TOW-440", "%s is a %s, no table", n, strings.ToLower(t.kind))
	}
	f := &found{table: t, transacts: strings.EqualFold(t.engine, "InnoDB")}
	doing := fmt.Sprintf("describe %s", n)
	if f.print, err = s.printOf(n); err != nil {
		return nil, classify(err, doing)
	}
	rows, err := s.query(fmt.Sprintf("SELECT COUNT(*) FROM (SELECT 1 FROM %s LIMIT %d) towpath_counted", n.quoted(), mostCounted+1))
	if err != nil {
		return nil, classify(err, doing)
	}
	if f.rows = rows[0][0].int64(); f.rows > mostCounted {
		f.rows = -1
	}
	f.triggers, err = s.names("SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = ? AND EVENT_OBJECT_TABLE = ? ORDER BY 1", n)
	if err == nil && len(f.triggers) == 0 {
		f.unseen, err = s.triggersUnseen(n)
	}
	return f, classify(err, doing)
}

// granted reads a line of SHOW GRANTS: the rights, and what they are for.
var granted = regexp.MustCompile("^GRANT (.+) ON (\\*|`(?:[^`]|``)*`)\\.(\\*|`(?:[^`]|``)*`) TO ")

// triggersUnseen tells whether the account lacks the right to triggers of a table: servers then show it none, whatever there are.
func (s *session) triggersUnseen(n tableName) (bool, error) {
	rows, err := s.query("SHOW GRANTS")
	if err != nil {
		return false, err
	}
	for _, r := range rows {
		g := granted.FindStringSubmatch(r[0].text)
		if g == nil || !slices.Contains(strings.Split(g[1], ", "), "TRIGGER") && !strings.HasPrefix(g[1], "ALL PRIVILEGES") {
			continue
		}
		if g[2] == "*" {
			return false, nil
		}
		database, _, _ := identifier(g[2])
		if table, _, one := identifier(g[3]); one {
			if database == n.database && table == n.table {
				return false, nil
			}
			continue
		}
		like, err := s.query("SELECT ? LIKE ?", textParam(n.database), textParam(database)) // lake\_% means several
		if err != nil {
			return false, err
		}
		if like[0][0].text == "1" {
			return false, nil
		}
	}
	return true, nil
}

// relatives finds the foreign keys from and to a table. Those of tables that the account has no right to are not among them.
func (s *session) relatives(f *found) error {
	doing := fmt.Sprintf("look up foreign keys of %s", f.name)
	own, err := s.references(f.name)
	if err != nil {
		return classify(err, doing)
	}
	for _, r := range own {
		if !slices.Contains(f.parents, r.Dataset) {
			f.parents = append(f.parents, r.Dataset)
		}
	}
	f.children, err = s.names("SELECT DISTINCT CONCAT(TABLE_SCHEMA, '.', TABLE_NAME) FROM information_schema.KEY_COLUMN_USAGE "+
		"WHERE REFERENCED_TABLE_SCHEMA = ? AND REFERENCED_TABLE_NAME = ? ORDER BY 1", f.name)
	return classify(err, doing)
}

// names runs a query for names that takes a database and a table.
func (s *session) names(text string, n tableName) ([]string, error) {
	rows, err := s.query(text, textParam(n.database), textParam(n.table))
	var list []string
	for _, r := range rows {
		list = append(list, r[0].text)
	}
	return list, err
}

// counter is the part of a definition that changes with the rows.
var counter = regexp.MustCompile(` AUTO_INCREMENT=[0-9]+`)

// printOf returns the definition of a table without what changes with its rows.
func (s *session) printOf(n tableName) (string, error) {
	rows, err := s.query("SHOW CREATE TABLE " + n.quoted())
	if err != nil {
		return "", err
	}
	if len(rows) != 1 || len(rows[0]) < 2 {
		return "", errMalformed
	}
	return counter.ReplaceAllString(rows[0][1].text, ""), nil
}

// commentOf returns the comment of a table; there: it exists.
func (s *session) commentOf(n tableName) (comment string, there bool, err error) {
	rows, err := s.query("SELECT TABLE_COMMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?", textParam(n.database), textParam(n.table))
	if err != nil || len(rows) == 0 {
		return "", false, err
	}
	return rows[0][0].text, true, nil
}

// forPlanner is the table as the shared planner needs it.
func (f *found) forPlanner() *sqltarget.Table {
	if f == nil {
		return nil
	}
	out := &sqltarget.Table{Rows: f.rows}
	for _, c := range f.columns {
		field := c.Field
		field.Comment, field.Default, field.Key = "", nil, 0
		field.Keeps = keeps(&field.Type)
		out.Columns = append(out.Columns, sqltarget.Column{Field: field, Filled: c.Default != nil || c.Numbered || c.Nullable, Computed: c.Generated})
	}
	for i := range f.all {
		x := &f.all[i]
		if !x.unique {
			continue
		}
		u := sqltarget.Unique{Name: "index " + x.name, Primary: x.name == "PRIMARY"}
		for _, c := range x.columns {
			if c.at < 0 || c.prefix {
				u.Partial = true
				continue
			}
			k := &f.columns[c.at]
			u.Columns = append(u.Columns, sqltarget.KeyColumn{Name: k.Name, Fold: foldOf(k.Collation, &k.Type)})
		}
		out.Unique = append(out.Unique, u)
	}
	return out
}

// keeps are the marks that columns of a type hold as they are.
func keeps(t *record.Type) []record.Code {
	switch t.Kind {
	case record.Date, record.Datetime, record.Instant:
		return []record.Code{record.ZeroDate}
	}
	return nil
}

// keyNames are the columns of the unique keys that are over one, by the key's name.
func (f *found) keyNames() map[string]string {
	names := map[string]string{}
	for _, x := range f.all {
		if x.unique && len(x.columns) == 1 && x.columns[0].at >= 0 {
			names[x.name] = f.columns[x.columns[0].at].Name
		}
	}
	return names
}
