package record

import "encoding/binary"

const (
	secondsPerDay = 86400
	microsPerDay  = secondsPerDay * 1_000_000
)

// DaysFromCivil returns the days from 1970-01-01 to a date of the proleptic Gregorian calendar. Years are astronomical:
// 0 is 1 BC, -43 is 44 BC. The month is 1 to 12; the day may pass the month's end and then counts on.
func DaysFromCivil(y, m, d int) int64 {
	// The year begins in March, so that the leap day is its last: https://howardhinnant.github.io/date_algorithms.html.
	year := int64(y)
	if m <= 2 {
		year--
	}
	era := floorDiv(year, 400)
	yearOfEra := year - era*400
	dayOfYear := (153*((int64(m)+9)%12)+2)/5 + int64(d) - 1
	dayOfEra := yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear
	return era*146097 + dayOfEra - 719468
}

// CivilFromDays is the inverse of DaysFromCivil.
func CivilFromDays(days int64) (y, m, d int) {
	days += 719468
	era := floorDiv(days, 146097)
	dayOfEra := uint32(days - era*146097)
	yearOfEra := (dayOfEra - dayOfEra/1460 + dayOfEra/36524 - dayOfEra/146096) / 365
	dayOfYear := dayOfEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	mp := (5*dayOfYear + 2) / 153
	d = int(dayOfYear - (153*mp+2)/5 + 1)
	y = int(int64(yearOfEra) + era*400)
	if m = int(mp) + 3; m > 12 {
		m -= 12
		y++
	}
	return y, m, d
}

// daysIn returns the number of days of a month.
func daysIn(y, m int) int {
	switch m {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// PutInterval makes the Fixed16 cell of an Interval.
func PutInterval(months, days int32, micros int64) (x [16]byte) {
	binary.LittleEndian.PutUint32(x[0:], uint32(months))
	binary.LittleEndian.PutUint32(x[4:], uint32(days))
	binary.LittleEndian.PutUint64(x[8:], uint64(micros))
	return x
}

// IntervalOf reads the Fixed16 cell of an Interval.
func IntervalOf(x [16]byte) (months, days int32, micros int64) {
	return int32(binary.LittleEndian.Uint32(x[0:])), int32(binary.LittleEndian.Uint32(x[4:])),
		int64(binary.LittleEndian.Uint64(x[8:]))
}

// PutMoment makes the Fixed16 cell of a Datetime (sec of the wall clock, offset 0) or an Instant (sec in UTC; offsetSec is
// the original offset east of UTC, kept only by types with Offset). nanos is 0 to 999,999,999, also before 1970.
func PutMoment(sec int64, nanos, offsetSec int32) (x [16]byte) {
	binary.LittleEndian.PutUint64(x[0:], uint64(sec))
	binary.LittleEndian.PutUint32(x[8:], uint32(nanos))
	binary.LittleEndian.PutUint32(x[12:], uint32(offsetSec))
	return x
}

// MomentOf reads what PutMoment made.
func MomentOf(x [16]byte) (sec int64, nanos, offsetSec int32) {
	return int64(binary.LittleEndian.Uint64(x[0:])), int32(binary.LittleEndian.Uint32(x[8:])),
		int32(binary.LittleEndian.Uint32(x[12:]))
}
