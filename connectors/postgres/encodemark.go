package postgres

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"

	"github.com/towpath/towpath/record"
)

// isInfinite reads infinity with or without a sign.
func isInfinite(raw []byte) (negative, ok bool) {
	text := strings.ToLower(string(bytes.TrimSpace(raw)))
	text, negative = strings.CutPrefix(text, "-")
	text = strings.TrimPrefix(text, "+")
	return negative, text == "infinity" || text == "inf"
}

// markDate appends the ends of time.
func markDate(_ *valueEncoder, dst []byte, code record.Code, raw []byte) ([]byte, record.Code) {
	negative, ok := isInfinite(raw)
	switch {
	case !ok:
		return dst, code
	case negative:
		return binary.BigEndian.AppendUint32(dst, 1<<31), ""
	}
	return binary.BigEndian.AppendUint32(dst, math.MaxInt32), ""
}

// mostMicros is 294276-12-31 23:59:59.999999, the last moment that the server has, in its own count.
const mostMicros = 9223371331199999999

// markMoment appends the ends of time, and moments that cannot be counted in microseconds from 1970.
func markMoment(c *valueEncoder, dst []byte, code record.Code, raw []byte) ([]byte, record.Code) {
	if negative, ok := isInfinite(raw); ok {
		if negative {
			return binary.BigEndian.AppendUint64(dst, 1<<63), ""
		}
		return binary.BigEndian.AppendUint64(dst, math.MaxInt64), ""
	}
	fine := record.Type{Kind: c.logical.Kind, Precision: c.logical.Precision, Offset: c.logical.Kind == record.Instant}
	if fine.Kind == record.Datetime {
		fine.Precision = 9
	}
	v := record.NewVector(fine.Form())
	if bad := record.AppendParsed(v, &fine, raw); bad != "" || v.Form != record.FormFixed16 {
		return dst, code
	}
	sec, nanos, _ := record.MomentOf(v.Fixed16[0])
	sec -= epochMicros / 1_000_000
	unit := int32(powerOf10(9 - c.logical.Precision))
	if sec < 0 || sec > mostMicros/1_000_000 || nanos%unit != 0 {
		return dst, code
	}
	return binary.BigEndian.AppendUint64(dst, uint64(sec*1_000_000+int64(nanos)/1000)), ""
}

func markInterval(_ *valueEncoder, dst []byte, code record.Code, raw []byte) ([]byte, record.Code) {
	negative, ok := isInfinite(raw)
	if !ok {
		return dst, code
	}
	micros, part := uint64(math.MaxInt64), uint32(math.MaxInt32)
	if negative {
		micros, part = 1<<63, 1<<31
	}
	dst = binary.BigEndian.AppendUint64(dst, micros)
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(dst, part), part), ""
}

// markNumeric appends NaN, and the infinities to columns without a precision, which PostgreSQL 14 and later have.
func markNumeric(c *valueEncoder, dst []byte, code record.Code, raw []byte) ([]byte, record.Code) {
	if strings.EqualFold(string(bytes.TrimSpace(raw)), "nan") {
		return appendNumericHead(dst, 0, 0, signNaN, 0), ""
	}
	negative, ok := isInfinite(raw)
	switch {
	case !ok || c.finite:
		return dst, code
	case negative:
		return appendNumericHead(dst, 0, 0, signMinus, 0), ""
	}
	return appendNumericHead(dst, 0, 0, signInfinity, 0), ""
}

// markText appends bytes that are no UTF-8, which a database without an encoding takes as they are.
func markText(c *valueEncoder, dst []byte, code record.Code, raw []byte) ([]byte, record.Code) {
	switch {
	case bytes.IndexByte(raw, 0) >= 0:
		return dst, record.NUL
	case c.logical.Length > 0 && int64(len(raw)) > c.logical.Length:
		return dst, record.Trunc
	case c.info.oid == oidJSON || c.info.labels != nil:
		return dst, code
	}
	return append(dst, raw...), ""
}
