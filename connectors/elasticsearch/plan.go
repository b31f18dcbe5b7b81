package elasticsearch

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// scheme is the writer's own part of the plan.
type scheme struct {
	Index   string          `json:"index"`  // the concrete index that rows go to
	Marker  string          `json:"marker"` // alias of the run on it: rows are sent to it, and it is the sign that the run was here
	Create  json.RawMessage `json:"create,omitempty"`
	Add     json.RawMessage `json:"add,omitempty"` // fields that the existing index lacks
	UUID    string          `json:"uuid,omitempty"`
	Staging bool            `json:"staging,omitempty"`
	Types   []string        `json:"types"` // field types, in the order of the schema
	Keyed   bool            `json:"keyed,omitempty"`
	Old     []replaced      `json:"old,omitempty"`
}

// replaced is an index that the target's name stood for when the run was planned.
type replaced struct {
	Name   string `json:"name"`
	UUID   string `json:"uuid"`
	Remove bool   `json:"remove,omitempty"` // it goes when the new index takes its place
}

// Plan changes nothing at the server.
func (w *writer) Plan(ctx context.Context, want *record.Schema) (*connector.Target, error) {
	if err := checkName(w.sink.Dataset); err != nil {
		return nil, err
	}
	stored, key, err := w.stored(want)
	if err != nil {
		return nil, err
	}
	there, err := w.client.resolve(ctx, w.sink.Dataset)
	if err != nil {
		return nil, err
	}
	t := &connector.Target{Dataset: w.sink.Dataset, Mode: w.sink.Mode, Key: key, Stored: stored, Exists: len(there) > 0, Rows: -1,
		Notes:  slices.Clone(w.client.notes),
		Limits: connector.Limits{GroupRows: maxGroupRows, GroupBytes: 8 << 20, RowBytes: 32 << 20}}
	if t.Exists {
		if t.Rows, err = w.client.count(ctx, w.sink.Dataset, ""); err != nil {
			return nil, err
		}
	}
	p := &scheme{Keyed: len(key) > 0}
	if w.sink.Mode == connector.Replace {
		err = w.planReplace(t, p, there)
	} else {
		err = w.planDirect(t, p, there)
	}
	if err != nil {
		return nil, err
	}
	t.Placed = !p.Keyed
	w.explain(t, p)
	t.Writer = compactJSON(p)
	return t, nil
}

// stored returns the schema as written, types unchanged (_source holds the digits), and the names of its key.
func (w *writer) stored(want *record.Schema) (*record.Schema, []string, error) {
	s := &record.Schema{Fields: slices.Clone(want.Fields)}
	key := w.sink.Key
	if key == nil {
		for _, i := range want.Key() {
			key = append(key, want.Fields[i].Name)
		}
	}
	if w.sink.Mode == connector.Append {
		key = nil
	}
	for i := range s.Fields {
		s.Fields[i].Key = slices.Index(key, s.Fields[i].Name) + 1
	}
	for _, name := range key {
		if s.Index(name) < 0 {
			return nil, nil, connector.Errorf(connector.Config, "TOW-511", "make ids: the key's column %q is not among the columns", name).At("key")
		}
	}
	if len(key) == 0 && w.sink.Mode != connector.Append && w.sink.Mode != connector.Replace {
		return nil, nil, connector.Errorf(connector.Config, "TOW-511", "make ids for %s: the rows have no key", w.sink.Mode).At("key").
			WithHint("Name the key: key: [id]; or write: replace, which rebuilds the whole index; or accept doubles after a cut with write: append.")
	}
	return s, key, nil
}

func (w *writer) marker(index string) string { return index + "_w" }

func (w *writer) staging() string {
	return w.sink.Dataset + stagingSign + strings.ToLower(w.sink.Run)
}

// stagingSign stands between a dataset and the run's key in the names of what a run makes beside the dataset.
const stagingSign = "__tw_"

func (w *writer) planReplace(t *connector.Target, p *scheme, there []index) error {
	t.Way, t.Inner = connector.WayC, connector.WayB
	p.Index, p.Staging = w.staging(), true
	p.Marker = w.marker(p.Index)
	t.Owned = p.Index
	for i := range there {
		x := &there[i]
		if strings.HasPrefix(x.name, ".ds-") {
			return errDataStream(w.sink.Dataset)
		}
		old := replaced{Name: x.name, UUID: x.uuid(), Remove: x.name == w.sink.Dataset || x.mark().Staging}
		p.Old = append(p.Old, old)
		if old.Remove {
			t.Removes = append(t.Removes, "index "+x.name+" with all its documents, its mapping and its settings")
		} else {
			t.Notes = append(t.Notes, fmt.Sprintf("alias %s is taken from index %s, which stays", w.sink.Dataset, x.name))
		}
		if len(x.aliases) > 1 && old.Remove {
			t.Notes = append(t.Notes, "the other aliases of index "+x.name+" are carried over")
		}
	}
	l, err := w.design(t.Stored, nil)
	if err != nil {
		return err
	}
	t.Reason = "a new index is filled beside, then the name is swapped to it in one call"
	t.Notes = append(t.Notes, "the new index gets mapping and settings from this plan, none from the index it replaces")
	t.Remain = fmt.Sprintf("Nothing: the staging index %s is removed and %s stays as it was.", p.Index, w.sink.Dataset)
	return w.planCreate(t, p, l)
}

