package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/towpath/towpath/connector"
)

// replaysOf are the replays of a run that are not over.
func replaysOf(run string) string {
	return "FROM run p WHERE p.replays = " + run + " AND p.replays <> '' AND p.state NOT IN ('succeeded', 'stopped')"
}

func replayed(run string) string { return "EXISTS (SELECT 1 " + replaysOf(run) + ")" }

// Forget deletes all that is known of a run that is final, or failed and steered by nobody. Stamps of target datasets stay.
func (s *Store) Forget(ctx context.Context, key string) error {
	return s.changeAlone(ctx, "forget run "+key, func(ctx context.Context, t *tx) error {
		var state State
		var until int64
		var replays string
		err := t.row(ctx, "SELECT state, lease_until, replays FROM run WHERE run_key = $1", key).Scan(&state, &until, &replays)
		if errors.Is(err, sql.ErrNoRows) {
			return s.noRun(ctx, key)
		}
		if err != nil {
			return err
		}
		if !state.Final() && (state != Failed || until > t.now || replays != "") { // a replay that failed may have written more than is known here
			return connector.Errorf(connector.Config, "TOW-218", "forget run %s: it is %s", key, state).WithHint("Stop it first: towpath stop %s.", key)
		}
		var replay string
		err = t.row(ctx, "SELECT p.run_key "+replaysOf("$1")+" LIMIT 1", key).Scan(&replay)
		if !errors.Is(err, sql.ErrNoRows) {
			if err == nil {
				err = connector.Errorf(connector.Config, "TOW-218", "forget run %s: run %s replays its dirty rows", key, replay).WithHint("Stop it first: towpath stop %s.", replay)
			}
			return err
		}
		for _, statement := range []string{
			"DELETE FROM dirty WHERE run = $1", "DELETE FROM shard WHERE run = $1", "DELETE FROM stream WHERE run = $1",
			"DELETE FROM plan WHERE run = $1", "DELETE FROM step WHERE run = $1", "DELETE FROM event WHERE run = $1", "DELETE FROM run_connection WHERE run = $1", "DELETE FROM sync_check WHERE run = $1",
			"UPDATE target SET claim = '' WHERE claim = $1", "DELETE FROM run WHERE run_key = $1",
		} {
			if _, err := t.exec(ctx, statement, key); err != nil {
				return err
			}
		}
		return nil
	})
}
