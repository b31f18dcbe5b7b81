package sqlite

import (
	"context"
	"database/sql"
	"slices"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltarget"
)

// clean finds staging tables and checkpoints, and removes those of the named runs.
func (c *Client) clean(ctx context.Context, runs []string, remove bool) ([]connector.Leftover, error) {
	if !c.exists() {
		return nil, nil
	}
	db, err := c.reader()
	if err != nil {
		return nil, err
	}
	if remove {
		if db, err = c.writer(); err != nil {
			return nil, err
		}
	}
	var found []connector.Leftover
	work := func(conn *sql.Conn) error {
		for _, f := range []func(context.Context, *sql.Conn, []string, bool) ([]connector.Leftover, error){cleanStaging, cleanCheckpoints} {
			list, err := f(ctx, conn, runs, remove)
			if err != nil {
				return err
			}
			found = append(found, list...)
		}
		return nil
	}
	if remove {
		err = immediate(ctx, db, work)
	} else if conn, e := db.Conn(ctx); e != nil {
		err = e
	} else {
		err = work(conn)
		_ = conn.Close()
	}
	return found, classify(err, "look for what runs left in %q", c.path)
}

func cleanStaging(ctx context.Context, conn *sql.Conn, runs []string, remove bool) ([]connector.Leftover, error) {
	var list []connector.Leftover
	var tables []string
	err := each(ctx, conn, "SELECT name FROM sqlite_schema WHERE type = ? ORDER BY name", "table", func(r *sql.Rows) error {
		var name string
		err := r.Scan(&name)
		if run := sqltarget.RunOf(name); run != "" {
			tables = append(tables, name)
			list = append(list, connector.Leftover{Run: run, What: "staging table " + name})
		}
		return err
	})
	for i := range list {
		if err != nil || !remove || !slices.Contains(runs, list[i].Run) {
			continue
		}
		_, err = conn.ExecContext(ctx, "DROP TABLE "+quote(tables[i]))
		list[i].Removed = err == nil
	}
	return list, err
}

func cleanCheckpoints(ctx context.Context, conn *sql.Conn, runs []string, remove bool) ([]connector.Leftover, error) {
	there, err := remembers(ctx, conn)
	if err != nil || !there {
		return nil, err
	}
	m := &sqltarget.Memory{Table: sqltarget.Checkpoints}
	list, err := m.Leftovers(ctx, session{conn}, runs, remove)
	if err != nil || !remove {
		return list, err
	}
	return list, dropIfEmpty(ctx, conn, m)
}
