package record

import "strconv"

// appendPadded appends x with at least width digits.
func appendPadded(dst []byte, x int64, width int) []byte {
	m := uint64(x)
	if x < 0 {
		dst = append(dst, '-')
		m = -m
	}
	limit := uint64(10)
	for range width - 1 {
		if m < limit {
			dst = append(dst, '0')
		}
		limit *= 10
	}
	if m < 10 {
		return append(dst, '0'+byte(m))
	}
	if m < 100 {
		return append(dst, '0'+byte(m/10), '0'+byte(m%10))
	}
	return strconv.AppendUint(dst, m, 10)
}

func append2(dst []byte, x int64) []byte { return append(dst, '0'+byte(x/10), '0'+byte(x%10)) }

func appendDate(dst []byte, days int64) []byte {
	y, m, d := CivilFromDays(days)
	dst = appendPadded(dst, int64(y), 4)
	dst = append2(append(dst, '-'), int64(m))
	return append2(append(dst, '-'), int64(d))
}

// appendFraction appends a point and the first digits of nanos.
func appendFraction(dst []byte, nanos int64, digits int) []byte {
	if digits <= 0 {
		return dst
	}
	dst = append(dst, '.')
	unit := int64(100_000_000)
	for range min(digits, 9) {
		dst = append(dst, '0'+byte(nanos/unit%10))
		unit /= 10
	}
	return dst
}

// appendClock appends hours:minutes:seconds.
func appendClock(dst []byte, sec int64) []byte {
	dst = appendPadded(dst, sec/3600, 2)
	dst = append2(append(dst, ':'), sec/60%60)
	return append2(append(dst, ':'), sec%60)
}

func appendTime(dst []byte, nanos int64, digits int) []byte {
	m := uint64(nanos)
	if nanos < 0 {
		dst = append(dst, '-')
		m = -m
	}
	dst = appendClock(dst, int64(m/1e9))
	return appendFraction(dst, int64(m%1e9), digits)
}

func appendMoment(dst []byte, t *Type, v *Vector, row int) []byte {
	sec, nanos, offset := momentAt(v, row)
	if t.Kind == Instant && t.Offset {
		sec += int64(offset)
	}
	days := floorDiv(sec, secondsPerDay)
	dst = append(appendDate(dst, days), ' ')
	dst = appendClock(dst, sec-days*secondsPerDay)
	dst = appendFraction(dst, int64(nanos), t.Precision)
	if t.Kind == Instant {
		if t.Offset {
			return appendOffset(dst, int64(offset))
		}
		return append(dst, 'Z')
	}
	return dst
}

// momentAt reads a Datetime or Instant in either of its forms.
func momentAt(v *Vector, row int) (sec int64, nanos, offset int32) {
	if v.Form == FormFixed16 {
		return MomentOf(v.Fixed16[row])
	}
	micros := v.Int64[row]
	sec = floorDiv(micros, 1_000_000)
	return sec, int32(micros-sec*1_000_000) * 1000, 0
}

func appendOffset(dst []byte, offset int64) []byte {
	sign := byte('+')
	if offset < 0 {
		sign, offset = '-', -offset
	}
	dst = append2(append(dst, sign), offset/3600)
	dst = append2(append(dst, ':'), offset/60%60)
	if offset%60 != 0 {
		dst = append2(append(dst, ':'), offset%60)
	}
	return dst
}

// appendInterval writes ISO 8601 with a sign on each part; hours are never folded into days.
func appendInterval(dst []byte, x [16]byte) []byte {
	months, days, micros := IntervalOf(x)
	dst = append(dst, 'P')
	part := func(n int64, unit byte) {
		if n != 0 {
			dst = append(strconv.AppendInt(dst, n, 10), unit)
		}
	}
	part(int64(months/12), 'Y')
	part(int64(months%12), 'M')
	part(int64(days), 'D')
	if micros == 0 {
		if len(dst) == 1 || dst[len(dst)-1] == 'P' {
			dst = append(dst, "T0S"...)
		}
		return dst
	}
	dst = append(dst, 'T')
	part(micros/3_600_000_000, 'H')
	part(micros/60_000_000%60, 'M')
	rest := micros % 60_000_000
	if rest == 0 {
		return dst
	}
	if rest < 0 {
		dst = append(dst, '-')
		rest = -rest
	}
	dst = strconv.AppendInt(dst, rest/1_000_000, 10)
	if frac := rest % 1_000_000; frac != 0 {
		dst = appendFraction(dst, frac*1000, 6)
		for dst[len(dst)-1] == '0' {
			dst = dst[:len(dst)-1]
		}
	}
	return append(dst, 'S')
}
