package record

import "math"

// exactNumber reports whether values of t are integers × 10^-scale that an Int128 holds.
func exactNumber(t *Type) bool {
	switch t.Kind {
	case Bool, Int, Uint, Year:
		return true
	case Decimal, Bit:
		return t.Form() != FormBytes
	}
	return false
}

// bounds returns the least and the greatest value of an exact number, and its scale.
func (t *Type) bounds() (lo, hi int128, scale int) {
	switch t.Kind {
	case Bool:
		return int128{}, int128{1}, 0
	case Int:
		l, h := t.intRange()
		return Int128FromInt64(l), Int128FromInt64(h), 0
	case Year:
		return int128{}, int128{maxYear}, 0
	case Uint:
		return int128{}, int128{t.uintMax()}, 0
	case Bit:
		if n := t.bitLength(); n < 64 {
			return int128{}, int128{1<<n - 1}, 0
		}
		return int128{}, int128{math.MaxUint64}, 0
	}
	hi = sub128(pow10[t.Precision], int128{1})
	return neg128(hi), hi, t.Scale
}

func sub128(a, b int128) int128 { return add128(a, neg128(b)) }

func add128(a, b int128) int128 {
	lo := a[0] + b[0]
	hi := a[1] + b[1]
	if lo < a[0] {
		hi++
	}
	return int128{lo, hi}
}

// decideExact covers all pairs of exact numbers.
func (c *Cast) decideExact() {
	from, to := &c.From, &c.To
	if from.Kind == Bit && to.Kind == Bit {
		c.Loss = "bit strings of different lengths"
		return
	}
	lo, hi, scale := from.bounds()
	toLo, toHi, toScale := to.bounds()
	c.set(Checked, "", loopExact)
	switch {
	case scale > toScale:
		c.Loss = "values with more than " + itoa(toScale) + " fraction digits are marked SCALE"
		return
	case to.Kind == Year:
		c.Loss = "years other than 0 and 1901 to 2155 are marked RANGE"
		return
	}
	lo, ok1 := mulPow10(lo, toScale-scale)
	hi, ok2 := mulPow10(hi, toScale-scale)
	if ok1 && ok2 && cmp128(lo, toLo) >= 0 && cmp128(hi, toHi) <= 0 {
		c.Decision = Widening
	} else {
		c.Loss = "values outside the range of " + to.String() + " are marked RANGE"
	}
	c.pickInt64(toLo, toHi, toScale-scale)
}

// pickInt64 takes the fast loop where 64-bit integers become 64-bit integers, perhaps with more fraction digits.
func (c *Cast) pickInt64(toLo, toHi int128, shift int) {
	src, dst := c.From.Form(), c.To.Form()
	if shift > 18 || c.From.Kind == Bool || c.To.Kind == Bool {
		return
	}
	c.factor = int64(pow10[shift][0])
	toLo, _ = divPow10(toLo, shift)
	toHi, _ = divPow10(toHi, shift)
	if cmp128(toLo, Int128FromInt64(math.MinInt64)) < 0 {
		toLo = Int128FromInt64(math.MinInt64)
	}
	if cmp128(toHi, Int128FromInt64(math.MaxInt64)) > 0 {
		toHi = Int128FromInt64(math.MaxInt64)
	}
	c.lo, c.hi = int64(toLo[0]), int64(toHi[0])
	switch {
	case src == FormInt64 && dst == FormInt64:
		c.run = loopInt64
	case src == FormInt64 && dst == FormUint64:
		c.run = loopInt64Uint64
	case src == FormUint64 && dst == FormInt64:
		c.run = loopUint64Int64
	}
}

func castInt64(c *Cast, o *castOutput, src *Vector) {
	lo, hi, factor := c.lo, c.hi, c.factor
	if src.Nulls == 0 {
		for i, x := range src.Int64 {
			if x < lo || x > hi {
				o.mark(c, src, i, Range)
				continue
			}
			o.dst.AppendInt64(x * factor)
		}
		return
	}
	for i, x := range src.Int64 {
		switch {
		case src.Null(i):
			o.dst.AppendNull()
		case x < lo || x > hi:
			o.mark(c, src, i, Range)
		default:
			o.dst.AppendInt64(x * factor)
		}
	}
}

func castInt64Uint64(c *Cast, o *castOutput, src *Vector) {
	for i, x := range src.Int64 {
		switch {
		case src.Null(i):
			o.dst.AppendNull()
		case x < c.lo || x > c.hi:
			o.mark(c, src, i, Range)
		default:
			o.dst.AppendUint64(uint64(x * c.factor))
		}
	}
}

func castUint64Int64(c *Cast, o *castOutput, src *Vector) {
	for i, x := range src.Uint64 {
		switch {
		case src.Null(i):
			o.dst.AppendNull()
		case x > uint64(c.hi):
			o.mark(c, src, i, Range)
		default:
			o.dst.AppendInt64(int64(x) * c.factor)
		}
	}
}

// exactChunk is how many cells castExact holds as Int128 at a time, on its stack.
const exactChunk = 128

// castExact goes through Int128 in chunks: load, rescale and check, store; each step has its switch outside of its loop.
func castExact(c *Cast, o *castOutput, src *Vector) {
	var chunk [exactChunk]int128
	var codes [exactChunk]Code
	lo, hi, scale := c.To.bounds()
	shift := scale
	if c.From.Kind == Decimal {
		shift -= c.From.Scale
	}
	year := c.To.Kind == Year
	for start := 0; start < src.Len; start += exactChunk {
		n := min(exactChunk, src.Len-start)
		loadExact(chunk[:n], src, start)
		for i := range n {
			x, code := chunk[i], Code("")
			if shift != 0 {
				x, code = rescale128(x, 0, shift)
			}
			if code == "" && (cmp128(x, lo) < 0 || cmp128(x, hi) > 0 || year && x[0] != 0 && x[0] < minYear) {
				code = Range
			}
			chunk[i], codes[i] = x, code
		}
		c.storeExact(o, src, start, chunk[:n], codes[:n])
	}
}

func loadExact(chunk []int128, src *Vector, start int) {
	switch src.Form {
	case FormBool:
		for i := range chunk {
			chunk[i] = int128{uint64(src.Bits[(start+i)>>3] >> ((start + i) & 7) & 1)}
		}
	case FormInt64:
		for i, x := range src.Int64[start : start+len(chunk)] {
			chunk[i] = Int128FromInt64(x)
		}
	case FormUint64:
		for i, x := range src.Uint64[start : start+len(chunk)] {
			chunk[i] = int128{x}
		}
	case FormInt128:
		copy(chunk, src.Int128[start:])
	}
}

func (c *Cast) storeExact(o *castOutput, src *Vector, start int, chunk []int128, codes []Code) {
	form := o.dst.Form
	for i, x := range chunk {
		if src.Null(start + i) {
			o.dst.AppendNull()
			continue
		}
		if codes[i] != "" {
			o.mark(c, src, start+i, codes[i])
			continue
		}
		switch form {
		case FormBool:
			o.dst.AppendBool(x[0] == 1)
		case FormInt64:
			o.dst.AppendInt64(int64(x[0]))
		case FormUint64:
			o.dst.AppendUint64(x[0])
		case FormInt128:
			o.dst.AppendInt128(x)
		}
	}
}
