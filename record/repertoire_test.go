package record_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"
	"pgregory.net/rapid"

	"github.com/towpath/towpath/record"
)

// storedType parses a type's name, and behind it what the store lacks: "text(4) nonul latin1", "float64 finite".
func storedType(t testing.TB, name string) record.Type {
	t.Helper()
	var nonul, finite, noMinus bool
	charset := ""
	for words := true; words; {
		at := strings.LastIndexByte(name, ' ')
		switch name[at+1:] {
		case "nonul":
			nonul = true
		case "finite":
			finite = true
		case "nominus":
			noMinus = true
		case "ascii", "latin1", "bmp":
			charset = name[at+1:]
		default:
			words = false
			continue
		}
		name = name[:at]
	}
	typ := typed(t, name)
	for inner := &typ; inner != nil; inner = inner.Elem {
		inner.NoNUL, inner.Finite, inner.NoMinusZero, inner.Charset = nonul, finite, noMinus, charset
	}
	return typ
}

// inWindows1252 says so of its 251 characters, and of the five that stand in its holes.
func inWindows1252(c rune) bool {
	b, ok := charmap.Windows1252.EncodeRune(c)
	return ok && charmap.Windows1252.DecodeByte(b) == c || strings.ContainsRune("\u0081\u008d\u008f\u0090\u009d", c)
}

// Each character is in a repertoire or is not; Windows-1252 has 256 of them.
func TestRepertoires(t *testing.T) {
	t.Parallel()
	count := map[string]int{}
	v := record.NewVector(record.FormBytes)
	for c := rune(0); c <= utf8.MaxRune; c++ {
		if !utf8.ValidRune(c) {
			continue
		}
		windows := inWindows1252(c)
		for charset, want := range map[string]bool{"": true, "ascii": c < 0x80, "latin1": windows, "bmp": c < 0x10000, "klingon": c < 0x80} {
			v.Reset(record.FormBytes)
			typ := record.Type{Kind: record.Text, Charset: charset}
			code := record.AppendParsed(v, &typ, []byte(string(c)))
			if (code == "") != want || code != "" && code != record.UTF8 {
				t.Fatalf("%q in %q: code %q", c, charset, code)
			}
			if want {
				count[charset]++
			}
		}
	}
	if count["latin1"] != 256 || count["ascii"] != 128 || count["bmp"] != 0x10000-0x800 {
		t.Errorf("characters: %v", count)
	}
}

// A character is found wherever it stands among others.
func TestRepertoireOfTexts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		runes := rapid.SliceOfN(rapid.SampledFrom([]rune("abc\x00é€ÿ\u0081\u0080Ā中\uffff🦀")), 0, 40).Draw(t, "text")
		typ := record.Type{Kind: record.Text, Charset: rapid.SampledFrom([]string{"", "ascii", "latin1", "bmp"}).Draw(t, "charset"), NoNUL: rapid.Bool().Draw(t, "nonul")}
		outside := func(c rune) bool {
			return typ.Charset == "ascii" && c > 0x7F || typ.Charset == "latin1" && !inWindows1252(c) || typ.Charset == "bmp" && c > 0xFFFF
		}
		want := record.Code("")
		switch {
		case typ.NoNUL && slices.Contains(runes, 0):
			want = record.NUL
		case slices.ContainsFunc(runes, outside):
			want = record.UTF8
		}
		src, dst := record.NewVector(record.FormBytes), record.NewVector(record.FormBytes)
		for _, text := range []string{"before", string(runes), "after"} {
			src.AppendString(text)
		}
		marks := record.NewCast(record.Type{Kind: record.Text}, typ, record.CastOptions{}).Apply(dst, src, 0, nil)
		if want == "" {
			if len(marks) > 0 || string(dst.Bytes(1)) != string(runes) {
				t.Fatalf("%q: marks %v, text %q", string(runes), marks, dst.Bytes(1))
			}
		} else if len(marks) != 1 || marks[0].Row != 1 || marks[0].Code != want || string(marks[0].Raw) != string(runes) || !dst.Null(1) {
			t.Fatalf("%q: marks %v, want %s", string(runes), marks, want)
		}
		if string(dst.Bytes(0)) != "before" || string(dst.Bytes(2)) != "after" {
			t.Fatalf("neighbours changed: %q", dst.Data)
		}
	})
}

