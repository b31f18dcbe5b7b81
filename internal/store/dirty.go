package store

import (
	"context"
	"encoding/json"
	"iter"

	"github.com/towpath/towpath/record"
)

// DirtyRow is a row that was not written, with the reason.
type DirtyRow struct {
	Ordinal int64 // within its shard and Seq
	Code    record.Code
	Column  string // "" when it is the row's fault
	Reason  string
	Key     string // as text, for people
	Row     []byte // JSON of the row as read
	Origin  int64  // in a replay: which of its shard's rows it is; 0: none
}

// DirtyCursor is the place of a dirty row in the list of its run; the zero cursor is before the first.
type DirtyCursor struct {
	Shard   string
	Seq     int64
	Ordinal int64
}

// DirtyAt is a dirty row and where it is from.
type DirtyAt struct {
	DirtyRow
	Cursor DirtyCursor // where it stands
	At     int64
	Mend   Mend
	Replay string // key of the run that has chosen the row to write it; "": none
}

// AddDirty stores dirty rows of a commit before the target's, in place of those stored for the same Seq from the first one's ordinal
// on; of none, in place of all. An epoch that is not the
// shard's newest: class Fenced, TOW-215.
func (s *Store) AddDirty(ctx context.Context, run, shard string, epoch, seq int64, rows []DirtyRow) error {
	return s.change(ctx, "store dirty rows of shard "+shard, func(ctx context.Context, t *tx) error {
		if _, err := t.ownShard(ctx, run, shard, epoch); err != nil {
			return err
		}
		return t.putDirty(ctx, run, shard, seq, rows)
	})
}

func (t *tx) putDirty(ctx context.Context, run, shard string, seq int64, rows []DirtyRow) error {
	var first int64
	if len(rows) > 0 {
		first = rows[0].Ordinal
	}
	_, err := t.exec(ctx, "DELETE FROM dirty WHERE run = $1 AND shard = $2 AND seq = $3 AND ordinal >= $4", run, shard, seq, first)
	if err != nil || len(rows) == 0 {
		return err
	}
	added := t.adder("dirty", "run, shard, seq, ordinal, code, column_name, reason, row_key, row_json, at, origin")
	for _, r := range rows {
		if err = added.add(ctx, run, shard, seq, r.Ordinal, string(r.Code), r.Column, r.Reason, r.Key, r.Row, t.now, r.Origin); err != nil {
			break
		}
	}
	return added.close(ctx, err)
}

// DropDirty deletes the dirty rows of a shard with a Seq above beyond: those of a group that was not committed. The epoch must be
// the shard's newest, else class Fenced, TOW-215.
func (s *Store) DropDirty(ctx context.Context, run, shard string, epoch, beyond int64) error {
	return s.change(ctx, "drop dirty rows of shard "+shard, func(ctx context.Context, t *tx) error {
		if _, err := t.ownShard(ctx, run, shard, epoch); err != nil {
			return err
		}
		return t.dropDirty(ctx, run, shard, beyond)
	})
}

func (t *tx) dropDirty(ctx context.Context, run, shard string, beyond int64) error {
	_, err := t.exec(ctx, "DELETE FROM dirty WHERE run = $1 AND shard = $2 AND seq > $3", run, shard, beyond)
	return err
}

// dirtyPage bounds what a page of dirty rows holds in memory: rows have up to 64 kB.
const dirtyPage = 100

// Dirty yields up to limit (0: all) committed dirty rows of a run that were not replayed, or of one of its streams ("": of all), behind a cursor, by shard, Seq
// and ordinal, read in pages.
func (s *Store) Dirty(ctx context.Context, run, stream string, after DirtyCursor, limit int) iter.Seq2[DirtyAt, error] {
	return func(yield func(DirtyAt, error) bool) {
		for left := limit; limit == 0 || left > 0; left -= dirtyPage {
			want := dirtyPage
			if limit > 0 {
				want = min(want, left)
			}
			page, err := s.dirtyAfter(ctx, run, stream, after, want)
			if err != nil {
				yield(DirtyAt{}, s.fail("read dirty rows of run "+run, err))
				return
			}
			for _, d := range page {
				if !yield(d, nil) {
					return
				}
				after = d.Cursor
			}
			if len(page) < want {
				return
			}
		}
	}
}

func (s *Store) dirtyAfter(ctx context.Context, run, stream string, after DirtyCursor, limit int) ([]DirtyAt, error) {
	of, args := "", []any{run, after.Shard, after.Seq, after.Ordinal, limit}
	if stream != "" {
		of, args = "AND shard IN (SELECT o.id FROM shard o WHERE o.run = $1 AND o.stream = $6)", append(args, stream)
	}
	rows, err := s.read.QueryContext(ctx, `SELECT shard, seq, ordinal, code, column_name, reason, row_key, row_json, at, mend, mended, mended_by, replay, origin FROM dirty
		WHERE run = $1 AND (shard, seq, ordinal) > ($2, $3, $4) AND replayed = 0 `+of+`
		AND seq <= (SELECT sh.seq FROM shard sh WHERE sh.run = dirty.run AND sh.id = dirty.shard)
		ORDER BY shard, seq, ordinal LIMIT $5`, args...)
	if err != nil {
		return nil, err
	}
	return collect(rows, func(scan func(...any) error) (d DirtyAt, err error) {
		c := &d.Cursor
		var mend []byte
		err = scan(&c.Shard, &c.Seq, &c.Ordinal, &d.Code, &d.Column, &d.Reason, &d.Key, &d.Row, &d.At, &mend, &d.Mend.At, &d.Mend.Who, &d.Replay, &d.Origin)
		if d.Ordinal = c.Ordinal; err == nil && mend != nil {
			err = json.Unmarshal(mend, &d.Mend.Values)
		}
		return d, err
	})
}

// DirtyCount counts the stored dirty rows of a run, those of groups in flight included.
func (s *Store) DirtyCount(ctx context.Context, run string) (int64, error) {
	var n int64
	err := s.read.QueryRowContext(ctx, "SELECT COUNT(*) FROM dirty WHERE run = $1", run).Scan(&n)
	return n, s.fail("count dirty rows of run "+run, err)
}

// ForgetDirty drops the dirty rows of runs that ended before a time, in ms; their counts stay. What a replay needs that is not over stays, too.
func (s *Store) ForgetDirty(ctx context.Context, endedBefore int64) error {
	return s.changeAlone(ctx, "forget dirty rows", func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, `DELETE FROM dirty WHERE run IN (SELECT run_key FROM run WHERE ended > 0 AND ended < $1 AND NOT (replays <> '' AND state = 'failed'))
			AND NOT (replay <> '' AND replayed = 0)`, endedBefore)
		return err
	})
}
