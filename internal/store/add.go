package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// adder adds rows to a table, some together by a statement.
type adder struct {
	t       *tx
	into    string // table (column, ...)
	columns int
	many    *sql.Stmt // adds so many rows as the dialect has together; nil: there were not so many yet
	args    []any
}

// adder of rows of the named columns, comma-separated. The caller closes it.
func (t *tx) adder(table, columns string) *adder {
	return &adder{t: t, into: table + " (" + columns + ")", columns: strings.Count(columns, ",") + 1}
}

// statement adds n rows.
func (a *adder) statement(n int) string {
	var b strings.Builder
	b.WriteString("INSERT INTO " + a.into + " VALUES ")
	for row := range n {
		lead := "("
		if row > 0 {
			lead = ", ("
		}
		for column := range a.columns {
			fmt.Fprintf(&b, "%s$%d", lead, row*a.columns+column+1)
			lead = ", "
		}
		b.WriteByte(')')
	}
	return b.String()
}

// add adds a row, with others that come later.
func (a *adder) add(ctx context.Context, values ...any) error {
	a.args = append(a.args, values...)
	if len(a.args) < a.t.together*a.columns {
		return nil
	}
	if a.many == nil {
		var err error
		if a.many, err = a.t.conn.PrepareContext(ctx, a.statement(a.t.together)); err != nil {
			return err
		}
	}
	_, err := a.many.ExecContext(ctx, texts(a.args)...)
	a.args = a.args[:0]
	return err
}

// close adds what is left, unless err of what was done before is one.
func (a *adder) close(ctx context.Context, err error) error {
	if err == nil && len(a.args) > 0 {
		_, err = a.t.exec(ctx, a.statement(len(a.args)/a.columns), a.args...)
	}
	if a.many != nil {
		err = errors.Join(err, a.many.Close())
	}
	return err
}

// texts makes of the strings among args what every database holds as text: messages and keys of rows may have other bytes. They are for people.
func texts(args []any) []any {
	for i, arg := range args {
		if s, ok := arg.(string); ok {
			args[i] = storable(s)
		}
	}
	return args
}

// storable is a text as every database of the dialect table takes it.
func storable(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
