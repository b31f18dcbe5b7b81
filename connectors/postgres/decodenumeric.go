package postgres

import (
	"encoding/binary"
	"math/bits"
	"strconv"

	"github.com/towpath/towpath/record"
)

// A numeric comes as groups of four decimal digits. https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/numeric.c
type numericValue struct {
	groups   []byte // two bytes each
	weight   int    // the first group counts 10000^weight
	scale    int    // digits behind the point that are shown
	negative bool
	special  string // NaN and the infinities; "" for numbers
}

const (
	numericNegative = 0x4000
	numericNaN      = 0xC000
	numericInf      = 0xD000
	numericNegInf   = 0xF000
)

func parseNumeric(b []byte) (v numericValue, ok bool) {
	if len(b) < 8 {
		return v, false
	}
	n := int(binary.BigEndian.Uint16(b))
	v.weight = int(int16(binary.BigEndian.Uint16(b[2:])))
	v.scale = int(binary.BigEndian.Uint16(b[6:]))
	if v.groups = b[8:]; len(v.groups) != 2*n {
		return v, false
	}
	switch binary.BigEndian.Uint16(b[4:]) {
	case 0:
	case numericNegative:
		v.negative = true
	case numericNaN:
		v.special = "NaN"
	case numericInf:
		v.special = "Infinity"
	case numericNegInf:
		v.special = "-Infinity"
	default:
		return v, false
	}
	return v, true
}

func (v *numericValue) group(i int) uint64 { return uint64(binary.BigEndian.Uint16(v.groups[2*i:])) }

// scaled returns the magnitude × 10^scale as a number of 128 bits, high and low. SCALE: digits would be lost. RANGE: it is 10^38 or more.
func (v *numericValue) scaled(scale int) (hi, lo uint64, code record.Code) {
	n := len(v.groups) / 2
	exponent := 4*v.weight + scale // of the group at hand
	for i := range n {
		d := v.group(i)
		factor := uint64(10_000)
		if exponent < 0 {
			// Only the first digits of this group count, or none.
			cut := uint64(10_000)
			if exponent > -4 {
				cut = smallPow10(-exponent)
			}
			if d%cut != 0 {
				return 0, 0, record.Scale
			}
			d /= cut
			factor = 10_000 / cut
		}
		if hi, lo, code = mulAdd(hi, lo, factor, d); code != "" {
			return 0, 0, code
		}
		exponent -= 4
	}
	// Groups of zeros at the end are left out.
	for left := exponent + 4; n > 0 && left > 0 && hi|lo != 0; left -= 4 {
		if hi, lo, code = mulAdd(hi, lo, smallPow10(min(left, 4)), 0); code != "" {
			return 0, 0, code
		}
	}
	return hi, lo, ""
}

func smallPow10(n int) uint64 { return [...]uint64{1, 10, 100, 1000, 10_000}[n] }

// 10^38 is the least number that no decimal of 128 bits has.
const (
	hi38 = 0x4B3B4CA85A86C47A
	lo38 = 0x098A224000000000
)

// mulAdd returns x × factor + d.
func mulAdd(hi, lo, factor, d uint64) (uint64, uint64, record.Code) {
	if hi == 0 && lo < 1<<49 { // nearly always: no product of it and 10^4 has more than 64 bits
		return 0, lo*factor + d, ""
	}
	over, low := bits.Mul64(lo, factor)
	low, carry := bits.Add64(low, d, 0)
	top, high := bits.Mul64(hi, factor)
	high, carry = bits.Add64(high, over, carry)
	if top != 0 || carry != 0 || high > hi38 || high == hi38 && low >= lo38 {
		return 0, 0, record.Range
	}
	return high, low, ""
}

// appendText writes the number as the server does.
func (v *numericValue) appendText(dst []byte) []byte {
	if v.special != "" {
		return append(dst, v.special...)
	}
	if v.negative {
		dst = append(dst, '-')
	}
	group := func(i int) uint64 {
		if i < 0 || i >= len(v.groups)/2 {
			return 0
		}
		return v.group(i)
	}
	if v.weight < 0 {
		dst = append(dst, '0')
	}
	for i := 0; i <= v.weight; i++ {
		if i == 0 {
			dst = strconv.AppendUint(dst, group(0), 10)
			continue
		}
		dst = appendGroup(dst, group(i), 4)
	}
	if v.scale == 0 {
		return dst
	}
	dst = append(dst, '.')
	for i, left := v.weight+1, v.scale; left > 0; i, left = i+1, left-4 {
		dst = appendGroup(dst, group(i), min(left, 4))
	}
	return dst
}

