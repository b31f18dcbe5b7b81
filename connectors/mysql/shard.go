package mysql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltarget"
	"github.com/towpath/towpath/record"
)

// shardWriter writes one shard under one epoch. Where the target keeps checkpoints it has a session while it has a transaction; else it
// has one for as long as it owns the shard, since the lock of that is the session's.
type shardWriter struct {
	w         *writer
	id        string
	epoch     int64
	lockName  string
	remembers bool

	evicted atomic.Bool
	session atomic.Pointer[session] // nil: none

	mu     sync.Mutex // held while a call works
	seq    int64
	open   bool // a transaction is
	wrote  bool // in it: its savepoint is there
	locked bool // the session has the shard's lock
	insert *inserter
	keys   *superseded

	disorder
}

func newShardWriter(w *writer, s connector.Shard, epoch int64) *shardWriter {
	return &shardWriter{w: w, id: s.ID, epoch: epoch, lockName: lockName(w.sink.Run, w.name.String(), s.ID), remembers: w.target.Remembers()}
}

// take makes the epoch the owner of the shard and returns the checkpoint to go on from.
func (s *shardWriter) take(ctx context.Context, shard connector.Shard, last connector.Checkpoint) (cp connector.Checkpoint, err error) {
	if !s.remembers {
		return s.takeLock(ctx, shard, last)
	}
	err = s.w.client.withSession(ctx, writes, func(c *session) error {
		if err := c.lockWait(s.w.options.LockSeconds); err != nil {
			return err
		}
		raise := func() error {
			return c.transaction(func() (err error) {
				cp, err = s.w.memory.Raise(ctx, conn{c}, shard, s.epoch, last)
				return err
			})
		}
		late, err := s.late(ctx, c)
		switch {
		case err != nil:
			return err
		case late:
			return raise() // which says whose it is
		}
		return c.alone(ctx, s.lockName, raise)
	})
	return cp, err
}

// late tells whether the shard belongs to a newer epoch, whose session is not to be ended.
func (s *shardWriter) late(ctx context.Context, c *session) (bool, error) {
	m := &s.w.memory
	rows, err := conn{c}.Query(ctx, "SELECT 1 FROM "+m.Table+" WHERE run_id = ? AND dataset = ? AND shard_id = ? AND epoch >= ?", m.Run, m.Dataset, s.id, s.epoch)
	return len(rows) == 1, err
}

// takeLock takes the shard's lock for a session that then belongs to the shard, and ends the session that has it.
func (s *shardWriter) takeLock(ctx context.Context, shard connector.Shard, last connector.Checkpoint) (connector.Checkpoint, error) {
	c, err := s.w.client.take(ctx, writes)
	if err != nil {
		return last, err
	}
	release := c.until(ctx)
	err = func() error {
		if err := c.lockWait(s.w.options.LockSeconds); err != nil {
			return err
		}
		for {
			if got, err := c.lock(s.lockName); err != nil || got {
				return err
			}
			if err := c.endHolder(ctx, s.lockName); err != nil {
				return err
			}
		}
	}()
	release()
	if err != nil {
		c.Broken = true // it may have the lock
		s.w.client.give(c)
		return last, err
	}
	s.session.Store(c)
	if last.Shard == "" {
		last = connector.Checkpoint{Shard: shard.ID, Rev: shard.Rev, Range: shard.Range}
	}
	return last, nil
}

// begin opens a transaction. Where the target keeps checkpoints, it proves in it that the epoch still owns the shard; else the
// session itself is the proof.
//
// Invariant 3: the fence is the first statement of each transaction.
func (s *shardWriter) begin(ctx context.Context) (*session, error) {
	if s.evicted.Load() {
		return nil, sqltarget.Lost(s.id, s.epoch)
	}
	c := s.session.Load()
	if s.open {
		return c, nil
	}
	if c == nil {
		if !s.remembers {
			return nil, s.alive(ctx)
		}
		var err error
		if c, err = s.w.client.take(ctx, writes); err != nil {
			return nil, err
		}
		s.session.Store(c)
		if s.evicted.Load() { // between the question above and here
			s.rollback()
			return nil, sqltarget.Lost(s.id, s.epoch)
		}
	}
	s.open, s.wrote = true, false
	release := c.until(ctx)
	err := s.enter(ctx, c)
	release()
	if err != nil {
		s.rollback()
		return nil, s.ownedError(ctx, err, "begin a transaction of shard "+s.id)
	}
	return c, nil
}

