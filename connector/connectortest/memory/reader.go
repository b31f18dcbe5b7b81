package memory

import (
	"context"
	"iter"
	"slices"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/record"
)

const (
	rangeKind    = "memory.range"
	positionKind = "memory.key"
	overlap      = 3 // rows that a Superset replay reads again
)

// What a range stands for.
const (
	keyed int64 = iota // (low, high] of the key
	nulls              // rows with a NULL in their key
	whole              // all rows, in no order
)

type reader struct {
	s    *Store
	from connector.Source
	o    ReadOptions
}

func (s *Store) openReader(ctx context.Context, described *connector.Options, from connector.Source) (connector.Reader, error) {
	o, err := connector.DecodeOptions[ReadOptions](described, from.Options, "source.options")
	if err != nil {
		return nil, err
	}
	if from.Query != "" || from.Where != "" {
		return nil, connector.Errorf(connector.Config, "", "open source %s: memory has no queries and predicates", from.Dataset)
	}
	return &reader{s, from, o}, ctx.Err()
}

func (r *reader) Schema(ctx context.Context) (*record.Schema, bool, error) {
	after, err := r.s.enter(ctx, Schema)
	if err != nil {
		return nil, false, err
	}
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	t, err := r.s.table(r.from.Dataset)
	if err != nil {
		return nil, false, err
	}
	out := new(record.Schema)
	*out = *t.schema
	out.Fields = slices.Clone(t.schema.Fields)
	if r.from.Columns != nil {
		out.Fields = nil
		for _, name := range r.from.Columns {
			at := t.schema.Index(name)
			if at < 0 {
				return nil, false, connector.Errorf(connector.Missing, "", "open source %s: no column %q", r.from.Dataset, name)
			}
			out.Fields = append(out.Fields, t.schema.Fields[at])
		}
	}
	return out, true, after
}

// bounds are a range: low is not in it, high is; nil is open.
type bounds struct {
	what      int64
	low, high []string
}

func (b bounds) encode() []byte {
	parts := []connector.Part{{Tag: connector.TagInt, Int: b.what}}
	for _, key := range [][]string{b.low, b.high} {
		if key == nil {
			parts = append(parts, connector.Part{Tag: connector.TagOpen})
			continue
		}
		parts = append(parts, connector.Part{Tag: connector.TagUint, Uint: uint64(len(key))})
		parts = append(parts, keyParts(key)...)
	}
	return connector.NewPosition(rangeKind, parts...)
}

func keyParts(key []string) []connector.Part {
	parts := make([]connector.Part, len(key))
	for i, text := range key {
		parts[i] = connector.Part{Tag: connector.TagText, Bytes: []byte(text)}
	}
	return parts
}

func keyOfParts(parts []connector.Part) []string {
	key := make([]string, len(parts))
	for i, p := range parts {
		key[i] = string(p.Bytes)
	}
	return key
}

func decodeBounds(raw []byte) (b bounds, err error) {
	parts, err := connector.Position(raw).Parts(rangeKind)
	if err != nil {
		return b, err
	}
	b.what, parts = parts[0].Int, parts[1:]
	for _, key := range []*[]string{&b.low, &b.high} {
		n := 0
		if parts[0].Tag == connector.TagUint {
			n = int(parts[0].Uint)
			*key = keyOfParts(parts[1 : 1+n])
		}
		parts = parts[1+n:]
	}
	return b, nil
}

func position(key []string) connector.Position {
	return connector.NewPosition(positionKind, keyParts(key)...)
}

func decodePosition(p connector.Position) ([]string, error) {
	if p == nil {
		return nil, nil
	}
	parts, err := p.Parts(positionKind)
	if err != nil {
		return nil, err
	}
	return keyOfParts(parts), nil
}

