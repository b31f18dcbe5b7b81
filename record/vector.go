package record

// Form is the storage of a vector: Arrow's physical layouts, seven of them.
type Form uint8

// The seven forms.
const (
	FormBool    Form = iota // Bits, one bit a row, least significant first
	FormInt64               // Int64
	FormUint64              // Uint64
	FormFloat64             // Float64
	FormInt128              // Int128, {low, high}, two's complement
	FormFixed16             // Fixed16
	FormBytes               // Offsets (Len+1 of them) into Data
)

// Vector is one column of a batch. Only the storage of its form is in use; NULL cells hold the form's zero there.
// Readers append, writers and transforms read the slices directly, in one loop a column.
type Vector struct {
	Form    Form
	Len     int
	Nulls   int
	Valid   []byte // MaxRows bits; bit i set: cell i is present. Bits from Len on are set
	Bits    []byte // MaxRows bits
	Int64   []int64
	Uint64  []uint64
	Float64 []float64
	Int128  [][2]uint64
	Fixed16 [][16]byte
	Offsets []int32
	Data    []byte

	dropped bool // DropRows has compacted it for another batch
}

// NewVector returns an empty vector of the form, with room for MaxRows cells.
func NewVector(form Form) *Vector {
	v := new(Vector)
	v.Reset(form)
	return v
}

// Reset empties the vector and gives it a form, keeping its memory.
func (v *Vector) Reset(form Form) {
	if v.Valid == nil {
		v.Valid = make([]byte, MaxRows/8)
		fill(v.Valid)
	} else if v.Nulls > 0 {
		fill(v.Valid)
	}
	v.Form, v.Len, v.Nulls = form, 0, 0
	switch form {
	case FormBool:
		if v.Bits == nil {
			v.Bits = make([]byte, MaxRows/8)
		} else {
			clear(v.Bits)
		}
	case FormInt64:
		v.Int64 = v.Int64[:0]
	case FormUint64:
		v.Uint64 = v.Uint64[:0]
	case FormFloat64:
		v.Float64 = v.Float64[:0]
	case FormInt128:
		v.Int128 = v.Int128[:0]
	case FormFixed16:
		v.Fixed16 = v.Fixed16[:0]
	case FormBytes:
		v.Offsets = append(v.Offsets[:0], 0)
		v.Data = v.Data[:0]
	}
}

func fill(bits []byte) {
	for i := range bits {
		bits[i] = 0xFF
	}
}

// Null reports whether cell i is NULL (or a mark).
func (v *Vector) Null(i int) bool { return v.Valid[i>>3]&(1<<(i&7)) == 0 }

// Bool returns cell i of a FormBool vector.
func (v *Vector) Bool(i int) bool { return v.Bits[i>>3]&(1<<(i&7)) != 0 }

// Bytes returns cell i of a FormBytes vector, a view into Data that lasts as long as the batch.
func (v *Vector) Bytes(i int) []byte { return v.Data[v.Offsets[i]:v.Offsets[i+1]:v.Offsets[i+1]] }

// view makes v the cells of src from from, a multiple of eight, to to (not included), in src's own memory. Nulls is that of all of src.
func (v *Vector) view(src *Vector, from, to int) {
	v.Form, v.Len, v.Nulls, v.Valid = src.Form, to-from, src.Nulls, src.Valid[from>>3:]
	switch src.Form {
	case FormBool:
		v.Bits = src.Bits[from>>3:]
	case FormInt64:
		v.Int64 = src.Int64[from:to]
	case FormUint64:
		v.Uint64 = src.Uint64[from:to]
	case FormFloat64:
		v.Float64 = src.Float64[from:to]
	case FormInt128:
		v.Int128 = src.Int128[from:to]
	case FormFixed16:
		v.Fixed16 = src.Fixed16[from:to]
	case FormBytes:
		v.Offsets, v.Data = src.Offsets[from:to+1], src.Data
	}
}

// longest returns the length of the longest cell of a FormBytes vector.
func (v *Vector) longest() int64 {
	var longest int32
	for i, end := range v.Offsets[1:] {
		longest = max(longest, end-v.Offsets[i])
	}
	return int64(longest)
}

