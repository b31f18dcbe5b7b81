package engine

import (
	"context"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/crashpoint"
	"github.com/towpath/towpath/record"
)

// tellEvery is how often the control database hears of checkpoints that the target keeps itself.
const tellEvery = 250 * time.Millisecond

// begin starts the commit that follows the newest checkpoint.
func (c *copier) begin() {
	c.sofar = c.at
	c.sofar.Seq++
	c.dirty, c.ordinal, c.told = nil, 0, connector.Counts{}
	if c.Shard.Replay == connector.None { // committed once, at its end: what an earlier attempt counted is not part of it
		c.sofar.Counts, c.sofar.Sum = connector.Counts{}, record.Sum{}
	}
}

// send writes a group and counts its rows.
func (c *copier) send(ctx context.Context, group []*item) error {
	batches, sent := c.batches[:0], c.sent[:0]
	defer func() { c.batches, c.sent = batches, sent }()
	rows := 0
	for _, it := range group {
		c.sofar.Counts.Bytes += int64(it.bytes)
		c.sofar.Read += int64(it.rows)
		c.sofar.Dirty += int64(len(it.dirty))
		c.keep(it.dirty...)
		if it.after != nil {
			c.sofar.At = it.after
		}
		if it.out != nil && it.out.Len > 0 {
			batches, sent = append(batches, it.out), append(sent, it)
			rows += it.out.Len
		}
	}
	if rows == 0 {
		return c.flush(ctx)
	}
	if positionFirst {
		if err := c.disorder(ctx, sent); err != nil {
			return err
		}
	}
	crashpoint.At(c.Shard.ID, crashpoint.Writing)
	outcome, err := c.writer.Write(ctx, batches)
	if err != nil {
		return err
	}
	crashpoint.At(c.Shard.ID, crashpoint.Written)
	for _, it := range sent {
		for _, h := range it.hashes {
			c.sofar.Sum.Add(h)
		}
	}
	for _, r := range outcome.Superseded {
		c.sofar.Sum.Sub(sent[r.Batch].hashes[r.Row])
	}
	for _, r := range outcome.Rejected {
		c.sofar.Sum.Sub(sent[r.Batch].hashes[r.Row])
		c.keep(DirtyRow{Code: string(r.Code), Column: r.Column, Reason: r.Reason,
			Row: record.AppendRowJSON(nil, sent[r.Batch].read, r.Row, maxRowBytes), Ref: refOf(sent[r.Batch].read, r.Row)})
	}
	c.sofar.Written += int64(rows - len(outcome.Rejected))
	c.sofar.Superseded += int64(len(outcome.Superseded))
	c.sofar.Dirty += int64(len(outcome.Rejected))
	return c.flush(ctx)
}

// keep takes dirty rows into the commit in the making.
func (c *copier) keep(rows ...DirtyRow) {
	for i := range rows {
		rows[i].Ordinal = c.ordinal
		c.ordinal++
	}
	c.dirty = append(c.dirty, rows...)
}

// flush stores the dirty rows so far of a shard that is committed once, at its end, and tells the gate of its rows.
//
// Invariant 9: dirty rows are not kept in memory until the end of a shard.
func (c *copier) flush(ctx context.Context) error {
	if c.Shard.Replay != connector.None {
		return nil
	}
	c.report(false)
	if len(c.dirty) == 0 {
		return nil
	}
	err := c.Ledger.Dirty(ctx, c.sofar.Seq, c.dirty)
	c.dirty = nil
	return err
}

// report tells the gate what came since it was told last.
func (c *copier) report(committed bool) {
	delta := c.sofar.Counts
	delta.Sub(c.at.Counts)
	all := delta
	delta.Sub(c.told)
	c.told = all
	c.Gate.Moved(c.Stream, delta, committed)
}

// giveUp takes back what the gate was told of rows that were sent and never committed.
func (c *copier) giveUp() {
	if c.told != (connector.Counts{}) {
		back := connector.Counts{}
		back.Sub(c.told)
		c.Gate.Moved(c.Stream, back, false)
	}
}

// commit makes what was sent since the last commit durable, rows first.
//
// Invariant 1: the ledger hears of a position only after the target answered that every row up to it is durable.
func (c *copier) commit(ctx context.Context, end bool) error {
	next := c.sofar
	next.Done = end
	// Invariant 4: read = written + dirty + filtered, and one hash for each row that stands.
	if !next.Balanced() || next.Sum.Count != next.Written-next.Superseded {
		return connector.Errorf(connector.Other, "TOW-110",
			"shard %s does not balance: %d rows read, %d written (%d superseded, %d hashed), %d dirty, %d filtered", c.Shard.ID, next.Read,
			next.Written, next.Superseded, next.Sum.Count, next.Dirty, next.Filtered)
	}
	remembers := c.Target.Remembers()
	if remembers && len(c.dirty) > 0 {
		if err := c.Ledger.Dirty(ctx, next.Seq, c.dirty); err != nil {
			return err
		}
		crashpoint.At(c.Shard.ID, crashpoint.Stored)
	}
	crashpoint.At(c.Shard.ID, crashpoint.Committing)
	state, err := c.writer.Commit(ctx, next)
	if err != nil {
		return err
	}
	if end {
		crashpoint.At(c.Shard.ID, crashpoint.Ended)
	} else {
		crashpoint.At(c.Shard.ID, crashpoint.Committed)
	}
	next.State = state
	if !remembers { // only this makes the position durable
		if err := c.Ledger.Checkpoint(ctx, next, c.dirty); err != nil {
			return err
		}
		c.heard, c.known = time.Now(), next.Seq
	}
	c.report(true)
	atOnce := end || len(c.dirty) > 0
	c.at = next
	c.begin()
	return c.tell(ctx, atOnce)
}

// tell copies the newest checkpoint into the control database, at once or when it has not heard for a while.
func (c *copier) tell(ctx context.Context, atOnce bool) error {
	if c.at.Seq == c.known || !c.Target.Remembers() || !atOnce && time.Since(c.heard) < tellEvery {
		return nil
	}
	c.heard = time.Now()
	if err := c.Ledger.Checkpoint(ctx, c.at, nil); err != nil {
		return err
	}
	c.known = c.at.Seq
	return nil
}
