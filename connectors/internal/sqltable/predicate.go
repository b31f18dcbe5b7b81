package sqltable

import (
	"strings"

	"github.com/towpath/towpath/connector"
)

// Statement is SQL with its parameters in order.
type Statement struct {
	SQL    string
	Args   []connector.Part
	Places []int // of each of Args: which column of the key it is compared with
}

// Select is what statements over a table are made of. Columns, From and Where stand in statements as they are: names in
// them are quoted by the caller. Where is the job's own predicate, "" for none.
type Select struct {
	Columns string
	From    string
	Where   string
	Key     Key
	Dialect Dialect
}

// builder collects a statement.
type builder struct {
	strings.Builder
	dialect Dialect
	args    []connector.Part
	places  []int
	terms   int // of the WHERE clause
}

// bind binds a value of column place of the key.
func (b *builder) bind(place int, p connector.Part) {
	b.args, b.places = append(b.args, p), append(b.places, place)
	b.WriteString(b.dialect.placeholder(len(b.args)))
}

// and begins a term of the WHERE clause.
func (b *builder) and() {
	if b.terms == 0 {
		b.WriteString(" WHERE ")
	} else {
		b.WriteString(" AND ")
	}
	b.terms++
}

// Page returns the statement that reads at most limit rows of the range in the key's order; limit 0: all of them, which
// is the only way for Nulls and Whole. Fewer rows than limit prove nothing: the end of a shard is proven by a page
// without a row.
func (s Select) Page(r Range, limit int) Statement {
	b := s.from(s.Columns, r)
	if r.Part == Keyed && len(s.Key) > 0 {
		b.WriteString(" ORDER BY " + s.Key.OrderBy())
	}
	if limit > 0 {
		b.WriteString(s.Dialect.limit(int64(limit), 0))
	}
	return b.statement()
}

// KeyAt returns the statement that reads the key of row n of a keyed range, counted from 0 in the key's order.
func (s Select) KeyAt(r Range, n int64) Statement {
	b := s.from(s.Key.list(), r)
	b.WriteString(" ORDER BY " + s.Key.OrderBy() + s.Dialect.limit(1, n))
	return b.statement()
}

// End returns the statement that reads the least value of a key of one column within the range, or the greatest. One for both would not be
// answered from the ends of an index by every system.
func (s Select) End(r Range, greatest bool) Statement {
	if greatest {
		return s.from("max("+s.Key[0].Quoted+")", r).statement()
	}
	return s.from("min("+s.Key[0].Quoted+")", r).statement()
}

// CountUpTo returns the statement that counts the rows of the range, but stops after upTo+1 of them; upTo 0: counts all.
func (s Select) CountUpTo(r Range, upTo int64) Statement {
	if upTo == 0 {
		return s.from("count(*)", r).statement()
	}
	b := s.from("1 AS towpath_one", r)
	b.WriteString(s.Dialect.limit(upTo+1, 0))
	inner := b.statement()
	inner.SQL = "SELECT count(*) FROM (" + inner.SQL + ") towpath_counted"
	return inner
}

// from begins a statement: its columns, table and predicate.
func (s Select) from(columns string, r Range) *builder {
	b := &builder{dialect: s.Dialect}
	b.WriteString("SELECT " + columns + " FROM " + s.From)
	if s.Where != "" {
		b.and()
		// The line break ends a comment in the job's predicate, which would otherwise swallow what follows.
		b.WriteString("(" + s.Where + "\n)")
	}
	s.Key.where(b, r)
	return b
}

func (b *builder) statement() Statement { return Statement{b.String(), b.args, b.places} }

// where adds the terms that select the range.
func (k Key) where(b *builder, r Range) {
	switch r.Part {
	case Nulls:
		b.and()
		var terms []string
		for _, c := range k {
			if c.Nullable {
				terms = append(terms, c.Quoted+" IS NULL")
			}
		}
		b.WriteString("(" + strings.Join(terms, " OR ") + ")")
	case Keyed:
		if r.Low != nil {
			b.and()
			k.compare(b, r.Low, false)
		}
		if r.High != nil {
			b.and()
			k.compare(b, r.High, true)
		}
		for i, c := range k {
			// A comparison of the first column excludes its NULLs; those of further columns may hide behind an unequal first one.
			if c.Nullable && (i > 0 || (r.Low == nil && r.High == nil)) {
				b.and()
				b.WriteString(c.Quoted + " IS NOT NULL")
			}
		}
	}
}

// compare adds key > bound, or key <= bound for upper.
func (k Key) compare(b *builder, bound []connector.Part, upper bool) {
	if len(k) == 1 {
		b.WriteString(k[0].Quoted + k[0].operator(upper, upper))
		b.bind(0, bound[0])
		return
	}
	if b.dialect.RowComparison && k.comparedAsRow() {
		b.WriteString("(" + k.list() + ")" + k[0].operator(upper, upper) + "(")
		for i, p := range bound {
			if i > 0 {
				b.WriteString(", ")
			}
			b.bind(i, p)
		}
		b.WriteByte(')')
		return
	}
	// The first term repeats what the second says: it is what the optimizer takes its range from.
	b.WriteString(k[0].Quoted + k[0].operator(upper, true))
	b.bind(0, bound[0])
	b.WriteString(" AND (")
	k.nested(b, bound, upper, 0)
	b.WriteByte(')')
}

// nested adds a > ? OR (a = ? AND (b > ? ...)) for the columns from place on.
func (k Key) nested(b *builder, bound []connector.Part, upper bool, place int) {
	c := k[place]
	if place == len(k)-1 {
		b.WriteString(c.Quoted + c.operator(upper, upper))
		b.bind(place, bound[place])
		return
	}
	b.WriteString(c.Quoted + c.operator(upper, false))
	b.bind(place, bound[place])
	b.WriteString(" OR (" + c.Quoted + " " + c.spell("=") + " ")
	b.bind(place, bound[place])
	b.WriteString(" AND (")
	k.nested(b, bound, upper, place+1)
	b.WriteString("))")
}

// operator returns the comparison that goes forward (or, for upper, backward) in the column's direction.
func (c Column) operator(upper, equal bool) string {
	op := ">"
	if upper != c.Descending {
		op = "<"
	}
	if equal {
		op += "="
	}
	return " " + c.spell(op) + " "
}
