package hbase

import (
	"encoding/binary"
	"math"
	"strings"

	"github.com/towpath/towpath/record"
)

// phoenixPrefix begins the name of an encoding of Apache Phoenix; behind it stands SQL's name of the type in small letters.
const phoenixPrefix = "phoenix_"

// phoenixEncodings are those of org.apache.phoenix.schema.types (PInteger, PUnsignedInt and so on), in ascending order of their bytes. VARCHAR is
// string, VARBINARY bytes. SQL's dates and times there are all moments since 1970.
var phoenixEncodings = []encoding{
	phoenix("boolean", record.Type{Kind: record.Bool}, 1, putPhoenixBool, addPhoenixBool, nil),
	phoenix("tinyint", record.Type{Kind: record.Int, Bits: 8}, 1, putFlipped, addInt(1, true), nil),
	phoenix("smallint", record.Type{Kind: record.Int, Bits: 16}, 2, putFlipped, addInt(2, true), nil),
	phoenix("integer", record.Type{Kind: record.Int, Bits: 32}, 4, putFlipped, addInt(4, true), nil),
	phoenix("bigint", record.Type{Kind: record.Int, Bits: 64}, 8, putFlipped, addInt(8, true), nil),
	phoenix("unsigned_tinyint", record.Type{Kind: record.Int, Bits: 8}, 1, unsigned(putInt), addInt(1, false), intFits),
	phoenix("unsigned_smallint", record.Type{Kind: record.Int, Bits: 16}, 2, unsigned(putInt), addInt(2, false), intFits),
	phoenix("unsigned_int", record.Type{Kind: record.Int, Bits: 32}, 4, unsigned(putInt), addInt(4, false), intFits),
	phoenix("unsigned_long", record.Type{Kind: record.Int, Bits: 64}, 8, unsigned(putInt), addInt(8, false), intFits),
	phoenix("float", record.Type{Kind: record.Float, Bits: 32}, 4, putSortable, addSortable, nil),
	phoenix("double", record.Type{Kind: record.Float, Bits: 64}, 8, putSortable, addSortable, nil),
	phoenix("unsigned_float", record.Type{Kind: record.Float, Bits: 32}, 4, putUnsignedFloat, addUnsignedFloat, floatFits),
	phoenix("unsigned_double", record.Type{Kind: record.Float, Bits: 64}, 8, putUnsignedFloat, addUnsignedFloat, floatFits),
	phoenix("decimal", record.Type{Kind: record.Decimal}, 0, putPhoenixDecimal, addPhoenixDecimal, decimalFits),
	phoenix("date", record.Type{Kind: record.Instant, Precision: 3}, 8, flipped(moment(1000)), addMillis(true), nil),
	phoenix("time", record.Type{Kind: record.Instant, Precision: 3}, 8, flipped(moment(1000)), addMillis(true), nil),
	phoenix("timestamp", record.Type{Kind: record.Instant, Precision: 9}, 12, flipped(putTimestamp), addTimestamp(true), timestampFits(math.MinInt64/1000)),
	phoenix("unsigned_date", record.Type{Kind: record.Instant, Precision: 3}, 8, unsigned(moment(1000)), addMillis(false), intFits),
	phoenix("unsigned_time", record.Type{Kind: record.Instant, Precision: 3}, 8, unsigned(moment(1000)), addMillis(false), intFits),
	phoenix("unsigned_timestamp", record.Type{Kind: record.Instant, Precision: 9}, 12, unsigned(putTimestamp), addTimestamp(false), timestampFits(0)),
}

// The functions of an encoding.
type (
	putting func(d *scratch, t *record.Type, v *record.Vector, x []byte) record.Code
	adding  func(dst []byte, t *record.Type, v *record.Vector, row int) []byte
	fitting func(t *record.Type, v *record.Vector, row int) (code record.Code, why string)
)

// phoenix makes an encoding; an empty value is NULL, as tables with STORE_NULLS have it.
func phoenix(name string, t record.Type, width int, put putting, add adding, fits fitting) encoding {
	return encoding{name: phoenixPrefix + name, typ: t, width: width, put: put, add: add, fits: fits, emptyNull: true}
}

func putPhoenixBool(_ *scratch, _ *record.Type, v *record.Vector, x []byte) record.Code {
	if x[0] > 1 {
		return record.WrongType
	}
	v.AppendBool(x[0] == 1)
	return ""
}

func addPhoenixBool(dst []byte, _ *record.Type, v *record.Vector, row int) []byte {
	return append(dst, byte(count(v.Bool(row))))
}

// flipped takes a value whose first bit, that of its sign, is turned over, so that negative numbers come before others.
func flipped(put putting) putting {
	return func(d *scratch, t *record.Type, v *record.Vector, x []byte) record.Code {
		var turned [12]byte
		n := copy(turned[:], x)
		turned[0] ^= 0x80
		return put(d, t, v, turned[:n])
	}
}

// putFlipped is flipped of putInt, for it is the most frequent.
func putFlipped(_ *scratch, _ *record.Type, v *record.Vector, x []byte) record.Code {
	v.AppendInt64(signed(x) ^ math.MinInt64>>(64-8*len(x)))
	return ""
}

