// Package store is the control database: runs with their states and events, plans, shards with leases and checkpoints, dirty
// rows, wishes and steps. It keeps and compares, in transactions and by the database's clock; which state may follow which,
// what a plan means and who is alive is known elsewhere.
package store

import (
	"context"
	"database/sql"
	"time"
)

// Store is an open control database, safe for concurrent use and for several processes at once. Times are ms of the database's
// clock. Errors are *connector.Error; those that carry facts wrap HeldError, StateError or ClaimedError.
type Store struct {
	path   string // as people are told it
	server string // host:port; "": it is a file
	busy   time.Duration
	d      dialect
	write  *sql.DB // one connection: a process queues its writers itself instead of waiting on the file's lock
	read   *sql.DB

	changes changes
}

// Options of Open. The zero value is right for use.
type Options struct {
	Busy     time.Duration // how long to wait for another process's write; 0: 10 s
	MaxPages int           // SQLite: the database's largest size in pages; 0: the disk's
	Password string        // PostgreSQL: of the user
	Formed   bool          // another process gives the database its form, as one with more rights does; until then Open is class Retry, TOW-350
	Idle     time.Duration // PostgreSQL: how long a transaction waits for its next statement before the server ends it; 0: 5 s, below the time for which others wait and leases last
}

// Open opens the database at place and brings it to this version's form: a file of SQLite, which is made, readable by its owner alone, when
// missing; or a database of PostgreSQL, by a URL that begins with postgres://. Several processes may do so at once.
func Open(ctx context.Context, place string, o Options) (*Store, error) {
	if o.Busy == 0 {
		o.Busy = 10 * time.Second
	}
	if o.Idle == 0 {
		o.Idle = 5 * time.Second
	}
	s := &Store{path: place, busy: o.Busy, d: sqliteDialect()}
	if OnServer(place) {
		s.d = postgresDialect()
	}
	if err := s.d.open(ctx, s, o); err != nil {
		return nil, s.fail("open control database "+s.path, err)
	}
	bring := s.migrate
	if o.Formed {
		bring = s.formed
	}
	if err := bring(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Close ends all connections.
func (s *Store) Close() error {
	err := s.read.Close()
	if werr := s.write.Close(); err == nil {
		err = werr
	}
	if err != nil {
		return s.fail("close control database", err)
	}
	return nil
}

// Shared reports whether processes of other machines may use the database, too.
func (s *Store) Shared() bool { return s.d.shared }

// Server returns host and port of the server that keeps the database, "" where it is a file of this machine.
func (s *Store) Server() string { return s.server }

// Now returns the database's clock in ms.
func (s *Store) Now(ctx context.Context) (int64, error) {
	var now int64
	if err := s.read.QueryRowContext(ctx, "SELECT "+s.d.now).Scan(&now); err != nil {
		return 0, s.fail("read the control database's clock", err)
	}
	return now, nil
}

func ms(d time.Duration) int64 { return d.Milliseconds() }
