package record_test

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/towpath/towpath/record"
)

// typeNames are types of every kind that AppendParsed and AppendText know, in each of their vectors.
var typeNames = []string{"bool", "int8", "int16", "int24", "int32", "int64", "uint8", "uint32", "uint64", "float32", "float64",
	"decimal(9,2)", "decimal(18,18)", "decimal(30,10)", "decimal(38,0)", "decimal(5,-2)", "decimal(65,30)", "decimal", "text", "text(20)",
	"text(20 bytes)", "text(20 utf16)", "bytes", "bytes(30)", "date", "time(0)", "time(6)", "time(9)", "datetime(0)", "datetime(6)",
	"datetime(9)", "instant(3)", "instant(6)", "instant(9)", "instant(6 offset)", "interval", "year", "uuid", "json",
	`enum("a","b","c")`, `set("a","b","c")`, "bit(1)", "bit(10)", "bit(64)", "bit(70)", "geometry", "document", "list(int32)", "native(inet)"}

// drawText draws the text form of some value of the type.
func drawText(t *rapid.T, typ *record.Type) string {
	digits := func(most int) string {
		return rapid.StringMatching(fmt.Sprintf("[0-9]{1,%d}", most)).Draw(t, "digits")
	}
	switch typ.Kind {
	case record.Bool:
		return fmt.Sprint(rapid.Bool().Draw(t, "bool"))
	case record.Int:
		x := rapid.Int64().Draw(t, "int") >> (64 - typ.Bits)
		return fmt.Sprint(x)
	case record.Uint:
		return fmt.Sprint(rapid.Uint64().Draw(t, "uint") >> (64 - typ.Bits))
	case record.Float:
		v := record.NewVector(record.FormFloat64)
		x := rapid.Float64().Draw(t, "float")
		if typ.Bits == 32 {
			x = float64(rapid.Float32().Draw(t, "float32"))
		}
		v.AppendFloat64(x)
		return string(record.AppendText(nil, typ, v, 0))
	case record.Decimal:
		sign := rapid.SampledFrom([]string{"", "-"}).Draw(t, "sign")
		if typ.Precision == 0 {
			return sign + digits(60) + "." + digits(60)
		}
		return sign + digits(typ.Precision) + fmt.Sprintf("e%d", -typ.Scale)
	case record.Date, record.Time, record.Datetime, record.Instant, record.Interval:
		return drawMoment(t, typ)
	case record.Year:
		return fmt.Sprint(rapid.IntRange(1901, 2155).Draw(t, "year"))
	case record.UUID:
		return rapid.StringMatching("[0-9a-f]{32}").Draw(t, "uuid")
	case record.List:
		v := record.NewVector(record.FormBytes)
		if code := drawList(t, typ.Elem).build(record.NewListBuilder(typ.Elem), v); code != "" {
			t.Fatalf("build a list: %s", code)
		}
		return string(record.AppendText(nil, typ, v, 0))
	case record.Bytes, record.Geometry, record.Document:
		return strings.Repeat(rapid.StringMatching("[0-9a-f]{2}").Draw(t, "byte"), rapid.IntRange(0, 30).Draw(t, "n"))
	case record.JSON:
		return rapid.SampledFrom([]string{`{"b":[1,2.50,null],"a":{"x":"\u00e4"}}`, `"s"`, "null", "1e400", "[]"}).Draw(t, "json")
	case record.Enum:
		return rapid.SampledFrom(typ.Labels).Draw(t, "label")
	case record.Set:
		return strings.Join(rapid.SliceOfNDistinct(rapid.SampledFrom(typ.Labels), 0, 3, rapid.ID).Draw(t, "labels"), ",")
	case record.Bit:
		return rapid.StringMatching(fmt.Sprintf("[01]{%d}", typ.Bits)).Draw(t, "bits")
	}
	return rapid.StringN(0, 5, 20).Draw(t, "text")
}

