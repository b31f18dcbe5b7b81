package store

import (
	"context"
	"embed"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/towpath/towpath/connector"
)

// dialect is what one kind of database does its own way; every other statement is one text for all, with $1 placeholders.
type dialect struct {
	now   string // expression: the clock in ms
	begin string // opens a write transaction
	goose goose.Dialect
	open  func(s *Store, o Options) error
	// fault tells class, code, words and hint of a driver's error; ok false: not the driver's.
	fault func(err error) (f fault, ok bool)
}

type fault struct {
	class            connector.Class
	code, text, hint string
}

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the database to this version's form. Two processes that open a fresh file both try; each migration is one
// transaction with its version row, so the one that lost the race finds it done when it looks again.
func (s *Store) migrate(ctx context.Context, patience time.Duration) error {
	const doing = "bring control database to this version"
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return s.fail(doing, err)
	}
	ctx, cancel := context.WithTimeout(ctx, 3*patience)
	defer cancel()
	for tries := 0; ; tries++ {
		err := s.migrateOnce(ctx, files)
		f, known := s.d.fault(err)
		if err == nil || tries == 4 || known && f.class != connector.Other && f.class != connector.Retry || connector.ClassOf(err) == connector.Config {
			return s.fail(doing, err)
		}
	}
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
			return connector.Errorf(connector.Config, "TOW-205", "control database %s has form %d, this towpath knows %d", s.path, have, newest).
				WithHint("Use the newer towpath that wrote it, or another state folder.")
		}
		return nil
	}
	_, err = p.Up(ctx)
	return err
}
