package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltarget"
	"github.com/towpath/towpath/record"
)

// shardWriter writes one shard under one epoch. It has a session while it has a transaction; with way B, whose fence is a lock of the
// session, from Take to Close.
type shardWriter struct {
	w       *writer
	load    *load
	encoder *encoder
	id      string
	epoch   int64

	mu      sync.Mutex // held while a call works, so that Close waits for it
	seq     int64
	session *session
	open    bool // a transaction is open, and proven to be the owner's
	filled  bool // the temporary table has rows of an earlier Write
	// constraints are the columns of constraints over one, by their names; nil: nobody has asked yet.
	constraints map[string]string
	// committing: a COMMIT is on its way.
	committing bool
	closed     bool

	disorder
}

// closeWait is how long the end of a shard waits for its transaction to be rolled back; else its session is given up.
const closeWait = 2 * time.Second

// step is a request of a series, and what its refusal means.
type step struct {
	request
	refused func(*serverError) error
}

// run sends the steps in one go. The error is what the first refusal means, or of the network.
func (s *session) run(steps ...step) ([]reply, error) {
	requests := make([]request, len(steps))
	for i, x := range steps {
		requests[i] = x.request
	}
	replies, err := s.talk(requests...)
	if at := refusedAt(replies); at < len(replies) {
		switch refusal := replies[at].err; {
		case s.Broken && err != nil && !refusal.last(): // the session was lost over it, and nobody can go on behind the refusal
			return replies, err
		case s.Broken || steps[at].refused == nil:
			return replies, refusal
		default:
			return replies, steps[at].refused(refusal)
		}
	}
	return replies, err
}

func statement(text string) step { return step{request: request{text: text}} }

// Write sends the group inside the shard's transaction, which it begins with the fence.
func (sw *shardWriter) Write(ctx context.Context, group []*record.Batch) (connector.Outcome, error) {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	sw.keep(group)
	var out connector.Outcome
	err := sw.with(ctx, func() (err error) {
		out, err = sw.write(group)
		return err
	})
	if err != nil {
		return connector.Outcome{}, sw.lost(ctx, classifyWrite(err, fmt.Sprintf("write shard %s to %s", sw.id, sw.load.table)))
	}
	return out, nil
}

// with runs f on the shard's session, which it takes where there is none; after an error there is no transaction any more.
func (sw *shardWriter) with(ctx context.Context, f func() error) error {
	if sw.closed {
		return sqltarget.Lost(sw.id, sw.epoch)
	}
	if sw.session == nil {
		if !sw.w.target.Remembers() { // the lock went with the session
			return connector.Errorf(connector.Retry, "TOW-758", "the session that held the lock of shard %s is gone", sw.id)
		}
		s, err := sw.w.client.take(ctx, writes)
		if err != nil {
			return err
		}
		sw.session = s
	}
	release := sw.session.until(ctx)
	sw.committing = false
	err := f()
	if err != nil {
		sw.rollback()
	}
	release()
	if sw.session.Stopped() || sw.session.Broken {
		sw.drop()
	} else if !sw.open && sw.w.target.Remembers() {
		sw.w.client.give(sw.session)
		sw.session = nil
	}
	if err != nil && ctx.Err() != nil && errors.Is(err, errStopped) {
		return context.Cause(ctx)
	}
	return err
}

// rollback ends the transaction. A session in which that fails is given up.
func (sw *shardWriter) rollback() {
	sw.open, sw.filled = false, false
	s := sw.session
	s.temporary = nil // whether one was made is not known: making it again does no harm
	if !s.Broken && !s.Stopped() && s.state != stateIdle {
		if err := s.exec("ROLLBACK"); err != nil {
			s.Broken = true
		}
	}
}

// drop gives the session up. The server is told to stop what it does, but for a commit: that is never cut short.
func (sw *shardWriter) drop() {
	sw.open, sw.filled = false, false
	if sw.committing {
		sw.session.Broken = true
		sw.w.client.give(sw.session)
	} else {
		sw.w.client.abandon(sw.session)
	}
	sw.session = nil
}

// beginSteps begin a transaction and prove in it that the epoch still owns the shard.
//
// Invariant 3: the fence is the first statement of each transaction.
func (sw *shardWriter) beginSteps() []step {
	var steps []step
	l := sw.load
	if sw.open {
		if l.temporary != "" && sw.filled {
			steps = append(steps, statement("TRUNCATE "+l.temporaryName()))
		}
		return steps
	}
	if l.temporary != "" && !slices.Contains(sw.session.temporary, l.temporary) {
		steps = append(steps, sw.session.makeTemporary(l)...)
	}
	steps = append(steps, statement(l.begin))
	if !sw.w.target.Remembers() {
		return steps
	}
	steps = append(steps, statement(ownedBy(sw.w.sink.Run, sw.id, sw.epoch)))
	if unfenced {
		return steps
	}
	text, args := sw.w.memory.FenceStatement(sw.id, sw.epoch, sw.seq)
	fence := statement("SELECT 1 / count(*) FROM (" + spell(text, args) + ") f")
	fence.refused = sw.notOwner
	return append(steps, fence)
}

