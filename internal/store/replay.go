package store

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// Mend is what a person gave a dirty row. The row itself stays as it was read.
type Mend struct {
	Values map[string]*string `json:"values,omitempty"` // by column as read, as text; nil is NULL
	Who    string             `json:"who,omitempty"`
	At     int64              `json:"at,omitempty"` // 0: it is not mended
}

// Choice says which dirty rows of a run. Those that were replayed, or that a replay has chosen, are never among them.
type Choice struct {
	Streams []string    `json:"streams,omitempty"` // IDs; none: all
	Code    record.Code `json:"code,omitempty"`    // "": any
	Column  string      `json:"column,omitempty"`  // "": any
	Mended  bool        `json:"mended,omitempty"`  // only those that are mended
	Row     DirtyCursor `json:"row,omitzero"`      // one row; zero: all
}

// where returns the condition for rows of table dirty, of the run that is the first of args, and args with those that it needs.
func (c Choice) where(args ...any) (string, []any) {
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	parts := []string{"dirty.run = $1 AND dirty.replay = '' AND dirty.replayed = 0",
		"EXISTS (SELECT 1 FROM shard s WHERE s.run = dirty.run AND s.id = dirty.shard AND s.seq >= dirty.seq)"}
	if len(c.Streams) > 0 {
		marks := make([]string, len(c.Streams))
		for i, id := range c.Streams {
			marks[i] = arg(id)
		}
		parts = append(parts, "dirty.shard IN (SELECT o.id FROM shard o WHERE o.run = $1 AND o.stream IN ("+strings.Join(marks, ", ")+"))")
	}
	if c.Code != "" {
		parts = append(parts, "dirty.code = "+arg(string(c.Code)))
	}
	if c.Column != "" {
		parts = append(parts, "dirty.column_name = "+arg(c.Column))
	}
	if c.Mended {
		parts = append(parts, "dirty.mended > 0")
	}
	if c.Row != (DirtyCursor{}) {
		parts = append(parts, "dirty.shard = "+arg(c.Row.Shard)+" AND dirty.seq = "+arg(c.Row.Seq)+" AND dirty.ordinal = "+arg(c.Row.Ordinal))
	}
	return strings.Join(parts, " AND "), args
}

// MendDirty gives dirty rows of a run values, in place of those given before, or with none takes them back, and returns how many rows it were.
// by is recorded with it, unless it is zero.
func (s *Store) MendDirty(ctx context.Context, run string, c Choice, who string, values map[string]*string, by Entry) (n int64, err error) {
	err = s.change(ctx, "mend dirty rows of run "+run, func(ctx context.Context, t *tx) error {
		var mend []byte
		var at int64
		if len(values) > 0 {
			at = t.now
			if mend, err = json.Marshal(values); err != nil {
				return err
			}
		} else {
			who = ""
		}
		where, args := c.where(run, mend, at, who)
		if n, err = t.exec(ctx, "UPDATE dirty SET mend = $2, mended = $3, mended_by = $4 WHERE "+where, args...); err != nil || n == 0 || by.Action == "" {
			return err
		}
		return t.audit(ctx, by)
	})
	return n, err
}

// Chosen is how many rows of a stream a choice has.
type Chosen struct {
	Stream
	State StreamState
	Rows  int64
	Bytes int64
}

// Chosen returns which streams of a run a choice has rows of, in the plan's order.
func (s *Store) Chosen(ctx context.Context, run string, c Choice) ([]Chosen, error) {
	where, args := c.where(run)
	rows, err := s.read.QueryContext(ctx, `SELECT st.id, st.source, st.dataset, st.lead, st.stage, st.parallel, st.state, c.n, c.size FROM stream st JOIN (
		SELECT h.stream AS stream, COUNT(*) AS n, CAST(COALESCE(SUM(LENGTH(dirty.row_json)), 0) AS BIGINT) AS size FROM dirty JOIN shard h ON h.run = dirty.run AND h.id = dirty.shard WHERE `+where+`
		GROUP BY h.stream) c ON c.stream = st.id WHERE st.run = $1 ORDER BY st.ordinal`, args...)
	if err != nil {
		return nil, s.fail("count dirty rows of run "+run, err)
	}
	all, err := collect(rows, func(scan func(...any) error) (c Chosen, err error) {
		err = scan(&c.ID, &c.Source, &c.Dataset, &c.Lead, &c.Stage, &c.Parallel, &c.State, &c.Rows, &c.Bytes)
		return c, err
	})
	return all, s.fail("count dirty rows of run "+run, err)
}

