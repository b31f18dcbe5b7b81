package postgres

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/towpath/towpath/record"
)

// The server counts days and microseconds from 2000-01-01.
const (
	epochDays    = 10957
	epochMicros  = 946_684_800_000_000
	microsOfADay = 86_400_000_000
)

// infinity is how the ends of time are written, which dates, timestamps and, from PostgreSQL 17 on, intervals can be.
func infinity(below bool) []byte {
	if below {
		return []byte("-infinity")
	}
	return []byte("infinity")
}

func decodeDate(d *decoder, c *decodeColumn, b []byte) bool {
	if len(b) != 4 {
		return false
	}
	days := int32(binary.BigEndian.Uint32(b))
	if days == math.MinInt32 || days == math.MaxInt32 {
		d.mark(c, record.InfTime, infinity(days < 0))
		return true
	}
	c.vector.AppendInt64(int64(days) + epochDays)
	return true
}

func decodeTime(_ *decoder, c *decodeColumn, b []byte) bool {
	if len(b) != 8 {
		return false
	}
	c.vector.AppendInt64(int64(binary.BigEndian.Uint64(b)) * 1000)
	return true
}

// decodeMoment reads timestamps of both kinds.
func decodeMoment(d *decoder, c *decodeColumn, b []byte) bool {
	if len(b) != 8 {
		return false
	}
	micros := int64(binary.BigEndian.Uint64(b))
	if micros > math.MaxInt64-epochMicros || micros == math.MinInt64 {
		d.farMoment(c, micros)
		return true
	}
	c.vector.AppendInt64(micros + epochMicros)
	return true
}

// farMoment marks the ends of time, and moments behind the last that can be counted from 1970.
func (d *decoder) farMoment(c *decodeColumn, micros int64) {
	if micros == math.MaxInt64 || micros == math.MinInt64 {
		d.mark(c, record.InfTime, infinity(micros < 0))
		return
	}
	days, rest := micros/microsOfADay, micros%microsOfADay
	y, m, day := record.CivilFromDays(days + epochDays)
	seconds := rest / 1_000_000
	d.scratch = fmt.Appendf(d.scratch[:0], "%04d-%02d-%02d %02d:%02d:%02d", y, m, day, seconds/3600, seconds/60%60, seconds%60)
	if fraction := rest % 1_000_000; fraction > 0 {
		d.scratch = fmt.Appendf(d.scratch, ".%06d", fraction)
	}
	if c.field.Type.Kind == record.Instant {
		d.scratch = append(d.scratch, "+00"...)
	}
	d.mark(c, record.Range, d.scratch)
}

func decodeInterval(d *decoder, c *decodeColumn, b []byte) bool {
	if len(b) != 16 {
		return false
	}
	micros := int64(binary.BigEndian.Uint64(b))
	days, months := int32(binary.BigEndian.Uint32(b[8:])), int32(binary.BigEndian.Uint32(b[12:]))
	if d.unbounded && (micros == math.MaxInt64 && days == math.MaxInt32 && months == math.MaxInt32 ||
		micros == math.MinInt64 && days == math.MinInt32 && months == math.MinInt32) {
		d.mark(c, record.InfTime, infinity(micros < 0))
		return true
	}
	c.vector.AppendFixed16(record.PutInterval(months, days, micros))
	return true
}
