package mysql

import (
	"path"
	"strings"

	"github.com/towpath/towpath/connector"
)

// quote writes a name as an identifier. Names come from people and from catalogs of servers; this is the one way in which they
// enter a statement.
func quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// tableName is a table or view.
type tableName struct{ database, table string }

func (n tableName) quoted() string { return quote(n.database) + "." + quote(n.table) }

// String writes the name as jobs do; parts that a dot, a star or a backtick would confuse stand in backticks.
func (n tableName) String() string { return datasetPart(n.database) + "." + datasetPart(n.table) }

// MarshalText writes the name as String does.
func (n tableName) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalText reads a name with its database.
func (n *tableName) UnmarshalText(b []byte) (err error) {
	*n, err = parseName(string(b), "")
	return err
}

func datasetPart(s string) string {
	if s == "" || strings.ContainsAny(s, ".*`?[]\\ ") {
		return quote(s)
	}
	return s
}

// parseName reads db.table, or table alone when the connection names a database. Parts may stand in backticks.
func parseName(dataset, database string) (tableName, error) {
	parts, _, ok := splitName(dataset)
	if ok && len(parts) == 1 && database != "" {
		parts = []string{database, parts[0]}
	}
	if !ok || len(parts) != 2 || parts[0] == "" || parts[1] == "" {
		return tableName{}, connector.Errorf(connector.Config, "TOW-415", "%q is no table: write database.table", dataset).
			WithHint("A part with a dot in it stands in backticks: shop.`a.b`.")
	}
	return tableName{parts[0], parts[1]}, nil
}

// fold writes a dataset's name in one way: with its database, whether its parts stand in backticks or not, and without case where the
// server keeps names so.
func (c *Client) fold(dataset string) string {
	name := dataset
	if n, err := parseName(dataset, c.dialer.options.Database); err == nil {
		name = n.String()
	}
	if c.caseless {
		return strings.ToLower(name)
	}
	return name
}

// splitName cuts a dataset or pattern at its dots; literal[i] tells that part i stood in backticks.
func splitName(s string) (parts []string, literal []bool, ok bool) {
	for {
		part, quoted := "", strings.HasPrefix(s, "`")
		if quoted {
			var b strings.Builder
			i := 1
			for ; i < len(s); i++ {
				if s[i] == '`' {
					if i+1 >= len(s) || s[i+1] != '`' {
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
