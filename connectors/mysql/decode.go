package mysql

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/towpath/towpath/record"
)

// The decoder turns binary rows into vectors. One function is bound to each column when a statement begins, so a cell costs one
// call and no allocation; what a vector cannot hold becomes a mark.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_binary_resultset.html

// decodeFunc appends a cell to c.vector: its bytes without their length. false: it is malformed. The packet goes on behind b, up to its
// capacity.
type decodeFunc func(d *decoder, c *decodeColumn, b []byte) bool

// decodeColumn is a column of the statement.
type decodeColumn struct {
	decode decodeFunc // nil: it is passed over
	vector *record.Vector
	index  int // in the batch; -1: a hidden key column
	field  *record.Field
	width  int    // bytes of a number; 0: the length comes first
	end    uint64 // of a decimal in 64 bits: the first number that has a digit too many
	signed bool   // of the number as the server sends it
	key    int    // 1-based place in the key; 0: not part of it
}

// decoder decodes rows of one statement into batches of one schema.
type decoder struct {
	columns []decodeColumn
	bitmap  int // bytes of the NULL bitmap
	maxCell int // bytes; a larger value is a mark
	batch   *record.Batch
	keys    [][]byte // the cells of the key columns of the last row, as the server sent them
	scratch []byte
}

// attach makes b the batch that rows are appended to.
func (d *decoder) attach(b *record.Batch) {
	d.batch = b
	for i := range d.columns {
		if c := &d.columns[i]; c.index >= 0 {
			c.vector = b.Cols[c.index]
		}
	}
}

// row appends a row to the batch. After an error the batch is of no use beyond its first Len rows.
func (d *decoder) row(p []byte) error {
	at := 1 + d.bitmap
	if len(p) < at || p[0] != headOK {
		return fmt.Errorf("%w: a row of %d bytes", errMalformed, len(p))
	}
	nulls := p[1:at]
	for i := range d.columns {
		c := &d.columns[i]
		if bit := i + 2; nulls[bit>>3]&(1<<(bit&7)) != 0 {
			if c.vector != nil {
				c.vector.AppendNull()
			}
			if c.key > 0 {
				d.keys[c.key-1] = nil
			}
			continue
		}
		begin, end := at, at+c.width
		if c.width == 0 {
			if at < len(p) && p[at] < 0xfb { // nearly all cells
				begin, end = at+1, at+1+int(p[at])
			} else {
				var b []byte
				b, end = lenencBytes(p, at)
				begin = end - len(b)
			}
		}
		if uint(end) > uint(len(p)) || c.decode != nil && !c.decode(d, c, p[begin:end]) {
			return fmt.Errorf("%w: column %d of a row", errMalformed, i+1)
		}
		if c.key > 0 {
			d.keys[c.key-1] = append(d.keys[c.key-1][:0], p[at:end]...)
		}
		at = end
	}
	if at != len(p) {
		return fmt.Errorf("%w: %d bytes behind the last column of a row", errMalformed, len(p)-at)
	}
	d.batch.Len++
	d.batch.Size += len(p)
	return nil
}

// mark makes a cell a NULL with a mark.
func (d *decoder) mark(c *decodeColumn, code record.Code, raw []byte) {
	d.batch.MarkNull(c.index, code, raw)
}

// markedBytes is how much of a value too large is kept.
const markedBytes = 64 << 10

// kept is the part of a value too large that its mark holds.
func kept(b []byte) []byte {
	n := min(len(b), markedBytes)
	return b[:n:n]
}

// bind returns the function that decodes what the server sends as def into the field.
func bind(f *record.Field, def columnDef) (decodeColumn, bool) {
	c := decodeColumn{field: f, width: intWidth(def.Type), signed: def.Flags&flagUnsigned == 0}
	isInt := c.width > 0 && def.Type != wireFloat && def.Type != wireDouble
	text := c.width == 0 && !temporal(def.Type)
	fits := def.Decimals > mostFraction || int(def.Decimals) <= f.Type.Precision
	ok := false
	switch f.Type.Kind {
	case record.Int:
		c.decode, ok = intDecoder(c.width), isInt && c.width <= (f.Type.Bits+15)/16*2 && (c.signed || 8*c.width < f.Type.Bits)
	case record.Year:
		c.decode, ok = decodeYear, isInt && c.width == 2
	case record.Uint:
		c.decode, ok = decodeUint, isInt && c.width <= (f.Type.Bits+15)/16*2
	case record.Float:
		c.decode, ok = decodeDouble, def.Type == wireDouble
		if def.Type == wireFloat {
			c.decode, ok = decodeFloat, true
		}
	case record.Decimal:
		c.decode, ok = decimalDecoder(f.Type.Form()), def.Type == wireDecimal || def.Type == 0
		c.end = powersOf10[min(f.Type.Precision, len(powersOf10)-1)]
	case record.Bit:
		c.decode, ok = decodeBit, text
	case record.Date:
		c.decode, ok = decodeDate, def.Type == wireDate
	case record.Datetime, record.Instant:
		c.decode, ok = decodeDatetime, temporal(def.Type) && def.Type != wireTime && f.Type.Form() == record.FormInt64 && fits
	case record.Time:
		c.decode, ok = decodeTime, def.Type == wireTime && fits
	case record.UUID:
		c.decode, ok = decodeUUID, text
	case record.Geometry:
		c.decode, ok = decodeGeometry, text
	case record.Bytes, record.Text, record.JSON, record.Enum, record.Set, record.Native:
		c.decode, ok = decodeBytes, text
	}
	return c, ok
}

