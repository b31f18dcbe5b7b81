package sqlite

import (
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// quote quotes a name.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// createTable returns the DDL of a table. A key of one int64 is the rowid; any other orders the table itself.
func createTable(name string, s *record.Schema, key []int, references []string) string {
	var b strings.Builder
	b.WriteString("CREATE TABLE " + quote(name) + " (")
	alias := len(key) == 1 && s.Fields[key[0]].Type.Kind == record.Int && s.Fields[key[0]].Type.Bits == 64
	for i, f := range s.Fields {
		if i > 0 {
			b.WriteString(", ")
		}
		decl := f.Native
		if alias && i == key[0] {
			decl = "INTEGER PRIMARY KEY"
		}
		b.WriteString(quote(f.Name) + " " + decl)
		if !f.Nullable {
			b.WriteString(" NOT NULL")
		}
		b.WriteString(defaultClause(f))
	}
	end := ")"
	if len(key) > 0 && !alias {
		names := make([]string, len(key))
		for i, at := range key {
			names[i] = quote(s.Fields[at].Name)
		}
		b.WriteString(", PRIMARY KEY (" + strings.Join(names, ", ") + ")")
		end = ") WITHOUT ROWID"
	}
	for _, clause := range references {
		b.WriteString(", " + clause)
	}
	return b.String() + end
}

// insertRows returns the INSERT of rows rows. OR ABORT overrides what the table's constraints say themselves, which may be to
// ignore a row or to replace another in silence.
func insertRows(table string, s *record.Schema, columns []int, mode connector.Mode, rows int) string {
	names, marks := make([]string, len(columns)), make([]string, len(columns))
	for i, at := range columns {
		names[i], marks[i] = quote(s.Fields[at].Name), "?"
	}
	row := "(" + strings.Join(marks, ", ") + ")"
	var b strings.Builder
	b.WriteString("INSERT OR ABORT INTO " + quote(table) + " (" + strings.Join(names, ", ") + ") VALUES ")
	for i := range rows {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(row)
	}
	if mode == connector.Upsert {
		b.WriteString(upsertClause(s, columns))
	}
	return b.String()
}

// upsertClause replaces the whole row of the same key.
func upsertClause(s *record.Schema, columns []int) string {
	var key, sets []string
	for _, at := range s.Key() {
		key = append(key, quote(s.Fields[at].Name))
	}
	for _, at := range columns {
		// Key columns too: under a collation that ignores case they may be equal and yet not the same.
		name := quote(s.Fields[at].Name)
		sets = append(sets, name+" = excluded."+name)
	}
	return " ON CONFLICT (" + strings.Join(key, ", ") + ") DO UPDATE SET " + strings.Join(sets, ", ")
}

// renamed puts another name into the DDL of a table. SQLite keeps it as CREATE TABLE, the name as it was written, the rest.
func renamed(ddl, name string) (string, bool) {
	const head = "CREATE TABLE "
	rest, ok := strings.CutPrefix(ddl, head)
	if !ok {
		return "", false
	}
	_, rest, ok = cutName(rest)
	return head + quote(name) + rest, ok
}

// renamedIndex puts other names of index and table into the DDL of an index, which SQLite keeps as CREATE [UNIQUE] INDEX and
// the rest as it was written.
func renamedIndex(ddl, name, table string) (string, bool) {
	at := strings.Index(ddl, "INDEX ")
	if at < 0 {
		return "", false
	}
	head, rest := ddl[:at+6], ddl[at+6:]
	_, rest, ok := cutName(rest)
	rest = strings.TrimLeft(rest, " \t\r\n")
	if !ok || len(rest) < 3 || !strings.EqualFold(rest[:2], "ON") {
		return "", false
	}
	_, rest, ok = cutName(strings.TrimLeft(rest[2:], " \t\r\n"))
	return head + quote(name) + " ON " + quote(table) + rest, ok
}

// cutName takes a name, quoted in one of SQLite's four ways or bare, off the front of a text.
func cutName(s string) (name, rest string, ok bool) {
	if s == "" {
		return "", "", false
	}
	closing := map[byte]byte{'"': '"', '`': '`', '\'': '\'', '[': ']'}[s[0]]
	if closing == 0 {
		at := strings.IndexAny(s, " \t\r\n(")
		if at <= 0 {
			return "", "", false
		}
		return s[:at], s[at:], true
	}
	for i := 1; i < len(s); i++ {
		if s[i] != closing {
			continue
		}
		if closing != ']' && i+1 < len(s) && s[i+1] == closing {
			i++
			continue
		}
		return s[1:i], s[i+1:], true
	}
	return "", "", false
}
