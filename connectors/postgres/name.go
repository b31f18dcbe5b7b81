package postgres

import (
	"path"
	"strings"

	"github.com/towpath/towpath/connector"
)

// quote writes a name as an identifier. Names come from people and from catalogs of servers; this is the one way in which they
// enter a statement.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// literal writes a string as a constant, whatever standard_conforming_strings is.
func literal(s string) string {
	s = strings.ReplaceAll(s, "'", "''")
	if strings.Contains(s, `\`) {
		return ` E'` + strings.ReplaceAll(s, `\`, `\\`) + "'"
	}
	return "'" + s + "'"
}

// tableName is a table or view.
type tableName struct{ schema, table string }

func (n tableName) quoted() string { return quote(n.schema) + "." + quote(n.table) }

// String writes the name as jobs do: as the catalog has it, upper and lower case included. Parts that a dot, a star or a quotation
// mark would confuse stand in quotation marks.
func (n tableName) String() string { return datasetPart(n.schema) + "." + datasetPart(n.table) }

func datasetPart(s string) string {
	if s == "" || strings.ContainsAny(s, `.*"?[]\ `) {
		return quote(s)
	}
	return s
}

// parseName reads schema.table, or table alone in the connection's schema. Parts may stand in quotation marks.
func parseName(dataset, schema string) (tableName, error) {
	parts, _, ok := splitName(dataset)
	if ok && len(parts) == 1 {
		parts = []string{schema, parts[0]}
	}
	if !ok || len(parts) != 2 || parts[0] == "" || parts[1] == "" {
		return tableName{}, connector.Errorf(connector.Config, "TOW-715", "%q is no table: write schema.table", dataset).
			WithHint(`A part with a dot in it stands in quotation marks: shop."a.b".`)
	}
	return tableName{parts[0], parts[1]}, nil
}

// fold writes a dataset's name in one way: with its schema, whether its parts stand in quotation marks or not.
func (c *Client) fold(dataset string) string {
	n, err := parseName(dataset, c.dialer.options.Schema)
	if err != nil {
		return dataset
	}
	return n.String()
}

// splitName cuts a dataset or pattern at its dots; literal[i] tells that part i stood in quotation marks.
func splitName(s string) (parts []string, literal []bool, ok bool) {
	for {
		part, quoted := "", strings.HasPrefix(s, `"`)
		if quoted {
			var b strings.Builder
			i := 1
			for ; i < len(s); i++ {
				if s[i] == '"' {
					if i+1 >= len(s) || s[i+1] != '"' {
						break
					}
					i++
				}
				b.WriteByte(s[i])
			}
			if i >= len(s) {
				return nil, nil, false
			}
			part, s = b.String(), s[i+1:]
			if s != "" && s[0] != '.' {
				return nil, nil, false
			}
		} else {
			end := strings.IndexByte(s, '.')
			if end < 0 {
				end = len(s)
			}
			part, s = s[:end], s[end:]
		}
		parts, literal = append(parts, part), append(literal, quoted)
		if s == "" {
			return parts, literal, true
		}
		s = s[1:]
	}
}

// pattern matches the names of one part.
type pattern struct {
	text    string
	literal bool
}

func (p pattern) match(name string) bool {
	if p.literal {
		return p.text == name
	}
	// * alone has a meaning; what path.Match would take for more is escaped, and a slash is no border in names of tables.
	escaped := strings.NewReplacer(`\`, `\\`, `?`, `\?`, `[`, `\[`, "/", "\x00").Replace(p.text)
	ok, err := path.Match(escaped, strings.ReplaceAll(name, "/", "\x00"))
	return ok && err == nil
}
