package connector_test

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/towpath/towpath/connector"
	"pgregory.net/rapid"
)

func everyTag() []connector.Part {
	return []connector.Part{
		{Tag: connector.TagNull}, {Tag: connector.TagOpen},
		{Tag: connector.TagInt, Int: math.MinInt64}, {Tag: connector.TagInt, Int: math.MaxInt64}, {Tag: connector.TagInt},
		{Tag: connector.TagUint, Uint: math.MaxUint64},
		{Tag: connector.TagFloat, Float: math.Inf(-1)}, {Tag: connector.TagFloat, Float: math.Copysign(0, -1)}, {Tag: connector.TagFloat, Float: 0.1},
		{Tag: connector.TagText, Bytes: []byte("it's 日本")}, {Tag: connector.TagText, Bytes: []byte{}},
		{Tag: connector.TagBytes, Bytes: []byte{0, 0xFF, '\n'}}, {Tag: connector.TagBytes, Bytes: make([]byte, 300)},
	}
}

func TestPositionRoundTrip(t *testing.T) {
	t.Parallel()
	for n := range len(everyTag()) + 1 {
		want := everyTag()[:n]
		got, err := connector.NewPosition("x.key", want...).Parts("x.key")
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%d parts: %s", n, d)
		}
	}
}

func TestPositionKeepsAllBitsOfAFloat(t *testing.T) {
	t.Parallel()
	for _, bits := range []uint64{math.Float64bits(math.NaN()), 0x7FF0000000000001, 0xFFF8000000000123, 1} {
		p := connector.NewPosition("k", connector.Part{Tag: connector.TagFloat, Float: math.Float64frombits(bits)})
		parts, err := p.Parts("k")
		if err != nil || math.Float64bits(parts[0].Float) != bits {
			t.Errorf("got %x, %v, want %x", math.Float64bits(parts[0].Float), err, bits)
		}
	}
}

func TestPositionOwnsItsBytes(t *testing.T) {
	t.Parallel()
	text := []byte("abc")
	p := connector.NewPosition("k", connector.Part{Tag: connector.TagText, Bytes: text})
	text[0] = 'x'
	parts, err := p.Parts("k")
	if err != nil {
		t.Fatal(err)
	}
	clear(p)
	if got := string(parts[0].Bytes); got != "abc" {
		t.Errorf("got %q", got)
	}
}

func TestPositionRoundTripsAnything(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOf(rapid.Custom(func(t *rapid.T) connector.Part {
			p := connector.Part{Tag: connector.Tag(rapid.ByteRange(0, byte(connector.TagBytes)).Draw(t, "tag"))}
			switch p.Tag {
			case connector.TagInt:
				p.Int = rapid.Int64().Draw(t, "int")
			case connector.TagUint:
				p.Uint = rapid.Uint64().Draw(t, "uint")
			case connector.TagFloat:
				p.Float = rapid.Float64().Draw(t, "float")
			case connector.TagText, connector.TagBytes:
				p.Bytes = append([]byte{}, rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")...)
			}
			return p
		})).Draw(t, "parts")
		kind := rapid.String().Draw(t, "kind")
		p := connector.NewPosition(kind, want...)
		got, err := p.Parts(kind)
		if err != nil || !slices.EqualFunc(got, want, func(a, b connector.Part) bool { return cmp.Equal(a, b) }) {
			t.Fatalf("got %v, %v, want %v", got, err, want)
		}
		if other, err := p.Parts(kind + "x"); err == nil {
			t.Fatalf("another kind decodes to %v", other)
		}
	})
}

// spoilt returns every truncation, every flip of one bit, and lengthened forms of a record.
func spoilt(whole []byte) [][]byte {
	var list [][]byte
	for n := range whole {
		list = append(list, whole[:n])
	}
	for bit := range len(whole) * 8 {
		b := slices.Clone(whole)
		b[bit/8] ^= 1 << (bit % 8)
		list = append(list, b)
	}
	return append(list, append(slices.Clone(whole), 0), append([]byte{1}, whole...), slices.Repeat(whole, 2))
}

// resealed replaces the checksum of a record by the right one.
func resealed(b []byte) []byte {
	body := slices.Clone(b[:len(b)-4])
	return binary.LittleEndian.AppendUint32(body, crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
}

func wantChanged(t *testing.T, what string, err error) {
	t.Helper()
	if e, ok := err.(*connector.Error); !ok || e.Class != connector.Changed || e.Code != "TOW-105" {
		t.Errorf("%s: got %v, want TOW-105 of class changed", what, err)
	}
}

func TestSpoiltPositionsAreRefused(t *testing.T) {
	t.Parallel()
	for i, b := range spoilt(connector.NewPosition("x.key", everyTag()[:12]...)) {
		if parts, err := connector.Position(b).Parts("x.key"); err == nil {
			t.Fatalf("spoilt form %d decodes to %v", i, parts)
		} else {
			wantChanged(t, "spoilt", err)
		}
	}
}

func TestPositionsOfAnotherMakeAreRefused(t *testing.T) {
	t.Parallel()
	good := connector.NewPosition("k", connector.Part{Tag: connector.TagText, Bytes: []byte("abc")})
	future := slices.Clone(good)
	future[0] = 2
	unknownTag := slices.Clone(good)
	unknownTag[4] = 99
	longText := slices.Clone(good)
	longText[5] = 200
	many := slices.Clone(good)
	many[3] = 0x7F
	over := append(slices.Clone(good[:len(good)-4]), 0, 0, 0, 0, 0)
	for what, b := range map[string][]byte{"future version": future, "unknown tag": unknownTag, "length beyond the end": longText,
		"more parts than bytes": many, "bytes left over": over} {
		_, err := connector.Position(resealed(b)).Parts("k")
		wantChanged(t, what, err)
	}
	_, err := good.Parts("other")
	wantChanged(t, "other kind", err)
	_, err = connector.Position(nil).Parts("k")
	wantChanged(t, "nil", err)
}

func FuzzPosition(f *testing.F) {
	f.Add([]byte(connector.NewPosition("k", everyTag()...)))
	f.Add([]byte{1, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 6 {
			return
		}
		sealed := resealed(b)
		parts, err := connector.Position(sealed).Parts("k")
		if err != nil {
			return
		}
		again, err := connector.NewPosition("k", parts...).Parts("k")
		if err != nil || len(again) != len(parts) {
			t.Fatalf("%v does not pass again: %v", parts, err)
		}
	})
}
