package record

import "math"

// decideTemporal covers dates, times, wall clocks, instants and intervals among each other.
func (c *Cast) decideTemporal() {
	from, to := &c.From, &c.To
	moment := func(k Kind) bool { return k == Datetime || k == Instant }
	switch {
	case from.Kind == Date && to.Kind == Date:
		c.set(Checked, "dates outside the target's range are marked RANGE", loopLimited)
	case from.Kind == Time && to.Kind == Time:
		c.decidePrecision(loopTime)
	case from.Kind == Date && to.Kind == Datetime:
		c.set(Checked, "dates outside the target's range are marked RANGE", loopDateMoment)
	case from.Kind == Datetime && to.Kind == Date:
		c.set(Checked, "values that are not midnight are marked SCALE", loopMomentDate)
	case from.Kind == to.Kind && moment(from.Kind):
		c.decidePrecision(loopMoment)
		if from.Offset && !to.Offset {
			c.Decision, c.Loss = Lossy, "the original UTC offset is lost; the instant is kept"
		}
	case moment(from.Kind) && moment(to.Kind):
		c.decideZone()
	case from.Kind == Time && to.Kind == Interval:
		c.set(Widening, "", loopTimeInterval)
		if from.Precision > 6 {
			c.Decision, c.Loss = Checked, "times finer than a microsecond are marked SCALE"
		}
	case from.Kind == Interval && to.Kind == Time:
		c.set(Checked, "intervals of months or days are marked SHAPE", loopIntervalTime)
	}
}

func (c *Cast) decidePrecision(run loop) {
	limited := c.To.Limits != nil
	narrower := c.From.Form() == FormFixed16 && c.To.Form() == FormInt64
	switch {
	case c.From.Precision > c.To.Precision:
		c.set(Checked, "values finer than "+itoa(c.To.Precision)+" fraction digits are marked SCALE", run)
	case limited || narrower:
		c.set(Checked, "values outside the target's range are marked RANGE", run)
	default:
		c.set(Widening, "", run)
	}
}

func (c *Cast) decideZone() {
	if c.zone == nil {
		c.Loss = "a wall clock and an instant convert only with a declared zone"
		return
	}
	run := loopWallInstant
	loss := "wall clocks that do not exist or exist twice in the zone are marked TZGAP or TZAMBIG"
	if c.From.Kind == Instant {
		run, loss = loopInstantWall, "instants whose wall clock exists twice in the zone are marked TZAMBIG"
	}
	c.set(Checked, loss, run)
	if c.From.Offset {
		c.Decision, c.Loss = Lossy, "the original UTC offset is lost; "+loss
	}
}

// limited reports whether a whole column is within the target's limits.
func (c *Cast) limited(src *Vector) bool {
	l := c.To.Limits
	return l == nil || allWithin(src.Int64, l[0], l[1])
}

func castLimited(c *Cast, o *castOutput, src *Vector) {
	if c.limited(src) {
		castCopy(c, o, src)
		return
	}
	for i, x := range src.Int64 {
		if src.Null(i) {
			o.dst.AppendNull()
		} else if code := c.To.fitLimits(x); code != "" {
			o.mark(c, src, i, code)
		} else {
			o.dst.AppendInt64(x)
		}
	}
}

// nanosUnit returns the nanoseconds of the last digit of a precision.
func nanosUnit(precision int) int64 { return int64(pow10[9-min(max(precision, 0), 9)][0]) }

func castTime(c *Cast, o *castOutput, src *Vector) {
	unit := nanosUnit(c.To.Precision)
	for i, x := range src.Int64 {
		switch {
		case src.Null(i):
			o.dst.AppendNull()
		case x%unit != 0:
			o.mark(c, src, i, Scale)
		case c.To.fitLimits(x) != "":
			o.mark(c, src, i, Range)
		default:
			o.dst.AppendInt64(x)
		}
	}
}

func castDateMoment(c *Cast, o *castOutput, src *Vector) {
	for i, x := range src.Int64 {
		if src.Null(i) {
			o.dst.AppendNull()
			continue
		}
		if x > math.MaxInt64/secondsPerDay || x < math.MinInt64/secondsPerDay {
			o.mark(c, src, i, Range)
			continue
		}
		if code := appendMomentCell(o.dst, &c.To, x*secondsPerDay, 0, 0); code != "" {
			o.mark(c, src, i, code)
		}
	}
}

