package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltable"
)

// borders answers what shards are cut by.
type borders struct{ *reader }

func (b borders) selecting() sqltable.Select { return b.reader.selecting(nil) }

// Rows counts up to upTo rows. Beyond them rowids are sampled, and other indexes counted to their end.
func (b borders) Rows(ctx context.Context, r sqltable.Range, upTo int64) (int64, error) {
	n, err := b.number(ctx, b.selecting().CountUpTo(r, upTo))
	if err != nil || n <= upTo {
		return n, err
	}
	if r.Part == sqltable.Keyed && len(b.key) == 1 && b.key[0].Integer {
		least, greatest, err := sqltable.Ends(ctx, b, r)
		if err != nil || least.Tag == connector.TagNull {
			return n, err
		}
		estimate, err := sqltable.Probe(ctx, b, r, least, greatest)
		return max(n, estimate), err
	}
	return b.number(ctx, b.selecting().CountUpTo(r, 0))
}

func (b borders) number(ctx context.Context, s sqltable.Statement) (n int64, err error) {
	err = b.db.QueryRowContext(ctx, s.SQL, arguments(s.Args)...).Scan(&n)
	return n, classify(err, "count rows of %s", b.source.Dataset)
}

// End implements sqltable.Source, by the rowid.
func (b borders) End(ctx context.Context, r sqltable.Range, greatest bool) (connector.Part, error) {
	s := b.selecting().End(r, greatest)
	var v any
	if err := b.db.QueryRowContext(ctx, s.SQL, arguments(s.Args)...).Scan(&v); err != nil {
		return connector.Part{}, classify(err, "find the ends of %s", b.source.Dataset)
	}
	return part(v), nil
}

// KeyAt steps through the index.
func (b borders) KeyAt(ctx context.Context, r sqltable.Range, n int64) ([]connector.Part, error) {
	s := b.selecting()
	statement := s.KeyAt(r, n)
	values, pointers := make([]any, len(b.key)), make([]any, len(b.key))
	for i := range values {
		pointers[i] = &values[i]
	}
	err := b.db.QueryRowContext(ctx, statement.SQL, arguments(statement.Args)...).Scan(pointers...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, classify(err, "find a border of %s", b.source.Dataset)
	}
	key := make([]connector.Part, len(values))
	for i, v := range values {
		key[i] = part(v)
	}
	return key, nil
}

// part makes a key value of what the driver returned.
func part(v any) connector.Part {
	switch v := v.(type) {
	case int64:
		return connector.Part{Tag: connector.TagInt, Int: v}
	case float64:
		return connector.Part{Tag: connector.TagFloat, Float: v}
	case string:
		return connector.Part{Tag: connector.TagText, Bytes: []byte(v)}
	case []byte:
		return connector.Part{Tag: connector.TagBytes, Bytes: append([]byte{}, v...)}
	}
	return connector.Part{}
}

// argument is what the driver binds for a key value: the same storage class that it came in.
func argument(p connector.Part) any {
	switch p.Tag {
	case connector.TagInt:
		return p.Int
	case connector.TagFloat:
		return p.Float
	case connector.TagText:
		return string(p.Bytes)
	case connector.TagBytes:
		return append([]byte{}, p.Bytes...)
	}
	return nil
}

func arguments(parts []connector.Part) []any {
	out := make([]any, len(parts))
	for i, p := range parts {
		out[i] = argument(p)
	}
	return out
}
