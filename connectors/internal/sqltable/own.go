package sqltable

import (
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
)

// Marker stands in a job's own SELECT where the predicate of a shard goes.
const Marker = "${range}"

// Ranged returns a job's own SELECT over a range: the predicate stands in place of each Marker, and the key's order behind it all. Without
// a key there is no order, and every row is in.
func (k Key) Ranged(query string, r Range, d Dialect) Statement {
	all := d.True
	if all == "" {
		all = "1 = 1"
	}
	if len(k) == 0 || r.Part != Keyed {
		return Statement{SQL: strings.ReplaceAll(query, Marker, all)}
	}
	b := &builder{dialect: d}
	k.where(b, r)
	predicate := strings.TrimPrefix(b.String(), " WHERE ")
	if predicate == "" {
		predicate = all
	}
	st := b.statement()
	if d.Placeholder == nil {
		// Parameters without numbers are bound anew in each place.
		n := strings.Count(query, Marker)
		st.Args, st.Places = slices.Repeat(st.Args, n), slices.Repeat(st.Places, n)
	}
	// The line break ends a comment at the end of the job's text.
	st.SQL = strings.ReplaceAll(query, Marker, "("+predicate+")") + "\n ORDER BY " + k.OrderBy()
	return st
}

// Around returns a SELECT of a job's own one that keeps some of its columns, as they stand in a select list, and the rows for which where
// holds; "": all.
func Around(query, columns, where string) string {
	text := "SELECT " + columns + " FROM (" + query + "\n) towpath_query"
	if where != "" {
		text += " WHERE (" + where + "\n)"
	}
	return text
}

// Undivided implements Reader.Split for a job's own SELECT, which is one shard, with an order when it has a key.
func Undivided(of connector.Shard, keyed bool) []connector.Shard {
	if of.Range == nil {
		of.Replay, of.Range = connector.None, Range{Part: Whole}.Encode()
		if keyed {
			of.Replay, of.Range = connector.Exact, Range{}.Encode()
		}
	}
	return []connector.Shard{of}
}
