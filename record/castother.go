package record

import (
	"math"
	"strconv"
	"strings"
)

// decideInexact covers floats, and decimals that are kept as text.
func (c *Cast) decideInexact() {
	from, to := &c.From, &c.To
	switch {
	case from.Kind == Float && to.Kind == Float:
		c.decideFloat()
	case to.Kind == Float && (from.Kind == Int || from.Kind == Year):
		c.set(Checked, "integers that the float does not hold exactly are marked SCALE", loopIntFloat)
		if mantissa(to) >= from.Bits && from.Bits > 0 || from.Kind == Year {
			c.Decision, c.Loss = Widening, ""
		}
	case to.Kind == Float && (from.Kind == Uint || from.Kind == Bit && from.Form() == FormUint64):
		c.set(Checked, "integers that the float does not hold exactly are marked SCALE", loopUintFloat)
		if _, hi, _ := from.bounds(); hi[0] <= 1<<mantissa(to) {
			c.Decision, c.Loss = Widening, ""
		}
	case from.Kind == Float && (to.Kind == Int || to.Kind == Uint):
		c.set(Checked, "fractions are marked SCALE, others RANGE or NONFINITE; −0 becomes 0", loopFloatInt)
	case from.Kind == Float && to.Kind == Decimal:
		c.set(Checked, "values whose shortest text the decimal does not hold are marked SCALE, RANGE or NONFINITE; −0 becomes 0", loopThroughText)
	case from.Kind == Decimal && to.Kind == Float:
		c.set(Checked, "values that do not come back from the float with the same digits are marked SCALE", loopThroughText)
	case from.Kind == Decimal && (to.Kind == Decimal || to.Kind == Int || to.Kind == Uint):
		c.set(Checked, "values that "+to.String()+" does not hold are marked RANGE or SCALE", loopThroughText)
		if to.Kind == Decimal && to.Precision == 0 || holdsDecimal(from, to) {
			c.Decision, c.Loss = Widening, ""
		}
	case (from.Kind == Int || from.Kind == Uint || from.Kind == Year) && to.Kind == Decimal:
		c.set(Checked, "values that "+to.String()+" does not hold are marked RANGE", loopThroughText)
		if to.Precision == 0 || to.Precision-to.Scale >= 20 {
			c.Decision, c.Loss = Widening, ""
		}
	}
}

// decideFloat covers floats among each other.
func (c *Cast) decideFloat() {
	var loss []string
	if c.To.Bits < c.From.Bits {
		loss = append(loss, "values that no float32 is are marked SCALE or RANGE")
	}
	if c.To.Finite && !c.From.Finite {
		loss = append(loss, "NaN and infinities are marked NONFINITE")
	}
	if c.To.NoMinusZero && !c.From.NoMinusZero {
		loss = append(loss, "−0 becomes 0")
	}
	switch {
	case len(loss) == 0:
		c.set(Widening, "", loopCopy)
	case c.To.Bits < c.From.Bits:
		c.set(Checked, strings.Join(loss, "; "), loopFloat32)
	default:
		c.set(Checked, strings.Join(loss, "; "), loopFloat)
	}
}

func holdsDecimal(from, to *Type) bool {
	return from.Precision > 0 && to.Kind == Decimal && to.Scale >= from.Scale && to.Precision-to.Scale >= from.Precision-from.Scale
}

// mantissa returns the bits of whole numbers that a float holds without gaps.
func mantissa(t *Type) int {
	if t.Bits == 32 {
		return 24
	}
	return 53
}

// floatsHeld reports whether the store of t holds all values as they are: x-x is zero for those that are finite.
func (t *Type) floatsHeld(values []float64) bool {
	if t.Finite {
		sum := 0.0
		for _, x := range values {
			sum += x - x
		}
		if sum != 0 {
			return false
		}
	}
	if t.NoMinusZero {
		const minusZero = 1 << 63
		for _, x := range values {
			if math.Float64bits(x) == minusZero {
				return false
			}
		}
	}
	return true
}

