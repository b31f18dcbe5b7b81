package sqlite

import (
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltable"
)

// readKey returns the key by which a table is read: the rowid that is a column, the primary key, a unique index, the bare
// rowid; none for views and virtual tables. wanted are the columns of the job's own key; they need a unique index.
func (t *table) readKey(wanted []string) (sqltable.Key, error) {
	if t.kind != "table" {
		return nil, nil
	}
	if c, ok := t.rowidAlias(); ok && (len(wanted) == 0 || (len(wanted) == 1 && strings.EqualFold(wanted[0], c.name))) {
		return sqltable.Key{{Name: c.name, Quoted: quote(c.name), Integer: true, Tag: connector.TagInt}}, nil
	}
	if x := t.bestUnique(wanted); x != nil {
		return t.indexKey(x), nil
	}
	if len(wanted) > 0 {
		return nil, connector.Errorf(connector.Config, "TOW-312", "no unique index of %s has the columns %s", t.name, strings.Join(wanted, ", ")).
			WithHint("Leave key out, or name the columns of the primary key or of a unique index.")
	}
	if name := t.rowidName(); name != "" && !t.withoutRowid {
		return sqltable.Key{{Name: "", Quoted: name, Integer: true, Tag: connector.TagInt}}, nil
	}
	return nil, nil
}

// bestUnique returns the primary key's index, else the unique index with the fewest columns that may be NULL, then the fewest columns.
func (t *table) bestUnique(wanted []string) *index {
	var best *index
	cost := func(x *index) int {
		n := len(x.columns)
		if x.origin == "pk" {
			return -1000 + n
		}
		for _, c := range t.indexKey(x) {
			if c.Nullable {
				n += 100
			}
		}
		return n
	}
	for i := range t.indexes {
		x := &t.indexes[i]
		if !x.usable() || (len(wanted) > 0 && !x.covers(wanted)) {
			continue
		}
		if best == nil || cost(x) < cost(best) {
			best = x
		}
	}
	return best
}

// usable reports whether the index orders all rows and tells them apart, NULLs aside.
func (x *index) usable() bool {
	if !x.unique || x.partial {
		return false
	}
	for _, c := range x.columns {
		if c.name == "" || !knownCollation(c.collation) {
			return false
		}
	}
	return true
}

// covers reports whether the index is over exactly the columns, in any order.
func (x *index) covers(columns []string) bool {
	if len(columns) != len(x.columns) {
		return false
	}
	for _, want := range columns {
		found := false
		for _, c := range x.columns {
			found = found || strings.EqualFold(c.name, want)
		}
		if !found {
			return false
		}
	}
	return true
}

// knownCollation reports whether the library can compare by the collation; others live in the programs that define them.
func knownCollation(name string) bool {
	switch strings.ToUpper(name) {
	case "BINARY", "NOCASE", "RTRIM":
		return true
	}
	return false
}

// indexKey returns an index as a key. Its collation is named, since the column's own may be another, for which the index is of no use.
func (t *table) indexKey(x *index) sqltable.Key {
	var k sqltable.Key
	for _, ic := range x.columns {
		c, _ := t.column(ic.name)
		k = append(k, sqltable.Column{
			Name: c.name, Quoted: quote(c.name) + " COLLATE " + strings.ToUpper(ic.collation), Descending: ic.descending,
			Nullable: !c.notNull && !(t.withoutRowid && c.key > 0), Tag: connector.TagText,
		})
	}
	return k
}
