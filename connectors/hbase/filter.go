package hbase

import (
	"fmt"
	"strings"

	"github.com/tsuna/gohbase/filter"
	"github.com/tsuna/gohbase/pb"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// comparisons are those that the server makes of a cell's bytes.
var comparisons = map[string]filter.CompareType{"=": filter.Equal, "!=": filter.NotEqual, "<": filter.Less, "<=": filter.LessOrEqual, ">": filter.Greater, ">=": filter.GreaterOrEqual}

// conditions is what the server has to find in a row.
type conditions struct {
	filter  *pb.Filter // nil: nothing
	columns []columnName
}

// newConditions makes the server's filter of those of the job. A row without the column does not fit, nor does one whose newest value is another.
func newConditions(list []Condition, family string) (conditions, error) {
	var c conditions
	all := filter.NewList(filter.MustPassAll)
	for i, one := range list {
		at := fmt.Sprintf("source.options.filter.%d", i)
		column, ok := parseColumn(one.Column, family)
		if !ok {
			return c, connector.Errorf(connector.Config, "TOW-813", "%q is no column", one.Column).At(at + ".column").WithHint("Write family:qualifier.")
		}
		value, err := one.bytes(at)
		if err != nil {
			return c, err
		}
		is, comparator := comparisons[one.Is], filter.Comparator(filter.NewBinaryComparator(filter.NewByteArrayComparable(value)))
		if one.Is == "there" { // a value that no comparison with nothing refuses
			is, comparator = filter.GreaterOrEqual, filter.NewBinaryComparator(filter.NewByteArrayComparable(nil))
		}
		all.AddFilters(filter.NewSingleColumnValueFilter([]byte(column.family), []byte(column.qualifier), is, comparator, true, true))
		c.columns = append(c.columns, column)
	}
	if len(list) == 0 {
		return c, nil
	}
	var err error
	c.filter, err = all.ConstructPBFilter()
	return c, err
}

// bytes is the condition's value as cells have it.
func (c Condition) bytes(at string) ([]byte, error) {
	name := c.Encoding
	if name == "" {
		name = "string"
	}
	as, err := encodingOf(name, at+".encoding")
	if err != nil {
		return nil, err
	}
	refuse := func(where, format string, args ...any) error {
		return connector.Errorf(connector.Config, "TOW-814", format, args...).At(at + where)
	}
	switch {
	case c.Is == "there" && c.Value != "":
		return nil, refuse(".value", "a column that is to be there is not compared with %q", c.Value)
	case c.Is == "there":
		return nil, nil
	case as.name == "decimal":
		return nil, refuse(".encoding", "the server compares bytes, and equal decimals may have others")
	case c.Is != "=" && c.Is != "!=" && as.name != "string" && as.name != "bytes" && !strings.HasPrefix(as.name, phoenixPrefix):
		return nil, refuse(".is", "the server compares bytes, whose order is not that of %s", as.name)
	case as.name == "bytes":
		return unescapeOption(c.Value, at+".value")
	}
	v := record.NewVector(as.typ.Form())
	if code := record.AppendParsed(v, &as.typ, []byte(c.Value)); code != "" {
		return nil, refuse(".value", "%q is no %s (%s)", c.Value, as.name, code)
	}
	if as.fits != nil {
		if code, why := as.fits(&as.typ, v, 0); code != "" {
			return nil, refuse(".value", "%q is no %s: %s", c.Value, as.name, why)
		}
	}
	return (&outColumn{typ: &as.typ, as: as}).append(nil, v, 0), nil
}