// choose gives the rows of a choice to the shards of a replay, numbered from 1 in the order of their list: from here on they are its own.
func (t *tx) choose(ctx context.Context, run string, p Plan, shards iter.Seq[connector.Shard]) error {
	for sh := range shards {
		c := p.Choice
		c.Streams = []string{sh.Stream}
		where, args := c.where(p.Replays, run, sh.ID)
		_, err := t.exec(ctx, `UPDATE dirty SET replay = $2, replay_shard = $3, replay_number = c.n FROM (
			SELECT dirty.shard AS shard, dirty.seq AS seq, dirty.ordinal AS ordinal, ROW_NUMBER() OVER (ORDER BY dirty.shard, dirty.seq, dirty.ordinal) AS n
			FROM dirty WHERE `+where+`) c WHERE dirty.run = $1 AND dirty.shard = c.shard AND dirty.seq = c.seq AND dirty.ordinal = c.ordinal`, args...)
		if err != nil {
			return err
		}
	}
	return nil
}

// ReplayRow is a row that a replay is to write.
type ReplayRow struct {
	Number int64
	Row    []byte
	Values map[string]*string // that it is mended with
}

// ReplayRows returns rows of a replay's shard behind a number, up to a page; none at its end.
func (s *Store) ReplayRows(ctx context.Context, replay, shard string, after int64) ([]ReplayRow, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT replay_number, row_json, mend FROM dirty
		WHERE replay = $1 AND replay <> '' AND replay_shard = $2 AND replay_number > $3 ORDER BY replay_number LIMIT $4`, replay, shard, after, dirtyPage)
	if err != nil {
		return nil, s.fail("read rows of replay "+replay, err)
	}
	all, err := collect(rows, func(scan func(...any) error) (r ReplayRow, err error) {
		var mend []byte
		if err = scan(&r.Number, &r.Row, &mend); err == nil && mend != nil {
			err = json.Unmarshal(mend, &r.Values)
		}
		return r, err
	})
	return all, s.fail("read rows of replay "+replay, err)
}

// moveDirty moves rows of a run that a replay of it has got on with from dirty to what became of them, in the transaction of the replay's checkpoint. What is
// dirty again stays so. Checkpoints that go back move rows back.
//
// Invariant 4: the balance of both runs holds at every checkpoint.
func (t *tx) moveDirty(ctx context.Context, run, stream string, moved connector.Counts) error {
	_, err := t.exec(ctx, "UPDATE stream SET written = written + $3, filtered = filtered + $4, superseded = superseded + $5, dirty = dirty - $3 - $4 WHERE run = $1 AND id = $2",
		run, stream, moved.Written, moved.Filtered, moved.Superseded)
	return err
}

// SettleStep is the step of a replay that is stopped: it is done once its targets have told, for good, how far its shards are.
const SettleStep = "settle"

// dirtyAgain are the rows of a replay, $1, that became dirty rows of its own: table a.
const dirtyAgain = "a.run = $1 AND a.shard = dirty.replay_shard AND a.origin > 0 AND a.origin = dirty.replay_number"

// settle ends a replay's hold of the dirty rows: what it has read and not found dirty again was written; the rest is free, with the newest
// reason. A stopped replay that could not find out keeps what it had: whether those rows were written is not known.
func (t *tx) settle(ctx context.Context, replay string, to State) error {
	args := []any{replay, bit(to == Succeeded), SettleStep}
	const known = `dirty.replay = $1 AND dirty.replay <> '' AND ($2 = 1 OR EXISTS (SELECT 1 FROM step k WHERE k.run = $1 AND k.name = $3 AND k.done > 0))`
	for _, statement := range []struct {
		text string
		args []any
	}{
		{`UPDATE dirty SET replayed = $4 WHERE ` + known + ` AND EXISTS (SELECT 1 FROM shard s WHERE s.run = $1 AND s.id = dirty.replay_shard AND s.rows_read >= dirty.replay_number)
			AND NOT EXISTS (SELECT 1 FROM dirty a WHERE ` + dirtyAgain + `)`, append(args, t.now)},
		{`UPDATE dirty SET code = a.code, column_name = a.column_name, reason = a.reason FROM dirty a WHERE ` + known + ` AND ` + dirtyAgain, args},
		{`UPDATE dirty SET replay = '', replay_shard = '', replay_number = 0 WHERE ` + known + ` AND dirty.replayed = 0`, args},
	} {
		if _, err := t.exec(ctx, statement.text, statement.args...); err != nil {
			return err
		}
	}
	return nil
}

// SeizeShard takes a shard from whoever works on it, for good: who steers the run finds out with the lease how far it is, and nobody goes on with it.
func (s *Store) SeizeShard(ctx context.Context, run string, runEpoch int64, id, worker string) (l connector.Lease, err error) {
	err = s.change(ctx, "seize shard "+id+" of run "+run, func(ctx context.Context, t *tx) error {
		if err := t.checkRun(ctx, run, runEpoch); err != nil {
			return err
		}
		l = connector.Lease{Run: run, Worker: worker}
		return t.row(ctx, "UPDATE shard SET "+setPending+`, epoch = epoch + 1, worker = '', lease_until = 0 WHERE run = $1 AND id = $2 AND state < 2 RETURNING epoch, stamp`,
			run, id).Scan(&l.Epoch, &l.Stamp)
	})
	return l, err
}