// unsigned takes no value whose first bit is set.
func unsigned(put putting) putting {
	return func(d *scratch, t *record.Type, v *record.Vector, x []byte) record.Code {
		if x[0]&0x80 != 0 {
			return record.WrongType
		}
		return put(d, t, v, x)
	}
}

func addInt(width int, flip bool) adding {
	return func(dst []byte, _ *record.Type, v *record.Vector, row int) []byte {
		return appendInt(dst, v.Int64[row], width, flip)
	}
}

func appendInt(dst []byte, n int64, width int, flip bool) []byte {
	at := len(dst)
	for shift := 8 * (width - 1); shift >= 0; shift -= 8 {
		dst = append(dst, byte(n>>shift))
	}
	if flip {
		dst[at] ^= 0x80
	}
	return dst
}

const belowZero = "Phoenix's unsigned types hold nothing below 0"

func intFits(_ *record.Type, v *record.Vector, row int) (record.Code, string) {
	if v.Int64[row] < 0 {
		return record.Range, belowZero
	}
	return "", ""
}

// sortable turns the bits of a number of IEEE 754 into one that orders as the numbers do, and original turns it back: the bits of a negative number
// are all turned over, of others the first one, and 1 is added (PFloat.FloatCodec, PDouble.DoubleCodec).
func sortable(bits int64) int64 { return (bits ^ (bits>>63 | math.MinInt64)) + 1 }

func original(x int64) int64 { return (x - 1) ^ (^(x-1)>>63 | math.MinInt64) }

func sortable32(bits int32) int32 { return (bits ^ (bits>>31 | math.MinInt32)) + 1 }

func original32(x int32) int32 { return (x - 1) ^ (^(x-1)>>31 | math.MinInt32) }

func putSortable(_ *scratch, _ *record.Type, v *record.Vector, x []byte) record.Code {
	if len(x) == 4 {
		v.AppendFloat64(float64(math.Float32frombits(uint32(original32(int32(signed(x)))))))
	} else {
		v.AppendFloat64(math.Float64frombits(uint64(original(signed(x)))))
	}
	return ""
}

func addSortable(dst []byte, t *record.Type, v *record.Vector, row int) []byte {
	if t.Bits == 32 {
		return binary.BigEndian.AppendUint32(dst, uint32(sortable32(int32(bits32(v.Float64[row])))))
	}
	return binary.BigEndian.AppendUint64(dst, uint64(sortable(int64(bits64(v.Float64[row])))))
}

// bits32 and bits64 are the bits of a number; NaN has those of Java's, so that it is one key.
func bits32(x float64) uint32 {
	if math.IsNaN(x) {
		return 0x7FC00000
	}
	return math.Float32bits(float32(x))
}

func bits64(x float64) uint64 {
	if math.IsNaN(x) {
		return 0x7FF8000000000000
	}
	return math.Float64bits(x)
}

func putUnsignedFloat(d *scratch, t *record.Type, v *record.Vector, x []byte) record.Code {
	if putFloat(d, t, v, x); v.Float64[v.Len-1] < 0 {
		v.Float64, v.Len = v.Float64[:v.Len-1], v.Len-1
		return record.WrongType
	}
	return ""
}

func addUnsignedFloat(dst []byte, t *record.Type, v *record.Vector, row int) []byte {
	if t.Bits == 32 {
		return binary.BigEndian.AppendUint32(dst, bits32(v.Float64[row]))
	}
	return binary.BigEndian.AppendUint64(dst, bits64(v.Float64[row]))
}

func floatFits(_ *record.Type, v *record.Vector, row int) (record.Code, string) {
	if v.Float64[row] < 0 {
		return record.Range, belowZero
	}
	return "", ""
}

func addMillis(flip bool) adding {
	return func(dst []byte, _ *record.Type, v *record.Vector, row int) []byte {
		return appendInt(dst, v.Int64[row]/1000, 8, flip)
	}
}

const nanosPerMilli = 1_000_000

// putTimestamp takes ms since 1970 and the nanoseconds of that ms. From a million on they are those of the second, as earlier versions wrote
// them (PTimestamp).
func putTimestamp(_ *scratch, _ *record.Type, v *record.Vector, x []byte) record.Code {
	ms, nanos := signed(x[:8]), signed(x[8:])
	if nanos < 0 || nanos >= 1000*nanosPerMilli {
		return record.WrongType
	}
	sec := ms / 1000
	if ms%1000 < 0 {
		sec--
	}
	if nanos < nanosPerMilli {
		nanos += (ms - sec*1000) * nanosPerMilli
	}
	v.AppendFixed16(record.PutMoment(sec, int32(nanos), 0))
	return ""
}

func addTimestamp(flip bool) adding {
	return func(dst []byte, _ *record.Type, v *record.Vector, row int) []byte {
		sec, nanos, _ := record.MomentOf(v.Fixed16[row])
		dst = appendInt(dst, sec*1000+int64(nanos/nanosPerMilli), 8, flip)
		return binary.BigEndian.AppendUint32(dst, uint32(nanos%nanosPerMilli))
	}
}

