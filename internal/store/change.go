package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/towpath/towpath/connector"
)

// tx is a write transaction. now is one instant for all of it.
type tx struct {
	conn     *sql.Conn
	now      int64
	together int // rows that a statement adds
}

func (t *tx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	r, err := t.conn.ExecContext(ctx, query, texts(args)...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (t *tx) row(ctx context.Context, query string, args ...any) *sql.Row {
	return t.conn.QueryRowContext(ctx, query, texts(args)...)
}

// changes queues the changes of a process. A commit waits for the disk, so all that came meanwhile go into the next transaction
// together: many small changes at once cost as many waits as few.
type changes struct {
	mu      sync.Mutex
	busy    bool // somebody leads
	waiting []*change
	free    time.Time // until when the lock is left to other processes
}

// change is one caller's part of a transaction.
type change struct {
	ctx   context.Context
	doing string
	do    func(ctx context.Context, t *tx) error
	alone bool          // long: it has a transaction of its own, which ends with its context
	lead  chan struct{} // closed when it is this caller's turn to run a transaction
	done  chan struct{} // closed when another caller ran it
	err   error
}

// The part of the time that the lock is left free between transactions that follow one another, and the longest gap.
const (
	share      = 8
	longestGap = 20 * time.Millisecond
)

// longestEnd is how long a database may take to end a transaction.
const longestEnd = 20 * time.Second

// mostTogether bounds how long a change waits for those it shares a transaction with.
const mostTogether = 64

// change runs fn in a write transaction, which others may share; its first error, of whatever kind, undoes what it did and nothing
// else. fn is short and takes its context from its argument.
func (s *Store) change(ctx context.Context, doing string, fn func(ctx context.Context, t *tx) error) error {
	return s.queue(&change{ctx: ctx, doing: doing, do: fn})
}

// changeAlone is change for what takes long: no other change waits within its transaction.
func (s *Store) changeAlone(ctx context.Context, doing string, fn func(ctx context.Context, t *tx) error) error {
	return s.queue(&change{ctx: ctx, doing: doing, do: fn, alone: true})
}

// queue waits until another caller has run the change, or for its own turn to run those that wait.
func (s *Store) queue(c *change) error {
	c.lead, c.done = make(chan struct{}), make(chan struct{})
	q := &s.changes
	q.mu.Lock()
	if q.busy {
		q.waiting = append(q.waiting, c)
		q.mu.Unlock()
		select {
		case <-c.done:
			return c.err
		case <-c.lead:
		case <-c.ctx.Done():
			if q.leave(c) {
				return s.fail(c.doing, context.Cause(c.ctx))
			}
			select { // it was taken in the same moment
			case <-c.done:
				return c.err
			case <-c.lead:
			}
		}
		q.mu.Lock()
	}
	q.busy = true
	gap := time.Until(q.free)
	q.mu.Unlock()
	// Other processes wait for the file's lock by looking again now and then: without a gap they might never find it free.
	time.Sleep(gap)
	q.mu.Lock()
	batch := q.take(c)
	q.mu.Unlock()
	began := time.Now()
	s.together(batch)
	ended := time.Now()
	for _, other := range batch[1:] {
		close(other.done)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.free = ended.Add(min(ended.Sub(began)/share, longestGap))
	if q.busy = len(q.waiting) > 0; q.busy {
		close(q.waiting[0].lead)
		q.waiting = slices.Delete(q.waiting, 0, 1)
	}
	return c.err
}

// leave takes a change out of the queue; false: it waits there no more.
func (q *changes) leave(c *change) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	at := slices.Index(q.waiting, c)
	if at < 0 {
		return false
	}
	q.waiting = slices.Delete(q.waiting, at, at+1)
	return true
}

// take returns the changes that share the transaction of c, c first.
func (q *changes) take(c *change) []*change {
	batch := []*change{c}
	if c.alone {
		return batch
	}
	q.waiting = slices.DeleteFunc(q.waiting, func(other *change) bool {
		joins := !other.alone && len(batch) < mostTogether
		if joins {
			batch = append(batch, other)
		}
		return joins
	})
	return batch
}

// together runs changes in one transaction and gives each its error.
func (s *Store) together(batch []*change) {
	ctx := batch[0].ctx
	if len(batch) > 1 { // one caller's end must not be that of the others' work
		ctx = context.WithoutCancel(ctx)
	}
	if !batch[0].alone { // a server may not answer for ever
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.busy+longestEnd)
		defer cancel()
	}
	conn, err := s.write.Conn(ctx)
	if err != nil {
		s.spoil(batch, err)
		return
	}
	defer conn.Close()
	if err := s.d.begin(ctx, conn); err != nil {
		s.spoil(batch, err)
		return
	}
	t := &tx{conn: conn, together: s.d.together}
	// The clock is read behind BEGIN: waiting for the lock must not make it stale.
	err = t.row(ctx, "SELECT "+s.d.now).Scan(&t.now)
	if err == nil {
		err = s.apply(ctx, t, batch)
	}
	// A cancelled context must leave neither half a commit nor an open transaction on the pooled connection.
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), longestEnd)
	defer cancel()
	if err == nil {
		if _, err = conn.ExecContext(end, "COMMIT"); err == nil {
			return
		}
	}
	rollback(end, conn)
	s.spoil(batch, err)
}

// rollback ends a transaction also where ctx has ended. A connection that it stays open on is not used again.
func rollback(ctx context.Context, c *sql.Conn) {
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), longestEnd)
	defer cancel()
	if _, err := c.ExecContext(end, "ROLLBACK"); err != nil {
		_ = c.Raw(func(any) error { return driver.ErrBadConn })
	}
}

// apply runs the changes, each behind a savepoint of its own when there are several. An error is one of the whole transaction.
func (s *Store) apply(ctx context.Context, t *tx, batch []*change) error {
	if len(batch) == 1 {
		return batch[0].do(ctx, t)
	}
	for _, c := range batch {
		if c.ctx.Err() != nil {
			c.err = s.fail(c.doing, context.Cause(c.ctx))
			continue
		}
		if _, err := t.exec(ctx, "SAVEPOINT part"); err != nil {
			return err
		}
		if err := c.do(ctx, t); err != nil {
			if _, lost := t.exec(ctx, "ROLLBACK TO SAVEPOINT part"); lost != nil {
				return err // a full disk, say, has undone the whole transaction
			}
			c.err = s.fail(c.doing, err)
		}
		if _, err := t.exec(ctx, "RELEASE SAVEPOINT part"); err != nil {
			return err
		}
	}
	return nil
}

// spoil gives the error of a transaction to all whose part it was.
func (s *Store) spoil(batch []*change, err error) {
	for _, c := range batch {
		if c.err != nil {
			continue
		}
		why := err
		if c.ctx.Err() != nil { // a driver may tell of the connection that it closed for it
			why = context.Cause(c.ctx)
		} else if errors.Is(err, context.DeadlineExceeded) {
			why = connector.Errorf(connector.Retry, "TOW-224", "%s: control database does not answer (%s)", c.doing, s.path).WithHint("Check that its server runs and can be reached from here.")
		}
		c.err = s.fail(c.doing, why)
	}
}
