package sqlite

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
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
	err := each(ctx, conn, "SELECT name FROM sqlite_schema WHERE type = 'table' AND instr(name, ?) > 0 ORDER BY name", stagingMark, func(r *sql.Rows) error {
		var name string
		err := r.Scan(&name)
		tables = append(tables, name)
		list = append(list, connector.Leftover{Run: name[strings.LastIndex(name, stagingMark)+len(stagingMark):], What: "staging table " + name})
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
	var list []connector.Leftover
	var tables int
	err := conn.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE name = ?", checkpointTable).Scan(&tables)
	if err != nil || tables == 0 {
		return nil, err
	}
	err = each(ctx, conn, "SELECT run_id, group_concat(DISTINCT dataset) FROM "+checkpointTable+" WHERE run_id <> ? GROUP BY run_id ORDER BY run_id", "", func(r *sql.Rows) error {
		var run, datasets string
		err := r.Scan(&run, &datasets)
		list = append(list, connector.Leftover{Run: run, What: "checkpoints of " + datasets})
		return err
	})
	if err != nil || !remove {
		return list, err
	}
	for i := range list {
		if !slices.Contains(runs, list[i].Run) {
			continue
		}
		if _, err := conn.ExecContext(ctx, "DELETE FROM "+checkpointTable+" WHERE run_id = ?", list[i].Run); err != nil {
			return list, err
		}
		list[i].Removed = true
	}
	return list, dropIfEmpty(ctx, conn)
}
