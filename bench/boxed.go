package main

import (
	"context"
	"database/sql"
	"net/url"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// The copy as it is usually written in Go: database/sql gives each row as a slice of any, and pgx takes such rows into one COPY. It has no
// checkpoints, no row hashes, no accounting and no second connection.

// boxedTask copies a MySQL table into a table of PostgreSQL that is there.
func boxedTask(ctx context.Context, t task) (Sample, error) {
	from, err := url.Parse(t.Source)
	if err != nil {
		return Sample{}, err
	}
	config := mysql.NewConfig()
	config.User, config.Net, config.Addr, config.ParseTime = from.User.Username(), "tcp", from.Host, true
	config.Passwd, _ = from.User.Password()
	db, err := sql.Open("mysql", config.FormatDSN())
	if err != nil {
		return Sample{}, err
	}
	defer db.Close()
	to, err := pgx.Connect(ctx, t.Target)
	if err != nil {
		return Sample{}, err
	}
	defer to.Close(context.WithoutCancel(ctx))
	return sampled(func() (int64, error) { return boxedCopy(ctx, db, t.Dataset, to, t.Index) })
}

func boxedCopy(ctx context.Context, db *sql.DB, from string, to *pgx.Conn, table string) (int64, error) {
	rows, err := db.QueryContext(ctx, "SELECT * FROM "+from)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return 0, err
	}
	s := &boxedRows{Rows: rows, targets: make([]any, len(types)), decimal: make([]bool, len(types))}
	var names []string
	for i, typ := range types {
		names = append(names, typ.Name())
		s.decimal[i] = typ.DatabaseTypeName() == "DECIMAL"
	}
	return to.CopyFrom(ctx, pgx.Identifier{table}, names, s)
}

// boxedRows hands rows on as CopyFrom wants them.
type boxedRows struct {
	*sql.Rows
	targets []any
	decimal []bool
}

// Values implements pgx.CopyFromSource.
func (r *boxedRows) Values() ([]any, error) {
	row := make([]any, len(r.targets))
	for i := range row {
		r.targets[i] = &row[i]
	}
	if err := r.Scan(r.targets...); err != nil {
		return nil, err
	}
	for i, decimal := range r.decimal {
		text, ok := row[i].([]byte)
		if !decimal || !ok {
			continue
		}
		var n pgtype.Numeric
		if err := n.Scan(string(text)); err != nil {
			return nil, err
		}
		row[i] = n
	}
	return row, nil
}
