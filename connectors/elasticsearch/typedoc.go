package elasticsearch

import (
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/typedoc"
)

// typeDocs is the field that each logical type gets on a server that has all field types.
func typeDocs() []connector.TypeDoc {
	var out []connector.TypeDoc
	for _, t := range typedoc.Logical() {
		esType := defaultType(t, server{unsignedLong: true})
		d := connector.TypeDoc{From: t.String(), To: esType, Made: true}
		if f := makeField(t, esType); f != nil {
			d.Note = strings.Join(slices.Concat(f.losses, f.notes), "; ")
		}
		if esType == "" {
			d.To, d.Note = "refused", "name a field type under columns"
		}
		out = append(out, d)
	}
	return out
}
