package record

// DropRows removes rows, given in ascending order, from batches of equal length that may share vectors; each vector is
// compacted once. Marks of the rows go with them, the others are renumbered. Size keeps its share of the rows that stay.
func DropRows(rows []int, batches ...*Batch) {
	if len(rows) == 0 {
		return
	}
	for _, b := range batches {
		for _, v := range b.Cols {
			if !v.dropped {
				v.drop(rows)
				v.dropped = true
			}
		}
	}
	for _, b := range batches {
		for _, v := range b.Cols {
			v.dropped = false
		}
		b.dropMarks(rows)
		b.dropRefs(rows)
		kept := max(b.Len-len(rows), 0)
		if b.Len > 0 {
			b.Size = b.Size / b.Len * kept
		}
		b.Len = kept
	}
}

func (b *Batch) dropMarks(rows []int) {
	kept := b.Marks[:0]
	for _, m := range b.Marks {
		before, found := place(rows, m.Row)
		if found {
			continue
		}
		m.Row -= before
		kept = append(kept, m)
	}
	clear(b.Marks[len(kept):])
	b.Marks = kept
}

func (b *Batch) dropRefs(rows []int) {
	kept := b.Refs[:0]
	for row, ref := range b.Refs {
		if _, dropped := place(rows, row); !dropped {
			kept = append(kept, ref)
		}
	}
	b.Refs = kept
}

// place returns how many of the ascending rows are less than row, and whether row is among them.
func place(rows []int, row int) (before int, found bool) {
	lo, hi := 0, len(rows)
	for lo < hi {
		if mid := (lo + hi) / 2; rows[mid] < row {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, lo < len(rows) && rows[lo] == row
}

// drop removes the rows from the vector in place.
func (v *Vector) drop(rows []int) {
	length := v.Len
	if rows[0] >= length {
		return
	}
	v.dropBits(rows)
	kept := rows[0]
	for k, row := range rows {
		if row >= length {
			break
		}
		end := length
		if k+1 < len(rows) {
			end = min(rows[k+1], length)
		}
		v.move(kept, row+1, end)
		kept += end - row - 1
	}
	v.cut(kept)
}

// move copies the cells from up to end, without their validity, to the place to, which is not after from.
func (v *Vector) move(to, from, end int) {
	switch v.Form {
	case FormInt64:
		copy(v.Int64[to:], v.Int64[from:end])
	case FormUint64:
		copy(v.Uint64[to:], v.Uint64[from:end])
	case FormFloat64:
		copy(v.Float64[to:], v.Float64[from:end])
	case FormInt128:
		copy(v.Int128[to:], v.Int128[from:end])
	case FormFixed16:
		copy(v.Fixed16[to:], v.Fixed16[from:end])
	case FormBytes:
		start := v.Offsets[from]
		shift := start - v.Offsets[to]
		copy(v.Data[v.Offsets[to]:], v.Data[start:v.Offsets[end]])
		for i := range end - from {
			v.Offsets[to+i+1] = v.Offsets[from+i+1] - shift
		}
	}
}

// dropBits compacts the bitmaps and counts the NULLs again; bits from the new length on become what an empty vector has.
func (v *Vector) dropBits(rows []int) {
	if v.Nulls == 0 && v.Form != FormBool {
		return
	}
	to, next := rows[0], 0
	for i := rows[0]; i < v.Len; i++ {
		if next < len(rows) && rows[next] == i {
			next++
			if v.Null(i) {
				v.Nulls--
			}
			continue
		}
		copyBit(v.Valid, to, i)
		if v.Form == FormBool {
			copyBit(v.Bits, to, i)
		}
		to++
	}
	for ; to < v.Len; to++ {
		v.Valid[to>>3] |= 1 << (to & 7)
		if v.Form == FormBool {
			v.Bits[to>>3] &^= 1 << (to & 7)
		}
	}
}

func copyBit(bits []byte, to, from int) {
	bit := bits[from>>3] >> (from & 7) & 1
	bits[to>>3] = bits[to>>3]&^(1<<(to&7)) | bit<<(to&7)
}

// cut sets the length of a vector whose bitmaps are in order.
func (v *Vector) cut(n int) {
	v.Len = n
	switch v.Form {
	case FormInt64:
		v.Int64 = v.Int64[:n]
	case FormUint64:
		v.Uint64 = v.Uint64[:n]
	case FormFloat64:
		v.Float64 = v.Float64[:n]
	case FormInt128:
		v.Int128 = v.Int128[:n]
	case FormFixed16:
		v.Fixed16 = v.Fixed16[:n]
	case FormBytes:
		v.Offsets = v.Offsets[:n+1]
		v.Data = v.Data[:v.Offsets[n]]
	}
}
