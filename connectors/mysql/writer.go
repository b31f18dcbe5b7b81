package mysql

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltarget"
	"github.com/towpath/towpath/internal/crashpoint"
	"github.com/towpath/towpath/record"
)

// writer writes one table for one run.
type writer struct {
	client  *Client
	sink    connector.Sink
	options WriteOptions
	name    tableName
	memory  sqltarget.Memory

	mu     sync.Mutex
	target *connector.Target // after Prepare
	layout layout
	shards map[string]*shardWriter
}

func newWriter(c *Client, s connector.Sink, o WriteOptions) (*writer, error) {
	name, err := parseName(s.Dataset, c.dialer.options.Database)
	if err != nil {
		return nil, err
	}
	if err := sqltarget.CheckSink(s, name.table); err != nil {
		return nil, err
	}
	w := &writer{client: c, sink: s, options: o, name: name, shards: map[string]*shardWriter{}}
	w.memory = sqltarget.Memory{Table: w.checkpoints().quoted(), Run: s.Run, Dataset: s.Dataset, Lock: " FOR UPDATE", Where: fmt.Sprintf("database %s", name.database)}
	return w, nil
}

// checkpoints is the table of checkpoints in the target's own database, so that both are restored together.
func (w *writer) checkpoints() tableName { return tableName{w.name.database, sqltarget.Checkpoints} }

// staging and old are the tables that take part in a swap.
func (w *writer) staging() tableName { return w.name.staging(w.sink.Run) }
func (w *writer) old() tableName     { return w.name.old(w.sink.Run) }

// tag is the comment of a staging table, and of the target from its swap until it is handed over.
func (w *writer) tag() string { return tagMark + w.sink.Run }

// schemaOfCheckpoints makes the table that holds checkpoints and, under an empty shard_id, the marker of each run and dataset. Names
// are bytes: no collation takes two for one.
func schemaOfCheckpoints(n tableName) string {
	return "CREATE TABLE IF NOT EXISTS " + n.quoted() + " (run_id VARBINARY(64) NOT NULL, dataset VARBINARY(600) NOT NULL, shard_id VARBINARY(64) NOT NULL, " +
		"epoch BIGINT NOT NULL, seq BIGINT NOT NULL, record LONGBLOB, PRIMARY KEY (run_id, dataset, shard_id)) ENGINE=InnoDB"
}

// Prepare makes the table, then the marker: each statement that defines something is a transaction of its own here, so what is
// found of an attempt before this one is taken for it, if it carries the run's tag.
func (w *writer) Prepare(ctx context.Context, t *connector.Target, fresh bool, remembered func(connector.Checkpoint) error) error {
	if err := json.Unmarshal(t.Writer, &w.layout); err != nil {
		return connector.Errorf(connector.Changed, "TOW-446", "read the plan of table %s: %w", w.name, err)
	}
	defer w.at(crashpoint.Elsewhere)
	var checkpoints []connector.Checkpoint
	err := w.client.withSession(ctx, writes, func(s *session) (err error) {
		if !t.Remembers() {
			return w.prepareForgetful(s, t, fresh)
		}
		checkpoints, err = w.prepare(ctx, s, t, fresh)
		return err
	})
	if err != nil {
		return classify(err, fmt.Sprintf("prepare table %s", w.name))
	}
	for _, c := range checkpoints {
		if err := remembered(c); err != nil {
			return err
		}
	}
	w.target = t
	return nil
}

func (w *writer) prepare(ctx context.Context, s *session, t *connector.Target, fresh bool) ([]connector.Checkpoint, error) {
	state, err := w.marker(ctx, s)
	if err != nil {
		return nil, err
	}
	switch {
	case state == sqltarget.Published:
		return nil, nil
	case state == sqltarget.Absent && !fresh:
		return nil, w.memory.Restored()
	case state == sqltarget.Absent:
		if err := w.create(s, t.Stored); err != nil {
			return nil, err
		}
		return nil, w.begin(ctx, s)
	}
	if err := w.stillThere(s); err != nil {
		return nil, err
	}
	return w.memory.Remembered(ctx, conn{s})
}

// stillThere refuses to go on when the table that rows went to has gone, unless it is the target by now.
func (w *writer) stillThere(s *session) error {
	_, there, err := s.commentOf(w.layout.Table)
	if err != nil || there {
		return err
	}
	if w.sink.Mode == connector.Replace {
		comment, _, err := s.commentOf(w.name)
		if err != nil || comment == w.tag() {
			return err
		}
	}
	return sqltarget.Gone(w.layout.Table.String())
}

// begin makes the table of checkpoints and lays the marker down in it. Another run that ends may drop an empty table between.
func (w *writer) begin(ctx context.Context, s *session) (err error) {
	for range 3 {
		w.at(crashpoint.Making)
		if err = s.build(schemaOfCheckpoints(w.checkpoints())); err != nil {
			return err
		}
		w.at(crashpoint.Making)
		if err = w.memory.Begin(ctx, conn{s}); !gone(err) {
			return err
		}
	}
	return err
}

// prepareForgetful prepares a target that keeps no checkpoints: nothing there tells that it was restored.
func (w *writer) prepareForgetful(s *session, t *connector.Target, fresh bool) error {
	if fresh {
		return w.create(s, t.Stored)
	}
	return w.stillThere(s)
}

