package draw

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
)

// What kinds of all systems make their literals of.

func quote(s string) string { return "'" + s + "'" }

func one(r *rand.Rand, list ...string) string { return list[r.IntN(len(list))] }

// wholeEnds are the ends of whole numbers of so many bits, and what lies within.
func wholeEnds(bits int, unsigned bool) []string {
	low, high := new(big.Int), new(big.Int)
	if unsigned {
		high.Lsh(big.NewInt(1), uint(bits))
	} else {
		high.Lsh(big.NewInt(1), uint(bits-1))
		low.Neg(high)
	}
	high.Sub(high, big.NewInt(1))
	return []string{low.String(), high.String(), "0", "1", new(big.Int).Rsh(high, 1).String()}
}

func whole(r *rand.Rand, bits int, unsigned bool) string {
	n := r.Uint64() >> (64 - 1 - r.IntN(bits)) // of any length
	if unsigned {
		return strconv.FormatUint(n, 10)
	}
	x := int64(n >> 1)
	if r.IntN(2) == 0 {
		x = -x
	}
	return strconv.FormatInt(x, 10)
}

// decimalEnds are numbers with all digits of a precision and a scale.
func decimalEnds(precision, scale int) []string {
	point := func(digits string) string {
		if scale == 0 {
			return digits
		}
		for len(digits) <= scale {
			digits = "0" + digits
		}
		return digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}
	most := strings.Repeat("9", precision)
	return []string{point(most), "-" + point(most), point("1"), "-" + point("1"), "0", point("1" + strings.Repeat("0", precision-1))}
}

func decimal(r *rand.Rand, precision, scale int) string {
	var b strings.Builder
	if r.IntN(3) == 0 {
		b.WriteByte('-')
	}
	for range precision - scale {
		if r.IntN(4) > 0 || b.Len() < 2 {
			b.WriteByte(byte('0' + r.IntN(10)))
		}
	}
	if precision == scale {
		b.WriteByte('0')
	}
	if scale > 0 {
		b.WriteByte('.')
		for range 1 + r.IntN(scale) {
			b.WriteByte(byte('0' + r.IntN(10)))
		}
	}
	return b.String()
}

func floatEnds(bits int) []string {
	if bits == 32 {
		return []string{"3.4028234663852886e38", "-3.4028234663852886e38", "1.1754943508222875e-38", "1.401298464324817e-45", "16777216", "0.1", "0", "123456.789", "-1.5"}
	}
	return []string{"1.7976931348623157e308", "-1.7976931348623157e308", "2.2250738585072014e-308", "5e-324", "9007199254740993", "0.1", "0", "0.30000000000000004", "1e21", "1e-7"}
}

func float(r *rand.Rand, bits int) string {
	if bits == 32 {
		return strconv.FormatFloat(float64(math.Float32frombits(r.Uint32()&0x807fffff|uint32(20+r.IntN(210))<<23)), 'g', -1, 64)
	}
	return strconv.FormatFloat(math.Float64frombits(r.Uint64()&0x800fffffffffffff|uint64(200+r.IntN(1600))<<52), 'g', -1, 64)
}

// texts that are known to be altered in passing, in characters; the longest that fit a length.
func textEnds(length int) []string {
	list := []string{"", " ", "a  ", "NULL", "null", `\N`, `\.`, `\x41`, `a\`, `it's "q"`, "tab\tline\nreturn\r", "e\u0308", "👨‍👩‍👧", "日本語", "<b>&amp;</b>", "{}", "'); --", "\u2028", "0", "1e5", "true", "2026-01-02"}
	if length > 0 {
		list = append(list, strings.Repeat("x", length), strings.Repeat("🦀", length))
	} else {
		list = append(list, strings.Repeat("long ", 2000))
	}
	var fit []string
	for _, s := range list {
		if length == 0 || len([]rune(s)) <= length {
			fit = append(fit, s)
		}
	}
	return fit
}