func drawMoment(t *rapid.T, typ *record.Type) string {
	v := record.NewVector(typ.Form())
	unit := int64(math.Pow10(9 - typ.Precision))
	switch {
	case typ.Kind == record.Date:
		v.AppendInt64(rapid.Int64Range(-2_000_000, 100_000_000).Draw(t, "days"))
	case typ.Kind == record.Time:
		v.AppendInt64(rapid.Int64Range(-1e18, 1e18).Draw(t, "nanos") / unit * unit)
	case typ.Kind == record.Interval:
		v.AppendFixed16(record.PutInterval(rapid.Int32().Draw(t, "months"), rapid.Int32().Draw(t, "days"), rapid.Int64Range(-1<<61, 1<<61).Draw(t, "micros")))
	case typ.Form() == record.FormInt64:
		v.AppendInt64(rapid.Int64Range(-1<<62, 1<<62).Draw(t, "micros") / (unit / 1000) * (unit / 1000))
	default:
		nanos := rapid.Int64Range(0, 999_999_999).Draw(t, "nanos") / unit * unit
		offset := int32(0)
		if typ.Offset {
			offset = rapid.Int32Range(-86399, 86399).Draw(t, "offset")
		}
		v.AppendFixed16(record.PutMoment(rapid.Int64Range(-1e11, 1e12).Draw(t, "sec"), int32(nanos), offset))
	}
	return string(record.AppendText(nil, typ, v, 0))
}

func TestTextRoundTrip(t *testing.T) {
	t.Parallel()
	for _, name := range typeNames {
		typ := typed(t, name)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				v := record.NewVector(typ.Form())
				text := drawText(t, &typ)
				if code := record.AppendParsed(v, &typ, []byte(text)); code != "" {
					t.Fatalf("parse %q: %s", text, code)
				}
				again := record.AppendText(nil, &typ, v, 0)
				if code := record.AppendParsed(v, &typ, again); code != "" {
					t.Fatalf("parse %q, the text form of %q: %s", again, text, code)
				}
				h := hashes(typ, v)
				if h[0] != h[1] {
					t.Fatalf("%q came back as another value", text)
				}
			})
		})
	}
}

// hashes returns the hash of each cell of a column.
func hashes(typ record.Type, v *record.Vector) []record.Hash {
	s := &record.Schema{Fields: []record.Field{{Name: "a", Type: typ}}}
	return record.NewHasher(s, 7).Rows(&record.Batch{Schema: s, Len: v.Len, Cols: []*record.Vector{v}}, nil)
}

func TestTypeNamesRoundTrip(t *testing.T) {
	t.Parallel()
	for _, name := range append(typeNames, "text(5 fixed)", "text(5 bytes fixed)", `list(enum("a,b","c)d"))`, "bytes(5 fixed)", `native(a(1,2))`) {
		typ := typed(t, name)
		if got := typ.String(); got != name {
			t.Errorf("%s is written as %s", name, got)
		}
	}
	for _, bad := range []string{"", "int7", "float8", "decimal(0,1)", "decimal(x)", "text()", "text(0)", "text(5 words)", "time(10)", "bit(0)", "uuid(3)", "enum(a)", `enum("a",)`, "list(x)", "date(", "datetime(3 offset)", "invalid"} {
		if typ, err := record.ParseType(bad); err == nil {
			t.Errorf("%q is read as %s", bad, typ)
		}
	}
}

// Decimals against math/big.
func TestInt128AgainstBig(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		scale := rapid.IntRange(0, 38).Draw(t, "scale")
		text := rapid.StringMatching("-?[0-9]{1,45}(\\.[0-9]{1,30})?").Draw(t, "text")
		want, _ := new(big.Rat).SetString(text)
		scaled := new(big.Rat).Mul(want, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)))
		limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(38), nil)
		fits := scaled.IsInt() && new(big.Int).Abs(scaled.Num()).Cmp(limit) < 0
		x, code := record.Int128FromText([]byte(text), 38, scale)
		if (code == "") != fits {
			t.Fatalf("%s at scale %d: code %q, fits %v", text, scale, code, fits)
		}
		if !fits {
			return
		}
		got, _ := new(big.Rat).SetString(string(record.AppendInt128Text(nil, x, scale)))
		if got.Cmp(want) != 0 {
			t.Fatalf("%s at scale %d came back as %s", text, scale, got)
		}
	})
}

func TestCivilAgainstTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		days := rapid.Int64Range(-100_000_000, 100_000_000).Draw(t, "days")
		want := time.Unix(days*86400, 0).UTC()
		y, m, d := record.CivilFromDays(days)
		if y != want.Year() || m != int(want.Month()) || d != want.Day() {
			t.Fatalf("day %d is %d-%d-%d, want %s", days, y, m, d, want)
		}
		if back := record.DaysFromCivil(y, m, d); back != days {
			t.Fatalf("day %d came back as %d", days, back)
		}
	})
}

// A cast keeps the value or marks it: what it kept, casts back or reads as the same text.
func TestCastsAreExactOrMarked(t *testing.T) {
	t.Parallel()
	numbers := []string{"bool", "int8", "int32", "int64", "uint8", "uint64", "decimal(9,2)", "decimal(18,0)", "decimal(30,10)", "decimal(38,0)",
		"decimal(5,-2)", "decimal(65,30)", "decimal", "float64", "float32", "bit(10)", "text", "text(8)", "year"}
	moments := []string{"date", "datetime(0)", "datetime(6)", "datetime(9)", "instant(0)", "instant(6)", "instant(9)", "instant(6 offset)", "time(0)", "time(9)", "interval", "text"}
	for _, family := range [][]string{numbers, moments} {
		rapid.Check(t, func(t *rapid.T) {
			from, _ := record.ParseType(rapid.SampledFrom(family).Draw(t, "from"))
			to, _ := record.ParseType(rapid.SampledFrom(family).Draw(t, "to"))
			zone := record.CastOptions{Zone: time.FixedZone("+3", 3*3600)}
			there, back := record.NewCast(from, to, zone), record.NewCast(to, from, zone)
			if there.Decision == record.Refused || back.Decision == record.Refused || there.Decision == record.Lossy {
				return
			}
			src := record.NewVector(from.Form())
			if record.AppendParsed(src, &from, []byte(drawText(t, &from))) != "" {
				return
			}
			dst := record.NewVector(to.Form())
			if marks := there.Apply(dst, src, 0, nil); len(marks) > 0 {
				if there.Decision == record.Widening || there.Decision == record.Same {
					t.Fatalf("%s to %s is %s and marks %s", from, to, there.Decision, marks[0].Raw)
				}
				return
			}
			if from.Kind == record.Text {
				return // a text has forms that do not come back: 0 is false
			}
			again := record.NewVector(from.Form())
			if marks := back.Apply(again, dst, 0, nil); len(marks) > 0 || !sameNumber(texts(from, again)[0], texts(from, src)[0]) {
				t.Fatalf("%s %q to %s is %q and back %q, marks %v", from, texts(from, src), to, texts(to, dst), texts(from, again), marks)
			}
		})
	}
}

// What passes a cast as it is, the cast would have copied cell by cell.
func TestWhatPassesIsWhatApplyMakes(t *testing.T) {
	t.Parallel()
	passed, changed := map[string]bool{}, map[string]bool{}
	names := append(slices.Clone(typeNames), "text(3)", "text(20 fixed)", "datetime(3)")
	for _, family := range [][]string{names, {"text", "text(3)", "text(20)", "text(20 bytes)", "json"}, {"datetime(0)", "datetime(3)", "datetime(6)", "datetime(9)"},
		{"int8", "int16", "int32", "int64", "decimal(9,2)", "decimal(18,0)"}} {
		rapid.Check(t, func(t *rapid.T) {
			from, _ := record.ParseType(rapid.SampledFrom(family).Draw(t, "from"))
			to, _ := record.ParseType(rapid.SampledFrom(family).Draw(t, "to"))
			if rapid.Bool().Draw(t, "less") {
				to.NoNUL, to.Finite, to.Limits = true, true, &[2]int64{-100, 1000}
			}
			c := record.NewCast(from, to, record.CastOptions{Zone: time.UTC})
			if c.Decision == record.Refused {
				return
			}
			src := record.NewVector(from.Form())
			for range rapid.IntRange(0, 4).Draw(t, "cells") {
				if record.AppendParsed(src, &from, []byte(drawText(t, &from))) != "" {
					src.AppendNull()
				}
			}
			dst := record.NewVector(to.Form())
			marks := c.Apply(dst, src, 0, nil)
			if !c.Passes(src) {
				changed[from.String()+to.String()] = true
				return
			}
			passed[from.String()+to.String()] = true
			if diff := cmp.Diff(texts(to, dst), texts(to, src)); diff != "" || len(marks) > 0 || src.Form != dst.Form || src.Nulls != dst.Nulls {
				t.Fatalf("%s to %s passes, and the cast makes another column of it, with %d marks:\n%s", from, to, len(marks), diff)
			}
		})
	}
	if len(passed) < 20 || len(changed) < 20 {
		t.Errorf("%d pairs of types passed and %d did not, want some of each", len(passed), len(changed))
	}
}