// AppendNull appends a NULL cell.
func (v *Vector) AppendNull() {
	i := v.Len
	v.Valid[i>>3] &^= 1 << (i & 7)
	v.Nulls++
	v.Len++
	switch v.Form {
	case FormInt64:
		v.Int64 = append(v.Int64, 0)
	case FormUint64:
		v.Uint64 = append(v.Uint64, 0)
	case FormFloat64:
		v.Float64 = append(v.Float64, 0)
	case FormInt128:
		v.Int128 = append(v.Int128, [2]uint64{})
	case FormFixed16:
		v.Fixed16 = append(v.Fixed16, [16]byte{})
	case FormBytes:
		v.Offsets = append(v.Offsets, int32(len(v.Data)))
	}
}

// AppendBool appends a cell to a FormBool vector.
func (v *Vector) AppendBool(x bool) {
	if x {
		v.Bits[v.Len>>3] |= 1 << (v.Len & 7)
	}
	v.Len++
}

// AppendInt64 appends a cell to a FormInt64 vector.
func (v *Vector) AppendInt64(x int64) { v.Int64 = append(v.Int64, x); v.Len++ }

// AppendUint64 appends a cell to a FormUint64 vector.
func (v *Vector) AppendUint64(x uint64) { v.Uint64 = append(v.Uint64, x); v.Len++ }

// AppendFloat64 appends a cell to a FormFloat64 vector.
func (v *Vector) AppendFloat64(x float64) { v.Float64 = append(v.Float64, x); v.Len++ }

// AppendInt128 appends a cell, {low, high}, to a FormInt128 vector.
func (v *Vector) AppendInt128(x [2]uint64) { v.Int128 = append(v.Int128, x); v.Len++ }

// AppendFixed16 appends a cell to a FormFixed16 vector.
func (v *Vector) AppendFixed16(x [16]byte) { v.Fixed16 = append(v.Fixed16, x); v.Len++ }

// AppendBytes appends a copy of x to a FormBytes vector.
func (v *Vector) AppendBytes(x []byte) {
	v.Data = append(v.Data, x...)
	v.Offsets = append(v.Offsets, int32(len(v.Data)))
	v.Len++
}

// AppendString appends x to a FormBytes vector.
func (v *Vector) AppendString(x string) {
	v.Data = append(v.Data, x...)
	v.Offsets = append(v.Offsets, int32(len(v.Data)))
	v.Len++
}

// CloseBytes ends a cell whose bytes the caller appended to Data itself.
func (v *Vector) CloseBytes() { v.Offsets = append(v.Offsets, int32(len(v.Data))); v.Len++ }

// AppendCell appends cell i of src, a vector of the same form.
func (v *Vector) AppendCell(src *Vector, i int) {
	if src.Null(i) {
		v.AppendNull()
		return
	}
	switch v.Form {
	case FormBool:
		v.AppendBool(src.Bool(i))
	case FormInt64:
		v.AppendInt64(src.Int64[i])
	case FormUint64:
		v.AppendUint64(src.Uint64[i])
	case FormFloat64:
		v.AppendFloat64(src.Float64[i])
	case FormInt128:
		v.AppendInt128(src.Int128[i])
	case FormFixed16:
		v.AppendFixed16(src.Fixed16[i])
	case FormBytes:
		v.AppendBytes(src.Bytes(i))
	}
}

// Truncate keeps the first n cells.
func (v *Vector) Truncate(n int) {
	if n >= v.Len {
		return
	}
	for i := n; i < v.Len; i++ {
		if v.Null(i) {
			v.Nulls--
			v.Valid[i>>3] |= 1 << (i & 7)
		}
		if v.Form == FormBool {
			v.Bits[i>>3] &^= 1 << (i & 7)
		}
	}
	v.cut(n)
}

// size returns the bytes that the vector's cells take.
func (v *Vector) size() int64 {
	cells := int64(len(v.Int64)+len(v.Uint64)+len(v.Float64))*8 + int64(len(v.Int128)+len(v.Fixed16))*16 + int64(len(v.Offsets))*4 + int64(len(v.Data))
	return int64(cap(v.Valid)+cap(v.Bits)) + cells
}

// memory returns the bytes that the vector's storage holds.
func (v *Vector) memory() int64 {
	return int64(cap(v.Valid) + cap(v.Bits) + 8*cap(v.Int64) + 8*cap(v.Uint64) + 8*cap(v.Float64) + 16*cap(v.Int128) +
		16*cap(v.Fixed16) + 4*cap(v.Offsets) + cap(v.Data))
}
