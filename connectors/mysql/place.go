package mysql

import (
	"encoding/binary"
	"slices"

	"github.com/towpath/towpath/connectors/internal/sqltarget"
	"github.com/towpath/towpath/record"
)

// Geometries are stored as they are sent, and MariaDB looks at little of them: what it has no form for is refused before.
// https://dev.mysql.com/doc/refman/8.4/en/gis-data-formats.html

// sridBytes is what stands before the WKB of a geometry.
const sridBytes = 4

// The types of geometries that servers have: point 1 to geometry collection 7.
const (
	geometryTypes  = 0b1111_1110
	collectionOnly = 1 << 7
)

// unplaced refuses the rows with a geometry that the server does not hold, in the order of rows.
func (n *inserter) unplaced(g *sqltarget.Group) []sqltarget.Refusal {
	var out []sqltarget.Refusal
	var scratch []byte
	for _, c := range n.encoder.columns {
		if c.field.Type.Kind != record.Geometry {
			continue
		}
		first := 0
		for _, b := range g.Batches {
			for row := range b.Len {
				if b.Cols[c.index].Null(row) {
					continue
				}
				var code record.Code
				var reason string
				if scratch, code, reason = unheld(scratch[:0], b.Cols[c.index].Bytes(row)); code != "" {
					out = append(out, sqltarget.Refusal{Row: first + row, Code: code, Column: c.field.Name, Reason: reason})
				}
			}
			first += b.Len
		}
	}
	slices.SortStableFunc(out, func(a, b sqltarget.Refusal) int { return a.Row - b.Row })
	return slices.CompactFunc(out, func(a, b sqltarget.Refusal) bool { return a.Row == b.Row })
}

// unheld says why the server does not hold a geometry; "": it does.
func unheld(scratch, cell []byte) ([]byte, record.Code, string) {
	if len(cell) < sridBytes {
		return scratch, record.WrongType, "it is no geometry"
	}
	scratch, found, ok := record.AppendWKB(scratch, cell[sridBytes:])
	switch {
	case !ok:
		return scratch, record.WrongType, "it is no geometry"
	case found.Z || found.M:
		return scratch, record.Shape, "it has a height or a measure"
	case found.NaN:
		return scratch, record.NonFinite, "a coordinate is NaN"
	case found.Types&^geometryTypes != 0:
		return scratch, record.Shape, "it is of a kind that the server has not"
	case found.Empty && found.Types != collectionOnly:
		return scratch, record.Shape, "it is empty, or a part of it is"
	}
	return scratch, "", ""
}

// renderGeometry turns SRID in big-endian before WKB into the server's form, SRID in little-endian before WKB in little-endian.
func renderGeometry(c *encodeColumn, dst []byte, v *record.Vector, row int) []byte {
	b := v.Bytes(row)
	c.scratch, _, _ = record.AppendWKB(c.scratch[:0], b[sridBytes:])
	dst = appendLenenc(dst, uint64(sridBytes+len(c.scratch)))
	dst = binary.LittleEndian.AppendUint32(dst, binary.BigEndian.Uint32(b))
	return append(dst, c.scratch...)
}
