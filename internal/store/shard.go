package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/towpath/towpath/connector"
)

// LeaseRequest asks for work.
type LeaseRequest struct {
	Worker string
	Runs   []string // nil: any running run
	Joins  bool     // the worker steers none of them: only runs that are for workers
	TTL    time.Duration
}

// Leased is a shard to work on.
type Leased struct {
	Run, Stream string
	Shard       connector.Shard
	Lease       connector.Lease
	Until       int64                // end of the lease by the database's clock
	Checkpoint  connector.Checkpoint // where to go on; Seq 0 and no At: the shard's beginning
	Failing     Failing
}

// Failing tells of attempts since the shard last got on.
type Failing struct {
	Attempts   int
	Since      int64 // of the first of them
	Text, Code string
}

// ShardEpoch names an attempt at a shard.
type ShardEpoch struct {
	Run, Shard string
	Epoch      int64
}

// Failure is why an attempt ended; the zero Failure: nothing went wrong. Without a Text it counts as no attempt.
type Failure struct {
	Text, Code string
	After      time.Duration // the shard rests so long
	Verdict    Verdict       // with a Text
}

// candidate is a stream of a running run, as the choice of the next shard sees it.
type candidate struct {
	run, stream, identity, dataset string
	ordinal, stage                 int
	runCap, targetCap              int
	active, runActive              int
}

// LeaseShards gives the worker the next shards, up to most, over all asked runs that are running and carry no wish; none when there is
// none at present. Runs, then streams, with the fewest shards at work come first; within a stream the lowest stage, then the shard with the
// most rows left. Streams wait for those of their run that have a lower stage. Limits.Parallel of the run, Stream.Parallel and Connection.Parallel
// hold; runs that use a connection which is held get none. With a
// damaged checkpoint (class Changed, TOW-105) the answer names its run and shard alone, and nothing was leased.
func (s *Store) LeaseShards(ctx context.Context, q LeaseRequest, most int) (leased []Leased, err error) {
	err = s.change(ctx, "lease shards", func(ctx context.Context, t *tx) error {
		leased = nil
		if err := t.expire(ctx); err != nil {
			return err
		}
		for len(leased) < most {
			l, ok, err := t.leaseNext(ctx, q)
			if connector.ClassOf(err) == connector.Changed && len(leased) > 0 { // who asks again meets the damaged one first
				return nil
			}
			if ok || l.Shard.ID != "" {
				leased = append(leased, l)
			}
			if err != nil || !ok {
				return err
			}
		}
		return nil
	})
	return leased, err
}

// leaseNext leases one shard; with an error, l names the shard that is damaged.
func (t *tx) leaseNext(ctx context.Context, q LeaseRequest) (l Leased, ok bool, err error) {
	candidates, err := t.candidates(ctx, q)
	if err != nil {
		return l, false, err
	}
	for _, c := range candidates {
		row, saved, err := t.nextShard(ctx, c)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err == nil {
			l, err = t.lease(ctx, c, row, saved, q)
		}
		return l, err == nil, err
	}
	return l, false, nil
}

// setPending makes a shard wait again; remaining orders it among its stream's.
const setPending = `state = 0, remaining = CASE WHEN row_count > rows_read THEN row_count - rows_read ELSE 0 END`

// expire makes shards pending whose lease is over. The worker's name stays: it may still renew, until another has the shard.
func (t *tx) expire(ctx context.Context) error {
	_, err := t.exec(ctx, expireShards, t.now)
	return err
}

const expireShards = "UPDATE shard SET " + setPending + " WHERE state = 1 AND lease_until <= $1"

func (t *tx) freeShards(ctx context.Context, run, owner string) error {
	_, err := t.exec(ctx, "UPDATE shard SET "+setPending+`, worker = '', lease_until = 0
		WHERE state = 1 AND run = $1 AND (worker = $2 OR substr(worker, 1, $4) = $3)`, run, owner, owner+"/", len([]rune(owner))+1)
	return err
}

const selectCandidates = `SELECT st.run, st.id, st.identity, st.dataset, st.ordinal, st.stage, r.parallel, st.parallel,
	(SELECT COUNT(*) FROM shard a WHERE a.run = st.run AND a.stream = st.id AND a.state = 1)
	FROM run r JOIN stream st ON st.run = r.run_key AND st.state = 'running' WHERE r.state = 'running' AND r.wish = ''`

// selectLeavers are the shards that are still at work of streams that failed or are held: the caps of their target and their run count
// them. It begins with what is leased: thousands of streams may have failed.
const selectLeavers = `SELECT a.run, st.identity, st.dataset FROM shard a CROSS JOIN stream st
	WHERE a.state = 1 AND a.lease_until > 0 AND st.run = a.run AND st.id = a.stream AND st.state <> 'running'`

// selectStage is the lowest stage of a run that is not over. Streams that failed, or are held, hold up nobody.
const selectStage = `SELECT MIN(st.stage) FROM stream st WHERE st.run = $1 AND st.state = 'waiting'
	UNION ALL SELECT MIN(st.stage) FROM stream st WHERE st.run = $1 AND st.state = 'running'`

