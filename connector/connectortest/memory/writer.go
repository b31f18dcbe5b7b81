package memory

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

type writer struct {
	s      *Store
	key    runKey
	sink   connector.Sink
	o      WriteOptions
	target *connector.Target // from Prepare
	made   made              // from Prepare
}

func (s *Store) openWriter(ctx context.Context, described *connector.Options, to connector.Sink) (connector.Writer, error) {
	o, err := connector.DecodeOptions[WriteOptions](described, to.Options, "target.options")
	if err != nil {
		return nil, err
	}
	return &writer{s: s, key: runKey{to.Dataset, to.Run}, sink: to, o: o}, ctx.Err()
}

func (w *writer) Plan(ctx context.Context, want *record.Schema) (*connector.Target, error) {
	after, err := w.s.enter(ctx, Plan)
	if err != nil {
		return nil, err
	}
	t := &connector.Target{Dataset: w.sink.Dataset, Mode: w.sink.Mode, Way: w.s.options.Way, Reason: "the store commits rows and checkpoint together",
		Stored: &record.Schema{Fields: slices.Clone(want.Fields)}, Limits: connector.Limits{GroupRows: w.o.GroupRows}}
	if t.Way == connector.WayB {
		t.Reason = "rows are written by key under the lease's stamp"
	}
	if len(w.sink.Key) > 0 {
		for i := range t.Stored.Fields {
			t.Stored.Fields[i].Key = 1 + slices.Index(w.sink.Key, t.Stored.Fields[i].Name)
		}
	}
	for _, k := range t.Stored.Key() {
		t.Key = append(t.Key, t.Stored.Fields[k].Name)
	}
	if err := w.allows(t); err != nil {
		return nil, err
	}
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	old, exists := w.s.tables[t.Dataset]
	t.Exists = exists
	if exists {
		t.Rows, t.Stored.References = int64(len(old.rows)), old.schema.References
		w.collate(t, old)
	}
	if t.Writer, err = json.Marshal(structure(w.sink.Create, want, t)); err != nil {
		return nil, err
	}
	if t.Rows == 0 {
		t.Owned = t.Dataset
	}
	if t.Mode == connector.Replace {
		t.Way, t.Inner, t.Owned = connector.WayC, t.Way, w.key.staging()
		t.Steps = []string{"create " + t.Owned, "rename " + t.Owned + " to " + t.Dataset}
	}
	return t, after
}

// collate gives the columns of an existing dataset the collations they have there, and names those by which keys would be taken for
// equal that the source tells apart.
func (w *writer) collate(t *connector.Target, old *table) {
	for i := range t.Stored.Fields {
		f := &t.Stored.Fields[i]
		at := old.schema.Index(f.Name)
		if at < 0 {
			continue
		}
		if was := f.Collation; old.schema.Fields[at].Collation == Folding && was != Folding && f.Key > 0 {
			t.Folded = append(t.Folded, f.Name)
		}
		f.Collation = old.schema.Fields[at].Collation
	}
}

// allows refuses what the way cannot keep apart.
func (w *writer) allows(t *connector.Target) error {
	switch {
	case t.Mode == connector.Upsert && len(t.Key) == 0:
		return connector.Errorf(connector.Config, "", "plan target %s: upsert needs a key", t.Dataset)
	case t.Way == connector.WayB && (t.Mode == connector.Insert || t.Mode == connector.Append || len(t.Key) == 0):
		return connector.Errorf(connector.Config, "", "plan target %s: way B needs a key and upsert or replace", t.Dataset)
	}
	return nil
}

func (w *writer) Prepare(ctx context.Context, t *connector.Target, fresh bool, remembered func(connector.Checkpoint) error) error {
	after, err := w.s.enter(ctx, Prepare)
	if err != nil {
		return err
	}
	w.target = t
	if len(t.Writer) > 0 {
		if err := json.Unmarshal(t.Writer, &w.made); err != nil {
			return err
		}
	}
	records, err := w.prepare(fresh)
	if err != nil {
		return err
	}
	for _, b := range records {
		c, err := connector.ParseCheckpoint(b)
		if err != nil {
			return err
		}
		if err := remembered(c); err != nil {
			return err
		}
	}
	return after
}