// appendGroup appends the first of a group's four digits.
func appendGroup(dst []byte, d uint64, digits int) []byte {
	all := [4]byte{'0' + byte(d/1000), '0' + byte(d/100%10), '0' + byte(d/10%10), '0' + byte(d%10)}
	return append(dst, all[:digits]...)
}

func numericDecoder(form record.Form) decodeFunc {
	switch form {
	case record.FormInt64:
		return decodeNumeric64
	case record.FormInt128:
		return decodeNumeric128
	}
	return decodeNumericText
}

func decodeNumeric64(d *decoder, c *decodeColumn, b []byte) bool {
	v, ok := parseNumeric(b)
	if !ok {
		return false
	}
	hi, lo, code := v.scaled(c.field.Type.Scale)
	if code == "" && (hi != 0 || lo >= powerOf10(c.field.Type.Precision)) {
		code = record.Range
	}
	if code != "" || v.special != "" {
		return d.oddNumeric(c, &v, code)
	}
	if v.negative {
		c.vector.AppendInt64(-int64(lo))
	} else {
		c.vector.AppendInt64(int64(lo))
	}
	return true
}

func decodeNumeric128(d *decoder, c *decodeColumn, b []byte) bool {
	v, ok := parseNumeric(b)
	if !ok {
		return false
	}
	hi, lo, code := v.scaled(c.field.Type.Scale)
	if code == "" && c.field.Type.Precision < 38 && !below(hi, lo, c.field.Type.Precision) {
		code = record.Range
	}
	if code != "" || v.special != "" {
		return d.oddNumeric(c, &v, code)
	}
	c.vector.AppendInt128(signed128(hi, lo, v.negative))
	return true
}

func signed128(hi, lo uint64, negative bool) [2]uint64 {
	if negative {
		var borrow uint64
		lo, borrow = bits.Sub64(0, lo, 0)
		hi, _ = bits.Sub64(0, hi, borrow)
	}
	return [2]uint64{lo, hi}
}

// below tells whether the number is less than 10^digits, which has 19 digits or more.
func below(hi, lo uint64, digits int) bool {
	limitHi, limitLo := bits.Mul64(powerOf10(19), powerOf10(digits-19))
	return hi < limitHi || hi == limitHi && lo < limitLo
}

// powerOf10 returns 10^n for n to 19.
func powerOf10(n int) uint64 {
	x := uint64(1)
	for range n {
		x *= 10
	}
	return x
}

// oddNumeric marks what the column cannot hold.
func (d *decoder) oddNumeric(c *decodeColumn, v *numericValue, code record.Code) bool {
	if v.special != "" {
		code = record.NonFinite
	}
	d.scratch = v.appendText(d.scratch[:0])
	d.mark(c, code, d.scratch)
	return true
}

// decodeNumericText keeps the digits as the server shows them. Those of a column with a precision have its scale.
func decodeNumericText(d *decoder, c *decodeColumn, b []byte) bool {
	v, ok := parseNumeric(b)
	if !ok {
		return false
	}
	t := &c.field.Type
	switch {
	case v.special != "":
		return d.oddNumeric(c, &v, record.NonFinite)
	case t.Precision == 0 && 4*(max(v.weight, 0)+1)+v.scale+2 <= d.maxCell:
		c.vector.Data = v.appendText(c.vector.Data)
		c.vector.CloseBytes()
		return true
	}
	d.scratch = v.appendText(d.scratch[:0])
	if t.Precision == 0 {
		d.mark(c, record.TooBig, kept(d.scratch))
		return true
	}
	if code := record.AppendParsed(c.vector, t, d.scratch); code != "" {
		d.mark(c, code, d.scratch)
	}
	return true
}

// decodeMoney reads the number of the smallest coin.
func decodeMoney(_ *decoder, c *decodeColumn, b []byte) bool {
	if len(b) != 8 {
		return false
	}
	c.vector.AppendInt128(record.Int128FromInt64(int64(binary.BigEndian.Uint64(b))))
	return true
}
