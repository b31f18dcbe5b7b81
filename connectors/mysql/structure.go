package mysql

import (
	"encoding/hex"
	"slices"
	"strings"

	"github.com/towpath/towpath/record"
)

// describeStructure puts into the schema of a table what is built on its columns.
func (s *session) describeStructure(t *table, schema *record.Schema) error {
	schema.Comment = t.comment
	if t.view {
		return nil
	}
	for i := range t.all {
		if x := &t.all[i]; x.name != "PRIMARY" && !t.isKey(x, schema) {
			schema.Indexes = append(schema.Indexes, t.logicalIndex(x))
		}
	}
	var err error
	schema.References, err = s.references(t.name)
	return err
}

// isKey tells whether an index is the one by which the schema's rows are told apart.
func (t *table) isKey(x *catalogIndex, schema *record.Schema) bool {
	key := schema.Key()
	if !x.unique || len(key) == 0 || len(key) != len(x.columns) {
		return false
	}
	for i, c := range x.columns {
		if c.at < 0 || c.prefix || t.columns[c.at].Name != schema.Fields[key[i]].Name {
			return false
		}
	}
	return true
}

// logicalIndex is an index as other systems can have it.
func (t *table) logicalIndex(x *catalogIndex) record.Index {
	out := record.Index{Name: x.name, Unique: x.unique}
	switch x.kind {
	case "FULLTEXT":
		out.Foreign = "it is for full text"
	case "SPATIAL", "RTREE":
		out.Foreign = "it is for places"
	case "BTREE", "HASH":
	default:
		out.Foreign = "it is of the kind " + x.kind
	}
	for _, c := range x.columns {
		switch {
		case out.Foreign != "":
		case c.at < 0:
			out.Foreign = "it is over an expression"
		case c.prefix:
			out.Foreign = "it is over the beginning of " + t.columns[c.at].Name
		default:
			out.Columns = append(out.Columns, record.IndexColumn{Name: t.columns[c.at].Name, Descending: c.falling})
		}
	}
	if out.Foreign != "" {
		out.Columns = nil
	}
	return out
}

// references reads the foreign keys of a table out of its definition, which whoever may read the table may see; the catalog shows
// them to few.
func (s *session) references(n tableName) ([]record.Reference, error) {
	rows, err := s.query("SHOW CREATE TABLE " + n.quoted())
	if err != nil {
		return nil, classify(err, "look up foreign keys of "+n.String())
	}
	var list []record.Reference
	for _, r := range rows {
		for line := range strings.Lines(r[len(r)-1].text) {
			if f, ok := parseReference(strings.TrimSpace(line), n.database); ok {
				list = append(list, f)
			}
		}
	}
	return list, nil
}

// parseReference reads a line like
//
//	CONSTRAINT `x` FOREIGN KEY (`a`, `b`) REFERENCES `db`.`t` (`c`, `d`) ON DELETE CASCADE ON UPDATE SET NULL,
func parseReference(line, database string) (f record.Reference, ok bool) {
	rest, ok := strings.CutPrefix(line, "CONSTRAINT ")
	if !ok {
		return f, false
	}
	if f.Name, rest, ok = identifier(rest); !ok {
		return f, false
	}
	if rest, ok = strings.CutPrefix(rest, " FOREIGN KEY "); !ok {
		return f, false
	}
	if f.Columns, rest, ok = identifiers(rest); !ok {
		return f, false
	}
	if rest, ok = strings.CutPrefix(rest, " REFERENCES "); !ok {
		return f, false
	}
	parent := tableName{database: database}
	if parent.table, rest, ok = identifier(rest); !ok {
		return f, false
	}
	if table, found := strings.CutPrefix(rest, "."); found {
		parent.database = parent.table
		if parent.table, rest, ok = identifier(table); !ok {
			return f, false
		}
	}
	f.Dataset = parent.String()
	if f.Foreign, rest, ok = identifiers(strings.TrimPrefix(rest, " ")); !ok {
		return f, false
	}
	rest = strings.TrimSuffix(rest, ",")
	before, onUpdate, _ := strings.Cut(rest, " ON UPDATE ")
	_, onDelete, _ := strings.Cut(before, " ON DELETE ")
	f.OnDelete, f.OnUpdate = action(onDelete), action(onUpdate)
	return f, true
}

