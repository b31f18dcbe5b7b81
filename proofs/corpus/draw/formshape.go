package draw

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
)

// wkbReader reads WKB as ISO writes it (types 1001 to 3017 have heights and measures) and as PostGIS does (flags of the type).
type wkbReader struct {
	b   []byte
	bad bool
}

func (w *wkbReader) uint32() uint32 {
	if len(w.b) < 4 {
		w.bad, w.b = true, nil
		return 0
	}
	n := binary.LittleEndian.Uint32(w.b)
	w.b = w.b[4:]
	return n
}

func (w *wkbReader) point(dimensions int) string {
	var parts []string
	for range dimensions {
		if len(w.b) < 8 {
			w.bad, w.b = true, nil
			return ""
		}
		parts = append(parts, fmt.Sprintf("%x", math.Float64bits(math.Float64frombits(binary.LittleEndian.Uint64(w.b)))))
		w.b = w.b[8:]
	}
	return strings.Join(parts, " ")
}

// many reads a number of parts.
func (w *wkbReader) many(part func() string) string {
	var parts []string
	for n := w.uint32(); n > 0 && !w.bad; n-- {
		parts = append(parts, part())
	}
	return "(" + strings.Join(parts, ",") + ")"
}

// shape reads one geometry in little-endian order, and the number of its reference system where it has it with itself.
func (w *wkbReader) shape(srid *string) string {
	if len(w.b) == 0 || w.b[0] != 1 {
		w.bad = true
		return ""
	}
	w.b = w.b[1:]
	kind := w.uint32()
	height, measure := kind&(1<<31) != 0, kind&(1<<30) != 0
	if kind&(1<<29) != 0 {
		*srid = fmt.Sprint(w.uint32())
	}
	kind &= 1<<29 - 1
	height, measure = height || kind/1000 == 1 || kind/1000 == 3, measure || kind/1000 == 2 || kind/1000 == 3
	kind %= 1000
	dimensions := 2
	for _, has := range []bool{height, measure} {
		if has {
			dimensions++
		}
	}
	point := func() string { return w.point(dimensions) }
	line := func() string { return w.many(point) }
	name := fmt.Sprintf("%d z%t m%t ", kind, height, measure)
	switch kind {
	case 1:
		return name + point()
	case 2:
		return name + line()
	case 3:
		return name + w.many(line)
	case 4, 5, 6, 7:
		return name + w.many(func() string { return w.shape(srid) })
	}
	w.bad = true
	return ""
}