// inCharset tells whether the bytes of a column are text in the charset that its definition names; JSON of its own type is always UTF-8.
func inCharset(f *record.Field, def columnDef) bool {
	switch f.Type.Kind {
	case record.Text, record.Enum, record.Set, record.JSON:
		return def.Type != wireJSON
	}
	return false
}

func temporal(typ byte) bool {
	return typ == wireDate || typ == wireDatetime || typ == wireTimestamp || typ == wireTime
}

// skipper passes over a hidden column. Dates and times have their lengths in one byte, which is as others have theirs.
func skipper(def columnDef) decodeColumn {
	return decodeColumn{index: -1, width: intWidth(def.Type)}
}

func intDecoder(width int) decodeFunc {
	switch width {
	case 4:
		return decodeInt32
	case 8:
		return decodeInt64
	}
	return decodeSmall
}

func decodeInt64(_ *decoder, c *decodeColumn, b []byte) bool {
	c.vector.AppendInt64(int64(binary.LittleEndian.Uint64(b)))
	return true
}

func decodeInt32(_ *decoder, c *decodeColumn, b []byte) bool {
	n := binary.LittleEndian.Uint32(b)
	if c.signed {
		c.vector.AppendInt64(int64(int32(n)))
	} else {
		c.vector.AppendInt64(int64(n))
	}
	return true
}

func decodeSmall(_ *decoder, c *decodeColumn, b []byte) bool {
	n := uint16(b[0])
	if c.width == 2 {
		n |= uint16(b[1]) << 8
	}
	switch {
	case !c.signed:
		c.vector.AppendInt64(int64(n))
	case c.width == 1:
		c.vector.AppendInt64(int64(int8(n)))
	default:
		c.vector.AppendInt64(int64(int16(n)))
	}
	return true
}

func decodeYear(_ *decoder, c *decodeColumn, b []byte) bool {
	c.vector.AppendInt64(int64(binary.LittleEndian.Uint16(b)))
	return true
}

func decodeUint(d *decoder, c *decodeColumn, b []byte) bool {
	var n uint64
	for i, x := range b {
		n |= uint64(x) << (8 * i)
	}
	if c.signed && n>>(8*c.width-1) != 0 {
		d.mark(c, record.Range, []byte(intText(b, false)))
		return true
	}
	c.vector.AppendUint64(n)
	return true
}

func decodeDouble(_ *decoder, c *decodeColumn, b []byte) bool {
	c.vector.AppendFloat64(math.Float64frombits(binary.LittleEndian.Uint64(b)))
	return true
}

func decodeFloat(_ *decoder, c *decodeColumn, b []byte) bool {
	c.vector.AppendFloat64(float64(math.Float32frombits(binary.LittleEndian.Uint32(b))))
	return true
}

func decodeBit(d *decoder, c *decodeColumn, b []byte) bool {
	if len(b) > 8 {
		return false
	}
	var n uint64
	for _, x := range b {
		n = n<<8 | uint64(x)
	}
	c.vector.AppendUint64(n)
	return true
}

func decodeBytes(d *decoder, c *decodeColumn, b []byte) bool {
	if len(b) > d.maxCell {
		d.mark(c, record.TooBig, kept(b))
		return true
	}
	c.vector.AppendBytes(b)
	return true
}

// decodeForeign reads text that foreignText selects: of a value in another charset its own bytes, which are marked whatever they are.
func decodeForeign(d *decoder, c *decodeColumn, b []byte) bool {
	if len(b) > d.maxCell || len(b) == 0 || b[0] != notText {
		return decodeBytes(d, c, b)
	}
	d.mark(c, record.UTF8, b[1:])
	return true
}

