package documents

import (
	"strconv"
	"strings"

	"github.com/towpath/towpath/bench/data"
)

// edgeTexts are texts that are easily altered on the way.
func edgeTexts() []string {
	var controls strings.Builder
	for c := range rune(0xa0) {
		controls.WriteRune(c)
	}
	return []string{
		"", " ", "  blanks  ", "NULL", `\N`, `\`, `\\`, `"`, `'`, `\"`, "\x00", "a\x00b", "\r\n", "tab\there", "\u2028\u2029", "\ufeffmark", "\ufffd", "</script>&amp;",
		"e\u0301 is not \u00e9", "👩‍👩‍👧‍👦🇪🇺", "\U0010ffff", "{\"json\":\n\"inside\"}", controls.String(), strings.Repeat("long 🙂 ", 1500),
	}
}

func names(dst []byte, r *data.Row) []byte {
	dst = oneOf("Ada", "Łukasz", "Zoë", "李明", "Søren", "O'Brien", `"Q"`, `back\slash`, "tab\tand\nline", "🙂🙃", "")(dst, r)
	dst = append(dst, ' ')
	dst = oneOf("Lovelace", "Müller", "Ångström", "Nowak", "🚚", "\x01\x1f\x7f", " ")(dst, r)
	return strconv.AppendInt(append(dst, ' '), int64(r.IntN(100_000)), 10)
}

func notes(dst []byte, r *data.Row) []byte {
	words := oneOf("towpath", "canal", "zurück", "日本", "barge", "lock", `\t`, `"so"`, "\n", "🛶", "1e5", "the", "a", "of", "and")
	for range 2 + r.IntN(16) {
		dst = append(words(dst, r), ' ')
	}
	return dst
}

// edgeDocs are JSON texts: digits, order, blanks, escapes and line breaks have to stay. A key that stands twice in an object is
// refused by the servers and cannot be here.
func edgeDocs() []string {
	return []string{
		"null", "true", "0", `""`, "[]", "{}", "-0", "1.10", "1e400", "12345678901234567890.12345678901234567890",
		`{"b": 1,  "a":2}`, `{"n": 9007199254740993}`, "{\n\t\"line\": \"\\n \\u0000 \\ud83d\\ude42 \\/\"\r\n}", `[[[[[{"deep": [null, true, -0.0, 1E+2]}]]]]]`, `"text \" \\"`,
	}
}

func docs(dst []byte, r *data.Row) []byte {
	dst = append(dst, `{"sku": "A-`...)
	dst = strconv.AppendInt(dst, int64(r.IntN(100_000)), 10)
	dst = append(dst, `", "sizes": [`...)
	dst = strconv.AppendFloat(dst, r.Float64(), 'f', 3, 64)
	dst = append(dst, ","...)
	dst = strconv.AppendUint(dst, r.Uint64(), 10)
	dst = append(dst, `], "größe": "`...)
	dst = append(oneOf("S", "M", "XL 🧥", `\"L\"`)(dst, r), `", "gift": `...)
	return append(strconv.AppendBool(dst, r.IntN(2) == 0), '}')
}

// padded appends n with zeros before it up to width digits.
func padded(dst []byte, n, width int) []byte {
	for limit := 10; width > 1; width-- {
		if n < limit {
			dst = append(dst, zeros[:width-1]...)
			break
		}
		limit *= 10
	}
	return strconv.AppendInt(dst, int64(n), 10)
}

const zeros = "0000"

// date makes days from the first of the years on.
func date(first, years int) func([]byte, *data.Row) []byte {
	return func(dst []byte, r *data.Row) []byte {
		dst = append(padded(dst, first+r.IntN(years), 4), '-')
		dst = append(padded(dst, 1+r.IntN(12), 2), '-')
		return padded(dst, 1+r.IntN(28), 2)
	}
}

func datetime(first, years, fraction int) func([]byte, *data.Row) []byte {
	day := date(first, years)
	return func(dst []byte, r *data.Row) []byte {
		return clock(append(day(dst, r), ' '), r, r.IntN(24), fraction)
	}
}

func span(dst []byte, r *data.Row) []byte {
	if r.IntN(3) == 0 {
		dst = append(dst, '-')
	}
	return clock(dst, r, r.IntN(838), 3)
}

func clock(dst []byte, r *data.Row, hours, fraction int) []byte {
	dst = append(padded(dst, hours, 2), ':')
	dst = append(padded(dst, r.IntN(60), 2), ':')
	dst = append(padded(dst, r.IntN(60), 2), '.')
	for range fraction {
		dst = append(dst, byte('0'+r.IntN(10)))
	}
	return dst
}