// storedFloat is what the store of t makes of a float that it holds.
func (t *Type) storedFloat(x float64) float64 {
	if x == 0 && t.NoMinusZero {
		return 0
	}
	return x
}

func castFloat(c *Cast, o *castOutput, src *Vector) {
	if c.To.floatsHeld(src.Float64) {
		castCopy(c, o, src)
		return
	}
	finite := c.To.Finite
	for i, x := range src.Float64 {
		switch {
		case src.Null(i):
			o.dst.AppendNull()
		case finite && x-x != 0:
			o.mark(c, src, i, NonFinite)
		default:
			o.dst.AppendFloat64(c.To.storedFloat(x))
		}
	}
}

func castFloat32(c *Cast, o *castOutput, src *Vector) {
	finite := c.To.Finite
	for i, x := range src.Float64 {
		narrow := float64(float32(x))
		switch {
		case src.Null(i):
			o.dst.AppendNull()
		case finite && x-x != 0:
			o.mark(c, src, i, NonFinite)
		case narrow == x || math.IsNaN(x):
			o.dst.AppendFloat64(c.To.storedFloat(x))
		case math.IsInf(narrow, 0):
			o.mark(c, src, i, Range)
		default:
			o.mark(c, src, i, Scale)
		}
	}
}

func castIntFloat(c *Cast, o *castOutput, src *Vector) {
	limit := int64(1) << mantissa(&c.To)
	for i, x := range src.Int64 {
		switch {
		case src.Null(i):
			o.dst.AppendNull()
		case x >= -limit && x <= limit || fitsFloat(uint64(max(x, -x)), mantissa(&c.To)):
			o.dst.AppendFloat64(float64(x))
		default:
			o.mark(c, src, i, Scale)
		}
	}
}

func castUintFloat(c *Cast, o *castOutput, src *Vector) {
	for i, x := range src.Uint64 {
		switch {
		case src.Null(i):
			o.dst.AppendNull()
		case fitsFloat(x, mantissa(&c.To)):
			o.dst.AppendFloat64(float64(x))
		default:
			o.mark(c, src, i, Scale)
		}
	}
}

// fitsFloat reports whether the magnitude m has at most so many bits between its first and its last.
func fitsFloat(m uint64, bits int) bool {
	if m == 0 {
		return true
	}
	for m&1 == 0 {
		m >>= 1
	}
	return m < 1<<bits
}

// castFloatInt takes whole numbers, all of whose digits count: the shortest text of a large one is another number.
func castFloatInt(c *Cast, o *castOutput, src *Vector) {
	least, _ := c.To.intRange()
	limit := -float64(least) // one more than the greatest, a power of two
	if c.To.Kind == Uint {
		least, limit = 0, math.Ldexp(1, c.To.bitLength())
	}
	for i, x := range src.Float64 {
		switch {
		case src.Null(i):
			o.dst.AppendNull()
		case math.IsNaN(x) || math.IsInf(x, 0):
			o.mark(c, src, i, NonFinite)
		case x < float64(least) || x >= limit:
			o.mark(c, src, i, Range)
		case x != math.Trunc(x):
			o.mark(c, src, i, Scale)
		case c.To.Kind == Uint:
			o.dst.AppendUint64(uint64(x))
		default:
			o.dst.AppendInt64(int64(x))
		}
	}
}

// castThroughText takes the text form of the value for the value: the shortest one of a float with a fraction, all digits
// of a whole one, and a float for a decimal only where that text is the decimal again.
func castThroughText(c *Cast, o *castOutput, src *Vector) {
	var buf, back [128]byte
	for i := range src.Len {
		if src.Null(i) {
			o.dst.AppendNull()
			continue
		}
		text := buf[:0]
		if src.Form == FormFloat64 {
			text = appendWhole(text, src.Float64[i], c.From.Bits)
		} else {
			text = AppendText(text, &c.From, src, i)
		}
		code := appendNumeric(o.dst, &c.To, text)
		if code == "" && c.To.Kind == Float && !equalNumbers(text, appendWhole(back[:0], o.dst.Float64[o.dst.Len-1], c.To.Bits)) {
			o.dst.cut(o.dst.Len - 1)
			code = Scale
		}
		if code != "" {
			o.mark(c, src, i, code)
		}
	}
}