func (w *writer) planDirect(t *connector.Target, p *scheme, there []index) error {
	t.Way = connector.WayB
	t.Reason = "each document's _id is its row's key and its version the lease's stamp: writing a row again changes nothing, and a late writer is refused"
	t.Remain = fmt.Sprintf("The documents written so far stay in %s.", w.sink.Dataset)
	p.Marker = w.marker(w.staging())
	if len(there) == 0 {
		p.Index, t.Owned = w.sink.Dataset, w.sink.Dataset
		l, err := w.design(t.Stored, nil)
		if err != nil {
			return err
		}
		return w.planCreate(t, p, l)
	}
	x, err := onlyIndex(w.sink.Dataset, there)
	if err != nil {
		return err
	}
	p.Index, p.UUID = x.name, x.uuid()
	l, err := w.design(t.Stored, &x.mapping)
	if err != nil {
		return err
	}
	if len(l.missing) > 0 {
		p.Add = compactJSON(map[string]any{"properties": l.missing})
		t.Steps = append(t.Steps, fmt.Sprintf("PUT /%s/_mapping %s", x.name, p.Add))
	}
	if fmt.Sprint(x.mapping.Dynamic) != "strict" {
		t.Notes = append(t.Notes, fmt.Sprintf("the mapping of %s is not strict; the run only sends fields that it names", x.name))
	}
	if x.setting("translog.durability") == "async" {
		t.Notes = append(t.Notes, fmt.Sprintf("index %s has translog.durability async: %s", x.name, asyncNote))
	}
	if x.setting("default_pipeline") != "" {
		t.Notes = append(t.Notes, fmt.Sprintf("the default pipeline of %s is not applied", x.name))
	}
	w.fill(t, p, l)
	return nil
}

func errDataStream(name string) error {
	return connector.Errorf(connector.Config, "TOW-517", "write to %s: it is a data stream, whose documents cannot be replaced", name).
		WithHint("Write into an index.")
}

// planCreate plans the index that the run makes.
func (w *writer) planCreate(t *connector.Target, p *scheme, l *layout) error {
	body, err := w.createBody(l, mark{Run: w.sink.Run, Staging: p.Staging})
	if err != nil {
		return err
	}
	p.Create = compactJSON(body)
	t.Steps = append(t.Steps, fmt.Sprintf("PUT /%s %s", p.Index, p.Create),
		fmt.Sprintf(`PUT /%s/_settings {"refresh_interval":"-1","number_of_replicas":0} while it is filled; at the end, and at a pause, as it was before`, p.Index))
	if settings := body["settings"].(map[string]any); settings["index.translog.durability"] == "async" {
		t.Notes = append(t.Notes, "translog.durability async: "+asyncNote)
	}
	w.fill(t, p, l)
	return nil
}

func (w *writer) fill(t *connector.Target, p *scheme, l *layout) {
	for _, f := range l.fields {
		p.Types = append(p.Types, f.esType)
	}
	t.Losses = append(t.Losses, l.losses...)
	t.Notes = append(t.Notes, l.notes...)
}

// explain adds what the plan says of ids, aliases and modes.
func (w *writer) explain(t *connector.Target, p *scheme) {
	t.Steps = append(t.Steps, fmt.Sprintf(`POST /_aliases {"add":{"index":"%s","alias":"%s"}}: the sign of this run, taken off at its end`, p.Index, p.Marker))
	if p.Staging {
		var old []string
		for _, o := range p.Old {
			verb := "alias off "
			if o.Remove {
				verb = "remove_index "
			}
			old = append(old, verb+o.Name)
		}
		t.Steps = append(t.Steps, strings.Join(append([]string{fmt.Sprintf("POST /_aliases: %s -> %s", t.Dataset, p.Index)}, old...), ", "))
	}
	if !p.Keyed {
		t.Notes = append(t.Notes, "ids are made of run, shard and place of the row: a row is written again under its id only where the source yields the same rows in the same order")
		if !p.Staging {
			t.Reason = "no key identifies a row: its id is its place in the shard, which holds only while the source yields the same order"
		}
	}
	if w.sink.Mode == connector.Insert {
		t.Notes = append(t.Notes, "a document that is there already with the very same content counts as written: that is how a repeated write of this run looks")
	}
	var objects []string
	for i := range t.Stored.Fields {
		f := &t.Stored.Fields[i]
		if f.Key > 0 && f.Nullable {
			t.Notes = append(t.Notes, fmt.Sprintf("key column %s may be NULL: such rows are dirty (KEYNULL)", f.Name))
		}
		switch {
		case f.Place != nil && f.Place.Object != "" && !slices.Contains(objects, f.Place.Object):
			objects = append(objects, f.Place.Object)
		case f.Place == nil && strings.Contains(f.Name, "."):
			t.Notes = append(t.Notes, fmt.Sprintf("column %s is indexed as a path of objects; _source keeps the name with its dot", f.Name))
		}
	}
	if len(objects) > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("documents hold columns as members of the objects %s, and leave out those that a row does not have", strings.Join(objects, ", ")))
	}
	t.Notes = append(t.Notes, "server: "+w.client.server.String())
}
