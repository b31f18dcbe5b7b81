package record

import "encoding/binary"

// writeBytes writes cells as they are.
func writeBytes(rows []byte, cursor []int, v *Vector, tag byte) {
	offsets := v.Offsets[:len(cursor)+1]
	data := v.Data
	if v.Nulls == 0 {
		start := offsets[0]
		for i, at := range cursor {
			end := offsets[i+1]
			n := int(end - start)
			cell := rows[at : at+5+n : at+5+n]
			cell[0] = tag
			binary.BigEndian.PutUint32(cell[1:5], uint32(n))
			copyCell(cell[5:], data[start:end])
			cursor[i] = at + 5 + n
			start = end
		}
		return
	}
	for i, at := range cursor {
		if v.Null(i) {
			continue
		}
		rows[at] = tag
		cursor[i] = putBytes(rows, at+1, data[offsets[i]:offsets[i+1]])
	}
}

// copyCell copies short cells, of 4 to 16 bytes, with two overlapping words, which costs less than a call.
func copyCell(dst, src []byte) {
	n := len(src)
	switch {
	case n > 16:
		copy(dst, src)
	case n >= 8:
		head, tail := binary.LittleEndian.Uint64(src), binary.LittleEndian.Uint64(src[n-8:])
		binary.LittleEndian.PutUint64(dst, head)
		binary.LittleEndian.PutUint64(dst[n-8:n], tail)
	case n >= 4:
		head, tail := binary.LittleEndian.Uint32(src), binary.LittleEndian.Uint32(src[n-4:])
		binary.LittleEndian.PutUint32(dst, head)
		binary.LittleEndian.PutUint32(dst[n-4:n], tail)
	default:
		for i, c := range src {
			dst[i] = c
		}
	}
}

func writeMade(rows []byte, cursor []int, v *Vector, tag byte, made *madeColumn) {
	for i, at := range cursor {
		if v.Null(i) {
			continue
		}
		rows[at] = tag
		cursor[i] = putBytes(rows, at+1, made.data[made.offsets[i]:made.offsets[i+1]])
	}
}

func writeTrimmed(rows []byte, cursor []int, v *Vector, tag byte) {
	for i, at := range cursor {
		if v.Null(i) {
			continue
		}
		rows[at] = tag
		cursor[i] = putBytes(rows, at+1, trimBlanks(v.Bytes(i)))
	}
}

// writeFixed writes cells of a fixed width.
func writeFixed(rows []byte, cursor []int, v *Vector, s *shape) {
	switch v.Form {
	case FormBool:
		for i, at := range cursor {
			if v.Null(i) {
				continue
			}
			rows[at], rows[at+1] = s.tag, v.Bits[i>>3]>>(i&7)&1
			cursor[i] = at + 2
		}
	case FormInt64:
		if s.width == 16 {
			writeDecimal64(rows, cursor, v, s.tag)
			return
		}
		writeWords(rows, cursor, v, v.Int64, s.tag)
	case FormUint64:
		writeWords(rows, cursor, v, v.Uint64, s.tag)
	case FormFloat64:
		writeFloats(rows, cursor, v, s)
	case FormInt128:
		for i, at := range cursor {
			if v.Null(i) {
				continue
			}
			rows[at] = s.tag
			binary.BigEndian.PutUint64(rows[at+1:], v.Int128[i][1])
			binary.BigEndian.PutUint64(rows[at+9:], v.Int128[i][0])
			cursor[i] = at + 17
		}
	case FormFixed16:
		for i, at := range cursor {
			if v.Null(i) {
				continue
			}
			rows[at] = s.tag
			putFixed16(rows[at+1:at+1+s.width], s.tag, &v.Fixed16[i])
			cursor[i] = at + 1 + s.width
		}
	}
}

func writeWords[T int64 | uint64](rows []byte, cursor []int, v *Vector, words []T, tag byte) {
	words = words[:len(cursor)]
	if v.Nulls == 0 {
		for i, at := range cursor {
			cell := rows[at : at+9 : at+9]
			cell[0] = tag
			binary.BigEndian.PutUint64(cell[1:9], uint64(words[i]))
			cursor[i] = at + 9
		}
		return
	}
	for i, at := range cursor {
		if v.Null(i) {
			continue
		}
		rows[at] = tag
		binary.BigEndian.PutUint64(rows[at+1:], uint64(words[i]))
		cursor[i] = at + 9
	}
}

func writeDecimal64(rows []byte, cursor []int, v *Vector, tag byte) {
	for i, at := range cursor {
		if v.Null(i) {
			continue
		}
		x := v.Int64[i]
		cell := rows[at : at+17 : at+17]
		cell[0] = tag
		binary.BigEndian.PutUint64(cell[1:9], uint64(x>>63))
		binary.BigEndian.PutUint64(cell[9:17], uint64(x))
		cursor[i] = at + 17
	}
}

func writeFloats(rows []byte, cursor []int, v *Vector, s *shape) {
	for i, at := range cursor {
		if v.Null(i) {
			continue
		}
		rows[at] = s.tag
		if s.width == 4 {
			binary.BigEndian.PutUint32(rows[at+1:], canonicalFloat32(v.Float64[i]))
		} else {
			binary.BigEndian.PutUint64(rows[at+1:], canonicalFloat64(v.Float64[i]))
		}
		cursor[i] = at + 1 + s.width
	}
}
