package store

import (
	"context"
	"database/sql"
	"embed"
	"io/fs"

	"github.com/pressly/goose/v3"

	"github.com/towpath/towpath/connector"
)

// dialect is what one kind of database does its own way; every other statement is one text for all, with $1 placeholders.
type dialect struct {
	now   string                                       // expression: the clock in ms
	begin func(ctx context.Context, c *sql.Conn) error // opens a write transaction; writers of all processes come one after another
	// together is how many rows a statement adds: a server is far away, and SQLite's driver slow with many parameters.
	together int
	shared   bool   // with processes of other machines
	analyze  string // statement behind a plan: without statistics a server scans the shards of a stream for each lease; "": none is needed
	snapshot string // opens a transaction that only reads, all of it as of one moment
	goose    goose.Dialect
	open     func(ctx context.Context, s *Store, o Options) error
	// fault tells class, code, words and hint of a driver's error; ok false: not the driver's.
	fault func(err error) (f fault, ok bool)
}

type fault struct {
	class            connector.Class
	code, text, hint string
}

//go:embed migrations/*.sql
var migrations embed.FS

// migrateTries is how often migrate looks again: each of several processes that open a fresh file at once loses at most one race
// a migration, besides one for the version table.
const migrateTries = 8

// migrate brings the database to this version's form. Of two processes that both try, the one that loses the race finds the
// migration done when it looks again: each is one transaction with its version row.
func (s *Store) migrate(ctx context.Context) error {
	const doing = "bring control database to this version"
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return s.fail(doing, err)
	}
	for range migrateTries {
		if err = s.migrateOnce(ctx, files); err == nil {
			return nil
		}
		// Only a statement that met another process's work is worth another look: class Other. A locked file was waited for.
		if f, known := s.d.fault(err); !known || f.class != connector.Other {
			break
		}
	}
	return s.fail(doing, err)
}

// formed looks whether the database has this version's form, and changes nothing.
func (s *Store) formed(ctx context.Context) error {
	const doing = "look at the form of the control database"
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return s.fail(doing, err)
	}
	newest, err := goose.NumericComponent(files[len(files)-1])
	if err != nil {
		return s.fail(doing, err)
	}
	var have int64
	err = s.read.QueryRowContext(ctx, "SELECT COALESCE(MAX(version_id), 0) FROM towpath_version WHERE is_applied").Scan(&have)
	if f, known := s.d.fault(err); err != nil && known && f.class == connector.Other { // there is no such table
		return s.noForm()
	}
	switch {
	case err != nil:
		return s.fail(doing, err)
	case have < newest:
		return s.noForm()
	case have > newest:
		return s.newerForm(have, newest)
	}
	return nil
}

func (s *Store) newerForm(have, knows int64) error {
	return connector.Errorf(connector.Config, "TOW-205", "control database %s has form %d, this towpath knows %d", s.path, have, knows).
		WithHint("Use the newer towpath that wrote it, or another state folder.")
}

func (s *Store) migrateOnce(ctx context.Context, files fs.FS) error {
	p, err := goose.NewProvider(s.d.goose, s.write, files, goose.WithDisableGlobalRegistry(true), goose.WithTableName("towpath_version"))
	if err != nil {
		return err
	}
	have, err := p.GetDBVersion(ctx)
	if err != nil {
		return err
	}
	sources := p.ListSources()
	if newest := sources[len(sources)-1].Version; have >= newest {
		if have > newest {
			return s.newerForm(have, newest)
		}
		return nil
	}
	_, err = p.Up(ctx)
	return err
}
