package postgres

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltable"
	"github.com/towpath/towpath/record"
)

func notARead(name string) error {
	return connector.Errorf(connector.Config, "TOW-735", "%s returns no rows: a query is one SELECT", name)
}

// describeQuery asks the server what columns an own SELECT has.
func (r *reader) describeQuery(s *session) error {
	r.query = strings.TrimSuffix(strings.TrimSpace(r.source.Query), ";")
	ranged := strings.Contains(r.query, sqltable.Marker)
	if ranged && len(r.source.Key) == 0 {
		return connector.Errorf(connector.Config, "TOW-735", "the query has %s but the job gives no key", sqltable.Marker).At("key")
	}
	if err := r.admit(s); err != nil {
		return classify(err, "read "+r.name)
	}
	if r.source.Where != "" || r.source.Columns != nil {
		if err := r.wrap(s); err != nil {
			return err
		}
	}
	defs, err := r.queryColumns(s, r.queryStatement(sqltable.Range{Part: sqltable.Whole}).SQL)
	if err != nil {
		return err
	}
	keys := make([]typeKey, len(defs))
	for i, d := range defs {
		keys[i] = typeKey{d.Type, d.Mod}
	}
	types, err := s.types(keys)
	if err != nil {
		return classify(err, "read "+r.name)
	}
	for i, d := range defs {
		c := column{info: types[i].info, mod: types[i].mod}
		c.Field = record.Field{Name: d.Name, Type: types[i].logical, Nullable: true, Native: types[i].text}
		if slices.Contains(r.source.Key, d.Name) && d.Table != 0 {
			if c.Nullable, err = s.nullable(d); err != nil {
				return classify(err, "read "+r.name)
			}
		}
		if slices.ContainsFunc(r.columns, func(o column) bool { return o.Name == d.Name }) {
			return connector.Errorf(connector.Config, "TOW-735", "two columns of the query are named %q: give one an alias", d.Name)
		}
		r.columns = append(r.columns, c)
	}
	if err := r.refuseOids(); err != nil {
		return err
	}
	if r.schema, err = schemaOf(r.columns, r.source.Key, true); err != nil || !ranged {
		return err
	}
	return r.queryKey(s)
}

// nullable tells whether the column of a table that a result column shows may be NULL.
func (s *session) nullable(d columnDef) (bool, error) {
	rows, err := s.query("SELECT NOT attnotnull FROM pg_attribute WHERE attrelid = $1 AND attnum = $2::int2", oidParam(d.Table), intParam(int64(d.Column)))
	if err != nil || len(rows) != 1 {
		return true, err
	}
	return rows[0][0].bool(), nil
}

// queryColumns prepares a statement for the sake of its columns.
func (r *reader) queryColumns(s *session, text string) ([]columnDef, error) {
	defs, err := s.prepare(text, nil)
	if err != nil {
		return nil, classifyRead(err, "read "+r.name)
	}
	if len(defs) == 0 {
		return nil, notARead(r.name)
	}
	return defs, nil
}

// queryStatement is the own SELECT over a range.
func (r *reader) queryStatement(rng sqltable.Range) sqltable.Statement {
	return r.sel.Key.Ranged(r.query, rng, dialect())
}

// queryFormats returns the forms of the columns of an own SELECT, and where those of its key are.
func (r *reader) queryFormats() (formats []uint16, keyAt []int) {
	for _, c := range r.columns {
		formats = append(formats, formatOf(c.info))
	}
	if len(r.key) > 0 {
		keyAt = r.schema.Key()
	}
	return formats, keyAt
}

// queryKey makes the key of an own SELECT with a range marker from the job's key.
func (r *reader) queryKey(s *session) error {
	for _, at := range r.schema.Key() {
		c := r.columns[at]
		refuse := func(why string) error {
			return connector.Errorf(connector.Config, "TOW-734", "column %q cannot be the key of a query: %s", c.Name, why).At("key").
				WithHint("Take a key of numbers, text, bytes, uuid, dates or times.")
		}
		if !queryKeyTypes(c.info) || formatOf(c.info) != keyFormat(c.info) {
			return refuse("it is " + c.Native)
		}
		if keyTag(c.info) == connector.TagText && c.info.labels == nil {
			exact, err := r.deterministic(s, c.Name)
			if err != nil {
				return classifyRead(err, "read "+r.name)
			}
			if !exact {
				return refuse("its collation takes different texts for equal")
			}
		}
		r.key = append(r.key, c)
		r.sel.Key = append(r.sel.Key, sqltable.Column{Name: c.Name, Quoted: quote(c.Name), Tag: keyTag(c.info), Operator: operatorIn("pg_catalog")})
	}
	return nil
}

