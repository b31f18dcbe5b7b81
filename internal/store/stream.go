package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/towpath/towpath/connector"
)

// StreamState is where a stream of a run stands.
type StreamState string

// The states of a stream. Its shards are leased while it is running; who steers the run knows when that may be.
const (
	StreamWaiting StreamState = "waiting" // its target is not prepared in this part of the run
	StreamRunning StreamState = "running" // its target is prepared
	StreamCopied  StreamState = "copied"  // all of its shards are done
	StreamHeld    StreamState = "held"    // it waits for a stream that failed
	StreamFailed  StreamState = "failed"
	StreamDone    StreamState = "done" // its target is published
)

// BeginStreams begins a part of a run: streams that are not done wait again, without their failures and those of their shards. runEpoch is that of the run lease.
func (s *Store) BeginStreams(ctx context.Context, run string, runEpoch int64) error {
	return s.change(ctx, "begin streams of run "+run, func(ctx context.Context, t *tx) error {
		if err := t.checkRun(ctx, run, runEpoch); err != nil {
			return err
		}
		_, err := t.exec(ctx, "UPDATE stream SET state = 'waiting', failure = '', failure_code = '' WHERE run = $1 AND state <> 'done' AND state <> 'waiting'", run)
		if err != nil {
			return err
		}
		return t.forgive(ctx, run)
	})
}

// Remembered is what a target remembers of a stream.
type Remembered struct {
	Keeps       bool // the target keeps checkpoints: shards that are not among them begin again
	Checkpoints []connector.Checkpoint
	Step        string // that is done with it; "": none
}

// Ready is where a stream stands that was made ready.
type Ready struct {
	State  StreamState
	Left   int // shards that are not done
	Counts connector.Counts
}

// ReadyStream makes the shards of a stream leasable and takes over what its target remembers: each checkpoint replaces ours, reopens or
// closes its shard, ends its lease, fences its former owners and drops dirty rows beyond its Seq. Without a shard that is left the stream is
// copied; one that is held stays so. A shard that we do not know or a higher Rev than ours is class Changed, TOW-216: the control database was restored from before;
// then nothing is taken over.
func (s *Store) ReadyStream(ctx context.Context, run string, runEpoch int64, id string, r Remembered) (is Ready, err error) {
	err = s.change(ctx, "take over the target's checkpoints of run "+run, func(ctx context.Context, t *tx) error {
		if err := t.checkRun(ctx, run, runEpoch); err != nil {
			return err
		}
		known := make(map[string]bool, len(r.Checkpoints))
		for _, cp := range r.Checkpoints {
			known[cp.Shard] = true
			if err := t.remember(ctx, run, cp); err != nil {
				return err
			}
		}
		if r.Keeps {
			if err := t.resetOthers(ctx, run, id, known); err != nil {
				return err
			}
		}
		if r.Step != "" {
			if err := t.doneStep(ctx, run, r.Step); err != nil {
				return err
			}
		}
		c := &is.Counts
		return t.row(ctx, `UPDATE stream SET state = CASE WHEN state = 'held' THEN state WHEN done >= shards THEN 'copied' ELSE 'running' END
			WHERE run = $1 AND id = $2 RETURNING state, shards - done, rows_read, written, dirty, filtered, superseded, bytes_read`, run, id).
			Scan(&is.State, &is.Left, &c.Read, &c.Written, &c.Dirty, &c.Filtered, &c.Superseded, &c.Bytes)
	})
	return is, err
}

// resetOthers puts back the shards of a stream that have a checkpoint and are not known to its target.
func (t *tx) resetOthers(ctx context.Context, run, stream string, known map[string]bool) error {
	rows, err := t.conn.QueryContext(ctx, "SELECT id FROM shard WHERE run = $1 AND stream = $2 AND seq > 0", run, stream)
	if err != nil {
		return err
	}
	ids, err := collect(rows, func(scan func(...any) error) (id string, err error) {
		err = scan(&id)
		return id, err
	})
	if err != nil {
		return err
	}
	for _, id := range ids {
		if known[id] {
			continue
		}
		if err := t.reset(ctx, run, id); err != nil {
			return err
		}
	}
	return nil
}

