package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltarget"
	"github.com/towpath/towpath/record"
)

// shardWriter writes one shard under one epoch. It has a connection while it has a transaction.
type shardWriter struct {
	w     *writer
	id    string
	epoch int64

	mu      sync.Mutex // held while a call works, so that evict waits for it
	seq     int64
	evicted bool
	conn    *sql.Conn // with an open transaction; nil: none
	insert  *inserter

	disorder
}

// Write sends the group inside the shard's transaction, which it begins with the fence.
func (s *shardWriter) Write(ctx context.Context, group []*record.Batch) (connector.Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin(ctx); err != nil {
		return connector.Outcome{}, err
	}
	s.keep(group)
	out, err := s.insert.write(ctx, group)
	if err != nil {
		s.rollback()
		return connector.Outcome{}, classify(err, "write shard %s to %s", s.id, s.w.layout.Table)
	}
	return out, nil
}

// begin opens a transaction and proves in it that the epoch still owns the shard.
//
// Invariant 3: the fence is the first statement of each transaction.
func (s *shardWriter) begin(ctx context.Context) error {
	if s.evicted {
		return sqltarget.Lost(s.id, s.epoch)
	}
	if s.conn != nil {
		return nil
	}
	db, err := s.w.client.writer()
	if err != nil {
		return err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return classify(err, "connect to %q", s.w.client.path)
	}
	begin := "BEGIN IMMEDIATE"
	if len(s.w.layout.References) > 0 {
		begin = "PRAGMA foreign_keys = OFF; " + begin // rows that are referred to may come later: Finish(Link) looks
	}
	s.conn = conn
	if _, err = conn.ExecContext(ctx, begin); err != nil {
		s.release()
		return classify(err, "begin a transaction of shard %s", s.id)
	}
	if err := s.fence(s.w.memory.Fence(ctx, session{conn}, s.id, s.epoch, s.seq)); err != nil {
		s.rollback()
		return err
	}
	s.insert, err = newInserter(ctx, conn, s.w)
	if err != nil {
		s.rollback()
		return classify(err, "prepare to write to %s", s.w.layout.Table)
	}
	return nil
}

// fence says what the proof of ownership has shown.
func (s *shardWriter) fence(err error) error {
	if unfenced && connector.ClassOf(err) == connector.Fenced {
		return nil
	}
	return classify(err, "fence shard %s", s.id)
}

// Commit stores the checkpoint in the transaction of the rows and commits.
//
// Invariant 1: rows and position become durable together.
func (s *shardWriter) Commit(ctx context.Context, c connector.Checkpoint) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	if err := s.positionFirst(ctx, s, c); err != nil {
		s.rollback()
		return nil, classify(err, "commit shard %s", s.id)
	}
	if err := s.fence(s.w.memory.Advance(ctx, session{s.conn}, s.epoch, s.seq, c)); err != nil {
		s.rollback()
		return nil, err
	}
	s.insert.close()
	// A commit is never cut short: what became of it could not be told.
	if _, err := s.conn.ExecContext(context.WithoutCancel(ctx), "COMMIT"); err != nil {
		s.rollback()
		return nil, commitError(err, s.id)
	}
	s.seq = c.Seq
	s.release()
	return nil, nil
}

// commitError says what a failed COMMIT leaves behind: where SQLite refused it, nothing; where the disk failed, who knows.
func commitError(err error, shard string) error {
	classified := classify(err, "commit shard %s", shard)
	if e, ok := errors.AsType[*connector.Error](classified); ok && (e.Class == connector.Retry || e.Class == connector.Other) {
		e.Class = connector.Unknown
	}
	return classified
}

// rollback ends the transaction, if there is one.
func (s *shardWriter) rollback() {
	if s.conn == nil {
		return
	}
	if s.insert != nil {
		s.insert.close()
	}
	if _, err := s.conn.ExecContext(context.Background(), "ROLLBACK"); err != nil {
		// Without a transaction there is nothing to roll back; a connection in any other state is not used again.
		_ = s.conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	s.release()
}

// release gives the connection back, which has no transaction any more, with the settings that it came with.
func (s *shardWriter) release() {
	if len(s.w.layout.References) > 0 {
		if _, err := s.conn.ExecContext(context.Background(), "PRAGMA foreign_keys = ON"); err != nil {
			_ = s.conn.Raw(func(any) error { return driver.ErrBadConn })
		}
	}
	_ = s.conn.Close()
	s.conn, s.insert = nil, nil
}

// evict ends the writer for a newer epoch of the same process.
func (s *shardWriter) evict() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.evicted = true
	s.rollback()
}

// Close rolls back what was not committed.
func (s *shardWriter) Close() error {
	s.mu.Lock()
	s.rollback()
	s.mu.Unlock()
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if s.w.shards[s.id] == s {
		delete(s.w.shards, s.id)
	}
	return nil
}
