package mysql

import (
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqlname"
)

// mark stands around names that would be read as something else without it.
const mark = sqlname.Mark('`')

// quote writes a name as an identifier. Names come from people and from catalogs of servers; this is the one way in which they
// enter a statement.
func quote(name string) string { return mark.Quote(name) }

// tableName is a table or view.
type tableName struct{ database, table string }

func (n tableName) quoted() string { return quote(n.database) + "." + quote(n.table) }

// String writes the name as jobs do; parts that a dot, a star or a backtick would confuse stand in backticks.
func (n tableName) String() string { return mark.Part(n.database) + "." + mark.Part(n.table) }

// MarshalText writes the name as String does.
func (n tableName) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalText reads a name with its database.
func (n *tableName) UnmarshalText(b []byte) (err error) {
	*n, err = parseName(string(b), "")
	return err
}

// parseName reads db.table, or table alone when the connection names a database. Parts may stand in backticks.
func parseName(dataset, database string) (tableName, error) {
	parts, ok := mark.Split(dataset)
	if ok && len(parts) == 1 && database != "" {
		parts = []sqlname.Part{{Text: database}, parts[0]}
	}
	if !ok || len(parts) != 2 || parts[0].Text == "" || parts[1].Text == "" {
		return tableName{}, connector.Errorf(connector.Config, "TOW-415", "%q is no table: write database.table", dataset).
			WithHint("A part with a dot in it stands in backticks: shop.`a.b`.")
	}
	return tableName{parts[0].Text, parts[1].Text}, nil
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
