package record

import (
	"bytes"
	"encoding/hex"
	"math"
	"slices"
	"strings"
)

// innermost returns the type of the elements of a list, of which these are lists themselves that of theirs.
func (t *Type) innermost() *Type {
	for t.Kind == List && t.Elem != nil {
		t = t.Elem
	}
	return t
}

// listCharset is the charset of a list's text form: ASCII where its elements' text forms are.
func (t *Type) listCharset() string {
	if textual(t.Kind) && t.Kind != Decimal {
		return t.Charset
	}
	return "ascii"
}

// decideList covers lists among each other, and lists from and to JSON and sets.
func (c *Cast) decideList() {
	from, to := &c.From, &c.To
	switch {
	case from.Kind == List && from.Elem == nil || to.Kind == List && to.Elem == nil:
		c.Loss = "a list without the type of its elements"
	case from.Kind == List && to.Kind == List:
		c.elem = NewCast(*from.Elem, *to.Elem, CastOptions{Zone: c.zone})
		c.set(c.elem.Decision, c.elem.Loss, loopList)
		if c.elem.Decision == Refused {
			c.run = loopNone
		} else if c.Loss != "" {
			c.Loss = "of the elements, which mark the whole list: " + c.Loss
		}
	case from.Kind == JSON:
		c.decideToList()
	case from.Kind == Set && to.Elem != nil && (to.Elem.Kind == Text || to.Elem.Kind == Enum):
		c.set(Checked, "sets with a label that "+to.Elem.String()+" does not hold are marked", loopSetList)
		if label := NewCast(Type{Kind: Enum, Labels: from.Labels, NoNUL: from.NoNUL, Charset: from.Charset}, *to.Elem, CastOptions{}); label.Decision <= Widening && to.Elem.Length == 0 {
			c.Decision, c.Loss = Widening, ""
		}
	case to.Kind == Set && from.Elem != nil && (from.Elem.Kind == Text || from.Elem.Kind == Enum):
		c.set(Checked, "lists that are no set are marked: SHAPE, when they name a label twice, in another order or NULL; RANGE, when the set lacks it", loopListSet)
	}
}

// decideToList covers lists that are read from a text or from JSON.
func (c *Cast) decideToList() {
	switch elem := c.To.innermost(); {
	case elem.Kind == List:
		c.Loss = "a list without the type of its elements"
	case c.From.Kind == JSON && (elem.Kind == Document || elem.Kind == Geometry):
		c.Loss = "JSON has no " + elem.Kind.String()
	case c.From.Kind == JSON:
		c.set(Checked, "JSON that is no array of "+c.To.Elem.String()+" is marked TYPE, one that is no rectangle SHAPE", loopToList)
	default:
		c.set(Checked, "texts that are no "+c.To.String()+" are marked", loopToList)
	}
}

func (c *Cast) decideListJSON() {
	elem := c.From.innermost()
	loss := []string{"lists whose lower bounds are not 1 are marked SHAPE"}
	switch elem.Kind {
	case List:
		c.Loss = "a list without the type of its elements"
		return
	case Document:
		c.Loss = "no exact conversion of documents to JSON"
		return
	case Float:
		if !elem.Finite {
			loss = append(loss, "with NaN or infinities NONFINITE")
		}
	case JSON:
		loss = append(loss, "the JSON value null and NULL are both null")
	case Bytes, Geometry:
		loss = append(loss, elem.Kind.String()+" are strings of hex digits")
	}
	if c.To.NoNUL && !elem.NoNUL {
		loss = append(loss, "with U+0000 are marked NUL")
	}
	c.set(Checked, strings.Join(loss, "; "), loopListJSON)
}

// castToList reads texts and JSON.
func castToList(c *Cast, o *castOutput, src *Vector) {
	b := NewListBuilder(c.To.Elem)
	parse := b.AppendParsed
	if c.From.Kind == JSON {
		parse = b.appendJSON
	}
	for i := range src.Len {
		if src.Null(i) {
			o.dst.AppendNull()
			continue
		}
		if code := parse(o.dst, src.Bytes(i)); code != "" {
			o.markRaw(i, code, src.Bytes(i))
		}
	}
}

// castList casts the elements of each list.
func castList(c *Cast, o *castOutput, src *Vector) {
	r, b := NewListReader(c.From.Elem), NewListBuilder(c.To.Elem)
	var marks []Mark
	for i := range src.Len {
		if src.Null(i) {
			o.dst.AppendNull()
			continue
		}
		if !r.Open(src.Bytes(i)) {
			o.markRaw(i, WrongType, src.Bytes(i))
			continue
		}
		b.Begin(o.dst, r.Dims, r.Bounds)
		for marks = marks[:0]; len(marks) == 0 && r.fill(); b.flush() {
			marks = c.elem.Apply(b.elems, r.elems, 0, marks)
		}
		if len(marks) > 0 {
			b.Cancel()
			o.mark(c, src, i, marks[0].Code)
			continue
		}
		if code := b.End(); code != "" {
			o.mark(c, src, i, code)
		}
	}
}

// castListText writes the text forms of lists.
func castListText(c *Cast, o *castOutput, src *Vector) {
	r := NewListReader(c.From.Elem)
	for i := range src.Len {
		if src.Null(i) {
			o.dst.AppendNull()
			continue
		}
		start := len(o.dst.Data)
		o.dst.Data = r.AppendText(o.dst.Data, src.Bytes(i))
		code := Code("")
		if c.checks != 0 {
			code = fitText(&c.To, o.dst.Data[start:])
		}
		o.end(c, src, i, start, code)
	}
}

