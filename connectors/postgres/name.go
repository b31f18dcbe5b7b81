package postgres

import (
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqlname"
)

// mark stands around names that would be read as something else without it.
const mark = sqlname.Mark('"')

// quote writes a name as an identifier. Names come from people and from catalogs of servers; this is the one way in which they
// enter a statement.
func quote(name string) string { return mark.Quote(name) }

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
func (n tableName) String() string { return mark.Part(n.schema) + "." + mark.Part(n.table) }

// parseName reads schema.table, or table alone in the connection's schema. Parts may stand in quotation marks.
func parseName(dataset, schema string) (tableName, error) {
	parts, ok := mark.Split(dataset)
	if ok && len(parts) == 1 {
		parts = []sqlname.Part{{Text: schema}, parts[0]}
	}
	if !ok || len(parts) != 2 || parts[0].Text == "" || parts[1].Text == "" {
		return tableName{}, connector.Errorf(connector.Config, "TOW-715", "%q is no table: write schema.table", dataset).
			WithHint(`A part with a dot in it stands in quotation marks: shop."a.b".`)
	}
	return tableName{parts[0].Text, parts[1].Text}, nil
}

// fold writes a dataset's name in one way: with its schema, whether its parts stand in quotation marks or not.
func (c *Client) fold(dataset string) string {
	n, err := parseName(dataset, c.dialer.options.Schema)
	if err != nil {
		return dataset
	}
	return n.String()
}
