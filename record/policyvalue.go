package record

import (
	"bytes"
	"math"
	"strconv"
	"time"
)

// value appends what the policy of a mark's code makes of it; false, and nothing appended, when the type does not hold it.
func (r *resolver) value(v *Vector, t *Type, m *Mark, policies Policies) bool {
	switch policy := policies[m.Code]; policy {
	case "clamp":
		return r.clamp(v, t, m.Raw)
	case "round":
		return r.coarsen(v, t, m.Raw, true)
	case "truncate":
		if m.Code != Trunc {
			return r.coarsen(v, t, m.Raw, false)
		}
	case "epoch":
		return appendEpoch(v, t)
	case "shift", "earlier", "later":
		sec, nanos, offset, ok := r.zones.moment(t, m.Raw, policy)
		return ok && appendMomentCell(v, t, sec, nanos, offset) == ""
	}
	return appendPolicyText(v, t, m, policies)
}

// appendEpoch appends 1970-01-01, or the least value of a type that begins later.
func appendEpoch(v *Vector, t *Type) bool {
	var x int64
	if t.Limits != nil {
		x = max(x, t.Limits[0])
	}
	switch t.Kind {
	case Date:
		if t.fitLimits(x) != "" {
			return false
		}
		v.AppendInt64(x)
		return true
	case Datetime, Instant:
		return appendMomentCell(v, t, x, 0, 0) == ""
	}
	return false
}

// clamp appends the value of the type that is nearest to one outside of its range.
func (r *resolver) clamp(v *Vector, t *Type, raw []byte) bool {
	switch t.Kind {
	case Date, Time, Datetime, Instant:
		return r.clampTemporal(v, t, raw)
	}
	n, code := scanNumber(raw, true)
	if code != "" {
		return false
	}
	var buf [64]byte
	text := buf[:0]
	switch {
	case t.Kind == Float:
		x := math.MaxFloat64
		if t.Bits == 32 {
			x = math.MaxFloat32
		}
		if n.neg {
			x = -x
		}
		v.AppendFloat64(x)
		return true
	case t.Kind == Year:
		x, code := n.scaled(maxDigits, 0)
		if code == "" && !n.neg && cmp128(x, int128{maxYear}) <= 0 {
			v.AppendInt64(minYear)
			return true
		}
	case t.Kind == Decimal && t.Form() == FormBytes && t.Precision > 0:
		return AppendParsed(v, t, greatest(t, n.neg)) == ""
	case !exactNumber(t) || t.Kind == Bit:
		return false
	}
	lo, hi, scale := t.bounds()
	if t.Kind == Bool {
		v.AppendBool(!n.neg)
		return true
	}
	if n.neg {
		hi = lo
	}
	return AppendParsed(v, t, AppendInt128Text(text, hi, scale)) == ""
}

// greatest returns the text of the decimal of all nines.
func greatest(t *Type, neg bool) []byte {
	var text []byte
	if neg {
		text = append(text, '-')
	}
	for range t.Precision {
		text = append(text, '9')
	}
	return strconv.AppendInt(append(text, 'e'), int64(-t.Scale), 10)
}

func (r *resolver) clampTemporal(v *Vector, t *Type, raw []byte) bool {
	if t.Limits == nil {
		return false
	}
	wide := *t
	wide.Limits = nil
	within := func(x int64) int64 { return min(max(x, t.Limits[0]), t.Limits[1]) }
	switch t.Kind {
	case Date:
		days, _, code := parseDate(raw)
		if code != "" {
			return false
		}
		v.AppendInt64(within(days))
		return true
	case Time:
		nanos, code := parseTime(raw, t.Precision)
		if code != "" {
			return false
		}
		v.AppendInt64(within(nanos))
		return true
	}
	sec, nanos, offset, ok := r.zones.moment(&wide, raw, "")
	if !ok {
		return false
	}
	if near := within(sec); near != sec {
		sec, nanos = near, 0
	}
	return appendMomentCell(v, t, sec, nanos, offset) == ""
}

