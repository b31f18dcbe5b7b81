package system

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// SQLite is a database file, reached by plain SQL. Reset removes it.
func SQLite(path string) *Place {
	s := &sqlite{path}
	return &Place{Connector: "sqlite", Texts: s, Endpoint: s.endpoint, Dataset: s.dataset, client: s}
}

type sqlite struct{ path string }

// endpoint heeds no address: a file has none.
func (s *sqlite) endpoint(string) string {
	return "{connector: sqlite, path: " + yaml(s.path) + "}"
}

func (s *sqlite) dataset(table string) string { return table }

func (s *sqlite) Reset(ctx context.Context) error { return s.Remove(ctx) }

func (s *sqlite) Remove(context.Context) error {
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		if err := os.Remove(s.path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (s *sqlite) Run(ctx context.Context, script string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return s.with(func(db *sql.DB) error {
		if _, err := db.ExecContext(ctx, "BEGIN;\n"+script+"\nCOMMIT;"); err != nil {
			return fmt.Errorf("run SQL in %s: %w", s.path, err)
		}
		return nil
	})
}

func (s *sqlite) with(do func(db *sql.DB) error) error {
	db, err := sql.Open("sqlite", "file:"+s.path+"?_pragma=busy_timeout(10000)")
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	return errors.Join(do(db), db.Close())
}

func (s *sqlite) Show(ctx context.Context, looks []Look) ([]Shown, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	shown := make([]Shown, len(looks))
	err := s.with(func(db *sql.DB) error {
		for i := range looks {
			if err := s.show(ctx, db, &looks[i], &shown[i]); err != nil {
				shown[i].Trouble = err.Error()
			}
		}
		return nil
	})
	return shown, err
}

func (s *sqlite) show(ctx context.Context, db *sql.DB, l *Look, shown *Shown) error {
	from, show := quotePostgres(l.Table), l.Show
	if l.Query != "" {
		from = "(" + l.Query + ")"
	}
	if show == "" {
		show = "v"
	}
	err := db.QueryRowContext(ctx, "SELECT type FROM pragma_table_xinfo(?) WHERE name = ?", l.Table, l.column()).Scan(&shown.Stored)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	// quote writes each class of value as a literal of its own: 1, 1.0, 'text', X'00'
	rows, err := db.QueryContext(ctx, "SELECT CAST(id AS TEXT), quote("+show+") FROM "+from)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var line Line
		if err := rows.Scan(&line.ID, &line.Text); err != nil {
			return err
		}
		shown.Lines = append(shown.Lines, line)
	}
	return rows.Err()
}

func (s *sqlite) Name(table string) string { return quotePostgres(table) }

func (s *sqlite) Make(table string, columns []string) string {
	return "CREATE TABLE " + s.Name(table) + " (id INTEGER NOT NULL PRIMARY KEY, " + strings.Join(columns, ", ") + ");\n"
}

func (s *sqlite) Put(table, id string, columns, literals []string) string {
	return putSQL(s.Name(table), id, columns, literals)
}

func (s *sqlite) Only(table, id string) string {
	return "DELETE FROM " + s.Name(table) + " WHERE id <> " + id + ";\n"
}

func (s *sqlite) Drop(table string) string { return "DROP TABLE IF EXISTS " + s.Name(table) + ";\n" }