// What a store lacks decides a cast, and marks what it does not hold.
func TestStores(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		from, to   string
		decision   record.Decision
		text, want string
		code       record.Code
	}{
		{"text", "text nonul", record.Checked, "a\x00b", "", record.NUL}, {"text", "text nonul", record.Checked, "ab", "ab", ""},
		{"text nonul", "text nonul", record.Same, "ab", "ab", ""}, {"text nonul", "text", record.Same, "ab", "ab", ""},
		{"text(9)", "text(9) nonul", record.Checked, "a\x00b", "", record.NUL}, {"text(9) nonul", "text(20) nonul", record.Widening, "ab", "ab", ""},
		{"text", "text(2) nonul", record.Checked, "abc", "", record.Trunc}, {"text", "text(2) nonul", record.Checked, "a\x00c", "", record.NUL},
		{"text ascii", "text latin1", record.Same, "ab", "ab", ""}, {"text ascii", "text bmp", record.Same, "ab", "ab", ""}, {"text latin1", "text bmp", record.Same, "€", "€", ""},
		{"text latin1", "text ascii", record.Checked, "é", "", record.UTF8}, {"text bmp", "text latin1", record.Checked, "\u0080", "", record.UTF8},
		{"text", "text latin1", record.Checked, "caf\u00e9 \u20ac \u0081", "caf\u00e9 \u20ac \u0081", ""}, {"text", "text latin1", record.Checked, "日", "", record.UTF8},
		{"text", "text bmp", record.Checked, "🦀", "", record.UTF8}, {"text", "text bmp", record.Checked, "日本", "日本", ""}, {"text bmp", "text", record.Same, "日", "日", ""},
		{"text(3)", "text(3) latin1", record.Checked, "ÄÖÜ", "ÄÖÜ", ""}, {"text(5 fixed)", "text(5 fixed) ascii", record.Checked, "Ä", "", record.UTF8},
		{"bytes", "text nonul", record.Checked, "610062", "", record.NUL}, {"bytes", "text latin1", record.Checked, "e697a5", "", record.UTF8}, {"bytes", "text latin1", record.Checked, "ff", "", record.UTF8},
		{"int64", "text nonul ascii", record.Widening, "5", "5", ""}, {"json", "text nonul", record.Widening, `"\u0000"`, `"\u0000"`, ""}, {"json", "text ascii", record.Checked, `"é"`, "", record.UTF8},
		{`enum("a","é")`, "text nonul latin1", record.Widening, "é", "é", ""}, {`enum("a","é")`, "text ascii", record.Checked, "é", "", record.UTF8}, {"enum", "text nonul", record.Checked, "a\x00", "", record.NUL},
		{`enum("a")`, `enum("a") nonul ascii`, record.Same, "a", "a", ""}, {`enum("é")`, `enum("é") ascii`, record.Same, "é", "é", ""}, {"enum", "enum ascii", record.Checked, "é", "", record.UTF8},
		{`set("a","b")`, "set nonul", record.Widening, "b", "b", ""}, {"text", "enum nonul", record.Checked, "a\x00", "", record.NUL}, {"set", "set bmp", record.Checked, "🦀", "", record.UTF8},
		{"native(x)", "native(x) nonul", record.Checked, "a\x00", "", record.NUL}, {"text", "native(x) nonul", record.Checked, "a\x00", "", record.NUL}, {"text nonul", "native(x) nonul", record.Widening, "a", "a", ""},
		{"json", "json nonul", record.Checked, `{"a":"\u0000"}`, "", record.NUL}, {"json", "json nonul", record.Checked, `"\ud800"`, "", record.UTF8}, {"json", "json nonul", record.Checked, `"\udc00\ud800"`, "", record.UTF8},
		{"json", "json nonul", record.Checked, `"\ud83e\udd80 \\u0000 \\\\u0000 \u00e4"`, `"\ud83e\udd80 \\u0000 \\\\u0000 \u00e4"`, ""}, {"json", "json nonul", record.Checked, `{"\u0000":1}`, "", record.NUL},
		{"json", "json nonul", record.Checked, `"\\\u0000"`, "", record.NUL}, {"json", "json nonul", record.Checked, `"\ud83e\u0041"`, "", record.UTF8}, {"json", "json nonul", record.Checked, `"\uD83E"`, "", record.UTF8}, {"json", "json nonul", record.Checked, `"\udc00\udc00"`, "", record.UTF8},
		{"json nonul", "json", record.Same, "1", "1", ""}, {"text", "json nonul", record.Checked, `"\u0000"`, "", record.NUL}, {"text", "json nonul", record.Checked, "{", "", record.WrongType},
		{"float64", "float64 finite", record.Checked, "NaN", "", record.NonFinite}, {"float64", "float64 finite", record.Checked, "-Infinity", "", record.NonFinite}, {"float64", "float64 finite", record.Checked, "-0", "-0", ""},
		{"float64 finite", "float64 finite", record.Same, "1", "1", ""}, {"float64 finite", "float64", record.Same, "1", "1", ""}, {"float32", "float64 finite", record.Checked, "Infinity", "", record.NonFinite},
		{"float32 finite", "float64 finite", record.Widening, "0.5", "0.5", ""}, {"float64", "float32 finite", record.Checked, "NaN", "", record.NonFinite}, {"float64", "float32 finite", record.Checked, "1e+300", "", record.Range},
		{"text", "float64 finite", record.Checked, "nan", "", record.NonFinite}, {"int32", "float64 finite", record.Widening, "5", "5", ""}, {"decimal(10,2)", "float64 finite", record.Checked, "0.50", "0.5", ""},
		{"float64", "float64 nominus", record.Checked, "-0", "0", ""}, {"float64", "float64 nominus", record.Checked, "NaN", "NaN", ""}, {"float64", "float64 finite nominus", record.Checked, "-0", "0", ""},
		{"float64", "float64 finite nominus", record.Checked, "Infinity", "", record.NonFinite}, {"float64 finite", "float64 finite nominus", record.Checked, "-0", "0", ""},
		{"float64 finite", "float64 finite nominus", record.Checked, "-5e-324", "-5e-324", ""}, {"float32", "float64 nominus", record.Checked, "-0", "0", ""},
		{"float64", "float32 nominus", record.Checked, "-0", "0", ""}, {"float64 nominus", "float64 nominus", record.Same, "0", "0", ""}, {"float64 nominus", "float64", record.Same, "0", "0", ""},
		{"float32 finite nominus", "float64 finite nominus", record.Widening, "0.5", "0.5", ""}, {"text", "float64 nominus", record.Checked, "-0.0", "0", ""}, {"int32", "float64 nominus", record.Widening, "0", "0", ""},
		{"float64 finite", "json", record.Widening, "0.5", "0.5", ""}, {"year", "float64", record.Widening, "2026", "2026", ""}, {"year", "float32", record.Widening, "0", "0", ""},
	} {
		from, to := storedType(t, tt.from), storedType(t, tt.to)
		c := record.NewCast(from, to, record.CastOptions{})
		if c.Decision != tt.decision {
			t.Errorf("%s to %s: %s (%s), want %s", tt.from, tt.to, c.Decision, c.Loss, tt.decision)
			continue
		}
		raw := tt.text
		if from.Kind == record.Bytes {
			raw = string(column(t, from, tt.text).Data)
		}
		if (c.Decision == record.Checked) != (c.Loss != "") {
			t.Errorf("%s to %s is %s with the loss %q", tt.from, tt.to, c.Decision, c.Loss)
		}
		checkCast(t, c, tt.text, tt.want, tt.code, raw)
	}
}