// queryKeyTypes are those whose equal values are known to be equal here too, so that rows which the key does not tell apart are noticed.
func queryKeyTypes(i *typeInfo) bool {
	switch i.oid {
	case oidBool, oidInt2, oidInt4, oidInt8, oidFloat4, oidFloat8, oidNumeric, oidMoney, oidText, oidVarchar, oidBpchar, oidName, oidBytea, oidDate, oidTime,
		oidTimestamp, oidTimestamptz, oidUUID, oidBit:
		return true
	}
	return i.labels != nil
}

// deterministic asks whether the collation by which the server compares a result column tells all texts apart. The query runs for no row.
func (r *reader) deterministic(s *session, column string) (bool, error) {
	if s.version < 120000 {
		return true, nil
	}
	text := strings.ReplaceAll(r.query, sqltable.Marker, "false")
	rows, err := s.query("SELECT COLLATION FOR (q." + quote(column) + ") FROM (SELECT) one LEFT JOIN (" + text + "\n) q ON true LIMIT 1")
	if err != nil || len(rows) != 1 {
		return false, err
	}
	found, err := s.query("SELECT bool_and(c.collisdeterministic) FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace "+
		"WHERE $1 IN (quote_ident(c.collname), quote_ident(n.nspname) || '.' || quote_ident(c.collname), '\"' || c.collname || '\"')", textParam(rows[0][0].text))
	if err != nil || len(found) != 1 {
		return false, err
	}
	return found[0][0].bool(), nil
}

// distinct refuses a key of an own SELECT that two neighbours share: behind the first, the second could not be found again.
func (p *pager) distinct() error {
	p.previous, p.scratch = p.scratch, p.previous[:0]
	for i, k := range p.decoder.keys {
		if !p.decoder.present[i] {
			_, err := p.Last() // says that it is NULL
			return err
		}
		p.scratch = compared(p.scratch, p.key[i].info.oid, k)
	}
	if !bytes.Equal(p.previous, p.scratch) {
		return nil
	}
	return connector.Errorf(connector.Config, "TOW-739", "read %s: two rows have the same key", p.name).At("key").
		WithHint("A query with %s needs a key that tells its rows apart.", sqltable.Marker)
}

// compared appends what the server tells values apart by, behind its length: a character that is padded ends before its trailing blanks,
// zeros at the end of a numeric's fraction do not count, nor does the sign of a zero, and all NaN are one.
func compared(dst []byte, oid uint32, raw []byte) []byte {
	switch {
	case oid == oidBpchar:
		raw = bytes.TrimRight(raw, " ")
	case oid == oidNumeric && len(raw) >= 8:
		dst = append(dst, raw[:6]...)
		raw = raw[8:]
	case oid == oidFloat8 && len(raw) == 8:
		if x := math.Float64frombits(binary.BigEndian.Uint64(raw)); x == 0 || x != x {
			return fmt.Append(dst, x+0)
		}
	case oid == oidFloat4 && len(raw) == 4:
		if x := math.Float32frombits(binary.BigEndian.Uint32(raw)); x == 0 || x != x {
			return fmt.Append(dst, x+0)
		}
	}
	return append(binary.AppendUvarint(dst, uint64(len(raw))), raw...)
}

// wrap puts the job's columns and condition around an own SELECT; the marker must stay where it is, so both exclude each other.
func (r *reader) wrap(s *session) error {
	if strings.Contains(r.query, sqltable.Marker) {
		return connector.Errorf(connector.Config, "TOW-735", "a query with %s takes no where and no columns: write them into the query", sqltable.Marker)
	}
	list := "*"
	if r.source.Columns != nil {
		all, err := r.queryColumns(s, r.query)
		if err != nil {
			return err
		}
		var items []string
		for _, name := range r.source.Columns {
			if !slices.ContainsFunc(all, func(d columnDef) bool { return d.Name == name }) {
				return connector.Errorf(connector.Missing, "TOW-712", "the query has no column %q", name)
			}
			items = append(items, quote(name))
		}
		list = strings.Join(items, ", ")
	}
	r.query = sqltable.Around(r.query, list, r.source.Where)
	return nil
}
