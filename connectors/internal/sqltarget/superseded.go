package sqltarget

import (
	"encoding/binary"

	"github.com/zeebo/xxh3"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// Keys finds rows that a later row of the same key replaces. It keeps its memory, so that a group costs no allocation for a row;
// one goroutine at a time.
type Keys struct {
	stored *record.Schema
	key    []int
	fold   func(place int, text []byte) []byte
	last   map[xxh3.Uint128]connector.RowRef
	text   []byte
	whole  []byte
}

// NewKeys returns the Keys of a key, given by its places in the stored schema. fold does in place to the text of key column number
// place what the server does before it compares; nil: it compares exactly, blanks at the end of fixed-length texts and the sign of
// zero aside.
func NewKeys(stored *record.Schema, key []int, fold func(place int, text []byte) []byte) *Keys {
	return &Keys{stored: stored, key: key, fold: fold, last: map[xxh3.Uint128]connector.RowRef{}}
}

// Superseded returns the rows of the group that a later row of it with the same key replaced, those refused left out of account.
func (k *Keys) Superseded(group []*record.Batch, rejected []connector.Rejected) []connector.RowRef {
	gone := make(map[connector.RowRef]bool, len(rejected))
	for _, r := range rejected {
		gone[r.RowRef] = true
	}
	clear(k.last)
	var out []connector.RowRef
	for at, b := range group {
		for row := range b.Len {
			ref := connector.RowRef{Batch: at, Row: row}
			if gone[ref] {
				continue
			}
			sum := k.sum(b, row)
			if before, ok := k.last[sum]; ok {
				out = append(out, before)
			}
			k.last[sum] = ref
		}
	}
	return out
}

// sum hashes the key of a row; equal keys have equal sums, and others do not but for one chance in 2^128.
func (k *Keys) sum(b *record.Batch, row int) xxh3.Uint128 {
	k.whole = k.whole[:0]
	for i, col := range k.key {
		t, v := &k.stored.Fields[col].Type, b.Cols[col]
		k.text = k.text[:0]
		if !v.Null(row) {
			k.text = record.AppendText(k.text, t, v, row)
		}
		switch {
		case t.Kind == record.Float && v.Float64[row] == 0:
			k.text = append(k.text[:0], '0') // −0 = 0
		case t.Kind == record.Text && t.Fixed:
			for n := len(k.text); n > 0 && k.text[n-1] == ' '; n-- {
				k.text = k.text[:n-1]
			}
		}
		if k.fold != nil {
			k.text = k.fold(i, k.text)
		}
		k.whole = append(binary.AppendUvarint(k.whole, uint64(len(k.text))), k.text...)
	}
	return xxh3.Hash128(k.whole)
}