func (r *reader) Split(ctx context.Context, of connector.Shard, after connector.Position, hint connector.Hint) ([]connector.Shard, error) {
	late, err := r.s.enter(ctx, Split)
	if err != nil {
		return nil, err
	}
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	t, err := r.s.table(r.from.Dataset)
	if err != nil {
		return nil, err
	}
	within := bounds{}
	var shards []connector.Shard
	switch {
	case of.Range != nil:
		if within, err = decodeBounds(of.Range); err != nil {
			return nil, err
		}
	case len(t.key) == 0 || r.s.options.Replay == connector.None:
		within.what = whole
	default:
		if n := len(t.rows) - len(t.index); n > 0 || slices.ContainsFunc(t.key, func(k int) bool { return t.schema.Fields[k].Nullable }) {
			shards = append(shards, connector.Shard{Range: bounds{what: nulls}.encode(), Replay: connector.None, Rows: int64(n)})
		}
	}
	if within.what != keyed {
		return []connector.Shard{{Range: within.encode(), Replay: connector.None, Rows: int64(len(t.rows))}}, late
	}
	begin := within.low
	if after != nil {
		if within.low, err = decodePosition(after); err != nil {
			return nil, err
		}
	}
	return append(shards, t.cut(within, begin, r.s.options.Replay, hint)...), late
}

// cut divides a range into parts of as many rows each, the first of which begins at another key.
func (t *table) cut(b bounds, begin []string, replay connector.Replay, hint connector.Hint) []connector.Shard {
	rows := t.inside(b)
	n := hint.Shards
	if n <= 0 && hint.Bytes > 0 {
		n = 1 + int(int64(len(rows))*rowBytes/hint.Bytes)
	}
	n = max(1, min(n, len(rows)))
	var shards []connector.Shard
	low := b.low
	for i := range n {
		part := bounds{low: low, high: b.high}
		if i == 0 {
			part.low = begin
		}
		from, to := i*len(rows)/n, (i+1)*len(rows)/n
		if i < n-1 {
			part.high = t.keyCells(t.rows[rows[to-1]])
		}
		shards = append(shards, connector.Shard{Range: part.encode(), Replay: replay, Rows: int64(to - from), Bytes: int64(to-from) * rowBytes})
		low = part.high
	}
	return shards
}

const rowBytes = 64 // estimate

// inside returns the rows of a range in the order of their key.
func (t *table) inside(b bounds) []int {
	end := len(t.order())
	if b.high != nil {
		end = t.behind(b.high)
	}
	return t.order()[min(t.behind(b.low), end):end]
}

// rowsBehind returns rows of a range that follow a key, and the key to go on from; nil rows at the end. Shards without order
// come whole.
func (r *reader) rowsBehind(token []byte, b bounds, after []string, limit int) ([]connectortest.Row, [][]string, error) {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	t, err := r.s.tableIn(token, r.from.Dataset)
	if err != nil {
		return nil, nil, err
	}
	if b.what != keyed {
		var rows []connectortest.Row
		for _, row := range t.rows {
			if _, ok := t.keyOf(row); b.what == whole || !ok {
				rows = append(rows, row)
			}
		}
		return rows, nil, nil
	}
	if after != nil {
		b.low = after
	}
	at := t.inside(b)
	at = at[:min(limit, len(at))]
	rows, keys := make([]connectortest.Row, len(at)), make([][]string, len(at))
	for i, row := range at {
		rows[i], keys[i] = t.rows[row], t.keyCells(t.rows[row])
	}
	return rows, keys, nil
}

func (r *reader) Close() error { return nil }

func (r *reader) Read(ctx context.Context, q connector.Query) iter.Seq2[connector.Chunk, error] {
	return func(yield func(connector.Chunk, error) bool) {
		if err := r.read(ctx, q, yield); err != nil {
			yield(connector.Chunk{}, err)
		}
	}
}

// start returns the range to read and the key behind which it begins.
func (r *reader) start(q connector.Query) (b bounds, after []string, err error) {
	if b, err = decodeBounds(q.Shard.Range); err != nil {
		return b, nil, err
	}
	if after, err = decodePosition(q.From); err != nil || after == nil || q.Shard.Replay != connector.Superset {
		return b, after, err
	}
	_, keys, err := r.rowsBehind(q.Snapshot, bounds{low: b.low, high: after}, nil, 1<<62)
	if n := len(keys) - overlap - 1; n >= 0 {
		return b, keys[n], err
	}
	return b, nil, err
}