// notOwner tells what the refusal of a statement means that divides by the rows it finds.
func (sw *shardWriter) notOwner(e *serverError) error {
	if e.foundNone() {
		return sqltarget.Lost(sw.id, sw.epoch)
	}
	return e
}

// foundNone tells that a statement of ours has divided by the rows it found, and not a function of somebody's, which the server would name.
func (e *serverError) foundNone() bool { return e.Code == "22012" && e.Where == "" }

// mostTemporary is how many temporary tables a session keeps.
const mostTemporary = 8

// makeTemporary makes the temporary table of a load, outside of any transaction, so that it lasts as long as the session.
func (s *session) makeTemporary(l *load) []step {
	var steps []step
	for len(s.temporary) >= mostTemporary {
		steps = append(steps, statement("DROP TABLE IF EXISTS pg_temp."+quote(s.temporary[0])))
		s.temporary = s.temporary[1:]
	}
	s.temporary = append(s.temporary, l.temporary)
	return append(steps, statement(l.temporaryStatement()))
}

// Commit stores the checkpoint in the transaction of the rows and commits.
//
// Invariant 1: rows and position become durable together.
func (sw *shardWriter) Commit(ctx context.Context, c connector.Checkpoint) ([]byte, error) {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	if !sw.w.target.Remembers() && !sw.open {
		return nil, nil // nothing was written, and the position is kept elsewhere
	}
	err := sw.with(ctx, func() error {
		if err := sw.positionFirst(sw, c); err != nil {
			return err
		}
		return sw.commit(c)
	})
	if err != nil {
		return nil, sw.lost(ctx, classifyWrite(err, "commit shard "+sw.id))
	}
	sw.seq = c.Seq
	return nil, nil
}

func (sw *shardWriter) commit(c connector.Checkpoint) error {
	steps := sw.beginSteps()
	guard := statement(sw.load.guard)
	guard.refused = func(e *serverError) error {
		if e.foundNone() {
			return sqltarget.NotPlanned(sw.load.table.String())
		}
		return e
	}
	end := statement("COMMIT")
	if sw.w.target.Remembers() {
		end.text = sw.advance(c) + "; COMMIT"
	}
	end.refused = func(e *serverError) error {
		if e.foundNone() {
			return sqltarget.Lost(sw.id, sw.epoch)
		}
		return commitRefused(e, sw.id)
	}
	sw.committing = true
	replies, err := sw.session.run(append(steps, guard, end)...)
	switch {
	case err != nil && refusedAt(replies) == len(replies):
		return connector.Errorf(connector.Unknown, "TOW-757", "commit shard %s: %w", sw.id, err)
	case err != nil:
		return err
	case replies[len(replies)-1].tag != "COMMIT":
		return connector.Errorf(connector.Retry, "TOW-757", "commit shard %s: the server has rolled the transaction back", sw.id)
	}
	sw.open, sw.filled = false, false
	return nil
}

// advance stores the checkpoint; it fails when there is none to follow.
func (sw *shardWriter) advance(c connector.Checkpoint) string {
	text, args := sw.w.memory.AdvanceStatement(sw.epoch, sw.seq, c)
	if unfenced {
		return spell(text, args)
	}
	return "WITH u AS (" + spell(text, args) + " RETURNING 1) SELECT 1 / count(*) FROM u"
}

// commitRefused says what a refused COMMIT leaves behind: nothing, unless the server ended the session over it.
func commitRefused(e *serverError, shard string) error {
	if e.last() {
		return connector.Errorf(connector.Unknown, "TOW-757", "commit shard %s: %w", shard, e)
	}
	return e
}

// lost tells a newer owner from other reasons for which the session of a shard that is fenced by a lock is gone.
func (sw *shardWriter) lost(ctx context.Context, err error) error {
	if sw.w.target.Remembers() || sw.session != nil || ctx.Err() != nil {
		return err
	}
	newer, asked := sw.w.ownedByNewer(ctx, sw.id, sw.epoch)
	if asked == nil && newer {
		return sqltarget.Lost(sw.id, sw.epoch)
	}
	return err
}

// Close rolls back what was not committed.
func (sw *shardWriter) Close() error {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	sw.w.mu.Lock()
	delete(sw.w.shards, sw)
	sw.w.mu.Unlock()
	if sw.closed = true; sw.session == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeWait)
	defer cancel()
	release := sw.session.until(ctx)
	sw.rollback()
	if !sw.w.target.Remembers() {
		sw.session.Broken = true // its lock goes with it
	}
	release()
	sw.w.client.give(sw.session)
	sw.session = nil
	return nil
}
