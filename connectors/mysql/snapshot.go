package mysql

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/towpath/towpath/connector"
)

// snapshot is one instant of the server, seen by sessions whose transactions began while nobody could write. They cannot be
// shared with other processes, and none can be made anew.
type snapshot struct {
	client *Client
	token  string
	locked time.Duration
	free   chan *session
	over   chan struct{} // closed when it can be read no more

	mu   sync.Mutex
	lost error // why; nil while it is there
}

// The longest that the lock of a snapshot is waited for, and the sessions beside its own that a run has a use for.
const (
	snapshotLockSeconds = 20
	sessionsBeside      = 2
)

// snapshot opens the sessions of an instant for the datasets.
func (c *Client) snapshot(ctx context.Context, datasets []string, parallel int) (*snapshot, error) {
	parallel = max(parallel, 1)
	if most := c.pool.Size() - sessionsBeside; parallel > most {
		return nil, connector.Errorf(connector.Config, "TOW-452", "open a snapshot for %d shards at a time: the connection may have %d sessions", parallel, c.pool.Size()).
			WithHint("Set connections to %d or more, or parallel to %d or less.", parallel+sessionsBeside, max(most, 1)).At("connections")
	}
	names := make([]tableName, len(datasets))
	for i, d := range datasets {
		n, err := parseName(d, c.dialer.options.Database)
		if err != nil {
			return nil, err
		}
		names[i] = n
	}
	s := &snapshot{client: c, token: rand.Text(), free: make(chan *session, parallel), over: make(chan struct{})}
	if err := s.open(ctx, names, parallel); err != nil {
		s.end(err)
		return nil, err
	}
	c.mu.Lock()
	c.snapshots[s.token] = s
	c.mu.Unlock()
	return s, nil
}

// snapshotOf returns the snapshot of a token; nil: it is gone.
func (c *Client) snapshotOf(token []byte) *snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.snapshots[string(token)]
}

func (s *snapshot) open(ctx context.Context, names []tableName, parallel int) error {
	return s.client.withSession(ctx, reads, func(lock *session) error {
		if err := lock.transactional(names); err != nil {
			return err
		}
		var all []*session
		for range parallel {
			x, err := s.client.take(ctx, reads)
			if err != nil {
				return err
			}
			s.free <- x
			all = append(all, x)
			if err := x.atOnce(ctx, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"); err != nil {
				return err
			}
		}
		// What this session holds is let go with it, so it is not used again.
		lock.Broken = true
		began := time.Now()
		if err := lock.stopWrites(names, snapshotLockSeconds); err != nil {
			return err
		}
		for _, x := range all {
			if err := x.atOnce(ctx, "START TRANSACTION WITH CONSISTENT SNAPSHOT"); err != nil {
				return err
			}
		}
		if err := lock.exec("UNLOCK TABLES"); err != nil {
			return classify(err, "open a snapshot")
		}
		s.locked = time.Since(began)
		return all[0].keep(ctx, names)
	})
}

// atOnce runs a statement of the making of a snapshot.
func (s *session) atOnce(ctx context.Context, text string) error {
	defer s.until(ctx)()
	return classify(s.exec(text), "open a snapshot")
}

// keep has the session's transaction hold the tables as they are: while it lasts, none of them goes, changes, or gives its name to
// another, whose rows would be read instead.
func (s *session) keep(ctx context.Context, names []tableName) error {
	defer s.until(ctx)()
	for _, n := range names {
		if _, err := s.query("SELECT 1 FROM " + n.quoted() + " LIMIT 0"); err != nil {
			return classify(err, "open a snapshot of "+n.String())
		}
	}
	return nil
}

// transactional refuses tables of which a transaction shows no instant.
func (s *session) transactional(names []tableName) error {
	for _, n := range names {
		rows, err := s.query("SELECT COALESCE(ENGINE, '') FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND TABLE_TYPE <> 'VIEW'",
			textParam(n.database), textParam(n.table))
		if err != nil {
			return classify(err, "open a snapshot")
		}
		if len(rows) == 1 && !strings.EqualFold(rows[0][0].text, "InnoDB") {
			return connector.Errorf(connector.Config, "TOW-453", "open a snapshot of %s: its engine %s has none", n, rows[0][0].text).
				WithHint("Leave consistency: snapshot out, or ALTER TABLE %s ENGINE=InnoDB.", n.quoted())
		}
	}
	return nil
}

