package sqltarget

import (
	"context"
	"strconv"
	"strings"

	"github.com/towpath/towpath/connector"
)

// Conn runs statements in one session. Parameters are of the types string, int64 and []byte.
type Conn interface {
	// Exec returns the number of rows that the statement changed.
	Exec(ctx context.Context, text string, args ...any) (int64, error)
	// Query returns the rows of a small result, each cell as its text or bytes; nil is NULL.
	Query(ctx context.Context, text string, args ...any) ([][][]byte, error)
}

// Memory is what a target remembers of one run and dataset: a marker, and the checkpoints of its shards. They are rows of one table
// with the columns run_id, dataset, shard_id (texts, the primary key), epoch, seq (64-bit integers) and record (bytes); the marker
// is the row whose shard_id is empty. All methods run in the transaction that the caller has open on the Conn.
type Memory struct {
	Table        string // quoted, with its schema or database
	Run, Dataset string
	Place        func(n int) string // spells parameter n, counted from 1; nil: ?
	Lock         string             // what a SELECT ends with to keep its rows from others until the transaction ends; "" where the transaction does so itself
	Where        string             // the file or server, for errors
}

// State is the state of a run's marker.
type State string

// The states of a marker.
const (
	Absent    State = "" // the target knows nothing of the run
	Open      State = "open"
	Published State = "published"
)

// sql puts the table, written as @, and the places of parameters, written as ?, into a statement.
func (m *Memory) sql(text string) string {
	var b strings.Builder
	for n := 1; ; {
		at := strings.IndexAny(text, "?@")
		if at < 0 {
			return b.String() + text
		}
		b.WriteString(text[:at])
		switch {
		case text[at] == '@':
			b.WriteString(m.Table)
		case m.Place == nil:
			b.WriteByte('?')
		default:
			b.WriteString(m.Place(n))
			n++
		}
		text = text[at+1:]
	}
}

func (m *Memory) exec(ctx context.Context, c Conn, text string, args ...any) (int64, error) {
	return c.Exec(ctx, m.sql(text), args...)
}

func (m *Memory) query(ctx context.Context, c Conn, text string, args ...any) ([][][]byte, error) {
	return c.Query(ctx, m.sql(text), args...)
}

// Marker returns the state of the run's marker. The table has to exist.
func (m *Memory) Marker(ctx context.Context, c Conn) (State, error) {
	rows, err := m.query(ctx, c, "SELECT record FROM @ WHERE run_id = ? AND dataset = ? AND shard_id = ''", m.Run, m.Dataset)
	if err != nil || len(rows) == 0 {
		return Absent, err
	}
	return State(rows[0][0]), nil
}

// Begin lays the marker down.
func (m *Memory) Begin(ctx context.Context, c Conn) error {
	_, err := m.exec(ctx, c, "INSERT INTO @ (run_id, dataset, shard_id, epoch, seq, record) VALUES (?, ?, '', 0, 0, ?)", m.Run, m.Dataset, []byte(Open))
	return err
}

