package postgres

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltarget"
)

// drop removes the staging table and all the target knows of the run and dataset; what was published stays.
func (w *writer) drop(ctx context.Context) error {
	return w.uncontended(ctx, func() error {
		return w.do(ctx, func(s *session) error {
			if w.sink.Mode == connector.Replace {
				if err := s.exec("DROP TABLE IF EXISTS " + w.staging.quoted()); err != nil {
					return err
				}
			}
			there, err := s.remembers(w.name.schema)
			if err != nil || !there {
				return err
			}
			if err := w.memory.Forget(ctx, conn{s}); err != nil {
				return err
			}
			return s.dropIfEmpty(ctx, &w.memory, w.name.schema)
		})
	})
}

// remembers tells whether the schema has a table of checkpoints that the role may change.
func (s *session) remembers(schema string) (bool, error) {
	rows, err := s.query("SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1::name AND c.relname = $2::name AND c.relkind = 'r' "+
		"AND has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'DELETE') "+
		"AND (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname IN ("+sqltarget.CheckpointColumns+")) = "+sqltarget.CheckpointWidth, textParam(schema), textParam(sqltarget.Checkpoints))
	return len(rows) > 0, err
}

// dropIfEmpty removes the table of checkpoints once no run needs it, where the role may: others begin runs meanwhile, so the table is
// locked, and left when that takes a wait, or when something of others hangs on it.
func (s *session) dropIfEmpty(ctx context.Context, m *sqltarget.Memory, schema string) error {
	rows, err := s.query("SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1::name AND c.relname = $2::name AND pg_has_role(c.relowner, 'USAGE')",
		textParam(schema), textParam(sqltarget.Checkpoints))
	if err != nil || len(rows) == 0 {
		return err
	}
	locked, err := s.query("SELECT pg_try_advisory_xact_lock($1)", intParam(lockKey(m.Table)))
	if err != nil || !locked[0][0].bool() {
		return err
	}
	if empty, err := m.Empty(ctx, conn{s}); err != nil || !empty {
		return err
	}
	if err := s.exec("SAVEPOINT towpath_drop"); err != nil {
		return err
	}
	err = s.exec("LOCK TABLE " + m.Table + " IN ACCESS EXCLUSIVE MODE NOWAIT; DROP TABLE " + m.Table)
	if e, refused := errors.AsType[*serverError](err); refused && (e.Code == "55P03" || e.Code == "2BP01") { // lock not available; others depend on it
		return s.exec("ROLLBACK TO SAVEPOINT towpath_drop")
	}
	return err
}

// cleanWait is how long cleaning waits for locks, before and after it has ended the sessions of the runs that are removed.
const cleanWait = 5 * time.Second

// clean finds staging tables and checkpoints in all schemas, and removes those of the named runs, each in a transaction of its own. What
// goes meanwhile, as others clean up too, is not there.
func (c *Client) clean(ctx context.Context, runs []string, remove bool) (found []connector.Leftover, err error) {
	var all []tableName
	err = c.withSession(ctx, writes, func(s *session) error {
		rows, err := s.query("SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') " +
			"AND c.relpersistence <> 't' AND has_schema_privilege(n.oid, 'USAGE') ORDER BY 1, 2")
		for _, r := range rows {
			all = append(all, tableName{r[0].text, r[1].text})
		}
		return err
	})
	for _, n := range all {
		if err != nil {
			break
		}
		if sqltarget.RunOf(n.table) == "" && n.table != sqltarget.Checkpoints {
			continue
		}
		var list []connector.Leftover
		list, err = c.cleanTable(ctx, n, runs, remove)
		found = append(found, list...)
	}
	return found, classifyWrite(err, "look for what runs left")
}

// cleanTable does it for a table. A process of the runs that is frozen in a transaction is ended, as by the end of the run itself.
func (c *Client) cleanTable(ctx context.Context, n tableName, runs []string, remove bool) (list []connector.Leftover, err error) {
	if !remove {
		runs = nil
	}
	err = c.uncontended(ctx, runs, func() error {
		return c.withSession(ctx, writes, func(s *session) error {
			return s.within(cleanWait, func() (err error) {
				if run := sqltarget.RunOf(n.table); run != "" {
					list, err = s.cleanStaging(n, run, runs, remove)
				} else {
					list, err = s.cleanCheckpoints(ctx, n.schema, runs, remove)
				}
				return err
			})
		})
	})
	if e, refused := errors.AsType[*serverError](err); refused && (e.Code == "42P01" || e.Code == "3F000") { // no such table, no such schema
		return nil, nil
	}
	return list, err
}

func (s *session) cleanStaging(n tableName, run string, runs []string, remove bool) ([]connector.Leftover, error) {
	left := connector.Leftover{Run: run, What: "staging table " + n.String()}
	if remove && slices.Contains(runs, run) {
		if err := s.exec("DROP TABLE " + n.quoted()); err != nil {
			return nil, err
		}
		left.Removed = true
	}
	return []connector.Leftover{left}, nil
}

func (s *session) cleanCheckpoints(ctx context.Context, schema string, runs []string, remove bool) ([]connector.Leftover, error) {
	there, err := s.remembers(schema)
	if err != nil || !there {
		return nil, err
	}
	m := &sqltarget.Memory{Table: tableName{schema, sqltarget.Checkpoints}.quoted(), Place: place}
	list, err := m.Leftovers(ctx, conn{s}, runs, remove)
	if err != nil || !remove {
		return list, err
	}
	return list, s.dropIfEmpty(ctx, m, schema)
}