// enter sets the session up and fences.
func (s *shardWriter) enter(ctx context.Context, c *session) error {
	if err := c.byHand(true); err != nil {
		return err
	}
	if err := c.lockWait(s.w.options.LockSeconds); err != nil {
		return err
	}
	if !s.remembers {
		return nil
	}
	// Whether it was free, and whether there are locks by name, does not matter: the fence decides.
	err := c.exec("DO GET_LOCK('" + s.lockName + "', 0)")
	if s.locked = err == nil; err != nil && !isRefusal(err) {
		return err
	}
	return s.fence(s.w.memory.Fence(ctx, conn{c}, s.id, s.epoch, s.seq))
}

// fence says what the proof of ownership has shown.
func (s *shardWriter) fence(err error) error {
	if unfenced && connector.ClassOf(err) == connector.Fenced {
		return nil
	}
	return err
}

// Write sends the group inside the shard's transaction.
func (s *shardWriter) Write(ctx context.Context, group []*record.Batch) (connector.Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.begin(ctx)
	if err != nil {
		return connector.Outcome{}, err
	}
	s.keep(group)
	release := c.until(ctx)
	out, err := s.write(ctx, c, group)
	release()
	if err != nil {
		s.rollback()
		return connector.Outcome{}, s.ownedError(ctx, err, fmt.Sprintf("write shard %s to %s", s.id, s.w.layout.Table))
	}
	return out, nil
}

func (s *shardWriter) write(ctx context.Context, c *session, group []*record.Batch) (connector.Outcome, error) {
	if s.insert == nil {
		l := &s.w.layout
		s.insert = newInserter(l.Table.quoted(), s.w.target.Stored, l.Skipped, l.Upsert, l.Upsert != "")
		s.insert.keys, s.insert.lasting = l.Keys, l.Lasting
		s.keys = newSuperseded(s.w.target.Stored, &l.Layout)
	}
	mode := refusingMode
	if slices.ContainsFunc(group, func(b *record.Batch) bool { return len(b.Marks) > 0 }) {
		mode = keepingMode // marks that come here are zero dates that the job keeps
	}
	if err := c.sqlMode(mode); err != nil {
		return connector.Outcome{}, err
	}
	s.wrote = true
	out, err := s.insert.write(c, group)
	if err != nil || s.w.layout.Upsert == "" {
		return out, err
	}
	out.Superseded, err = s.keys.find(ctx, c, group, out.Rejected)
	return out, err
}

// commitTime is how long a commit may take whose caller has gone; lastTime, how long what ends a session's use may take before the session
// is ended instead.
const (
	commitTime = time.Minute
	lastTime   = 500 * time.Millisecond
)

// Commit stores the checkpoint in the transaction of the rows, where the target keeps them, and commits.
//
// Invariant 1: rows and position become durable together.
func (s *shardWriter) Commit(ctx context.Context, cp connector.Checkpoint) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.remembers && !s.open {
		return nil, s.alive(ctx) // nothing was written
	}
	doing := "commit shard " + s.id
	if _, err := s.begin(ctx); err != nil {
		return nil, err
	}
	if err := s.positionFirst(ctx, s, cp); err != nil {
		s.rollback()
		return nil, classify(err, doing)
	}
	c := s.session.Load()
	release := c.until(ctx)
	err := s.advance(ctx, c, cp)
	release()
	if err != nil {
		s.rollback()
		return nil, s.ownedError(ctx, err, doing)
	}
	// A commit is never cut short: what became of it could not be told.
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTime)
	defer cancel()
	release = c.until(within)
	err = c.exec("COMMIT")
	release()
	if err != nil {
		s.rollback()
		return nil, commitError(err, doing)
	}
	s.seq, s.open = cp.Seq, false
	s.leave()
	return nil, nil
}

// advance proves that the transaction is the one in which the rows were written, as a savepoint of it is still there, and stores the
// checkpoint in it.
func (s *shardWriter) advance(ctx context.Context, c *session, cp connector.Checkpoint) error {
	if s.wrote && !s.w.layout.Lasting {
		err := c.exec("RELEASE SAVEPOINT " + groupSavepoint)
		if e, ok := errors.AsType[*serverError](err); ok && e.Number == noSuchSavepoint {
			return connector.Errorf(connector.Retry, "TOW-456", "the server has given up the transaction without a word: %w", err)
		}
		if err != nil {
			return err
		}
	}
	if !s.remembers {
		return nil
	}
	return s.fence(s.w.memory.Advance(ctx, conn{c}, s.epoch, s.seq, cp))
}

