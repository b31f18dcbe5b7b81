package mysql

import (
	"math"
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltable"
	"github.com/towpath/towpath/record"
)

// cutShort are warnings behind which a value of the result is not what the statement says: GROUP_CONCAT cut, a result above
// max_allowed_packet replaced by NULL, text that could not be converted.
var cutShort = []string{"1260", "1301", "1300", "1366", "1977", "3854"}

// warned looks at the warnings of a finished statement. Expressions of tables are ours and answer for themselves.
func (p *pager) warned(eof []byte) error {
	count := warningsOf(eof)
	if count == 0 || (p.table != nil && !p.table.view) {
		return nil
	}
	rows, err := p.session.query("SHOW WARNINGS")
	if err != nil {
		return err
	}
	for _, r := range rows {
		if slices.Contains(cutShort, r[1].text) {
			return connector.Errorf(connector.Config, "TOW-429", "read %s: the server changed values of the result: %s (%s)", p.name, r[2].text, r[1].text).
				WithHint("Write the query so that no value is cut, or raise the server's limit that the text names.")
		}
	}
	// The count ends at 65535, which is also the most that the server keeps.
	if count > len(rows) || count == math.MaxUint16 {
		return connector.Errorf(connector.Config, "TOW-429", "read %s: the server warned more often than it can list, perhaps of values that it changed", p.name).
			WithHint("Write the query so that it gives no warnings: SHOW WARNINGS lists them.")
	}
	return nil
}

func notARead(name string) error {
	return connector.Errorf(connector.Config, "TOW-435", "%s returns no rows: a query is one SELECT", name)
}

// describeQuery asks the server what columns an own SELECT has.
func (r *reader) describeQuery(s *session) error {
	r.query = strings.TrimSuffix(strings.TrimSpace(r.source.Query), ";")
	if strings.Contains(r.query, sqltable.Marker) && len(r.source.Key) == 0 {
		return connector.Errorf(connector.Config, "TOW-435", "the query has %s but the job gives no key", sqltable.Marker).At("key")
	}
	text := r.queryStatement(sqltable.Range{Part: sqltable.Whole}).SQL
	if r.source.Where != "" || r.source.Columns != nil {
		var err error
		if text, err = r.wrap(s, text); err != nil {
			return err
		}
	}
	st, err := r.queryColumns(s, text)
	if err != nil {
		return err
	}
	r.results = "utf8mb4"
	if onlyUTF8(st) {
		// Nothing needs a conversion, so the server shall make none.
		r.results = "NULL"
	}
	if st, err = r.queryColumns(s, text); err != nil {
		return err
	}
	for _, d := range st {
		f := record.Field{Name: d.Name, Type: ofDefinition(d), Nullable: d.Flags&flagNotNull == 0}
		if r.results == "NULL" && f.Type.Kind == record.Text {
			f.Type.Length = 0 // its unit is the bytes of a charset that is one of several
		}
		r.columns = append(r.columns, column{Field: f})
	}
	for i := range r.columns {
		if slices.ContainsFunc(r.columns[:i], func(c column) bool { return strings.EqualFold(c.Name, r.columns[i].Name) }) {
			return connector.Errorf(connector.Config, "TOW-435", "two columns of the query are named %q: give one an alias", r.columns[i].Name)
		}
	}
	if r.schema, err = schemaOf(r.columns, r.source.Key, true); err != nil || !strings.Contains(r.query, sqltable.Marker) {
		return err
	}
	return r.queryKey(st)
}

// queryColumns prepares a statement for the sake of its columns.
func (r *reader) queryColumns(s *session, text string) ([]columnDef, error) {
	if err := s.charset(r.results); err != nil {
		return nil, classify(err, "read "+r.name)
	}
	st, err := s.prepare(text)
	if err != nil {
		return nil, classify(err, "read "+r.name)
	}
	if err := s.closeStatement(st); err != nil {
		return nil, classify(err, "read "+r.name)
	}
	if len(st.columns) == 0 {
		return nil, notARead(r.name)
	}
	return st.columns, nil
}

