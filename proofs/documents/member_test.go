package documents

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestSame(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		form         form
		cell, member string
		want         bool
	}{
		{digits, "12.50", "12.50", true},
		{digits, "12.50", "12.5", false},
		{digits, "12.50", `"12.50"`, false},
		{digits, "18446744073709551615", "18446744073709551615", true},
		{digits, "9007199254740993", "9007199254740992", false},
		{digits, "NULL", "null", true},
		{digits, "NULL", "0", false},
		{digits, "0", "null", false},
		{eitherDigits, "18446744073709551615", `"18446744073709551615"`, true},
		{eitherDigits, "18446744073709551615", "18446744073709551615", true},
		{eitherDigits, "18446744073709551615", `"18446744073709551614"`, false},
		{quoted, "12.50", `"12.50"`, true},
		{quoted, "12.50", `"12.5"`, false},
		{float32Number, "0.10000000149011612", "0.1", true},
		{float32Number, "0.10000000149011612", "0.10000001", false},
		{float32Number, "-0", "-0", true},
		{float32Number, "-0", "0", false},
		{float32Number, "0", "x", false},
		{float64Number, "0.1", "0.10", true},
		{float64Number, "0.1", "0.10000000000000002", false},
		{float64Number, "5e-324", "5e-324", true},
		{float64Number, "1", `"1"`, false},
		{quoted, "-838:59:59.999", `"-838:59:59.999"`, true},
		{quoted, "2026-01-02", `"2026-01-03"`, false},
		{quoted, "1", "1", false},
		{wallClock, "2026-01-02 03:04:05.123456", `"2026-01-02T03:04:05.123456"`, true},
		{wallClock, "2026-01-02 03:04:05.123456", `"2026-01-02T03:04:05.123456Z"`, false},
		{instant, "2026-01-02 03:04:05.123", `"2026-01-02T03:04:05.123Z"`, true},
		{text, hexOf("a\"\\\n\x00é🙂"), `"a\"\\\n\u0000é🙂"`, true},
		{text, hexOf("é"), `"` + "\u0065\u0301" + `"`, false},
		{text, hexOf("NULL"), `"NULL"`, true},
		{text, hexOf("NULL"), `null`, false},
		{text, hexOf("a"), `"a "`, false},
		{text, hexOf("\ufffd"), "\"\\u0041\xff\"", false},
		{text, "4", `""`, false},
		{base64Text, "00FF", `"AP8="`, true},
		{base64Text, "00FF", `"AP4="`, false},
		{set, hexOf(`new,for "her"`), `["new","for \"her\""]`, true},
		{set, hexOf(`new,gift`), `["gift","new"]`, false},
		{set, hexOf(`new`), `["new","gift"]`, false},
		{set, "", `[]`, true},
		{set, "", `null`, false},
		{set, "", `[""]`, false},
		{tree, hexOf("{\"a\":\n1.10}"), `{"a": 1.10}`, true},
		{tree, hexOf(`{"a":1.10}`), `{"a":1.1}`, false},
	} {
		if got := same(c.form, []byte(c.cell), []byte(c.member)); got != c.want {
			t.Errorf("form %d: %s and %s: got %t", c.form, c.cell, c.member, got)
		}
	}
}

func hexOf(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) }

func TestMembers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		object string
		want   []string
		wrong  bool
	}{
		{`{}`, nil, false},
		{`{"a":1}`, []string{"a=1"}, false},
		{" { \"a\" : 1 ,\n\"b\":null } ", []string{"a=1", "b=null"}, false},
		{`{"a":{"b":[1,{"c":"}]"}],"d":true},"e":-0.0}`, []string{`a={"b":[1,{"c":"}]"}],"d":true}`, "e=-0.0"}, false},
		{`{"a":"x\"y\\","b":[],"a":""}`, []string{`a="x\"y\\"`, "b=[]", `a=""`}, false},
		{`[1]`, nil, true},
		{``, nil, true},
	} {
		var got []string
		err := members([]byte(c.object), func(name, value []byte) { got = append(got, fmt.Sprintf("%s=%s", name, value)) })
		if !slices.Equal(got, c.want) || (err != nil) != c.wrong {
			t.Errorf("%s: got %q, %v; want %q", c.object, got, err, c.want)
		}
	}
}
