package record

import (
	"encoding/binary"
	"math"
)

// appendElements appends the exact forms of all cells of v, whose type has the shape.
func appendElements(dst []byte, s *shape, v *Vector) []byte {
	null := func(i int) bool { return v.Nulls > 0 && v.Null(i) }
	switch v.Form {
	case FormInt64:
		for i, x := range v.Int64 {
			if null(i) {
				dst = append(dst, tagNull)
				continue
			}
			dst = append(dst, s.tag)
			if s.width == 16 {
				dst = binary.BigEndian.AppendUint64(dst, uint64(x>>63))
			}
			dst = binary.BigEndian.AppendUint64(dst, uint64(x))
		}
	case FormFloat64:
		for i, x := range v.Float64 {
			switch {
			case null(i):
				dst = append(dst, tagNull)
			case s.width == 4:
				dst = binary.BigEndian.AppendUint32(append(dst, s.tag), canonicalFloat32(x))
			default:
				dst = binary.BigEndian.AppendUint64(append(dst, s.tag), canonicalFloat64(x))
			}
		}
	case FormBytes:
		for i := range v.Len {
			if null(i) {
				dst = append(dst, tagNull)
				continue
			}
			dst = appendSized(append(dst, s.tag), v.Bytes(i))
		}
	default:
		for i := range v.Len {
			if null(i) {
				dst = append(dst, tagNull)
				continue
			}
			dst = appendElement(append(dst, s.tag), s, v, i)
		}
	}
	return dst
}

// appendElement appends a cell of the forms that lists seldom have.
func appendElement(dst []byte, s *shape, v *Vector, i int) []byte {
	switch v.Form {
	case FormBool:
		return append(dst, v.Bits[i>>3]>>(i&7)&1)
	case FormUint64:
		return binary.BigEndian.AppendUint64(dst, v.Uint64[i])
	case FormInt128:
		return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(dst, v.Int128[i][1]), v.Int128[i][0])
	}
	var cell [16]byte
	putFixed16(cell[:], s.tag, &v.Fixed16[i])
	return append(dst, cell[:s.width]...)
}

// appendDecoded appends to v at most so many of the elements that items begins with, which have been measured, and returns the rest.
func appendDecoded(v *Vector, s *shape, items []byte, most int) (rest []byte) {
	for ; len(items) > 0 && most > 0; most-- {
		item, after, ok := s.cut(items)
		if !ok {
			return nil
		}
		items = after
		if item == nil {
			v.AppendNull()
			continue
		}
		switch v.Form {
		case FormInt64:
			v.AppendInt64(int64(binary.BigEndian.Uint64(item[s.width-8:])))
		case FormUint64:
			v.AppendUint64(binary.BigEndian.Uint64(item))
		case FormFloat64:
			if s.width == 4 {
				v.AppendFloat64(float64(math.Float32frombits(binary.BigEndian.Uint32(item))))
			} else {
				v.AppendFloat64(math.Float64frombits(binary.BigEndian.Uint64(item)))
			}
		case FormBytes:
			v.AppendBytes(item)
		case FormBool:
			v.AppendBool(item[0] == 1)
		case FormInt128:
			v.AppendInt128(int128{binary.BigEndian.Uint64(item[8:]), binary.BigEndian.Uint64(item)})
		case FormFixed16:
			v.AppendFixed16(fixed16Of(item, s.tag))
		}
	}
	return items
}

// fixed16Of reads what putFixed16 wrote.
func fixed16Of(item []byte, tag byte) [16]byte {
	switch tag {
	case tagUUID:
		return [16]byte(item)
	case tagInterval:
		return PutInterval(int32(binary.BigEndian.Uint32(item)), int32(binary.BigEndian.Uint32(item[4:])), int64(binary.BigEndian.Uint64(item[8:])))
	}
	offset := int32(0)
	if tag == tagInstantOff {
		offset = int32(binary.BigEndian.Uint32(item[12:]))
	}
	return PutMoment(int64(binary.BigEndian.Uint64(item)), int32(binary.BigEndian.Uint32(item[8:])), offset)
}

// listShape is the shape of a list: its cells are canonical where the elements' exact forms are.
func listShape(elem *Type) shape {
	s := shape{tag: tagList}
	if elem == nil {
		return s
	}
	items := shapeOf(elem)
	if items.trim || items.text != nil {
		s.text = func(h *scratch, dst, cell []byte) []byte { return canonicalList(h, &items, dst, cell) }
	}
	return s
}

// canonicalList writes a list with its elements in canonical form; what is no list is written as it is.
func canonicalList(h *scratch, s *shape, dst, cell []byte) []byte {
	start := len(dst)
	dimensions, ok := dimensionsOf(cell)
	if !ok {
		return append(dst, cell...)
	}
	dst = append(dst, cell[:listHeader(dimensions)]...)
	for items := cell[listHeader(dimensions):]; len(items) > 0; {
		item, rest, ok := s.cut(items)
		if !ok {
			return append(dst[:start], cell...)
		}
		items = rest
		if item == nil {
			dst = append(dst, tagNull)
			continue
		}
		dst = append(dst, s.tag, 0, 0, 0, 0)
		at := len(dst)
		if s.trim {
			dst = append(dst, trimBlanks(item)...)
		} else {
			dst = s.text(h, dst, item)
		}
		binary.BigEndian.PutUint32(dst[at-4:], uint32(len(dst)-at))
	}
	return dst
}