// timestampFits says whether the seconds are at least so many, and few enough to be counted in ms.
func timestampFits(least int64) fitting {
	return func(_ *record.Type, v *record.Vector, row int) (record.Code, string) {
		if sec, _, _ := record.MomentOf(v.Fixed16[row]); sec < least || sec >= math.MaxInt64/1000 {
			return record.Range, "Phoenix counts it in ms, and its unsigned types from 1970 on"
		}
		return "", ""
	}
}

// A decimal is a byte for sign and exponent, and digits to the base 100, the first and the last of them not 0 (PDataType.toBytes of a BigDecimal). With
// e the power of 100 of the first digit, the byte is 0x80|e+65, a digit d the byte d+1; of a negative number 0x7F−(e+65) and 101−d, and 102
// ends it unless it has all digits there can be. 0 is 0x80 alone.
const (
	phoenixZero     = 0x80
	phoenixEnd      = 102
	phoenixExponent = 65
	leastExponent   = -63 // Phoenix reads lower ones as others
	mostExponent    = 62
	mostPairs       = 20
	phoenixDigits   = 38
)

// putPhoenixDecimal takes what Phoenix writes and nothing else: a number has one form.
func putPhoenixDecimal(d *scratch, t *record.Type, v *record.Vector, x []byte) record.Code {
	if len(x) == 1 && x[0] == phoenixZero {
		return record.AppendParsed(v, t, []byte{'0'})
	}
	if len(x) < 2 {
		return record.WrongType
	}
	exponent, pairs, negative := int(x[0]&0x7F)-phoenixExponent, x[1:], x[0]&0x80 == 0
	d.text = d.text[:0]
	if negative {
		exponent = int(^x[0]&0x7F) - phoenixExponent
		d.text = append(d.text, '-')
		if last := len(pairs) - 1; pairs[last] == phoenixEnd && last < mostPairs {
			pairs = pairs[:last]
		} else if len(pairs) != mostPairs {
			return record.WrongType
		}
	}
	sign := len(d.text)
	if len(pairs) == 0 || len(pairs) > mostPairs || exponent < leastExponent {
		return record.WrongType
	}
	for i, b := range pairs {
		pair := int(b) - 1
		if negative {
			pair = 101 - int(b)
		}
		if pair < 0 || pair > 99 || pair == 0 && (i == 0 || i == len(pairs)-1) {
			return record.WrongType
		}
		if i > 0 || pair > 9 {
			d.text = append(d.text, byte('0'+pair/10))
		}
		d.text = append(d.text, byte('0'+pair%10))
	}
	scale := 2 * (len(pairs) - 1 - exponent)
	if last := len(d.text) - 1; d.text[last] == '0' {
		d.text, scale = d.text[:last], scale-1
	}
	if len(d.text)-sign > phoenixDigits {
		return record.WrongType
	}
	d.text = placePoint(d.text, scale)
	return record.AppendParsed(v, t, d.text)
}

// pairsOf takes a decimal's text apart: pairs are its digits to the base 100 as text, two each, without a 0 at either end, and exponent is the
// power of 100 of the first. digits counts its digits to the base 10. There are no pairs of 0.
func pairsOf(text []byte) (pairs []byte, exponent, digits int, negative bool) {
	whole, fraction, _ := strings.Cut(string(text), ".")
	whole, negative = strings.CutPrefix(whole, "-")
	all := strings.TrimRight(whole+fraction, "0")
	scale := len(fraction) - (len(whole) + len(fraction) - len(all))
	if all = strings.TrimLeft(all, "0"); all == "" {
		return nil, 0, 0, false
	}
	digits = len(all)
	if scale&1 != 0 {
		all, scale = all+"0", scale+1
	}
	if len(all)&1 != 0 {
		all = "0" + all
	}
	return []byte(all), len(all)/2 - 1 - scale/2, digits, negative
}

func addPhoenixDecimal(dst []byte, t *record.Type, v *record.Vector, row int) []byte {
	pairs, exponent, _, negative := pairsOf(record.AppendText(nil, t, v, row))
	if pairs == nil {
		return append(dst, phoenixZero)
	}
	first := byte(exponent + phoenixExponent)
	if negative {
		dst = append(dst, 0x7F-first)
	} else {
		dst = append(dst, 0x80|first)
	}
	for i := 0; i < len(pairs); i += 2 {
		pair := 10*(pairs[i]-'0') + pairs[i+1] - '0'
		if negative {
			dst = append(dst, 101-pair)
		} else {
			dst = append(dst, pair+1)
		}
	}
	if negative && len(pairs)/2 < mostPairs {
		dst = append(dst, phoenixEnd)
	}
	return dst
}

func decimalFits(t *record.Type, v *record.Vector, row int) (record.Code, string) {
	_, exponent, digits, _ := pairsOf(record.AppendText(nil, t, v, row))
	switch {
	case digits > phoenixDigits:
		return record.Scale, "Phoenix's decimals have 38 digits"
	case exponent < leastExponent, exponent > mostExponent:
		return record.Range, "Phoenix's decimals lie between 1e-126 and 1e126"
	}
	return "", ""
}