func decodeUUID(d *decoder, c *decodeColumn, b []byte) bool {
	var id [16]byte
	digits := 0
	for _, x := range b {
		v, ok := hexDigit(x)
		if x == '-' {
			continue
		}
		if !ok || digits == 32 {
			digits = -1
			break
		}
		id[digits/2] = id[digits/2]<<4 | v
		digits++
	}
	if digits != 32 {
		d.mark(c, record.WrongType, b)
		return true
	}
	c.vector.AppendFixed16(id)
	return true
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// decodeGeometry turns the server's form, SRID in little-endian before WKB, into SRID in big-endian before WKB.
func decodeGeometry(d *decoder, c *decodeColumn, b []byte) bool {
	if len(b) > d.maxCell {
		d.mark(c, record.TooBig, kept(b))
		return true
	}
	if len(b) < 9 {
		d.mark(c, record.WrongType, b)
		return true
	}
	v := c.vector
	v.Data = binary.BigEndian.AppendUint32(v.Data, binary.LittleEndian.Uint32(b))
	v.Data = append(v.Data, b[4:]...)
	v.CloseBytes()
	return true
}

func decimalDecoder(form record.Form) decodeFunc {
	switch form {
	case record.FormInt64:
		return decodeDecimal64
	case record.FormInt128:
		return decodeDecimal128
	}
	return decodeDecimalText
}

// decodeDecimal64 reads the server's fixed form: a sign, digits, a point, exactly Scale digits.
func decodeDecimal64(d *decoder, c *decodeColumn, b []byte) bool {
	if len(b) == 0 {
		return decodeDecimalText(d, c, b)
	}
	minus := 0
	if b[0] == '-' {
		minus = 1
	}
	digits := b[minus:]
	if n, ok := shortDecimal(digits, c.field.Type.Scale); ok && n < c.end {
		c.vector.AppendInt64(negated(n, minus))
		return true
	}
	var n uint64
	point, count := len(digits), 0
	for i, x := range digits {
		if x == '.' && point == len(digits) {
			point = i
			continue
		}
		if x -= '0'; x > 9 || n > math.MaxInt64/10-1 {
			count = -1
			break
		} else {
			n = n*10 + uint64(x)
			count++
		}
	}
	if count <= 0 || max(len(digits)-point-1, 0) != c.field.Type.Scale || n >= c.end {
		return decodeDecimalText(d, c, b)
	}
	c.vector.AppendInt64(negated(n, minus))
	return true
}

// negated returns -n where minus is 1, and n where it is 0, without a branch: no processor could foresee which numbers are negative.
func negated(n uint64, minus int) int64 { return (int64(n) ^ -int64(minus)) + int64(minus) }

// shortDecimal reads up to eight digits, a point and up to seven more of them. It looks at words that may end behind b, within its capacity.
func shortDecimal(b []byte, scale int) (uint64, bool) {
	whole := len(b)
	if scale > 0 {
		whole -= scale + 1
	}
	if whole < 1 || whole > 8 || scale > 7 || cap(b) < whole+1+8 {
		return 0, false
	}
	b = b[:cap(b)]
	x, ok := eightDigits(b, whole)
	if scale == 0 {
		return x, ok
	}
	fraction, fits := eightDigits(b[whole+1:], scale)
	return x*powersOf10[scale] + fraction, ok && fits && b[whole] == '.'
}

// powersOf10 are those of 64 bits.
var powersOf10 = [20]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19}

// eightDigits reads the first n of eight bytes, 1 to 8, as digits, all at once: pairs, then fours, then all eight.
func eightDigits(b []byte, n int) (uint64, bool) {
	const zeros, tops = 0x3030303030303030, 0x8080808080808080
	front := uint(64 - 8*n)
	x := binary.LittleEndian.Uint64(b)<<front | zeros&(1<<front-1)
	if ((x+0x4646464646464646)|(x-zeros))&tops != 0 {
		return 0, false
	}
	x = (x & 0x0F0F0F0F0F0F0F0F) * (1<<8*10 + 1) >> 8
	x = (x & 0x00FF00FF00FF00FF) * (1<<16*100 + 1) >> 16
	return (x & 0x0000FFFF0000FFFF) * (1<<32*10_000 + 1) >> 32, true
}

func decodeDecimal128(d *decoder, c *decodeColumn, b []byte) bool {
	x, code := record.Int128FromText(b, c.field.Type.Precision, c.field.Type.Scale)
	if code != "" {
		d.mark(c, code, b)
		return true
	}
	c.vector.AppendInt128(x)
	return true
}

// decodeDecimalText leaves a decimal to the exact parser: of a long column, or in another form than the column's, as an expression can have.
func decodeDecimalText(d *decoder, c *decodeColumn, b []byte) bool {
	if code := record.AppendParsed(c.vector, &c.field.Type, b); code != "" {
		d.mark(c, code, b)
	}
	return true
}
