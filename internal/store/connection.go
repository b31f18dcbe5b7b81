package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/towpath/towpath/connector"
)

// ConnectionKey names a connection.
type ConnectionKey struct {
	Workspace, Environment, Alias string
}

// Connection is a stored way to reach a server, without its secrets.
type Connection struct {
	ConnectionKey
	Connector string
	Options   []byte // JSON object
	UseRole   string // the least role that may use it in runs
	Parallel  int    // shards of all runs that may use it at once; 0: any number
	Version   int64  // raised by each change
	Created   int64
	Changed   int64
	ChangedBy string
	Held      Hold
	Tested    Test
}

// Hold keeps runs off a connection. At 0: there is none.
type Hold struct {
	At      int64
	By, Why string
}

// Test is how a connection answered when it was last tried. At 0: it never was.
type Test struct {
	At       int64
	Error    string // "": it answered
	Identity string // of the server that answered last
}

// Sealed is a secret option, readable only with the key of the installation.
type Sealed struct {
	Path   string
	Sealed []byte
	At     int64
	By     string
}

// PutConnection makes a connection, at version 0, or replaces the one that has c.Version. secrets are put beside what there is; of the paths in drop
// what there is goes. Another version than the stored is class Config, TOW-232.
func (s *Store) PutConnection(ctx context.Context, c Connection, secrets []Sealed, drop []string, by Entry) (Connection, error) {
	k := c.ConnectionKey
	err := s.change(ctx, "store connection "+k.Alias, func(ctx context.Context, t *tx) error {
		var n int64
		var err error
		if c.Version == 0 {
			n, err = t.exec(ctx, `INSERT INTO connection (workspace, environment, alias, connector, options, use_role, parallel, version, created, changed, changed_by)
				VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $8, $9) ON CONFLICT (workspace, environment, alias) DO NOTHING`,
				k.Workspace, k.Environment, k.Alias, c.Connector, notNil(c.Options), c.UseRole, c.Parallel, t.now, by.Who)
		} else {
			n, err = t.exec(ctx, `UPDATE connection SET connector = $4, options = $5, use_role = $6, parallel = $7, version = version + 1, changed = $8, changed_by = $9,
				tested = 0, test_error = '' WHERE workspace = $1 AND environment = $2 AND alias = $3 AND version = $10`,
				k.Workspace, k.Environment, k.Alias, c.Connector, notNil(c.Options), c.UseRole, c.Parallel, t.now, by.Who, c.Version)
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return staleVersion("connection " + k.Alias)
		}
		for _, path := range drop {
			if _, err := t.exec(ctx, "DELETE FROM sealed WHERE workspace = $1 AND environment = $2 AND alias = $3 AND path = $4", k.Workspace, k.Environment, k.Alias, path); err != nil {
				return err
			}
		}
		for _, one := range secrets {
			_, err := t.exec(ctx, `INSERT INTO sealed (workspace, environment, alias, path, sealed, set_at, set_by) VALUES ($1, $2, $3, $4, $5, $6, $7)
				ON CONFLICT (workspace, environment, alias, path) DO UPDATE SET sealed = $5, set_at = $6, set_by = $7`,
				k.Workspace, k.Environment, k.Alias, one.Path, one.Sealed, t.now, by.Who)
			if err != nil {
				return err
			}
		}
		if c, err = t.connection(ctx, k); err != nil {
			return err
		}
		return t.audit(ctx, by)
	})
	return c, err
}

func staleVersion(what string) error {
	return connector.Errorf(connector.Config, "TOW-232", "%s was changed by somebody else, or is there already", what).WithHint("Read it again, and change that.")
}

const selectConnection = `SELECT workspace, environment, alias, connector, options, use_role, parallel, version, created, changed, changed_by,
	held_at, held_by, held_why, tested, test_error, identity FROM connection`

func scanConnection(scan func(...any) error) (c Connection, err error) {
	err = scan(&c.Workspace, &c.Environment, &c.Alias, &c.Connector, &c.Options, &c.UseRole, &c.Parallel, &c.Version, &c.Created, &c.Changed, &c.ChangedBy,
		&c.Held.At, &c.Held.By, &c.Held.Why, &c.Tested.At, &c.Tested.Error, &c.Tested.Identity)
	return c, err
}

const whereConnection = " WHERE workspace = $1 AND environment = $2 AND alias = $3"

func (t *tx) connection(ctx context.Context, k ConnectionKey) (Connection, error) {
	c, err := scanConnection(t.row(ctx, selectConnection+whereConnection, k.Workspace, k.Environment, k.Alias).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return c, noOne("TOW-233", "no connection %s", k.Alias)
	}
	return c, err
}

// Connection returns one connection. An unknown one is class Missing, TOW-233.
func (s *Store) Connection(ctx context.Context, k ConnectionKey) (Connection, error) {
	c, err := scanConnection(s.read.QueryRowContext(ctx, selectConnection+whereConnection, k.Workspace, k.Environment, k.Alias).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return c, noOne("TOW-233", "no connection %s", k.Alias)
	}
	return c, s.fail("read connection "+k.Alias, err)
}

// Connections returns those of a workspace by alias, of one environment or with "" of all.
func (s *Store) Connections(ctx context.Context, workspace, environment string) ([]Connection, error) {
	rows, err := s.read.QueryContext(ctx, selectConnection+` WHERE workspace = $1 AND (CAST($2 AS TEXT) = '' OR environment = $2) ORDER BY alias, environment`, workspace, environment)
	if err != nil {
		return nil, s.fail("list connections", err)
	}
	all, err := collect(rows, scanConnection)
	return all, s.fail("list connections", err)
}