// FailStream records why a stream failed. Its shards are leased no more, nor are those of the streams that wait for it.
func (s *Store) FailStream(ctx context.Context, run string, runEpoch int64, id string, f Failure, held ...string) error {
	return s.change(ctx, "fail stream "+id+" of run "+run, func(ctx context.Context, t *tx) error {
		if err := t.checkRun(ctx, run, runEpoch); err != nil {
			return err
		}
		_, err := t.exec(ctx, "UPDATE stream SET state = 'failed', failure = $3, failure_code = $4 WHERE run = $1 AND id = $2", run, id, f.Text, f.Code)
		if err != nil {
			return err
		}
		return t.setStreams(ctx, run, StreamHeld, held)
	})
}

// EndStreams records that streams are done.
func (s *Store) EndStreams(ctx context.Context, run string, runEpoch int64, ids ...string) error {
	return s.change(ctx, "end streams of run "+run, func(ctx context.Context, t *tx) error {
		if err := t.checkRun(ctx, run, runEpoch); err != nil {
			return err
		}
		return t.setStreams(ctx, run, StreamDone, ids)
	})
}

func (t *tx) setStreams(ctx context.Context, run string, state StreamState, ids []string) error {
	for _, id := range ids {
		if _, err := t.exec(ctx, "UPDATE stream SET state = $3, failure = '', failure_code = '' WHERE run = $1 AND id = $2", run, id, state); err != nil {
			return err
		}
	}
	return nil
}

// Totals returns the rows of all streams of runs together; runs without a stream are left out.
func (s *Store) Totals(ctx context.Context, runs ...string) (map[string]connector.Counts, error) {
	all := make(map[string]connector.Counts, len(runs))
	if len(runs) == 0 {
		return all, nil
	}
	marks, args := marksOf(runs)
	rows, err := s.read.QueryContext(ctx, `SELECT run, CAST(SUM(rows_read) AS BIGINT), CAST(SUM(written) AS BIGINT), CAST(SUM(dirty) AS BIGINT), CAST(SUM(filtered) AS BIGINT),
		CAST(SUM(superseded) AS BIGINT), CAST(SUM(bytes_read) AS BIGINT) FROM stream WHERE run IN (`+marks+") GROUP BY run", args...)
	if err != nil {
		return nil, s.fail("sum up runs", err)
	}
	_, err = collect(rows, func(scan func(...any) error) (c connector.Counts, err error) {
		var run string
		err = scan(&run, &c.Read, &c.Written, &c.Dirty, &c.Filtered, &c.Superseded, &c.Bytes)
		all[run] = c
		return c, err
	})
	return all, s.fail("sum up runs", err)
}

// marksOf are placeholders for keys, with commas, and what they stand for.
func marksOf(keys []string) (string, []any) {
	marks, args := make([]string, len(keys)), make([]any, len(keys))
	for i, key := range keys {
		marks[i], args[i] = fmt.Sprintf("$%d", i+1), key
	}
	return strings.Join(marks, ", "), args
}

// StreamStates counts the streams of runs by their states.
func (s *Store) StreamStates(ctx context.Context, runs ...string) (map[string]map[StreamState]int, error) {
	all := make(map[string]map[StreamState]int, len(runs))
	if len(runs) == 0 {
		return all, nil
	}
	marks, args := marksOf(runs)
	rows, err := s.read.QueryContext(ctx, "SELECT run, state, COUNT(*) FROM stream WHERE run IN ("+marks+") GROUP BY run, state", args...)
	if err != nil {
		return nil, s.fail("count streams", err)
	}
	_, err = collect(rows, func(scan func(...any) error) (n int, err error) {
		var run string
		var state StreamState
		if err = scan(&run, &state, &n); err != nil {
			return n, err
		}
		if all[run] == nil {
			all[run] = map[StreamState]int{}
		}
		all[run][state] = n
		return n, nil
	})
	return all, s.fail("count streams", err)
}
