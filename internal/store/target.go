package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/towpath/towpath/connector"
)

// ClaimTargets makes run the one writer of target datasets until ReleaseTargets or until it is final; again by the same run is fine. One
// that is claimed by another run: class Busy, an error that wraps *ClaimedError; then none is claimed.
func (s *Store) ClaimTargets(ctx context.Context, run, identity string, datasets ...string) error {
	return s.change(ctx, "claim targets of run "+run, func(ctx context.Context, t *tx) error {
		for _, dataset := range datasets {
			if err := t.claim(ctx, run, identity, dataset); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *tx) claim(ctx context.Context, run, identity, dataset string) error {
	e := ClaimedError{Identity: identity, Dataset: dataset}
	err := t.row(ctx, `SELECT r.run_key, r.state FROM target g JOIN run r ON r.run_key = g.claim
		WHERE g.identity = $1 AND g.dataset = $2 AND g.claim <> $3`, identity, dataset, run).Scan(&e.Run, &e.State)
	if err == nil && !e.State.Final() {
		return &connector.Error{Class: connector.Busy, Code: "TOW-214", Text: fmt.Sprintf("claim target %q for run %s", dataset, run),
			Hint: fmt.Sprintf("Wait for run %s, or stop it: towpath stop %s.", e.Run, e.Run), Err: &e}
	}
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	_, err = t.exec(ctx, `INSERT INTO target (identity, dataset, stamp, claim) VALUES ($1, $2, 0, $3)
		ON CONFLICT (identity, dataset) DO UPDATE SET claim = $3`, identity, dataset, run)
	return err
}

// ReleaseTargets gives up all claims of a run; a holder whose lease went to another gives up nothing.
func (s *Store) ReleaseTargets(ctx context.Context, l RunLease) error {
	return s.change(ctx, "release targets of run "+l.Run, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, "UPDATE target SET claim = '' WHERE claim = $1 AND EXISTS (SELECT 1 FROM run WHERE run_key = $1 AND epoch = $2)", l.Run, l.Epoch)
		return err
	})
}