// end ends cell i, whose bytes were appended from start on; with a code it is a mark instead.
func (o *castOutput) end(c *Cast, src *Vector, i, start int, code Code) {
	if code == "" {
		o.dst.CloseBytes()
		return
	}
	o.dst.Data = o.dst.Data[:start]
	o.mark(c, src, i, code)
}

// castListJSON writes lists as nested JSON arrays.
func castListJSON(c *Cast, o *castOutput, src *Vector) {
	w := newListWriter(c.From.Elem)
	for i := range src.Len {
		if src.Null(i) {
			o.dst.AppendNull()
			continue
		}
		start := len(o.dst.Data)
		var code Code
		o.dst.Data, code = w.append(o.dst.Data, src.Bytes(i))
		array := o.dst.Data[start:]
		if code == "" && c.To.NoNUL {
			code = fitEscapes(array)
		}
		if code == "" && !w.r.Plain() {
			// The mark has the array that the policy json takes, its bounds before it.
			raw := append(w.r.appendBounds(nil), array...)
			o.dst.Data = o.dst.Data[:start]
			o.markRaw(i, Shape, raw)
			continue
		}
		o.end(c, src, i, start, code)
	}
}

// listWriter writes lists as JSON.
type listWriter struct {
	r     *ListReader
	inner *listWriter // of elements that are lists
	elem  func(dst []byte, v *Vector, row int) []byte
	code  Code
}

func newListWriter(elem *Type) *listWriter {
	w := &listWriter{r: NewListReader(elem)}
	if elem.Kind == List {
		w.inner = newListWriter(elem.Elem)
	}
	w.elem = w.appendElement
	return w
}

// append appends the array of a cell, whose bounds are left to the caller, or says why it has none.
func (w *listWriter) append(dst, cell []byte) ([]byte, Code) {
	if !w.r.Open(cell) {
		return dst, WrongType
	}
	w.code = ""
	dst = w.r.AppendNested(dst, w.elem)
	return dst, w.code
}

func (w *listWriter) appendElement(dst []byte, v *Vector, row int) []byte {
	switch w.r.elem.Kind {
	case JSON:
		return append(dst, v.Bytes(row)...)
	case Float:
		if x := v.Float64[row]; math.IsNaN(x) || math.IsInf(x, 0) {
			w.code = NonFinite
		}
	case Geometry:
		ewkb, ok := AppendEWKB(nil, v.Bytes(row))
		if !ok {
			w.code = WrongType
		}
		return append(hex.AppendEncode(append(dst, '"'), ewkb), '"')
	case List:
		dst, code := w.inner.append(dst, v.Bytes(row))
		if code == "" && !w.inner.r.Plain() {
			code = Shape
		}
		w.code = max(w.code, code)
		return dst
	}
	return w.r.appendElementText(dst, v, row)
}

// castSetList makes lists of the labels of sets.
func castSetList(c *Cast, o *castOutput, src *Vector) {
	b := NewListBuilder(c.To.Elem)
	for i := range src.Len {
		if src.Null(i) {
			o.dst.AppendNull()
			continue
		}
		labels := src.Bytes(i)
		n := 0
		if len(labels) > 0 {
			n = bytes.Count(labels, []byte{','}) + 1
		}
		b.Begin(o.dst, []int32{int32(n)}, nil)
		code := Code("")
		for range n {
			label, rest, _ := bytes.Cut(labels, []byte{','})
			labels = rest
			if code = appendParsed(b.elems, &b.elem, label); code != "" {
				break
			}
			b.Next()
		}
		if code != "" {
			b.Cancel()
			o.markRaw(i, code, src.Bytes(i))
			continue
		}
		b.End()
	}
}

// castListSet makes sets of lists of labels.
func castListSet(c *Cast, o *castOutput, src *Vector) {
	r := NewListReader(c.From.Elem)
	for i := range src.Len {
		if src.Null(i) {
			o.dst.AppendNull()
			continue
		}
		start := len(o.dst.Data)
		code := WrongType
		if r.Open(src.Bytes(i)) {
			code = r.appendSet(o.dst, &c.To)
		}
		o.end(c, src, i, start, code)
	}
}

// appendSet appends the elements as the labels of a set, which a set has to be able to give back as they are.
func (r *ListReader) appendSet(dst *Vector, set *Type) Code {
	if len(r.Dims) > 1 || r.Nulls > 0 || !r.Plain() {
		return Shape
	}
	start, last := len(dst.Data), -1
	for row, ok := r.Next(); ok; row, ok = r.Next() {
		label := r.elems.Bytes(row)
		if len(label) == 0 || bytes.IndexByte(label, ',') >= 0 {
			return Shape
		}
		if len(set.Labels) > 0 {
			at := slices.Index(set.Labels, string(label))
			if at < 0 {
				return Range
			}
			if at <= last {
				return Shape
			}
			last = at
		} else if code := fitCharacters(set, label); code != "" {
			return code
		} else if hasPart(dst.Data[start:], label) {
			return Shape
		}
		if len(dst.Data) > start {
			dst.Data = append(dst.Data, ',')
		}
		dst.Data = append(dst.Data, label...)
	}
	return ""
}

// hasPart reports whether a label is among those of a set.
func hasPart(set, label []byte) bool {
	for part := range bytes.SplitSeq(set, []byte{','}) {
		if bytes.Equal(part, label) {
			return true
		}
	}
	return false
}
