package record

import (
	"encoding/binary"
	"math"
)

// WKB is what AppendWKB finds in the well-known binary form of a geometry.
type WKB struct {
	SRID  uint32 // that EWKB brings; 0: none
	Z, M  bool   // the coordinates beside X and Y
	Types uint32 // bit n: it is or has a geometry of type n, of OGC 06-103r4 table 7: 1 a point, 2 a line string, 3 a polygon ...
	Empty bool   // it is empty, or a part of it is
	NaN   bool   // a coordinate is NaN; those of an empty point, all of them NaN, do not count
}

// Flags of EWKB in the type of a geometry: https://libgeos.org/specifications/wkb/#extended-wkb.
const (
	ewkbZ    = 0x80000000
	ewkbM    = 0x40000000
	ewkbSRID = 0x20000000
)

const (
	maxGeometryDepth = 100
	maxGeometryType  = 17
	sridBytes        = 4
)

// AppendWKB appends a geometry in normal form: little-endian, Z and M told by the thousands of its types (ISO 13249-3), without an
// SRID, with one NaN. wkb may be in either byte order, with ISO's types or EWKB's flags. ok is false, and nothing appended, when it
// is no geometry, or holds more than one.
func AppendWKB(dst, wkb []byte) (out []byte, found WKB, ok bool) {
	w := wkbWalker{in: wkb, out: dst}
	if !w.geometry(0, anyGeometry) || len(w.in) > 0 {
		return dst, WKB{}, false
	}
	return w.out, w.found, true
}

// AppendGeometry appends the cell of a Geometry that WKB or EWKB stands for: its SRID, and its normal form. ok is false, and
// nothing appended, when it is neither.
func AppendGeometry(dst, ewkb []byte) (out []byte, ok bool) {
	start := len(dst)
	out, found, ok := AppendWKB(append(dst, 0, 0, 0, 0), ewkb)
	if !ok {
		return dst, false
	}
	binary.BigEndian.PutUint32(out[start:], found.SRID)
	return out, true
}

// AppendEWKB appends the cell of a Geometry as EWKB, little-endian, with its SRID unless that is 0. ok is false, and nothing
// appended, when the cell holds no geometry.
func AppendEWKB(dst, cell []byte) (out []byte, ok bool) {
	if len(cell) < sridBytes {
		return dst, false
	}
	w := wkbWalker{in: cell[sridBytes:], out: dst, extended: true, srid: binary.BigEndian.Uint32(cell)}
	if !w.geometry(0, anyGeometry) || len(w.in) > 0 {
		return dst, false
	}
	return w.out, true
}

// wkbWalker reads one geometry and writes it again.
type wkbWalker struct {
	in, out  []byte
	extended bool   // write EWKB
	srid     uint32 // that it gets
	found    WKB
}

// anyGeometry has a bit for each type that a geometry can have; curves and surfaces are only names of what others are.
const anyGeometry = (1<<(maxGeometryType+1) - 1) &^ (1<<0 | 1<<13 | 1<<14)

// partsOf returns the types that the parts of a geometry have; 0: it has none.
func partsOf(kind uint32) uint32 {
	const lines = 1<<2 | 1<<8
	switch kind {
	case 4, 5, 6: // points, line strings, polygons
		return 1 << (kind - 3)
	case 7:
		return anyGeometry
	case 9: // compound curve
		return lines
	case 10, 11: // curve polygon, curves
		return lines | 1<<9
	case 12: // surfaces
		return 1<<3 | 1<<10
	case 15: // polyhedral surface
		return 1 << 3
	case 16: // triangles
		return 1 << maxGeometryType
	}
	return 0
}

