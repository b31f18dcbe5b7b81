package sqlite

import (
	"context"
	"database/sql"
)

// session is a connection as the shared table of checkpoints speaks to it.
type session struct{ conn *sql.Conn }

// Exec implements sqltarget.Conn.
func (s session) Exec(ctx context.Context, text string, args ...any) (int64, error) {
	result, err := s.conn.ExecContext(ctx, text, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// Query implements sqltarget.Conn.
func (s session) Query(ctx context.Context, text string, args ...any) ([][][]byte, error) {
	rows, err := s.conn.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var all [][][]byte
	for rows.Next() {
		row, into := make([][]byte, len(names)), make([]any, len(names))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

// immediate runs f in a transaction that owns the write lock from its beginning.
func immediate(ctx context.Context, db *sql.DB, f func(*sql.Conn) error) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	return end(ctx, conn, f(conn))
}

// end commits when err is nil, else rolls back. Neither is cut short by the end of ctx.
func end(ctx context.Context, conn *sql.Conn, err error) error {
	ctx = context.WithoutCancel(ctx)
	if err == nil {
		if _, err = conn.ExecContext(ctx, "COMMIT"); err == nil {
			return nil
		}
	}
	// The error at hand says more than one of the rollback, which there may be nothing left for.
	_, _ = conn.ExecContext(ctx, "ROLLBACK")
	return err
}
