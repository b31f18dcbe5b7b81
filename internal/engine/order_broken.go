//go:build broken_order

package engine

import "context"

// positionFirst saves positions before the rows that they are behind.
const positionFirst = true

// disorder saves the checkpoint of a group that is not sent, as if all of its rows were written.
func (c *copier) disorder(ctx context.Context, sent []*item) error {
	if c.Target.Remembers() {
		return nil
	}
	early := c.sofar
	for _, it := range sent {
		early.Written += int64(it.out.Len)
		for _, h := range it.hashes {
			early.Sum.Add(h)
		}
	}
	return c.Ledger.Checkpoint(ctx, early, c.dirty)
}
