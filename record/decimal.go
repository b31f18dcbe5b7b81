package record

import (
	"math"
	"math/bits"
	"strconv"
)

// maxDigits is the most digits an Int128 decimal has.
const maxDigits = 38

// int128 is {low, high}, two's complement, as in FormInt128.
type int128 = [2]uint64

// pow10 holds 10^0 to 10^38.
var pow10 = func() (p [maxDigits + 1]int128) {
	p[0] = int128{1, 0}
	for i := 1; i < len(p); i++ {
		hi, lo := bits.Mul64(p[i-1][0], 10)
		p[i] = int128{lo, hi + p[i-1][1]*10}
	}
	return p
}()

// Int128FromInt64 widens x.
func Int128FromInt64(x int64) [2]uint64 { return int128{uint64(x), uint64(x >> 63)} }

// Int128ToInt64 narrows x; ok is false when it does not fit.
func Int128ToInt64(x [2]uint64) (n int64, ok bool) {
	return int64(x[0]), x[1] == uint64(int64(x[0])>>63)
}

func neg128(x int128) int128 {
	lo, borrow := bits.Sub64(0, x[0], 0)
	hi, _ := bits.Sub64(0, x[1], borrow)
	return int128{lo, hi}
}

// abs128 returns the magnitude of x, unsigned, and whether x is negative.
func abs128(x int128) (int128, bool) {
	if int64(x[1]) < 0 {
		return neg128(x), true
	}
	return x, false
}

func cmp128(a, b int128) int {
	switch {
	case int64(a[1]) != int64(b[1]):
		if int64(a[1]) < int64(b[1]) {
			return -1
		}
		return 1
	case a[0] < b[0]:
		return -1
	case a[0] > b[0]:
		return 1
	}
	return 0
}

// mulPow10 returns x × 10^k; ok is false when the product passes 38 digits.
func mulPow10(x int128, k int) (product int128, ok bool) {
	if x == (int128{}) || k == 0 {
		return x, true
	}
	if k > maxDigits {
		return x, false
	}
	m, neg := abs128(x)
	// The product fits when m < 10^(38-k); then no step below overflows.
	if cmp128(m, pow10[maxDigits-k]) >= 0 {
		return x, false
	}
	for k > 0 {
		step := min(k, 19)
		hi, lo := bits.Mul64(m[0], pow10[step][0])
		m = int128{lo, hi + m[1]*pow10[step][0]}
		k -= step
	}
	if neg {
		m = neg128(m)
	}
	return m, true
}

// divPow10 returns x / 10^k cut towards zero, and whether nothing was cut.
func divPow10(x int128, k int) (quotient int128, exact bool) {
	m, neg := abs128(x)
	if k > maxDigits {
		return int128{}, m == int128{}
	}
	exact = true
	for k > 0 {
		step := min(k, 19)
		var r uint64
		m, r = divSmall(m, pow10[step][0])
		exact = exact && r == 0
		k -= step
	}
	if neg {
		m = neg128(m)
	}
	return m, exact
}

// divSmall divides an unsigned number.
func divSmall(m int128, d uint64) (quotient int128, rest uint64) {
	hi := m[1] / d
	lo, rest := bits.Div64(m[1]%d, m[0], d)
	return int128{lo, hi}, rest
}

// rescale128 moves x from one scale to another.
func rescale128(x int128, from, to int) (int128, Code) {
	if to >= from {
		y, ok := mulPow10(x, to-from)
		if !ok {
			return x, Range
		}
		return y, ""
	}
	y, exact := divPow10(x, from-to)
	if !exact {
		return x, Scale
	}
	return y, ""
}

// AppendInt128Text appends x × 10^-scale with exactly scale fraction digits; a negative scale appends zeros.
func AppendInt128Text(dst []byte, x [2]uint64, scale int) []byte {
	m, neg := abs128(x)
	if neg {
		dst = append(dst, '-')
	}
	if m[1] == 0 {
		return appendScaled(dst, m[0], scale)
	}
	var digits [40]byte
	n := len(digits)
	for m != (int128{}) {
		var part uint64
		m, part = divSmall(m, 1e19)
		for i := 0; i < 19 && (part > 0 || m != int128{}); i++ {
			n--
			digits[n] = byte('0' + part%10)
			part /= 10
		}
	}
	return placePoint(dst, digits[n:], scale)
}

// appendScaled appends m × 10^-scale.
func appendScaled(dst []byte, m uint64, scale int) []byte {
	if scale == 0 {
		return strconv.AppendUint(dst, m, 10)
	}
	var digits [20]byte
	return placePoint(dst, strconv.AppendUint(digits[:0], m, 10), scale)
}

func placePoint(dst, digits []byte, scale int) []byte {
	if scale <= 0 {
		dst = append(dst, digits...)
		if len(digits) > 1 || digits[0] != '0' {
			dst = appendZeros(dst, -scale)
		}
		return dst
	}
	whole := len(digits) - scale
	if whole <= 0 {
		dst = append(dst, '0', '.')
		dst = appendZeros(dst, -whole)
		return append(dst, digits...)
	}
	dst = append(dst, digits[:whole]...)
	dst = append(dst, '.')
	return append(dst, digits[whole:]...)
}

func appendZeros(dst []byte, n int) []byte {
	for range n {
		dst = append(dst, '0')
	}
	return dst
}

// number is a decimal number's text: ± whole . frac × 10^exp.
type number struct {
	neg         bool
	whole, frac []byte
	exp         int
}

// expLimit is beyond every exponent that any type can hold; larger ones count as this.
const expLimit = 1 << 20

