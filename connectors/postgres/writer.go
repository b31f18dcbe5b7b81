package postgres

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltarget"
	"github.com/towpath/towpath/record"
)

// writer writes one table for one run.
type writer struct {
	client        *Client
	sink          connector.Sink
	options       WriteOptions
	name, staging tableName
	memory        sqltarget.Memory

	mu     sync.Mutex
	target *connector.Target // after Prepare
	layout layout
	load   *load // how rows are written; nil: they are published
	shards map[*shardWriter]bool
}

func newWriter(c *Client, s connector.Sink, o WriteOptions) (*writer, error) {
	n, err := parseName(s.Dataset, c.dialer.options.Schema)
	if err != nil {
		return nil, err
	}
	if err := sqltarget.CheckSink(s, n.table); err != nil {
		return nil, err
	}
	return &writer{client: c, sink: s, options: o, name: n, staging: tableName{n.schema, sqltarget.Staging(n.table, s.Run, nameMost)}, shards: map[*shardWriter]bool{},
		memory: sqltarget.Memory{Table: tableName{n.schema, sqltarget.Checkpoints}.quoted(), Run: s.Run, Dataset: s.Dataset,
			Place: place, Lock: " FOR UPDATE", Where: "database " + c.dialer.options.Database}}, nil
}

// schemaOfCheckpoints makes the table that holds checkpoints and, under an empty shard_id, the marker of each run and dataset. Pages are
// left half empty, so that an update finds room beside the old row.
func schemaOfCheckpoints(table string) string {
	return "CREATE TABLE " + table + ` (run_id text COLLATE "C" NOT NULL, dataset text COLLATE "C" NOT NULL, shard_id text COLLATE "C" NOT NULL, ` +
		"epoch bigint NOT NULL, seq bigint NOT NULL, record bytea, PRIMARY KEY (run_id, dataset, shard_id)) WITH (fillfactor = 50)"
}

// place spells a parameter.
func place(n int) string { return "$" + strconv.Itoa(n) }

// conn is a session as the table of checkpoints is used through it; the caller ends it with its context.
type conn struct{ *session }

// arguments makes parameters of what the table of checkpoints is asked with.
func arguments(args []any) []param {
	params := make([]param, len(args))
	for i, a := range args {
		switch x := a.(type) {
		case string:
			params[i] = textParam(x)
		case int64:
			params[i] = intParam(x)
		case []byte:
			params[i] = param{oid: oidBytea, format: formatBinary, bytes: x}
		}
	}
	return params
}

// Exec implements sqltarget.Conn.
func (c conn) Exec(_ context.Context, text string, args ...any) (int64, error) {
	c.affected = 0
	if _, err := c.query(text, arguments(args)...); err != nil {
		return 0, err
	}
	return c.affected, nil
}

// Query implements sqltarget.Conn.
func (c conn) Query(_ context.Context, text string, args ...any) ([][][]byte, error) {
	defs, err := c.execute(text, arguments(args), nil)
	if err != nil {
		return nil, err
	}
	var out [][][]byte
	for {
		body, err := c.row()
		if err != nil || body == nil {
			return out, err
		}
		var row [][]byte
		err = eachCell(body, func(b []byte, null bool) {
			switch text := string(b); {
			case null:
				row = append(row, nil)
			case defs[len(row)].Type == oidBytea:
				raw, _ := hex.DecodeString(strings.TrimPrefix(text, `\x`))
				row = append(row, raw)
			default:
				row = append(row, []byte(text))
			}
		})
		if err != nil {
			c.Broken = true
			return nil, err
		}
		out = append(out, row)
	}
}

// spell puts arguments into a statement that is sent with others: as constants, in the place of $1, $2 ... A $ in a name is none of them.
func spell(text string, args []any) string {
	var b strings.Builder
	named, n := false, 0
	for i := 0; i < len(text); i++ {
		named = named != (text[i] == '"')
		if text[i] != '$' || named {
			b.WriteByte(text[i])
			continue
		}
		for i+1 < len(text) && digit(rune(text[i+1])) {
			i++
		}
		switch x := args[n].(type) {
		case string:
			b.WriteString(literal(x))
		case int64:
			fmt.Fprintf(&b, "'%d'::int8", x)
		case []byte:
			b.WriteString("'\\x")
			b.WriteString(hex.EncodeToString(x))
			b.WriteString("'::bytea")
		}
		n++
	}
	return b.String()
}

