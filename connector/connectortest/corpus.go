package connectortest

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/towpath/towpath/record"
)

// Values returns texts of values that a type holds: its ends, zero, and what is known to be altered in passing. Those of a list
// have NULLs, two dimensions and lower bounds other than 1: where a store has no such lists, Suite.Values gives others.
func Values(t record.Type) []string {
	switch t.Kind {
	case record.Bool:
		return []string{"true", "false"}
	case record.Int:
		return []string{"0", "1", "-1", strconv.FormatInt(math.MaxInt64>>(64-t.Bits), 10), strconv.FormatInt(math.MinInt64>>(64-t.Bits), 10)}
	case record.Uint:
		return []string{"0", "1", strconv.FormatUint(math.MaxUint64>>(64-t.Bits), 10)}
	case record.Float:
		if t.Bits == 32 {
			return []string{"0", "1.5", "-0.1", "3.4028235e+38", "1.1754944e-38", "16777216"}
		}
		return []string{"0", "1.5", "-0.1", "1.7976931348623157e+308", "2.2250738585072014e-308", "9007199254740992", "0.30000000000000004"}
	case record.Decimal:
		return decimals(t)
	case record.Text:
		return texts(t)
	case record.Bytes:
		if t.Fixed {
			return []string{strings.Repeat("00", int(t.Length)), strings.Repeat("ff", int(t.Length)), strings.Repeat("5c", int(t.Length))}
		}
		return []string{"", "00", "ff", "00ff5c27220a", "c3"}
	case record.JSON:
		return []string{`{}`, `[1,"a",null,true]`, `{"a":{"b":"it's \"x\""}}`, `"text"`, `0`}
	case record.UUID:
		return []string{"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "0190c9f2-7b1a-7c3d-8e4f-001122334455"}
	case record.List:
		return lists(t)
	case record.Enum:
		return t.Labels
	case record.Set:
		return append([]string{"", strings.Join(t.Labels, ",")}, t.Labels...)
	case record.Interval:
		return []string{"PT0S", "P1Y2M3DT4H5M6.000007S", "P-1M"}
	case record.Bit:
		return []string{strings.Repeat("0", t.Bits), strings.Repeat("1", t.Bits), strings.Repeat("0", t.Bits-1) + "1"}
	case record.Geometry:
		return []string{"00000000" + "0101000000" + "000000000000f03f" + "0000000000000040"} // POINT(1 2)
	case record.Document:
		return []string{"0500000000", "0c0000001061000100000000"} // {} and {a: 1}
	case record.Native:
		return []string{"x"}
	case record.Date, record.Time, record.Datetime, record.Instant, record.Year:
		return moments(t)
	}
	return nil
}

// lists are made of the values of the elements.
func lists(t record.Type) []string {
	elem := t.Elem
	texts := Values(*elem)
	if len(texts) == 0 {
		return nil
	}
	b, v := record.NewListBuilder(elem), record.NewVector(record.FormBytes)
	add := func(dims, bounds []int32, elements ...int) { // places in texts; beyond them: NULL
		b.Begin(v, dims, bounds)
		for _, at := range elements {
			if at >= len(texts) || record.AppendParsed(b.Elem(), elem, []byte(texts[at])) != "" {
				b.Elem().AppendNull()
			}
			b.Next()
		}
		b.End()
	}
	all, first, last, null := make([]int, len(texts)), 0, len(texts)-1, len(texts)
	for i := range all {
		all[i] = i
	}
	add(nil, nil)
	add([]int32{1}, nil, null)
	add([]int32{int32(len(all))}, nil, all...)
	add([]int32{3}, nil, first, null, last)
	add([]int32{2, 2}, nil, first, last, null, first)
	add([]int32{1, 2, 1}, nil, last, first)
	add([]int32{2}, []int32{0}, first, last)
	add([]int32{2, 1}, []int32{-3, 5}, first, null)
	var out []string
	for i := range v.Len {
		out = append(out, string(record.AppendText(nil, &t, v, i)))
	}
	return out
}

func moments(t record.Type) []string {
	fraction := func(digits string) string {
		if t.Precision == 0 {
			return ""
		}
		return "." + (digits + "000000000")[:t.Precision]
	}
	zone := ""
	switch t.Kind {
	case record.Year:
		return []string{"1901", "2026", "2155"}
	case record.Date:
		return []string{"1970-01-01", "2026-02-28", "2024-02-29", "1969-12-31", "9999-12-31", "1001-01-01"}
	case record.Time:
		return []string{"00:00:00" + fraction("0"), "23:59:59" + fraction("999999999"), "01:02:03" + fraction("000001")}
	case record.Instant:
		zone = "Z"
		if t.Offset {
			zone = "+02:00"
		}
	}
	return []string{"1970-01-02 00:00:00" + fraction("0") + zone, "2026-03-29 02:30:00" + fraction("123456789") + zone,
		"2037-12-31 23:59:59" + fraction("999999999") + zone, "2000-02-29 12:00:00" + fraction("000001") + zone}
}

func decimals(t record.Type) []string {
	if t.Precision == 0 {
		return []string{"0", "12.50", "-0.001", strings.Repeat("9", 30) + ".125"}
	}
	all := func(digit string) string {
		whole := strings.Repeat(digit, t.Precision-t.Scale)
		if whole == "" {
			whole = "0"
		}
		if t.Scale == 0 {
			return whole
		}
		return whole + "." + strings.Repeat(digit, t.Scale)
	}
	zero := "0"
	if t.Scale > 0 {
		zero += "." + strings.Repeat("0", t.Scale)
	}
	values := []string{zero, all("9"), "-" + all("9"), all("1")}
	if t.Scale > 0 {
		values = append(values, fmt.Sprintf("-0.%0*d", t.Scale, 1))
	}
	return values
}

func texts(t record.Type) []string {
	values := []string{"", "a", "it's", "a\\b", "%_", "tab\tline\nend\r\n", "Grüße", "日本語", "🚣‍♀️", "e\u0301", "NULL", " space ", "\u00a0"}
	if t.Length == 0 {
		return append(values, strings.Repeat("x", 70_000))
	}
	kept := values[:0]
	for _, v := range values {
		if t.Fixed && strings.TrimRight(v, " ") != v {
			continue // trailing spaces of a fixed text are padding
		}
		if int64(len(v)) <= t.Length {
			kept = append(kept, v)
		}
	}
	return append(kept, strings.Repeat("y", int(t.Length)))
}
