package hbase

import (
	"cmp"
	"fmt"
	"math"
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
		tests, err := one.tests(at)
		if err != nil {
			return c, err
		}
		for _, t := range tests {
			// a row without the column does not pass, and the newest version alone counts
			all.AddFilters(filter.NewSingleColumnValueFilter([]byte(column.family), []byte(column.qualifier), t.is, filter.NewBinaryComparator(filter.NewByteArrayComparable(t.value)), true, true))
		}
		c.columns = append(c.columns, column)
	}
	if len(list) == 0 {
		return c, nil
	}
	var err error
	c.filter, err = all.ConstructPBFilter()
	return c, err
}

// test is what the server makes of a cell's bytes.
type test struct {
	is    filter.CompareType
	value []byte
}

// tests are what the condition says of the bytes of cells. Where a value may be written in more than one way it is refused, or all of them are meant.
func (c Condition) tests(at string) ([]test, error) {
	as, err := encodingOf(cmp.Or(c.Encoding, "string"), at+".encoding")
	if err != nil {
		return nil, err
	}
	var tests []test
	if as.emptyNull { // which no comparison with NULL is met by
		tests = append(tests, test{is: filter.NotEqual})
	}
	if c.Is == "there" {
		if c.Value != "" {
			return nil, connector.Errorf(connector.Config, "TOW-814", "a column that is to be there is not compared with %q", c.Value).At(at + ".value").WithHint("Leave the value out, or compare by =.")
		}
		return append(tests, test{is: filter.GreaterOrEqual}), nil // than nothing, which all bytes are
	}
	is := comparisons[c.Is]
	ordered := as.name == "string" || as.name == "bytes" || strings.HasPrefix(as.name, phoenixPrefix)
	switch {
	case as.name == "decimal", strings.HasPrefix(as.name, textPrefix), strings.HasSuffix(as.name, "timestamp"):
		return nil, connector.Errorf(connector.Config, "TOW-814", "the server compares bytes, and equal values of %s may have others", as.name).At(at + ".encoding").
			WithHint("Read all rows, or compare as string with the very text of the cells.")
	case is != filter.Equal && is != filter.NotEqual && !ordered:
		return nil, connector.Errorf(connector.Config, "TOW-814", "the server compares bytes, whose order is not that of %s", as.name).At(at + ".is").WithHint("Compare by = or !=.")
	case as.name == "bytes":
		value, err := unescapeOption(c.Value, at+".value")
		return append(tests, test{is, value}), err
	}
	v := record.NewVector(as.typ.Form())
	if code := record.AppendParsed(v, &as.typ, []byte(c.Value)); code != "" {
		return nil, connector.Errorf(connector.Config, "TOW-814", "%q is no %s (%s)", c.Value, as.name, code).At(at+".value").WithHint("Write it as the text of %s.", as.typ)
	}
	if as.fits != nil {
		if code, why := as.fits(&as.typ, v, 0); code != "" {
			return nil, connector.Errorf(connector.Config, "TOW-814", "%q is no %s: %s", c.Value, as.name, why).At(at + ".value").WithHint("Compare with another value.")
		}
	}
	switch {
	case as.typ.Kind == record.Float && (v.Float64[0] == 0 || math.IsNaN(v.Float64[0])):
		return nil, connector.Errorf(connector.Config, "TOW-814", "the server compares bytes, and %s has more than one form in them", c.Value).At(at + ".value").WithHint("Compare with another value.")
	case as.name == "boolean" && v.Bool(0): // whatever is not false
		is = map[filter.CompareType]filter.CompareType{filter.Equal: filter.NotEqual, filter.NotEqual: filter.Equal}[is]
		return append(tests, test{is, []byte{0}}), nil
	}
	return append(tests, test{is, (&outColumn{typ: &as.typ, as: as}).append(nil, v, 0)}), nil
}
