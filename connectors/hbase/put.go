package hbase

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"

	"github.com/tsuna/gohbase"
	"github.com/tsuna/gohbase/hrpc"
	"github.com/zeebo/xxh3"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// layout turns rows into cells; shared by all shards of a target.
type layout struct {
	schema    *record.Schema
	columns   []outColumn
	tight     []int // columns whose encoding does not hold all values of its type
	key       []int // of columns
	separator []byte
	bare      bool // none stands behind parts with a width
	reversed  bool
	buckets   int
	hash      keyHash // that stands before the key; of size 0: none
	nulls     string
	spare     string // family of the cell that a row without any other gets
}

type outColumn struct {
	family, qualifier string
	typ               *record.Type
	as                encoding
}

func newLayout(s *record.Schema, p *scheme, o WriteOptions) (*layout, error) {
	if len(p.Columns) != len(s.Fields) {
		return nil, fmt.Errorf("read plan: %d columns, %d places", len(s.Fields), len(p.Columns))
	}
	l := &layout{schema: s, key: s.Key(), separator: p.Separator, bare: o.Bare, reversed: o.Reversed, buckets: o.SaltBuckets, nulls: o.Nulls, spare: o.Family}
	var err error
	if l.hash, err = o.keyHash(); err != nil {
		return nil, err
	}
	if families := p.families(); len(families) > 0 {
		l.spare = families[0]
	}
	for i, c := range p.Columns {
		as, err := encodingOf(c.Encoding, "target_options.columns")
		if err != nil {
			return nil, err
		}
		l.columns = append(l.columns, outColumn{c.Family, string(c.Qualifier), &s.Fields[i].Type, as})
		if as.fits != nil {
			l.tight = append(l.tight, i)
		}
	}
	for n, i := range l.key {
		if l.columns[i].as.width == 0 && n < len(l.key)-1 && len(l.separator) == 0 {
			return nil, connector.Errorf(connector.Config, "TOW-821", "make row keys: nothing tells where part %q ends", s.Fields[i].Name).At("target_options.separator").
				WithHint("Name a separator that the column never has.")
		}
	}
	return l, nil
}

// appendKey appends the row key of a row, or says why it has none.
func (l *layout) appendKey(dst []byte, b *record.Batch, row int) (key []byte, code record.Code, column, why string) {
	if l.buckets > 0 {
		dst = append(dst, 0)
	}
	dst = append(dst, make([]byte, l.hash.size)...)
	from := len(dst)
	for n, i := range l.key {
		c := &l.columns[i]
		if b.Cols[i].Null(row) {
			return dst, record.KeyNull, l.schema.Fields[i].Name, "the key is NULL"
		}
		at := len(dst)
		if dst = c.append(dst, b.Cols[i], row); n == len(l.key)-1 {
			break
		}
		size := len(dst) - at
		if l.bare && c.as.width > 0 {
			continue
		}
		dst = append(dst, l.separator...)
		if c.as.width == 0 && bytes.Index(dst[at:], l.separator) < size { // also where value and separator run into one another
			return dst, record.Constraint, l.schema.Fields[i].Name, "the value has the separator of the row key's parts in it"
		}
	}
	switch size := len(dst) - from; {
	case size == 0:
		return dst, record.KeyNull, l.schema.Fields[l.key[0]].Name, "the row key would be empty"
	case len(dst) > mostKey:
		return dst, record.TooBig, "", fmt.Sprintf("the row key has %d bytes, %d are the most", len(dst), mostKey)
	}
	if l.reversed {
		slices.Reverse(dst[from:])
	}
	if l.buckets > 0 {
		dst[from-1] = byte(xxh3.Hash(dst[from:]) % uint64(l.buckets))
	}
	if n := l.hash.size; n > 0 {
		copy(dst[from-n:from], l.hash.sum(dst[from:]))
	}
	return dst, "", "", ""
}

// room says which cell of a row, if any, its encoding has no room for.
func (l *layout) room(b *record.Batch, row int) (code record.Code, column, why string) {
	for _, i := range l.tight {
		c := &l.columns[i]
		if b.Cols[i].Null(row) {
			continue
		}
		if code, why = c.as.fits(c.typ, b.Cols[i], row); code != "" {
			return code, l.schema.Fields[i].Name, why
		}
	}
	return "", "", ""
}