// sameNumber compares text forms; a number may come back with another sign of zero or another number of zeros at its end.
func sameNumber(a, b string) bool {
	if a == b {
		return true
	}
	x, ok1 := new(big.Rat).SetString(a)
	y, ok2 := new(big.Rat).SetString(b)
	return ok1 && ok2 && x.Cmp(y) == 0
}

func TestDropRowsEqualsRebuild(t *testing.T) {
	t.Parallel()
	names := []string{"bool", "int64", "uint64", "float64", "decimal(30,2)", "uuid", "text"}
	types := make([]record.Type, len(names))
	for i, name := range names {
		types[i] = typed(t, name)
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 60).Draw(t, "rows")
		rows := make([][]string, n)
		drop := []int{}
		for i := range rows {
			for c := range types {
				text := null
				if rapid.IntRange(0, 4).Draw(t, "null") > 0 {
					text = drawText(t, &types[c])
				}
				rows[i] = append(rows[i], text)
			}
			if rapid.Bool().Draw(t, "drop") {
				drop = append(drop, i)
			}
		}
		build := func(skip []int) *record.Batch {
			var kept [][]string
			for i, row := range rows {
				if !slices.Contains(skip, i) {
					kept = append(kept, row)
				}
			}
			return table(&testing.T{}, types, kept...)
		}
		got, want := build(nil), build(drop)
		for i := range n {
			got.Marks = append(got.Marks, record.Mark{Row: i, Code: record.Range, Raw: []byte{byte(i)}})
		}
		shared := &record.Batch{Schema: &record.Schema{Fields: got.Schema.Fields[:1]}, Len: got.Len, Cols: got.Cols[:1]}
		record.DropRows(drop, got, shared)
		if got.Len != want.Len || shared.Len != want.Len || len(got.Marks) != want.Len {
			t.Fatalf("%d rows, %d shared, %d marks, want %d", got.Len, shared.Len, len(got.Marks), want.Len)
		}
		for c := range types {
			if diff := cmp.Diff(texts(types[c], want.Cols[c]), texts(types[c], got.Cols[c])); diff != "" {
				t.Fatalf("column %s (-want +got):\n%s", types[c], diff)
			}
			if got.Cols[c].Nulls != want.Cols[c].Nulls {
				t.Fatalf("column %s: %d NULLs, want %d", types[c], got.Cols[c].Nulls, want.Cols[c].Nulls)
			}
			got.Cols[c].AppendNull()
			want.Cols[c].AppendNull()
		}
		for i, m := range got.Marks {
			if m.Row != i {
				t.Fatalf("mark %d is of row %d", i, m.Row)
			}
		}
	})
}

func TestSumIsIndependentOfOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) record.Hash {
			return record.Hash{Lo: rapid.Uint64().Draw(t, "lo"), Hi: rapid.Uint64().Draw(t, "hi")}
		}), 1, 30).Draw(t, "rows")
		var a, b, part record.Sum
		for _, h := range rows {
			a.Add(h)
		}
		for i, h := range rapid.Permutation(rows).Draw(t, "order") {
			if i%2 == 0 {
				part.Add(h)
			} else {
				b.Add(h)
			}
		}
		b.Merge(part)
		if a != b {
			t.Fatalf("%v in order, %v in another", a, b)
		}
		b.Add(rows[0])
		if a == b {
			t.Fatal("a duplicate is not noticed")
		}
		b.Sub(rows[0])
		if a != b {
			t.Fatal("a row added and taken out leaves a trace")
		}
	})
}