// scanNumber splits the text of a number. It returns NonFinite for NaN and the infinities, WrongType for anything else
// that is not a number; an exponent is a number only where it is allowed.
func scanNumber(text []byte, exponent bool) (n number, code Code) {
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		n.neg = text[0] == '-'
		text = text[1:]
	}
	i := 0
	for i < len(text) && isDigit(text[i]) {
		i++
	}
	n.whole = text[:i]
	text = text[i:]
	if len(text) > 0 && text[0] == '.' {
		i = 1
		for i < len(text) && isDigit(text[i]) {
			i++
		}
		n.frac = text[1:i]
		text = text[i:]
	}
	if len(n.whole)+len(n.frac) == 0 {
		if _, ok := nonFinite(text); ok {
			return n, NonFinite
		}
		return n, WrongType
	}
	if len(text) == 0 {
		return n, ""
	}
	if !exponent || text[0] != 'e' && text[0] != 'E' {
		return n, WrongType
	}
	text = text[1:]
	neg := false
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		neg = text[0] == '-'
		text = text[1:]
	}
	if len(text) == 0 {
		return n, WrongType
	}
	for _, c := range text {
		if !isDigit(c) {
			return n, WrongType
		}
		n.exp = min(n.exp*10+int(c-'0'), expLimit)
	}
	if neg {
		n.exp = -n.exp
	}
	return n, ""
}

func isDigit(c byte) bool { return c-'0' <= 9 }

// nonFinite reads the unsigned names of the values that only floats have.
func nonFinite(text []byte) (x float64, ok bool) {
	switch {
	case equalFold(text, "nan"):
		return math.NaN(), true
	case equalFold(text, "infinity"), equalFold(text, "inf"):
		return math.Inf(1), true
	}
	return 0, false
}

// equalFold compares ASCII text with a lower-case word.
func equalFold(text []byte, word string) bool {
	if len(text) != len(word) {
		return false
	}
	for i, c := range text {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != word[i] {
			return false
		}
	}
	return true
}

// digit returns digit i of whole and frac taken together.
func (n *number) digit(i int) byte {
	if i < len(n.whole) {
		return n.whole[i]
	}
	return n.frac[i-len(n.whole)]
}

// Int128FromText reads a number, with or without exponent, as a decimal of up to 38 digits. The code is empty when it is
// exact; Scale, when digits would be lost; Range, when it has too many; NonFinite or WrongType, when it is no number.
func Int128FromText(text []byte, precision, scale int) ([2]uint64, Code) {
	n, code := scanNumber(text, true)
	if code != "" {
		return int128{}, code
	}
	return n.scaled(precision, scale)
}

// scaled returns the number × 10^scale.
func (n *number) scaled(precision, scale int) (int128, Code) {
	shift := n.exp - len(n.frac) + scale
	total := len(n.whole) + len(n.frac)
	keep := total + min(shift, 0)
	var m int128
	significant := 0
	for i := range total {
		c := n.digit(i) - '0'
		if i >= keep {
			if c != 0 {
				if significant > precision {
					return m, Range
				}
				return m, Scale
			}
			continue
		}
		if significant == 0 && c == 0 {
			continue
		}
		if significant++; significant > maxDigits {
			return m, Range
		}
		hi, lo := bits.Mul64(m[0], 10)
		lo, carry := bits.Add64(lo, uint64(c), 0)
		m = int128{lo, m[1]*10 + hi + carry}
	}
	m, ok := mulPow10(m, max(shift, 0))
	if !ok || cmp128(m, pow10[min(precision, maxDigits)]) >= 0 {
		return m, Range
	}
	if n.neg {
		m = neg128(m)
	}
	return m, ""
}

// maxExpanded is the most digits that an exponent may stand for; Decimal128, the widest type of the stores, has 6145.
const maxExpanded = 6200

// appendDecimal appends a number as the text of a decimal beyond 38 digits (exactly scale fraction digits) or, with
// precision 0, of one without a precision (the fraction digits that it has).
func appendDecimal(dst, text []byte, precision, scale int) ([]byte, Code) {
	n, code := scanNumber(text, true)
	if code != "" {
		return dst, code
	}
	first, total := 0, len(n.whole)+len(n.frac)
	for first < total && n.digit(first) == '0' {
		first++
	}
	zero := first == total
	point := len(n.whole) + n.exp // digits before the decimal point
	if zero {
		point = min(point, len(n.whole)+maxExpanded)
	}
	if precision > 0 {
		if !zero && point-first > precision-scale {
			return dst, Range
		}
		for i := max(point+scale, 0); i < total; i++ {
			if n.digit(i) != '0' {
				return dst, Scale
			}
		}
	} else {
		if zero {
			first = min(total, max(point, 0))
		}
		if point > total+maxExpanded || point < -maxExpanded {
			return dst, Range
		}
		scale = max(total-point, 0)
	}
	if n.neg && !zero {
		dst = append(dst, '-')
	}
	if zero || point <= first {
		dst = append(dst, '0')
	}
	for i := first; i < point && !zero; i++ {
		dst = n.appendDigit(dst, i)
	}
	if scale > 0 {
		dst = append(dst, '.')
	}
	for i := point; i < point+scale; i++ {
		dst = n.appendDigit(dst, i)
	}
	return dst, ""
}

// appendDigit appends digit i, zero outside of those that the text has.
func (n *number) appendDigit(dst []byte, i int) []byte {
	if i < 0 || i >= len(n.whole)+len(n.frac) {
		return append(dst, '0')
	}
	return append(dst, n.digit(i))
}
