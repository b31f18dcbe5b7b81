package mysql

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"github.com/towpath/towpath/record"
)

const (
	secondsOfDay = 86400
	microsOfDay  = secondsOfDay * 1_000_000
)

// The binary protocol writes a length and then the parts of a date or time; of the lengths that it knows, these use the one with
// all parts. https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_binary_resultset.html

func putDate(v *record.Vector, from, to int, out []byte, at []int) {
	for i, x := range v.Int64[from:to] {
		if !v.Null(from + i) {
			civil(x).putDate(out[at[i]:], 4)
			at[i] += 5
		}
	}
}

func putDatetime(v *record.Vector, from, to int, out []byte, at []int) {
	for i, x := range v.Int64[from:to] {
		if !v.Null(from + i) {
			clockOf(x).putDatetime(out[at[i]:])
			at[i] += 12
		}
	}
}

func putTime(v *record.Vector, from, to int, out []byte, at []int) {
	for i, x := range v.Int64[from:to] {
		if v.Null(from + i) {
			continue
		}
		b := out[at[i] : at[i]+13]
		at[i] += 13
		b[0], b[1] = 12, 0
		if x < 0 {
			b[1], x = 1, -x
		}
		micros := x / 1000
		seconds := micros / 1_000_000
		binary.LittleEndian.PutUint32(b[2:], uint32(seconds/secondsOfDay))
		b[6], b[7], b[8] = byte(seconds/3600%24), byte(seconds/60%60), byte(seconds%60)
		binary.LittleEndian.PutUint32(b[9:], uint32(micros%1_000_000))
	}
}

// civil returns the date of a number of days since 1970.
func civil(days int64) (c clock) {
	c.year, c.month, c.day = record.CivilFromDays(days)
	return c
}

// clockOf returns the date and time of microseconds since 1970.
func clockOf(micros int64) clock {
	days := micros / microsOfDay
	rest := micros % microsOfDay
	if rest < 0 {
		days, rest = days-1, rest+microsOfDay
	}
	c := civil(days)
	seconds := int(rest / 1_000_000)
	c.hour, c.minute, c.second, c.micro = seconds/3600, seconds/60%60, seconds%60, int(rest%1_000_000)
	return c
}

func (c clock) putDate(b []byte, length byte) {
	b[0] = length
	binary.LittleEndian.PutUint16(b[1:], uint16(c.year))
	b[3], b[4] = byte(c.month), byte(c.day)
}

func (c clock) putDatetime(b []byte) {
	c.putDate(b, 11)
	b[5], b[6], b[7] = byte(c.hour), byte(c.minute), byte(c.second)
	binary.LittleEndian.PutUint32(b[8:], uint32(c.micro))
}

func renderDate(_ *encodeColumn, dst []byte, v *record.Vector, row int) []byte {
	at := len(dst)
	dst = grow(dst, 5)
	civil(v.Int64[row]).putDate(dst[at:], 4)
	return dst
}

func renderDatetime(_ *encodeColumn, dst []byte, v *record.Vector, row int) []byte {
	at := len(dst)
	dst = grow(dst, 12)
	clockOf(v.Int64[row]).putDatetime(dst[at:])
	return dst
}

// appendZeroDate appends a date of which a part is zero, read from the text that the reader's marks hold.
func appendZeroDate(dst, text []byte, typ byte) []byte {
	c := parseClock(text)
	at := len(dst)
	if typ == wireDate {
		dst = grow(dst, 5)
		c.putDate(dst[at:], 4)
		return dst
	}
	dst = grow(dst, 12)
	c.putDatetime(dst[at:])
	return dst
}

// parseClock reads 2026-00-15 and 2026-00-15 10:00:00.123; what is missing is zero.
func parseClock(text []byte) (c clock) {
	date, rest, _ := bytes.Cut(text, []byte(" "))
	rest, fraction, _ := bytes.Cut(rest, []byte("."))
	for i, into := range []*int{&c.year, &c.month, &c.day} {
		*into = part(date, '-', i)
	}
	for i, into := range []*int{&c.hour, &c.minute, &c.second} {
		*into = part(rest, ':', i)
	}
	if len(fraction) > 0 {
		c.micro, _ = strconv.Atoi((string(fraction) + "000000")[:6])
	}
	return c
}

// part is number i of text between separators.
func part(text []byte, separator byte, i int) int {
	for ; i > 0; i-- {
		_, text, _ = bytes.Cut(text, []byte{separator})
	}
	first, _, _ := bytes.Cut(text, []byte{separator})
	n, _ := strconv.Atoi(string(first))
	return n
}

// renderText renders values whose text is shorter than 251 bytes.
func renderText(c *encodeColumn, dst []byte, v *record.Vector, row int) []byte {
	at := len(dst)
	dst = record.AppendText(append(dst, 0), &c.field.Type, v, row)
	dst[at] = byte(len(dst) - at - 1)
	return dst
}
