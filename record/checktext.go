package record

import (
	"encoding/binary"
	"slices"
	"unicode/utf8"
)

// CheckText makes marks of the cells of text columns that are no UTF-8. Readers append text as it comes and call it once, behind the last
// row of the batch: of a whole column it is quicker to see that there is nothing to mark.
func (b *Batch) CheckText() {
	for col := range b.Schema.Fields {
		switch b.Schema.Fields[col].Type.Kind {
		case Text, JSON, Enum, Set, Native:
			if v := b.Cols[col]; !ascii(v.Data) && !v.isText() {
				b.markInvalid(col)
			}
		}
	}
}

// ascii reports whether x is of bytes below 128 alone.
func ascii(x []byte) bool {
	for ; len(x) >= 4*word; x = x[4*word:] {
		all := binary.LittleEndian.Uint64(x) | binary.LittleEndian.Uint64(x[word:]) |
			binary.LittleEndian.Uint64(x[2*word:]) | binary.LittleEndian.Uint64(x[3*word:])
		if all&highBits != 0 {
			return false
		}
	}
	for _, c := range x {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// isText reports whether each cell of a FormBytes vector is UTF-8: all of them together are, and none begins within a character.
func (v *Vector) isText() bool {
	if !utf8.Valid(v.Data) {
		return false
	}
	for _, at := range v.Offsets {
		if int(at) < len(v.Data) && !utf8.RuneStart(v.Data[at]) {
			return false
		}
	}
	return true
}

// markInvalid makes the cells of a column that are no UTF-8 NULLs with their marks, and closes up the others.
func (b *Batch) markInvalid(col int) {
	v := b.Cols[col]
	start, kept := int32(0), int32(0)
	for i := range v.Len {
		cell := v.Data[start:v.Offsets[i+1]]
		start = v.Offsets[i+1]
		if utf8.Valid(cell) {
			kept += int32(copy(v.Data[kept:], cell))
		} else {
			b.Marks = append(b.Marks, Mark{Row: i, Col: col, Code: UTF8, Raw: slices.Clone(cell)})
			v.Valid[i>>3] &^= 1 << (i & 7)
			v.Nulls++
		}
		v.Offsets[i+1] = kept
	}
	v.Data = v.Data[:kept]
}