func castMomentDate(c *Cast, o *castOutput, src *Vector) {
	for i := range src.Len {
		if src.Null(i) {
			o.dst.AppendNull()
			continue
		}
		sec, nanos, _ := momentAt(src, i)
		days := floorDiv(sec, secondsPerDay)
		switch {
		case nanos != 0 || sec != days*secondsPerDay:
			o.mark(c, src, i, Scale)
		case c.To.fitLimits(days) != "":
			o.mark(c, src, i, Range)
		default:
			o.dst.AppendInt64(days)
		}
	}
}

// castMoment changes the precision and the form of a moment.
func castMoment(c *Cast, o *castOutput, src *Vector) {
	unit := int32(nanosUnit(c.To.Precision))
	if src.Form == FormInt64 && o.dst.Form == FormInt64 {
		castMicros(c, o, src, int64(unit)/1000)
		return
	}
	for i := range src.Len {
		if src.Null(i) {
			o.dst.AppendNull()
			continue
		}
		sec, nanos, offset := momentAt(src, i)
		if nanos%unit != 0 {
			o.mark(c, src, i, Scale)
			continue
		}
		if code := appendMomentCell(o.dst, &c.To, sec, nanos, offset); code != "" {
			o.mark(c, src, i, code)
		}
	}
}

// sameMicros reports whether a whole column of microseconds has moments of the target alone.
func (c *Cast) sameMicros(src *Vector) bool {
	if c.From.Precision > c.To.Precision || src.Form != FormInt64 || c.To.Form() != FormInt64 {
		return false
	}
	lo, hi := c.To.microLimits()
	return c.To.Limits == nil || allWithin(src.Int64, lo, hi)
}

// castMicros takes moments that stay microseconds.
func castMicros(c *Cast, o *castOutput, src *Vector, unit int64) {
	lo, hi := c.To.microLimits()
	finer := c.From.Precision > c.To.Precision
	if c.sameMicros(src) {
		castCopy(c, o, src)
		return
	}
	for i, x := range src.Int64 {
		switch {
		case src.Null(i):
			o.dst.AppendNull()
		case finer && x%unit != 0:
			o.mark(c, src, i, Scale)
		case x < lo || x > hi:
			o.mark(c, src, i, Range)
		default:
			o.dst.AppendInt64(x)
		}
	}
}

// microLimits are the limits of a Datetime or Instant in microseconds.
func (t *Type) microLimits() (lo, hi int64) {
	const second = 1_000_000
	if t.Limits == nil {
		return math.MinInt64, math.MaxInt64
	}
	lo, hi = max(t.Limits[0], math.MinInt64/second), min(t.Limits[1], math.MaxInt64/second-1)
	return lo * second, hi*second + second - 1
}

func allWithin(values []int64, lo, hi int64) bool {
	least, most := hi, lo
	for _, x := range values {
		least, most = min(least, x), max(most, x)
	}
	return least >= lo && most <= hi
}

func castTimeInterval(c *Cast, o *castOutput, src *Vector) {
	for i, x := range src.Int64 {
		switch {
		case src.Null(i):
			o.dst.AppendNull()
		case x%1000 != 0:
			o.mark(c, src, i, Scale)
		default:
			o.dst.AppendFixed16(PutInterval(0, 0, x/1000))
		}
	}
}

func castIntervalTime(c *Cast, o *castOutput, src *Vector) {
	unit := nanosUnit(c.To.Precision)
	for i := range src.Fixed16 {
		months, days, micros := IntervalOf(src.Fixed16[i])
		switch {
		case src.Null(i):
			o.dst.AppendNull()
		case months != 0 || days != 0:
			o.mark(c, src, i, Shape)
		case micros > math.MaxInt64/1000 || micros < math.MinInt64/1000 || c.To.fitLimits(micros*1000) != "":
			o.mark(c, src, i, Range)
		case micros*1000%unit != 0:
			o.mark(c, src, i, Scale)
		default:
			o.dst.AppendInt64(micros * 1000)
		}
	}
}
