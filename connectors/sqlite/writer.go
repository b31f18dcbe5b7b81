package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"sync"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltarget"
	"github.com/towpath/towpath/record"
)

// writer writes one table for one run.
type writer struct {
	client *Client
	sink   connector.Sink
	memory sqltarget.Memory

	mu     sync.Mutex
	target *connector.Target // after Prepare
	layout layout
	shards map[string]*shardWriter
}

// layout is the writer's own part of the plan.
type layout struct {
	sqltarget.Layout
	Table   string   `json:"table"`             // that rows go to: the target, or its staging table
	Create  string   `json:"create,omitempty"`  // its DDL; "": it exists
	Indexes []string `json:"indexes,omitempty"` // unique indexes of the staging table, under names of the run
	// What a table that is made gets beside its columns: indexes once its rows are there, and clauses of its definition.
	Secondary  []record.Index `json:"secondary,omitempty"`
	References []string       `json:"references,omitempty"`
	Found      string         `json:"found,omitempty"`   // DDL of the target as planned; "": there was none
	Guarded    []int          `json:"guarded,omitempty"` // places of text columns in which SQLite would turn digits into numbers
}

func newWriter(c *Client, s connector.Sink) (*writer, error) {
	if err := sqltarget.CheckSink(s, s.Dataset); err != nil {
		return nil, err
	}
	return &writer{client: c, sink: s, shards: map[string]*shardWriter{},
		memory: sqltarget.Memory{Table: sqltarget.Checkpoints, Run: s.Run, Dataset: s.Dataset, Where: c.describe()}}, nil
}

// schemaOfCheckpoints makes the table that holds checkpoints and, under an empty shard_id, the marker of each run and dataset.
const schemaOfCheckpoints = `CREATE TABLE IF NOT EXISTS ` + sqltarget.Checkpoints + ` (
	run_id TEXT NOT NULL, dataset TEXT NOT NULL, shard_id TEXT NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, record BLOB,
	PRIMARY KEY (run_id, dataset, shard_id)) WITHOUT ROWID`

// Prepare creates the table and the marker in one transaction, so that either both are there or none.
func (w *writer) Prepare(ctx context.Context, t *connector.Target, fresh bool, remembered func(connector.Checkpoint) error) error {
	if err := json.Unmarshal(t.Writer, &w.layout); err != nil {
		return connector.Errorf(connector.Changed, "TOW-315", "read the plan of table %s: %w", w.sink.Dataset, err)
	}
	db, err := w.client.writer()
	if err != nil {
		return err
	}
	var checkpoints []connector.Checkpoint
	err = immediate(ctx, db, func(conn *sql.Conn) error {
		state, err := w.marker(ctx, conn)
		if err != nil {
			return err
		}
		switch {
		case state == sqltarget.Published:
			return nil
		case state == sqltarget.Absent && !fresh:
			return w.memory.Restored()
		case state == sqltarget.Absent:
			return w.create(ctx, conn)
		}
		if err := w.check(ctx, conn); err != nil {
			return err
		}
		checkpoints, err = w.memory.Remembered(ctx, session{conn})
		return err
	})
	if err != nil {
		return classify(err, "prepare table %s", w.sink.Dataset)
	}
	for _, c := range checkpoints {
		if err := remembered(c); err != nil {
			return err
		}
	}
	w.target = t
	return nil
}

// marker returns the state of the run's marker, also where there is no table of checkpoints.
func (w *writer) marker(ctx context.Context, conn *sql.Conn) (sqltarget.State, error) {
	there, err := remembers(ctx, conn)
	if err != nil || !there {
		return sqltarget.Absent, err
	}
	return w.memory.Marker(ctx, session{conn})
}

// remembers reports whether the file has a table with the name and the columns of the table of checkpoints.
func remembers(ctx context.Context, conn *sql.Conn) (bool, error) {
	ours := false
	err := conn.QueryRowContext(ctx, "SELECT COUNT(*) = "+sqltarget.CheckpointWidth+" FROM pragma_table_info(?) WHERE name IN ("+sqltarget.CheckpointColumns+")",
		sqltarget.Checkpoints).Scan(&ours)
	return ours, err
}