// append appends the value of a cell that is not NULL, as the encoding writes it.
func (c *outColumn) append(dst []byte, v *record.Vector, row int) []byte {
	if c.as.add != nil {
		return c.as.add(dst, c.typ, v, row)
	}
	switch c.as.name {
	case "string", "bytes":
		return append(dst, v.Bytes(row)...)
	case "boolean":
		if v.Bool(row) {
			return append(dst, 0xFF)
		}
		return append(dst, 0)
	case "short":
		return binary.BigEndian.AppendUint16(dst, uint16(v.Int64[row]))
	case "int":
		return binary.BigEndian.AppendUint32(dst, uint32(v.Int64[row]))
	case "long":
		return binary.BigEndian.AppendUint64(dst, uint64(v.Int64[row]))
	case "float":
		return binary.BigEndian.AppendUint32(dst, math.Float32bits(float32(v.Float64[row])))
	case "double":
		return binary.BigEndian.AppendUint64(dst, math.Float64bits(v.Float64[row]))
	case "epoch_s":
		return binary.BigEndian.AppendUint64(dst, uint64(v.Int64[row]/1_000_000))
	case "epoch_ms":
		return binary.BigEndian.AppendUint64(dst, uint64(v.Int64[row]/1000))
	case "epoch_us":
		return binary.BigEndian.AppendUint64(dst, uint64(v.Int64[row]))
	case "decimal":
		return appendBigDecimal(dst, string(record.AppendText(nil, c.typ, v, row)))
	}
	return record.AppendText(dst, c.typ, v, row)
}

// appendBigDecimal appends a decimal's text as putDecimal reads it.
func appendBigDecimal(dst []byte, text string) []byte {
	whole, fraction, _ := strings.Cut(text, ".")
	n, _ := new(big.Int).SetString(whole+fraction, 10)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(fraction)))
	// the shortest two's complement, as BigInteger.toByteArray makes it
	bits := n.BitLen()
	if n.Sign() < 0 {
		bits = new(big.Int).Not(n).BitLen()
	}
	size := bits/8 + 1
	if n.Sign() < 0 {
		n.Add(n, new(big.Int).Lsh(big.NewInt(1), uint(8*size)))
	}
	return append(dst, n.FillBytes(make([]byte, size))...)
}

// shardWriter writes the rows of one shard under one stamp.
type shardWriter struct {
	w     *writer
	stamp int64
}

// Write puts the rows of a group; on return all of them are durable in the servers' logs. Of the rows of one key the last one is put, and one before it
// where the server does not take the last.
func (s *shardWriter) Write(ctx context.Context, group []*record.Batch) (connector.Outcome, error) {
	var out connector.Outcome
	rows, before := s.keys(group, &out)
	timed, cancel := s.w.client.sockets.within(ctx, s.w.client.patience())
	defer cancel()
	for len(rows) > 0 {
		rejected := len(out.Rejected)
		if err := s.put(ctx, timed, group, rows, &out); err != nil {
			return out, err
		}
		rows = rows[:0]
		for _, r := range out.Rejected[rejected:] {
			if earlier, found := before[r.RowRef]; found {
				rows = append(rows, earlier)
				out.Superseded = slices.DeleteFunc(out.Superseded, func(x connector.RowRef) bool { return x == earlier.RowRef })
			}
		}
	}
	return out, nil
}

// keyed is a row and its key.
type keyed struct {
	connector.RowRef
	key []byte
}

// keys makes the row keys of a group. rows are those to put; before names the one that a row takes the place of. Where NULL keeps what is there
// a row does not replace an earlier one: both are put.
func (s *shardWriter) keys(group []*record.Batch, out *connector.Outcome) (rows []keyed, before map[connector.RowRef]keyed) {
	last, before := map[string]int{}, map[connector.RowRef]keyed{}
	for n, b := range group {
		for row := range b.Len {
			at := connector.RowRef{Batch: n, Row: row}
			key, code, column, why := s.w.layout.appendKey(nil, b, row)
			if code == "" {
				code, column, why = s.w.layout.room(b, row)
			}
			if code != "" {
				out.Rejected = append(out.Rejected, connector.Rejected{RowRef: at, Code: code, Column: column, Reason: why})
				continue
			}
			earlier, twice := last[string(key)]
			if twice {
				out.Superseded = append(out.Superseded, rows[earlier].RowRef)
			}
			if twice && s.w.layout.nulls != "keep" {
				before[at] = rows[earlier]
				rows[earlier].key = nil
			}
			last[string(key)] = len(rows)
			rows = append(rows, keyed{at, key})
		}
	}
	return slices.DeleteFunc(rows, func(r keyed) bool { return r.key == nil }), before
}

// pieceBytes is about how much is sent at a time.
const pieceBytes = 8 << 20

// put sends rows, a piece at a time.
func (s *shardWriter) put(ctx, timed context.Context, group []*record.Batch, rows []keyed, out *connector.Outcome) error {
	var calls []hrpc.Call
	var of []connector.RowRef
	size := 0
	for i, r := range rows {
		made, bytes, err := s.calls(timed, group[r.Batch], r.Row, r.key)
		if err != nil {
			return err
		}
		for _, call := range made {
			calls, of = append(calls, call), append(of, r.RowRef)
		}
		if size += bytes; size < pieceBytes && i < len(rows)-1 {
			continue
		}
		if *out, err = s.send(ctx, timed, calls, of, *out); err != nil {
			return err
		}
		calls, of, size = nil, nil, 0
	}
	return nil
}

