package sqltable

import (
	"github.com/towpath/towpath/connector"
)

// The kinds of the records of this package.
const (
	rangeKind    = "sql.range"
	positionKind = "sql.key"
)

// Part is which rows of a table a Range is cut from.
type Part int64

// The parts of a table. A table without a nullable key column has no Nulls, one without a key is Whole.
const (
	Keyed Part = iota // rows whose key columns are all present
	Nulls             // rows with a NULL in a key column
	Whole             // all rows, in no order
)

// Range is the rows of a shard: (Low, High] in the key's order, nil being an open end. Nulls and Whole have no ends.
type Range struct {
	Part      Part
	Low, High []connector.Part
}

// Some returns a range that can be read, to make a statement of when it does not matter which.
func (k Key) Some() Range {
	if len(k) == 0 {
		return Range{Part: Whole}
	}
	return Range{}
}

// Encode returns the range as Shard.Range keeps it.
func (r Range) Encode() []byte {
	parts := []connector.Part{{Tag: connector.TagInt, Int: int64(r.Part)}}
	for _, end := range [...][]connector.Part{r.Low, r.High} {
		if end == nil {
			parts = append(parts, connector.Part{Tag: connector.TagOpen})
			continue
		}
		parts = append(parts, connector.Part{Tag: connector.TagInt, Int: int64(len(end))})
		parts = append(parts, end...)
	}
	return connector.NewPosition(rangeKind, parts...)
}

// ParseRange reads what Encode wrote. What does not check is an error of class Changed, TOW-105.
func ParseRange(b []byte) (Range, error) {
	parts, err := connector.Position(b).Parts(rangeKind)
	if err != nil {
		return Range{}, err
	}
	r, ok := Range{}, len(parts) > 0 && parts[0].Tag == connector.TagInt
	if ok {
		r.Part, parts = Part(parts[0].Int), parts[1:]
		ok = r.Part >= Keyed && r.Part <= Whole
	}
	for _, end := range [...]*[]connector.Part{&r.Low, &r.High} {
		if ok {
			*end, parts, ok = cutEnd(parts)
		}
	}
	if !ok || len(parts) > 0 || (r.Part != Keyed && (r.Low != nil || r.High != nil)) {
		return Range{}, connector.Errorf(connector.Changed, "TOW-105", "%s record is malformed", rangeKind)
	}
	return r, nil
}

// cutEnd takes one end of a range off the front of parts.
func cutEnd(parts []connector.Part) (end, rest []connector.Part, ok bool) {
	if len(parts) == 0 {
		return nil, nil, false
	}
	head, rest := parts[0], parts[1:]
	switch {
	case head.Tag == connector.TagOpen:
		return nil, rest, true
	case head.Tag == connector.TagInt && head.Int > 0 && head.Int <= int64(len(rest)):
		return rest[:head.Int:head.Int], rest[head.Int:], true
	}
	return nil, nil, false
}

// NewPosition returns the position behind the row with the key.
func NewPosition(key []connector.Part) connector.Position {
	return connector.NewPosition(positionKind, key...)
}

// ParsePosition returns the key that a position stands behind; nil for the nil position.
func ParsePosition(p connector.Position) ([]connector.Part, error) {
	if p == nil {
		return nil, nil
	}
	return p.Parts(positionKind)
}

// ShardRange returns the range of a shard from a position on, checked against the key: what Read has to read.
// The zero shard of a table with a nullable key is refused: it has to be split first.
func (k Key) ShardRange(s connector.Shard, from connector.Position) (Range, error) {
	r := Range{}
	if len(k) == 0 {
		r.Part = Whole
	}
	if s.Range != nil {
		var err error
		if r, err = ParseRange(s.Range); err != nil {
			return Range{}, err
		}
	} else if k.Nullable() {
		return Range{}, connector.Errorf(connector.Other, "TOW-105", "read a whole dataset whose key may be NULL: split it first")
	}
	if from != nil {
		key, err := ParsePosition(from)
		if err != nil {
			return Range{}, err
		}
		if r.Part != Keyed {
			return Range{}, connector.Errorf(connector.Changed, "TOW-105", "%s record found in a shard that has no order", positionKind)
		}
		r.Low = key
	}
	if (r.Low != nil && len(r.Low) != len(k)) || (r.High != nil && len(r.High) != len(k)) {
		return Range{}, connector.Errorf(connector.Changed, "TOW-105", "key of the shard has another number of columns than the table's %d", len(k))
	}
	return r, nil
}
