package postgres

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"

	"github.com/towpath/towpath/record"
)

// jsonbVersion begins the binary form of jsonb.
const jsonbVersion = 1

// valueEncoder encodes values of one type, cell by cell: those of a column that is made before it is written, and elements of arrays.
type valueEncoder struct {
	info    *typeInfo
	mod     int32
	logical record.Type

	append appendFunc
	check  checkFunc // nil: every value of the logical type passes
	marks  markFunc  // nil: no marks are kept
	keeps  []record.Code

	epoch   int64 // what a number is less than ours
	scale   int   // digits behind the point
	unit    int   // zeros before the point
	finite  bool  // the server has no infinite number for it
	srid    uint32
	list    *listEncoder
	scratch []byte
}

// appendFunc appends the binary form of a present cell.
type appendFunc func(c *valueEncoder, dst []byte, v *record.Vector, row int) []byte

// checkFunc says why the server would not keep a present cell as it is; "": it does.
type checkFunc func(c *valueEncoder, v *record.Vector, row int) record.Code

// markFunc appends the binary form of a cell that no vector holds, or says why there is none.
type markFunc func(c *valueEncoder, dst []byte, code record.Code, raw []byte) ([]byte, record.Code)

// mark is markFunc for any column.
func (c *valueEncoder) mark(dst []byte, code record.Code, raw []byte) ([]byte, record.Code) {
	if c.marks == nil || !slices.Contains(c.keeps, code) {
		return dst, code
	}
	return c.marks(c, dst, code, raw)
}

// server is what encoding needs to know of the server.
type server struct {
	version  int
	encoding string
}

// newColumn binds the encoder of the column at a place of the batch. ok is false when values have to go through their text.
func (s server) newColumn(at int, t record.Type, i *typeInfo, mod int32) (c encodeColumn, ok bool) {
	value, ok := s.newValue(t, i, mod)
	c = encodeColumn{value: value, at: at}
	if !ok {
		c.value, c.put, c.grown = s.newText(t, i), putBytes, true
		if t.Kind != record.Native {
			c.grown, c.made, c.put = false, true, putMade
		}
		return c, false
	}
	switch i.oid {
	case oidBool:
		c.put, c.width = putBool, 1
	case oidInt2:
		c.put, c.width = putInt2, 2
	case oidInt4, oidDate:
		c.put, c.width = putInt4, 4
	case oidInt8, oidTimestamp, oidTimestamptz:
		c.put, c.width = putInt8, 8
	case oidTime:
		c.put, c.width = putTime, 8
	case oidFloat4:
		c.put, c.width = putFloat4, 4
	case oidFloat8:
		c.put, c.width = putFloat8, 8
	case oidUUID:
		c.put, c.width = putUUID, 16
	case oidInterval:
		c.put, c.width = putInterval, 16
	case oidJSONB:
		c.put, c.width, c.grown = putJSONB, 1, true
	default:
		if c.grown = plain(i); c.grown {
			c.put = putBytes
		} else {
			c.put, c.made = putMade, true
		}
	}
	return c, true
}

// plain tells whether the binary form of a type is what its cells hold.
func plain(i *typeInfo) bool { return i.oid == oidBytea || i.oid != oidJSONB && textual(i) }

// newValue binds the encoder of values of a logical type that go to a type of the server.
func (s server) newValue(t record.Type, i *typeInfo, mod int32) (c valueEncoder, ok bool) {
	c = valueEncoder{info: i, mod: mod, logical: t}
	switch oid := i.oid; {
	case i.elem != nil && t.Kind == record.List && t.Elem != nil:
		c.list, ok = s.newList(t, i, mod)
		c.append, c.check = appendList, checkList
		if ok {
			c.keeps, c.marks = c.list.elem.keeps, markList
		}
		return c, ok
	case oid == oidBool:
		c.append, ok = appendBool, t.Kind == record.Bool
	case oid == oidInt2:
		c.append, ok = appendInt2, t.Form() == record.FormInt64
	case oid == oidInt4:
		c.append, ok = appendInt4, t.Form() == record.FormInt64
	case oid == oidInt8:
		c.append, ok = appendInt8, t.Form() == record.FormInt64
	case oid == oidOID:
		c.append, ok = appendOID, t.Kind == record.Uint
	case oid == oidFloat4:
		c.append, ok = appendFloat4, t.Kind == record.Float
	case oid == oidFloat8:
		c.append, ok = appendFloat8, t.Kind == record.Float
	case oid == oidNumeric:
		ok = t.Kind == record.Decimal
		c.numeric(s.version < 140000)
	case oid == oidMoney:
		c.append, c.check, ok = appendMoney, checkMoney, t.Kind == record.Decimal && t.Form() == record.FormInt128
	case oid == oidUUID:
		c.append, ok = appendUUID, t.Kind == record.UUID
	case oid == oidJSONB:
		c.append, ok = appendJSONB, t.Kind == record.JSON
	case oid == oidBit:
		c.append, ok = appendBitString, t.Kind == record.Bit
	case oid == oidVarbit:
		c.append, c.check, ok = appendVarbit, checkVarbit, t.Kind == record.Native
	case plain(i):
		c.append, ok = appendPlain, t.Form() == record.FormBytes && t.Kind != record.Native
		if s.encoding == "SQL_ASCII" && oid != oidBytea {
			c.keeps, c.marks = []record.Code{record.UTF8}, markText
		}
	case i.row != nil && i.row.name == "geometry":
		c.append, c.check, ok = appendGeometry, checkGeometry, t.Kind == record.Geometry
		c.srid = geometrySRID(mod)
	default:
		ok = s.moment(&c, oid)
	}
	return c, ok
}

