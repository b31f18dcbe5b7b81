package sqltarget

import (
	"fmt"
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// Planner makes the part of a Target that does not depend on the system: columns, key, what belongs to the run.
type Planner struct {
	Sink  connector.Sink
	Want  *record.Schema
	Name  string // the table's, as datasets are named, for errors and for counting
	Table *Table // nil: there is none, so it is made
	// Staging is the dataset that rows go to until it is swapped in, for mode replace.
	Staging string
	// Declare returns the column of a table that is made which holds the field best, and what it cannot keep of it; "": nothing is
	// lost. keyed: it is in the primary key. fold is as KeyColumn.Fold.
	Declare func(f record.Field, keyed bool) (c Column, fold, loss string)
	// SameName compares names of columns; nil: exactly.
	SameName func(a, b string) bool
}

// Layout is the part of a writer's own plan that all SQL writers have.
type Layout struct {
	Key     []int    `json:"key,omitempty"`     // places of the key columns in Target.Stored
	Folds   []string `json:"folds,omitempty"`   // KeyColumn.Fold of each, "" for those that compare exactly
	Skipped []int    `json:"skipped,omitempty"` // places of columns that the server computes: nothing is written to them
}

// Plan returns the target and its layout. The way is A, or C with A inside for mode replace; the caller changes it where its system
// cannot.
func (p *Planner) Plan() (*connector.Target, *Layout, error) {
	t := &connector.Target{Dataset: p.Sink.Dataset, Mode: p.Sink.Mode, Way: connector.WayA, Stored: new(record.Schema)}
	l := new(Layout)
	key, err := p.wantedKey()
	if err != nil {
		return nil, nil, err
	}
	folds := make([]string, len(p.Want.Fields))
	if p.Table == nil {
		p.make(t, key, folds)
	} else if err := p.match(t, l); err != nil {
		return nil, nil, err
	}
	if p.Sink.Mode != connector.Append {
		if err := p.chooseKey(t, l, key, folds); err != nil {
			return nil, nil, err
		}
	}
	p.own(t)
	return t, l, nil
}

// wantedKey returns the places of the columns by which the job or the source tells rows apart; none for mode append.
func (p *Planner) wantedKey() ([]int, error) {
	if len(p.Sink.Key) == 0 {
		return p.Want.Key(), nil
	}
	var places []int
	for _, name := range p.Sink.Key {
		at := slices.IndexFunc(p.Want.Fields, func(f record.Field) bool { return p.same(f.Name, name) })
		if at < 0 {
			return nil, connector.Errorf(connector.Config, "TOW-162", "key column %q is not written", name)
		}
		places = append(places, at)
	}
	return places, nil
}

func (p *Planner) same(a, b string) bool {
	if p.SameName == nil {
		return a == b
	}
	return p.SameName(a, b)
}

// make declares the columns of a table that is not there.
func (p *Planner) make(t *connector.Target, key []int, folds []string) {
	keyed := p.Sink.Mode != connector.Append && !p.nullable(p.Want, key)
	for i, f := range p.Want.Fields {
		c, fold, loss := p.Declare(f, keyed && slices.Contains(key, i))
		c.Name, c.Nullable, c.Key = f.Name, f.Nullable, 0
		if !p.Sink.Create.Comments {
			c.Comment = ""
		}
		if !p.Sink.Create.Defaults {
			c.Default = nil
		}
		folds[i] = fold
		t.Stored.Fields = append(t.Stored.Fields, c.Field)
		if loss != "" {
			t.Losses = append(t.Losses, connector.Loss{Column: f.Name, What: loss})
		}
	}
}

// match finds the column of the table for each one wanted.
func (p *Planner) match(t *connector.Target, l *Layout) error {
	written := make([]bool, len(p.Table.Columns))
	for i, f := range p.Want.Fields {
		at := slices.IndexFunc(p.Table.Columns, func(c Column) bool { return p.same(c.Name, f.Name) })
		if at < 0 {
			return connector.Errorf(connector.Missing, "TOW-160", "table %s has no column %q", p.Name, f.Name)
		}
		c := p.Table.Columns[at]
		if written[at] {
			return connector.Errorf(connector.Config, "TOW-161", "two columns would be written to column %s of table %s", c.Name, p.Name)
		}
		if written[at] = true; c.Computed {
			l.Skipped = append(l.Skipped, i)
			t.Losses = append(t.Losses, connector.Loss{Column: c.Name, What: "computed by the target itself: what the source holds is not written"})
			c.Type = f.Type
		}
		c.Key = 0
		t.Stored.Fields = append(t.Stored.Fields, c.Field)
	}
	for i, c := range p.Table.Columns {
		if !written[i] && !c.Nullable && !c.Filled && !c.Computed {
			return connector.Errorf(connector.Config, "TOW-161", "column %s of table %s is NOT NULL without a default, and nothing is written to it", c.Name, p.Name).
				WithHint("Copy a column to it, or give it a default.")
		}
	}
	return nil
}

func (p *Planner) nullable(s *record.Schema, key []int) bool {
	return slices.ContainsFunc(key, func(at int) bool { return s.Fields[at].Nullable })
}

// chooseKey decides what identifies a row.
func (p *Planner) chooseKey(t *connector.Target, l *Layout, key []int, folds []string) error {
	if p.Table != nil {
		return p.existingKey(t, l, key)
	}
	nullable := p.nullable(p.Want, key)
	if p.Sink.Mode == connector.Upsert && (len(key) == 0 || nullable) {
		return connector.Errorf(connector.Config, "TOW-162", "upsert into %s needs a key whose columns are never NULL", p.Name).
			WithHint("Name one by key, or write with insert or replace.")
	}
	if nullable {
		t.Notes = append(t.Notes, "the key may be NULL, so the table is made without a primary key")
		return nil
	}
	columns := make([]KeyColumn, len(key))
	for i, at := range key {
		columns[i] = KeyColumn{t.Stored.Fields[at].Name, folds[at]}
	}
	p.setKey(t, l, key, columns)
	return nil
}

// existingKey finds the unique key of the table that the wanted one is.
func (p *Planner) existingKey(t *connector.Target, l *Layout, key []int) error {
	upsert := p.Sink.Mode == connector.Upsert
	names := make([]string, len(key))
	for i, at := range key {
		names[i] = t.Stored.Fields[at].Name
	}
	at := slices.IndexFunc(p.Table.Unique, func(u Unique) bool { return len(names) > 0 && u.covers(names) })
	switch {
	case at < 0 && upsert:
		return connector.Errorf(connector.Config, "TOW-162", "upsert into %s needs a primary key or unique index over exactly (%s)", p.Name, strings.Join(names, ", "))
	case at < 0:
		if p.Sink.Mode == connector.Insert && len(names) > 0 {
			t.Notes = append(t.Notes, fmt.Sprintf("%s has no unique key over (%s): a row whose key is there is written beside it", p.Name, strings.Join(names, ", ")))
		}
		return nil
	case upsert && slices.ContainsFunc(key, func(k int) bool { return t.Stored.Fields[k].Nullable && p.Want.Fields[k].Nullable }):
		return connector.Errorf(connector.Config, "TOW-162", "upsert into %s by a key that may be NULL", p.Name)
	case upsert && slices.ContainsFunc(key, func(k int) bool { return slices.Contains(l.Skipped, k) }):
		return connector.Errorf(connector.Config, "TOW-162", "upsert into %s by a key that the target computes itself", p.Name).
			WithHint("Name another key, or write with insert or replace.")
	case upsert && len(p.Table.Unique) > 1:
		// A row could replace, or be refused for, a row of another key.
		other := p.Table.Unique[(at+1)%len(p.Table.Unique)]
		return connector.Errorf(connector.Config, "TOW-163", "upsert into %s, which has another unique key: %s", p.Name, other.Name).
			WithHint("Drop it for the run, or write with insert or replace.")
	}
	u := p.Table.Unique[at]
	columns := make([]KeyColumn, len(names))
	for i, name := range names {
		columns[i] = u.Columns[slices.IndexFunc(u.Columns, func(c KeyColumn) bool { return c.Name == name })]
	}
	p.setKey(t, l, key, columns)
	return nil
}

// covers reports whether the key is over exactly the columns, in any order, and identifies rows.
func (u *Unique) covers(names []string) bool {
	if u.Partial || len(names) != len(u.Columns) {
		return false
	}
	for _, name := range names {
		if !slices.ContainsFunc(u.Columns, func(c KeyColumn) bool { return c.Name == name }) {
			return false
		}
	}
	return true
}

func (p *Planner) setKey(t *connector.Target, l *Layout, places []int, columns []KeyColumn) {
	l.Key = places
	for i, at := range places {
		f := &t.Stored.Fields[at]
		f.Key, f.Nullable = i+1, false
		t.Key = append(t.Key, f.Name)
		l.Folds = append(l.Folds, columns[i].Fold)
		// The source's own collation under the same name takes the same keys for equal.
		if fold := columns[i].Fold; fold != "" && fold != p.Want.Fields[at].Collation {
			t.Folded = append(t.Folded, f.Name)
		}
	}
}

// own says what belongs to the run, and what becomes of it.
func (p *Planner) own(t *connector.Target) {
	t.Exists = p.Table != nil
	if t.Exists {
		t.Rows = p.Table.Rows
	}
	switch {
	case t.Mode == connector.Replace:
		t.Way, t.Inner, t.Owned = connector.WayC, connector.WayA, p.Staging
		if t.Exists {
			t.Removes = append(t.Removes, fmt.Sprintf("the %d rows that %s holds", t.Rows, p.Name))
		}
	default:
		t.Remain = "The rows written so far stay in " + p.Name + "."
		if !t.Exists || t.Rows == 0 {
			t.Owned = p.Name
		}
	}
}