// geometry walks a geometry of one of the types that may stand here.
func (w *wkbWalker) geometry(depth int, may uint32) bool {
	const header = 5
	if depth > maxGeometryDepth || len(w.in) < header || w.in[0] > 1 {
		return false
	}
	var order binary.ByteOrder = binary.BigEndian
	if w.in[0] == 1 {
		order = binary.LittleEndian
	}
	code := order.Uint32(w.in[1:])
	w.in = w.in[header:]
	kind, thousands := code&^(ewkbZ|ewkbM|ewkbSRID)%1000, code&^(ewkbZ|ewkbM|ewkbSRID)/1000
	if kind > maxGeometryType || thousands > 3 || may>>kind&1 == 0 {
		return false
	}
	z, m := code&ewkbZ != 0 || thousands&1 != 0, code&ewkbM != 0 || thousands&2 != 0
	if depth == 0 {
		w.found.Z, w.found.M = z, m
	} else if z != w.found.Z || m != w.found.M {
		return false
	}
	if code&ewkbSRID != 0 && !w.reference(order, depth) {
		return false
	}
	w.found.Types |= 1 << kind
	w.header(kind, depth)
	return w.body(order, kind, depth)
}

// reference reads an SRID; a part has that of the whole.
func (w *wkbWalker) reference(order binary.ByteOrder, depth int) bool {
	if len(w.in) < sridBytes {
		return false
	}
	srid := order.Uint32(w.in)
	w.in = w.in[sridBytes:]
	if depth == 0 {
		w.found.SRID = srid
	}
	return srid == w.found.SRID
}

func (w *wkbWalker) header(kind uint32, depth int) {
	code := kind
	switch {
	case !w.extended:
		if w.found.Z {
			code += 1000
		}
		if w.found.M {
			code += 2000
		}
	default:
		if w.found.Z {
			code |= ewkbZ
		}
		if w.found.M {
			code |= ewkbM
		}
		if depth == 0 && w.srid != 0 {
			code |= ewkbSRID
		}
	}
	w.out = binary.LittleEndian.AppendUint32(append(w.out, 1), code)
	if code&ewkbSRID != 0 {
		w.out = binary.LittleEndian.AppendUint32(w.out, w.srid)
	}
}

func (w *wkbWalker) body(order binary.ByteOrder, kind uint32, depth int) bool {
	switch kind {
	case 1:
		return w.points(order, 1, true)
	case 2, 8: // line string, circular string
		n, ok := w.count(order)
		return ok && w.points(order, n, false)
	case 3, maxGeometryType: // polygon, triangle
		n, ok := w.count(order)
		for ; ok && n > 0; n-- {
			var points int
			points, ok = w.count(order)
			ok = ok && w.points(order, points, false)
		}
		return ok
	}
	n, ok := w.count(order)
	for ; ok && n > 0; n-- {
		ok = w.geometry(depth+1, partsOf(kind))
	}
	return ok
}

// width is the number of coordinates of a point.
func (w *wkbWalker) width() int {
	n := 2
	if w.found.Z {
		n++
	}
	if w.found.M {
		n++
	}
	return n
}

// count reads a number of things, each of which has to be there.
func (w *wkbWalker) count(order binary.ByteOrder) (n int, ok bool) {
	if len(w.in) < 4 {
		return 0, false
	}
	n = int(order.Uint32(w.in))
	w.in = w.in[4:]
	if n == 0 {
		w.found.Empty = true
	}
	w.out = binary.LittleEndian.AppendUint32(w.out, uint32(n))
	return n, true
}

// points copies the coordinates of n points. single: all NaN they are an empty point.
func (w *wkbWalker) points(order binary.ByteOrder, n int, single bool) bool {
	values := n * w.width()
	if values*8 > len(w.in) {
		return false
	}
	nans := 0
	for i := range values {
		x := order.Uint64(w.in[8*i:])
		if f := math.Float64frombits(x); f != f {
			nans++
			x = canonicalFloat64(f)
		}
		w.out = binary.LittleEndian.AppendUint64(w.out, x)
	}
	w.in = w.in[8*values:]
	switch {
	case single && nans == values:
		w.found.Empty = true
	case nans > 0:
		w.found.NaN = true
	}
	return true
}
