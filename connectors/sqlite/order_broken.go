//go:build broken_order

package sqlite

import (
	"context"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// disorder makes the position durable in a transaction before that of its rows.
type disorder struct{ rows []*record.Batch }

func (d *disorder) keep(group []*record.Batch) { d.rows = append(d.rows, group...) }

// positionFirst takes the rows back, commits the checkpoint alone, and sends the rows again.
func (d *disorder) positionFirst(ctx context.Context, s *shardWriter, c connector.Checkpoint) error {
	rows := d.rows
	d.rows = nil
	s.rollback()
	if err := s.begin(ctx); err != nil {
		return err
	}
	if err := s.fence(s.w.memory.Advance(ctx, session{s.conn}, s.epoch, s.seq, c)); err != nil {
		return err
	}
	s.insert.close()
	if _, err := s.conn.ExecContext(ctx, "COMMIT"); err != nil {
		return err
	}
	s.seq = c.Seq
	s.release()
	if err := s.begin(ctx); err != nil {
		return err
	}
	_, err := s.insert.write(ctx, rows)
	return err
}
