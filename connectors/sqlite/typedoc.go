package sqlite

import (
	"maps"
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/typedoc"
	"github.com/towpath/towpath/record"
)

// typeDocs is the table of declared types, and what is declared for logical types.
func typeDocs() []connector.TypeDoc {
	var out []connector.TypeDoc
	read := func(decl string) {
		if t, ok := readType(decl); ok {
			out = append(out, connector.TypeDoc{From: decl, To: t.String()})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		switch named[name].Kind {
		case record.Decimal:
			read(name + "(12,2)")
		case record.Text, record.Bytes:
			read(name + "(40)")
		case record.Time, record.Datetime, record.Instant:
			read(name + "(3)")
		default:
			read(name)
		}
	}
	for _, decl := range []string{"INTEGER", "REAL", "TEXT", "VARCHAR(40)", "BLOB", "TEXT DECIMAL(40,10)", `TEXT enum("a","b")`, "BLOB list(int32)"} {
		read(decl)
	}
	out = append(out, connector.TypeDoc{From: "nothing declared", To: "by a sample of the values"})
	for _, t := range typedoc.Logical() {
		decl, _, note := declare(t)
		if t.Kind == record.Float {
			note = zeroLoss
		}
		if inner, quoted := strings.CutPrefix(decl, `"`); quoted {
			decl = strings.ReplaceAll(strings.TrimSuffix(inner, `"`), `""`, `"`)
		}
		out = append(out, connector.TypeDoc{From: t.String(), To: decl, Note: note, Made: true})
	}
	return out
}
