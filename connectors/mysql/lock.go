package mysql

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/towpath/towpath/connector"
)

// The session that takes or writes a shard holds a lock of the server by a name that the shard has for all processes. Where checkpoints are at
// the target, the lock only tells whom to end at a take-over; where they are not, it is what keeps an older owner from writing.
// https://mariadb.com/kb/en/get_lock/

// endWait is how long a session that was ended may take to let go.
const endWait = 10 * time.Second

// lockName is the name of a shard's lock: 40 of the 64 characters that one may have.
func lockName(run, table, shard string) string {
	sum := xxh3.HashString128(run + "\x00" + table + "\x00" + shard).Bytes()
	return "towpath:" + hex.EncodeToString(sum[:])
}

// holder returns the number of the session that holds a lock; 0: none does.
func (s *session) holder(name string) (int64, error) {
	rows, err := s.query("SELECT COALESCE(IS_USED_LOCK(?), 0)", textParam(name))
	if err != nil || len(rows) != 1 {
		return 0, err
	}
	return rows[0][0].int64(), nil
}

// endHolder ends the session that holds a lock and waits until it has let go of it.
func (s *session) endHolder(ctx context.Context, name string) error {
	deadline := time.Now().Add(endWait)
	for killed := int64(0); ; {
		id, err := s.holder(name)
		if err != nil || id == 0 || id == int64(s.id) {
			return err
		}
		if id != killed {
			err := s.exec(fmt.Sprintf("KILL %d", id))
			if e, ok := errors.AsType[*serverError](err); ok && e.Number == noSuchThread {
				err = nil // it was quicker
			}
			if err != nil {
				return classify(err, "end the session of an older owner")
			}
			killed = id
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if time.Now().After(deadline) {
			return connector.Errorf(connector.Retry, "TOW-449", "end the session of an older owner: it still holds its lock after %s", endWait)
		}
	}
}

const noSuchThread = 1094

// lock takes a lock, if it is free.
func (s *session) lock(name string) (bool, error) {
	rows, err := s.query("SELECT COALESCE(GET_LOCK(?, 0), 0)", textParam(name))
	return err == nil && len(rows) == 1 && rows[0][0].text == "1", err
}

// alone runs f, whose transaction holds rows that others wait for, under a lock. Should the process stand still in it, whoever comes next
// ends the session that has the lock, and the transaction with it. A cluster may know no locks by name; then the rows are waited for.
func (s *session) alone(ctx context.Context, name string, f func() error) error {
	got, err := s.lock(name)
	if err == nil && !got {
		if err = s.endHolder(ctx, name); err == nil {
			_, err = s.lock(name) // should another one be quicker, the rows decide
		}
	}
	switch {
	case isRefusal(err):
		return f()
	case err != nil:
		return err
	}
	defer func() { s.Broken = s.Broken || s.exec(unlock(name)) != nil }()
	return f()
}

// unlock is the statement that lets a lock go which the session may hold.
func unlock(name string) string { return "DO RELEASE_LOCK('" + name + "')" }
