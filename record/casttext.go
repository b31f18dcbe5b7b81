package record

import (
	"math"
	"strconv"
)

func itoa(n int) string { return strconv.Itoa(n) }

// maxText returns the most characters that the text form of a value has, all of them ASCII; 0: no limit or not ASCII.
func (t *Type) maxText() int64 {
	switch t.Kind {
	case Bool:
		return 5
	case Int, Uint:
		return 20
	case Float:
		return 25
	case Decimal:
		if t.Precision == 0 {
			return 0
		}
		return int64(max(t.Precision, t.Scale)+max(-t.Scale, 0)) + 3
	case UUID:
		return 36
	case Bit:
		return int64(t.bitLength())
	case Bytes:
		return t.Length * 2
	case Year:
		return 4
	}
	return 0
}

// decideToText: every value has an exact text form.
func (c *Cast) decideToText() {
	from, to := &c.From, &c.To
	longest := from.maxText()
	run := loopToText
	unchecked := true
	switch from.Kind {
	case Text:
		longest = 0
		if from.Length > 0 {
			longest = from.Length * [3][3]int64{Chars: {1, 4, 2}, Octets: {1, 1, 1}, UTF16: {1, 3, 1}}[from.Unit][to.Unit]
		}
		run = loopText
	case Enum, JSON, Set, Native:
		run = loopText
	case Bytes:
		c.set(Checked, "bytes that are not UTF-8 are marked UTF8", loopText)
		return
	}
	if to.Fixed && !from.Fixed && run == loopText {
		unchecked = false
	}
	if to.Length > 0 && (longest == 0 || longest > to.Length) {
		unchecked = false
	}
	if unchecked {
		c.set(Widening, "", run)
		return
	}
	c.set(Checked, "texts that "+to.String()+" does not hold whole are marked TRUNC", run)
}

// castToText writes text forms, which are valid ASCII text.
func castToText(c *Cast, o *castOutput, src *Vector) {
	dst, most := o.dst, c.To.Length
	for i := range src.Len {
		if src.Null(i) {
			dst.AppendNull()
			continue
		}
		start := len(dst.Data)
		dst.Data = AppendText(dst.Data, &c.From, src, i)
		if most > 0 && int64(len(dst.Data)-start) > most && textLength(dst.Data[start:], c.To.Unit) > most {
			dst.Data = dst.Data[:start]
			o.mark(c, src, i, Trunc)
			continue
		}
		dst.CloseBytes()
	}
}

// castText copies cells that are their own text form.
func castText(c *Cast, o *castOutput, src *Vector) {
	check := c.Decision != Widening
	trailing := c.To.Fixed && !c.From.Fixed
	for i := range src.Len {
		if src.Null(i) {
			o.dst.AppendNull()
			continue
		}
		x := src.Bytes(i)
		if check {
			code := fitText(&c.To, x)
			if code == "" && trailing && len(x) > 0 && x[len(x)-1] == ' ' {
				code = Trunc // a fixed-length text gives blanks at its end up
			}
			if code != "" {
				o.markRaw(i, code, x)
				continue
			}
		}
		o.dst.AppendBytes(x)
	}
}

// markRaw makes cell i a NULL and a mark of the bytes themselves.
func (o *castOutput) markRaw(i int, code Code, raw []byte) {
	o.dst.AppendNull()
	o.marks = append(o.marks, Mark{Row: i, Col: o.col, Code: code, Raw: append([]byte(nil), raw...)})
}

// decideToJSON: numbers and truth values are JSON as they are written; a text has to be JSON.
func (c *Cast) decideToJSON() {
	switch c.From.Kind {
	case Bool, Int, Uint, Decimal:
		c.set(Widening, "", loopToText)
	case Float:
		c.set(Checked, "NaN and infinities are marked NONFINITE", loopFloatToJSON)
	case Text, Native:
		c.set(Checked, "texts that are not JSON are marked TYPE", loopFromText)
	case Bytes:
		c.set(Checked, "bytes that are not JSON are marked TYPE or UTF8", loopFromText)
	}
}

func castFloatToJSON(c *Cast, o *castOutput, src *Vector) {
	for i, x := range src.Float64 {
		switch {
		case src.Null(i):
			o.dst.AppendNull()
		case math.IsNaN(x) || math.IsInf(x, 0):
			o.mark(c, src, i, NonFinite)
		default:
			o.dst.Data = AppendText(o.dst.Data, &c.From, src, i)
			o.dst.CloseBytes()
		}
	}
}

// decideFromText: a text becomes what its text form means, or is marked.
func (c *Cast) decideFromText() {
	to := &c.To
	switch to.Kind {
	case Bytes:
		switch {
		case c.From.Kind != Text:
			return
		case to.Length == 0 || c.From.Length > 0 && !to.Fixed && c.From.Unit == Octets && c.From.Length <= to.Length:
			c.set(Widening, "", loopBytes)
		default:
			c.set(Checked, "texts of another length than "+to.String()+" takes are marked TRUNC or SHAPE", loopBytes)
		}
	case Document, List, Geometry:
		return
	case Native:
		c.set(Widening, "", loopCopy)
	default:
		c.set(Checked, "texts that are no "+to.String()+" are marked", loopFromText)
	}
}

func castFromText(c *Cast, o *castOutput, src *Vector) {
	for i := range src.Len {
		if src.Null(i) {
			o.dst.AppendNull()
			continue
		}
		if code := AppendParsed(o.dst, &c.To, src.Bytes(i)); code != "" {
			o.markRaw(i, code, src.Bytes(i))
		}
	}
}

// castBytes checks lengths only.
func castBytes(c *Cast, o *castOutput, src *Vector) {
	for i := range src.Len {
		if src.Null(i) {
			o.dst.AppendNull()
			continue
		}
		x := src.Bytes(i)
		if code := fitBytes(&c.To, len(x)); code != "" {
			o.markRaw(i, code, x)
			continue
		}
		o.dst.AppendBytes(x)
	}
}
