package sqlite

import (
	"context"
	"database/sql"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltarget"
)

// publish collapses the run's checkpoints into its marker and, for replace, puts the staging table in the table's place, in
// one transaction. The marker tells a second call that all is done.
func (w *writer) publish(ctx context.Context) error {
	db, err := w.client.writer()
	if err != nil {
		return err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if w.sink.Mode == connector.Replace {
		// Without these, DROP TABLE would delete row by row under foreign keys, and RENAME would refuse views of the dropped table
		// (https://www.sqlite.org/lang_altertable.html, the twelve steps). They work outside transactions only.
		if err := pragmas(ctx, conn, "foreign_keys = OFF", "legacy_alter_table = ON"); err != nil {
			return err
		}
		defer func() {
			_ = pragmas(context.WithoutCancel(ctx), conn, "foreign_keys = ON", "legacy_alter_table = OFF")
		}()
	}
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	return end(ctx, conn, w.publishWithin(ctx, conn))
}

func pragmas(ctx context.Context, conn *sql.Conn, list ...string) error {
	for _, p := range list {
		if _, err := conn.ExecContext(ctx, "PRAGMA "+p); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) publishWithin(ctx context.Context, conn *sql.Conn) error {
	state, err := w.marker(ctx, conn)
	if err != nil || state == sqltarget.Published {
		return err
	}
	if state == sqltarget.Absent {
		return w.memory.Restored()
	}
	if w.sink.Mode == connector.Replace {
		if err := w.swap(ctx, conn); err != nil {
			return err
		}
	}
	return w.memory.Collapse(ctx, session{conn})
}

// swap drops the table, gives its name to the staging table, and makes its indexes and triggers again. Views go by name.
func (w *writer) swap(ctx context.Context, conn *sql.Conn) error {
	if _, err := w.unchanged(ctx, conn); err != nil {
		return err
	}
	name, again := w.sink.Dataset, []string(nil)
	if w.layout.Found != "" {
		t, err := lookUp(ctx, conn, w.sink.Dataset)
		if err != nil {
			return err
		}
		name = t.name
		err = each(ctx, conn, "SELECT sql FROM sqlite_schema WHERE type IN ('index', 'trigger') AND tbl_name = ? AND sql IS NOT NULL ORDER BY type, name", name, func(r *sql.Rows) error {
			var s string
			err := r.Scan(&s)
			again = append(again, s)
			return err
		})
		if err != nil {
			return err
		}
		if _, err := conn.ExecContext(ctx, "DROP TABLE "+quote(name)); err != nil {
			return err
		}
	}
	for _, ddl := range w.layout.Indexes {
		_, rest, _ := strings.Cut(ddl, "INDEX ")
		index, _, _ := cutName(rest)
		if _, err := conn.ExecContext(ctx, "DROP INDEX "+quote(index)); err != nil {
			return err
		}
	}
	again = append([]string{"ALTER TABLE " + quote(w.layout.Table) + " RENAME TO " + quote(name)}, again...)
	for _, s := range again {
		if _, err := conn.ExecContext(ctx, s); err != nil {
			return classify(err, "swap table %s", name)
		}
	}
	return nil
}

// drop removes the staging table and all the file knows of the run and dataset; what was published stays.
func (w *writer) drop(ctx context.Context) error {
	if !w.client.exists() {
		return nil
	}
	db, err := w.client.writer()
	if err != nil {
		return err
	}
	return immediate(ctx, db, func(conn *sql.Conn) error {
		if w.sink.Mode == connector.Replace {
			if _, err := conn.ExecContext(ctx, "DROP TABLE IF EXISTS "+quote(sqltarget.Staging(w.sink.Dataset, w.sink.Run, 0))); err != nil {
				return err
			}
		}
		state, err := w.marker(ctx, conn)
		if err != nil || state == sqltarget.Absent {
			return err
		}
		if err := w.memory.Forget(ctx, session{conn}); err != nil {
			return err
		}
		return dropIfEmpty(ctx, conn, &w.memory)
	})
}

// dropIfEmpty removes the table of checkpoints once no run needs it.
func dropIfEmpty(ctx context.Context, conn *sql.Conn, m *sqltarget.Memory) error {
	if empty, err := m.Empty(ctx, session{conn}); err != nil || !empty {
		return err
	}
	_, err := conn.ExecContext(ctx, "DROP TABLE "+sqltarget.Checkpoints)
	return err
}
