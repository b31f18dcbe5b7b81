package store

import (
	"context"

	"github.com/towpath/towpath/connector"
)

// Progress is how far a stream is. It is summed over the shards: 100,000 of them take some 100 ms.
type Progress struct {
	Stream       string
	Rows, Bytes  int64 // estimates
	Counts       connector.Counts
	Shards, Done int
	Active       int
}

// Progress returns how far each stream of a run is, in the plan's order.
func (s *Store) Progress(ctx context.Context, run string) ([]Progress, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT st.id, st.row_count, st.bytes, COUNT(sh.id), COALESCE(SUM(CASE WHEN sh.state = 2 THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN sh.state = 1 THEN 1 ELSE 0 END), 0), COALESCE(SUM(sh.rows_read), 0), COALESCE(SUM(sh.written), 0),
		COALESCE(SUM(sh.dirty), 0), COALESCE(SUM(sh.filtered), 0), COALESCE(SUM(sh.superseded), 0), COALESCE(SUM(sh.bytes_read), 0)
		FROM stream st LEFT JOIN shard sh ON sh.run = st.run AND sh.stream = st.id WHERE st.run = $1
		GROUP BY st.id, st.row_count, st.bytes, st.ordinal ORDER BY st.ordinal`, run)
	if err != nil {
		return nil, s.fail("read progress of run "+run, err)
	}
	all, err := collect(rows, func(scan func(...any) error) (p Progress, err error) {
		c := &p.Counts
		err = scan(&p.Stream, &p.Rows, &p.Bytes, &p.Shards, &p.Done, &p.Active, &c.Read, &c.Written, &c.Dirty, &c.Filtered, &c.Superseded, &c.Bytes)
		return p, err
	})
	if err != nil {
		return nil, s.fail("read progress of run "+run, err)
	}
	return all, nil
}