// moment binds what has to do with time.
func (s server) moment(c *valueEncoder, oid uint32) bool {
	infinite := []record.Code{record.InfTime}
	switch oid {
	case oidDate:
		c.append, c.epoch, c.keeps, c.marks = appendInt4, epochDays, infinite, markDate
		return c.logical.Kind == record.Date
	case oidTime:
		c.append = appendTime
		return c.logical.Kind == record.Time
	case oidTimestamp, oidTimestamptz:
		c.append, c.epoch, c.keeps, c.marks = appendInt8, epochMicros, []record.Code{record.InfTime, record.Range}, markMoment
		return (c.logical.Kind == record.Datetime || c.logical.Kind == record.Instant) && c.logical.Form() == record.FormInt64
	case oidInterval:
		c.append = appendInterval
		if c.mod >= 0 {
			c.check = checkInterval
		}
		if s.version >= 170000 {
			c.keeps, c.marks = infinite, markInterval
		}
		return c.logical.Kind == record.Interval
	}
	return false
}

// numeric binds a numeric by the vector that carries it.
func (c *valueEncoder) numeric(finite bool) {
	c.finite = finite || c.mod >= 4
	c.scale, c.keeps, c.marks = c.logical.Scale, []record.Code{record.NonFinite}, markNumeric
	if scale := numericScale(c.mod); scale < 0 {
		c.unit, c.check = -scale, checkNumericUnit
	}
	switch c.logical.Form() {
	case record.FormInt64:
		c.append = appendNumeric64
	case record.FormInt128:
		c.append = appendNumeric128
	default:
		c.append = appendNumericText
		if c.check == nil {
			c.check = checkNumericText
		}
	}
}

// numericScale reads the scale of a column, which may be negative; 0 for one without.
func numericScale(mod int32) int {
	if mod < 4 {
		return 0
	}
	return int((mod-4)&0x7FF^1024) - 1024
}

func appendBool(_ *valueEncoder, dst []byte, v *record.Vector, row int) []byte {
	return append(dst, v.Bits[row>>3]>>(row&7)&1)
}

func appendInt2(_ *valueEncoder, dst []byte, v *record.Vector, row int) []byte {
	return binary.BigEndian.AppendUint16(dst, uint16(v.Int64[row]))
}

func appendInt4(c *valueEncoder, dst []byte, v *record.Vector, row int) []byte {
	return binary.BigEndian.AppendUint32(dst, uint32(v.Int64[row]-c.epoch))
}

func appendInt8(c *valueEncoder, dst []byte, v *record.Vector, row int) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(v.Int64[row]-c.epoch))
}

func appendOID(_ *valueEncoder, dst []byte, v *record.Vector, row int) []byte {
	return binary.BigEndian.AppendUint32(dst, uint32(v.Uint64[row]))
}

func appendFloat4(_ *valueEncoder, dst []byte, v *record.Vector, row int) []byte {
	return binary.BigEndian.AppendUint32(dst, math.Float32bits(float32(v.Float64[row])))
}

func appendFloat8(_ *valueEncoder, dst []byte, v *record.Vector, row int) []byte {
	return binary.BigEndian.AppendUint64(dst, math.Float64bits(v.Float64[row]))
}

// appendMoney appends the number of the smallest coin.
func appendMoney(_ *valueEncoder, dst []byte, v *record.Vector, row int) []byte {
	return binary.BigEndian.AppendUint64(dst, v.Int128[row][0])
}

// checkMoney refuses numbers of 19 digits that 64 bits do not hold.
func checkMoney(_ *valueEncoder, v *record.Vector, row int) record.Code {
	if _, ok := record.Int128ToInt64(v.Int128[row]); !ok {
		return record.Range
	}
	return ""
}

