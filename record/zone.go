package record

import (
	"math"
	"time"
)

// zoneClock converts between the seconds of a wall clock and of UTC in one zone. It remembers the last period without a
// change of offset, in which nearly all neighbouring values lie.
type zoneClock struct {
	zone       *time.Location
	start, end int64 // UTC, of the period; end excluded
	offset     int64
	known      bool
}

// at returns the offset at an instant.
func (z *zoneClock) at(utc int64) int64 {
	if z.known && utc >= z.start && utc < z.end {
		return z.offset
	}
	t := time.Unix(utc, 0).In(z.zone)
	_, offset := t.Zone()
	start, end := t.ZoneBounds()
	z.start, z.end, z.offset, z.known = math.MinInt64, math.MaxInt64, int64(offset), true
	if !start.IsZero() {
		z.start = start.Unix()
	}
	if !end.IsZero() {
		z.end = end.Unix()
	}
	return z.offset
}

// instants returns the earlier and the later instant that the wall clock shows wall. The code is TZAmbig when they differ,
// and TZGap when there is none: earlier and later are then the wall clock read with the offsets after and before the gap.
func (z *zoneClock) instants(wall int64) (earlier, later int64, code Code) {
	const day = secondsPerDay
	if z.known && wall-z.offset-day >= z.start && wall-z.offset+day < z.end && z.start < z.end-2*day {
		return wall - z.offset, wall - z.offset, ""
	}
	before, after := z.at(wall-day), z.at(wall+day)
	earlier, later = wall-before, wall-after
	ok1, ok2 := z.at(earlier) == before, z.at(later) == after
	switch {
	case ok1 && ok2 && earlier != later:
		return min(earlier, later), max(earlier, later), TZAmbig
	case ok1:
		return earlier, earlier, ""
	case ok2:
		return later, later, ""
	}
	// Two changes within two days: the offset in between may still show this wall clock.
	if middle := z.at(wall - before); z.at(wall-middle) == middle {
		return wall - middle, wall - middle, ""
	}
	return min(earlier, later), max(earlier, later), TZGap
}

// markZoned makes cell i a mark whose raw text also names the zone, as RFC 9557 does: 2026-03-08 02:30:00[America/New_York].
func (o *castOutput) markZoned(c *Cast, src *Vector, i int, code Code) {
	o.mark(c, src, i, code)
	m := &o.marks[len(o.marks)-1]
	m.Raw = append(append(append(m.Raw, '['), c.zone.String()...), ']')
}

func castWallInstant(c *Cast, o *castOutput, src *Vector) {
	clock := zoneClock{zone: c.zone}
	unit := int32(nanosUnit(c.To.Precision))
	for i := range src.Len {
		if src.Null(i) {
			o.dst.AppendNull()
			continue
		}
		wall, nanos, _ := momentAt(src, i)
		if nanos%unit != 0 {
			o.markZoned(c, src, i, Scale)
			continue
		}
		utc, _, code := clock.instants(wall)
		if code != "" {
			o.markZoned(c, src, i, code)
			continue
		}
		if code := appendMomentCell(o.dst, &c.To, utc, nanos, int32(wall-utc)); code != "" {
			o.mark(c, src, i, code)
		}
	}
}

func castInstantWall(c *Cast, o *castOutput, src *Vector) {
	clock := zoneClock{zone: c.zone}
	unit := int32(nanosUnit(c.To.Precision))
	for i := range src.Len {
		if src.Null(i) {
			o.dst.AppendNull()
			continue
		}
		utc, nanos, _ := momentAt(src, i)
		if nanos%unit != 0 {
			o.markZoned(c, src, i, Scale)
			continue
		}
		wall := utc + clock.at(utc)
		if _, _, code := clock.instants(wall); code != "" {
			o.markZoned(c, src, i, code)
			continue
		}
		if code := appendMomentCell(o.dst, &c.To, wall, nanos, 0); code != "" {
			o.mark(c, src, i, code)
		}
	}
}