// candidates returns the streams that a shard may be leased of, in the order in which they are asked for one.
func (t *tx) candidates(ctx context.Context, q LeaseRequest) ([]candidate, error) {
	query, args, runs := selectCandidates, []any(nil), q.Runs
	if q.Joins {
		query += forWorkers
	}
	if len(runs) == 1 { // others may have thousands of streams
		query, args = query+" AND r.run_key = $1", []any{runs[0]}
	}
	rows, err := t.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	all, err := collect(rows, func(scan func(...any) error) (c candidate, err error) {
		err = scan(&c.run, &c.stream, &c.identity, &c.dataset, &c.ordinal, &c.stage, &c.runCap, &c.targetCap, &c.active)
		return c, err
	})
	if err != nil || len(all) == 0 {
		return nil, err
	}
	if rows, err = t.conn.QueryContext(ctx, selectLeavers); err != nil {
		return nil, err
	}
	type target struct{ run, identity, dataset string }
	leavers, err := collect(rows, func(scan func(...any) error) (at target, err error) {
		err = scan(&at.run, &at.identity, &at.dataset)
		return at, err
	})
	if err != nil {
		return nil, err
	}
	bounds, err := t.bounds(ctx)
	if err != nil {
		return nil, err
	}
	inRun, atTarget, asked := map[string]int{}, map[target]int{}, map[string]opening{}
	for _, at := range leavers {
		inRun[at.run]++
		atTarget[at]++
	}
	for _, c := range all {
		inRun[c.run] += c.active
		atTarget[target{c.run, c.identity, c.dataset}] += c.active
	}
	var may []candidate
	for _, c := range all {
		c.runActive = inRun[c.run]
		if runs != nil && !slices.Contains(runs, c.run) || c.runCap > 0 && c.runActive >= c.runCap ||
			c.targetCap > 0 && atTarget[target{c.run, c.identity, c.dataset}] >= c.targetCap {
			continue
		}
		o, known := asked[c.run]
		if !known {
			if o, err = t.opening(ctx, c.run, bounds); err != nil {
				return nil, err
			}
			asked[c.run] = o
		}
		if !o.bounded && c.stage <= o.lowest {
			may = append(may, c)
		}
	}
	slices.SortFunc(may, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.runActive, b.runActive), cmp.Compare(a.run, b.run), cmp.Compare(a.active, b.active), cmp.Compare(a.ordinal, b.ordinal))
	})
	return may, nil
}

// opening is what a run may begin at present.
type opening struct {
	lowest  int  // stage
	bounded bool // by a connection: nothing
}

func (t *tx) opening(ctx context.Context, run string, bounds map[ConnectionKey]*bound) (o opening, err error) {
	if o.bounded, err = t.bounded(ctx, run, bounds); err == nil && !o.bounded {
		o.lowest, err = t.lowestStage(ctx, run)
	}
	return o, err
}

func (t *tx) lowestStage(ctx context.Context, run string) (int, error) {
	rows, err := t.conn.QueryContext(ctx, selectStage, run)
	if err != nil {
		return 0, err
	}
	lowest := math.MaxInt
	_, err = collect(rows, func(scan func(...any) error) (stage sql.NullInt64, err error) {
		if err = scan(&stage); stage.Valid {
			lowest = min(lowest, int(stage.Int64))
		}
		return stage, err
	})
	return lowest, err
}

// A later stage reads what the stages before it wrote, so it waits for all of them. The lowest pending stage is looked up before the
// shard: shards at rest must not let a later stage overtake them.
const selectNext = "SELECT " + shardColumns + ` FROM shard s WHERE s.run = $1 AND s.stream = $2 AND s.state = 0
	AND s.stage = (SELECT MIN(o.stage) FROM shard o WHERE o.run = $1 AND o.stream = $2 AND o.state = 0) AND s.not_before <= $3 AND s.verdict = ''
	AND NOT EXISTS (SELECT 1 FROM shard b WHERE b.run = $1 AND b.stream = $2 AND b.state = 1 AND b.stage < s.stage)
	ORDER BY s.remaining DESC LIMIT 1`

func (t *tx) nextShard(ctx context.Context, c candidate) (ShardRow, saved, error) {
	return scanShard(t.row(ctx, selectNext, c.run, c.stream, t.now).Scan)
}