// calls are what is sent for a row. Older values of columns that are NULL are deleted up to below the stamp: a row is what was sent, a late
// writer's value does not show, and cells of this stamp are never hidden.
func (s *shardWriter) calls(ctx context.Context, b *record.Batch, row int, key []byte) (calls []hrpc.Call, size int, err error) {
	l := s.w.layout
	put, gone := map[string]map[string][]byte{}, map[string]map[string][]byte{}
	add := func(to map[string]map[string][]byte, c *outColumn, value []byte) {
		if to[c.family] == nil {
			to[c.family] = map[string][]byte{}
		}
		to[c.family][c.qualifier] = value
		size += len(key) + len(c.family) + len(c.qualifier) + len(value) + cellBytes
	}
	for i := range l.columns {
		c := &l.columns[i]
		switch {
		case c.family == "":
		case !b.Cols[i].Null(row):
			add(put, c, c.append(nil, b.Cols[i], row))
		case l.nulls == "empty":
			add(put, c, []byte{})
		case l.nulls == "absent":
			add(gone, c, nil)
		}
	}
	if len(put) == 0 {
		put[l.spare] = map[string][]byte{"": {}}
	}
	table := []byte(s.w.table)
	p, err := hrpc.NewPut(ctx, table, key, put, hrpc.TimestampUint64(uint64(s.stamp)))
	if err != nil || len(gone) == 0 {
		return []hrpc.Call{p}, size, err
	}
	d, err := hrpc.NewDel(ctx, table, key, gone, hrpc.TimestampUint64(uint64(s.stamp-1)))
	return []hrpc.Call{d, p}, size, err
}

// cellBytes is about what a cell takes beside its parts.
const cellBytes = 100

// send sends the calls and sorts out what became of each. The library repeats those whose region moved. The server refuses all calls that it gets
// together when one of their cells is too large, so these are sent again in halves until it is alone.
func (s *shardWriter) send(ctx, timed context.Context, calls []hrpc.Call, rows []connector.RowRef, out connector.Outcome) (connector.Outcome, error) {
	results, ok := s.w.client.hbase.SendBatch(timed, calls)
	if ok {
		return out, nil
	}
	if refused := s.w.client.sockets.refusal(); refused != nil {
		return out, refused
	}
	var again []hrpc.Call
	var of []connector.RowRef
	reason := ""
	for i, r := range results {
		switch {
		case r.Error == nil:
		case tooLarge(r.Error):
			_, reason = exception(r.Error)
			again, of = append(again, calls[i]), append(of, rows[i])
		case ctx.Err() != nil:
			return out, context.Cause(ctx)
		case timed.Err() != nil || errors.Is(r.Error, gohbase.NotExecutedError):
			return out, connector.Errorf(connector.Retry, "TOW-808", "write to %s: no answer within %v", s.w.table, s.w.client.patience())
		default:
			return out, classify(r.Error, "write to %s", s.w.table)
		}
	}
	if len(again) == 0 {
		return out, nil
	}
	half := middle(of)
	if half == 0 {
		out.Rejected = append(out.Rejected, connector.Rejected{RowRef: of[0], Code: record.TooBig, Reason: reason})
		return out, nil
	}
	out, err := s.send(ctx, timed, again[:half], of[:half], out)
	if err != nil {
		return out, err
	}
	return s.send(ctx, timed, again[half:], of[half:], out)
}

// middle returns where about the second half of the rows begins, the calls of a row being together; 0: there is one row.
func middle(rows []connector.RowRef) int {
	for at := len(rows) / 2; at > 0; at-- {
		if rows[at] != rows[at-1] {
			return at
		}
	}
	return max(0, slices.IndexFunc(rows, func(r connector.RowRef) bool { return r != rows[0] }))
}

// tooLarge reports whether the server refuses a cell for its size (hbase.server.keyvalue.maxsize).
func tooLarge(err error) bool {
	name, message := exception(err)
	return name == "DoNotRetryIOException" && strings.Contains(message, "Cell") && strings.Contains(message, "exceed")
}

// Commit has nothing to do: what Write returned from is durable, and the position is saved by the engine behind it.
//
// Invariant 1: order.
func (s *shardWriter) Commit(ctx context.Context, _ connector.Checkpoint) ([]byte, error) {
	return nil, ctx.Err()
}

// Close does nothing: nothing is held.
func (s *shardWriter) Close() error { return nil }
