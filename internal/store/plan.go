package store

import (
	"context"
	"database/sql"
	"errors"
	"iter"

	"github.com/towpath/towpath/connector"
)

// Plan is what a run will do, as bytes of a numbered format; what its streams do is beside them.
type Plan struct {
	Format int
	Bytes  []byte
	Hash   []byte // of Bytes and the hashes of all streams
	Saved  int64  // set by the store
	// Replays is the run whose dirty rows this one reads, and Choice which of them: they are chosen with the plan, each stream's for its shard.
	Replays string
	Choice  Choice
}

// Stream is the row of a stream: what leasing and progress need of the plan.
type Stream struct {
	ID         string
	Source     string
	Connection string // alias that it reads from; "": the job's source
	Identity   string // of the target server
	Dataset    string // at the target
	Lead       string // the first stream of the same target dataset
	Stage      int    // its shards wait for all streams of lower stages
	Guarantee  string
	Parallel   int   // shards at work at a time on the target dataset; 0: any number
	Rows       int64 // estimates
	Bytes      int64
	Plan       []byte // what it will do; Streams leaves it out
	Hash       []byte // of Plan
}

// SavePlan stores the plan, its streams in their order and all shards in one transaction, in place of an earlier plan. epoch is
// that of the run lease. Shards come without checkpoints; ids are unique within the run.
//
// Invariant 2: bounds are stored before the first row moves; a run that was ever running keeps its plan (TOW-220).
func (s *Store) SavePlan(ctx context.Context, run string, epoch int64, p Plan, streams []Stream, shards iter.Seq[connector.Shard]) error {
	err := s.changeAlone(ctx, "save plan of run "+run, func(ctx context.Context, t *tx) error {
		if err := t.checkRun(ctx, run, epoch); err != nil {
			return err
		}
		var started int64
		if err := t.row(ctx, "SELECT started FROM run WHERE run_key = $1", run).Scan(&started); err != nil {
			return err
		}
		if started != 0 {
			return connector.Errorf(connector.Changed, "TOW-220", "save plan of run %s: it has run by its first plan", run)
		}
		for _, statement := range []string{"DELETE FROM plan WHERE run = $1", "DELETE FROM stream WHERE run = $1", "DELETE FROM shard WHERE run = $1"} {
			if _, err := t.exec(ctx, statement, run); err != nil {
				return err
			}
		}
		_, err := t.exec(ctx, "INSERT INTO plan (run, format, body, hash, saved) VALUES ($1, $2, $3, $4, $5)",
			run, p.Format, notNil(p.Bytes), notNil(p.Hash), t.now)
		if err != nil {
			return err
		}
		if err := t.addStreams(ctx, run, streams); err != nil {
			return err
		}
		if err := t.addShards(ctx, run, shards); err != nil || p.Replays == "" {
			return err
		}
		return t.choose(ctx, run, p, shards)
	})
	if err == nil {
		s.analyze(ctx)
	}
	return err
}

// analyze lets a server know how many rows have come, if it finds the time: the plan is saved either way.
func (s *Store) analyze(ctx context.Context) {
	if s.d.analyze == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, s.busy)
	defer cancel()
	_, _ = s.write.ExecContext(ctx, s.d.analyze)
}

func (t *tx) addStreams(ctx context.Context, run string, streams []Stream) error {
	rows := t.adder("stream", "run, id, ordinal, source, connection, identity, dataset, lead, stage, guarantee, parallel, row_count, bytes, plan, hash")
	var err error
	for i, st := range streams {
		err = rows.add(ctx, run, st.ID, i, st.Source, st.Connection, st.Identity, st.Dataset, st.Lead, st.Stage, st.Guarantee, st.Parallel,
			st.Rows, st.Bytes, notNil(st.Plan), notNil(st.Hash))
		if err != nil {
			break
		}
	}
	return rows.close(ctx, err)
}

func (t *tx) addShards(ctx context.Context, run string, shards iter.Seq[connector.Shard]) error {
	rows := t.adder("shard", "run, id, stream, stage, rev, bounds, replay, scope, row_count, bytes, remaining")
	var err error
	added := map[string]int{}
	for sh := range shards {
		if err = rows.add(ctx, run, sh.ID, sh.Stream, sh.Stage, sh.Rev, sh.Range, int(sh.Replay), sh.Scope, sh.Rows, sh.Bytes, max(sh.Rows, 0)); err != nil {
			break
		}
		added[sh.Stream]++
	}
	if err := rows.close(ctx, err); err != nil {
		return err
	}
	for stream, n := range added {
		if _, err := t.exec(ctx, "UPDATE stream SET shards = shards + $3 WHERE run = $1 AND id = $2", run, stream, n); err != nil {
			return err
		}
	}
	return nil
}

// Plan returns the plan of a run; without one: class Missing, TOW-221.
func (s *Store) Plan(ctx context.Context, run string) (Plan, error) {
	var p Plan
	err := s.read.QueryRowContext(ctx, "SELECT format, body, hash, saved FROM plan WHERE run = $1", run).Scan(&p.Format, &p.Bytes, &p.Hash, &p.Saved)
	if errors.Is(err, sql.ErrNoRows) {
		return Plan{}, connector.Errorf(connector.Missing, "TOW-221", "run %s has no plan", run)
	}
	return p, s.fail("read plan of run "+run, err)
}