// create makes what the plan says, provided that the target is still as planned.
func (w *writer) create(ctx context.Context, conn *sql.Conn) error {
	there, err := w.unchanged(ctx, conn)
	if err != nil {
		return err
	}
	statements := []string{schemaOfCheckpoints}
	if w.layout.Create != "" && !there {
		statements = append(statements, w.layout.Create)
	}
	statements = append(statements, w.layout.Indexes...)
	for _, s := range statements {
		if _, err := conn.ExecContext(ctx, s); err != nil {
			return classify(err, "create table %s", w.layout.Table)
		}
	}
	return w.memory.Begin(ctx, session{conn})
}

// unchanged refuses a target that is not what was planned for. made: the table that the plan makes is there already, exactly
// so, from an attempt that was stopped.
func (w *writer) unchanged(ctx context.Context, conn *sql.Conn) (made bool, err error) {
	found := ""
	t, err := lookUp(ctx, conn, w.sink.Dataset)
	switch {
	case err == nil:
		if found, err = t.definition(ctx, conn); err != nil {
			return false, err
		}
	case connector.ClassOf(err) != connector.Missing:
		return false, err
	}
	if found == w.layout.Found {
		return false, nil
	}
	if made = w.layout.Found == "" && found == w.layout.Create; !made {
		return false, sqltarget.NotPlanned(w.sink.Dataset)
	}
	return true, nil
}

// check refuses to resume when the table that rows went to has gone.
func (w *writer) check(ctx context.Context, conn *sql.Conn) error {
	there, err := exists(ctx, conn, w.layout.Table)
	if err == nil && !there {
		return sqltarget.Gone(w.layout.Table)
	}
	return err
}

// Take raises the shard's epoch. An older writer of this process is told at once; one of another process finds out by its
// next fence, and if it holds a transaction open, Take waits for it as long as for any lock.
//
// Invariant 3: from here on only the lease's epoch writes this shard.
func (w *writer) Take(ctx context.Context, s connector.Shard, l connector.Lease, last connector.Checkpoint) (connector.ShardWriter, connector.Checkpoint, error) {
	if w.target == nil {
		return nil, last, sqltarget.Unprepared("take shard " + s.ID)
	}
	db, err := w.client.writer()
	if err != nil {
		return nil, last, err
	}
	w.mu.Lock()
	if old := w.shards[s.ID]; old != nil && old.epoch < l.Epoch {
		old.evict()
	}
	w.mu.Unlock()
	sw := &shardWriter{w: w, id: s.ID, epoch: l.Epoch}
	var c connector.Checkpoint
	err = immediate(ctx, db, func(conn *sql.Conn) error {
		c, err = w.memory.Raise(ctx, session{conn}, s, l.Epoch, last)
		return err
	})
	if err != nil {
		return nil, last, classify(err, "take shard %s", s.ID)
	}
	sw.seq = c.Seq
	w.mu.Lock()
	w.shards[s.ID] = sw
	w.mu.Unlock()
	return sw, c, nil
}

// Finish does the phases; Park has nothing to do, as no setting is changed for loading.
func (w *writer) Finish(ctx context.Context, phase connector.Phase) error {
	if w.target == nil && phase != connector.Drop {
		return sqltarget.Unprepared("finish table " + w.sink.Dataset)
	}
	var err error
	switch phase {
	case connector.Seal:
		err = w.seal(ctx)
	case connector.Publish:
		err = w.publish(ctx)
	case connector.Link:
		err = w.link(ctx)
	case connector.Drop:
		err = w.drop(ctx)
	}
	return classify(err, "finish table %s: %s", w.sink.Dataset, phase)
}

// Close ends the transactions of the writer's shards.
func (w *writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.shards {
		s.evict()
	}
	clear(w.shards)
	return nil
}
