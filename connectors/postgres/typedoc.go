package postgres

import (
	"fmt"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/typedoc"
	"github.com/towpath/towpath/record"
)

// typeDocs is the table of types, and what is made for logical types in a database with PostGIS.
func typeDocs() []connector.TypeDoc {
	var out []connector.TypeDoc
	read := func(text string, t record.Type, note string) {
		out = append(out, connector.TypeDoc{From: text, To: t.String(), Note: note})
	}
	for _, r := range typeTable() {
		plain := typeMod{mod: -1, moneyScale: 2}
		switch note := ""; r.oid {
		case oidNumeric:
			read(r.name+"(12,2)", r.read(typeMod{mod: 12<<16 | 2 + 4}), note)
			read(r.name, r.read(plain), "NaN and infinities are marked NONFINITE")
		case oidVarchar, oidBpchar:
			read(fmt.Sprintf("%s(40)", r.name), r.read(typeMod{mod: 40 + 4}), note)
		case oidBit:
			read(r.name+"(8)", r.read(typeMod{mod: 8}), note)
		case oidDate, oidTimestamp, oidTimestamptz:
			read(r.name, r.read(plain), "infinities are marked INFTIME")
		case oidOID:
			read(r.name, r.read(plain), "refused, or the number: option oids")
		case 0:
			read(r.name, r.read(plain), "of the extension "+extensionOf(r.name))
		default:
			read(r.name, r.read(plain), note)
		}
	}
	out = append(out, connector.TypeDoc{From: "arrays of these", To: "list of the element's type"},
		connector.TypeDoc{From: "enums", To: "enum of the labels"}, connector.TypeDoc{From: "domains", To: "what they are made of"},
		connector.TypeDoc{From: "all others", To: record.Native.String(), Note: "the server's text"})
	for _, t := range typedoc.Logical() {
		text, loss := declareType(t, "geometry")
		if t.Kind == record.Document {
			text, loss = "refused", "name the type json for it"
		}
		out = append(out, connector.TypeDoc{From: t.String(), To: text, Note: loss, Made: true})
	}
	return out
}
