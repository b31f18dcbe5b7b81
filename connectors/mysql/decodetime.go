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

// dateOf reads a date of 0, 4, 7 or 11 bytes: what is left out is zero.
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

// sinceMarch are the days from the first of March to that of each month. Years are counted from March, so that the leap day is their last.
var sinceMarch = [12]uint16{306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275}

// marchBefore1970 are the days from March of the year -400 to 1970.
const marchBefore1970 = 719_468 + 146_097

// daysOf returns the days since 1970 of a date as the protocol has it: year, month and day in four bytes. ok is false when there is no
// such day. It is what record.DaysFromCivil returns, without what years before 0 take and without a branch that depends on the date.
func daysOf(b []byte) (days int64, ok bool) {
	year, month, day := uint32(binary.LittleEndian.Uint16(b)), uint(b[2])-1, uint(b[3])-1
	if month > 11 || day >= uint(daysOfMonth[month+1]) || day == 28 && month == 1 && !leap(int(year)) {
		return 0, false
	}
	year += 400 - uint32(sinceMarch[month]/306) // January and February are of the year before
	whole := year*365 + year/4 - year/100 + year/400
	return int64(whole) + int64(sinceMarch[month]) + int64(day) - marchBefore1970, true
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

// dateLength tells whether a date has so many bytes.
func dateLength(n int) bool { return n == 0 || n == 4 || n == 7 || n == 11 }

func decodeDate(d *decoder, c *decodeColumn, b []byte) bool {
	if !dateLength(len(b)) {
		return false
	}
	if len(b) == 4 {
		if days, ok := daysOf(b); ok {
			c.vector.AppendInt64(days)
			return true
		}
	}
	t := dateOf(b)
	if code := t.fault(); code != "" {
		d.scratch = t.appendDate(d.scratch[:0])
		d.mark(c, code, d.scratch)
		return true
	}
	c.vector.AppendInt64(record.DaysFromCivil(t.year, t.month, t.day))
	return true
}

// decodeDatetime appends microseconds since 1970: the wall clock of a DATETIME, UTC of a TIMESTAMP, as the session is UTC.
func decodeDatetime(d *decoder, c *decodeColumn, b []byte) bool {
	if !dateLength(len(b)) {
		return false
	}
	micros, ok := microsOf(b)
	if !ok {
		t := dateOf(b)
		d.scratch = t.appendDatetime(d.scratch[:0], c.field.Type.Precision)
		d.mark(c, t.fault(), d.scratch)
		return true
	}
	c.vector.AppendInt64(micros)
	return true
}

// decodeTime appends nanoseconds: of nothing, or of sign, days, hours, minutes and seconds, or also microseconds.
func decodeTime(_ *decoder, c *decodeColumn, b []byte) bool {
	n := len(b)
	if n != 0 && n != 8 && n != 12 {
		return false
	}
	var ns int64
	if n > 0 {
		days, hours, minutes, seconds := int64(binary.LittleEndian.Uint32(b[1:])), int64(b[5]), int64(b[6]), int64(b[7])
		if days > 40 || hours > 838 || minutes > 59 || seconds > 59 {
			return false
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
	return true
}