// coarsen appends a value with as many digits as the type has.
func (r *resolver) coarsen(v *Vector, t *Type, raw []byte, round bool) bool {
	switch t.Kind {
	case Int, Uint, Decimal, Year:
		n, code := scanNumber(raw, true)
		if code != "" || n.exp > maxExpanded || n.exp < -maxExpanded {
			return false
		}
		return AppendParsed(v, t, n.cut(t.Scale, round)) == ""
	case Float:
		x, err := strconv.ParseFloat(string(raw), max(t.Bits, 32))
		if err != nil || !round {
			return false
		}
		v.AppendFloat64(x)
		return true
	case Time:
		nanos, code := parseTime(raw, 9)
		if code != "" && code != Scale {
			return false
		}
		unit := nanosUnit(t.Precision)
		rest := nanos % unit
		nanos -= rest
		if round && 2*max(rest, -rest) >= unit {
			nanos += unit * int64(cmpInt(rest))
		}
		if t.fitLimits(nanos) != "" {
			return false
		}
		v.AppendInt64(nanos)
		return true
	case Date, Datetime, Instant:
		return r.coarsenMoment(v, t, raw, round)
	}
	return false
}

func cmpInt(x int64) int {
	if x < 0 {
		return -1
	}
	return 1
}

func (r *resolver) coarsenMoment(v *Vector, t *Type, raw []byte, round bool) bool {
	fine := Type{Kind: t.Kind, Precision: 9, Offset: t.Offset}
	if t.Kind == Date {
		fine.Kind = Datetime
	}
	sec, nanos, offset, ok := r.zones.moment(&fine, raw, "")
	if !ok {
		return false
	}
	if t.Kind == Date {
		days := floorDiv(sec, secondsPerDay)
		if round && sec-days*secondsPerDay >= secondsPerDay/2 {
			days++
		}
		if t.fitLimits(days) != "" {
			return false
		}
		v.AppendInt64(days)
		return true
	}
	unit := int32(nanosUnit(t.Precision))
	rest := nanos % unit
	nanos -= rest
	if round && 2*int64(rest) >= int64(unit) {
		nanos += unit
	}
	if nanos >= 1e9 {
		sec, nanos = sec+1, nanos-1e9
	}
	return appendMomentCell(v, t, sec, nanos, offset) == ""
}

// cut returns the number with at most scale fraction digits (fewer than none: zeros before the point), the rest cut off
// or rounded half away from zero.
func (n *number) cut(scale int, round bool) []byte {
	total := len(n.whole) + len(n.frac)
	keep := len(n.whole) + n.exp + scale // digits that stay
	digits := []byte{'0'}                // room for a carry
	for i := range min(keep, total) {
		digits = append(digits, n.digit(i))
	}
	if keep > total {
		digits = appendZeros(digits, keep-total)
	}
	if round && keep >= 0 && keep < total && n.digit(keep) >= '5' {
		i := len(digits) - 1
		for ; digits[i] == '9'; i-- {
			digits[i] = '0'
		}
		digits[i]++
	}
	if n.neg {
		digits = append([]byte{'-'}, digits...)
	}
	if scale == 0 {
		return digits // integers take no exponent
	}
	return strconv.AppendInt(append(digits, 'e'), int64(-scale), 10)
}

// zones finds the zones that marks name.
type zones map[string]*time.Location

// moment reads the raw text of a mark, with the zone that a cast put behind it, as a Datetime or Instant. A wall clock that
// does not exist or exists twice needs a policy: shift, earlier or later.
func (z *zones) moment(t *Type, raw []byte, policy string) (sec int64, nanos, offset int32, ok bool) {
	text, zone, zoned := bytes.Cut(raw, []byte{'['})
	fine := Type{Kind: t.Kind, Precision: 9, Offset: t.Offset}
	if zoned {
		fine.Kind = Datetime + Instant - t.Kind
	}
	sec, nanos, offset, code := parseMoment(&fine, text)
	if code != "" && code != Scale {
		return 0, 0, 0, false
	}
	if !zoned {
		return sec, nanos, offset, true
	}
	location := z.load(string(bytes.TrimSuffix(zone, []byte{']'})))
	if location == nil {
		return 0, 0, 0, false
	}
	clock := zoneClock{zone: location}
	if t.Kind == Datetime {
		return sec + clock.at(sec), nanos, 0, true
	}
	earlier, later, code := clock.instants(sec)
	utc := earlier
	switch {
	case code == "":
	case code == TZGap && policy == "shift", code == TZAmbig && policy == "later":
		utc = later
	case code == TZAmbig && policy == "earlier":
	default:
		return 0, 0, 0, false
	}
	return utc, nanos, int32(clock.at(utc)), true
}

func (z *zones) load(name string) *time.Location {
	if zone, ok := (*z)[name]; ok {
		return zone
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		zone = nil
	}
	if *z == nil {
		*z = zones{}
	}
	(*z)[name] = zone
	return zone
}
