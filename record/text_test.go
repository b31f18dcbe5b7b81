package record_test

import (
	"math"
	"testing"

	"github.com/towpath/towpath/record"
)

// Each text is read and written again; want is what comes back, the same text when empty, or the code.
var textCases = []struct {
	typ, text, want string
	code            record.Code
}{
	{"bool", "true", "", ""}, {"bool", "F", "false", ""}, {"bool", "2", "", record.WrongType},
	{"int8", "-128", "", ""}, {"int8", "128", "", record.Range}, {"int16", "+5", "5", ""}, {"int64", "007", "7", ""},
	{"int24", "8388608", "", record.Range}, {"int24", "-8388608", "", ""},
	{"int64", "9223372036854775807", "", ""}, {"int64", "9223372036854775808", "", record.Range},
	{"int64", "-9223372036854775808", "", ""}, {"int64", "-9223372036854775809", "", record.Range},
	{"int64", "99999999999999999999999", "", record.Range},
	{"int32", "1e3", "", record.WrongType}, {"int32", "1,234", "", record.WrongType}, {"int32", " 5 ", "", record.WrongType},
	{"int32", "", "", record.WrongType}, {"int32", "1.5", "", record.Scale}, {"int32", "1.0", "1", ""},
	{"int32", "NaN", "", record.NonFinite}, {"int32", "-", "", record.WrongType}, {"int32", ".", "", record.WrongType},
	{"uint64", "18446744073709551615", "", ""}, {"uint64", "18446744073709551616", "", record.Range},
	{"uint8", "-1", "", record.Range}, {"uint8", "-0", "0", ""},
	{"year", "0000", "", ""}, {"year", "1901", "", ""}, {"year", "1900", "", record.Range}, {"year", "2156", "", record.Range},
	{"float64", "0.1", "", ""}, {"float64", "0.10000000000000001", "0.1", ""}, {"float64", "-0", "", ""},
	{"float64", "1.7976931348623157e308", "1.7976931348623157e+308", ""}, {"float64", "5e-324", "", ""},
	{"float64", "2.2250738585072014e-308", "", ""}, {"float64", "1e400", "", record.Range}, {"float64", "1e-400", "", record.Range},
	{"float64", "9007199254740993", "", record.Scale}, {"float64", "9007199254740992", "", ""},
	{"float64", "0.1234567890123456789", "", record.Scale}, {"float64", "10000000004804246123492352860073341485056", "1.0000000004804246e+40", ""}, {"float64", "NaN", "", ""}, {"float64", "-inf", "-Infinity", ""},
	{"float64", "1000000", "", ""}, {"float64", "1e21", "1e+21", ""}, {"float64", "0.0000001", "1e-7", ""},
	{"float32", "16777216", "", ""}, {"float32", "16777217", "", record.Scale}, {"float32", "123456.79", "", ""},
	{"float32", "0.1", "", ""}, {"float32", "3.5e38", "", record.Range}, {"float32", "x", "", record.WrongType},
	{"decimal(10,2)", "12.5", "12.50", ""}, {"decimal(10,2)", "1.005", "", record.Scale},
	{"decimal(10,2)", "123456789.999", "", record.Range}, {"decimal(10,2)", "-0.01", "", ""}, {"decimal(10,2)", "1e3", "1000.00", ""},
	{"decimal(10,5)", "-0.00001", "", ""}, {"decimal(2,0)", "100", "", record.Range}, {"decimal(10,2)", "NaN", "", record.NonFinite},
	{"decimal(5,-2)", "12300", "", ""}, {"decimal(5,-2)", "12345", "", record.Scale}, {"decimal(2,5)", "0.00012", "", ""},
	{"decimal(38,0)", "99999999999999999999999999999999999999", "", ""},
	{"decimal(38,0)", "100000000000000000000000000000000000000", "", record.Range},
	{"decimal(38,38)", "-0.99999999999999999999999999999999999999", "", ""},
	{"decimal(20,0)", "18446744073709551615", "", ""},
	{"decimal(65,30)", "99999999999999999999999999999999999.999999999999999999999999999999", "", ""},
	{"decimal(65,30)", "1.5", "1.500000000000000000000000000000", ""}, {"decimal(65,30)", "1e-31", "", record.Scale},
	{"decimal(65,30)", "1e35", "", record.Range}, {"decimal(65,30)", "-0", "0.000000000000000000000000000000", ""},
	{"decimal", "0.1000", "", ""}, {"decimal", "1e-20", "0.00000000000000000001", ""}, {"decimal", "-000.50", "-0.50", ""},
	{"decimal", "1e40", "10000000000000000000000000000000000000000", ""}, {"decimal", "1e999999", "", record.Range},
	{"decimal", "-0.00", "0.00", ""}, {"decimal", "1.5e1", "15", ""}, {"decimal", "12.345e1", "123.45", ""},
	{"text", "a\x00b", "", ""}, {"text", "a\xffb", "", record.UTF8}, {"text(3)", "äöü", "", ""}, {"text(3)", "abc ", "", record.Trunc},
	{"text(3 bytes)", "äö", "", record.Trunc}, {"text(2 utf16)", "🦀", "", ""}, {"text(1 utf16)", "🦀", "", record.Trunc},
	{"text(1)", "🦀", "", ""}, {"text", "e\u0308", "", ""},
	{"bytes", "00ff7f00", "", ""}, {"bytes", "0", "", record.WrongType}, {"bytes", "0G", "", record.WrongType},
	{"bytes(2)", "00ff7f", "", record.Trunc}, {"bytes(8 fixed)", "dead", "", record.Shape}, {"bytes", "DEAD", "dead", ""},
	{"date", "2026-01-02", "", ""}, {"date", "-0043-03-15", "", ""}, {"date", "0000-02-29", "", ""}, {"date", "294276-12-31", "", ""},
	{"date", "2026-00-15", "", record.ZeroDate}, {"date", "0000-00-00", "", record.ZeroDate}, {"date", "2026-02-30", "", record.Range},
	{"date", "2026-13-01", "", record.Range}, {"date", "01/02/2026", "", record.WrongType}, {"date", "infinity", "", record.InfTime},
	{"date", "2026-1-2", "", record.WrongType}, {"date", "2026-01-02 ", "", record.WrongType}, {"date", "1900-02-29", "", record.Range},
	{"date", "99999999999-01-01", "", record.Range},
	{"time(0)", "-838:59:59", "", ""}, {"time(0)", "24:00:00", "", ""}, {"time(0)", "23:59:60", "", record.Range},
	{"time(6)", "-00:00:00.000001", "", ""}, {"time(9)", "00:00:00.123456789", "", ""}, {"time(3)", "00:00:00.1234", "", record.Scale},
	{"time(3)", "00:00:00.1230", "00:00:00.123", ""}, {"time(0)", "1:00:00", "", record.WrongType},
	{"time(0)", "9999999:00:00", "", record.Range}, {"time(0)", "00:00:00.", "", record.WrongType},
	{"datetime(6)", "2026-01-02 03:04:05.123456", "", ""}, {"datetime(6)", "2026-01-02T03:04:05", "2026-01-02 03:04:05.000000", ""},
	{"datetime(0)", "2026-12-31 23:59:59.6", "", record.Scale}, {"datetime(0)", "0001-01-01 00:00:00", "", ""},
	{"datetime(0)", "-0043-03-15 12:00:00", "", ""}, {"datetime(9)", "2026-12-31 23:59:59.999999999", "", ""},
	{"datetime(0)", "2026-06-00 10:00:00", "", record.ZeroDate}, {"datetime(0)", "2026-01-02 24:00:00", "", record.Range},
	{"datetime(0)", "2026-01-02 03:04:05Z", "", record.WrongType}, {"datetime(0)", "300000-01-01 00:00:00", "", record.Range},
	{"datetime(9)", "300000-01-01 00:00:00.000000000", "", ""}, {"datetime(0)", "-infinity", "", record.InfTime},
	{"datetime(0)", "2026-01-02", "", record.WrongType},
	{"instant(6)", "1969-12-31 23:59:59.999999Z", "", ""}, {"instant(0)", "2026-01-02 03:04:05+02:00", "2026-01-02 01:04:05Z", ""},
	{"instant(0)", "2026-01-02 03:04:05", "", record.WrongType},
	{"instant(3 offset)", "2018-07-13 12:23:45.456+11:00", "", ""}, {"instant(0 offset)", "1937-01-01 12:00:27+00:19:32", "", ""},
	{"instant(7 offset)", "9999-12-31 23:59:59.9999999+14:00", "", ""}, {"instant(0 offset)", "2026-01-02 03:04:05-0", "", record.WrongType},
	{"interval", "P1M1DT25H", "", ""}, {"interval", "P1Y2M", "", ""}, {"interval", "PT0S", "", ""}, {"interval", "P-1M2DT-0.5S", "", ""},
	{"interval", "P14M", "P1Y2M", ""}, {"interval", "PT90M", "PT1H30M", ""}, {"interval", "P1W", "P7D", ""},
	{"interval", "P", "", record.WrongType}, {"interval", "PT", "", record.WrongType}, {"interval", "P1H", "", record.WrongType},
	{"interval", "PT1.0000001S", "", record.Scale}, {"interval", "P99999999999Y", "", record.Range}, {"interval", "P1D1M", "", record.WrongType},
	{"uuid", "6f9619ff-8b86-d011-b42d-00c04fc964ff", "", ""}, {"uuid", "6F9619FF8B86D011B42D00C04FC964FF", "6f9619ff-8b86-d011-b42d-00c04fc964ff", ""},
	{"uuid", "6f9619ff-8b86-d011-b42d-00c04fc964f", "", record.WrongType}, {"uuid", "6f9619ff-8b86-d011-b42d-00c04fc964fg", "", record.WrongType},
	{"json", `{"b":1,"a":1.10,"a":2}`, "", ""}, {"json", `{`, "", record.WrongType}, {"json", "\"\xff\"", "", record.UTF8}, {"json", "", "", record.WrongType},
	{`enum("1","2","3")`, "2", "", ""}, {`enum("1","2")`, "", "", record.Range}, {"enum", "any", "", ""},
	{`set("a","b","c")`, "c,a,b,a", "a,b,c", ""}, {`set("a","b")`, "", "", ""}, {`set("a","b")`, "a,x", "", record.Range},
	{"bit(10)", "1000000011", "", ""}, {"bit(10)", "101", "", record.Shape}, {"bit(2)", "12", "", record.WrongType},
	{"bit(64)", "1111111111111111111111111111111111111111111111111111111111111111", "", ""},
	{"bit(70)", "1000000000000000000000000000000000000000000000000000000000000000000011", "", ""},
	{"geometry", "000010e60101000000", "", ""}, {"document", "0500000000", "", ""}, {"native(inet)", "::ffff:10.0.0.1", "", ""},
	{"list", "[]", "", record.WrongType}, {"native(x)", "\xff", "", record.UTF8},
}