// onlyUTF8 tells whether all text of a result is stored as UTF-8, by the numbers of its collations.
func onlyUTF8(defs []columnDef) bool {
	return !slices.ContainsFunc(defs, func(d columnDef) bool {
		return intWidth(d.Type) == 0 && !temporal(d.Type) && d.Charset != charsetBinary && !isUTF8(d.Charset)
	})
}

// isUTF8 tells whether a collation is of ascii, utf8mb3 or utf8mb4.
func isUTF8(id uint16) bool {
	switch {
	case id >= 2048:
		return id < 2560 // MariaDB's UCA 14: utf8mb3, from 2304 on utf8mb4; behind them UCS-2, UTF-16 and UTF-32
	case id >= 1024:
		id -= 1024 // MariaDB's collations without padding are 1024 above those with
	}
	switch id {
	case 11, 65, 33, 45, 46, 76, 83:
		return true
	}
	// The sorted ones of both servers, MySQL 8's utf8mb4 from 255 on, MariaDB's own from 576 on.
	return id >= 192 && id <= 247 || id >= 255 && id <= 323 || id >= 576 && id <= 578 || id >= 608 && id <= 610
}

// queryStatement is the own SELECT over a range.
func (r *reader) queryStatement(rng sqltable.Range) sqltable.Statement {
	return r.sel.Key.Ranged(r.query, rng, sqltable.Dialect{})
}

// queryKey makes the key of an own SELECT with a range marker from the job's key.
func (r *reader) queryKey(defs []columnDef) error {
	for _, at := range r.schema.Key() {
		c := r.columns[at]
		switch k := c.Type.Kind; {
		case k == record.Text && (r.results != "NULL" || !keepsApart(defs[at])):
			return connector.Errorf(connector.Config, "TOW-434", "column %q cannot be the key of a query: its text is not compared byte by byte", c.Name).At("key").
				WithHint("Take a key of numbers, bytes, or text whose collation is binary (_bin).")
		case k == record.JSON || k == record.Geometry:
			return connector.Errorf(connector.Config, "TOW-434", "column %q cannot be the key of a query: %s", c.Name, c.Type).At("key")
		}
		r.key = append(r.key, c)
		r.sel.Key = append(r.sel.Key, sqltable.Column{Name: c.Name, Quoted: quote(c.Name), Tag: keyTag(&c)})
	}
	return nil
}

// Binary collations of UTF-8: ascii_bin, utf8mb4_bin and utf8mb3_bin take trailing blanks for padding; MariaDB's ascii_nopad_bin,
// utf8mb4_nopad_bin and utf8mb3_nopad_bin and MySQL's utf8mb4_0900_bin do not.
var (
	paddedBinary = []uint16{65, 46, 83}
	exactBinary  = []uint16{1089, 1070, 1107, 309}
)

// keepsApart tells whether the server compares and orders text of a result column byte by byte. CHAR without padding is ordered
// as if padded where an index gives the order; ENUM and SET are ordered by their numbers.
func keepsApart(d columnDef) bool {
	if d.Flags&(flagEnum|flagSet) != 0 {
		return false
	}
	return slices.Contains(paddedBinary, d.Charset) || (slices.Contains(exactBinary, d.Charset) && d.Type != wireString)
}

func (r *reader) queryKeyAt() []int {
	if len(r.key) == 0 {
		return nil
	}
	return r.schema.Key()
}

// wrap puts the job's columns and condition around an own SELECT; the marker must stay where it is, so both exclude each other.
func (r *reader) wrap(s *session, text string) (string, error) {
	if strings.Contains(r.query, sqltable.Marker) {
		return "", connector.Errorf(connector.Config, "TOW-435", "a query with %s takes no where and no columns: write them into the query", sqltable.Marker)
	}
	list := "*"
	if r.source.Columns != nil {
		all, err := r.queryColumns(s, text)
		if err != nil {
			return "", err
		}
		var items []string
		for _, name := range r.source.Columns {
			if !slices.ContainsFunc(all, func(d columnDef) bool { return strings.EqualFold(d.Name, name) }) {
				return "", connector.Errorf(connector.Missing, "TOW-412", "the query has no column %q", name)
			}
			items = append(items, quote(name))
		}
		list = strings.Join(items, ", ")
	}
	r.query = sqltable.Around(text, list, r.source.Where)
	return r.query, nil
}
