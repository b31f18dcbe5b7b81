package record

import (
	"bytes"
	"math"
	"strconv"
	"strings"
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

// textChecks are what a cast between texts looks at in each cell.
type textChecks uint8

const (
	checkValid      textChecks = 1 << iota // the bytes may be no text
	checkLength                            // texts may be too long
	checkBlanks                            // a fixed-length text gives blanks at its end up
	checkCharacters                        // the store may lack characters
)

// decideToText: every value has an exact text form.
func (c *Cast) decideToText() {
	from, to := &c.From, &c.To
	longest, run := from.maxText(), loopToText
	switch from.Kind {
	case List:
		if from.Elem != nil {
			run = loopListText
			c.checkCharacters()
		}
	case Text, Enum, Set, JSON, Native, Bytes:
		run = loopText
		if to.Fixed && !from.Fixed {
			c.checks |= checkBlanks
		}
		c.checkCharacters()
	}
	switch from.Kind {
	case Text:
		if from.Length > 0 {
			longest = from.Length * [3][3]int64{Chars: {1, 4, 2}, Octets: {1, 1, 1}, UTF16: {1, 3, 1}}[from.Unit][to.Unit]
		}
	case Bytes:
		c.checks |= checkValid
	}
	if to.Length > 0 && (longest == 0 || longest > to.Length) {
		c.checks |= checkLength
	}
	c.setText(run)
}

// checkCharacters makes the cast look for characters that the target lacks, when a text of the source can have one.
func (c *Cast) checkCharacters() {
	if source := c.textSource(); !source.within(&c.To) {
		c.checks |= checkCharacters
	}
}

// textSource is the type whose texts the source's cells are. A JSON text has no U+0000 but as an escape, nor has a list's.
func (c *Cast) textSource() Type {
	switch c.From.Kind {
	case Bytes:
		return Type{Kind: Text}
	case JSON:
		return Type{Kind: Text, NoNUL: true}
	case List:
		return Type{Kind: Text, NoNUL: true, Charset: c.From.innermost().listCharset()}
	}
	return c.From
}

// setText decides a cast of texts by what has to be looked at.
func (c *Cast) setText(run loop) {
	if c.checks == 0 {
		c.set(Widening, "", run)
		return
	}
	var loss []string
	if c.checks&checkValid != 0 {
		loss = append(loss, "bytes that are not UTF-8 are marked UTF8")
	}
	if c.checks&(checkLength|checkBlanks) != 0 {
		loss = append(loss, "texts that "+c.To.String()+" does not hold whole are marked TRUNC")
	}
	if c.checks&checkCharacters != 0 {
		source := c.textSource()
		loss = append(loss, characterLoss(&source, &c.To)...)
	}
	c.set(Checked, strings.Join(loss, "; "), run)
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

// toCheck looks at a whole column of texts, for characters and for the lengths that need counting, and returns what has to be looked at
// in each cell.
func (c *Cast) toCheck(src *Vector) textChecks {
	checks := c.checks
	if checks&checkCharacters != 0 && checks&checkValid == 0 && c.To.holdsCharacters(src.Data) {
		checks &^= checkCharacters
	}
	if checks&checkLength != 0 && src.longest() <= c.To.Length {
		checks &^= checkLength // as many bytes are never more characters
	}
	return checks
}

// castText copies cells that are their own text form.
func castText(c *Cast, o *castOutput, src *Vector) {
	checks := c.toCheck(src)
	if checks == 0 {
		castCopy(c, o, src)
		return
	}
	for i := range src.Len {
		if src.Null(i) {
			o.dst.AppendNull()
			continue
		}
		x := src.Bytes(i)
		code := fitText(&c.To, x)
		if code == "" && checks&checkBlanks != 0 && len(x) > 0 && x[len(x)-1] == ' ' {
			code = Trunc
		}
		if code != "" {
			o.markRaw(i, code, x)
			continue
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
		if c.From.Finite {
			c.set(Widening, "", loopToText)
			return
		}
		c.set(Checked, "NaN and infinities are marked NONFINITE", loopFloatToJSON)
	case JSON:
		c.set(Checked, "JSON with the escape of U+0000 is marked NUL, with half a surrogate pair UTF8", loopJSON)
	case Text, Native:
		c.set(Checked, "texts that are not JSON are marked TYPE"+c.escapeLoss(), loopFromText)
	case List:
		c.decideListJSON()
	case Bytes:
		c.set(Checked, "bytes that are not JSON are marked TYPE or UTF8"+c.escapeLoss(), loopFromText)
	}
}

// escapeLoss says what JSON of a store without U+0000 does not hold either.
func (c *Cast) escapeLoss() string {
	if !c.To.NoNUL {
		return ""
	}
	return "; those with the escape of U+0000 NUL, with half a surrogate pair UTF8"
}

// unescaped reports whether no JSON of a column has an escape by number.
func unescaped(src *Vector) bool { return !bytes.Contains(src.Data, []byte(`\u`)) }

// castJSON looks for escapes, first in the whole column, for what a store without U+0000 refuses.
func castJSON(c *Cast, o *castOutput, src *Vector) {
	if unescaped(src) {
		castCopy(c, o, src)
		return
	}
	for i := range src.Len {
		if src.Null(i) {
			o.dst.AppendNull()
			continue
		}
		if code := fitEscapes(src.Bytes(i)); code != "" {
			o.markRaw(i, code, src.Bytes(i))
			continue
		}
		o.dst.AppendBytes(src.Bytes(i))
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
	case Document:
		return
	case List:
		c.decideToList()
	case Native:
		c.checkCharacters()
		c.setText(loopText)
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
