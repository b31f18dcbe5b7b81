package postgres

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"github.com/towpath/towpath/record"
)

// A numeric is sent as groups of four digits, the point between two of them: their number, the weight of the first (a power of 10,000), a
// sign, the digits shown behind the point, the groups
// (https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/numeric.c, numeric_recv).
const (
	groupBase = 10_000

	signNegative = 0x4000
	signNaN      = 0xC000
	signInfinity = 0xD000
	signMinus    = 0xF000 // minus infinity

	mostWhole = 131_072 // digits before the point
	mostScale = 16_383  // and behind it
)

// numericGroups are the groups of one number, the least first.
type numericGroups struct {
	groups   [12]uint16
	n        int
	lowest   int // weight of the first
	negative bool
	scale    int
}

// start takes the digits that do not fill a group off the number, and says how many they are.
func (g *numericGroups) start(scale int, negative bool) (odd int) {
	g.n, g.lowest, g.negative, g.scale = 0, -((scale + 3) / 4), negative, scale
	return scale & 3
}

func (g *numericGroups) push(x uint64) {
	g.groups[g.n] = uint16(x)
	g.n++
}

// rest pushes the groups of a number whose point is between groups.
func (g *numericGroups) rest(u uint64) {
	for u > 0 {
		g.push(u % groupBase)
		u /= groupBase
	}
}

func (g *numericGroups) append(dst []byte) []byte {
	first := 0
	for first < g.n && g.groups[first] == 0 {
		first++
	}
	for g.n > first && g.groups[g.n-1] == 0 {
		g.n--
	}
	sign, weight := uint16(0), g.lowest+g.n-1
	switch {
	case g.n == first:
		weight = 0
	case g.negative:
		sign = signNegative
	}
	dst = appendNumericHead(dst, g.n-first, weight, sign, g.scale)
	for i := g.n - 1; i >= first; i-- {
		dst = binary.BigEndian.AppendUint16(dst, g.groups[i])
	}
	return dst
}

func appendNumericHead(dst []byte, groups, weight int, sign uint16, scale int) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(groups))
	dst = binary.BigEndian.AppendUint16(dst, uint16(int16(weight)))
	dst = binary.BigEndian.AppendUint16(dst, sign)
	return binary.BigEndian.AppendUint16(dst, uint16(scale))
}

// appendNumeric64 appends a scaled number of up to 18 digits.
func appendNumeric64(c *valueEncoder, dst []byte, v *record.Vector, row int) []byte {
	x := v.Int64[row]
	u := uint64(x)
	if x < 0 {
		u = -u
	}
	var g numericGroups
	switch g.start(c.scale, x < 0) { // division by a constant is a multiplication
	case 1:
		g.push(u % 10 * 1000)
		u /= 10
	case 2:
		g.push(u % 100 * 100)
		u /= 100
	case 3:
		g.push(u % 1000 * 10)
		u /= 1000
	}
	g.rest(u)
	return g.append(dst)
}

// appendNumeric128 appends one of up to 38 digits.
func appendNumeric128(c *valueEncoder, dst []byte, v *record.Vector, row int) []byte {
	lo, hi := v.Int128[row][0], v.Int128[row][1]
	negative := int64(hi) < 0
	if negative {
		var borrow uint64
		lo, borrow = bits.Sub64(0, lo, 0)
		hi, _ = bits.Sub64(0, hi, borrow)
	}
	var g numericGroups
	if odd := g.start(c.scale, negative); odd > 0 {
		unit := powerOf10(odd)
		var rest uint64
		hi, lo, rest = divide128(hi, lo, unit)
		g.push(rest * powerOf10(4-odd))
	}
	for hi > 0 {
		var rest uint64
		hi, lo, rest = divide128(hi, lo, groupBase)
		g.push(rest)
	}
	g.rest(lo)
	return g.append(dst)
}

func divide128(hi, lo, by uint64) (qhi, qlo, rest uint64) {
	qhi, rest = hi/by, hi%by
	qlo, rest = bits.Div64(rest, lo, by)
	return qhi, qlo, rest
}

// appendNumericText appends one that is kept as text, which numericText has looked at.
func appendNumericText(_ *valueEncoder, dst []byte, v *record.Vector, row int) []byte {
	whole, fraction, negative, _ := cutNumeric(v.Bytes(row))
	head := len(dst)
	dst = appendNumericHead(dst, 0, 0, 0, 0)
	weight := (len(whole)+3)/4 - 1
	group, filled := 0, (4-len(whole)&3)&3
	push := func(digit byte) {
		group = group*10 + int(digit-'0')
		if filled++; filled < 4 {
			return
		}
		if group == 0 && len(dst) == head+8 {
			weight-- // zeros in front
		} else {
			dst = binary.BigEndian.AppendUint16(dst, uint16(group))
		}
		group, filled = 0, 0
	}
	for _, d := range whole {
		push(d)
	}
	for _, d := range fraction {
		push(d)
	}
	for filled > 0 {
		push('0')
	}
	for len(dst) > head+8 && dst[len(dst)-1] == 0 && dst[len(dst)-2] == 0 {
		dst = dst[:len(dst)-2]
	}
	groups, sign := (len(dst)-head-8)/2, uint16(0)
	switch {
	case groups == 0:
		weight = 0
	case negative:
		sign = signNegative
	}
	appendNumericHead(dst[:head], groups, weight, sign, len(fraction))
	return dst
}

// cutNumeric cuts a number's text at its point; ok is false for what is none.
func cutNumeric(text []byte) (whole, fraction []byte, negative, ok bool) {
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		negative, text = text[0] == '-', text[1:]
	}
	whole, fraction, _ = bytes.Cut(text, []byte{'.'})
	if len(whole)+len(fraction) == 0 {
		return nil, nil, false, false
	}
	for _, part := range [...][]byte{whole, fraction} {
		for _, d := range part {
			if d < '0' || d > '9' {
				return nil, nil, false, false
			}
		}
	}
	whole = bytes.TrimLeft(whole, "0")
	return whole, fraction, negative, true
}

// checkNumericText refuses texts that are no number of the server's.
func checkNumericText(_ *valueEncoder, v *record.Vector, row int) record.Code {
	whole, fraction, _, ok := cutNumeric(v.Bytes(row))
	switch {
	case !ok:
		return record.WrongType
	case len(whole) > mostWhole:
		return record.Range
	case len(fraction) > mostScale:
		return record.Scale
	}
	return ""
}

// checkNumericUnit refuses numbers that the server would round before the point, in columns whose scale is negative.
func checkNumericUnit(c *valueEncoder, v *record.Vector, row int) record.Code {
	c.scratch = record.AppendText(c.scratch[:0], &c.logical, v, row)
	if digits := bytes.TrimRight(c.scratch, "0"); len(c.scratch)-len(digits) < c.unit && string(c.scratch) != "0" {
		return record.Scale
	}
	return ""
}
