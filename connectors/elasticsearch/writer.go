package elasticsearch

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// writer writes one target for one run.
type writer struct {
	client  *client
	sink    connector.Sink
	options WriteOptions

	// Set by Prepare.
	target *connector.Target
	plan   scheme
	encode *encoder
	ended  bool // published: the marker may go
}

func newWriter(c *client, s connector.Sink, o WriteOptions) (*writer, error) {
	if s.Run == "" {
		return nil, errors.New("write: the run has no key")
	}
	return &writer{client: c, sink: s, options: o}, nil
}

// Prepare makes or checks the index, lays down the run's marker and puts an index of the run's own into its loading settings.
// The target remembers no checkpoints.
func (w *writer) Prepare(ctx context.Context, t *connector.Target, fresh bool, _ func(connector.Checkpoint) error) error {
	if err := json.Unmarshal(t.Writer, &w.plan); err != nil {
		return fmt.Errorf("read plan of %s: %w", t.Dataset, err)
	}
	w.target = t
	var err error
	if w.encode, err = newEncoder(t.Stored, w.plan.Types); err != nil {
		return err
	}
	x, err := w.client.one(ctx, w.plan.Index)
	if err != nil {
		return err
	}
	if w.sink.Joins {
		return w.join(x)
	}
	if w.plan.Create != nil {
		x, err = w.prepareOwn(ctx, x, fresh)
	} else {
		err = w.prepareForeign(ctx, x, fresh)
	}
	if err != nil {
		return err
	}
	if _, marked := x.aliases[w.plan.Marker]; !marked {
		return w.client.aliases(ctx, action("add", w.plan.Index, w.plan.Marker, map[string]any{"is_hidden": true}))
	}
	return nil
}

// join checks that the index is the one that was prepared, and leaves it as it is: by now its settings may be put back.
func (w *writer) join(x *index) error {
	if x != nil && (w.plan.Create != nil && x.mark().Run == w.sink.Run || w.plan.Create == nil && x.uuid() == w.plan.UUID) {
		return nil
	}
	return w.gone()
}

// prepareOwn makes the index, or checks that the one there is this run's; then sets it up for loading.
func (w *writer) prepareOwn(ctx context.Context, x *index, fresh bool) (*index, error) {
	created := x == nil
	if created {
		if !fresh {
			return nil, w.gone()
		}
		err := w.client.do(ctx, http.MethodPut, "/"+escapeName(w.plan.Index), w.plan.Create, nil)
		found, lookErr := w.client.one(ctx, w.plan.Index)
		if lookErr != nil || found == nil {
			return nil, errors.Join(err, lookErr)
		}
		// An error may come from a repeated request whose first answer was lost: whose index it is decides.
		x = found
	}
	if x.mark().Run != w.sink.Run {
		return nil, connector.Errorf(connector.Changed, "TOW-507", "prepare index %s: somebody else has made it since the plan", w.plan.Index).
			WithHint("Plan the run anew.")
	}
	if err := w.checkTypes(x); err != nil {
		if created { // so that a later plan does not find it and take it as it is
			if left := w.client.remove(ctx, x.name); left != nil {
				err = errors.Join(err, left)
			}
		}
		return nil, err
	}
	published, err := w.isPublished(ctx, x)
	if err != nil || published {
		return x, err
	}
	if err := w.unname(ctx, x); err != nil {
		return nil, err
	}
	return x, w.startLoading(ctx, x)
}

// prepareForeign checks that the index is the one of the plan, still with the run's marker, and adds the fields it lacks.
func (w *writer) prepareForeign(ctx context.Context, x *index, fresh bool) error {
	if x == nil {
		return w.gone()
	}
	if x.uuid() != w.plan.UUID {
		return connector.Errorf(connector.Changed, "TOW-508", "prepare index %s: it is another index than the one that was planned for", w.plan.Index).
			WithHint("Plan the run anew.")
	}
	if _, marked := x.aliases[w.plan.Marker]; !marked && !fresh {
		return connector.Errorf(connector.Changed, "TOW-508", "prepare index %s: the sign of this run is gone, so the index was restored to a state from before its start", w.plan.Index).
			WithHint("Rows written before are lost there. Stop this run and start it anew.")
	}
	if w.plan.Add != nil {
		if err := w.client.do(ctx, http.MethodPut, "/"+escapeName(w.plan.Index)+"/_mapping", w.plan.Add, nil); err != nil {
			return err
		}
		found, err := w.client.one(ctx, w.plan.Index)
		if err != nil || found == nil {
			return errors.Join(err, w.goneIf(found == nil && err == nil))
		}
		*x = *found
	}
	return w.checkTypes(x)
}

func (w *writer) gone() error {
	return connector.Errorf(connector.Changed, "TOW-507", "prepare index %s: it is not there any more", w.plan.Index).
		WithHint("Stop this run and start it anew.")
}

// missing decides about a name that the server answered not to know: gone is returned when that still holds.
func (w *writer) missing(ctx context.Context, name string, gone error) error {
	found, err := w.client.resolve(ctx, name)
	switch {
	case err != nil:
		return err
	case len(found) > 0:
		return connector.Errorf(connector.Retry, "TOW-500", "reach index %s: it was away for a moment", name)
	}
	return gone
}

func (w *writer) goneIf(gone bool) error {
	if gone {
		return w.gone()
	}
	return nil
}

