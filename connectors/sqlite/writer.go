package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"sync"

	"github.com/towpath/towpath/connector"
)

// writer writes one table for one run.
type writer struct {
	client *Client
	sink   connector.Sink

	mu     sync.Mutex
	target *connector.Target // after Prepare
	layout layout
	shards map[string]*shardWriter
}

// layout is the writer's own part of the plan.
type layout struct {
	Table   string   `json:"table"`             // that rows go to: the target, or its staging table
	Create  string   `json:"create,omitempty"`  // its DDL; "": it exists
	Indexes []string `json:"indexes,omitempty"` // unique indexes of the staging table, under names of the run
	Found   string   `json:"found,omitempty"`   // DDL of the target as planned; "": there was none
	Key     []int    `json:"key,omitempty"`     // places of the key columns in Target.Stored
	Folds   []string `json:"folds,omitempty"`   // collations of the key columns
	Guarded []int    `json:"guarded,omitempty"` // places of text columns in which SQLite would turn digits into numbers
}

func newWriter(c *Client, s connector.Sink) (*writer, error) {
	switch s.Mode {
	case connector.Insert, connector.Upsert, connector.Append, connector.Replace:
	default:
		return nil, connector.Errorf(connector.Config, "TOW-314", "write mode %q is unknown to SQLite", s.Mode)
	}
	if own(s.Dataset) {
		return nil, connector.Errorf(connector.Config, "TOW-314", "table name %q is kept for towpath's own tables", s.Dataset)
	}
	return &writer{client: c, sink: s, shards: map[string]*shardWriter{}}, nil
}

// The states of a run's marker.
const (
	markerOpen      = "open"
	markerPublished = "published"
)