const noSuchSavepoint = 1305

// commitError says what a failed COMMIT leaves behind: nothing where the server says that it has rolled back, else who knows.
func commitError(err error, doing string) error {
	if e, ok := errors.AsType[*serverError](err); ok && knownError(e.Number).code == "TOW-421" {
		return classify(err, doing)
	}
	out := connector.Errorf(connector.Unknown, "TOW-457", "%s: the answer was lost: %w", doing, err)
	if e, ok := errors.AsType[*connector.Error](classify(err, doing)); ok {
		out.Hint = e.Hint
	}
	return out
}

// leave ends what the shard has of its session between transactions.
func (s *shardWriter) leave() {
	if !s.remembers {
		return
	}
	c := s.session.Swap(nil)
	if s.locked {
		s.last(c, unlock(s.lockName))
	}
	s.w.client.give(c)
}

// isRefusal tells whether an error is the server's answer to a statement, and the session as good as before.
func isRefusal(err error) bool {
	_, refused := errors.AsType[*serverError](err)
	return refused
}

// last runs one of the last statements of a session's use, which does not end with its caller's context. Without an answer the
// session is of no use.
func (s *shardWriter) last(c *session, text string) {
	ctx, cancel := context.WithTimeout(context.Background(), lastTime)
	defer cancel()
	defer c.until(ctx)()
	if err := c.exec(text); err != nil {
		c.Broken = true
	}
}

// rollback ends the transaction, if there is one. A session that stands in the middle of a statement is ended at the server too.
func (s *shardWriter) rollback() {
	c := s.session.Load()
	if c == nil || !s.open && !s.remembers {
		return
	}
	s.open = false
	if !c.Broken && !c.Stopped() {
		s.last(c, "ROLLBACK")
	}
	switch {
	case !c.Broken && !c.Stopped():
		s.leave()
	default:
		s.session.Store(nil)
		s.w.client.abandon(c)
	}
}

// ownedError is the error of a call. Where the session is the proof of ownership and has ended, it says whether another owner is
// why.
func (s *shardWriter) ownedError(ctx context.Context, err error, doing string) error {
	if s.evicted.Load() {
		return sqltarget.Lost(s.id, s.epoch)
	}
	if ctx.Err() != nil && errors.Is(err, errStopped) {
		return context.Cause(ctx)
	}
	if !s.remembers && s.session.Load() == nil {
		if lost := s.alive(ctx); connector.ClassOf(lost) == connector.Fenced {
			return lost
		}
	}
	return classify(err, doing)
}

// alive asks who holds the shard's lock, when its session has ended.
func (s *shardWriter) alive(ctx context.Context) error {
	if s.session.Load() != nil {
		return nil
	}
	if s.evicted.Load() {
		return sqltarget.Lost(s.id, s.epoch)
	}
	return s.w.client.withSession(ctx, reads, func(c *session) error {
		id, err := c.holder(s.lockName)
		switch {
		case err != nil:
			return classify(err, "look for the owner of shard "+s.id)
		case id != 0:
			return sqltarget.Lost(s.id, s.epoch)
		}
		return connector.Errorf(connector.Retry, "TOW-449", "write shard %s: the session that held its lock has ended", s.id)
	})
}

// evict ends the writer for a newer epoch of the same process, also in the middle of a statement.
func (s *shardWriter) evict() {
	s.evicted.Store(true)
	if c := s.session.Load(); c != nil && !s.mu.TryLock() {
		c.Stop()
	} else if c != nil {
		s.mu.Unlock()
	}
	_ = s.Close()
}

// Close rolls back what was not committed.
func (s *shardWriter) Close() error {
	s.mu.Lock()
	s.rollback()
	if c := s.session.Swap(nil); c != nil { // that of a lock
		s.last(c, unlock(s.lockName))
		s.w.client.give(c)
	}
	s.mu.Unlock()
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if s.w.shards[s.id] == s {
		delete(s.w.shards, s.id)
	}
	return nil
}