// SealedOptions returns the sealed secrets of a connection.
func (s *Store) SealedOptions(ctx context.Context, k ConnectionKey) ([]Sealed, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT path, sealed, set_at, set_by FROM sealed"+whereConnection+" ORDER BY path", k.Workspace, k.Environment, k.Alias)
	if err != nil {
		return nil, s.fail("read secrets of connection "+k.Alias, err)
	}
	all, err := collect(rows, func(scan func(...any) error) (x Sealed, err error) {
		err = scan(&x.Path, &x.Sealed, &x.At, &x.By)
		return x, err
	})
	return all, s.fail("read secrets of connection "+k.Alias, err)
}

// RemoveConnection removes a connection and its secrets. The caller knows that nothing uses it.
func (s *Store) RemoveConnection(ctx context.Context, k ConnectionKey, by Entry) error {
	return s.change(ctx, "remove connection "+k.Alias, func(ctx context.Context, t *tx) error {
		if _, err := t.exec(ctx, "DELETE FROM sealed"+whereConnection, k.Workspace, k.Environment, k.Alias); err != nil {
			return err
		}
		n, err := t.exec(ctx, "DELETE FROM connection"+whereConnection, k.Workspace, k.Environment, k.Alias)
		if err != nil {
			return err
		}
		if n == 0 {
			return noOne("TOW-233", "no connection %s", k.Alias)
		}
		return t.audit(ctx, by)
	})
}

// SetTested records how a connection answered.
func (s *Store) SetTested(ctx context.Context, k ConnectionKey, failure, identity string) error {
	return s.change(ctx, "record a test of connection "+k.Alias, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, `UPDATE connection SET tested = $4, test_error = $5, identity = CASE WHEN $6 <> '' THEN $6 ELSE identity END`+whereConnection,
			k.Workspace, k.Environment, k.Alias, t.now, failure, identity)
		return err
	})
}

// SetHold holds a connection, or with an empty Hold.By releases it. Of runs that use it and neither rest nor wait, or are being taken up, a hold wishes a pause, and marks them so
// that the release knows them; a release queues those again that rest by then, and returns their keys. Runs whose pause somebody else wished are left alone.
func (s *Store) SetHold(ctx context.Context, k ConnectionKey, h Hold, by Entry) (runs []string, err error) {
	doing := "release connection " + k.Alias
	if h.By != "" {
		doing = "hold connection " + k.Alias
	}
	err = s.change(ctx, doing, func(ctx context.Context, t *tx) error {
		at := int64(0)
		if h.By != "" {
			at = t.now
		}
		n, err := t.exec(ctx, "UPDATE connection SET held_at = $4, held_by = $5, held_why = $6"+whereConnection, k.Workspace, k.Environment, k.Alias, at, h.By, h.Why)
		if err != nil {
			return err
		}
		if n == 0 {
			return noOne("TOW-233", "no connection %s", k.Alias)
		}
		if h.By != "" {
			runs, err = t.holdRuns(ctx, k, h)
		} else {
			runs, err = t.releaseRuns(ctx, k)
		}
		if err != nil {
			return err
		}
		return t.audit(ctx, by)
	})
	return runs, err
}

const usesConnection = ` run_key IN (SELECT run FROM run_connection WHERE workspace = $1 AND environment = $2 AND alias = $3)`

func (t *tx) holdRuns(ctx context.Context, k ConnectionKey, h Hold) ([]string, error) {
	rows, err := t.conn.QueryContext(ctx, `UPDATE run SET held = $3, revision = revision + 1, wish = 'pause', wish_who = $4, wish_why = $5
		WHERE`+usesConnection+` AND wish = '' AND held = '' AND (queued = 0 AND state IN ('running', 'verifying', 'finishing')
		OR owner <> '' AND lease_until > $6 AND (state = 'planning' OR state IN ('paused', 'failed') AND queued > 0)) RETURNING run_key`,
		k.Workspace, k.Environment, k.Alias, h.By, h.Why, t.now)
	if err != nil {
		return nil, err
	}
	return keysOf(rows)
}

// A run that is still on its way to its pause is queued all the same: it is taken up when it rests. One that does not run yet need not pause: on its way to
// running it leaves the queue.
func (t *tx) releaseRuns(ctx context.Context, k ConnectionKey) ([]string, error) {
	rows, err := t.conn.QueryContext(ctx, `UPDATE run SET held = '', queued = $4, waits = '', served = 1, revision = revision + 1,
		wish = CASE WHEN state IN ('planning', 'paused', 'failed') THEN '' ELSE wish END,
		wish_who = CASE WHEN state IN ('planning', 'paused', 'failed') THEN '' ELSE wish_who END,
		wish_why = CASE WHEN state IN ('planning', 'paused', 'failed') THEN '' ELSE wish_why END
		WHERE`+usesConnection+` AND held = $3 AND state NOT IN ('succeeded', 'stopped', 'stopping') AND wish <> 'stop' RETURNING run_key`,
		k.Workspace, k.Environment, k.Alias, t.now)
	if err != nil {
		return nil, err
	}
	return keysOf(rows)
}

func keysOf(rows *sql.Rows) ([]string, error) {
	keys, err := collect(rows, func(scan func(...any) error) (key string, err error) {
		err = scan(&key)
		return key, err
	})
	slices.Sort(keys)
	return keys, err
}