// appendWhole writes all digits of a whole number, and the shortest text of others.
func appendWhole(dst []byte, x float64, bits int) []byte {
	if math.Trunc(x) == x && math.Abs(x) < 1e100 {
		return strconv.AppendFloat(dst, x, 'f', 0, 64)
	}
	return appendFloat(dst, x, bits)
}

// equalNumbers compares the values of two texts of finite numbers; the sign of zero does not count.
func equalNumbers(a, b []byte) bool {
	x, code1 := scanNumber(a, true)
	y, code2 := scanNumber(b, true)
	if code1 != "" || code2 != "" {
		return false
	}
	i, end := x.significant()
	j, last := y.significant()
	if end-i != last-j {
		return false
	}
	if end == i {
		return true
	}
	if x.neg != y.neg || len(x.whole)+x.exp-i != len(y.whole)+y.exp-j {
		return false
	}
	for ; i < end; i, j = i+1, j+1 {
		if x.digit(i) != y.digit(j) {
			return false
		}
	}
	return true
}

// decideOther covers the pairs of the remaining kinds.
func (c *Cast) decideOther() {
	from, to := &c.From, &c.To
	switch {
	case from.Kind == Bytes && to.Kind == Bytes:
		if !to.Fixed && (to.Length == 0 || from.Length > 0 && from.Length <= to.Length) {
			c.set(Widening, "", loopCopy)
			return
		}
		c.set(Checked, "bytes of another length than "+to.String()+" takes are marked TRUNC or SHAPE", loopBytes)
	case from.Kind == UUID && to.Kind == Bytes && (to.Length == 0 || to.Length == 16 || to.Length > 16 && !to.Fixed):
		c.set(Widening, "", loopUUIDBytes)
	case from.Kind == Bytes && to.Kind == UUID:
		c.set(Checked, "bytes of another length than 16 are marked SHAPE", loopBytesUUID)
	case (from.Kind == Enum || from.Kind == Set) && (to.Kind == Enum || to.Kind == Set):
		c.decideLabels()
	case from.Kind == Native && to.Kind == Native:
		if from.Name != to.Name {
			c.Loss = "types of different systems; a text column takes the text form"
			return
		}
		c.checkCharacters()
		c.setText(loopText)
	case from.Kind == Time && to.Kind == Interval || from.Kind == Interval && to.Kind == Time:
		c.decideTemporal()
	case from.Kind == Bit && to.Kind == Bit:
		c.Loss = "bit strings of different lengths"
	case from.Kind == to.Kind && (from.Kind == Geometry || from.Kind == Document):
		c.set(Same, "", loopCopy)
	}
}

func (c *Cast) decideLabels() {
	from, to := &c.From, &c.To
	if from.Kind == Set && to.Kind == Enum {
		c.Loss = "a set has more than one label"
		return
	}
	if len(to.Labels) == 0 {
		c.checkCharacters()
		c.setText(loopFromText)
		return
	}
	c.set(Checked, "labels that the target does not have are marked RANGE", loopFromText)
	if from.Kind == Enum && len(from.Labels) > 0 {
		for _, label := range from.Labels {
			if !hasLabel(to.Labels, []byte(label)) {
				return
			}
		}
		c.Decision, c.Loss = Widening, ""
	}
}

func castUUIDBytes(_ *Cast, o *castOutput, src *Vector) {
	for i := range src.Fixed16 {
		if src.Null(i) {
			o.dst.AppendNull()
			continue
		}
		o.dst.AppendBytes(src.Fixed16[i][:])
	}
}

func castBytesUUID(_ *Cast, o *castOutput, src *Vector) {
	for i := range src.Len {
		x := src.Bytes(i)
		switch {
		case src.Null(i):
			o.dst.AppendNull()
		case len(x) != 16:
			o.markRaw(i, Shape, x)
		default:
			o.dst.AppendFixed16([16]byte(x))
		}
	}
}
