package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/towpath/towpath/connector"
)

// Owner is a process that steers runs. ID is new for each process; the rest lets another one on the same machine find out
// whether it still lives. Workers of the process are named by its ID alone, or by it, a slash and more.
type Owner struct {
	ID      string
	Host    string
	PID     int64
	Started int64  // start time of the process, as its machine counts
	Boot    string // boot id of the machine
}

// RunLease is the right to steer a run until a time. Each one has a new epoch.
type RunLease struct {
	Run      string
	Owner    Owner
	Epoch    int64
	Until    int64
	Previous Owner // who held the lease before; zero: nobody, or it was released
}

// AcquireRun takes the lease of a run that nobody holds, or whose holder's time is over, or that owner holds already. Held by
// another: an error of class Busy that wraps *HeldError.
func (s *Store) AcquireRun(ctx context.Context, key string, owner Owner, ttl time.Duration) (RunLease, error) {
	return s.takeRun(ctx, key, owner, ttl, func(h HeldError) bool {
		return h.Holder.ID == "" || h.Holder.ID == owner.ID || h.Until <= h.Now
	}, nil)
}

// TakeOverRun takes the lease of a run at once although gone holds it, and with it frees the shards that gone's workers hold.
// The caller has proven that gone's process is no more. Held by another than gone: as AcquireRun.
func (s *Store) TakeOverRun(ctx context.Context, key string, gone, owner Owner, ttl time.Duration) (RunLease, error) {
	return s.takeRun(ctx, key, owner, ttl, func(h HeldError) bool {
		return h.Holder.ID == "" || h.Holder.ID == gone.ID || h.Until <= h.Now
	}, nil)
}

// takeRun takes the lease of a run that is free and of which, where that is not nil, also holds; what that changes is changed with it.
func (s *Store) takeRun(ctx context.Context, key string, owner Owner, ttl time.Duration, free func(HeldError) bool,
	also func(ctx context.Context, t *tx) error) (RunLease, error) {
	l := RunLease{Run: key, Owner: owner}
	err := s.change(ctx, "take the lease of run "+key, func(ctx context.Context, t *tx) error {
		h := HeldError{Run: key, Now: t.now}
		err := t.row(ctx, `SELECT owner, owner_host, owner_pid, owner_started, owner_boot, epoch, lease_until FROM run WHERE run_key = $1`, key).
			Scan(&h.Holder.ID, &h.Holder.Host, &h.Holder.PID, &h.Holder.Started, &h.Holder.Boot, &h.Epoch, &h.Until)
		if errors.Is(err, sql.ErrNoRows) {
			return s.noRun(ctx, key)
		}
		if err != nil {
			return err
		}
		if !free(h) {
			return held(h)
		}
		if also != nil {
			if err := also(ctx, t); err != nil {
				return err
			}
		}
		l.Epoch, l.Until, l.Previous = h.Epoch+1, t.now+ms(ttl), h.Holder
		n, err := t.exec(ctx, `UPDATE run SET owner = $3, owner_host = $4, owner_pid = $5, owner_started = $6, owner_boot = $7,
			epoch = $8, lease_until = $9 WHERE run_key = $1 AND epoch = $2`,
			key, h.Epoch, owner.ID, owner.Host, owner.PID, owner.Started, owner.Boot, l.Epoch, l.Until)
		if err != nil {
			return err
		}
		if n != 1 {
			return held(h)
		}
		if h.Holder.ID == "" || h.Holder.ID == owner.ID {
			return nil
		}
		// Here the holder's time is over or its process is gone: its shards need not wait for their own leases.
		return t.freeShards(ctx, key, h.Holder.ID)
	})
	if err != nil {
		return RunLease{}, err
	}
	return l, nil
}

func held(h HeldError) error {
	return &connector.Error{Class: connector.Busy, Code: "TOW-212", Text: fmt.Sprintf("take the lease of run %s", h.Run),
		Hint:  fmt.Sprintf("Wait until it ends, or pause the run where it works: towpath pause %s.", h.Run),
		After: time.Duration(max(h.Until-h.Now, 0)) * time.Millisecond, Err: &h}
}

// RenewRun prolongs a lease to ttl from the database's now. A newer holder: class Fenced, TOW-213.
func (s *Store) RenewRun(ctx context.Context, l RunLease, ttl time.Duration) (RunLease, error) {
	err := s.change(ctx, "renew the lease of run "+l.Run, func(ctx context.Context, t *tx) error {
		l.Until = t.now + ms(ttl)
		n, err := t.exec(ctx, "UPDATE run SET lease_until = $4 WHERE run_key = $1 AND epoch = $2 AND owner = $3", l.Run, l.Epoch, l.Owner.ID, l.Until)
		if err == nil && n == 0 {
			return runLost(l.Run, l.Epoch)
		}
		return err
	})
	return l, err
}

// ReleaseRun gives a lease back. When another holds it by now, nothing happens.
func (s *Store) ReleaseRun(ctx context.Context, l RunLease) error {
	return s.change(ctx, "release the lease of run "+l.Run, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, `UPDATE run SET owner = '', owner_host = '', owner_pid = 0, owner_started = 0, owner_boot = '', lease_until = 0
			WHERE run_key = $1 AND epoch = $2 AND owner = $3`, l.Run, l.Epoch, l.Owner.ID)
		return err
	})
}

func runLost(run string, epoch int64) error {
	return fenced("TOW-213", "run %s is steered by another process since epoch %d ended", run, epoch)
}

// checkRun refuses when epoch is not that of the run's lease.
//
// Invariant 3: what a former holder still sends changes nothing.
func (t *tx) checkRun(ctx context.Context, run string, epoch int64) error {
	var is int64
	err := t.row(ctx, "SELECT epoch FROM run WHERE run_key = $1", run).Scan(&is)
	if errors.Is(err, sql.ErrNoRows) {
		return connector.Errorf(connector.Missing, "TOW-210", "no run %s", run)
	}
	if err == nil && is != epoch {
		return runLost(run, epoch)
	}
	return err
}
