package hbase

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// encoding is how a program writes the values of a column.
type encoding struct {
	name  string
	typ   record.Type
	width int // bytes of every value; 0: any number
	// put appends the value x, which has the width, or says why it cannot and appends nothing. d is for its scratch.
	put func(d *scratch, t *record.Type, v *record.Vector, x []byte) record.Code
	// add appends a cell that is not NULL as the encoding writes it; nil: outColumn.append knows how.
	add func(dst []byte, t *record.Type, v *record.Vector, row int) []byte
	// fits says why a cell has no room; nil: the type tells.
	fits      func(t *record.Type, v *record.Vector, row int) (code record.Code, why string)
	emptyNull bool // an empty value of a column is NULL
}

// scratch is what the values of one shard are decoded with.
type scratch struct{ text []byte }

// encodings are those of org.apache.hadoop.hbase.util.Bytes, big-endian, and of moments counted from 1970 in one of its longs.
var encodings = []encoding{
	{name: "string", typ: record.Type{Kind: record.Text}, width: 0, put: putBytes},
	{name: "bytes", typ: record.Type{Kind: record.Bytes}, width: 0, put: putBytes},
	{name: "boolean", typ: record.Type{Kind: record.Bool}, width: 1, put: putBool},
	{name: "short", typ: record.Type{Kind: record.Int, Bits: 16}, width: 2, put: putInt},
	{name: "int", typ: record.Type{Kind: record.Int, Bits: 32}, width: 4, put: putInt},
	{name: "long", typ: record.Type{Kind: record.Int, Bits: 64}, width: 8, put: putInt},
	{name: "float", typ: record.Type{Kind: record.Float, Bits: 32}, width: 4, put: putFloat},
	{name: "double", typ: record.Type{Kind: record.Float, Bits: 64}, width: 8, put: putFloat},
	{name: "decimal", typ: record.Type{Kind: record.Decimal}, width: 0, put: putDecimal},
	{name: "epoch_s", typ: record.Type{Kind: record.Instant}, width: 8, put: moment(1)},
	{name: "epoch_ms", typ: record.Type{Kind: record.Instant, Precision: 3}, width: 8, put: moment(1000)},
	{name: "epoch_us", typ: record.Type{Kind: record.Instant, Precision: 6}, width: 8, put: moment(1_000_000)},
}

// textPrefix begins the name of an encoding as the text of a logical type.
const textPrefix = "text "

// encodingOf finds an encoding by its name.
func encodingOf(name, at string) (encoding, error) {
	for _, e := range slices.Concat(encodings, phoenixEncodings) {
		if e.name == name {
			return e, nil
		}
	}
	if of, found := strings.CutPrefix(name, textPrefix); found {
		t, err := record.ParseType(of)
		if err != nil {
			return encoding{}, connector.Errorf(connector.Config, "TOW-813", "encoding %q: %w", name, err).At(at)
		}
		switch t.Kind {
		case record.Document, record.List, record.Geometry, record.Native:
			return encoding{}, connector.Errorf(connector.Config, "TOW-813", "encoding %q: %s has no text here", name, t).At(at)
		}
		return encoding{name: name, typ: t, put: putText}, nil
	}
	var names []string
	for _, e := range encodings {
		names = append(names, e.name)
	}
	return encoding{}, connector.Errorf(connector.Config, "TOW-813", "unknown encoding %q", name).At(at).
		WithHint("One of %s, one of Phoenix, as phoenix_bigint, or text and a logical type, as in text date.", strings.Join(names, ", "))
}

func putBytes(_ *scratch, _ *record.Type, v *record.Vector, x []byte) record.Code {
	v.AppendBytes(x) // texts are checked a column at a time, when the batch is handed on
	return ""
}

// putBool takes what Bytes.toBytes writes, 0 and −1, and the 1 of other programs.
func putBool(_ *scratch, _ *record.Type, v *record.Vector, x []byte) record.Code {
	switch x[0] {
	case 0, 1, 0xFF:
		v.AppendBool(x[0] != 0)
		return ""
	}
	return record.WrongType
}

func putInt(_ *scratch, _ *record.Type, v *record.Vector, x []byte) record.Code {
	v.AppendInt64(signed(x))
	return ""
}

// signed reads a big-endian two's complement of 1, 2, 4 or 8 bytes.
func signed(x []byte) int64 {
	switch len(x) {
	case 1:
		return int64(int8(x[0]))
	case 2:
		return int64(int16(binary.BigEndian.Uint16(x)))
	case 4:
		return int64(int32(binary.BigEndian.Uint32(x)))
	}
	return int64(binary.BigEndian.Uint64(x))
}

func putFloat(_ *scratch, _ *record.Type, v *record.Vector, x []byte) record.Code {
	if len(x) == 4 {
		v.AppendFloat64(float64(math.Float32frombits(binary.BigEndian.Uint32(x))))
	} else {
		v.AppendFloat64(math.Float64frombits(binary.BigEndian.Uint64(x)))
	}
	return ""
}

// moment counts units of a second since 1970. The vector holds µs, which an int64 can in the years −290,000 to 290,000.
func moment(perSecond int64) func(*scratch, *record.Type, *record.Vector, []byte) record.Code {
	times := 1_000_000 / perSecond
	farthest := math.MaxInt64 / times
	return func(_ *scratch, _ *record.Type, v *record.Vector, x []byte) record.Code {
		n := signed(x)
		if n > farthest || n < -farthest {
			return record.Range
		}
		v.AppendInt64(n * times)
		return ""
	}
}

// mostDigits bounds the digits of a decimal, and those that its scale may add.
const mostDigits = 20_000

// putDecimal takes a Java BigDecimal: its scale in four bytes, then its unscaled value in two's complement.
func putDecimal(d *scratch, t *record.Type, v *record.Vector, x []byte) record.Code {
	if len(x) < 5 {
		return record.WrongType
	}
	if len(x)-4 > mostDigits*2/5 { // a byte has at least two digits
		return record.TooBig
	}
	scale := signed(x[:4])
	if scale > mostDigits || scale < -mostDigits {
		return record.Range
	}
	d.text = appendUnscaled(d.text[:0], x[4:])
	d.text = placePoint(d.text, int(scale))
	return record.AppendParsed(v, t, d.text)
}

// appendUnscaled appends the digits of a two's complement of any length.
func appendUnscaled(dst, x []byte) []byte {
	if len(x) <= 8 {
		n := int64(int8(x[0]))
		for _, b := range x[1:] {
			n = n<<8 | int64(b)
		}
		return strconv.AppendInt(dst, n, 10)
	}
	n := new(big.Int).SetBytes(x)
	if x[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(x))))
	}
	return n.Append(dst, 10)
}

// placePoint puts a point before the last scale digits of an integer's text; a negative scale appends zeros.
func placePoint(text []byte, scale int) []byte {
	if scale <= 0 {
		if len(text) == 1 && text[0] == '0' {
			return text
		}
		for range -scale {
			text = append(text, '0')
		}
		return text
	}
	sign := 0
	if text[0] == '-' {
		sign = 1
	}
	if missing := scale + 1 - (len(text) - sign); missing > 0 { // a digit before the point
		text = slices.Insert(text, sign, bytes.Repeat([]byte{'0'}, missing)...)
	}
	point := len(text) - scale
	text = append(text, 0)
	copy(text[point+1:], text[point:])
	text[point] = '.'
	return text
}

func putText(_ *scratch, t *record.Type, v *record.Vector, x []byte) record.Code {
	return record.AppendParsed(v, t, x)
}
