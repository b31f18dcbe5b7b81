package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltarget"
	"github.com/towpath/towpath/record"
)

// rowsPerStatement and maxParameters bound a statement (SQLITE_MAX_VARIABLE_NUMBER, https://www.sqlite.org/limits.html).
const (
	rowsPerStatement = 64
	maxParameters    = 32766
)

// inserter writes rows in one transaction: many a statement, and one by one where a statement was refused.
type inserter struct {
	schema  *record.Schema
	columns []int // places of those that are written
	mode    connector.Mode
	keys    *sqltarget.Keys
	conn    *sql.Conn
	many    driver.Stmt
	one     driver.Stmt
	perStmt int
	args    []driver.NamedValue
	text    []byte
	guarded map[int]bool
}

func newInserter(ctx context.Context, conn *sql.Conn, w *writer) (*inserter, error) {
	n := &inserter{schema: w.target.Stored, mode: w.sink.Mode, conn: conn, guarded: map[int]bool{}}
	n.keys = sqltarget.NewKeys(n.schema, w.layout.Key, func(place int, text []byte) []byte { return fold(text, w.layout.Folds[place]) })
	for _, at := range w.layout.Guarded {
		n.guarded[at] = true
	}
	for i := range n.schema.Fields {
		if !slices.Contains(w.layout.Skipped, i) {
			n.columns = append(n.columns, i)
		}
	}
	n.perStmt = max(1, min(rowsPerStatement, maxParameters/max(len(n.columns), 1)))
	n.args = make([]driver.NamedValue, n.perStmt*len(n.columns))
	for i := range n.args {
		n.args[i].Ordinal = i + 1
	}
	var err error
	if n.many, err = prepare(ctx, conn, insertRows(w.layout.Table, n.schema, n.columns, n.mode, n.perStmt)); err == nil {
		n.one, err = prepare(ctx, conn, insertRows(w.layout.Table, n.schema, n.columns, n.mode, 1))
	}
	if err != nil {
		n.close()
	}
	return n, err
}

// prepare returns no statement with an error: the driver's own is then a nil pointer that an interface does not show as nil.
func prepare(ctx context.Context, conn *sql.Conn, text string) (s driver.Stmt, err error) {
	err = conn.Raw(func(c any) error {
		made, err := c.(driver.ConnPrepareContext).PrepareContext(ctx, text)
		if err == nil {
			s = made
		}
		return err
	})
	return s, err
}

func (n *inserter) close() {
	for _, s := range []driver.Stmt{n.many, n.one} {
		if s != nil {
			_ = s.Close() // a statement that ended well has nothing left to say
		}
	}
	n.many, n.one = nil, nil
}

// write inserts the group.
func (n *inserter) write(ctx context.Context, group []*record.Batch) (connector.Outcome, error) {
	var out connector.Outcome
	for at, b := range group {
		for row := 0; row < b.Len; row += n.perStmt {
			if err := n.rows(ctx, at, b, row, min(row+n.perStmt, b.Len), &out); err != nil {
				return out, err
			}
		}
	}
	if n.mode == connector.Upsert {
		out.Superseded = n.keys.Superseded(group, out.Rejected)
	}
	return out, nil
}

// rows inserts rows from to to; when the statement is refused, each by itself.
func (n *inserter) rows(ctx context.Context, batch int, b *record.Batch, from, to int, out *connector.Outcome) error {
	if to-from == n.perStmt && n.perStmt > 1 && n.bind(b, from, to) == nil {
		err := n.run(ctx, n.many, n.args)
		if err == nil {
			return nil
		}
		if _, ok := rejection(err); !ok {
			return err
		}
		if err := n.alive(ctx); err != nil {
			return err
		}
	}
	for row := from; row < to; row++ {
		if r := n.bind(b, row, row+1); r != nil {
			r.RowRef = connector.RowRef{Batch: batch, Row: row}
			out.Rejected = append(out.Rejected, *r)
			continue
		}
		err := n.run(ctx, n.one, n.args[:len(n.columns)])
		if err == nil {
			continue
		}
		code, ok := rejection(err)
		if !ok {
			return err
		}
		if err := n.alive(ctx); err != nil {
			return err
		}
		out.Rejected = append(out.Rejected, connector.Rejected{RowRef: connector.RowRef{Batch: batch, Row: row}, Code: code, Column: columnOf(err), Reason: err.Error()})
	}
	return nil
}

