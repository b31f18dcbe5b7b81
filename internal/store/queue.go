package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/towpath/towpath/connector"
)

// Queue returns up to most of the runs that wait for the pool, the first to be taken first: those of higher priority, then those that have waited
// longer. One that is being taken up has an owner; it waits until it is running, so that it is not lost with its process.
func (s *Store) Queue(ctx context.Context, most int) ([]Run, error) {
	return s.runsBy(ctx, "list runs that wait", " WHERE r.queued > 0 ORDER BY r.priority DESC, r.queued, r.run_key LIMIT $1", most)
}

// Unrested returns the served runs that neither rest nor wait and are not self's: some may have lost their process. Those of self are among them when
// their leases are over.
func (s *Store) Unrested(ctx context.Context, self Owner) ([]Run, error) {
	return s.runsBy(ctx, "list runs at work", ` WHERE r.state IN ('running', 'verifying', 'finishing', 'pausing', 'stopping') AND r.served = 1 AND r.queued = 0
		AND (r.owner <> $1 OR r.lease_until <= `+s.d.now+`) ORDER BY r.priority DESC, r.created, r.run_key`, self.ID)
}

// PausedBy returns up to most of the served runs that rest paused with a code and wait neither for the pool nor for a person, the oldest first.
func (s *Store) PausedBy(ctx context.Context, code string, most int) ([]Run, error) {
	return s.runsBy(ctx, "list paused runs", ` WHERE r.state = 'paused' AND r.code = $1 AND r.served = 1 AND r.queued = 0 AND r.held = '' AND r.waits = ''
		ORDER BY r.created, r.run_key LIMIT $2`, code, most)
}

func (s *Store) runsBy(ctx context.Context, doing, where string, args ...any) ([]Run, error) {
	rows, err := s.read.QueryContext(ctx, selectRun+where, args...)
	if err != nil {
		return nil, s.fail(doing, err)
	}
	runs, err := collect(rows, scanRun)
	return runs, s.fail(doing, err)
}

// Enqueue makes a run that is paused, failed, on its way to a pause or not begun wait for the pool; servers see to it from then on. What was wished of it
// before is over, a stop aside. In another state: an error that wraps *StateError. An entry without an Action is not recorded.
func (s *Store) Enqueue(ctx context.Context, key string, by Entry) error {
	return s.change(ctx, "queue run "+key, func(ctx context.Context, t *tx) error {
		n, err := t.exec(ctx, `UPDATE run SET queued = CASE WHEN queued > 0 THEN queued ELSE $2 END, waits = '', held = '', served = 1, wish = '', wish_who = '', wish_why = '',
			revision = revision + 1 WHERE run_key = $1 AND state IN ('paused', 'failed', 'pausing', 'planning') AND wish <> 'stop'`, key, t.now)
		if err != nil {
			return err
		}
		if n == 0 {
			return t.notQueued(ctx, s, key)
		}
		if by.Action == "" {
			return nil
		}
		return t.audit(ctx, by)
	})
}

func (t *tx) notQueued(ctx context.Context, s *Store, key string) error {
	var is State
	err := t.row(ctx, "SELECT state FROM run WHERE run_key = $1", key).Scan(&is)
	if errors.Is(err, sql.ErrNoRows) {
		return s.noRun(ctx, key)
	}
	if err != nil {
		return err
	}
	return &connector.Error{Class: connector.Config, Code: "TOW-330", Text: "queue run " + key, Hint: "Runs that are paused or failed can be queued.",
		Err: &StateError{Run: key, From: Paused, Is: is, Want: Running}}
}

// Requeue has a run wait for the pool until it is running again, for the holder of its lease; one of which something is wished does not.
func (s *Store) Requeue(ctx context.Context, l RunLease) error {
	return s.changeLed(ctx, "queue run "+l.Run, l, "UPDATE run SET queued = CASE WHEN queued > 0 THEN queued ELSE $2 END WHERE run_key = $1 AND wish = ''")
}

// Unqueue takes a run out of the queue, and from the release of a connection that holds it; it rests where it is. waits says why.
func (s *Store) Unqueue(ctx context.Context, key, waits string) error {
	return s.changeRun(ctx, "take run "+key+" out of the queue", key, "UPDATE run SET queued = 0, held = '', waits = $2 WHERE run_key = $1", waits)
}

// SetWaits records for what queued runs wait.
func (s *Store) SetWaits(ctx context.Context, waits map[string]string) error {
	if len(waits) == 0 {
		return nil
	}
	return s.change(ctx, "record what runs wait for", func(ctx context.Context, t *tx) error {
		for key, text := range waits {
			if _, err := t.exec(ctx, "UPDATE run SET waits = $2 WHERE run_key = $1 AND queued > 0", key, text); err != nil {
				return err
			}
		}
		return nil
	})
}