func TestTextForms(t *testing.T) {
	t.Parallel()
	for _, tt := range textCases {
		typ := typed(t, tt.typ)
		v := record.NewVector(typ.Form())
		if got := record.AppendParsed(v, &typ, []byte(tt.text)); got != tt.code {
			t.Errorf("parse %q as %s: code %q, want %q", tt.text, tt.typ, got, tt.code)
			continue
		}
		if tt.code != "" {
			if v.Len != 0 || len(v.Data) != 0 {
				t.Errorf("parse %q as %s: %d cells, %d bytes left of a value that did not fit", tt.text, tt.typ, v.Len, len(v.Data))
			}
			continue
		}
		want := tt.want
		if want == "" {
			want = tt.text
		}
		if got := string(record.AppendText(nil, &typ, v, 0)); got != want {
			t.Errorf("%q as %s: text %q, want %q", tt.text, tt.typ, got, want)
		}
	}
}

func TestFloatBitsAreKept(t *testing.T) {
	t.Parallel()
	typ := typed(t, "float64")
	for _, x := range []float64{math.Copysign(0, -1), 5e-324, math.MaxFloat64, 0x1p-1022, 0.1, 1 << 53, math.Inf(-1), 0x1.fffffffffffffp-1023} {
		v := record.NewVector(typ.Form())
		v.AppendFloat64(x)
		text := record.AppendText(nil, &typ, v, 0)
		if code := record.AppendParsed(v, &typ, text); code != "" || math.Float64bits(v.Float64[1]) != math.Float64bits(x) {
			t.Errorf("%s: code %q, bits %x, want %x", text, code, math.Float64bits(v.Float64[len(v.Float64)-1]), math.Float64bits(x))
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	typ := typed(t, "instant(0)")
	typ.Limits = &[2]int64{1, math.MaxInt32}
	v := record.NewVector(typ.Form())
	for text, want := range map[string]record.Code{
		"1970-01-01 00:00:01Z": "", "2038-01-19 03:14:07Z": "", "1970-01-01 00:00:00Z": record.Range, "2039-01-01 00:00:00Z": record.Range,
	} {
		if got := record.AppendParsed(v, &typ, []byte(text)); got != want {
			t.Errorf("%s: code %q, want %q", text, got, want)
		}
	}
}