// within runs f in a transaction that waits for locks as long as wait, and for the disk at its end.
func (s *session) within(wait time.Duration, f func() error) error {
	err := s.exec(fmt.Sprintf("BEGIN; SET LOCAL synchronous_commit = on; SET LOCAL lock_timeout = %d", wait.Milliseconds()))
	if err == nil {
		err = f()
	}
	if err == nil {
		return s.exec("COMMIT")
	}
	if s.state != stateIdle && !s.Broken {
		_ = s.exec("ROLLBACK") // a session that it fails in is closed, which does the same
	}
	return err
}

// lockWait is how long steps wait for locks.
func (w *writer) lockWait() time.Duration { return time.Duration(w.options.LockSeconds) * time.Second }

// do runs f in a transaction of a session of its own.
func (w *writer) do(ctx context.Context, f func(*session) error) error {
	return w.client.withSession(ctx, writes, func(s *session) error {
		return s.within(w.lockWait(), func() error { return f(s) })
	})
}

// Prepare makes the table and the marker in one transaction, so that either both are there or none.
func (w *writer) Prepare(ctx context.Context, t *connector.Target, fresh bool, remembered func(connector.Checkpoint) error) error {
	w.layout = layout{}
	if err := json.Unmarshal(t.Writer, &w.layout); err != nil {
		return connector.Errorf(connector.Changed, "TOW-756", "read the plan of table %s: %w", w.name, err)
	}
	state, checkpoints := sqltarget.Open, []connector.Checkpoint(nil)
	err := w.do(ctx, func(s *session) (err error) {
		if t.Remembers() {
			state, checkpoints, err = w.prepare(ctx, s, t, fresh)
		} else if fresh {
			err = w.create(s, t)
		}
		return err
	})
	if err == nil && state != sqltarget.Published {
		err = w.client.withSession(ctx, writes, func(s *session) (err error) {
			w.load, err = w.newLoad(s, t)
			return err
		})
	}
	if err != nil {
		return classifyWrite(err, "prepare table "+w.name.String())
	}
	for _, c := range checkpoints {
		if err := remembered(c); err != nil {
			return err
		}
	}
	w.target = t
	return nil
}

// prepare looks for the marker of the run and begins the run where there is none.
func (w *writer) prepare(ctx context.Context, s *session, t *connector.Target, fresh bool) (sqltarget.State, []connector.Checkpoint, error) {
	there, err := w.lockCheckpoints(s)
	if err != nil {
		return sqltarget.Absent, nil, err
	}
	state := sqltarget.Absent
	if there {
		if state, err = w.memory.Marker(ctx, conn{s}); err != nil {
			return state, nil, err
		}
	}
	switch {
	case state == sqltarget.Published:
		return state, nil, nil
	case state == sqltarget.Open:
		list, err := w.memory.Remembered(ctx, conn{s})
		return state, list, err
	case !fresh:
		return state, nil, w.memory.Restored()
	case !there:
		if err := s.exec(schemaOfCheckpoints(w.memory.Table)); err != nil {
			return state, nil, err
		}
	}
	if err := w.create(s, t); err != nil {
		return state, nil, err
	}
	return sqltarget.Open, nil, w.memory.Begin(ctx, conn{s})
}

// lockCheckpoints keeps the table of checkpoints from being dropped, and where it is not there, others from making it at the same time,
// which the server would refuse.
func (w *writer) lockCheckpoints(s *session) (there bool, err error) {
	n := tableName{w.name.schema, sqltarget.Checkpoints}
	before, err := s.exists(n)
	if err != nil {
		return false, err
	}
	lock := "pg_advisory_xact_lock"
	if before {
		lock = "pg_advisory_xact_lock_shared"
	}
	if _, err := s.query("SELECT "+lock+"($1)", intParam(lockKey(w.memory.Table))); err != nil {
		return false, err
	}
	if there, err = s.exists(n); err == nil && before && !there {
		err = connector.Errorf(connector.Retry, "TOW-763", "the table of checkpoints was dropped by the end of another run")
	}
	return there, err
}

