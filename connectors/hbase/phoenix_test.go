package hbase

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/towpath/towpath/record"
	"github.com/towpath/towpath/tools/testservers/hbasetool"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// phoenixValues are values of an encoding in the form of PhoenixTypes.java, extremes first.
func phoenixValues(e encoding, random *rand.Rand) (all []string) {
	unsigned := strings.HasPrefix(e.name, phoenixPrefix+"unsigned_")
	number := func(n int64) { all = append(all, strconv.FormatInt(n, 10)) }
	switch {
	case e.typ.Kind == record.Bool:
		return []string{"true", "false"}
	case e.typ.Kind == record.Decimal:
		return phoenixDecimals(random)
	case e.typ.Kind == record.Float:
		for _, x := range []float64{0, math.Copysign(0, -1), 1, -1, 1.5, -1.5, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat32, -math.MaxFloat32,
			math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, random.NormFloat64(), -random.ExpFloat64()} {
			bits := strconv.FormatUint(bits64(x), 16)
			if e.typ.Bits == 32 {
				bits = strconv.FormatUint(uint64(bits32(x)), 16)
			}
			if !unsigned || !(x < 0) {
				all = append(all, bits)
			}
		}
		return all
	case e.width == 12:
		for _, sec := range []int64{0, 1, -1, 1700000000, -62135596800, math.MaxInt64/1000 - 1, math.MinInt64 / 1000, random.Int64N(1e12), -random.Int64N(1e12)} {
			for _, nanos := range []int64{0, 1, 999_999, 1_000_000, 999_000_000, 999_999_999, random.Int64N(1e9)} {
				if !unsigned || sec >= 0 {
					all = append(all, fmt.Sprintf("%d %d", sec, nanos))
				}
			}
		}
		return all
	}
	bits := 8 * e.width
	most := int64(1)<<(bits-1) - 1
	if e.typ.Kind == record.Instant { // the vector holds µs
		most /= 1000
	}
	for _, n := range []int64{0, 1, most, most - 1, 42, random.Int64N(most)} {
		number(n)
		if !unsigned {
			number(-n)
			number(-most - int64(count(e.typ.Kind == record.Int)))
		}
	}
	return all
}

// phoenixDecimals are of all lengths, scales and exponents that Phoenix has.
func phoenixDecimals(random *rand.Rand) []string {
	all := []string{"0", "1", "-1", "10", "-10", "100", "0.1", "-0.1", "0.01", "0.001", "99", "-99", "100.5", "-12.345", "1" + strings.Repeat("0", 125), "-1" + strings.Repeat("0", 125),
		"0." + strings.Repeat("0", 125) + "1", "-0." + strings.Repeat("0", 124) + "1", strings.Repeat("9", 38), "-" + strings.Repeat("9", 38), "-" + strings.Repeat("9", 37) + ".9", "-" + strings.Repeat("9", 19) + "." + strings.Repeat("9", 19)}
	for range 300 {
		digits := make([]byte, 1+random.IntN(38))
		for i := range digits {
			digits[i] = '0' + byte(random.IntN(10))
		}
		text := string(placePoint(digits, random.IntN(140)-80))
		if text = strings.TrimLeft(text, "0"); strings.HasPrefix(text, ".") || text == "" {
			text = "0" + text
		}
		if strings.Contains(text, ".") {
			text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
		}
		if random.IntN(2) == 0 && text != "0" {
			text = "-" + text
		}
		all = append(all, text)
	}
	return all
}

