package store

import (
	"context"

	"github.com/towpath/towpath/connector"
)

// Progress is how far a stream is.
type Progress struct {
	Stream       string
	Rows, Bytes  int64 // estimates
	Counts       connector.Counts
	Shards, Done int
	Active       int // shards leased
}

// Progress returns how far each stream of a run is, in the plan's order. It reads a row a stream and may be asked several times
// a second.
func (s *Store) Progress(ctx context.Context, run string) ([]Progress, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT st.id, st.row_count, st.bytes, st.shards, st.done,
		(SELECT COUNT(*) FROM shard a WHERE a.run = st.run AND a.stream = st.id AND a.state = 1),
		st.rows_read, st.written, st.dirty, st.filtered, st.superseded, st.bytes_read FROM stream st WHERE st.run = $1 ORDER BY st.ordinal`, run)
	if err != nil {
		return nil, s.fail("read progress of run "+run, err)
	}
	all, err := collect(rows, func(scan func(...any) error) (p Progress, err error) {
		c := &p.Counts
		err = scan(&p.Stream, &p.Rows, &p.Bytes, &p.Shards, &p.Done, &p.Active, &c.Read, &c.Written, &c.Dirty, &c.Filtered, &c.Superseded, &c.Bytes)
		return p, err
	})
	return all, s.fail("read progress of run "+run, err)
}

// addProgress keeps the sums of a stream when a shard goes from one checkpoint to another.
func (t *tx) addProgress(ctx context.Context, run string, was shardNow, is connector.Counts, done bool) error {
	o := was.counts
	_, err := t.exec(ctx, `UPDATE stream SET rows_read = rows_read + $3, written = written + $4, dirty = dirty + $5, filtered = filtered + $6,
		superseded = superseded + $7, bytes_read = bytes_read + $8, done = done + $9 WHERE run = $1 AND id = $2`,
		run, was.stream, is.Read-o.Read, is.Written-o.Written, is.Dirty-o.Dirty, is.Filtered-o.Filtered, is.Superseded-o.Superseded, is.Bytes-o.Bytes,
		bit(done)-bit(was.state == ShardDone))
	return err
}
