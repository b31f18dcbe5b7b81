package record_test

import (
	"testing"

	"github.com/towpath/towpath/record"
)

// null stands for a NULL cell in the lists of texts below.
const null = "\x00null"

// typed parses a type's name.
func typed(t testing.TB, name string) record.Type {
	t.Helper()
	typ, err := record.ParseType(name)
	if err != nil {
		t.Fatal(err)
	}
	return typ
}

// column makes a vector from text forms.
func column(t testing.TB, typ record.Type, texts ...string) *record.Vector {
	t.Helper()
	v := record.NewVector(typ.Form())
	for _, text := range texts {
		if text == null {
			v.AppendNull()
		} else if code := record.AppendParsed(v, &typ, []byte(text)); code != "" {
			t.Fatalf("parse %q as %s: %s", text, typ, code)
		}
	}
	return v
}

// texts returns the text forms of a vector.
func texts(typ record.Type, v *record.Vector) []string {
	out := make([]string, 0, v.Len)
	for i := range v.Len {
		if v.Null(i) {
			out = append(out, null)
		} else {
			out = append(out, string(record.AppendText(nil, &typ, v, i)))
		}
	}
	return out
}

// table makes a batch of columns.
func table(t testing.TB, types []record.Type, rows ...[]string) *record.Batch {
	t.Helper()
	s := new(record.Schema)
	for i, typ := range types {
		s.Fields = append(s.Fields, record.Field{Name: string(rune('a' + i)), Type: typ, Nullable: true})
	}
	b := record.NewBatch(s)
	for _, row := range rows {
		for i := range types {
			if row[i] == null {
				b.Cols[i].AppendNull()
			} else if code := record.AppendParsed(b.Cols[i], &types[i], []byte(row[i])); code != "" {
				t.Fatalf("parse %q as %s: %s", row[i], types[i], code)
			}
		}
		b.Len++
	}
	return b
}