func appendUUID(_ *valueEncoder, dst []byte, v *record.Vector, row int) []byte {
	return append(dst, v.Fixed16[row][:]...)
}

func appendPlain(_ *valueEncoder, dst []byte, v *record.Vector, row int) []byte {
	return append(dst, v.Bytes(row)...)
}

func appendJSONB(_ *valueEncoder, dst []byte, v *record.Vector, row int) []byte {
	return append(append(dst, jsonbVersion), v.Bytes(row)...)
}

func appendTime(_ *valueEncoder, dst []byte, v *record.Vector, row int) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(v.Int64[row]/1000))
}

func appendInterval(_ *valueEncoder, dst []byte, v *record.Vector, row int) []byte {
	at := len(dst)
	dst = append(dst, v.Fixed16[row][:]...)
	putIntervalValue(dst[at:], v.Fixed16[row])
	return dst
}

// Fields of an interval that a column is declared for: bits of its mod above the lowest 16, which are its digits of seconds
// (https://github.com/postgres/postgres/blob/master/src/include/utils/timestamp.h, INTERVAL_MASK).
const (
	intervalMonth  = 1 << 1
	intervalYear   = 1 << 2
	intervalDay    = 1 << 3
	intervalHour   = 1 << 10
	intervalMinute = 1 << 11
	intervalSecond = 1 << 12

	intervalFields = 0x7FFF
	intervalDigits = 0xFFFF
)

// checkInterval refuses what the server would cut off or round, in columns that are declared for some fields or digits.
func checkInterval(c *valueEncoder, v *record.Vector, row int) record.Code {
	months, days, micros := record.IntervalOf(v.Fixed16[row])
	unit := int64(1)
	if digits := int(c.mod & intervalDigits); digits < mostFraction {
		unit = int64(powerOf10(mostFraction - digits))
	}
	if fields := c.mod >> 16 & intervalFields; fields != intervalFields {
		switch {
		case fields&intervalSecond != 0:
		case fields&intervalMinute != 0:
			unit = 60_000_000
		case fields&intervalHour != 0:
			unit = 3_600_000_000
		case fields&intervalDay != 0:
			unit = math.MaxInt64
		case days != 0 || fields&intervalMonth == 0 && months%12 != 0:
			return record.Scale
		default:
			unit = math.MaxInt64
		}
	}
	if micros%unit != 0 {
		return record.Scale
	}
	return ""
}

// appendBitString appends the number of bits and the bits, most significant first.
func appendBitString(c *valueEncoder, dst []byte, v *record.Vector, row int) []byte {
	n := c.logical.Bits
	dst = binary.BigEndian.AppendUint32(dst, uint32(n))
	if v.Form == record.FormBytes {
		return append(dst, v.Bytes(row)...)
	}
	size := (n + 7) / 8
	var whole [8]byte
	binary.BigEndian.PutUint64(whole[:], v.Uint64[row]<<(64-n))
	return append(dst, whole[:size]...)
}

// appendVarbit reads the text form, zeros and ones.
func appendVarbit(_ *valueEncoder, dst []byte, v *record.Vector, row int) []byte {
	text := v.Bytes(row)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(text)))
	for i := 0; i < len(text); i += 8 {
		var x byte
		for j, bit := range text[i:min(i+8, len(text))] {
			x |= (bit & 1) << (7 - j)
		}
		dst = append(dst, x)
	}
	return dst
}

func checkVarbit(c *valueEncoder, v *record.Vector, row int) record.Code {
	text := v.Bytes(row)
	switch {
	case len(bytes.Trim(text, "01")) > 0:
		return record.WrongType
	case c.mod > 0 && len(text) > int(c.mod):
		return record.Trunc
	}
	return ""
}

// geometrySRID reads the SRID that a column of PostGIS demands; 0: any
// (https://github.com/postgis/postgis/blob/master/liblwgeom/liblwgeom.h.in, TYPMOD_GET_SRID).
func geometrySRID(mod int32) uint32 {
	if mod < 0 {
		return 0
	}
	return uint32((mod&0x0FFFFF00 - mod&0x10000000) >> 8)
}

func appendGeometry(_ *valueEncoder, dst []byte, v *record.Vector, row int) []byte {
	dst, _ = record.AppendEWKB(dst, v.Bytes(row))
	return dst
}

// checkGeometry refuses an SRID that is not the column's: one that is missing would be given in silence.
func checkGeometry(c *valueEncoder, v *record.Vector, row int) record.Code {
	cell := v.Bytes(row)
	if len(cell) < 4 || c.srid != 0 && binary.BigEndian.Uint32(cell) != c.srid {
		return record.Shape
	}
	return ""
}
