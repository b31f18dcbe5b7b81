package record

import (
	"bytes"
	"encoding/hex"
	"math"
	"slices"
	"strconv"
)

// AppendParsed appends to v, a vector that carries t, the value whose text form is text. The code is empty when the type
// holds the value exactly; otherwise it says why not and nothing was appended. Nothing is rounded, cut or trimmed.
// A number with too many digits for a float is Scale; a number for a decimal may have an exponent.
func AppendParsed(v *Vector, t *Type, text []byte) Code {
	if t.Kind == List && t.Elem != nil {
		return NewListBuilder(t.Elem).AppendParsed(v, text)
	}
	return appendParsed(v, t, text)
}

// appendParsed is AppendParsed but for lists.
func appendParsed(v *Vector, t *Type, text []byte) Code {
	switch t.Kind {
	case Bool, Int, Uint, Float, Decimal, Year, Bit:
		return appendNumeric(v, t, text)
	case Date, Time, Datetime, Instant, Interval:
		return appendTemporal(v, t, text)
	case Text:
		if code := fitText(t, text); code != "" {
			return code
		}
		v.AppendBytes(text)
	case Bytes, Geometry, Document:
		return appendHex(v, t, text)
	case UUID:
		x, ok := parseUUID(text)
		if !ok {
			return WrongType
		}
		v.AppendFixed16(x)
	case JSON:
		if code := fitJSON(t, text); code != "" {
			return code
		}
		v.AppendBytes(text)
	case Enum:
		if len(t.Labels) == 0 {
			return appendCharacters(v, t, text)
		}
		if !hasLabel(t.Labels, text) {
			return Range
		}
		v.AppendBytes(text)
	case Set:
		return appendSet(v, t, text)
	case Native:
		return appendCharacters(v, t, text)
	default:
		return WrongType
	}
	return ""
}

func appendNumeric(v *Vector, t *Type, text []byte) Code {
	switch t.Kind {
	case Bool:
		x, ok := parseBool(text)
		if !ok {
			return WrongType
		}
		v.AppendBool(x)
	case Int:
		lo, hi := t.intRange()
		x, code := parseInt(text, lo, hi)
		if code != "" {
			return code
		}
		v.AppendInt64(x)
	case Year:
		x, code := parseInt(text, 0, maxYear)
		if code == "" && x != 0 && x < minYear {
			code = Range
		}
		if code != "" {
			return code
		}
		v.AppendInt64(x)
	case Uint:
		x, neg, code := parseUint(text)
		if code == "" && (neg && x != 0 || x > t.uintMax()) {
			code = Range
		}
		if code != "" {
			return code
		}
		v.AppendUint64(x)
	case Float:
		x, code := parseFloat(text, t.Bits)
		if code == "" && t.Finite && x-x != 0 {
			code = NonFinite
		}
		if code != "" {
			return code
		}
		v.AppendFloat64(t.storedFloat(x))
	case Decimal:
		return appendParsedDecimal(v, t, text)
	default:
		return appendParsedBits(v, t, text)
	}
	return ""
}

const minYear, maxYear = 1901, 2155

// intRange returns the limits of an Int.
func (t *Type) intRange() (lo, hi int64) {
	if t.Bits < 1 || t.Bits >= 64 {
		return math.MinInt64, math.MaxInt64
	}
	return -1 << (t.Bits - 1), 1<<(t.Bits-1) - 1
}

// uintMax returns the greatest value of a Uint.
func (t *Type) uintMax() uint64 {
	if t.Bits < 1 || t.Bits >= 64 {
		return math.MaxUint64
	}
	return 1<<t.Bits - 1
}

func parseBool(text []byte) (x, ok bool) {
	switch {
	case equalFold(text, "true"), equalFold(text, "t"), equalFold(text, "1"):
		return true, true
	case equalFold(text, "false"), equalFold(text, "f"), equalFold(text, "0"):
		return false, true
	}
	return false, false
}

// parseUint reads a whole number without exponent; a fraction of zeros is allowed, since it loses nothing.
func parseUint(text []byte) (x uint64, neg bool, code Code) {
	n, code := scanNumber(text, false)
	if code != "" {
		return 0, false, code
	}
	for _, c := range n.whole {
		d := uint64(c - '0')
		if x > (math.MaxUint64-d)/10 {
			return 0, n.neg, Range
		}
		x = x*10 + d
	}
	for _, c := range n.frac {
		if c != '0' {
			return 0, n.neg, Scale
		}
	}
	return x, n.neg, ""
}

func parseInt(text []byte, lo, hi int64) (int64, Code) {
	m, neg, code := parseUint(text)
	if code != "" {
		return 0, code
	}
	x := int64(m)
	if neg {
		x = -x
		if m > 1<<63 {
			return 0, Range
		}
	} else if x < 0 {
		return 0, Range
	}
	if x < lo || x > hi {
		return 0, Range
	}
	return x, ""
}

// maxFloatDigits is the most significant digits that a float64 has when all of them are written.
const maxFloatDigits = 767