func (t *tx) lease(ctx context.Context, c candidate, row ShardRow, s saved, q LeaseRequest) (Leased, error) {
	l := Leased{Run: c.run, Stream: c.stream, Shard: row.Shard, Until: t.now + ms(q.TTL), Failing: row.Failing}
	cp, err := checkpointOf(c.run, row.Shard, s)
	if err != nil {
		return l, err
	}
	l.Checkpoint = cp
	var stamp int64
	err = t.row(ctx, `INSERT INTO target (identity, dataset, stamp, claim) VALUES ($1, $2, $3, '')
		ON CONFLICT (identity, dataset) DO UPDATE SET stamp = CASE WHEN target.stamp >= $3 THEN target.stamp + 1 ELSE $3 END
		RETURNING stamp`, c.identity, c.dataset, t.now).Scan(&stamp)
	if err != nil {
		return l, err
	}
	l.Lease = connector.Lease{Run: c.run, Worker: q.Worker, Epoch: row.Epoch + 1, Stamp: stamp, TTL: q.TTL}
	n, err := t.exec(ctx, `UPDATE shard SET state = 1, worker = $4, epoch = $5, stamp = $6, lease_until = $7, not_before = 0
		WHERE run = $1 AND id = $2 AND epoch = $3 AND state = 0`, c.run, row.Shard.ID, row.Epoch, q.Worker, l.Lease.Epoch, stamp, l.Until)
	if err == nil && n != 1 {
		return l, shardLost(ShardEpoch{c.run, row.Shard.ID, l.Lease.Epoch})
	}
	return l, err
}

func shardLost(e ShardEpoch) error {
	return fenced("TOW-215", "shard %s of run %s has another owner than epoch %d", e.Shard, e.Run, e.Epoch)
}

// RenewShards prolongs the worker's leases to ttl from the database's now and returns those it has lost, and those of streams that failed. An expired
// lease that nobody has taken yet is renewed.
func (s *Store) RenewShards(ctx context.Context, worker string, held []ShardEpoch, ttl time.Duration) (lost []ShardEpoch, err error) {
	if len(held) == 0 {
		return nil, nil
	}
	err = s.change(ctx, "renew shards of worker "+worker, func(ctx context.Context, t *tx) error {
		lost = nil
		for _, e := range held {
			n, err := t.exec(ctx, `UPDATE shard SET state = 1, lease_until = $5 WHERE run = $1 AND id = $2 AND epoch = $3 AND worker = $4 AND state < 2
				AND NOT EXISTS (SELECT 1 FROM stream st WHERE st.run = $1 AND st.id = shard.stream AND st.state = 'failed')`,
				e.Run, e.Shard, e.Epoch, worker, t.now+ms(ttl))
			if err != nil {
				return err
			}
			if n == 0 {
				lost = append(lost, e)
			}
		}
		return nil
	})
	return lost, err
}

// ReleaseShard ends an attempt: a shard that is not done waits again, and rests first where f says so. When another has the shard by
// now, nothing happens.
func (s *Store) ReleaseShard(ctx context.Context, e ShardEpoch, f Failure) error {
	return s.change(ctx, "release shard "+e.Shard+" of run "+e.Run, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, "UPDATE shard SET "+setPending+`, worker = '', lease_until = 0 WHERE run = $1 AND id = $2 AND epoch = $3 AND state < 2`,
			e.Run, e.Shard, e.Epoch)
		if err != nil || f == (Failure{}) {
			return err
		}
		rests := t.now + ms(f.After)
		if f.Text == "" {
			_, err = t.exec(ctx, "UPDATE shard SET not_before = $4 WHERE run = $1 AND id = $2 AND epoch = $3 AND state < 2", e.Run, e.Shard, e.Epoch, rests)
			return err
		}
		_, err = t.exec(ctx, `UPDATE shard SET not_before = $4, attempts = attempts + 1, failure = $5, failure_code = $6, verdict = $8,
			failing_since = CASE WHEN failing_since = 0 THEN $7 ELSE failing_since END
			WHERE run = $1 AND id = $2 AND epoch = $3 AND state < 2`, e.Run, e.Shard, e.Epoch, rests, f.Text, f.Code, t.now, f.Verdict)
		return err
	})
}

// Finished reports whether no shard of the run is left to do in this part of it: its streams are copied, or failed and waited for by
// others. A run without streams is finished.
func (s *Store) Finished(ctx context.Context, run string) (bool, error) {
	var left bool
	err := s.read.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM stream WHERE run = $1 AND state IN ('waiting', 'running'))", run).Scan(&left)
	return !left && err == nil, s.fail("look at streams of run "+run, err)
}

// ShardsWait reports whether shards of the run's streams that are ready are at work nowhere.
func (s *Store) ShardsWait(ctx context.Context, run string) (bool, error) {
	var waits bool
	err := s.read.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM stream st JOIN shard s ON s.run = st.run AND s.stream = st.id AND s.state = 0 WHERE st.run = $1 AND st.state = 'running')", run).
		Scan(&waits)
	return waits && err == nil, s.fail("look at shards of run "+run, err)
}

// Untouched reports whether no shard of the run was ever leased.
func (s *Store) Untouched(ctx context.Context, run string) (bool, error) {
	var touched bool
	err := s.read.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM shard WHERE run = $1 AND epoch > 0)", run).Scan(&touched)
	return !touched && err == nil, s.fail("look at shards of run "+run, err)
}
