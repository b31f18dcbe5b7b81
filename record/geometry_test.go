package record_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/towpath/towpath/record"
)

// shape is a geometry as a test draws it.
type shape struct {
	kind   uint32
	z, m   bool
	points [][][]float64 // of rings; a point and a line string have one
	parts  []shape
}

// partKinds are the types that parts have; of a type that is not here it has rings.
var partKinds = map[uint32][]uint32{4: {1}, 5: {2}, 6: {3}, 7: {1, 2, 3, 4, 7, 8, 15}, 9: {2, 8}, 10: {2, 8, 9}, 11: {2, 8, 9}, 12: {3, 10}, 15: {3}, 16: {17}}

func drawShape(t *rapid.T, kind uint32, z, m bool, depth int) shape {
	s := shape{kind: kind, z: z, m: m}
	width := 2
	for _, has := range []bool{z, m} {
		if has {
			width++
		}
	}
	ring := func(least, most int) [][]float64 {
		var points [][]float64
		for range rapid.IntRange(least, most).Draw(t, "points") {
			points = append(points, rapid.SliceOfN(rapid.Float64(), width, width).Draw(t, "point"))
		}
		return points
	}
	kinds := partKinds[kind]
	switch {
	case kind == 1:
		s.points = [][][]float64{ring(1, 1)}
		if rapid.IntRange(0, 4).Draw(t, "empty") == 0 {
			s.points[0][0] = slices.Repeat([]float64{math.Float64frombits(0x7FF8000000000000)}, width)
		}
	case kind == 2 || kind == 8:
		s.points = [][][]float64{ring(0, 4)}
	case kinds == nil:
		for range rapid.IntRange(0, 3).Draw(t, "rings") {
			s.points = append(s.points, ring(0, 4))
		}
	case depth < 4:
		for range rapid.IntRange(0, 3).Draw(t, "parts") {
			s.parts = append(s.parts, drawShape(t, rapid.SampledFrom(kinds).Draw(t, "kind"), z, m, depth+1))
		}
	}
	return s
}

// encode writes the geometry, in byte orders and with the flags or types that choose gives for each part.
func (s shape) encode(dst []byte, srid uint32, choose func() (big, ewkb bool)) []byte {
	big, ewkb := choose()
	var order binary.AppendByteOrder = binary.LittleEndian
	if big {
		order = binary.BigEndian
	}
	code := s.kind
	for _, c := range []struct {
		has       bool
		flag, iso uint32
	}{{s.z, 0x80000000, 1000}, {s.m, 0x40000000, 2000}, {srid != 0, 0x20000000, 0}} {
		switch {
		case c.has && (ewkb || c.iso == 0):
			code |= c.flag
		case c.has:
			code += c.iso
		}
	}
	dst = order.AppendUint32(append(dst, map[bool]byte{true: 0, false: 1}[big]), code)
	if srid != 0 {
		dst = order.AppendUint32(dst, srid)
	}
	switch {
	case partKinds[s.kind] != nil:
		dst = order.AppendUint32(dst, uint32(len(s.parts)))
	case s.kind == 3 || s.kind == 17:
		dst = order.AppendUint32(dst, uint32(len(s.points)))
	}
	for _, ring := range s.points {
		if s.kind != 1 {
			dst = order.AppendUint32(dst, uint32(len(ring)))
		}
		for _, x := range slices.Concat(ring...) {
			dst = order.AppendUint64(dst, math.Float64bits(x))
		}
	}
	for _, part := range s.parts {
		dst = part.encode(dst, 0, choose)
	}
	return dst
}

func littleISO() (big, ewkb bool)  { return false, false }
func littleEWKB() (big, ewkb bool) { return false, true }

// In whatever byte order and dialect a geometry comes, its normal form is one, and so is its EWKB.
func TestGeometries(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]uint32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15, 16, 17}).Draw(t, "kind")
		s := drawShape(t, kind, rapid.Bool().Draw(t, "z"), rapid.Bool().Draw(t, "m"), 0)
		srid := rapid.SampledFrom([]uint32{0, 4326, 1<<32 - 1}).Draw(t, "srid")
		wkb := s.encode(nil, srid, func() (bool, bool) { return rapid.Bool().Draw(t, "big"), rapid.Bool().Draw(t, "ewkb") })
		cell, ok := record.AppendGeometry([]byte("x"), wkb)
		want := binary.BigEndian.AppendUint32([]byte("x"), srid)
		if want = s.encode(want, 0, littleISO); !ok || !bytes.Equal(cell, want) {
			t.Fatalf("%x became %x, %v, want %x", wkb, cell, ok, want)
		}
		ewkb, ok := record.AppendEWKB([]byte("x"), cell[1:])
		if want := s.encode([]byte("x"), srid, littleEWKB); !ok || !bytes.Equal(ewkb, want) {
			t.Fatalf("%x has the EWKB %x, %v, want %x", wkb, ewkb, ok, want)
		}
		if n := rapid.IntRange(0, len(wkb)-1).Draw(t, "cut"); n < len(wkb) {
			if _, _, ok := record.AppendWKB(nil, wkb[:n]); ok {
				t.Fatalf("%d bytes of %x are a geometry", n, wkb)
			}
		}
		if _, _, ok := record.AppendWKB(nil, append(wkb, 0)); ok {
			t.Fatalf("%x and a byte is a geometry", wkb)
		}
	})
}