// Streams returns the streams of a run in the plan's order, without their plans.
func (s *Store) Streams(ctx context.Context, run string) ([]Stream, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id, source, connection, identity, dataset, lead, stage, guarantee, parallel, row_count, bytes, hash FROM stream
		WHERE run = $1 ORDER BY ordinal`, run)
	if err != nil {
		return nil, s.fail("read streams of run "+run, err)
	}
	streams, err := collect(rows, func(scan func(...any) error) (st Stream, err error) {
		err = scan(&st.ID, &st.Source, &st.Connection, &st.Identity, &st.Dataset, &st.Lead, &st.Stage, &st.Guarantee, &st.Parallel, &st.Rows, &st.Bytes, &st.Hash)
		return st, err
	})
	return streams, s.fail("read streams of run "+run, err)
}

// StreamPlan returns what a stream will do, and the hash of that; an unknown stream is class Missing, TOW-221.
func (s *Store) StreamPlan(ctx context.Context, run, id string) (plan, hash []byte, err error) {
	err = s.read.QueryRowContext(ctx, "SELECT plan, hash FROM stream WHERE run = $1 AND id = $2", run, id).Scan(&plan, &hash)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil, connector.Errorf(connector.Missing, "TOW-221", "run %s has no stream %s", run, id)
	}
	return plan, hash, s.fail("read plan of stream "+id+" of run "+run, err)
}

// ShardState is whether a shard waits, is worked on or is done.
type ShardState int

// The states of a shard. An expired lease counts as leased until the next LeaseShard.
const (
	ShardPending ShardState = iota
	ShardLeased
	ShardDone
)

// ShardRow is a shard with all that is known of it.
type ShardRow struct {
	Shard      connector.Shard
	State      ShardState
	Worker     string
	Epoch      int64
	Stamp      int64
	Until      int64 // end of its lease
	NotBefore  int64
	Failing    Failing
	Checkpoint connector.Checkpoint
}

const shardColumns = `id, stream, stage, rev, bounds, replay, scope, row_count, bytes, state, worker, epoch, stamp, lease_until, not_before,
	attempts, failing_since, failure, failure_code, seq, record`

// saved is a checkpoint as stored; Seq 0 without a record: never saved.
type saved struct {
	seq    int64
	record []byte
}

// scanShard leaves the checkpoint to be parsed from what was saved.
func scanShard(scan func(...any) error) (r ShardRow, cp saved, err error) {
	err = scan(&r.Shard.ID, &r.Shard.Stream, &r.Shard.Stage, &r.Shard.Rev, &r.Shard.Range, &r.Shard.Replay, &r.Shard.Scope, &r.Shard.Rows,
		&r.Shard.Bytes, &r.State, &r.Worker, &r.Epoch, &r.Stamp, &r.Until, &r.NotBefore,
		&r.Failing.Attempts, &r.Failing.Since, &r.Failing.Text, &r.Failing.Code, &cp.seq, &cp.record)
	return r, cp, err
}

// checkpointOf reads what was saved. A shard stands at its beginning only when nothing ever was: a record that was lost or
// damaged is refused.
func checkpointOf(run string, sh connector.Shard, s saved) (connector.Checkpoint, error) {
	if s.seq == 0 && len(s.record) == 0 {
		return connector.Checkpoint{Shard: sh.ID, Rev: sh.Rev, Range: sh.Range}, nil
	}
	cp, err := connector.ParseCheckpoint(s.record)
	if err == nil && cp.Shard != sh.ID {
		err = connector.Errorf(connector.Changed, "TOW-105", "it belongs to shard %q", cp.Shard)
	}
	if err != nil {
		return cp, &connector.Error{Class: connector.Changed, Code: "TOW-105", Text: "read checkpoint of run " + run + " shard " + sh.ID, Err: err,
			Hint: "The control database is damaged; restore it, or stop the run and start another."}
	}
	return cp, nil
}

// shardPage is how many shards are read at a time, so that no read transaction stays open while the caller works.
const shardPage = 1000

// Shards yields the shards of a stream in the order of their ids, read in pages: what changes meanwhile may or may not be seen.
// A damaged checkpoint is an error of class Changed, TOW-105.
func (s *Store) Shards(ctx context.Context, run, stream string) iter.Seq2[ShardRow, error] {
	return func(yield func(ShardRow, error) bool) {
		after := ""
		for {
			page, err := s.shardsAfter(ctx, run, stream, after)
			if err != nil {
				yield(ShardRow{}, s.fail("read shards of run "+run, err))
				return
			}
			for _, r := range page {
				if !yield(r, nil) {
					return
				}
				after = r.Shard.ID
			}
			if len(page) < shardPage {
				return
			}
		}
	}
}

func (s *Store) shardsAfter(ctx context.Context, run, stream, after string) ([]ShardRow, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT "+shardColumns+" FROM shard WHERE run = $1 AND stream = $2 AND id > $3 ORDER BY id LIMIT $4",
		run, stream, after, shardPage)
	if err != nil {
		return nil, err
	}
	return collect(rows, func(scan func(...any) error) (ShardRow, error) {
		r, saved, err := scanShard(scan)
		if err != nil {
			return r, err
		}
		r.Checkpoint, err = checkpointOf(run, r.Shard, saved)
		return r, err
	})
}

// Shard returns one shard; unknown: class Missing, TOW-217.
func (s *Store) Shard(ctx context.Context, run, id string) (ShardRow, error) {
	r, saved, err := scanShard(s.read.QueryRowContext(ctx, "SELECT "+shardColumns+" FROM shard WHERE run = $1 AND id = $2", run, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return r, noShard(run, id)
	}
	if err != nil {
		return r, s.fail("read shard "+id+" of run "+run, err)
	}
	r.Checkpoint, err = checkpointOf(run, r.Shard, saved)
	return r, err
}
