package hbase

import (
	"slices"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/typedoc"
	"github.com/towpath/towpath/record"
)

// typeDocs is the table of encodings.
func typeDocs() []connector.TypeDoc {
	var out []connector.TypeDoc
	for _, e := range slices.Concat(encodings, phoenixEncodings) {
		out = append(out, connector.TypeDoc{From: e.name, To: e.typ.String(), Note: encodingNotes[e.name]})
	}
	for _, t := range typedoc.Logical() {
		if e, err := encodingOf(textPrefix+t.String(), ""); err == nil {
			out = append(out, connector.TypeDoc{From: e.name, To: e.typ.String()})
		}
	}
	for _, t := range typedoc.Logical() {
		d := connector.TypeDoc{From: t.String(), To: usual(t), Made: true}
		if as, err := encodingOf(d.To, ""); err != nil {
			d.To, d.Note = "–", "refused: name the type json or text for it"
		} else if as.typ.String() != t.String() && as.typ.Kind != t.Kind {
			d.Note = "as " + as.typ.String()
		}
		out = append(out, d)
	}
	return append(out, connector.TypeDoc{From: restNative, To: (&record.Type{Kind: record.JSON}).String(),
		Note: `by family and qualifier; a value that is no UTF-8 is {"$base64": ...}`})
}

var encodingNotes = map[string]string{
	"string":  "UTF-8; other bytes are dirty (UTF8)",
	"boolean": "0 is false, −1 and 1 are true; others are dirty (TYPE)",
	"decimal": "Java's BigDecimal: scale, then unscaled value",
	"short":   "big-endian, as all numbers; another length is dirty (TYPE)",

	"phoenix_boolean":            "0 and 1; others are dirty (TYPE)",
	"phoenix_tinyint":            "its sign turned over, as in all but Phoenix's unsigned types; an empty value is NULL",
	"phoenix_unsigned_tinyint":   "0 and more; others are dirty, TYPE when read, RANGE when written",
	"phoenix_decimal":            "up to 38 digits, between 1e-126 and 1e126; written with more is dirty (SCALE, RANGE), bytes that Phoenix does not write are (TYPE)",
	"phoenix_float":              "NaN is written in one form",
	"phoenix_date":               "a moment in ms, as Phoenix keeps it: SQL's DATE has a time of day there",
	"phoenix_timestamp":          "ms, and 4 bytes of ns",
	"phoenix_unsigned_timestamp": "from 1970 on, as unsigned_date and unsigned_time",
}
