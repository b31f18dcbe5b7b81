package record

import "time"

// Decision is what a plan says of the conversion of a column.
type Decision uint8

// The decisions; there is no other.
const (
	Same     Decision = iota // the types are one
	Widening                 // every value of the source is a value of the target
	Checked                  // a value is kept exactly or marked
	Lossy                    // Loss says what goes; a job has to ask for it by name
	Refused                  // Loss says why
)

var decisionNames = [...]string{"same", "widening", "checked", "lossy", "refused"}

// String returns the decision's name, as plans show it.
func (d Decision) String() string { return decisionNames[d] }

// CastOptions are what a conversion needs to know beside the types.
type CastOptions struct {
	Zone *time.Location // of wall clocks that become instants or the reverse; nil: refused
}

// Cast converts the columns of one type to another. It is decided once a column and safe for concurrent use.
type Cast struct {
	From, To Type
	Decision Decision
	Loss     string // what may be marked, what is lost, or why it is refused; for people

	zone   *time.Location
	lo, hi int64 // of the source's integers, where a loop needs them
	factor int64
	checks textChecks
	elem   *Cast // of the elements of lists
	run    loop
}

// NewCast decides how values of one type become values of another.
func NewCast(from, to Type, o CastOptions) *Cast {
	c := &Cast{From: from, To: to, zone: o.Zone}
	c.decide()
	if c.run == loopNone {
		c.Decision = Refused
		if c.Loss == "" {
			c.Loss = "no exact conversion from " + from.String() + " to " + to.String()
		}
	}
	return c
}

// Apply appends the cells of src to dst, which carries To. A cell that does not fit becomes NULL and a mark of column col
// with the text form of the value; rows are counted from the first cell of src. A NULL stays NULL without a mark. It
// panics on a cast that is refused.
func (c *Cast) Apply(dst, src *Vector, col int, marks []Mark) []Mark {
	if c.run == loopNone {
		panic("record: apply a refused cast from " + c.From.String() + " to " + c.To.String())
	}
	out := castOutput{dst: dst, col: col, marks: marks}
	c.dispatch(&out, src)
	return out.marks
}

// Passes reports whether every cell of src is one of To as it is, so that the vector can be used in place of what Apply would make of
// it. The whole column is looked at, in one quick pass; the answer may be no where Apply would change nothing.
func (c *Cast) Passes(src *Vector) bool {
	switch c.run {
	case loopCopy:
		return true
	case loopText:
		return c.toCheck(src) == 0
	case loopJSON:
		return unescaped(src)
	case loopInt64:
		return c.factor == 1 && allWithin(src.Int64, c.lo, c.hi)
	case loopFloat:
		return c.To.floatsHeld(src.Float64)
	case loopLimited:
		return c.limited(src)
	case loopMoment:
		return c.sameMicros(src)
	}
	return false
}

// castOutput takes the cells that a cast makes.
type castOutput struct {
	dst   *Vector
	col   int
	marks []Mark
}

// mark makes cell i a NULL and a mark.
func (o *castOutput) mark(c *Cast, src *Vector, i int, code Code) {
	o.dst.AppendNull()
	o.marks = append(o.marks, Mark{Row: i, Col: o.col, Code: code, Raw: AppendText(nil, &c.From, src, i)})
}

func (c *Cast) set(d Decision, loss string, run loop) {
	c.Decision, c.Loss, c.run = d, loss, run
}

// decide picks the decision and the loop.
func (c *Cast) decide() {
	from, to := &c.From, &c.To
	if from.same(to) {
		c.set(Same, "", loopCopy)
		return
	}
	switch {
	case exactNumber(from) && exactNumber(to):
		c.decideExact()
	case from.Kind != to.Kind && (from.Kind == Geometry || to.Kind == Geometry):
		c.decideGeometry()
	case to.Kind == Text:
		c.decideToText()
	case to.Kind == JSON:
		c.decideToJSON()
	case from.Kind == Native && (to.Kind == Bool || numeric(to.Kind)):
		// the digits of a bit string, say, are no decimal ones
		c.Loss = "what the text of " + from.Name + " is as a number only its store knows; a text column takes the text"
	case from.Kind == Text || from.Kind == Native && to.Kind != Native:
		c.decideFromText()
	case from.Kind == List || to.Kind == List:
		c.decideList()
	case from.Kind == Float || to.Kind == Float || decimalText(from) || decimalText(to):
		c.decideInexact()
	case temporal(from.Kind) && temporal(to.Kind):
		c.decideTemporal()
	default:
		c.decideOther()
	}
}

// same reports whether every value and its storage are the same.
func (t *Type) same(u *Type) bool {
	if t.Kind != u.Kind || t.Bits != u.Bits || t.Precision != u.Precision || t.Scale != u.Scale || t.Length != u.Length ||
		t.Fixed != u.Fixed || t.Offset != u.Offset || t.Name != u.Name || len(t.Labels) != len(u.Labels) {
		return false
	}
	if t.Length > 0 && t.Kind == Text && t.Unit != u.Unit {
		return false
	}
	for i := range t.Labels {
		if t.Labels[i] != u.Labels[i] {
			return false
		}
	}
	if (t.Elem == nil) != (u.Elem == nil) || t.Elem != nil && !t.Elem.same(u.Elem) {
		return false
	}
	return t.within(u) && (u.Limits == nil || t.Limits != nil && t.Limits[0] >= u.Limits[0] && t.Limits[1] <= u.Limits[1])
}

func temporal(k Kind) bool { return k >= Date && k <= Interval }

// decimalText reports a decimal that is kept as text.
func decimalText(t *Type) bool { return t.Kind == Decimal && t.Form() == FormBytes }

// castCopy copies cells of equal form.
func castCopy(_ *Cast, o *castOutput, src *Vector) {
	dst := o.dst
	if src.Nulls > 0 || dst.Len > 0 || src.Form == FormBool {
		for i := range src.Len {
			dst.AppendCell(src, i)
		}
		return
	}
	switch src.Form {
	case FormInt64:
		dst.Int64 = append(dst.Int64, src.Int64...)
	case FormUint64:
		dst.Uint64 = append(dst.Uint64, src.Uint64...)
	case FormFloat64:
		dst.Float64 = append(dst.Float64, src.Float64...)
	case FormInt128:
		dst.Int128 = append(dst.Int128, src.Int128...)
	case FormFixed16:
		dst.Fixed16 = append(dst.Fixed16, src.Fixed16...)
	case FormBytes:
		dst.Data = append(dst.Data, src.Data...)
		dst.Offsets = append(dst.Offsets[:0], src.Offsets...)
	}
	dst.Len = src.Len
}
