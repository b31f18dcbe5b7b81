package record

import (
	"encoding/binary"
	"math"
)

// A list's cell holds, big-endian: the number of dimensions (four bytes; 0 is the empty list, the only one without elements); the
// length of each dimension and then its lower bound (four bytes each); then the elements, the last dimension running fastest. An
// element is the byte 0 for NULL, or the tag, the length where its type has none of its own, and the bytes of the canonical form.
// Where that form would lose something that the type keeps, the exact bytes stand there: blanks at the end of fixed-length texts,
// zeros at the end of decimals without a precision, the text of JSON. The canonical form of the cell has those elements in theirs.

// maxDimensions is the most dimensions of a list.
const maxDimensions = 32

// listHeader is how many bytes stand before the first element.
func listHeader(dimensions int) int { return 4 + 8*dimensions }

// ListBuilder makes the cells of a column of lists. One goroutine at a time.
//
// Begin a list, append its elements to Elem, call Next after each, and End it. Once its buffers have grown it allocates nothing.
type ListBuilder struct {
	elem  Type
	shape shape
	elems *Vector
	inner *ListBuilder // of elements that are lists
	text  []byte

	dst        *Vector
	start      int
	dimensions int
	want, have int64
}

// NewListBuilder returns a builder of lists whose elements have the type elem.
func NewListBuilder(elem *Type) *ListBuilder {
	b := &ListBuilder{elem: *elem, shape: shapeOf(elem), elems: NewVector(elem.Form())}
	if elem.Kind == List && elem.Elem != nil {
		b.inner = NewListBuilder(elem.Elem)
	}
	return b
}

// Elem returns the vector that elements are appended to, NULLs too. It is the same for all lists, so an element's decoder can be
// bound to it once; its Len is the builder's business.
func (b *ListBuilder) Elem() *Vector { return b.elems }

// Begin begins a list at the end of dst, a FormBytes vector, which must be left alone until End or Cancel. bounds nil: all 1. A
// list with a dimension of no length is the empty list.
func (b *ListBuilder) Begin(dst *Vector, dims, bounds []int32) {
	for _, n := range dims {
		if n == 0 {
			dims = nil
			break
		}
	}
	b.reserve(dst, len(dims))
	b.want = int64(min(len(dims), 1))
	for i, n := range dims {
		bound := int32(1)
		if bounds != nil {
			bound = bounds[i]
		}
		b.dimension(i, n, bound)
		b.want = product(b.want, n)
	}
}

// product is -1 for what no list can have.
func product(n int64, length int32) int64 {
	if n < 0 || length < 1 || n > math.MaxInt32 {
		return -1
	}
	return n * int64(length)
}

// reserve begins a list of so many dimensions, whose lengths are not known.
func (b *ListBuilder) reserve(dst *Vector, dimensions int) {
	if b.elems.Len > 0 {
		b.elems.Reset(b.elems.Form)
	}
	b.dst, b.start, b.dimensions, b.have = dst, len(dst.Data), dimensions, 0
	dst.Data = binary.BigEndian.AppendUint32(dst.Data, uint32(dimensions))
	for range 2 * dimensions {
		dst.Data = append(dst.Data, 0, 0, 0, 0)
	}
}

func (b *ListBuilder) dimension(i int, length, bound int32) {
	header := b.dst.Data[b.start:]
	binary.BigEndian.PutUint32(header[4+4*i:], uint32(length))
	binary.BigEndian.PutUint32(header[4+4*(b.dimensions+i):], uint32(bound))
}

// Next ends an element.
func (b *ListBuilder) Next() {
	if b.elems.Len == MaxRows {
		b.flush()
	}
}

// flush encodes the elements at hand.
func (b *ListBuilder) flush() {
	if b.elems.Len == 0 {
		return
	}
	b.have += int64(b.elems.Len)
	b.dst.Data = appendElements(b.dst.Data, &b.shape, b.elems)
	b.elems.Reset(b.elems.Form)
}

// End ends the list. SHAPE: the dimensions do not have as many elements as were appended, or there are too many of them; then the
// list is cancelled.
func (b *ListBuilder) End() Code {
	b.flush()
	if b.have != b.want || b.dimensions > maxDimensions {
		b.Cancel()
		return Shape
	}
	b.dst.CloseBytes()
	return ""
}

// Cancel gives the list up that was begun: dst is as it was before.
func (b *ListBuilder) Cancel() {
	b.dst.Data = b.dst.Data[:b.start]
	if b.elems.Len > 0 {
		b.elems.Reset(b.elems.Form)
	}
}