// create makes what the plan says, provided that the target is still as planned.
func (w *writer) create(s *session, t *connector.Target) error {
	there, err := w.unchanged(s, t)
	if err != nil {
		return err
	}
	for _, statement := range w.layout.Create {
		if there {
			break
		}
		if err := s.exec(statement); err != nil {
			return classifyWrite(err, "make table "+w.layout.Table)
		}
	}
	return nil
}

// unchanged refuses a target that is not what was planned for. made: the table that the plan makes is there already, exactly so, from
// an attempt that was stopped.
func (w *writer) unchanged(s *session, target *connector.Target) (made bool, err error) {
	t, err := s.lookUp(w.name)
	if err != nil {
		return false, err
	}
	found := ""
	if t != nil {
		found = t.print()
	}
	if found == w.layout.Found {
		return false, nil
	}
	if t == nil || w.layout.Found != "" || w.layout.Table != w.name.table || !t.is(target.Stored, w.layout.Key) {
		return false, sqltarget.NotPlanned(w.name.String())
	}
	return true, nil
}

// is tells whether the table has exactly the columns and the primary key that one which is made has.
func (t *table) is(stored *record.Schema, key []int) bool {
	if t.kind != kindTable || len(t.columns) != len(stored.Fields) {
		return false
	}
	for i, f := range stored.Fields {
		if c := &t.columns[i]; c.Name != f.Name || c.Native != f.Native || c.Nullable != f.Nullable || c.Generated || c.Collation != f.Collation {
			return false
		}
	}
	var primary []int
	for _, ix := range t.indexes {
		if ix.primary {
			for _, c := range ix.columns {
				primary = append(primary, c.column)
			}
		} else if ix.unique {
			return false
		}
	}
	return slices.Equal(primary, key)
}

// exists tells whether there is a table or view of that name.
func (s *session) exists(n tableName) (bool, error) {
	rows, err := s.ask("SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1::name AND c.relname = $2::name AND c.relkind IN ('r', 'p', 'v', 'm', 'f')",
		textParam(n.schema), textParam(n.table))
	return len(rows) > 0, err
}

// lookUp describes a table; nil: there is none, of which describe would make much ado.
func (s *session) lookUp(n tableName) (*table, error) {
	if there, err := s.exists(n); err != nil || !there {
		return nil, classifyWrite(err, "look up "+n.String())
	}
	return s.describe(n)
}

// lockKey makes the number of an advisory lock of texts.
func lockKey(parts ...string) int64 {
	return int64(xxh3.HashString("towpath\x00" + strings.Join(parts, "\x00")))
}

// Take makes the lease's epoch the owner of the shard.
//
// Invariant 3: from here on only the lease's epoch writes this shard.
func (w *writer) Take(ctx context.Context, s connector.Shard, l connector.Lease, last connector.Checkpoint) (connector.ShardWriter, connector.Checkpoint, error) {
	if w.target == nil || w.load == nil {
		return nil, last, sqltarget.Unprepared("take shard " + s.ID)
	}
	sw := &shardWriter{w: w, load: w.load, encoder: w.load.newEncoder(), id: s.ID, epoch: l.Epoch}
	var err error
	if w.target.Remembers() {
		last, err = w.raise(ctx, s, l.Epoch, last)
	} else {
		sw.session, err = w.lockShard(ctx, s.ID, l.Epoch)
		last.Shard = s.ID
	}
	if err != nil {
		return nil, last, classifyWrite(err, "take shard "+s.ID)
	}
	sw.seq = last.Seq
	w.mu.Lock()
	w.shards[sw] = true
	w.mu.Unlock()
	return sw, last, nil
}

// Finish does the phases; Park has nothing to do, as no setting is changed for loading.
func (w *writer) Finish(ctx context.Context, phase connector.Phase) error {
	if w.target == nil && phase != connector.Drop {
		return sqltarget.Unprepared("finish table " + w.name.String())
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
	return classifyWrite(err, fmt.Sprintf("finish table %s: %s", w.name, phase))
}

// Close ends the transactions of the writer's shards.
func (w *writer) Close() error {
	w.mu.Lock()
	list := w.shards
	w.shards = map[*shardWriter]bool{}
	w.mu.Unlock()
	var errs []error
	for s := range list {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}
