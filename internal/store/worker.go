package store

import (
	"context"

	"github.com/towpath/towpath/connector"
)

// Verdict is what a worker holds the failure of a shard for. Who steers the run acts on it; the shard is leased no more in this part of the run.
type Verdict string

// The verdicts.
const (
	TriedAgain  Verdict = "" // it may pass
	FailsStream Verdict = "stream"
	FailsRun    Verdict = "run"
	PausesRun   Verdict = "pause"
)

// Judged is a shard with a verdict.
type Judged struct {
	Stream, Shard string
	Verdict       Verdict
	Text, Code    string
}

// Verdicts returns the shards of a run that workers have judged in this part of it.
func (s *Store) Verdicts(ctx context.Context, run string) ([]Judged, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT stream, id, verdict, failure, failure_code FROM shard WHERE run = $1 AND verdict <> '' ORDER BY id", run)
	if err != nil {
		return nil, s.fail("read verdicts of run "+run, err)
	}
	all, err := collect(rows, func(scan func(...any) error) (j Judged, err error) {
		err = scan(&j.Stream, &j.Shard, &j.Verdict, &j.Text, &j.Code)
		return j, err
	})
	return all, s.fail("read verdicts of run "+run, err)
}

// AtWork returns how many shards of a run are leased, to whichever worker but one.
func (s *Store) AtWork(ctx context.Context, run, but string) (n int, err error) {
	err = s.read.QueryRowContext(ctx, "SELECT COUNT(*) FROM shard WHERE state = 1 AND lease_until > "+s.d.now+" AND run = $1 AND worker <> $2", run, but).Scan(&n)
	return n, s.fail("count shards at work of run "+run, err)
}

// forWorkers are the runs that processes which do not steer them may work on: their connections stand in the database, and they read no snapshot, which
// ends with the process that holds it.
const forWorkers = " AND r.served = 1 AND r.consistency = 'fuzzy'"

// Workable returns the runs of which shards wait that a worker may lease, those of higher priority first.
func (s *Store) Workable(ctx context.Context) ([]Run, error) {
	return s.runsBy(ctx, "list runs for workers", ` WHERE r.state = 'running' AND r.wish = ''`+forWorkers+` AND EXISTS (SELECT 1 FROM stream st
		JOIN shard s ON s.run = st.run AND s.stream = st.id AND s.state = 0 AND s.verdict = '' WHERE st.run = r.run_key AND st.state = 'running')
		ORDER BY r.priority DESC, r.created, r.run_key`)
}

// forgive lets the shards of a run be tried again, as if they had never failed.
func (t *tx) forgive(ctx context.Context, run string) error {
	_, err := t.exec(ctx, `UPDATE shard SET verdict = '', attempts = 0, failing_since = 0, failure = '', failure_code = '' WHERE run = $1 AND (attempts > 0 OR verdict <> '')`, run)
	return err
}

// noForm says that the database is not yet what this version needs.
func (s *Store) noForm() error {
	return connector.Errorf(connector.Retry, "TOW-350", "control database %s has not the form of this version yet", s.path).
		WithHint("A server of this version gives it that when it starts.")
}