// marker returns the state of the run's marker, also where there is no table of checkpoints.
func (w *writer) marker(ctx context.Context, s *session) (sqltarget.State, error) {
	_, there, err := s.commentOf(w.checkpoints())
	if err != nil || !there {
		return sqltarget.Absent, err
	}
	return w.memory.Marker(ctx, conn{s})
}

// create makes what the plan says, provided that the target is still as planned. A staging table gets the run's tag, by which the
// target is known once it has been swapped in.
func (w *writer) create(s *session, stored *record.Schema) error {
	made, err := w.unchanged(s, stored)
	replaces := w.sink.Mode == connector.Replace
	if err != nil || made || w.layout.Create == "" && !replaces {
		return err
	}
	comment, there, err := s.commentOf(w.layout.Table)
	if err != nil {
		return err
	}
	create := w.layout.Create
	if create == "" {
		create = "CREATE TABLE " + w.layout.Table.quoted() + " LIKE " + w.name.quoted()
	}
	if !there {
		if err := s.build(create); err != nil {
			return defineError(err, "create table "+w.layout.Table.String())
		}
		w.at(crashpoint.Making)
	}
	if w.layout.Create == "" && comment != w.tag() {
		return s.recomment(w.layout.Table, w.tag())
	}
	return nil
}

// unchanged refuses a target that is not what was planned for. made: the table that the plan makes is there already, exactly so,
// from an attempt that was cut off or stopped.
func (w *writer) unchanged(s *session, stored *record.Schema) (made bool, err error) {
	_, there, err := s.commentOf(w.name)
	switch {
	case err != nil:
		return false, err
	case !there && w.layout.Found != "":
		return false, sqltarget.NotPlanned(w.name.String())
	case !there:
		return false, nil
	case w.layout.Found == "" && w.sink.Mode != connector.Replace:
		t, err := s.describe(w.name)
		if err == nil && !t.is(stored, w.layout.Key) {
			err = sqltarget.NotPlanned(w.name.String())
		}
		return true, err
	}
	print, err := s.printOf(w.name)
	if err == nil && print != w.layout.Found {
		err = sqltarget.NotPlanned(w.name.String())
	}
	return false, err
}

// is tells whether a table is what is made for a schema with a key.
func (t *table) is(stored *record.Schema, key []int) bool {
	if t.view || len(t.columns) != len(stored.Fields) {
		return false
	}
	for i := range t.columns {
		have, want := &t.columns[i].Field, &stored.Fields[i]
		if have.Name != want.Name || !alike(have.Type, want.Type) || have.Nullable != want.Nullable || want.Collation != "" && have.Collation != want.Collation {
			return false
		}
	}
	var places []int
	if len(t.all) > 0 && t.all[0].name == "PRIMARY" {
		for _, c := range t.all[0].columns {
			places = append(places, c.at)
		}
	}
	return slices.Equal(places, key)
}

// recomment sets the comment of a table.
func (s *session) recomment(n tableName, comment string) error {
	return s.build("ALTER TABLE " + n.quoted() + " COMMENT = " + quoteText(comment))
}

// Take makes the lease's epoch the owner of the shard. An older writer of this process is told at once; the session of one of
// another process is ended, since it may hold the shard's row, or the shard's lock, for as long as nobody notices that it is gone.
//
// Invariant 3: from here on only the lease's epoch writes this shard.
func (w *writer) Take(ctx context.Context, s connector.Shard, l connector.Lease, last connector.Checkpoint) (connector.ShardWriter, connector.Checkpoint, error) {
	if w.target == nil {
		return nil, last, sqltarget.Unprepared("take shard " + s.ID)
	}
	w.mu.Lock()
	old := w.shards[s.ID]
	w.mu.Unlock()
	if old != nil && old.epoch < l.Epoch {
		old.evict()
	}
	sw := newShardWriter(w, s, l.Epoch)
	cp, err := sw.take(ctx, s, last)
	if err != nil {
		return nil, last, classify(err, "take shard "+s.ID)
	}
	sw.seq = cp.Seq
	w.mu.Lock()
	w.shards[s.ID] = sw
	w.mu.Unlock()
	return sw, cp, nil
}

// Finish does the phases; Park has nothing to do, as no setting is changed for loading.
func (w *writer) Finish(ctx context.Context, phase connector.Phase) error {
	if w.target == nil && phase != connector.Drop {
		return sqltarget.Unprepared("finish table " + w.name.String())
	}
	work := map[connector.Phase]func(context.Context, *session) error{
		connector.Seal: w.seal, connector.Publish: w.publish, connector.Link: w.link, connector.Drop: w.drop}[phase]
	if work == nil {
		return nil
	}
	err := w.client.withSession(ctx, writes, func(s *session) error { return work(ctx, s) })
	return classify(err, fmt.Sprintf("finish table %s: %s", w.name, phase))
}

// Close ends the transactions of the writer's shards.
func (w *writer) Close() error {
	w.mu.Lock()
	var open []*shardWriter
	for _, s := range w.shards {
		open = append(open, s)
	}
	clear(w.shards)
	w.mu.Unlock()
	for _, s := range open {
		s.evict()
	}
	return nil
}
