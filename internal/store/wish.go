package store

import "context"

// Kind is what someone wishes of a run.
type Kind string

// The kinds. A run with a wish gets no shard leased; who resumes a run clears its wish first, by WishNone.
const (
	WishNone  Kind = ""
	WishPause Kind = "pause"
	WishStop  Kind = "stop"
)

// Wish is what someone wishes of a run; who steers it fulfils it.
type Wish struct {
	Kind     Kind
	Who, Why string
}

// Limits hold over all shards and machines; 0: none.
type Limits struct {
	Rows     int64 // a second
	Bytes    int64 // a second
	Parallel int   // shards at work at once
}

// Wishes is what workers of a run look at several times a second.
type Wishes struct {
	Revision int64 // raised by each SetWish and SetLimits
	Wish     Wish
	Limits   Limits
	State    State
	Epoch    int64 // of the run lease
}

// SetWish replaces the wish of a run. A stop is not replaced by a pause. Who wishes something takes the run from the release of a connection that
// holds it, and who wishes that it ends or pauses, from the queue.
func (s *Store) SetWish(ctx context.Context, key string, w Wish) error {
	return s.changeRun(ctx, "set wish of run "+key, key, `UPDATE run SET revision = revision + 1,
		held = '', queued = CASE WHEN $2 = '' THEN queued ELSE 0 END,
		wish = CASE WHEN wish = 'stop' AND $2 = 'pause' THEN wish ELSE $2 END,
		wish_who = CASE WHEN wish = 'stop' AND $2 = 'pause' THEN wish_who ELSE $3 END,
		wish_why = CASE WHEN wish = 'stop' AND $2 = 'pause' THEN wish_why ELSE $4 END WHERE run_key = $1`, w.Kind, w.Who, w.Why)
}

// SetLimits replaces the limits of a run.
func (s *Store) SetLimits(ctx context.Context, key string, l Limits) error {
	return s.changeRun(ctx, "set limits of run "+key, key, `UPDATE run SET revision = revision + 1, limit_rows = $2, limit_bytes = $3, parallel = $4
		WHERE run_key = $1`, l.Rows, l.Bytes, l.Parallel)
}

func (s *Store) changeRun(ctx context.Context, doing, key, statement string, args ...any) error {
	return s.change(ctx, doing, func(ctx context.Context, t *tx) error {
		n, err := t.exec(ctx, statement, append([]any{key}, args...)...)
		if err == nil && n == 0 {
			return s.noRun(ctx, key)
		}
		return err
	})
}

// Wishes returns wishes, limits and states of the named runs; unknown keys are left out.
func (s *Store) Wishes(ctx context.Context, keys ...string) (map[string]Wishes, error) {
	all := make(map[string]Wishes, len(keys))
	if len(keys) == 0 {
		return all, nil
	}
	marks, args := marksOf(keys)
	rows, err := s.read.QueryContext(ctx, `SELECT run_key, revision, wish, wish_who, wish_why, limit_rows, limit_bytes, parallel, state, epoch
		FROM run WHERE run_key IN (`+marks+")", args...)
	if err != nil {
		return nil, s.fail("read wishes", err)
	}
	_, err = collect(rows, func(scan func(...any) error) (w Wishes, err error) {
		var key string
		err = scan(&key, &w.Revision, &w.Wish.Kind, &w.Wish.Who, &w.Wish.Why, &w.Limits.Rows, &w.Limits.Bytes, &w.Limits.Parallel, &w.State, &w.Epoch)
		all[key] = w
		return w, err
	})
	return all, s.fail("read wishes", err)
}