func randomText(r *rand.Rand, length int) string {
	if length == 0 {
		length = 60
	}
	var b strings.Builder
	for range r.IntN(min(length, 60) + 1) {
		switch r.IntN(10) {
		case 0:
			b.WriteRune(rune(0xa1 + r.IntN(0x500)))
		case 1:
			b.WriteRune(rune(0x4e00 + r.IntN(0x2000)))
		case 2:
			b.WriteRune(rune(0x1f300 + r.IntN(0x300)))
		case 3:
			b.WriteString(one(r, "'", `"`, `\`, "\n", "\t", "%", ",", "{", "}", " "))
		default:
			b.WriteByte(byte('a' + r.IntN(26)))
		}
	}
	return b.String()
}

func randomBytes(r *rand.Rand, most int) string {
	b := make([]byte, r.IntN(most+1))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return hex.EncodeToString(b)
}

func bytesEnds(most int) []string {
	list := []string{"", "00", "ff", "0000", "00ff7f00", "5c78646561", "27", "5c", "e28098"}
	if most > 0 {
		list = append(list, strings.Repeat("00", most), strings.Repeat("ff", most))
	}
	var fit []string
	for _, s := range list {
		if most == 0 || len(s) <= 2*most {
			fit = append(fit, s)
		}
	}
	return fit
}

// randomDate is any day of the years, half of them of the years that every store holds.
func randomDate(r *rand.Rand, from, to int) string {
	if r.IntN(2) == 0 {
		from, to = max(from, 1971), min(to, 2037)
	}
	return fmt.Sprintf("%04d-%02d-%02d", from+r.IntN(to-from+1), 1+r.IntN(12), 1+r.IntN(28))
}

// fraction is a point and so many digits, none without.
func fraction(r *rand.Rand, digits int) string {
	if digits == 0 {
		return ""
	}
	return fmt.Sprintf(".%0*d", digits, r.IntN(int(math.Pow10(digits))))
}

func nines(digits int) string {
	if digits == 0 {
		return ""
	}
	return "." + strings.Repeat("9", digits)
}

func randomTime(r *rand.Rand, digits int) string {
	return fmt.Sprintf("%02d:%02d:%02d%s", r.IntN(24), r.IntN(60), r.IntN(60), fraction(r, digits))
}

func randomUUID(r *rand.Rand) string {
	var b [16]byte
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func uuidEnds() []string {
	return []string{"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "6F9619FF-8B86-D011-B42D-00C04FC964FF", "00000000-0000-0000-0000-000000000001"}
}

// documents that parsers and writers of JSON are known to change.
func documentEnds() []string {
	return []string{`{}`, `[]`, `null`, `"s"`, `true`, `0`, `-0`, `1.10`, `1e400`, `9007199254740993`, `0.30000000000000004`, `{"b": 1, "a": 2, "b": 3}`, `{"a":{"b":[1,2,{"c":null}]}}`,
		`"<b>&\u00e9\u2028"`, `{"":""}`, `[1 , 2]`, `"é🚚"`, `"it's \\ \"q\""`, `[[[[[[[[[[]]]]]]]]]]`}
}

func randomDocument(r *rand.Rand, depth int) string {
	switch n := r.IntN(8); {
	case n < 2 && depth > 0:
		parts := make([]string, r.IntN(4))
		for i := range parts {
			parts[i] = randomDocument(r, depth-1)
		}
		return "[" + strings.Join(parts, one(r, ",", ", ")) + "]"
	case n < 4 && depth > 0:
		parts := make([]string, r.IntN(4))
		for i := range parts {
			parts[i] = fmt.Sprintf("%q: %s", one(r, "a", "b", "é", "long name", "x.y"), randomDocument(r, depth-1))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case n < 6:
		return one(r, "", "-") + strconv.FormatUint(1+r.Uint64()>>r.IntN(63), 10) + one(r, "", "", "123456789012345", ".5", ".10", "e5")
	}
	return one(r, documentEnds()...)
}

func randomLabels(r *rand.Rand, commas bool) []string {
	pool := []string{"a", "b", "zurück", "it''s", "x y", "🧊", "NULL", "0", "1", "A\"q"}
	if commas {
		pool = append(pool, "c,d", "")
	}
	r.Shuffle(len(pool), func(i, j int) { pool[i], pool[j] = pool[j], pool[i] })
	return pool[:1+r.IntN(len(pool)-1)]
}
