package mysql

import (
	"encoding/binary"
	"fmt"

	"github.com/towpath/towpath/record"
)

// clock is a date, datetime or time of the binary protocol.
type clock struct {
	negative             bool
	year, month, day     int // day: of a time, whole days
	hour, minute, second int
	micro                int
}

// dateOf reads what dateBytes returned: what is left out is zero.
func dateOf(b []byte) (c clock) {
	if len(b) >= 4 {
		c.year, c.month, c.day = int(binary.LittleEndian.Uint16(b)), int(b[2]), int(b[3])
	}
	if len(b) >= 7 {
		c.hour, c.minute, c.second = int(b[4]), int(b[5]), int(b[6])
	}
	if len(b) >= 11 {
		c.micro = int(binary.LittleEndian.Uint32(b[7:]))
	}
	return c
}

var daysOfMonth = [13]int{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// fault tells whether a date is none: ZeroDate when a part is zero, Range when there is no such day or hour.
func (c *clock) fault() record.Code {
	switch {
	case c.month == 0 || c.day == 0:
		return record.ZeroDate
	case c.month > 12 || c.day > daysOfMonth[c.month], c.month == 2 && c.day == 29 && !leap(c.year),
		c.hour > 23 || c.minute > 59 || c.second > 59 || c.micro > 999_999:
		return record.Range
	}
	return ""
}

func leap(y int) bool { return y%4 == 0 && (y%100 != 0 || y%400 == 0) }

func (c *clock) appendDate(b []byte) []byte {
	return fmt.Appendf(b, "%04d-%02d-%02d", c.year, c.month, c.day)
}

// appendDatetime writes the text that the server writes.
func (c *clock) appendDatetime(b []byte, precision int) []byte {
	b = fmt.Appendf(c.appendDate(b), " %02d:%02d:%02d", c.hour, c.minute, c.second)
	if precision > 0 {
		b = append(b, fmt.Sprintf(".%06d", c.micro)[:1+min(precision, 6)]...)
	}
	return b
}

// beforeMonth are the days of a year before each month, of other years and of leap years; the last entry is the whole year.
var beforeMonth = [2][13]uint16{{0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365}, {0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335, 366}}

// daysBefore1970 are those of the years 0 to 1969.
const daysBefore1970 = 719_528

// daysOf returns the days since 1970 of a date as the protocol has it: year, month and day in four bytes. ok is false when there is no
// such day. It is what record.DaysFromCivil returns, without what years before 0 take.
func daysOf(b []byte) (days int64, ok bool) {
	year, month, day := uint32(binary.LittleEndian.Uint16(b)), uint(b[2])-1, uint(b[3])-1
	long := 0
	if leap(int(year)) {
		long = 1
	}
	if month > 11 || day >= uint(beforeMonth[long][month+1]-beforeMonth[long][month]) {
		return 0, false
	}
	whole := year*365 + (year+3)/4 - (year+99)/100 + (year+399)/400
	return int64(whole) + int64(beforeMonth[long][month]) + int64(day) - daysBefore1970, true
}

// microsOf returns the microseconds since 1970 of a datetime as the protocol has it: four bytes of date, and seven with seconds, or eleven
// with microseconds too, where these are not zero.
func microsOf(b []byte) (micros int64, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	days, ok := daysOf(b)
	if len(b) < 7 {
		return days * (86400 * 1_000_000), ok
	}
	hour, minute, second, micro := int64(b[4]), int64(b[5]), int64(b[6]), int64(0)
	if len(b) == 11 {
		micro = int64(binary.LittleEndian.Uint32(b[7:]))
	}
	ok = ok && hour < 24 && minute < 60 && second < 60 && micro < 1_000_000
	return (days*86400+hour*3600+minute*60+second)*1_000_000 + micro, ok
}

// dateBytes returns the bytes of a date at p[at:], 0, 4, 7 or 11, and where the next cell begins; -1: p is malformed.
func dateBytes(p []byte, at int) (b []byte, next int) {
	if at >= len(p) {
		return nil, -1
	}
	n := int(p[at])
	if at++; len(p)-at < n || n != 0 && n != 4 && n != 7 && n != 11 {
		return nil, -1
	}
	return p[at : at+n], at + n
}

func decodeDate(d *decoder, c *decodeColumn, p []byte, at int) int {
	b, next := dateBytes(p, at)
	if next < 0 {
		return -1
	}
	if len(b) == 4 {
		if days, ok := daysOf(b); ok {
			c.vector.AppendInt64(days)
			return next
		}
	}
	t := dateOf(b)
	if code := t.fault(); code != "" {
		d.scratch = t.appendDate(d.scratch[:0])
		d.mark(c, code, d.scratch)
		return next
	}
	c.vector.AppendInt64(record.DaysFromCivil(t.year, t.month, t.day))
	return next
}

// decodeDatetime appends microseconds since 1970: the wall clock of a DATETIME, UTC of a TIMESTAMP, as the session is UTC.
func decodeDatetime(d *decoder, c *decodeColumn, p []byte, at int) int {
	b, next := dateBytes(p, at)
	if next < 0 {
		return -1
	}
	micros, ok := microsOf(b)
	if !ok {
		t := dateOf(b)
		d.scratch = t.appendDatetime(d.scratch[:0], c.field.Type.Precision)
		d.mark(c, t.fault(), d.scratch)
		return next
	}
	c.vector.AppendInt64(micros)
	return next
}

// decodeTime appends nanoseconds: a length byte, then nothing, or sign, days, hours, minutes and seconds, or also microseconds.
func decodeTime(d *decoder, c *decodeColumn, p []byte, at int) int {
	if at >= len(p) {
		return -1
	}
	n := int(p[at])
	at++
	if len(p)-at < n || (n != 0 && n != 8 && n != 12) {
		return -1
	}
	var ns int64
	if b := p[at : at+n]; n > 0 {
		days, hours, minutes, seconds := int64(binary.LittleEndian.Uint32(b[1:])), int64(b[5]), int64(b[6]), int64(b[7])
		if days > 40 || hours > 838 || minutes > 59 || seconds > 59 {
			return -1
		}
		ns = ((days*24+hours)*3600 + minutes*60 + seconds) * 1_000_000_000
		if n == 12 {
			ns += int64(binary.LittleEndian.Uint32(b[8:])) * 1000
		}
		if b[0] != 0 {
			ns = -ns
		}
	}
	c.vector.AppendInt64(ns)
	return at + n
}
