package hbase

import (
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// filling is what a column of a schema is filled from.
type filling int

const (
	fromColumn filling = iota
	fromKey
	fromRest
	fromTime
	fromFamily
	fromQualifier
	fromValue
)

// place is where the cells of a column of a schema come from.
type place struct {
	from filling
	as   encoding // fromColumn, fromKey
	part int      // fromKey: of the row key
}

// binding is where the cells of a table go in the batches of a frozen schema.
type binding struct {
	places  []place
	columns map[string]int // family, a zero byte, qualifier
	names   []columnName   // by place; the zero name where it is no column
	rest    bool           // other cells are kept
}

// bind reads a schema that this reader, or one of an earlier process, has made.
func (r *reader) bind(s *record.Schema) (*binding, error) {
	b := &binding{columns: map[string]int{}}
	special := map[string]filling{restNative: fromRest, timeNative: fromTime, familyNative: fromFamily, qualifierNative: fromQualifier, valueNative: fromValue}
	for i := range s.Fields {
		f := &s.Fields[i]
		at := place{from: special[f.Native], part: slices.IndexFunc(r.key.parts, func(p keyPart) bool { return p.name == f.Name })}
		b.rest = b.rest || at.from == fromRest
		var column columnName
		if at.from == fromColumn {
			name, _, _ := strings.Cut(f.Native, nativeNote)
			var err error
			if at.as, err = encodingOf(name, "source.options"); err != nil {
				return nil, err
			}
			if at.part >= 0 {
				at.from = fromKey
			} else if column, err = r.bindColumn(b, s, i); err != nil {
				return nil, err
			}
		}
		b.places, b.names = append(b.places, at), append(b.names, column)
	}
	return b, nil
}

// bindColumn notes which column of the table fills one of the schema.
func (r *reader) bindColumn(b *binding, s *record.Schema, i int) (columnName, error) {
	column := r.columnOf(s.Fields[i].Name)
	at := column.family + "\x00" + column.qualifier
	if other, twice := b.columns[at]; twice {
		return column, connector.Errorf(connector.Config, "TOW-813", "columns %s and %s are both %s", s.Fields[other].Name, s.Fields[i].Name, column.text("")).
			At("source.options.columns").WithHint("Read it once, and take it twice by the job's columns.")
	}
	b.columns[at] = i
	return column, nil
}

// columnOf is the column that is read under a name.
func (r *reader) columnOf(name string) columnName {
	for _, c := range r.options.Columns {
		if c.Name == name {
			name = c.Column
			break
		}
	}
	column, _ := parseColumn(name, r.options.Family) // it was parsed when the schema was made
	return column
}
