package record

import (
	"encoding/hex"
	"math"
	"strconv"
)

// AppendNested appends the list that was opened as nested JSON arrays: elem appends a present element, cell row of Elem; NULL is
// null. The lower bounds are not told.
func (r *ListReader) AppendNested(dst []byte, elem func(dst []byte, v *Vector, row int) []byte) []byte {
	if len(r.Dims) == 0 {
		return append(dst, '[', ']')
	}
	var at [maxDimensions]int32
	for opens := len(r.Dims); ; {
		for range opens {
			dst = append(dst, '[')
		}
		row, ok := r.Next()
		switch {
		case !ok: // all were visited
			return dst
		case r.elems.Null(row):
			dst = append(dst, "null"...)
		default:
			dst = elem(dst, r.elems, row)
		}
		opens = 0
		k := len(r.Dims) - 1
		for ; k >= 0; k-- {
			if at[k]++; at[k] < r.Dims[k] {
				break
			}
			at[k] = 0
			dst = append(dst, ']')
			opens++
		}
		if k < 0 {
			return dst
		}
		dst = append(dst, ',')
	}
}

// Plain reports whether all lower bounds of the list that was opened are 1.
func (r *ListReader) Plain() bool {
	for _, bound := range r.Bounds {
		if bound != 1 {
			return false
		}
	}
	return true
}

// AppendText appends the text form of a cell: nested JSON arrays with numbers and truth values as they are and all else as strings
// of its text form; before them, where not all lower bounds are 1, the bounds of each dimension: [0:1][1:2]=[[1,2],[3,4]]. What is
// no list is written in hex.
func (r *ListReader) AppendText(dst, cell []byte) []byte {
	if !r.Open(cell) {
		return hex.AppendEncode(dst, cell)
	}
	return r.AppendNested(r.appendBounds(dst), r.appendElementText)
}

// appendBounds appends the bounds of each dimension and an equals sign, where not all lower bounds are 1.
func (r *ListReader) appendBounds(dst []byte) []byte {
	if r.Plain() {
		return dst
	}
	for i, bound := range r.Bounds {
		dst = strconv.AppendInt(append(dst, '['), int64(bound), 10)
		dst = strconv.AppendInt(append(dst, ':'), int64(bound)+int64(r.Dims[i])-1, 10)
		dst = append(dst, ']')
	}
	return append(dst, '=')
}

// appendElementText appends a present element so that its text form can be told from NULL and from numbers.
func (r *ListReader) appendElementText(dst []byte, v *Vector, row int) []byte {
	switch t := &r.elem; t.Kind {
	case Bool, Int, Uint, Decimal:
		return appendText(dst, t, v, row)
	case Year:
		return strconv.AppendInt(dst, v.Int64[row], 10) // padded it is no number of JSON
	case Float:
		if x := v.Float64[row]; !math.IsNaN(x) && !math.IsInf(x, 0) {
			return appendFloat(dst, x, t.Bits)
		}
	case List:
		if r.inner != nil {
			r.text = r.inner.AppendText(r.text[:0], v.Bytes(row))
			return appendQuoted(dst, r.text)
		}
	case Text, JSON, Enum, Set, Native:
		return appendQuoted(dst, v.Bytes(row))
	}
	return append(appendText(append(dst, '"'), &r.elem, v, row), '"')
}
