package postgres

import (
	"context"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/towpath/towpath/connector"
)

// ownerName names the sessions in which an epoch writes a shard, for people and for those that take over: towpath:run:shard:epoch.
func ownerName(run, shard string, epoch int64) string {
	return ownerPrefix(run, shard) + strconv.FormatInt(epoch, 10)
}

// ownedBy is the statement that gives a transaction the name of its owner.
func ownedBy(run, shard string, epoch int64) string {
	return "SET LOCAL application_name = " + literal(ownerName(run, shard, epoch))
}

// ownerPrefix is the name without the epoch. The server cuts names off, so long ones are replaced by a hash.
func ownerPrefix(run, shard string) string {
	const most = nameMost - len("towpath:::") - 20 // digits of an epoch
	if len(run)+len(shard) > most {
		sum := xxh3.HashString128(run + "\x00" + shard).Bytes()
		run, shard = "x", hex.EncodeToString(sum[:])
	}
	return "towpath:" + run + ":" + shard + ":"
}

// epochOf reads the epoch at the end of an owner's name; 0: there is none.
func epochOf(name, prefix string) int64 {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return 0
	}
	n, _ := strconv.ParseInt(rest, 10, 64)
	return n
}

// Waits of Take for the transaction of an older owner: it may be about to end. After the first wait it is ended.
const (
	raiseWait  = time.Second
	raiseTries = 5
)

// raise makes the epoch the owner of the shard in the table of checkpoints. Its transaction carries the owner's name, so that it can be
// ended as well when the process freezes in it.
func (w *writer) raise(ctx context.Context, shard connector.Shard, epoch int64, last connector.Checkpoint) (c connector.Checkpoint, err error) {
	name := ownedBy(w.sink.Run, shard.ID, epoch)
	for try := range raiseTries {
		err = w.client.withSession(ctx, writes, func(s *session) error {
			return s.within(raiseWait<<try, func() (err error) {
				if err := s.exec(name); err != nil {
					return err
				}
				c, err = w.memory.Raise(ctx, conn{s}, shard, epoch, last)
				return err
			})
		})
		e, refused := errors.AsType[*serverError](err)
		switch {
		case refused && e.Code == "55P03": // lock not available
			if err := w.endOlder(ctx, ownerPrefix(w.sink.Run, shard.ID), epoch); err != nil {
				return c, err
			}
		case refused && e.Code == "23505": // another Take has made the shard's row in between
		default:
			return c, err
		}
	}
	return c, connector.Errorf(connector.Retry, "TOW-758", "another process makes shard %s its own: %w", shard.ID, err)
}

// endOlder ends the sessions of older owners: one that is frozen in a transaction would keep the shard until its connection is
// found dead.
func (w *writer) endOlder(ctx context.Context, prefix string, epoch int64) error {
	return w.client.withSession(ctx, writes, func(s *session) error {
		rows, err := s.query("SELECT pid, application_name FROM pg_stat_activity WHERE datname = current_database() AND starts_with(application_name, $1)", textParam(prefix))
		if err != nil {
			return err
		}
		for _, r := range rows {
			if older := epochOf(r[1].text, prefix); older > 0 && older < epoch {
				if err := s.terminate(r[0], r[1].text); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// terminate ends the session with the number, if it still has the name.
func (s *session) terminate(pid cell, name string) error {
	_, err := s.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND application_name = $2", intParam(pid.int64()), textParam(name))
	return err
}

// lockShard takes a session that holds the lock of the shard, by which way B keeps older owners out. Who holds it is ended.
//
// Invariant 3: one owner.
func (w *writer) lockShard(ctx context.Context, shard string, epoch int64) (*session, error) {
	s, err := w.client.take(ctx, writes)
	if err != nil {
		return nil, err
	}
	release := s.until(ctx)
	err = w.lockIn(ctx, s, shard, epoch)
	release()
	if err == nil && !s.Stopped() {
		return s, nil
	}
	s.Broken = true
	w.client.give(s)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return nil, err
}

// lockPoll is how often a lock is asked for whose holder is about to end.
const lockPoll = 50 * time.Millisecond

func (w *writer) lockIn(ctx context.Context, s *session, shard string, epoch int64) error {
	key, prefix := lockKey(w.sink.Run, w.sink.Dataset, shard), ownerPrefix(w.sink.Run, shard)
	if err := s.exec("SET application_name = " + literal(ownerName(w.sink.Run, shard, epoch))); err != nil {
		return err
	}
	if unfenced {
		return nil
	}
	deadline := time.Now().Add(w.lockWait())
	tick := time.NewTicker(lockPoll)
	defer tick.Stop()
	for {
		rows, err := s.query("SELECT pg_try_advisory_lock($1)", intParam(key))
		if err != nil || len(rows) == 1 && rows[0][0].bool() {
			return err
		}
		holders, err := s.lockHolders(key)
		if err != nil {
			return err
		}
		for _, r := range holders {
			if other := epochOf(r[1].text, prefix); other >= epoch {
				return connector.Errorf(connector.Fenced, "TOW-165", "shard %s belongs to epoch %d, this is %d", shard, other, epoch)
			}
			if err := s.terminate(r[0], r[1].text); err != nil {
				return err
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if time.Now().After(deadline) {
			return connector.Errorf(connector.Retry, "TOW-758", "an older session still holds the lock of shard %s", shard)
		}
	}
}

// lockHolders returns number and name of the sessions that hold an advisory lock.
func (s *session) lockHolders(key int64) ([][]cell, error) {
	return s.query("SELECT a.pid, a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid JOIN pg_database d ON d.oid = l.database "+
		"WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND d.datname = current_database() AND l.classid::int8 = $1 AND l.objid::int8 = $2",
		intParam(int64(uint64(key)>>32)), intParam(key&0xFFFFFFFF))
}

// ownedByNewer tells whether an epoch above ours holds the lock of the shard.
func (w *writer) ownedByNewer(ctx context.Context, shard string, epoch int64) (newer bool, err error) {
	err = w.client.withSession(ctx, writes, func(s *session) error {
		holders, err := s.lockHolders(lockKey(w.sink.Run, w.sink.Dataset, shard))
		for _, r := range holders {
			newer = newer || epochOf(r[1].text, ownerPrefix(w.sink.Run, shard)) > epoch
		}
		return err
	})
	return newer, err
}

// stepTries is how often a step of Prepare or Finish asks for a lock that sessions of the run hold.
const stepTries = 2

// uncontended runs a step that needs a lock on a table to itself. Sessions of the runs that hold one are ended: the step is begun when
// all of their shards are done, so they belong to processes that are gone or frozen. Without runs nobody is ended.
func (c *Client) uncontended(ctx context.Context, runs []string, f func() error) (err error) {
	for range stepTries {
		err = f()
		if e, refused := errors.AsType[*serverError](err); len(runs) == 0 || !refused || e.Code != "55P03" {
			return err
		}
		for _, run := range runs {
			if err := c.endRun(ctx, run); err != nil {
				return err
			}
		}
	}
	return err
}

// uncontended runs a step of the writer's run.
func (w *writer) uncontended(ctx context.Context, f func() error) error {
	return w.client.uncontended(ctx, []string{w.sink.Run}, f)
}

// endRun ends all sessions that write for the run.
func (c *Client) endRun(ctx context.Context, run string) error {
	prefix, _, _ := strings.Cut(ownerPrefix(run, ""), "::")
	return c.withSession(ctx, writes, func(s *session) error {
		_, err := s.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND starts_with(application_name, $1)",
			textParam(prefix+":"))
		return err
	})
}
