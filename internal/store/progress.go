package store

import (
	"context"

	"github.com/towpath/towpath/connector"
)

// Progress is how far a stream is.
type Progress struct {
	Stream        Stream // without its plan
	State         StreamState
	Failure, Code string // why it failed
	Counts        connector.Counts
	Shards, Done  int
	Active        int // shards leased
}

// Progress returns how far each stream of a run is, in the plan's order. It reads a row a stream.
func (s *Store) Progress(ctx context.Context, run string) ([]Progress, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT st.id, st.source, st.connection, st.identity, st.dataset, st.lead, st.stage, st.guarantee, st.parallel,
		st.row_count, st.bytes, st.state, st.failure, st.failure_code, st.shards, st.done, COALESCE(a.n, 0),
		st.rows_read, st.written, st.dirty, st.filtered, st.superseded, st.bytes_read
		FROM stream st LEFT JOIN (SELECT stream, COUNT(*) AS n FROM shard WHERE state = 1 AND run = $1 GROUP BY stream) a ON a.stream = st.id
		WHERE st.run = $1 ORDER BY st.ordinal`, run)
	if err != nil {
		return nil, s.fail("read progress of run "+run, err)
	}
	all, err := collect(rows, func(scan func(...any) error) (p Progress, err error) {
		st, c := &p.Stream, &p.Counts
		err = scan(&st.ID, &st.Source, &st.Connection, &st.Identity, &st.Dataset, &st.Lead, &st.Stage, &st.Guarantee, &st.Parallel,
			&st.Rows, &st.Bytes, &p.State, &p.Failure, &p.Code, &p.Shards, &p.Done, &p.Active,
			&c.Read, &c.Written, &c.Dirty, &c.Filtered, &c.Superseded, &c.Bytes)
		return p, err
	})
	return all, s.fail("read progress of run "+run, err)
}

// settleState follows the shards of a stream that is at work. It stands in the statement only where a shard was done or reopened: a column
// that is set has its index written.
const settleState = `, state = CASE WHEN state = 'running' AND done + $9 >= shards THEN 'copied' WHEN state = 'copied' AND done + $9 < shards THEN 'running'
	ELSE state END`

// addProgress keeps the sums of a stream when a shard goes from one checkpoint to another.
func (t *tx) addProgress(ctx context.Context, run string, was shardNow, is connector.Counts, done bool) error {
	o := was.counts
	more := bit(done) - bit(was.state == ShardDone)
	settle := ""
	if more != 0 {
		settle = settleState
	}
	_, err := t.exec(ctx, `UPDATE stream SET rows_read = rows_read + $3, written = written + $4, dirty = dirty + $5, filtered = filtered + $6,
		superseded = superseded + $7, bytes_read = bytes_read + $8, done = done + $9`+settle+` WHERE run = $1 AND id = $2`,
		run, was.stream, is.Read-o.Read, is.Written-o.Written, is.Dirty-o.Dirty, is.Filtered-o.Filtered, is.Superseded-o.Superseded, is.Bytes-o.Bytes, more)
	if err != nil || was.replays == "" {
		return err
	}
	moved := is
	moved.Sub(o)
	return t.moveDirty(ctx, was.replays, was.stream, moved)
}