// phoenixCell makes a cell of such a text.
func phoenixCell(t *testing.T, e encoding, text string) *record.Vector {
	t.Helper()
	v := record.NewVector(e.typ.Form())
	whole := func(text string, base int) int64 {
		n, err := strconv.ParseInt(text, base, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	switch {
	case e.typ.Kind == record.Float:
		bits, err := strconv.ParseUint(text, 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		if e.typ.Bits == 32 {
			v.AppendFloat64(float64(math.Float32frombits(uint32(bits))))
		} else {
			v.AppendFloat64(math.Float64frombits(bits))
		}
	case e.width == 12:
		sec, nanos, _ := strings.Cut(text, " ")
		v.AppendFixed16(record.PutMoment(whole(sec, 10), int32(whole(nanos, 10)), 0))
	case e.typ.Kind == record.Instant:
		v.AppendInt64(whole(text, 10) * 1000)
	default:
		if code := record.AppendParsed(v, &e.typ, []byte(text)); code != "" {
			t.Fatalf("%s %s: %s", e.name, text, code)
		}
	}
	return v
}

// phoenixText is the text of a cell.
func phoenixText(e encoding, v *record.Vector) string {
	switch {
	case e.typ.Kind == record.Float && e.typ.Bits == 32:
		return strconv.FormatUint(uint64(bits32(v.Float64[0])), 16)
	case e.typ.Kind == record.Float:
		return strconv.FormatUint(bits64(v.Float64[0]), 16)
	case e.width == 12:
		sec, nanos, _ := record.MomentOf(v.Fixed16[0])
		return fmt.Sprintf("%d %d", sec, nanos)
	case e.typ.Kind == record.Instant:
		return strconv.FormatInt(v.Int64[0]/1000, 10)
	}
	return string(record.AppendText(nil, &e.typ, v, 0))
}

// TestPhoenix: Phoenix's own classes write the bytes that we do, and read the values that we do.
func TestPhoenix(t *testing.T) {
	tool := hbasetool.Start(t, servers.Need(t, "hbase"))
	random := rand.New(rand.NewPCG(1, 2))
	for _, e := range phoenixEncodings {
		of := strings.ToUpper(strings.TrimPrefix(e.name, phoenixPrefix))
		t.Run(of, func(t *testing.T) {
			for _, text := range phoenixValues(e, random) {
				v := phoenixCell(t, e, text)
				if e.fits != nil {
					if code, why := e.fits(&e.typ, v, 0); code != "" {
						t.Errorf("%s has no room: %s %s", text, code, why)
					}
				}
				got := e.add(nil, &e.typ, v, 0)
				lines, err := tool.Try("phoenix-encode", of, text)
				if err != nil {
					t.Fatal(err)
				}
				if want := lines[0]; hex.EncodeToString(got) != want {
					t.Errorf("%s: wrote %x, Phoenix writes %s", text, got, want)
				}
				phoenixReads(t, tool, e, of, got, true)
			}
			// what nobody wrote is read as Phoenix reads it, or not at all
			size := e.width
			for range 300 {
				if e.width == 0 {
					size = 1 + random.IntN(22)
				}
				x := make([]byte, size)
				for i := range x {
					x[i] = byte(random.IntN(256))
					if e.width == 0 && i > 0 {
						x[i] = byte(random.IntN(104))
					}
				}
				if e.width == 12 {
					x[8] %= 64
				}
				phoenixReads(t, tool, e, of, x, false)
			}
		})
	}
}

// phoenixReads compares what we and Phoenix read from bytes. must: they are a value.
func phoenixReads(t *testing.T, tool *hbasetool.Tool, e encoding, of string, x []byte, must bool) {
	t.Helper()
	v := record.NewVector(e.typ.Form())
	if code := e.put(new(scratch), &e.typ, v, x); code != "" || v.Len != 1 {
		if must || v.Len != 0 {
			t.Errorf("%x: %s, %d values", x, code, v.Len)
		}
		return
	}
	lines, err := tool.Try("phoenix-decode", of, hex.EncodeToString(x))
	if err != nil {
		t.Errorf("%x: read %s, Phoenix refuses it: %v", x, phoenixText(e, v), err)
		return
	}
	want := lines[0]
	if e.typ.Kind == record.Float { // there are many NaN
		want = phoenixText(e, phoenixCell(t, e, want))
	}
	if got := phoenixText(e, v); got != want {
		t.Errorf("%x: read %s, Phoenix reads %s", x, got, want)
	}
}

// TestPhoenixHasNoRoom: what Phoenix cannot hold, or would round, is found; and bytes that are no values.
func TestPhoenixHasNoRoom(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, text string
		want       record.Code
	}{
		{"unsigned_tinyint", "-1", record.Range}, {"unsigned_long", "-9223372036854775808", record.Range}, {"unsigned_date", "-1", record.Range},
		{"unsigned_timestamp", "-1 999999999", record.Range}, {"timestamp", "9223372036854775 0", record.Range}, {"timestamp", "-9223372036854776 0", record.Range},
		{"unsigned_float", "80000001", record.Range}, {"unsigned_double", "fff0000000000000", record.Range},
		{"decimal", strings.Repeat("1", 39), record.Scale}, {"decimal", "-0." + strings.Repeat("1", 39), record.Scale}, {"decimal", strings.Repeat("1", 38) + "0", ""},
		{"decimal", "1" + strings.Repeat("0", 126), record.Range}, {"decimal", "0." + strings.Repeat("0", 126) + "1", record.Range},
	} {
		e, err := encodingOf(phoenixPrefix+test.name, "")
		if err != nil {
			t.Fatal(err)
		}
		if code, _ := e.fits(&e.typ, phoenixCell(t, e, test.text), 0); code != test.want {
			t.Errorf("%s %s: got %q, want %q", test.name, test.text, code, test.want)
		}
	}
	for _, test := range []struct{ name, bytes string }{
		{"boolean", "\x02"}, {"unsigned_int", "\xFF\xFF\xFF\xFF"}, {"unsigned_timestamp", "\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"},
		{"timestamp", "\x80\x00\x00\x00\x00\x00\x00\x00\xFF\x00\x00\x00"}, {"timestamp", "\x80\x00\x00\x00\x00\x00\x00\x00\x3B\x9A\xCA\x00"},
		{"unsigned_double", "\xBF\xF0\x00\x00\x00\x00\x00\x00"},
		{"decimal", ""}, {"decimal", "\xC1"}, {"decimal", "\x81\x02"}, {"decimal", "\xC1\x01"}, {"decimal", "\xC1\x00"}, {"decimal", "\xC1\x65"}, {"decimal", "\xC1\x01\x02"}, {"decimal", "\xC1\x02\x01"},
		{"decimal", "\x3E\x64"}, {"decimal", "\x3E\x66"}, {"decimal", "\x3E\x66\x66"}, {"decimal", "\xC1" + strings.Repeat("\x02", 21)}, {"decimal", "\xC1" + strings.Repeat("\x0C", 20)},
	} {
		e, err := encodingOf(phoenixPrefix+test.name, "")
		if err != nil {
			t.Fatal(err)
		}
		v := record.NewVector(e.typ.Form())
		if code := e.put(new(scratch), &e.typ, v, []byte(test.bytes)); code != record.WrongType || v.Len != 0 {
			t.Errorf("%s %x: %q, %d values", test.name, test.bytes, code, v.Len)
		}
	}
}
