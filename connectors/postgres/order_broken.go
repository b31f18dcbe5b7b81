//go:build broken_order

package postgres

import (
	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// disorder makes the position durable in a transaction before that of its rows.
type disorder struct{ rows []*record.Batch }

func (d *disorder) keep(group []*record.Batch) { d.rows = append(d.rows, group...) }

// positionFirst takes the rows back, commits the checkpoint alone, and sends the rows again.
func (d *disorder) positionFirst(sw *shardWriter, c connector.Checkpoint) error {
	rows := d.rows
	d.rows = nil
	sw.rollback()
	if err := sw.commit(c); err != nil {
		return err
	}
	sw.seq = c.Seq
	_, err := sw.write(rows)
	return err
}
