package record

import "math"

// parseInterval reads ISO 8601 with a sign on each part: P1Y2M3DT4H5M6.5S, P-1M, P2W.
func parseInterval(text []byte) (x [16]byte, code Code) {
	neg := len(text) > 0 && text[0] == '-'
	if neg {
		text = text[1:]
	}
	if len(text) < 3 || text[0] != 'P' {
		return x, WrongType
	}
	var months, days, micros int64
	text = text[1:]
	clock := false
	order := -1
	for len(text) > 0 {
		if text[0] == 'T' {
			if clock || len(text) == 1 {
				return x, WrongType
			}
			clock = true
			text = text[1:]
		}
		p, rest, c := parsePart(text)
		if c != "" {
			return x, c
		}
		at, unit := partUnit(p.unit, clock)
		if at <= order {
			return x, WrongType
		}
		order = at
		if p.hasFraction && at != 6 {
			return x, WrongType
		}
		if neg {
			p.n, p.micros = -p.n, -p.micros
		}
		switch {
		case at < 2:
			months += p.n * unit
		case at < 4:
			days += p.n * unit
		default:
			if p.n > math.MaxInt64/unit/2 || p.n < -math.MaxInt64/unit/2 {
				return x, Range
			}
			micros += p.n*unit + p.micros
		}
		text = rest
	}
	if order < 0 {
		return x, WrongType
	}
	if int64(int32(months)) != months || int64(int32(days)) != days {
		return x, Range
	}
	return PutInterval(int32(months), int32(days), micros), ""
}

// partUnit returns the order of a part of an interval, and its size in months, days or µs; order -1: no such part.
func partUnit(unit byte, clock bool) (order int, size int64) {
	if clock {
		switch unit {
		case 'H':
			return 4, 3_600_000_000
		case 'M':
			return 5, 60_000_000
		case 'S':
			return 6, 1_000_000
		}
		return -1, 1
	}
	switch unit {
	case 'Y':
		return 0, 12
	case 'M':
		return 1, 1
	case 'W':
		return 2, 7
	case 'D':
		return 3, 1
	}
	return -1, 1
}

type intervalPart struct {
	n, micros   int64
	hasFraction bool
	unit        byte
}

func parsePart(text []byte) (p intervalPart, rest []byte, code Code) {
	neg := false
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		neg = text[0] == '-'
		text = text[1:]
	}
	i := 0
	for ; i < len(text) && isDigit(text[i]); i++ {
		if p.n = p.n*10 + int64(text[i]-'0'); p.n > 1<<53 {
			return p, nil, Range
		}
	}
	if i == 0 || i == len(text) {
		return p, nil, WrongType
	}
	text = text[i:]
	if text[0] == '.' {
		nanos, after, c := parseFraction(text, 6)
		if c != "" || len(after) == 0 {
			return p, nil, max(c, Scale)
		}
		p.micros, p.hasFraction, text = nanos/1000, true, after
	}
	if neg {
		p.n, p.micros = -p.n, -p.micros
	}
	p.unit = text[0]
	return p, text[1:], ""
}