func (n *inserter) run(ctx context.Context, s driver.Stmt, args []driver.NamedValue) error {
	return n.conn.Raw(func(any) error {
		_, err := s.(driver.StmtExecContext).ExecContext(ctx, args)
		return err
	})
}

// alive proves that the transaction outlived a refused statement: a trigger may have rolled all of it back, and what follows
// would be committed row by row without its checkpoint.
func (n *inserter) alive(ctx context.Context) error {
	if _, err := n.conn.ExecContext(ctx, "BEGIN"); err == nil {
		_, _ = n.conn.ExecContext(ctx, "ROLLBACK")
		return connector.Errorf(connector.Row, "TOW-307", "a refused row made a trigger roll the whole transaction back")
	}
	return nil
}

// columnOf finds the column in texts like "NOT NULL constraint failed: t.a"; "" when several or none are named.
func columnOf(err error) string {
	_, names, ok := strings.Cut(err.Error(), "constraint failed: ")
	if !ok {
		return ""
	}
	names, _, _ = strings.Cut(names, " (")
	if _, column, ok := strings.Cut(names, "."); ok && !strings.ContainsAny(column, ", ") {
		return column
	}
	return ""
}

// bind fills the arguments with rows from to to, one loop a column. It returns the first cell that SQLite would not keep as it is.
func (n *inserter) bind(b *record.Batch, from, to int) *connector.Rejected {
	width := len(n.columns)
	for place, col := range n.columns {
		f, v := &n.schema.Fields[col], b.Cols[col]
		for row, at := from, place; row < to; row, at = row+1, at+width {
			if v.Null(row) {
				if f.Key > 0 {
					return &connector.Rejected{Code: record.KeyNull, Column: f.Name, Reason: "NULL in a key column"}
				}
				n.args[at].Value = nil
				continue
			}
			n.args[at].Value = n.value(&f.Type, v, row)
			if n.guarded[col] && likeNumber(v.Bytes(row)) {
				return &connector.Rejected{Code: record.Shape, Column: f.Name, Reason: fmt.Sprintf("SQLite would make a number of %q", v.Bytes(row))}
			}
		}
	}
	return nil
}

// value is what the driver binds for a present cell.
func (n *inserter) value(t *record.Type, v *record.Vector, row int) driver.Value {
	switch t.Kind {
	case record.Bool:
		if v.Bool(row) {
			return int64(1)
		}
		return int64(0)
	case record.Int, record.Year:
		return v.Int64[row]
	case record.Uint:
		if t.Bits < 64 {
			return int64(v.Uint64[row])
		}
	case record.Float:
		if math.IsNaN(v.Float64[row]) {
			return "NaN" // SQLite stores NaN as NULL
		}
		return v.Float64[row]
	case record.Bytes, record.Document, record.List, record.Geometry:
		x := v.Bytes(row)
		if x == nil {
			return []byte{}
		}
		return x
	case record.Text, record.JSON, record.Enum, record.Set, record.Native:
		return string(v.Bytes(row))
	}
	n.text = record.AppendText(n.text[:0], t, v, row)
	return string(n.text)
}

// likeNumber reports whether a column of numeric affinity might turn the text into a number.
func likeNumber(x []byte) bool {
	for _, c := range x {
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c == '-' || c == '+' || c == '.' || (c >= '0' && c <= '9')
		}
	}
	return false
}

// fold does in place what SQLite's collations do before they compare bytes (https://www.sqlite.org/datatype3.html#collation).
func fold(x []byte, collation string) []byte {
	switch collation {
	case "NOCASE":
		for i, c := range x {
			if c >= 'A' && c <= 'Z' {
				x[i] = c + 'a' - 'A'
			}
		}
	case "RTRIM":
		for len(x) > 0 && x[len(x)-1] == ' ' {
			x = x[:len(x)-1]
		}
	}
	return x
}