// schemaOfCheckpoints makes the table that holds checkpoints and, under an empty shard_id, the marker of each run and dataset.
const schemaOfCheckpoints = `CREATE TABLE IF NOT EXISTS ` + checkpointTable + ` (
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
		case state == markerPublished:
			return nil
		case state == "" && !fresh:
			return connector.Errorf(connector.Changed, "TOW-316", "file %q does not know this run: it was restored from before the start", w.client.path).
				WithHint("Start the stream again, or put the file back that the run wrote to.")
		case state == "":
			return w.create(ctx, conn)
		}
		if err := w.check(ctx, conn); err != nil {
			return err
		}
		checkpoints, err = w.checkpoints(ctx, conn)
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

// marker returns the state of the run's marker; "": there is none.
func (w *writer) marker(ctx context.Context, conn *sql.Conn) (string, error) {
	var tables int
	err := conn.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?", checkpointTable).Scan(&tables)
	if err != nil || tables == 0 {
		return "", err
	}
	var state string
	err = conn.QueryRowContext(ctx, "SELECT record FROM "+checkpointTable+" WHERE run_id = ? AND dataset = ? AND shard_id = ''", w.sink.Run, w.sink.Dataset).Scan(&state)
	if err == sql.ErrNoRows {
		return "", nil
	}
	return state, err
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
	_, err = conn.ExecContext(ctx, "INSERT INTO "+checkpointTable+" VALUES (?, ?, '', 0, 0, ?)", w.sink.Run, w.sink.Dataset, markerOpen)
	return err
}

// unchanged refuses a target that is not what was planned for. made: the table that the plan makes is there already, exactly
// so, from an attempt that was stopped.
func (w *writer) unchanged(ctx context.Context, conn *sql.Conn) (made bool, err error) {
	found := ""
	t, err := lookUp(ctx, conn, w.sink.Dataset)
	switch {
	case err == nil:
		found = t.sql
	case connector.ClassOf(err) != connector.Missing:
		return false, err
	}
	if found == w.layout.Found {
		return false, nil
	}
	if made = w.layout.Found == "" && found == w.layout.Create; !made {
		err = connector.Errorf(connector.Changed, "TOW-317", "table %s is not as it was planned: it was made, altered or dropped meanwhile", w.sink.Dataset).
			WithHint("Plan again.")
		return false, err
	}
	return true, nil
}

// check refuses to resume when the table that rows went to has gone.
func (w *writer) check(ctx context.Context, conn *sql.Conn) error {
	_, err := lookUp(ctx, conn, w.layout.Table)
	if connector.ClassOf(err) == connector.Missing {
		return connector.Errorf(connector.Changed, "TOW-317", "table %s, which this run was writing to, has gone", w.layout.Table)
	}
	return err
}

// checkpoints returns all that the file remembers of this run and dataset.
func (w *writer) checkpoints(ctx context.Context, conn *sql.Conn) ([]connector.Checkpoint, error) {
	rows, err := conn.QueryContext(ctx, "SELECT record FROM "+checkpointTable+" WHERE run_id = ? AND dataset = ? AND shard_id <> '' ORDER BY shard_id", w.sink.Run, w.sink.Dataset)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []connector.Checkpoint
	for rows.Next() {
		var raw []byte
		if err := rows.Scan(&raw); err != nil {
			return nil, err
		}
		c, err := connector.ParseCheckpoint(raw)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, rows.Err()
}

// Take raises the shard's epoch. An older writer of this process is told at once; one of another process finds out by its
// next fence, and if it holds a transaction open, Take waits for it as long as for any lock.
//
// Invariant 3: from here on only the lease's epoch writes this shard.
func (w *writer) Take(ctx context.Context, s connector.Shard, l connector.Lease, last connector.Checkpoint) (connector.ShardWriter, connector.Checkpoint, error) {
	if w.target == nil {
		return nil, last, connector.Errorf(connector.Other, "TOW-315", "take shard %s before the table was prepared", s.ID)
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
		c, err = w.raise(ctx, conn, s, l.Epoch, last)
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

// raise sets the epoch, or makes the shard's row, and returns the checkpoint there.
func (w *writer) raise(ctx context.Context, conn *sql.Conn, s connector.Shard, epoch int64, last connector.Checkpoint) (connector.Checkpoint, error) {
	var raw []byte
	err := conn.QueryRowContext(ctx, "UPDATE "+checkpointTable+" SET epoch = ? WHERE run_id = ? AND dataset = ? AND shard_id = ? AND epoch < ? RETURNING record",
		epoch, w.sink.Run, w.sink.Dataset, s.ID, epoch).Scan(&raw)
	if err == nil {
		return connector.ParseCheckpoint(raw)
	}
	if err != sql.ErrNoRows {
		return last, err
	}
	var newer int64
	err = conn.QueryRowContext(ctx, "SELECT epoch FROM "+checkpointTable+" WHERE run_id = ? AND dataset = ? AND shard_id = ?", w.sink.Run, w.sink.Dataset, s.ID).Scan(&newer)
	switch {
	case err == nil:
		return last, connector.Errorf(connector.Fenced, "TOW-318", "shard %s belongs to epoch %d, this is %d", s.ID, newer, epoch)
	case err != sql.ErrNoRows:
		return last, err
	case last.Seq > 0:
		return last, connector.Errorf(connector.Changed, "TOW-316", "file %q has lost the checkpoint of shard %s: it was restored from before its start", w.client.path, s.ID)
	}
	c := connector.Checkpoint{Shard: s.ID, Rev: s.Rev, Range: s.Range}
	_, err = conn.ExecContext(ctx, "INSERT INTO "+checkpointTable+" VALUES (?, ?, ?, ?, 0, ?)", w.sink.Run, w.sink.Dataset, s.ID, epoch, connector.AppendCheckpoint(nil, c))
	return c, err
}

// Finish does the phases; Park and Seal have nothing to do, as no setting is changed for loading.
func (w *writer) Finish(ctx context.Context, phase connector.Phase) error {
	if w.target == nil && phase != connector.Drop {
		return connector.Errorf(connector.Other, "TOW-315", "finish table %s before it was prepared", w.sink.Dataset)
	}
	var err error
	switch phase {
	case connector.Publish:
		err = w.publish(ctx)
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

// immediate runs f in a transaction that owns the write lock from its beginning.
func immediate(ctx context.Context, db *sql.DB, f func(*sql.Conn) error) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	return end(ctx, conn, f(conn))
}

// end commits when err is nil, else rolls back. Neither is cut short by the end of ctx.
func end(ctx context.Context, conn *sql.Conn, err error) error {
	ctx = context.WithoutCancel(ctx)
	if err == nil {
		if _, err = conn.ExecContext(ctx, "COMMIT"); err == nil {
			return nil
		}
	}
	// The error at hand says more than one of the rollback, which there may be nothing left for.
	_, _ = conn.ExecContext(ctx, "ROLLBACK")
	return err
}