func (w *writer) prepare(fresh bool) (records [][]byte, err error) {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	r := w.s.runs[w.key]
	if r == nil {
		if !fresh {
			return nil, connector.Errorf(connector.Changed, "", "prepare %s: it knows nothing of run %s", w.key.dataset, w.key.run)
		}
		r = &run{shards: map[string]*shardState{}}
		w.s.runs[w.key] = r
	}
	if w.s.tables[w.into()] == nil && !r.published {
		schema := *w.target.Stored
		if w.target.Mode == connector.Replace || !w.target.Exists {
			schema.References = nil // until Link
		}
		w.s.tables[w.into()] = newTable(&schema)
	}
	for _, state := range r.shards {
		records = append(records, state.record)
	}
	return records, nil
}

// into is the dataset that rows go to.
func (w *writer) into() string {
	if w.target.Mode == connector.Replace {
		return w.key.staging()
	}
	return w.key.dataset
}

func (w *writer) Take(ctx context.Context, sh connector.Shard, l connector.Lease, last connector.Checkpoint) (connector.ShardWriter, connector.Checkpoint, error) {
	after, err := w.s.enter(ctx, Take)
	if err != nil {
		return nil, last, err
	}
	sw := &shardWriter{w: w, shard: sh, lease: l}
	if !w.target.Remembers() {
		return sw, last, after
	}
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	r := w.s.runs[w.key]
	if r == nil {
		return nil, last, connector.Errorf(connector.Changed, "", "take %s: its run's marker is gone", sh.ID)
	}
	state := r.shards[sh.ID]
	switch {
	case state == nil && last.Seq > 0:
		return nil, last, connector.Errorf(connector.Changed, "", "take %s: its checkpoint %d is gone", sh.ID, last.Seq)
	case state == nil:
		state = &shardState{record: connector.AppendCheckpoint(nil, connector.Checkpoint{Shard: sh.ID, Rev: sh.Rev, Range: sh.Range})}
		r.shards[sh.ID] = state
	case state.epoch >= l.Epoch:
		return nil, last, fenced(sh.ID, l.Epoch, state.epoch)
	}
	state.epoch = l.Epoch
	c, err := connector.ParseCheckpoint(state.record)
	if err == nil {
		err = after
	}
	return sw, c, err
}

func fenced(shard string, epoch, newest int64) error {
	return connector.Errorf(connector.Fenced, "", "write %s at epoch %d: epoch %d owns it", shard, epoch, newest)
}

func (w *writer) Finish(ctx context.Context, phase connector.Phase) error {
	after, err := w.s.enter(ctx, Finish)
	if err != nil {
		return err
	}
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	r := w.s.runs[w.key]
	switch {
	case phase == connector.Seal && (r == nil || !r.published):
		if !w.target.Exists || w.target.Mode == connector.Replace {
			w.seal(w.s.tables[w.into()])
		}
	case phase == connector.Link:
		if err := w.link(); err != nil {
			return err
		}
	case phase == connector.Drop:
		delete(w.s.tables, w.key.staging())
		delete(w.s.runs, w.key)
	case phase == connector.Publish && r == nil:
		return connector.Errorf(connector.Changed, "", "publish %s: its run's marker is gone", w.key.dataset)
	case phase == connector.Publish && !r.published:
		if w.target.Mode == connector.Replace {
			w.s.tables[w.key.dataset] = w.s.tables[w.key.staging()]
			delete(w.s.tables, w.key.staging())
		}
		r.published = true
		clear(r.shards)
	}
	return after
}

func (w *writer) Close() error { return nil }
