package record

import (
	"encoding/hex"
	"math"
	"strconv"
)

// AppendText appends the text form of a present cell of a vector that carries t. It is the form that AppendParsed reads
// back to the same value: decimals with their scale, floats with the fewest digits that identify them, moments with exactly
// t.Precision fraction digits and astronomical years, bytes and geometry as lower-case hex, lists as JSON arrays with their bounds
// before them (ListReader.AppendText).
func AppendText(dst []byte, t *Type, v *Vector, row int) []byte {
	if t.Kind == List && t.Elem != nil {
		// dst is not handed down, so that the callers' buffers stay on their stacks.
		return append(dst, NewListReader(t.Elem).AppendText(nil, v.Bytes(row))...)
	}
	return appendText(dst, t, v, row)
}

// appendText is AppendText but for lists.
func appendText(dst []byte, t *Type, v *Vector, row int) []byte {
	switch t.Kind {
	case Bool:
		return strconv.AppendBool(dst, v.Bool(row))
	case Int:
		return strconv.AppendInt(dst, v.Int64[row], 10)
	case Uint:
		return strconv.AppendUint(dst, v.Uint64[row], 10)
	case Float:
		return appendFloat(dst, v.Float64[row], t.Bits)
	case Decimal:
		switch v.Form {
		case FormInt64:
			return appendDecimal64(dst, v.Int64[row], t.Scale)
		case FormInt128:
			return AppendInt128Text(dst, v.Int128[row], t.Scale)
		}
		return append(dst, v.Bytes(row)...)
	case Date:
		return appendDate(dst, v.Int64[row])
	case Time:
		return appendTime(dst, v.Int64[row], t.Precision)
	case Datetime, Instant:
		return appendMoment(dst, t, v, row)
	case Interval:
		return appendInterval(dst, v.Fixed16[row])
	case Year:
		return appendPadded(dst, v.Int64[row], 4)
	case UUID:
		return appendUUID(dst, &v.Fixed16[row])
	case Bit:
		if v.Form == FormUint64 {
			return appendBits64(dst, v.Uint64[row], t.bitLength())
		}
		return appendBits(dst, v.Bytes(row), t.Bits)
	case Bytes, Geometry, Document, List:
		return hex.AppendEncode(dst, v.Bytes(row))
	}
	return append(dst, v.Bytes(row)...)
}

func appendDecimal64(dst []byte, x int64, scale int) []byte {
	m := uint64(x)
	if x < 0 {
		dst = append(dst, '-')
		m = -m
	}
	return appendScaled(dst, m, scale)
}

// appendFloat writes the fewest digits that identify x among the floats of its width.
func appendFloat(dst []byte, x float64, bits int) []byte {
	switch {
	case math.IsNaN(x):
		return append(dst, "NaN"...)
	case math.IsInf(x, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(x, -1):
		return append(dst, "-Infinity"...)
	}
	if bits != 32 {
		bits = 64
	}
	abs := math.Abs(x)
	if abs == 0 || abs >= 1e-6 && abs < 1e21 {
		return strconv.AppendFloat(dst, x, 'f', -1, bits)
	}
	dst = strconv.AppendFloat(dst, x, 'e', -1, bits)
	// e-09 becomes e-9.
	if n := len(dst); dst[n-4] == 'e' && dst[n-2] == '0' {
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}

func appendUUID(dst []byte, x *[16]byte) []byte {
	for i, part := range [...][]byte{x[:4], x[4:6], x[6:8], x[8:10], x[10:]} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, part)
	}
	return dst
}

// bitLength is the length of a bit string in a Uint64 vector.
func (t *Type) bitLength() int {
	if t.Bits < 1 {
		return 64
	}
	return t.Bits
}

func appendBits64(dst []byte, x uint64, n int) []byte {
	for i := n - 1; i >= 0; i-- {
		dst = append(dst, '0'+byte(x>>i&1))
	}
	return dst
}

// appendBits writes the first n bits of x, which is packed from the most significant bit of its first byte on.
func appendBits(dst, x []byte, n int) []byte {
	for i := range min(n, len(x)*8) {
		dst = append(dst, '0'+x[i>>3]>>(7-i&7)&1)
	}
	return dst
}