// Remembered returns the checkpoints of all shards.
func (m *Memory) Remembered(ctx context.Context, c Conn) ([]connector.Checkpoint, error) {
	rows, err := m.query(ctx, c, "SELECT record FROM @ WHERE run_id = ? AND dataset = ? AND shard_id <> '' ORDER BY shard_id", m.Run, m.Dataset)
	if err != nil {
		return nil, err
	}
	list := make([]connector.Checkpoint, len(rows))
	for i, row := range rows {
		if list[i], err = connector.ParseCheckpoint(row[0]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Raise makes the epoch the one that owns the shard, or makes the shard's row, and returns the checkpoint that is there. It waits
// for the transaction of an older owner that holds the row. A run that has ended gets no rows any more, also not from a process
// that stood still before it first came here.
//
// Invariant 3: older epochs fail at their next Fence.
func (m *Memory) Raise(ctx context.Context, c Conn, s connector.Shard, epoch int64, last connector.Checkpoint) (connector.Checkpoint, error) {
	n, err := m.exec(ctx, c, "UPDATE @ SET epoch = ? WHERE run_id = ? AND dataset = ? AND shard_id = ? AND epoch < ?", epoch, m.Run, m.Dataset, s.ID, epoch)
	if err != nil {
		return last, err
	}
	rows, err := m.query(ctx, c, "SELECT epoch, record FROM @ WHERE run_id = ? AND dataset = ? AND shard_id = ?", m.Run, m.Dataset, s.ID)
	switch {
	case err != nil:
		return last, err
	case n == 1 && len(rows) == 1:
		return connector.ParseCheckpoint(rows[0][1])
	case len(rows) == 1:
		newer, _ := strconv.ParseInt(string(rows[0][0]), 10, 64)
		return last, connector.Errorf(connector.Fenced, "TOW-165", "shard %s belongs to epoch %d, this is %d", s.ID, newer, epoch)
	case last.Seq > 0:
		return last, connector.Errorf(connector.Changed, "TOW-166", "%s has lost the checkpoint of shard %s: it was restored from before its start", m.Where, s.ID)
	}
	switch state, err := m.Marker(ctx, c); {
	case err != nil:
		return last, err
	case state == Absent:
		return last, m.Restored()
	case state == Published:
		return last, connector.Errorf(connector.Fenced, "TOW-165", "shard %s was written to its end, and its run has published: epoch %d comes too late", s.ID, epoch)
	}
	cp := connector.Checkpoint{Shard: s.ID, Rev: s.Rev, Range: s.Range}
	_, err = m.exec(ctx, c, "INSERT INTO @ (run_id, dataset, shard_id, epoch, seq, record) VALUES (?, ?, ?, ?, 0, ?)", m.Run, m.Dataset, s.ID, epoch,
		connector.AppendCheckpoint(nil, cp))
	return cp, err
}

// Fence proves that the epoch owns the shard and that seq commits were made, and keeps others from taking it until the transaction
// ends. It is the first statement of each transaction that writes rows.
//
// Invariant 3: one owner.
func (m *Memory) Fence(ctx context.Context, c Conn, shard string, epoch, seq int64) error {
	text, args := m.FenceStatement(shard, epoch, seq)
	rows, err := c.Query(ctx, text, args...)
	if err == nil && len(rows) != 1 {
		err = Lost(shard, epoch)
	}
	return err
}

// FenceStatement is the statement of Fence, for connectors that send it along with others: where it returns no row, the owner is Lost.
func (m *Memory) FenceStatement(shard string, epoch, seq int64) (text string, args []any) {
	return m.sql("SELECT 1 FROM @ WHERE run_id = ? AND dataset = ? AND shard_id = ? AND epoch = ? AND seq = ?" + m.Lock), []any{m.Run, m.Dataset, shard, epoch, seq}
}

// Advance stores the checkpoint that follows seq, in the transaction of its rows.
//
// Invariant 1: rows and position become durable together.
func (m *Memory) Advance(ctx context.Context, c Conn, epoch, seq int64, cp connector.Checkpoint) error {
	text, args := m.AdvanceStatement(epoch, seq, cp)
	n, err := c.Exec(ctx, text, args...)
	if err == nil && n != 1 {
		err = Lost(cp.Shard, epoch)
	}
	return err
}

// AdvanceStatement is the statement of Advance: where it changes no row, the owner is Lost.
func (m *Memory) AdvanceStatement(epoch, seq int64, cp connector.Checkpoint) (text string, args []any) {
	return m.sql("UPDATE @ SET seq = ?, record = ? WHERE run_id = ? AND dataset = ? AND shard_id = ? AND epoch = ? AND seq = ?"),
		[]any{cp.Seq, connector.AppendCheckpoint(nil, cp), m.Run, m.Dataset, cp.Shard, epoch, seq}
}

// Lost is the error of an owner that a newer one has replaced.
func Lost(shard string, epoch int64) error {
	return connector.Errorf(connector.Fenced, "TOW-165", "shard %s has a newer owner than epoch %d", shard, epoch)
}

// Restored is the error of a target that does not know the run, though it was prepared for it before.
func (m *Memory) Restored() error {
	return connector.Errorf(connector.Changed, "TOW-166", "%s does not know this run: it was restored from before the start", m.Where).
		WithHint("Start the stream again, or put back what the run wrote to.")
}

// NotPlanned is the error of a table that is not what was planned for.
func NotPlanned(table string) error {
	return connector.Errorf(connector.Changed, "TOW-167", "table %s is not as it was planned: it was made, altered or dropped meanwhile", table).
		WithHint("Plan again.")
}

// Gone is the error of a table that rows went to and that is there no more.
func Gone(table string) error {
	return connector.Errorf(connector.Changed, "TOW-167", "table %s, which this run was writing to, has gone", table)
}

// Unprepared is the error of a call that is legal after Prepare only.
func Unprepared(doing string) error {
	return connector.Errorf(connector.Other, "TOW-168", "%s before the table was prepared", doing)
}

// Collapse leaves of all checkpoints the marker, which says that the run has published.
func (m *Memory) Collapse(ctx context.Context, c Conn) error {
	_, err := m.exec(ctx, c, "DELETE FROM @ WHERE run_id = ? AND dataset = ? AND shard_id <> ''", m.Run, m.Dataset)
	if err == nil {
		_, err = m.exec(ctx, c, "UPDATE @ SET record = ? WHERE run_id = ? AND dataset = ? AND shard_id = ''", []byte(Published), m.Run, m.Dataset)
	}
	return err
}

// Forget removes all that the target remembers of the run and dataset.
func (m *Memory) Forget(ctx context.Context, c Conn) error {
	_, err := m.exec(ctx, c, "DELETE FROM @ WHERE run_id = ? AND dataset = ?", m.Run, m.Dataset)
	return err
}

// Empty reports whether no run is remembered any more.
func (m *Memory) Empty(ctx context.Context, c Conn) (bool, error) {
	rows, err := m.query(ctx, c, "SELECT run_id FROM @ LIMIT 1")
	return err == nil && len(rows) == 0, err
}

// Leftovers lists the runs that the table remembers, each with its datasets. With remove, it forgets those named.
func (m *Memory) Leftovers(ctx context.Context, c Conn, runs []string, remove bool) ([]connector.Leftover, error) {
	rows, err := m.query(ctx, c, "SELECT DISTINCT run_id, dataset FROM @ ORDER BY run_id, dataset")
	if err != nil {
		return nil, err
	}
	var list []connector.Leftover
	for _, row := range rows {
		run, dataset := string(row[0]), string(row[1])
		if n := len(list); n > 0 && list[n-1].Run == run {
			list[n-1].What += ", " + dataset
			continue
		}
		list = append(list, connector.Leftover{Run: run, What: "checkpoints of " + dataset})
	}
	for i := range list {
		for _, run := range runs {
			if !remove || run != list[i].Run {
				continue
			}
			if _, err := m.exec(ctx, c, "DELETE FROM @ WHERE run_id = ?", run); err != nil {
				return list, err
			}
			list[i].Removed = true
		}
	}
	return list, nil
}