// ListReader visits the elements of a column of lists. One goroutine at a time.
type ListReader struct {
	Dims   []int32 // lengths of the dimensions of the list that was opened; none: it is empty
	Bounds []int32 // their lower bounds
	Nulls  int     // how many of its elements are NULL

	elem  Type
	shape shape
	elems *Vector
	inner *ListReader // of elements that are lists
	text  []byte
	rest  []byte
	row   int
}

// listChunk is how many elements a reader decodes at a time.
const listChunk = 256

// NewListReader returns a reader of lists whose elements have the type elem.
func NewListReader(elem *Type) *ListReader {
	r := &ListReader{elem: *elem, shape: shapeOf(elem), elems: NewVector(elem.Form())}
	if elem.Kind == List && elem.Elem != nil {
		r.inner = NewListReader(elem.Elem)
	}
	return r
}

// Elem returns the vector that elements are decoded into, the same for all lists: an element's encoder can be bound to it once.
func (r *ListReader) Elem() *Vector { return r.elems }

// Open begins with a cell; its bytes must last until the last element is visited. False: they are no list of such elements.
func (r *ListReader) Open(cell []byte) bool {
	r.Dims, r.Bounds, r.Nulls, r.rest, r.row = r.Dims[:0], r.Bounds[:0], 0, nil, 0
	if r.elems.Len > 0 {
		r.elems.Reset(r.elems.Form)
	}
	dimensions, ok := dimensionsOf(cell)
	if !ok {
		return false
	}
	count := int64(min(dimensions, 1))
	for i := range dimensions {
		r.Dims = append(r.Dims, int32(binary.BigEndian.Uint32(cell[4+4*i:])))
		r.Bounds = append(r.Bounds, int32(binary.BigEndian.Uint32(cell[4+4*(dimensions+i):])))
		count = product(count, r.Dims[i])
	}
	items := cell[listHeader(dimensions):]
	if count < 0 || !r.measure(items, count) {
		r.Dims, r.Bounds = r.Dims[:0], r.Bounds[:0]
		return false
	}
	r.rest = items
	return true
}

func dimensionsOf(cell []byte) (n int, ok bool) {
	if len(cell) < 4 {
		return 0, false
	}
	n = int(binary.BigEndian.Uint32(cell))
	return n, n <= maxDimensions && listHeader(n) <= len(cell)
}

// measure checks that the items are count elements, each whole.
func (r *ListReader) measure(items []byte, count int64) bool {
	for ; count > 0; count-- {
		item, rest, ok := r.shape.cut(items)
		if !ok || item != nil && !r.valid(item) {
			return false
		}
		if item == nil {
			r.Nulls++
		}
		items = rest
	}
	return len(items) == 0
}

// valid looks at the values of items that have more bytes than values.
func (r *ListReader) valid(item []byte) bool {
	switch {
	case r.shape.tag == tagBool:
		return item[0] <= 1
	case r.shape.tag == tagDecimal && r.elems.Form == FormInt64:
		return binary.BigEndian.Uint64(item) == uint64(int64(binary.BigEndian.Uint64(item[8:]))>>63)
	case r.inner != nil:
		return r.inner.Open(item)
	}
	return true
}

// cut takes the next element off; nil: NULL.
func (s *shape) cut(items []byte) (item, rest []byte, ok bool) {
	if len(items) == 0 {
		return nil, nil, false
	}
	tag, rest := items[0], items[1:]
	if tag == tagNull {
		return nil, rest, true
	}
	width := s.width
	if width == 0 {
		if len(rest) < 4 {
			return nil, nil, false
		}
		if width = int(binary.BigEndian.Uint32(rest)); width > math.MaxInt32 {
			return nil, nil, false
		}
		rest = rest[4:]
	}
	if tag != s.tag || width > len(rest) {
		return nil, nil, false
	}
	return rest[:width:width], rest[width:], true
}

// Next goes on to the next element, which is cell row of Elem; ok is false when there is none.
func (r *ListReader) Next() (row int, ok bool) {
	if r.row < r.elems.Len {
		row = r.row
		r.row++
		return row, true
	}
	if !r.fill() {
		return 0, false
	}
	r.row = 1
	return 0, true
}

// fill decodes the next elements; false: there are none.
func (r *ListReader) fill() bool {
	r.elems.Reset(r.elems.Form)
	r.rest = appendDecoded(r.elems, &r.shape, r.rest, listChunk)
	r.row = r.elems.Len
	return r.elems.Len > 0
}