func TestWKB(t *testing.T) {
	t.Parallel()
	const one, two, nan = "000000000000f03f", "0000000000000040", "000000000000f87f"
	for _, tt := range []struct {
		name, in, out string // out empty: no geometry
		found         record.WKB
	}{
		{"point", "0101000000" + one + two, "0101000000" + one + two, record.WKB{Types: 1 << 1}},
		{"big-endian", "00000000013ff00000000000004000000000000000", "0101000000" + one + two, record.WKB{Types: 1 << 1}},
		{"with an SRID", "0101000020e6100000" + one + two, "0101000000" + one + two, record.WKB{Types: 1 << 1, SRID: 4326}},
		{"Z by a flag", "0101000080" + one + two + one, "01e9030000" + one + two + one, record.WKB{Types: 1 << 1, Z: true}},
		{"Z of ISO", "01e9030000" + one + two + one, "01e9030000" + one + two + one, record.WKB{Types: 1 << 1, Z: true}},
		{"M", "0101000040" + one + two + one, "01d1070000" + one + two + one, record.WKB{Types: 1 << 1, M: true}},
		{"ZM", "01b90b0000" + one + two + one + two, "01b90b0000" + one + two + one + two, record.WKB{Types: 1 << 1, Z: true, M: true}},
		{"empty point", "0101000000" + nan + nan, "0101000000" + nan + nan, record.WKB{Types: 1 << 1, Empty: true}},
		{"another NaN", "0101000000" + "010000000000f0ff" + "010000000000f07f", "0101000000" + nan + nan, record.WKB{Types: 1 << 1, Empty: true}},
		{"half a NaN", "0101000000" + nan + one, "0101000000" + nan + one, record.WKB{Types: 1 << 1, NaN: true}},
		{"empty line string", "010200000000000000", "010200000000000000", record.WKB{Types: 1 << 2, Empty: true}},
		{"NaN in a line string", "010200000001000000" + nan + nan, "010200000001000000" + nan + nan, record.WKB{Types: 1 << 2, NaN: true}},
		{"collection with an empty one", "010700000001000000" + "010700000000000000", "010700000001000000" + "010700000000000000", record.WKB{Types: 1 << 7, Empty: true}},
		{"points with an SRID each", "0104000020e610000001000000" + "0101000020e6100000" + one + two, "010400000001000000" + "0101000000" + one + two, record.WKB{Types: 1<<4 | 1<<1, SRID: 4326}},
		{"a part of another SRID", "0104000020e610000001000000" + "0101000020e7100000" + one + two, "", record.WKB{}},
		{"a part with another dimension", "010400000001000000" + "01e9030000" + one + two + one, "", record.WKB{}},
		{"an empty part with another dimension", "010700000001000000" + "01ea03000000000000", "", record.WKB{}},
		{"a part of another type", "010400000001000000" + "010200000000000000", "", record.WKB{}},
		{"nothing", "", "", record.WKB{}}, {"no type", "01", "", record.WKB{}}, {"cut off", "0101000000" + one, "", record.WKB{}}, {"byte order 2", "0201000000" + one + two, "", record.WKB{}},
		{"type 0", "010000000000000000", "", record.WKB{}}, {"type 13", "010d00000000000000", "", record.WKB{}}, {"type 18", "011200000000000000", "", record.WKB{}}, {"type 4001", "01a10f0000" + one + two, "", record.WKB{}},
		{"more points than bytes", "0102000000ffffffff" + one + two, "", record.WKB{}}, {"more rings than bytes", "0103000000ffffffff", "", record.WKB{}}, {"more parts than bytes", "0107000000ffffffff" + "010700000000000000", "", record.WKB{}},
		{"too deep", strings.Repeat("010700000001000000", 102) + "010700000000000000", "", record.WKB{}},
		{"deep", strings.Repeat("010700000001000000", 100) + "010700000000000000", strings.Repeat("010700000001000000", 100) + "010700000000000000", record.WKB{Types: 1 << 7, Empty: true}},
	} {
		in, err := hex.DecodeString(tt.in)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		out, found, ok := record.AppendWKB(nil, in)
		if ok != (tt.out != "") || hex.EncodeToString(out) != tt.out {
			t.Errorf("%s: %x, %v, want %s", tt.name, out, ok, tt.out)
		}
		if diff := cmp.Diff(tt.found, found); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func FuzzWKB(f *testing.F) {
	for _, seed := range []string{"0101000000000000000000f03f0000000000000040", "0101000020e6100000000000000000f03f0000000000000040", "00000000013ff00000000000004000000000000000",
		"01e9030000000000000000f03f0000000000000040000000000000f03f", "010300000001000000010000000000000000000000000000000000f03f", "010700000001000000010700000000000000", "0107000000ffffffff", "0102000000ffffffff",
		"010f00000001000000010300000000000000", "0104000020e6100000010000000101000020e6100000000000000000f03f0000000000000040"} {
		wkb, err := hex.DecodeString(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wkb)
	}
	f.Fuzz(func(t *testing.T, wkb []byte) {
		cell, ok := record.AppendGeometry(nil, wkb)
		if !ok {
			return
		}
		if len(cell) > 4+len(wkb) {
			t.Fatalf("%x becomes %d bytes", wkb, len(cell))
		}
		ewkb, ok := record.AppendEWKB(nil, cell)
		if !ok {
			t.Fatalf("%x became %x, which is no geometry", wkb, cell)
		}
		if again, ok := record.AppendGeometry(nil, ewkb); !ok || !bytes.Equal(again, cell) {
			t.Fatalf("%x became %x, then %x, then %x", wkb, cell, ewkb, again)
		}
	})
}