// What a policy gives fits what the store holds, or the row is dirty.
func TestPoliciesOfStores(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		typ, text string
		policies  record.Policies
		want      string // empty: the row is dirty
	}{
		{"text nonul", "a\x00b", record.Policies{record.NUL: "strip"}, "ab"}, {"text nonul", "a\x00b", record.Policies{record.NUL: "replace"}, "a\uFFFDb"}, {"text nonul", "a\x00b", nil, ""},
		{"text nonul latin1", "é\x00", record.Policies{record.NUL: "replace"}, "é?"}, {"text(2) nonul", "a\x00b", record.Policies{record.NUL: "strip"}, "ab"},
		{"text(2) nonul", "a\x00bc", record.Policies{record.NUL: "strip"}, ""}, {"text(2) nonul", "a\x00bc", record.Policies{record.NUL: "strip", record.Trunc: "truncate"}, "ab"},
		{"text bmp", "a🦀b", record.Policies{record.UTF8: "replace"}, "a?b"}, {"text bmp", "a🦀b", record.Policies{record.UTF8: "hex"}, "61f09fa68062"}, {"text bmp", "a🦀b", record.Policies{record.UTF8: "recode:latin1"}, ""},
		{"text bmp", "a\xff\xfe🦀", record.Policies{record.UTF8: "replace"}, "a\uFFFD?"}, {"text latin1", "a\xff\xfe日€", record.Policies{record.UTF8: "replace"}, "a??€"}, {"text ascii", "é", record.Policies{record.UTF8: "replace"}, "?"},
		{"text latin1", "\xa4", record.Policies{record.UTF8: "recode:iso-8859-15"}, "€"}, {"text ascii", "\xa4", record.Policies{record.UTF8: "recode:iso-8859-15"}, ""},
		{"text(2) bmp", "🦀🦀🦀", record.Policies{record.UTF8: "replace"}, ""}, {"text(2) bmp", "🦀🦀🦀", record.Policies{record.UTF8: "replace", record.Trunc: "truncate"}, "??"},
		{"text nonul ascii", "é\x00", record.Policies{record.UTF8: "replace"}, ""}, {"text nonul ascii", "é\x00", record.Policies{record.UTF8: "replace", record.NUL: "strip"}, "?"},
		{"enum bmp", "🦀", record.Policies{record.UTF8: "replace"}, "?"}, {`enum("a","?") bmp`, "🦀", record.Policies{record.Range: "clamp"}, ""}, {"set nonul", "a\x00,b", record.Policies{record.NUL: "strip"}, "a,b"}, {"native(x) nonul", "\x00", record.Policies{record.NUL: "strip"}, ""},
		{"json nonul", `{"a\u0000":"\\u0000\u0000"}`, record.Policies{record.NUL: "strip"}, `{"a":"\\u0000"}`}, {"json nonul", `"\u0000x"`, record.Policies{record.NUL: "replace"}, "\"\uFFFDx\""},
		{"json nonul", `"\ud800\u0000\ud83e\udd80"`, record.Policies{record.UTF8: "replace"}, ""}, {"json nonul", `"\ud800\u0000\ud83e\udd80"`, record.Policies{record.UTF8: "replace", record.NUL: "strip"}, "\"\uFFFD\\ud83e\\udd80\""},
		{"json nonul", `"\ud800"`, record.Policies{record.UTF8: "hex"}, `"225c756438303022"`}, {"json", "\"\xff\"", record.Policies{record.UTF8: "replace"}, "\"\uFFFD\""},
		{"float64 finite", "NaN", record.Policies{record.NonFinite: "null"}, null}, {"float32 finite", "-Infinity", record.Policies{record.NonFinite: "null"}, null}, {"float64 finite", "NaN", nil, ""},
	} {
		typ := storedType(t, tt.typ)
		b := table(t, []record.Type{typ})
		from := record.Type{Kind: record.Bytes}
		src := record.NewVector(record.FormBytes)
		switch typ.Kind {
		case record.Float:
			from = record.Type{Kind: record.Float, Bits: typ.Bits}
			src = column(t, from, tt.text)
		case record.Enum, record.Set, record.Native, record.JSON:
			from = record.Type{Kind: record.Text}
			src.AppendString(tt.text)
		default:
			src.AppendString(tt.text)
		}
		b.Marks = record.NewCast(from, typ, record.CastOptions{}).Apply(b.Cols[0], src, 0, nil)
		b.Len = 1
		if len(b.Marks) != 1 {
			t.Errorf("%s: %q is not marked", tt.typ, tt.text)
			continue
		}
		dirty := record.Resolve(b, []record.Policies{tt.policies})
		want, wantDirty := tt.want, 0
		if want == "" && tt.typ != "native(x) nonul" {
			want, wantDirty = null, 1
		}
		if diff := cmp.Diff([]string{want}, texts(typ, b.Cols[0])); diff != "" || len(dirty) != wantDirty {
			t.Errorf("%s %q under %v: %d dirty (-want +got):\n%s", tt.typ, tt.text, tt.policies, len(dirty), diff)
		}
		if !b.Cols[0].Null(0) { // it is of the type
			again := record.NewVector(typ.Form())
			if code := record.AppendParsed(again, &typ, []byte(want)); code != "" {
				t.Errorf("%s %q under %v gives %q, which is %s", tt.typ, tt.text, tt.policies, want, code)
			}
		}
	}
}

