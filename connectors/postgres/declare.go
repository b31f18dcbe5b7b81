package postgres

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// declaration is the type of a column of a table that is made.
type declaration struct {
	columnType
	collation string // as it stands in DDL; "": the database's
	fold      string // why it takes different values for equal; "": it does not
	loss      string // what it does not keep
	note      string
}

// declare finds for each field the type that holds it best. What the source's own declaration means here is kept when it reads as the
// very type that is wanted: jsonb, citext, an enum, varchar(10), interval day to second(3).
func (s *session) declare(fields []record.Field) ([]declaration, error) {
	natives := make([]string, len(fields))
	for i, f := range fields {
		natives[i], _ = safeType(f.Native)
	}
	found, err := s.probe(natives)
	if err != nil {
		return nil, err
	}
	out, texts := make([]declaration, len(fields)), make([]string, len(fields))
	geometry := ""
	for i := range fields {
		f := &fields[i]
		if ct := found[i]; ct != nil && reflect.DeepEqual(ct.logical, f.Type) {
			out[i].columnType = *ct
			continue
		}
		if f.Type.Kind == record.Geometry && geometry == "" {
			if geometry, err = s.geometryType(); err != nil {
				return nil, err
			}
		}
		texts[i], out[i].loss = declareType(f.Type, geometry)
	}
	if found, err = s.probe(texts); err != nil {
		return nil, err
	}
	for i := range fields {
		switch {
		case texts[i] == "":
		case found[i] == nil:
			return nil, connector.Errorf(connector.Other, "TOW-750", "declare column %s: the server does not know its own type %s", fields[i].Name, texts[i])
		default:
			out[i].columnType = *found[i]
		}
	}
	return out, s.collations(fields, out, texts)
}

// collations keeps those of the source that the database has, for columns that keep the source's declaration.
func (s *session) collations(fields []record.Field, out []declaration, changed []string) error {
	deterministic := "true"
	if s.version >= 120000 {
		deterministic = "c.collisdeterministic"
	}
	var known map[string]bool
	for i := range fields {
		d := &out[i]
		if d.info.row != nil && d.info.row.name == "citext" {
			d.fold = "citext"
		}
		if fields[i].Collation == "" || d.logical.Kind != record.Text {
			continue
		}
		if known == nil {
			rows, err := s.query("SELECT " + collationName + ", " + deterministic + " FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace " +
				"WHERE c.collencoding IN (-1, (SELECT encoding FROM pg_database WHERE datname = current_database()))")
			if err != nil {
				return err
			}
			known = make(map[string]bool, len(rows))
			for _, r := range rows {
				known[r[0].text] = r[1].bool()
			}
		}
		switch exact, there := known[fields[i].Collation]; {
		case changed[i] != "" || !there:
			d.note = fmt.Sprintf("%s compares by the database's collation, not by %s", fields[i].Name, fields[i].Collation)
		default:
			if d.collation = fields[i].Collation; !exact {
				d.fold = d.collation
			}
		}
	}
	return nil
}

// collationName writes a collation as the catalog of columns does.
const collationName = "CASE WHEN n.nspname = 'pg_catalog' THEN quote_ident(c.collname) ELSE quote_ident(n.nspname) || '.' || quote_ident(c.collname) END"

// probe finds out what texts of types mean to the server; nil: it knows no such type. "" is left out. The texts are safe.
func (s *session) probe(texts []string) ([]*columnType, error) {
	distinct := slices.Compact(slices.Sorted(slices.Values(texts)))
	distinct = slices.DeleteFunc(distinct, func(t string) bool { return t == "" })
	keys, err := s.typeKeys(distinct)
	if err != nil {
		return nil, err
	}
	known := slices.DeleteFunc(slices.Clone(distinct), func(t string) bool { _, ok := keys[t]; return !ok })
	list := make([]typeKey, len(known))
	for i, t := range known {
		list[i] = keys[t]
	}
	types, err := s.types(list)
	if err != nil {
		return nil, classify(err, "describe types")
	}
	out := make([]*columnType, len(texts))
	for i, t := range texts {
		if at := slices.Index(known, t); at >= 0 {
			out[i] = &types[at]
		}
	}
	return out, nil
}

// typeKeys lets the server read types: all of them in one statement, or one by one when it refuses it.
func (s *session) typeKeys(texts []string) (map[string]typeKey, error) {
	keys := make(map[string]typeKey, len(texts))
	if len(texts) == 0 {
		return keys, nil
	}
	defs, err := s.prepare("SELECT NULL::"+strings.Join(texts, ", NULL::"), nil)
	if _, refused := errors.AsType[*serverError](err); refused {
		if len(texts) == 1 {
			return keys, nil
		}
		for _, t := range texts {
			one, err := s.typeKeys([]string{t})
			if err != nil {
				return nil, err
			}
			if key, ok := one[t]; ok {
				keys[t] = key
			}
		}
		return keys, nil
	}
	if err != nil || len(defs) != len(texts) {
		return keys, classify(err, "describe types")
	}
	oids := make([]uint32, len(defs))
	for i, d := range defs {
		keys[texts[i]], oids[i] = typeKey{d.Type, d.Mod}, d.Type
	}
	// Types of results that no column can have: record, unknown, anyarray.
	pseudo, err := s.query("SELECT oid FROM pg_type WHERE oid = ANY ($1) AND typtype = 'p'", oidsParam(oids))
	if err != nil {
		return nil, classify(err, "describe types")
	}
	for _, r := range pseudo {
		for t, key := range keys {
			if key.oid == r[0].oid() {
				delete(keys, t)
			}
		}
	}
	return keys, nil
}

