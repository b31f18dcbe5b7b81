//go:build broken_order

package mysql

import (
	"context"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// disorder makes the position durable in a transaction before that of its rows.
type disorder struct{ rows []*record.Batch }

func (d *disorder) keep(group []*record.Batch) { d.rows = append(d.rows, group...) }

// positionFirst takes the rows back, commits the checkpoint alone, and sends the rows again.
func (d *disorder) positionFirst(ctx context.Context, s *shardWriter, cp connector.Checkpoint) error {
	rows := d.rows
	d.rows = nil
	if !s.remembers {
		return nil
	}
	s.rollback()
	c, err := s.begin(ctx)
	if err != nil {
		return err
	}
	if err := s.fence(s.w.memory.Advance(ctx, conn{c}, s.epoch, s.seq, cp)); err != nil {
		return err
	}
	if err := c.exec("COMMIT"); err != nil {
		return err
	}
	s.seq, s.open = cp.Seq, false
	s.leave()
	if c, err = s.begin(ctx); err != nil {
		return err
	}
	_, err = s.write(ctx, c, rows)
	return err
}
