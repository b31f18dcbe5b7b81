package record

import (
	"encoding/binary"
	"math"
)

// CanonicalVersion numbers the canonical form below. A change of a single byte of it needs another number: receipts of
// finished runs were made with it.
const CanonicalVersion = 1

// Tags of the canonical form, the first byte of each cell.
const (
	tagNull        = 0
	tagInt         = 1
	tagUint        = 2
	tagYear        = 3
	tagDate        = 4
	tagTime        = 5
	tagDatetime    = 6 // µs
	tagDatetimeFin = 7 // s, ns
	tagInstant     = 8
	tagInstantFin  = 9
	tagInstantOff  = 10 // s, ns, offset
	tagDecimal     = 11 // 16 bytes at the type's scale
	tagDecimalText = 12
	tagFloat64     = 13
	tagFloat32     = 14
	tagBool        = 15
	tagText        = 16
	tagBytes       = 17
	tagGeometry    = 18
	tagInterval    = 19
	tagUUID        = 20
	tagJSON        = 21
	tagDocument    = 22
	tagList        = 23
	tagEnum        = 24
	tagSet         = 25
	tagBit         = 26
	tagNative      = 27
	tagMark        = 255 // a mark that stays beside its batch: code and raw text
)

// shape is how the canonical form of a type is laid out: a tag, then width bytes, or a length of four bytes and the bytes.
type shape struct {
	tag   byte
	width int // 0: variable
	trim  bool
	// text makes the bytes of cells that are not taken as they are.
	text func(h *scratch, dst, cell []byte) []byte
}

// shapeOf returns the layout of t.
func shapeOf(t *Type) shape {
	switch t.Kind {
	case Bool:
		return shape{tag: tagBool, width: 1}
	case Int:
		return shape{tag: tagInt, width: 8}
	case Uint:
		return shape{tag: tagUint, width: 8}
	case Year:
		return shape{tag: tagYear, width: 8}
	case Date:
		return shape{tag: tagDate, width: 8}
	case Time:
		return shape{tag: tagTime, width: 8}
	case Datetime, Instant:
		return momentShape(t)
	case Interval:
		return shape{tag: tagInterval, width: 16}
	case UUID:
		return shape{tag: tagUUID, width: 16}
	case Float:
		if t.Bits == 32 {
			return shape{tag: tagFloat32, width: 4}
		}
		return shape{tag: tagFloat64, width: 8}
	case Decimal:
		if t.Form() == FormBytes {
			return shape{tag: tagDecimalText, text: canonicalDecimal}
		}
		return shape{tag: tagDecimal, width: 16}
	case Bit:
		if t.Form() == FormUint64 {
			return shape{tag: tagBit, width: 8}
		}
		return shape{tag: tagBit}
	}
	return bytesShape(t)
}

func momentShape(t *Type) shape {
	switch {
	case t.Kind == Datetime && t.Precision > 6:
		return shape{tag: tagDatetimeFin, width: 12}
	case t.Kind == Datetime:
		return shape{tag: tagDatetime, width: 8}
	case t.Offset:
		return shape{tag: tagInstantOff, width: 16}
	case t.Precision > 6:
		return shape{tag: tagInstantFin, width: 12}
	}
	return shape{tag: tagInstant, width: 8}
}

func bytesShape(t *Type) shape {
	switch t.Kind {
	case Text:
		return shape{tag: tagText, trim: t.Fixed}
	case Bytes:
		return shape{tag: tagBytes}
	case Geometry:
		return shape{tag: tagGeometry}
	case JSON:
		return shape{tag: tagJSON, text: canonicalJSON}
	case Document:
		return shape{tag: tagDocument, text: canonicalDocument}
	case List:
		return listShape(t.Elem)
	case Enum:
		return shape{tag: tagEnum}
	case Set:
		return shape{tag: tagSet}
	}
	return shape{tag: tagNative}
}

// canonicalDecimal writes sign and digits, without zeros at the end of the fraction; zero has no sign.
func canonicalDecimal(_ *scratch, dst, cell []byte) []byte {
	n, code := scanNumber(cell, true)
	if code == NonFinite {
		x, _ := parseFloat(cell, 64)
		switch {
		case math.IsNaN(x):
			return append(dst, "NaN"...)
		case x > 0:
			return append(dst, "+Inf"...)
		}
		return append(dst, "-Inf"...)
	}
	if code != "" {
		return append(dst, cell...)
	}
	start := len(dst)
	dst, code = appendDecimal(dst, cell, 0, 0)
	if code != "" {
		return append(dst[:start], cell...)
	}
	if len(n.frac) > 0 || n.exp < 0 {
		dst = cutFraction(dst, start)
	}
	return dst
}

// cutFraction cuts zeros at the end of a fraction, and the point when nothing follows it.
func cutFraction(dst []byte, start int) []byte {
	point := -1
	for i := start; i < len(dst); i++ {
		if dst[i] == '.' {
			point = i
			break
		}
	}
	if point < 0 {
		return dst
	}
	end := len(dst)
	for dst[end-1] == '0' {
		end--
	}
	if end-1 == point {
		end = point
	}
	return dst[:end]
}

// canonicalFloat64 has one NaN.
func canonicalFloat64(x float64) uint64 {
	if math.IsNaN(x) {
		return 0x7FF8000000000000
	}
	return math.Float64bits(x)
}

func canonicalFloat32(x float64) uint32 {
	if math.IsNaN(x) {
		return 0x7FC00000
	}
	return math.Float32bits(float32(x))
}

// putFixed16 writes an Interval, a UUID or a moment as the shape says.
func putFixed16(dst []byte, tag byte, x *[16]byte) {
	switch tag {
	case tagUUID:
		copy(dst, x[:])
	case tagInterval:
		months, days, micros := IntervalOf(*x)
		binary.BigEndian.PutUint32(dst, uint32(months))
		binary.BigEndian.PutUint32(dst[4:], uint32(days))
		binary.BigEndian.PutUint64(dst[8:], uint64(micros))
	default:
		sec, nanos, offset := MomentOf(*x)
		binary.BigEndian.PutUint64(dst, uint64(sec))
		binary.BigEndian.PutUint32(dst[8:], uint32(nanos))
		if tag == tagInstantOff {
			binary.BigEndian.PutUint32(dst[12:], uint32(offset))
		}
	}
}