// geometryType returns the type of PostGIS; "bytea" where the database does not have it.
func (s *session) geometryType() (string, error) {
	rows, err := s.query("SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'postgis'")
	if err != nil || len(rows) == 0 {
		return "bytea", classify(err, "look up extensions")
	}
	return quote(rows[0][0].text) + ".geometry", nil
}

// safeType takes the text of a type apart and puts it together again, so that nothing but the name of a type, its digits and brackets
// can be in it: it may come from a hostile server, and goes into a statement. ok is false for what is anything else.
func safeType(text string) (safe string, ok bool) {
	var b strings.Builder
	depth := 0
	for i := 0; i < len(text); {
		c := text[i]
		end := i + 1
		switch {
		case c == ' ':
		case c == '"':
			for end < len(text) && text[end] != '"' {
				end++
			}
			if end++; end > len(text) {
				return "", false
			}
		case word(c):
			for end < len(text) && word(text[end]) {
				end++
			}
		case c == '(' && depth == 0:
			depth++
		case c == ')' && depth == 1:
			depth--
		case (c == ',' || c == '-') && depth == 1:
		case c == '.' && depth == 0:
		case c == '[' && end < len(text) && text[end] == ']' && depth == 0:
			end++
		default:
			return "", false
		}
		b.WriteString(text[i:end])
		i = end
	}
	return b.String(), depth == 0 && b.Len() > 0
}

// word tells whether a character may stand in a bare word or number.
func word(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// Greatest parameters of the server's types.
const (
	mostCharacters = 10_485_760
	mostBits       = 83_886_080
	mostPrecision  = 1000
)

// declareType is the type of a column for a logical type, and what it does not keep of it. geometry is the type of geometries.
func declareType(t record.Type, geometry string) (text, loss string) {
	switch t.Kind {
	case record.Bool:
		return "boolean", ""
	case record.Int:
		return declareInt(t.Bits), ""
	case record.Uint:
		if t.Bits == 64 {
			return "numeric(20)", ""
		}
		return declareInt(t.Bits + 1), ""
	case record.Float:
		if t.Bits == 32 {
			return "real", ""
		}
		return "double precision", ""
	case record.Decimal:
		return declareDecimal(t), ""
	case record.Text:
		return declareText(t), ""
	case record.Bytes:
		return "bytea", ""
	case record.Date:
		return "date", ""
	case record.Time:
		if t.Limits != nil && t.Limits[0] >= timeLimits[0] && t.Limits[1] <= timeLimits[1] {
			return fmt.Sprintf("time(%d)", min(t.Precision, mostFraction)), ""
		}
		return "interval", ""
	case record.Datetime:
		return fmt.Sprintf("timestamp(%d)", min(t.Precision, mostFraction)), ""
	case record.Instant:
		return fmt.Sprintf("timestamp(%d) with time zone", min(t.Precision, mostFraction)), ""
	case record.Interval:
		return "interval", ""
	case record.Year:
		return "smallint", ""
	case record.UUID:
		return "uuid", ""
	case record.JSON:
		return "json", ""
	}
	return declareOther(t, geometry)
}

// declareInt is the narrowest type of whole numbers of so many bits, sign included.
func declareInt(bits int) string {
	switch {
	case bits <= 16:
		return "smallint"
	case bits <= 32:
		return "integer"
	}
	return "bigint"
}

func declareOther(t record.Type, geometry string) (text, loss string) {
	switch t.Kind {
	case record.List:
		return declareList(t, geometry)
	case record.Enum:
		return "text", "any text is held: the labels are not enforced"
	case record.Set:
		return "text[]", "any list of texts is held: the labels are not enforced"
	case record.Bit:
		if t.Bits >= 1 && t.Bits <= mostBits {
			return fmt.Sprintf("bit(%d)", t.Bits), ""
		}
		return "bit varying", ""
	case record.Geometry:
		if geometry == "bytea" {
			return geometry, "kept as the bytes of EWKB: the database has no PostGIS"
		}
		return geometry, ""
	case record.Native:
		return "text", "kept as the text of " + t.Name
	}
	return "text", "kept as text"
}

// declareList is an array, or JSON for lists of what no array holds.
func declareList(t record.Type, geometry string) (text, loss string) {
	if t.Elem == nil || t.Elem.Kind == record.List || t.Elem.Kind == record.Set || t.Elem.Kind == record.Document {
		return "json", "kept as a JSON array"
	}
	elem, loss := declareType(*t.Elem, geometry)
	return elem + "[]", loss
}

func declareDecimal(t record.Type) string {
	precision, scale := t.Precision, t.Scale
	switch {
	case scale < 0:
		precision, scale = precision-scale, 0
	case scale > precision:
		precision = scale
	}
	if t.Precision < 1 || precision > mostPrecision {
		return "numeric"
	}
	return fmt.Sprintf("numeric(%d,%d)", precision, scale)
}

func declareText(t record.Type) string {
	switch {
	case t.Length < 1 || t.Length > mostCharacters || t.Unit == record.Octets:
		return "text"
	case t.Fixed:
		return fmt.Sprintf("character(%d)", t.Length)
	}
	return fmt.Sprintf("character varying(%d)", t.Length)
}

// refuseDocuments refuses fields that no column of a table holds as what they are.
func refuseDocuments(s *record.Schema) error {
	for _, f := range s.Fields {
		if f.Type.Kind == record.Document {
			return connector.Errorf(connector.Config, "TOW-751", "column %q is a document, which no column of a table holds as it is", f.Name).
				WithHint("Name the type json for it, or pick its fields as columns.")
		}
	}
	return nil
}
