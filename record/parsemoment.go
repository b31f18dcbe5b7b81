package record

import "math"

// appendTemporal parses the kinds of time.
func appendTemporal(v *Vector, t *Type, text []byte) Code {
	if isInfinite(text) {
		return InfTime
	}
	switch t.Kind {
	case Date:
		days, rest, code := parseDate(text)
		if code == "" && len(rest) > 0 {
			code = WrongType
		}
		if code == "" {
			code = t.fitLimits(days)
		}
		if code != "" {
			return code
		}
		v.AppendInt64(days)
	case Time:
		nanos, code := parseTime(text, t.Precision)
		if code == "" {
			code = t.fitLimits(nanos)
		}
		if code != "" {
			return code
		}
		v.AppendInt64(nanos)
	case Interval:
		x, code := parseInterval(text)
		if code != "" {
			return code
		}
		v.AppendFixed16(x)
	default:
		sec, nanos, offset, code := parseMoment(t, text)
		if code != "" {
			return code
		}
		return appendMomentCell(v, t, sec, nanos, offset)
	}
	return ""
}

// fitLimits checks a value against the limits of its type.
func (t *Type) fitLimits(x int64) Code {
	if t.Limits != nil && (x < t.Limits[0] || x > t.Limits[1]) {
		return Range
	}
	return ""
}

// appendMomentCell appends a Datetime or Instant in the form that carries t.
func appendMomentCell(v *Vector, t *Type, sec int64, nanos, offset int32) Code {
	if code := t.fitLimits(sec); code != "" {
		return code
	}
	if v.Form == FormFixed16 {
		if !t.Offset {
			offset = 0
		}
		v.AppendFixed16(PutMoment(sec, nanos, offset))
		return ""
	}
	const most = math.MaxInt64/1_000_000 - 1
	if sec > most || sec < -most {
		return Range
	}
	v.AppendInt64(sec*1_000_000 + int64(nanos)/1000)
	return ""
}

func isInfinite(text []byte) bool {
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		text = text[1:]
	}
	return equalFold(text, "infinity") || equalFold(text, "inf")
}

// maxParsedYear keeps the days of every year that is read far from overflow.
const maxParsedYear = 99_999_999

// parseDate reads year-month-day from the beginning of text.
func parseDate(text []byte) (days int64, rest []byte, code Code) {
	neg := false
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		neg = text[0] == '-'
		text = text[1:]
	}
	year, n := 0, 0
	for n < len(text) && isDigit(text[n]) {
		year = min(year*10+int(text[n]-'0'), maxParsedYear+1)
		n++
	}
	if n < 4 || len(text) < n+6 || text[n] != '-' || text[n+3] != '-' {
		return 0, nil, WrongType
	}
	month, ok1 := two(text[n+1:])
	day, ok2 := two(text[n+4:])
	if !ok1 || !ok2 {
		return 0, nil, WrongType
	}
	if neg {
		year = -year
	}
	switch {
	case month == 0 || day == 0:
		return 0, nil, ZeroDate
	case month > 12 || day > daysIn(year, month) || year > maxParsedYear || year < -maxParsedYear:
		return 0, nil, Range
	}
	return DaysFromCivil(year, month, day), text[n+6:], ""
}

// two reads two digits from the beginning of text.
func two(text []byte) (n int, ok bool) {
	if len(text) < 2 || !isDigit(text[0]) || !isDigit(text[1]) {
		return 0, false
	}
	return int(text[0]-'0')*10 + int(text[1]-'0'), true
}

// parseClock reads :minutes:seconds[.fraction], what follows the hours.
func parseClock(text []byte, precision int) (sec, nanos int64, rest []byte, code Code) {
	if len(text) < 6 || text[0] != ':' || text[3] != ':' {
		return 0, 0, nil, WrongType
	}
	minutes, ok1 := two(text[1:])
	seconds, ok2 := two(text[4:])
	if !ok1 || !ok2 {
		return 0, 0, nil, WrongType
	}
	if minutes > 59 || seconds > 59 {
		return 0, 0, nil, Range
	}
	nanos, rest, code = parseFraction(text[6:], precision)
	return int64(minutes*60 + seconds), nanos, rest, code
}

// parseFraction reads .digits; those beyond the precision have to be zero.
func parseFraction(text []byte, precision int) (nanos int64, rest []byte, code Code) {
	if len(text) == 0 || text[0] != '.' {
		return 0, text, ""
	}
	unit := int64(100_000_000)
	i := 1
	for ; i < len(text) && isDigit(text[i]); i++ {
		d := int64(text[i] - '0')
		if d != 0 && i > min(precision, 9) {
			code = Scale
		}
		nanos += d * unit
		unit /= 10
	}
	if i == 1 {
		return 0, nil, WrongType
	}
	return nanos, text[i:], code
}

// maxHours keeps every time far from overflow of its nanoseconds.
const maxHours = 2_000_000

func parseTime(text []byte, precision int) (int64, Code) {
	neg := false
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		neg = text[0] == '-'
		text = text[1:]
	}
	hours, n := int64(0), 0
	for n < len(text) && isDigit(text[n]) {
		hours = min(hours*10+int64(text[n]-'0'), maxHours+1)
		n++
	}
	if n < 2 {
		return 0, WrongType
	}
	sec, nanos, rest, code := parseClock(text[n:], precision)
	if len(rest) > 0 {
		return 0, WrongType
	}
	if code != "" {
		return 0, code
	}
	if hours > maxHours {
		return 0, Range
	}
	nanos += (hours*3600 + sec) * 1e9
	if neg {
		nanos = -nanos
	}
	return nanos, ""
}

// parseMoment reads a date and a clock, and for an Instant Z or an offset.
func parseMoment(t *Type, text []byte) (sec int64, nanos, offset int32, code Code) {
	days, rest, code := parseDate(text)
	if code != "" {
		return 0, 0, 0, code
	}
	if len(rest) < 3 || rest[0] != ' ' && rest[0] != 'T' {
		return 0, 0, 0, WrongType
	}
	hours, ok := two(rest[1:])
	if !ok {
		return 0, 0, 0, WrongType
	}
	clock, fraction, rest, code := parseClock(rest[3:], t.Precision)
	if code != "" && code != Scale {
		return 0, 0, 0, code
	}
	if t.Kind == Instant {
		if offset, ok = parseOffset(rest); !ok {
			return 0, 0, 0, WrongType
		}
	} else if len(rest) > 0 {
		return 0, 0, 0, WrongType
	}
	if hours > 23 {
		return 0, 0, 0, Range
	}
	sec = days*secondsPerDay + int64(hours)*3600 + clock - int64(offset)
	return sec, int32(fraction), offset, code
}

// parseOffset reads Z, ±hh, ±hh:mm or ±hh:mm:ss.
func parseOffset(text []byte) (int32, bool) {
	if len(text) == 1 && (text[0] == 'Z' || text[0] == 'z') {
		return 0, true
	}
	if len(text) < 3 || text[0] != '+' && text[0] != '-' {
		return 0, false
	}
	neg := text[0] == '-'
	sec, ok := two(text[1:])
	sec *= 3600
	text = text[3:]
	for unit := 60; ok && len(text) > 0 && unit > 0; unit /= 60 {
		if text[0] != ':' {
			return 0, false
		}
		var n int
		n, ok = two(text[1:])
		if !ok || n > 59 {
			return 0, false
		}
		sec += n * unit
		text = text[3:]
	}
	if !ok || len(text) > 0 {
		return 0, false
	}
	if neg {
		sec = -sec
	}
	return int32(sec), true
}