// stopWrites keeps all others from writing: to the server, or, where the account may not do that, to the tables. It waits some seconds
// for what runs.
func (s *session) stopWrites(names []tableName, seconds int) error {
	if err := s.exec(fmt.Sprintf("SET lock_wait_timeout = %d", seconds)); err != nil {
		return classify(err, "open a snapshot")
	}
	err := s.exec("FLUSH TABLES WITH READ LOCK")
	if e, ok := errors.AsType[*serverError](err); ok && knownError(e.Number).class == connector.Denied {
		var tables []string
		for _, n := range names {
			tables = append(tables, n.quoted()+" READ")
		}
		err = s.exec("LOCK TABLES " + strings.Join(tables, ", "))
	}
	if e, ok := errors.AsType[*serverError](err); ok && e.Number == 1205 {
		return connector.Errorf(connector.Busy, "TOW-452", "open a snapshot: statements that run hold the tables for longer than %d s", seconds).
			WithHint("Start the run when no long statement writes, or let those end first.")
	}
	if e, ok := errors.AsType[*serverError](err); ok && knownError(e.Number).class == connector.Denied {
		return connector.Errorf(connector.Denied, "TOW-413", "open a snapshot: %w", err).
			WithHint("Grant the account RELOAD, or LOCK TABLES on the databases that are read.")
	}
	return classify(err, "open a snapshot")
}

// Token implements connector.Snapshot.
func (s *snapshot) Token() ([]byte, bool) { return []byte(s.token), false }

// Locked implements connector.Snapshot.
func (s *snapshot) Locked() time.Duration { return s.locked }

// Close ends the snapshot; its sessions that are read from are closed when they are given back.
func (s *snapshot) Close() error {
	s.client.mu.Lock()
	delete(s.client.snapshots, s.token)
	s.client.mu.Unlock()
	s.end(errSnapshotClosed)
	return nil
}

var errSnapshotClosed = errors.New("it was closed")

// end makes the snapshot unreadable and closes the sessions that nobody reads from.
func (s *snapshot) end(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lose(why)
}

// lose is end for a caller that holds s.mu.
func (s *snapshot) lose(why error) {
	if s.lost == nil {
		s.lost = why
		close(s.over)
	}
	for {
		select {
		case x := <-s.free:
			s.discard(x)
		default:
			return
		}
	}
}

// discard closes a session; the caller holds s.mu.
func (s *snapshot) discard(x *session) {
	x.Broken = true
	s.client.give(x)
}

// take returns a session of the snapshot; it waits while all are read from.
func (s *snapshot) take(ctx context.Context) (*session, error) {
	select {
	case x := <-s.free:
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.lost == nil {
			return x, nil
		}
		s.discard(x)
		return nil, snapshotGone(s.lost)
	case <-s.over:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return nil, snapshotGone(s.lost)
}

// snapshotGone is the error of a snapshot that can be read no more.
func snapshotGone(why error) error {
	return connector.Errorf(connector.Lost, "TOW-451", "read in the run's snapshot: %w", why).
		WithHint("The rows of one instant cannot be read to their end. A resumed run reads on without it and says so.")
}

// give takes a session back. In the middle of a result its statement is ended, and not its transaction. A session that does not
// outlive that takes the snapshot with it: there is no other of the same instant.
func (s *snapshot) give(x *session, amid bool) {
	if amid && !x.Broken && !x.Stopped() {
		s.client.endStatement(x)
	}
	x.Broken = x.Broken || x.Stopped() || !x.settled()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost == nil && !x.Broken {
		s.free <- x
		return
	}
	s.lose(errors.New("a session of it has ended"))
	s.discard(x)
}

// endTime is how long the end of a statement is waited for.
const endTime = 900 * time.Millisecond

// until ends the statement of a session of the snapshot when ctx ends, and the session only if that takes too long.
func (s *snapshot) until(ctx context.Context, x *session) (release func()) {
	over, ended := make(chan struct{}), make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(ended)
		s.client.killStatement(x)
		select {
		case <-over:
		case <-time.After(endTime):
			x.Stop()
		}
	})
	return func() {
		close(over)
		if !cancel() {
			<-ended
		}
	}
}

// killStatement has the server end the statement of a session, by another one.
func (c *Client) killStatement(x *session) {
	ctx, cancel := context.WithTimeout(context.Background(), endTime)
	defer cancel()
	// Where it fails, the rows are read to their end, or the session is stopped.
	_ = c.with(ctx, func(k *session) error { return k.exec(fmt.Sprintf("KILL QUERY %d", x.id)) })
}

// endStatement ends the statement whose rows a session sends, and reads what is still on its way.
func (c *Client) endStatement(x *session) {
	ctx, cancel := context.WithTimeout(context.Background(), endTime)
	defer cancel()
	defer x.until(ctx)()
	var killing sync.WaitGroup
	killing.Go(func() { c.killStatement(x) })
	for {
		p, err := x.answer()
		if _, refused := errors.AsType[*serverError](err); refused || err == nil && isEOF(p) {
			break
		}
		if err != nil {
			x.Broken = true
			break
		}
	}
	killing.Wait()
}

// settled makes sure that a kill which came too late for a statement does not hit the next one.
func (x *session) settled() bool {
	ctx, cancel := context.WithTimeout(context.Background(), endTime)
	defer cancel()
	defer x.until(ctx)()
	return x.exec("DO 0") == nil || !x.Broken && x.exec("DO 0") == nil
}