// identifier reads a name in backticks at the beginning of a text.
func identifier(text string) (name, rest string, ok bool) {
	if !strings.HasPrefix(text, "`") {
		return "", text, false
	}
	for i := 1; i < len(text); i++ {
		if text[i] != '`' {
			continue
		}
		if i+1 < len(text) && text[i+1] == '`' {
			i++
			continue
		}
		return strings.ReplaceAll(text[1:i], "``", "`"), text[i+1:], true
	}
	return "", text, false
}

// identifiers reads a list of names in parentheses.
func identifiers(text string) (names []string, rest string, ok bool) {
	rest, ok = strings.CutPrefix(text, "(")
	for ok {
		var name string
		if name, rest, ok = identifier(rest); !ok {
			break
		}
		names = append(names, name)
		if after, end := strings.CutPrefix(rest, ")"); end {
			return names, after, true
		}
		rest, ok = strings.CutPrefix(rest, ", ")
	}
	return nil, text, false
}

// action reads a rule. RESTRICT is what InnoDB does for NO ACTION too.
func action(word string) record.Action {
	switch a := record.Action(strings.ToLower(word)); a {
	case record.Cascade, record.SetNull, record.SetDefault, record.Restrict:
		return a
	}
	return record.NoAction
}

// parseDefault reads COLUMN_DEFAULT of a column of the type. MariaDB writes an expression, in which texts are quoted and NULL is a
// word; MySQL the value itself, and says in EXTRA (DEFAULT_GENERATED) when it is an expression instead.
// https://mariadb.com/kb/en/information-schema-columns-table/
func parseDefault(text, extra string, t *record.Type, r release) *record.Default {
	foreign := &record.Default{Foreign: text}
	lower := strings.ToLower(text)
	quoted := r.since(10, 2)
	switch {
	case quoted && text == "NULL":
		return nil
	case (t.Kind == record.Datetime || t.Kind == record.Instant) && (strings.HasPrefix(lower, "current_timestamp") || strings.HasPrefix(lower, "now(")):
		return &record.Default{Now: true}
	case strings.Contains(strings.ToUpper(extra), "DEFAULT_GENERATED"):
		return foreign
	case t.Kind == record.Bit && strings.HasPrefix(lower, "b'"):
		digits := strings.TrimSuffix(text[2:], "'")
		return literalDefault(strings.Repeat("0", max(t.Bits-len(digits), 0))+digits, t, foreign)
	case t.Kind == record.Bytes && strings.HasPrefix(lower, "0x"):
		return literalDefault(lower[2:], t, foreign)
	case quoted && strings.HasPrefix(text, "'") && strings.HasSuffix(text, "'") && len(text) > 1:
		value := unquote(text)
		// The catalog is in utf8mb3: a question mark can stand for a character that it has not.
		if strings.Contains(value, "?") {
			return foreign
		}
		text = value
	case quoted && textual(t.Kind):
		return foreign // an expression
	}
	switch t.Kind {
	case record.Bytes:
		text = hex.EncodeToString([]byte(text))
	case record.Instant:
		text += "Z" // the session is UTC
	}
	return literalDefault(text, t, foreign)
}

func textual(k record.Kind) bool {
	return slices.Contains([]record.Kind{record.Text, record.Enum, record.Set, record.JSON, record.Native, record.Bytes, record.UUID}, k)
}

// literalDefault is a literal in the text form of its type, or foreign when it is none.
func literalDefault(text string, t *record.Type, foreign *record.Default) *record.Default {
	v := record.NewVector(t.Form())
	if record.AppendParsed(v, t, []byte(text)) != "" {
		return foreign
	}
	return &record.Default{Text: string(record.AppendText(nil, t, v, 0))}
}

// unquote reads a text literal.
func unquote(literal string) string {
	labels, _ := parseLabels(literal)
	if len(labels) != 1 {
		return literal
	}
	return labels[0]
}
