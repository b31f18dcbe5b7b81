// Package sqltable is what the readers of SQL tables share: key columns, ranges and positions, keyset predicates, the
// statements of a page, and the search for borders between shards. It sends no statement itself and knows no system: how
// one spells things is its Dialect.
package sqltable

import (
	"slices"
	"strconv"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// Dialect is how a system spells statements. The zero Dialect says "?" and "LIMIT n OFFSET m" and expands row comparisons.
type Dialect struct {
	// RowComparison: (a, b) > (?, ?) is a range of the index to the system's optimizer.
	RowComparison bool
	// Placeholder spells parameter n, counted from 1; nil: ?
	Placeholder func(n int) string
	// Limit spells the end of a statement that skips offset rows and returns at most limit; nil: LIMIT limit OFFSET offset.
	Limit func(limit, offset int64) string
	// True spells a condition that always holds; "": 1 = 1.
	True string
}

// Column is one column of a key.
type Column struct {
	Name       string // as the source names it
	Quoted     string // as it stands, bare, in predicates and ORDER BY, so that the index is used
	Descending bool
	Nullable   bool
	Integer    bool          // its values come as TagInt or TagUint: borders may be computed
	Tag        connector.Tag // of its values in positions; a loosely typed source may send others
	Nulls      string        // where its NULLs stand, as ORDER BY says it behind the direction; "": where the source puts them
	// Operator spells a comparison (">=") with the operator by which the index is ordered, where a bare one might be another; nil: it
	// stands as it is. Columns whose operators are spelled alike can be compared as a row.
	Operator func(op string) string
}

// Key is the columns by which a table is read, in index order, all of them. An empty Key: the table has none.
type Key []Column

// Nullable reports whether a column of the key may be NULL.
func (k Key) Nullable() bool {
	for _, c := range k {
		if c.Nullable {
			return true
		}
	}
	return false
}

// computable reports whether borders may be found by halving distances between values.
func (k Key) computable() bool { return len(k) == 1 && k[0].Integer && !k[0].Descending }

// comparedAsRow reports whether one row comparison can express the order of the key.
func (k Key) comparedAsRow() bool {
	for _, c := range k {
		if c.Descending != k[0].Descending || c.spell(">") != k[0].spell(">") {
			return false
		}
	}
	return true
}

func (c Column) spell(op string) string {
	if c.Operator == nil {
		return op
	}
	return c.Operator(op)
}

// OrderBy returns the columns of an ORDER BY in the key's order.
func (k Key) OrderBy() string {
	parts := make([]string, len(k))
	for i, c := range k {
		parts[i] = c.Quoted
		if c.Descending {
			parts[i] += " DESC"
		}
		if c.Nulls != "" {
			parts[i] += " " + c.Nulls
		}
	}
	return strings.Join(parts, ", ")
}

// list returns the bare columns.
func (k Key) list() string {
	parts := make([]string, len(k))
	for i, c := range k {
		parts[i] = c.Quoted
	}
	return strings.Join(parts, ", ")
}

// MarkKey marks the fields of a key, named in its order; same is how the system compares names. A key of which a field is not in the schema
// identifies nothing: none is marked then, and its name is returned.
func MarkKey(s *record.Schema, key []string, same func(a, b string) bool) (missing string, ok bool) {
	places := make([]int, len(key))
	for i, name := range key {
		if places[i] = slices.IndexFunc(s.Fields, func(f record.Field) bool { return same(f.Name, name) }); places[i] < 0 {
			return name, false
		}
	}
	for i, at := range places {
		s.Fields[at].Key = i + 1
	}
	return "", true
}

func (d Dialect) placeholder(n int) string {
	if d.Placeholder == nil {
		return "?"
	}
	return d.Placeholder(n)
}

func (d Dialect) limit(limit, offset int64) string {
	if d.Limit != nil {
		return d.Limit(limit, offset)
	}
	s := " LIMIT " + strconv.FormatInt(limit, 10)
	if offset > 0 {
		s += " OFFSET " + strconv.FormatInt(offset, 10)
	}
	return s
}