// parseFloat accepts a number that is a float of the width, written with as many digits as the text has. So 0.1 and
// 0.10000000000000001 are the same float64, and 9007199254740993 is none.
func parseFloat(text []byte, width int) (float64, Code) {
	n, code := scanNumber(text, true)
	if code != "" {
		if code != NonFinite {
			return 0, code
		}
		x, _ := nonFinite(bytes.TrimLeft(text, "+-"))
		if n.neg {
			x = -x
		}
		return x, ""
	}
	if width != 32 {
		width = 64
	}
	x, err := strconv.ParseFloat(string(text), width)
	if err != nil {
		return 0, Range
	}
	first, end := n.significant()
	digits := end - first
	if digits == 0 {
		return x, ""
	}
	sure, least := 15, 0x1p-1022
	if width == 32 {
		sure, least = 6, 0x1p-126
	}
	abs := math.Abs(x)
	if abs == 0 {
		return 0, Range
	}
	if digits <= sure && abs >= least {
		return x, ""
	}
	if digits > maxFloatDigits {
		return 0, Scale
	}
	var buf [64]byte
	printed := strconv.AppendFloat(buf[:0], abs, 'e', digits-1, 64)
	for i, j := 0, first; j < end; i++ {
		if printed[i] == '.' {
			continue
		}
		if printed[i] != n.digit(j) {
			return n.shortest(x, width, first, end)
		}
		j++
	}
	return x, ""
}

// shortest accepts the fewest digits that identify x: near the ends of the subnormal range they are not always x rounded.
func (n *number) shortest(x float64, width, first, end int) (float64, Code) {
	var buf [64]byte
	printed := strconv.AppendFloat(buf[:0], math.Abs(x), 'e', -1, width)
	j := first
	for _, c := range printed {
		if c == 'e' {
			break
		}
		if c == '.' {
			continue
		}
		if j == end || c != n.digit(j) {
			return 0, Scale
		}
		j++
	}
	if j != end {
		return 0, Scale
	}
	return x, ""
}

// significant returns the first digit that is not zero and the end of the last one.
func (n *number) significant() (first, end int) {
	end = len(n.whole) + len(n.frac)
	for first < end && n.digit(first) == '0' {
		first++
	}
	for end > first && n.digit(end-1) == '0' {
		end--
	}
	return first, end
}

func appendParsedDecimal(v *Vector, t *Type, text []byte) Code {
	if v.Form == FormBytes {
		data, code := appendDecimal(v.Data, text, t.Precision, t.Scale)
		if code != "" {
			return code
		}
		v.Data = data
		v.CloseBytes()
		return ""
	}
	x, code := Int128FromText(text, t.Precision, t.Scale)
	if code != "" {
		return code
	}
	if v.Form == FormInt64 {
		v.AppendInt64(int64(x[0]))
	} else {
		v.AppendInt128(x)
	}
	return ""
}

func appendParsedBits(v *Vector, t *Type, text []byte) Code {
	for _, c := range text {
		if c != '0' && c != '1' {
			return WrongType
		}
	}
	if len(text) != t.bitLength() {
		return Shape
	}
	if v.Form == FormUint64 {
		var x uint64
		for _, c := range text {
			x = x<<1 | uint64(c-'0')
		}
		v.AppendUint64(x)
		return ""
	}
	start := len(v.Data)
	v.Data = slices.Grow(v.Data, (len(text)+7)/8)[:start+(len(text)+7)/8]
	clear(v.Data[start:])
	for i, c := range text {
		v.Data[start+i>>3] |= (c - '0') << (7 - i&7)
	}
	v.CloseBytes()
	return ""
}

func appendCharacters(v *Vector, t *Type, text []byte) Code {
	if code := fitCharacters(t, text); code != "" {
		return code
	}
	v.AppendBytes(text)
	return ""
}

func appendHex(v *Vector, t *Type, text []byte) Code {
	if t.Kind == Bytes && len(text)%2 == 0 {
		if code := fitBytes(t, len(text)/2); code != "" {
			return code
		}
	}
	start := len(v.Data)
	data, err := hex.AppendDecode(v.Data, text)
	if err != nil {
		v.Data = data[:start]
		return WrongType
	}
	v.Data = data
	v.CloseBytes()
	return ""
}

func parseUUID(text []byte) (x [16]byte, ok bool) {
	if len(text) == 36 {
		if text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
			return x, false
		}
		at := 0
		for _, part := range [...][]byte{text[:8], text[9:13], text[14:18], text[19:23], text[24:]} {
			n, err := hex.Decode(x[at:], part)
			if err != nil {
				return x, false
			}
			at += n
		}
		return x, true
	}
	if len(text) != 32 {
		return x, false
	}
	_, err := hex.Decode(x[:], text)
	return x, err == nil
}

func hasLabel(labels []string, text []byte) bool {
	for _, label := range labels {
		if label == string(text) {
			return true
		}
	}
	return false
}

// appendSet puts the labels of a set in declaration order, each once.
func appendSet(v *Vector, t *Type, text []byte) Code {
	if len(t.Labels) == 0 || len(text) == 0 {
		return appendCharacters(v, t, text)
	}
	for label := range bytes.SplitSeq(text, []byte{','}) {
		if !hasLabel(t.Labels, label) {
			return Range
		}
	}
	start := len(v.Data)
	for _, label := range t.Labels {
		for part := range bytes.SplitSeq(text, []byte{','}) {
			if string(part) != label {
				continue
			}
			if len(v.Data) > start {
				v.Data = append(v.Data, ',')
			}
			v.Data = append(v.Data, label...)
			break
		}
	}
	v.CloseBytes()
	return ""
}
