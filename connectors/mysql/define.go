package mysql

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/towpath/towpath/record"
)

// quoteText writes a text literal, for sessions whose sql_mode has no NO_BACKSLASH_ESCAPES and that speak utf8mb4.
func quoteText(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`, "\x00", `\0`, "\n", `\n`, "\r", `\r`, "\x1a", `\Z`).Replace(s) + "'"
}

// sql writes the column as in CREATE TABLE.
func (d *definition) sql() string {
	out := quote(d.name) + " " + d.text.String()
	switch charset := d.text.charset; {
	case charset == "":
	case d.collation != "":
		out += " CHARACTER SET " + charset + " COLLATE " + d.collation
	case charset != "utf8mb4":
		out += " CHARACTER SET " + charset
	}
	if d.nullable {
		out += " NULL"
	} else {
		out += " NOT NULL"
	}
	out += d.fallback
	if d.numbered {
		out += " AUTO_INCREMENT"
	}
	if d.comment != "" {
		out += " COMMENT " + quoteText(cut(d.comment, mostColumnComment))
	}
	return out
}

// Comments in characters. https://dev.mysql.com/doc/refman/8.4/en/create-table.html
const (
	mostColumnComment = 1024
	mostTableComment  = 2048
)

// cut keeps the first characters of a text.
func cut(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most])
	}
	return s
}

// createTable writes the definition of a table; key are the places of its primary key.
func createTable(n tableName, columns []definition, key []int, r release, comment string) string {
	var parts []string
	for i := range columns {
		parts = append(parts, columns[i].sql())
	}
	if len(key) > 0 {
		var names []string
		for _, at := range key {
			names = append(names, quote(columns[at].name))
		}
		parts = append(parts, "PRIMARY KEY ("+strings.Join(names, ", ")+")")
	}
	out := "CREATE TABLE " + n.quoted() + " (" + strings.Join(parts, ", ") + ") ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4"
	if r.Maria || r.oracle(5, 7, 0) {
		out += " ROW_FORMAT=DYNAMIC"
	}
	if comment != "" {
		out += " COMMENT=" + quoteText(comment)
	}
	return out
}

// fallback is the DEFAULT clause of a column. A TIMESTAMP has one in any case, since on servers without
// explicit_defaults_for_timestamp one without gets the time of each update.
func (m *maker) fallback(d *definition, f *record.Field) string {
	clause, why := "", ""
	if m.create.Defaults && f.Default != nil {
		if clause, why = m.defaultOf(d, f); why != "" {
			m.notes = append(m.notes, "the default of "+f.Name+" is not made: "+why)
		}
	}
	switch {
	case clause != "" || d.numbered:
		return clause
	case d.text.name != "timestamp":
		return ""
	case d.nullable:
		return " DEFAULT NULL"
	case m.implicit:
		return " DEFAULT " + d.text.now()
	}
	return ""
}

func (t typeText) now() string {
	if n := t.number(0, 0); n > 0 {
		return "CURRENT_TIMESTAMP(" + strconv.Itoa(n) + ")"
	}
	return "CURRENT_TIMESTAMP"
}

// defaultOf is a default in this dialect, or why there is none. Its text is quoted here, whatever it holds.
func (m *maker) defaultOf(d *definition, f *record.Field) (clause, why string) {
	outside := strings.HasSuffix(d.text.name, "text") || strings.HasSuffix(d.text.name, "blob") || d.text.name == "json"
	switch {
	case f.Default.Foreign != "":
		return "", f.Default.Foreign + " is the source's own language"
	case d.text.name == "geometry" || outside && !m.release.since(10, 2):
		return "", "a column of type " + d.text.name + " has none here"
	case f.Default.Now && (d.text.name == "timestamp" || d.text.name == "datetime" && (m.release.Maria || m.release.oracle(5, 6, 5))):
		return " DEFAULT " + d.text.now(), ""
	case f.Default.Now:
		return "", "the time of a row in a column of type " + d.text.name
	}
	stored := logical(d.text)
	text, ok := recast(f.Default.Text, f.Type, stored)
	if !ok {
		return "", "a column of type " + d.text.name + " does not hold it"
	}
	switch stored.Kind {
	case record.Bytes:
		return " DEFAULT X'" + text + "'", ""
	case record.Bit:
		return " DEFAULT b'" + text + "'", ""
	case record.Int, record.Uint, record.Decimal, record.Float, record.Year:
		return " DEFAULT " + text, ""
	case record.Instant:
		text = strings.TrimSuffix(text, "Z") // the session that makes the table is UTC
	}
	return " DEFAULT " + quoteText(text), ""
}

// recast turns the text form of a value of one type into that of another, if both hold it.
func recast(text string, from, to record.Type) (string, bool) {
	v := record.NewVector(from.Form())
	if record.AppendParsed(v, &from, []byte(text)) != "" {
		return "", false
	}
	cast := record.NewCast(from, to, record.CastOptions{})
	if cast.Decision == record.Refused {
		return "", false
	}
	out := record.NewVector(to.Form())
	if marks := cast.Apply(out, v, 0, nil); len(marks) > 0 || out.Len != 1 || out.Null(0) {
		return "", false
	}
	return string(record.AppendText(nil, &to, out, 0)), true
}

// secondary is an index that is made once the rows are there.
type secondary struct {
	Name string `json:"name"`
	SQL  string `json:"sql"` // ADD INDEX ...
}

// prefixChars is how much of a long text an index that is not unique covers.
const prefixChars = 191

// secondaries returns the indexes of the schema as they can be made, and notes of the others why not.
func (m *maker) secondaries(want *record.Schema, columns []definition) (list []secondary) {
	taken := []string{"primary"}
	for _, x := range want.Indexes {
		parts, why := m.indexParts(x, columns)
		if x.Foreign != "" {
			why = x.Foreign
		}
		if why != "" {
			m.notes = append(m.notes, "index "+x.Name+" is not made: "+why)
			continue
		}
		falls := slices.ContainsFunc(x.Columns, func(c record.IndexColumn) bool { return c.Descending })
		if falls && !m.falling() {
			m.notes = append(m.notes, "index "+x.Name+" is made in ascending order: this server knows no other")
		}
		name := cut(x.Name, longestName)
		for n := 2; slices.Contains(taken, strings.ToLower(name)) || name == ""; n++ {
			name = cut(x.Name, longestName-4) + "_" + strconv.Itoa(n)
		}
		taken = append(taken, strings.ToLower(name))
		kind := "INDEX "
		if x.Unique {
			kind = "UNIQUE INDEX "
		}
		list = append(list, secondary{name, "ADD " + kind + quote(name) + " (" + strings.Join(parts, ", ") + ")"})
	}
	return list
}

// falling tells whether the release has indexes in descending order; older ones take the word and do nothing.
func (m *maker) falling() bool { return m.release.oracle(8, 0, 0) || m.release.since(10, 8) }

const longestName = 64 // characters

// indexParts writes the columns of an index, or says why it cannot be made.
func (m *maker) indexParts(x record.Index, columns []definition) (parts []string, why string) {
	total := 0
	for _, c := range x.Columns {
		at := slices.IndexFunc(columns, func(d definition) bool { return strings.EqualFold(d.name, c.Name) })
		if at < 0 {
			return nil, "column " + c.Name + " is not written"
		}
		part := quote(columns[at].name)
		t := columns[at].text
		n, _ := t.bytes()
		long := strings.HasSuffix(t.name, "text") || strings.HasSuffix(t.name, "blob") || t.name == "json"
		if t.name == "geometry" {
			return nil, "column " + c.Name + " is of type geometry"
		}
		if long || total+n > m.keyBytes {
			if x.Unique || !long && t.charset == "" && !strings.HasSuffix(t.name, "binary") {
				return nil, "column " + c.Name + " is too long for a unique key"
			}
			part += fmt.Sprintf("(%d)", prefixChars)
			n = prefixChars * charBytes(t.charset)
		}
		if total += n; total > m.keyBytes {
			return nil, "its columns are too long together"
		}
		if c.Descending && m.falling() {
			part += " DESC"
		}
		parts = append(parts, part)
	}
	return parts, ""
}

// foreignKey writes a foreign key of the table; why says what it leaves out.
func foreignKey(f record.Reference, name string, parent tableName) (sql, why string) {
	list := func(names []string) string {
		quoted := make([]string, len(names))
		for i, name := range names {
			quoted[i] = quote(name)
		}
		return "(" + strings.Join(quoted, ", ") + ")"
	}
	sql = "ADD CONSTRAINT " + quote(name) + " FOREIGN KEY " + list(f.Columns) + " REFERENCES " + parent.quoted() + " " + list(f.Foreign)
	for _, rule := range []struct {
		on     string
		action record.Action
	}{{" ON DELETE ", f.OnDelete}, {" ON UPDATE ", f.OnUpdate}} {
		switch rule.action {
		case record.NoAction:
		case record.SetDefault: // InnoDB takes the words and refuses the table
			why = "foreign key " + f.Name + ": SET DEFAULT is unknown here, so such rows are refused instead"
		default:
			sql += rule.on + strings.ToUpper(string(rule.action))
		}
	}
	return sql, why
}