// TakeQueued takes the lease of a run that waits, as AcquireRun does, or with it from gone, as TakeOverRun does. What was wished of the run before is
// over, a stop aside. It goes on waiting until it is running or at its end. One that waits no more is class Busy, TOW-331; one that uses a
// connection which is held, class Busy, TOW-332.
func (s *Store) TakeQueued(ctx context.Context, key string, gone, owner Owner, ttl time.Duration) (RunLease, error) {
	free := func(h HeldError) bool {
		return h.Holder.ID == "" || h.Holder.ID == gone.ID || h.Until <= h.Now
	}
	return s.takeRun(ctx, key, owner, ttl, free, func(ctx context.Context, t *tx) error {
		n, err := t.exec(ctx, `UPDATE run SET waits = '', held = '', revision = revision + 1, wish = CASE WHEN wish = 'stop' THEN wish ELSE '' END
			WHERE run_key = $1 AND queued > 0`, key)
		if err != nil {
			return err
		}
		if n == 0 {
			return connector.Errorf(connector.Busy, "TOW-331", "run %s waits no more", key)
		}
		var alias, by, why string
		err = t.row(ctx, `SELECT c.alias, c.held_by, c.held_why FROM run_connection u JOIN connection c ON c.workspace = u.workspace AND c.environment = u.environment AND c.alias = u.alias
			WHERE u.run = $1 AND c.held_at > 0 ORDER BY c.alias LIMIT 1`, key).Scan(&alias, &by, &why)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err == nil {
			err = connector.Errorf(connector.Busy, "TOW-332", "%s", heldWords(alias, by, why))
		}
		return err
	})
}

func heldWords(alias, by, why string) string {
	if why != "" {
		why = ": " + why
	}
	return "connection " + alias + " is held by " + by + why
}

// HeldRuns tells in words which connection keeps waiting runs from being taken, by run.
func (s *Store) HeldRuns(ctx context.Context) (map[string]string, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT u.run, c.alias, c.held_by, c.held_why FROM run r JOIN run_connection u ON u.run = r.run_key
		JOIN connection c ON c.workspace = u.workspace AND c.environment = u.environment AND c.alias = u.alias WHERE r.queued > 0 AND c.held_at > 0 ORDER BY c.alias DESC`)
	if err != nil {
		return nil, s.fail("look for held connections", err)
	}
	all := map[string]string{}
	_, err = collect(rows, func(scan func(...any) error) (run string, err error) {
		var alias, by, why string
		err = scan(&run, &alias, &by, &why)
		all[run] = heldWords(alias, by, why)
		return run, err
	})
	return all, s.fail("look for held connections", err)
}

// bound is what keeps runs from a connection.
type bound struct {
	most, atWork int // shards of all runs; most 0: any number
	held         bool
}

// bounds returns the connections that are held or have a limit, with the shards at work of runs that use them.
func (t *tx) bounds(ctx context.Context) (map[ConnectionKey]*bound, error) {
	rows, err := t.conn.QueryContext(ctx, "SELECT workspace, environment, alias, parallel, held_at FROM connection WHERE parallel > 0 OR held_at > 0")
	if err != nil {
		return nil, err
	}
	all := map[ConnectionKey]*bound{}
	limited := false
	_, err = collect(rows, func(scan func(...any) error) (k ConnectionKey, err error) {
		b := new(bound)
		var at int64
		err = scan(&k.Workspace, &k.Environment, &k.Alias, &b.most, &at)
		b.held = at > 0
		limited = limited || b.most > 0
		all[k] = b
		return k, err
	})
	if err != nil || !limited {
		return all, err
	}
	// It begins with what is leased, which is little: runs that are over still name their connections.
	rows, err = t.conn.QueryContext(ctx, `SELECT u.workspace, u.environment, u.alias, COUNT(*) FROM shard a CROSS JOIN run_connection u
		WHERE a.state = 1 AND a.lease_until > 0 AND u.run = a.run GROUP BY u.workspace, u.environment, u.alias`)
	if err != nil {
		return nil, err
	}
	_, err = collect(rows, func(scan func(...any) error) (k ConnectionKey, err error) {
		var n int
		err = scan(&k.Workspace, &k.Environment, &k.Alias, &n)
		if b := all[k]; b != nil {
			b.atWork = n
		}
		return k, err
	})
	return all, err
}

// bounded reports whether one of the bounds keeps a run from another shard.
func (t *tx) bounded(ctx context.Context, run string, bounds map[ConnectionKey]*bound) (bool, error) {
	if len(bounds) == 0 {
		return false, nil
	}
	rows, err := t.conn.QueryContext(ctx, "SELECT workspace, environment, alias FROM run_connection WHERE run = $1", run)
	if err != nil {
		return false, err
	}
	full := false
	_, err = collect(rows, func(scan func(...any) error) (k ConnectionKey, err error) {
		if err = scan(&k.Workspace, &k.Environment, &k.Alias); err == nil {
			b := bounds[k]
			full = full || b != nil && (b.held || b.most > 0 && b.atWork >= b.most)
		}
		return k, err
	})
	return full, err
}
