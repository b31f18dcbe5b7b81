package sqlname_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/towpath/towpath/connectors/internal/sqlname"
)

const (
	double = sqlname.Mark('"')
	back   = sqlname.Mark('`')
)

func TestQuote(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"orders": `"orders"`, "": `""`, `or"der; --`: `"or""der; --"`, "表": `"表"`, "we`ird": "\"we`ird\""} {
		if got := double.Quote(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	if got := back.Quote("we`ird"); got != "`we``ird`" {
		t.Errorf("got %s", got)
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	plain := func(s string) sqlname.Part { return sqlname.Part{Text: s} }
	quoted := func(s string) sqlname.Part { return sqlname.Part{Text: s, Quoted: true} }
	for _, c := range []struct {
		in   string
		want []sqlname.Part // nil: refused
	}{
		{"orders", []sqlname.Part{plain("orders")}},
		{"shop.orders", []sqlname.Part{plain("shop"), plain("orders")}},
		{`shop."a.b"`, []sqlname.Part{plain("shop"), quoted("a.b")}},
		{`"a.b"."c""d"`, []sqlname.Part{quoted("a.b"), quoted(`c"d`)}},
		{`""""`, []sqlname.Part{quoted(`"`)}},
		{`""`, []sqlname.Part{quoted("")}},
		{"", []sqlname.Part{plain("")}},
		{"a..b", []sqlname.Part{plain("a"), plain(""), plain("b")}},
		{`a"b`, []sqlname.Part{plain(`a"b`)}},
		{"a.", []sqlname.Part{plain("a"), plain("")}},
		{`"a"b`, nil},
		{`"a`, nil},
		{`"a""`, nil},
		{`"`, nil},
	} {
		got, ok := double.Split(c.in)
		if ok != (c.want != nil) || !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v %v, want %v", c.in, got, ok, c.want)
		}
	}
	if got, ok := back.Split("`a.b`.\"c\""); !ok || !slices.Equal(got, []sqlname.Part{quoted("a.b"), plain(`"c"`)}) {
		t.Errorf("got %v %v", got, ok)
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern sqlname.Part
		name    string
		want    bool
	}{
		{sqlname.Part{Text: "order*"}, "order_items", true},
		{sqlname.Part{Text: "order*"}, "my_orders", false},
		{sqlname.Part{Text: "*"}, "a/b", true},
		{sqlname.Part{Text: "a*c"}, "a/b/c", true},
		{sqlname.Part{Text: "a?"}, "ab", false},
		{sqlname.Part{Text: "a?"}, "a?", true},
		{sqlname.Part{Text: "a[b]"}, "ab", false},
		{sqlname.Part{Text: "a[b]"}, "a[b]", true},
		{sqlname.Part{Text: `a\*`}, `a\b`, true},
		{sqlname.Part{Text: "sel*ect", Quoted: true}, "selfect", false},
		{sqlname.Part{Text: "sel*ect", Quoted: true}, "sel*ect", true},
		{sqlname.Part{Text: "Orders"}, "orders", false},
	} {
		if got := c.pattern.Match(c.name); got != c.want {
			t.Errorf("%+v and %q: got %v", c.pattern, c.name, got)
		}
	}
}

// FuzzPart: what Part writes is read back as itself, and stands for itself alone.
func FuzzPart(f *testing.F) {
	for _, s := range []string{"orders", "", "a.b", `a"b`, "we`ird", "sel*ect", "表", `a\b`, "a[b]?", "\xff"} {
		f.Add(s, "x")
	}
	f.Fuzz(func(t *testing.T, name, other string) {
		for _, m := range []sqlname.Mark{double, back} {
			text := m.Part(name) + "." + m.Part(other)
			parts, ok := m.Split(text)
			if !ok || len(parts) != 2 || parts[0].Text != name || parts[1].Text != other {
				t.Fatalf("%q of %q and %q is read as %v", text, name, other, parts)
			}
			// A slash and a zero byte stand for each other, and path.Match takes bytes that are no UTF-8 for one another.
			if strings.ContainsAny(name+other, "\x00/") || strings.ToValidUTF8(name+other, "") != name+other {
				continue
			}
			if !parts[0].Match(name) || name != other && parts[0].Match(other) {
				t.Fatalf("%q matches what it should not, or not itself: %q, %q", text, name, other)
			}
		}
	})
}
