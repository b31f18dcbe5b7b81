package record_test

import (
	"testing"

	"github.com/towpath/towpath/record"
)

// What parses comes back as a text that parses to the same value; what does not leaves nothing behind.
func FuzzAppendParsed(f *testing.F) {
	for _, tt := range textCases {
		f.Add(tt.typ, []byte(tt.text))
	}
	f.Fuzz(func(t *testing.T, name string, text []byte) {
		typ, err := record.ParseType(name)
		if err != nil || typ.Bits > 1<<16 {
			return
		}
		v := record.NewVector(typ.Form())
		if code := record.AppendParsed(v, &typ, text); code != "" {
			if v.Len != 0 || len(v.Data) != 0 {
				t.Fatalf("%s %q: %s leaves %d cells and %d bytes", typ, text, code, v.Len, len(v.Data))
			}
			return
		}
		again := record.AppendText(nil, &typ, v, 0)
		if code := record.AppendParsed(v, &typ, again); code != "" {
			t.Fatalf("%s %q is written as %q, which is %s", typ, text, again, code)
		}
		if h := hashes(typ, v); h[0] != h[1] {
			t.Fatalf("%s %q comes back as another value from %q", typ, text, again)
		}
	})
}

func FuzzParseType(f *testing.F) {
	for _, name := range typeNames {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		typ, err := record.ParseType(name)
		if err != nil {
			return
		}
		again, err := record.ParseType(typ.String())
		if err != nil || again.String() != typ.String() {
			t.Fatalf("%q is %s, which is read as %s, %v", name, typ, again, err)
		}
	})
}
