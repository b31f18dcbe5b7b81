package record

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
)

// canonicalDocument writes a BSON document as canonicalJSON writes an object, with the tag of each BSON type, so that an
// integer, a float and a decimal of the same value differ. What is not BSON is x and the bytes.
func canonicalDocument(s *scratch, dst, cell []byte) []byte {
	start, members := len(dst), len(s.members)
	p := bsonReader{s: s, data: cell}
	dst, ok := p.document(dst, 0, true)
	if !ok || len(p.data) > 0 {
		s.members = s.members[:members]
		return append(append(dst[:start], 'x'), cell...)
	}
	return dst
}

// bsonReader reads data, cutting what it has read: https://bsonspec.org/spec.html.
type bsonReader struct {
	s    *scratch
	data []byte
}

func (p *bsonReader) take(n int) ([]byte, bool) {
	if n < 0 || n > len(p.data) {
		return nil, false
	}
	x := p.data[:n]
	p.data = p.data[n:]
	return x, true
}

func (p *bsonReader) int32() (int, bool) {
	x, ok := p.take(4)
	if !ok {
		return 0, false
	}
	return int(int32(binary.LittleEndian.Uint32(x))), true
}

func (p *bsonReader) cstring() ([]byte, bool) {
	end := bytes.IndexByte(p.data, 0)
	if end < 0 {
		return nil, false
	}
	x := p.data[:end]
	p.data = p.data[end+1:]
	return x, true
}

// document writes o and sorted members, or a and items.
func (p *bsonReader) document(dst []byte, depth int, named bool) ([]byte, bool) {
	size, ok := p.int32()
	if !ok || size < 5 || size-4 > len(p.data) || depth > maxDepth {
		return dst, false
	}
	rest := p.data[size-4:]
	p.data = p.data[:size-4]
	tag := byte('a')
	if named {
		tag = 'o'
	}
	dst = append(dst, tag, 0, 0, 0, 0)
	count, n := len(dst)-4, uint32(0)
	first := len(p.s.members)
	for {
		kind, ok := p.take(1)
		if !ok {
			return dst, false
		}
		if kind[0] == 0 {
			break
		}
		key, ok := p.cstring()
		if !ok {
			return dst, false
		}
		m := member{start: len(dst), key: len(dst) + 4}
		if named {
			dst = appendSized(dst, key)
			m.keyEnd = len(dst)
		}
		if dst, ok = p.value(dst, kind[0], depth); !ok {
			return dst, false
		}
		if named {
			m.end = len(dst)
			p.s.members = append(p.s.members, m)
		}
		n++
	}
	if len(p.data) > 0 {
		return dst, false
	}
	p.data = rest
	binary.BigEndian.PutUint32(dst[count:], n)
	if named && n > 0 {
		p.s.sort(dst, first)
	}
	return dst, true
}

func appendSized(dst, x []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(x)))
	return append(dst, x...)
}

// value writes one element's value; fixed-size types are b, the BSON type and the bytes as stored.
func (p *bsonReader) value(dst []byte, kind byte, depth int) ([]byte, bool) {
	switch kind {
	case 0x03:
		return p.document(dst, depth+1, true)
	case 0x04:
		return p.document(dst, depth+1, false)
	case 0x0A:
		return append(dst, 'n'), true
	case 0x08:
		x, ok := p.take(1)
		if ok && x[0] != 0 {
			return append(dst, 't'), true
		}
		return append(dst, 'f'), ok
	case 0x01:
		x, ok := p.take(8)
		if !ok {
			return dst, false
		}
		bits := canonicalFloat64(math.Float64frombits(binary.LittleEndian.Uint64(x)))
		return binary.BigEndian.AppendUint64(append(dst, 'b', kind), bits), true
	case 0x10, 0x12:
		return p.integer(append(dst, 'b', kind), kind)
	case 0x02:
		x, ok := p.sized(0)
		if !ok || len(x) == 0 {
			return dst, false
		}
		return appendSized(append(dst, 's'), x[:len(x)-1]), true
	}
	x, ok := p.raw(kind)
	if !ok {
		return dst, false
	}
	return appendSized(append(dst, 'b', kind), x), true
}

// integer writes an int32 or int64 as digits.
func (p *bsonReader) integer(dst []byte, kind byte) ([]byte, bool) {
	size := 4
	if kind == 0x12 {
		size = 8
	}
	x, ok := p.take(size)
	if !ok {
		return dst, false
	}
	var n int64
	if size == 4 {
		n = int64(int32(binary.LittleEndian.Uint32(x)))
	} else {
		n = int64(binary.LittleEndian.Uint64(x))
	}
	var digits [20]byte
	return appendSized(dst, strconv.AppendInt(digits[:0], n, 10)), true
}

// sized takes a length and so many bytes and extra.
func (p *bsonReader) sized(extra int) ([]byte, bool) {
	n, ok := p.int32()
	if !ok || n < 0 {
		return nil, false
	}
	return p.take(n + extra)
}

// raw takes the bytes of a type that is kept as they are.
func (p *bsonReader) raw(kind byte) ([]byte, bool) {
	switch kind {
	case 0x06, 0xFF, 0x7F: // undefined, min key, max key
		return nil, true
	case 0x05: // binary: length, subtype, bytes
		return p.sized(1)
	case 0x07: // object id
		return p.take(12)
	case 0x09, 0x11: // date, timestamp
		return p.take(8)
	case 0x13: // decimal128
		return p.take(16)
	case 0x0D, 0x0E: // code, symbol
		return p.sized(0)
	case 0x0F: // code with scope: the length includes itself
		n, ok := p.int32()
		if !ok {
			return nil, false
		}
		return p.take(n - 4)
	case 0x0B: // regular expression
		all := p.data
		if _, ok := p.cstring(); !ok {
			return nil, false
		}
		if _, ok := p.cstring(); !ok {
			return nil, false
		}
		return all[:len(all)-len(p.data)], true
	case 0x0C: // pointer
		all := p.data
		if _, ok := p.sized(12); !ok {
			return nil, false
		}
		return all[:len(all)-len(p.data)], true
	}
	return nil, false
}
