package sqlite

import (
	"context"
	"database/sql"
	"strings"
	"sync"

	"github.com/towpath/towpath/connector"
)

// column is one row of PRAGMA table_xinfo.
type column struct {
	name, decl string
	notNull    bool
	fallback   sql.NullString // the default's text
	key        int            // 1-based place in the primary key
	hidden     bool           // of a virtual table: no data
	generated  bool
}

// index is one index of a table.
type index struct {
	name    string
	unique  bool
	partial bool
	origin  string // c: CREATE INDEX, u: UNIQUE, pk: PRIMARY KEY
	sql     string
	columns []indexColumn
}

type indexColumn struct {
	name       string // "" for an expression
	collation  string
	descending bool
}

// table is what the catalog says about a table or view.
type table struct {
	name         string // as it was created
	kind         string // table, view, virtual, shadow
	withoutRowid bool
	strict       bool
	columns      []column
	indexes      []index
}

// querier is *sql.DB, *sql.Conn or *sql.Tx.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// lookUp reads the catalog; a table that is not there is an error of class Missing.
func lookUp(ctx context.Context, db querier, name string) (*table, error) {
	t := new(table)
	there, err := exists(ctx, db, name)
	if err == nil && there {
		err = db.QueryRowContext(ctx, "SELECT name, type, wr, strict FROM pragma_table_list(?) WHERE schema = 'main'", name).
			Scan(&t.name, &t.kind, &t.withoutRowid, &t.strict)
	}
	if err == sql.ErrNoRows || err == nil && !there {
		return nil, connector.Errorf(connector.Missing, "TOW-311", "no table or view %q", name)
	}
	if err != nil {
		return nil, classify(err, "look up table %s", name)
	}
	return t, t.read(ctx, db)
}

// exists reports whether there is a table or view of a name. Unlike questions to sqlite_schema and table_list it does not go through all of
// them.
func exists(ctx context.Context, db querier, name string) (there bool, err error) {
	err = db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM pragma_table_xinfo(?))", name).Scan(&there)
	return there, err
}

// listing is the tables of a file at one version of its schema, by their names in lower case.
type listing struct {
	mu      sync.Mutex
	version int64
	tables  map[string]table
}

// lookUp is lookUp for the pool of connections that read: which tables there are is asked once for all of them while the schema stays the
// same, for each such question goes through all tables.
func (c *Client) lookUp(ctx context.Context, db *sql.DB, name string) (*table, error) {
	t, there, err := c.listed(ctx, db, name)
	if err != nil {
		return nil, classify(err, "look up table %s", name)
	}
	if !there {
		return nil, connector.Errorf(connector.Missing, "TOW-311", "no table or view %q", name)
	}
	return &t, t.read(ctx, db)
}

func (c *Client) listed(ctx context.Context, db *sql.DB, name string) (t table, there bool, err error) {
	c.listing.mu.Lock()
	defer c.listing.mu.Unlock()
	var version int64
	if err := db.QueryRowContext(ctx, "PRAGMA schema_version").Scan(&version); err != nil {
		return t, false, err
	}
	if c.listing.tables == nil || c.listing.version != version {
		tables := map[string]table{}
		err := each(ctx, db, "SELECT name, type, wr, strict FROM pragma_table_list WHERE schema = ?", "main", func(r *sql.Rows) error {
			var t table
			err := r.Scan(&t.name, &t.kind, &t.withoutRowid, &t.strict)
			tables[strings.ToLower(t.name)] = t
			return err
		})
		if err != nil {
			return t, false, err
		}
		c.listing.version, c.listing.tables = version, tables
	}
	t, there = c.listing.tables[strings.ToLower(name)]
	return t, there, nil
}

// read reads what belongs to the table.
func (t *table) read(ctx context.Context, db querier) error {
	if err := t.readColumns(ctx, db); err != nil {
		return classify(err, "look up columns of %s", t.name)
	}
	return classify(t.readIndexes(ctx, db), "look up indexes of %s", t.name)
}

// definition reads the statement that made the table, as SQLite keeps it. It looks at every entry of the file's schema.
func (t *table) definition(ctx context.Context, db querier) (string, error) {
	var text sql.NullString
	err := db.QueryRowContext(ctx, "SELECT sql FROM sqlite_schema WHERE type IN ('table', 'view') AND name = ?", t.name).Scan(&text)
	if err == sql.ErrNoRows {
		err = nil
	}
	return text.String, classify(err, "look up table %s", t.name)
}

func (t *table) readColumns(ctx context.Context, db querier) error {
	return each(ctx, db, "SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?)", t.name, func(r *sql.Rows) error {
		var c column
		var hidden int
		if err := r.Scan(&c.name, &c.decl, &c.notNull, &c.fallback, &c.key, &hidden); err != nil {
			return err
		}
		c.hidden, c.generated = hidden == 1, hidden > 1
		// SQLite makes no word of the declaration of GENERATED ALWAYS a part of the type but these.
		c.decl = strings.TrimSpace(strings.TrimSuffix(c.decl, "GENERATED ALWAYS"))
		t.columns = append(t.columns, c)
		return nil
	})
}

func (t *table) readIndexes(ctx context.Context, db querier) error {
	err := each(ctx, db, `SELECT l.name, l."unique", l.partial, l.origin, coalesce(s.sql, '') FROM pragma_index_list(?) l
		LEFT JOIN sqlite_schema s ON s.type = 'index' AND s.name = l.name ORDER BY l.seq`, t.name, func(r *sql.Rows) error {
		var x index
		if err := r.Scan(&x.name, &x.unique, &x.partial, &x.origin, &x.sql); err != nil {
			return err
		}
		t.indexes = append(t.indexes, x)
		return nil
	})
	for i := range t.indexes {
		x := &t.indexes[i]
		if err == nil {
			err = each(ctx, db, `SELECT coalesce(name, ''), "desc", coalesce(coll, 'BINARY') FROM pragma_index_xinfo(?) WHERE key = 1 ORDER BY seqno`, x.name, func(r *sql.Rows) error {
				var c indexColumn
				if err := r.Scan(&c.name, &c.descending, &c.collation); err != nil {
					return err
				}
				x.columns = append(x.columns, c)
				return nil
			})
		}
	}
	return err
}

// each runs a query of one parameter and calls f for each row.
func each(ctx context.Context, db querier, query, arg string, f func(*sql.Rows) error) error {
	rows, err := db.QueryContext(ctx, query, arg)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// column returns the named column; names are compared as SQLite does, without case.
func (t *table) column(name string) (column, bool) {
	for _, c := range t.columns {
		if strings.EqualFold(c.name, name) {
			return c, true
		}
	}
	return column{}, false
}

// rowidAlias returns the column that is the rowid itself: the INTEGER PRIMARY KEY of a rowid table. Such a column has no
// index of its own, while INTEGER PRIMARY KEY DESC, which is no alias, has one.
func (t *table) rowidAlias() (column, bool) {
	if t.withoutRowid || t.kind != "table" {
		return column{}, false
	}
	for _, x := range t.indexes {
		if x.origin == "pk" {
			return column{}, false
		}
	}
	for _, c := range t.columns {
		if c.key == 1 && strings.EqualFold(c.decl, "INTEGER") {
			return c, true
		}
	}
	return column{}, false
}

// rowidName returns a name by which the rowid can be asked for; "" when columns hide all three.
func (t *table) rowidName() string {
	for _, name := range [...]string{"rowid", "_rowid_", "oid"} {
		if _, taken := t.column(name); !taken {
			return name
		}
	}
	return ""
}