// Take checks that the index is a later state of the one that the last commit saw. The fence is the lease's stamp, the
// version of every document: the server refuses an older one.
func (w *writer) Take(ctx context.Context, s connector.Shard, l connector.Lease, last connector.Checkpoint) (connector.ShardWriter, connector.Checkpoint, error) {
	h, err := w.client.history(ctx, w.plan.Index)
	if err != nil {
		if isMissing(err) {
			err = w.missing(ctx, w.plan.Index, w.gone())
		}
		return nil, last, err
	}
	var old state
	if len(last.State) > 0 {
		if err := json.Unmarshal(last.State, &old); err != nil {
			return nil, last, connector.Errorf(connector.Changed, "TOW-105", "read state of shard %s: %w", s.ID, err)
		}
		why, missing := h.follows(old.History)
		if missing {
			return nil, last, connector.Errorf(connector.Retry, "TOW-500", "take shard %s: a primary shard of index %s is not available", s.ID, w.plan.Index)
		}
		if why != "" {
			return nil, last, connector.Errorf(connector.Changed, "TOW-508", "take shard %s: index %s is not the one written to: %s", s.ID, w.plan.Index, why).
				WithHint("Rows written before may be lost there. Stop this run and start it anew.")
		}
	}
	old.History = h
	return newShardWriter(w, s, l, old), last, nil
}

// Finish ends the phase at the server; each can be repeated.
func (w *writer) Finish(ctx context.Context, phase connector.Phase) error {
	x, err := w.client.one(ctx, w.plan.Index)
	if err != nil {
		return err
	}
	if x == nil {
		if phase == connector.Drop || phase == connector.Park {
			return nil
		}
		return w.gone()
	}
	switch phase {
	case connector.Seal:
		if err := w.endLoading(ctx, x); err != nil {
			return err
		}
		if w.options.Refresh {
			return w.client.do(ctx, http.MethodPost, "/"+escapeName(x.name)+"/_refresh", nil, nil)
		}
	case connector.Publish:
		if w.plan.Staging {
			if err := w.publish(ctx, x); err != nil {
				return err
			}
		}
		w.ended = true
	case connector.Park:
		return w.endLoading(ctx, x)
	case connector.Drop:
		return w.drop(ctx, x)
	}
	return nil
}

// drop removes the staging index; an index that holds rows under the target's name stays, without the run's marks.
func (w *writer) drop(ctx context.Context, x *index) error {
	published, err := w.isPublished(ctx, x)
	if err != nil {
		return err
	}
	if w.plan.Staging && !published && x.mark().Run == w.sink.Run {
		return w.client.remove(ctx, x.name)
	}
	if err := w.endLoading(ctx, x); err != nil {
		return err
	}
	return w.unmark(ctx, x)
}

func (w *writer) unmark(ctx context.Context, x *index) error {
	if _, marked := x.aliases[w.plan.Marker]; !marked {
		return nil
	}
	return w.client.unalias(ctx, x.name, w.plan.Marker)
}

// Close takes the marker off an index that was published: until then a resume looks for it. What a crash leaves, Clean finds.
func (w *writer) Close() error {
	if !w.ended {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	x, err := w.client.one(ctx, w.plan.Index)
	if err != nil || x == nil {
		return err
	}
	w.ended = false
	return w.unmark(ctx, x)
}

// encoder turns rows into documents; shared by all shards of a target.
type encoder struct {
	columns []docColumn // those of an object together
	objects [][]byte    // "f":{
	key     []keyColumn
	names   []string // of columns, by their place in the schema
	paths   []string // of their fields
}

type docColumn struct {
	at     int    // place in the schema
	object int    // place in objects of the one that the column is a member of; -1: the document
	omit   bool   // where it is NULL
	name   []byte // "id":
	append appendFunc
	check  checkFunc
}

func newEncoder(s *record.Schema, types []string) (*encoder, error) {
	if len(types) != len(s.Fields) {
		return nil, fmt.Errorf("read plan: %d columns, %d types", len(s.Fields), len(types))
	}
	e := &encoder{}
	var objects []string
	for i := range s.Fields {
		col := &s.Fields[i]
		f := makeField(col.Type, types[i])
		if f == nil {
			return nil, fmt.Errorf("read plan: %s cannot hold column %s", types[i], col.Name)
		}
		member := col.Name
		c := docColumn{at: i, object: -1, append: f.append, check: f.check}
		if p := col.Place; p != nil {
			c.omit, member = true, p.Member
		}
		if p := col.Place; p != nil && p.Object != "" {
			if c.object = slices.Index(objects, p.Object); c.object < 0 {
				c.object, objects = len(objects), append(objects, p.Object)
				e.objects = append(e.objects, append(appendQuoted(nil, p.Object), ":{"...))
			}
		}
		c.name = append(appendQuoted(nil, member), ':')
		e.columns = append(e.columns, c)
		e.names, e.paths = append(e.names, col.Name), append(e.paths, pathOf(col))
	}
	slices.SortStableFunc(e.columns, func(a, b docColumn) int { return cmp.Compare(a.object, b.object) })
	for _, i := range s.Key() {
		e.key = append(e.key, keyColumn{i, &s.Fields[i].Type})
	}
	return e, nil
}

// appendDoc appends the document of a row and a line break.
func (e *encoder) appendDoc(dst []byte, b *record.Batch, row int) []byte {
	dst = append(dst, '{')
	open := -1
	for i := range e.columns {
		c := &e.columns[i]
		v := b.Cols[c.at]
		null := v.Null(row)
		if null && c.omit {
			continue
		}
		if c.object != open {
			if open >= 0 {
				dst = append(dst, '}')
			}
			open = c.object
			dst = append(separate(dst), e.objects[open]...)
		}
		dst = append(separate(dst), c.name...)
		if null {
			dst = append(dst, "null"...)
		} else {
			dst = c.append(dst, v, row)
		}
	}
	if open >= 0 {
		dst = append(dst, '}')
	}
	return append(dst, '}', '\n')
}

// separate puts a comma before every member of an object but its first.
func separate(dst []byte) []byte {
	if dst[len(dst)-1] == '{' {
		return dst
	}
	return append(dst, ',')
}
