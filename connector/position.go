package connector

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"slices"
)

// Position is a typed, versioned, checksummed cursor, made by NewPosition and opaque to the engine. nil is the beginning of a shard.
type Position []byte

// Part is one value of a position, range or record: a key value as the server sent it and will get it back.
type Part struct {
	Tag   Tag
	Int   int64   // TagInt
	Uint  uint64  // TagUint
	Float float64 // TagFloat; all bits kept
	Bytes []byte  // TagText, TagBytes
}

// Tag is the type of a Part.
type Tag byte

// The tags. TagOpen is an open end of a range.
const (
	TagNull Tag = iota
	TagOpen
	TagInt
	TagUint
	TagFloat
	TagText
	TagBytes
)

// castagnoli is the polynomial of CRC32C (RFC 3720).
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const codecVersion = 1

// NewPosition encodes parts under a kind, which names connector and layout ("sql.key"); a reader refuses kinds it does not know.
// Layout: version, kind and parts length-prefixed, CRC32C (little-endian) of all before it.
func NewPosition(kind string, parts ...Part) Position { return seal(appendParts(open(kind), parts)) }

// Parts decodes a position of the kind. What does not check is an error of class Changed, TOW-105: never a beginning.
func (p Position) Parts(kind string) ([]Part, error) {
	d, err := unseal(p, kind)
	if err != nil {
		return nil, err
	}
	parts := d.parts()
	return parts, d.end(kind)
}

func open(kind string) []byte {
	b := append(make([]byte, 0, 64), codecVersion)
	return appendBytes(b, []byte(kind))
}

func seal(b []byte) []byte { return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli)) }

func appendBytes(b, x []byte) []byte { return append(binary.AppendUvarint(b, uint64(len(x))), x...) }

func appendParts(b []byte, parts []Part) []byte {
	b = binary.AppendUvarint(b, uint64(len(parts)))
	for _, p := range parts {
		b = append(b, byte(p.Tag))
		switch p.Tag {
		case TagInt:
			b = binary.LittleEndian.AppendUint64(b, uint64(p.Int))
		case TagUint:
			b = binary.LittleEndian.AppendUint64(b, p.Uint)
		case TagFloat:
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(p.Float))
		case TagText, TagBytes:
			b = appendBytes(b, p.Bytes)
		}
	}
	return b
}

// decoder reads what open, append and seal wrote. After the first fault it yields zeros; end reports it.
type decoder struct {
	b   []byte
	bad string
}

func unseal(b []byte, kind string) (*decoder, error) {
	if len(b) < 6 {
		return nil, Errorf(Changed, "TOW-105", "%s record is cut short", kind)
	}
	body, sum := b[:len(b)-4], binary.LittleEndian.Uint32(b[len(b)-4:])
	if crc32.Checksum(body, castagnoli) != sum {
		return nil, Errorf(Changed, "TOW-105", "%s record has a wrong checksum", kind)
	}
	if body[0] != codecVersion {
		return nil, Errorf(Changed, "TOW-105", "%s record has version %d, this towpath reads %d", kind, body[0], codecVersion)
	}
	d := &decoder{b: body[1:]}
	if got := string(d.bytes()); got != kind {
		return nil, Errorf(Changed, "TOW-105", "record of kind %q found where %q belongs", got, kind)
	}
	return d, nil
}

func (d *decoder) end(kind string) error {
	if d.bad == "" && len(d.b) > 0 {
		d.bad = "has bytes left over"
	}
	if d.bad != "" {
		return Errorf(Changed, "TOW-105", "%s record %s", kind, d.bad)
	}
	return nil
}

func (d *decoder) fail() {
	d.b, d.bad = nil, "is malformed"
}

func (d *decoder) uvarint() uint64 {
	x, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return x
}

func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	x := d.b[:n:n]
	d.b = d.b[n:]
	return x
}

func (d *decoder) bytes() []byte { return d.take(d.uvarint()) }

func (d *decoder) uint64() uint64 {
	x := d.take(8)
	if x == nil {
		return 0
	}
	return binary.LittleEndian.Uint64(x)
}

func (d *decoder) parts() []Part {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	parts := make([]Part, 0, n)
	for range n {
		tag := d.take(1)
		if tag == nil {
			return nil
		}
		p := Part{Tag: Tag(tag[0])}
		switch p.Tag {
		case TagNull, TagOpen:
		case TagInt:
			p.Int = int64(d.uint64())
		case TagUint:
			p.Uint = d.uint64()
		case TagFloat:
			p.Float = math.Float64frombits(d.uint64())
		case TagText, TagBytes:
			p.Bytes = slices.Clone(d.bytes())
		default:
			d.fail()
		}
		parts = append(parts, p)
	}
	return parts
}
