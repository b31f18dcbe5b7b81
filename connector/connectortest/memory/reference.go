package memory

import (
	"fmt"
	"slices"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/record"
)

// orphan returns why a row may not stand in a table: a foreign key of it refers to nothing. "": it may. The caller holds the lock.
func (s *Store) orphan(t *table, row connectortest.Row) string {
	for _, r := range t.schema.References {
		cells := make([]connectortest.Cell, len(r.Columns))
		for i, name := range r.Columns {
			cells[i] = row[t.schema.Index(name)]
		}
		if slices.ContainsFunc(cells, func(c connectortest.Cell) bool { return c.Null }) {
			continue
		}
		if parent := s.tables[r.Dataset]; parent == nil || !parent.holds(r.Foreign, cells) {
			return fmt.Sprintf("foreign key %s: %s has no such row", r.Name, r.Dataset)
		}
	}
	return ""
}

// holds reports whether a row has these cells in the columns, which are its key.
func (t *table) holds(columns []string, cells []connectortest.Cell) bool {
	ordered := make([]connectortest.Cell, len(t.key))
	for i, k := range t.key {
		at := slices.Index(columns, t.schema.Fields[k].Name)
		if at < 0 {
			return false
		}
		ordered[i] = cells[at]
	}
	key, ok := t.keyText(ordered)
	_, known := t.index[key]
	return ok && known
}

// made is what a target that is made for a run gets beside columns and key; the writer's own part of the plan.
type made struct {
	Comment    string             `json:"comment,omitempty"`
	Indexes    []record.Index     `json:"indexes,omitempty"`
	References []record.Reference `json:"references,omitempty"`
}

// structure plans what is made, and says what is not.
func structure(create connector.Structure, want *record.Schema, t *connector.Target) (m made) {
	if create.Comments {
		m.Comment = want.Comment
	}
	if create.References {
		m.References = want.References
	}
	for _, x := range want.Indexes {
		if create.Indexes && x.Foreign == "" {
			m.Indexes = append(m.Indexes, x)
		} else if create.Indexes {
			t.Notes = append(t.Notes, "index "+x.Name+" is not made: "+x.Foreign)
		}
	}
	for i := range t.Stored.Fields {
		f := &t.Stored.Fields[i]
		if !create.Comments {
			f.Comment = ""
		}
		if f.Default != nil && (!create.Defaults || f.Default.Foreign != "") {
			f.Default = nil
		}
	}
	return m
}

// seal makes the indexes of a dataset that was filled.
func (w *writer) seal(t *table) {
	if t != nil {
		schema := *t.schema
		schema.Comment, schema.Indexes = w.made.Comment, w.made.Indexes
		t.schema = &schema
	}
}

// link makes the foreign keys of a published dataset; rows that refer to nothing are an error.
func (w *writer) link() error {
	t := w.s.tables[w.key.dataset]
	if t == nil || len(w.made.References) == 0 {
		return nil
	}
	linked := *t.schema
	linked.References = w.made.References
	whole := *t
	whole.schema = &linked
	for _, row := range t.rows {
		if why := w.s.orphan(&whole, row); why != "" {
			return connector.Errorf(connector.Config, "", "link %s: %s", w.key.dataset, why)
		}
	}
	t.schema = &linked
	return nil
}