// A truncated text still has to be one that the store holds: the cast before did not know the store.
func TestTruncatedTextFits(t *testing.T) {
	t.Parallel()
	typ := storedType(t, "text(3) nonul")
	for policy, want := range map[string]string{"": null, "strip": "ab"} {
		b := table(t, []record.Type{typ}, []string{null})
		b.Marks = []record.Mark{{Code: record.Trunc, Raw: []byte("a\x00bc")}}
		record.Resolve(b, []record.Policies{{record.Trunc: "truncate", record.NUL: policy}})
		if got := texts(typ, b.Cols[0])[0]; got != want {
			t.Errorf("NUL %q: %q, want %q", policy, got, want)
		}
	}
}

func BenchmarkStores(b *testing.B) {
	for _, tt := range []struct{ from, to, text string }{
		{"text", "text(200)", "customer 12345, a clean text"}, {"text", "text nonul", "customer 12345, a clean text"}, {"text", "text nonul bmp", "customer 12345, a clean text"},
		{"text", "text nonul latin1", "customer 12345, a clean text"}, {"text", "text latin1", "Müller, Straße"}, {"text", "text bmp", "日本語のテキスト"}, {"json", "json nonul", `{"name":"customer","id":12345}`},
		{"json", "json nonul", `{"name":"M\u00fcller"}`}, {"float64", "float64 finite", "1.5"},
	} {
		b.Run(fmt.Sprintf("%s>%s %.10s", tt.from, tt.to, tt.text), func(b *testing.B) {
			c := record.NewCast(storedType(b, tt.from), storedType(b, tt.to), record.CastOptions{})
			src, dst := column(b, c.From), record.NewVector(c.To.Form())
			for range record.MaxRows {
				record.AppendParsed(src, &c.From, []byte(tt.text))
			}
			b.SetBytes(int64(len(src.Data) + 8*len(src.Float64)))
			for b.Loop() {
				dst.Reset(c.To.Form())
				c.Apply(dst, src, 0, nil)
			}
			b.ReportMetric(float64(b.N)*record.MaxRows/b.Elapsed().Seconds()/1e6, "Mcells/s")
		})
	}
}
