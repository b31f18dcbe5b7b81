package record_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/record"
)

var castCases = []struct {
	from, to string
	decision record.Decision
	text     string
	want     string // text of the result
	code     record.Code
	raw      string // of the mark; the text itself when empty
}{
	{"uint64", "decimal(20,0)", record.Widening, "18446744073709551615", "18446744073709551615", "", ""},
	{"uint64", "int64", record.Checked, "18446744073709551615", "", record.Range, ""},
	{"uint64", "int64", record.Checked, "9223372036854775807", "9223372036854775807", "", ""},
	{"int8", "int64", record.Widening, "-128", "-128", "", ""}, {"int64", "int8", record.Checked, "128", "", record.Range, ""},
	{"int64", "uint8", record.Checked, "-1", "", record.Range, ""}, {"uint8", "int16", record.Widening, "255", "255", "", ""},
	{"int8", "bool", record.Checked, "1", "true", "", ""}, {"int8", "bool", record.Checked, "2", "", record.Range, ""},
	{"int8", "bool", record.Checked, "-1", "", record.Range, ""}, {"bool", "int8", record.Widening, "true", "1", "", ""},
	{"bit(1)", "bool", record.Widening, "1", "true", "", ""}, {"bit(10)", "uint16", record.Widening, "1000000011", "515", "", ""},
	{"uint16", "bit(10)", record.Checked, "515", "1000000011", "", ""}, {"uint16", "bit(10)", record.Checked, "1024", "", record.Range, ""},
	{"decimal(5,-2)", "uint8", record.Checked, "100", "100", "", ""}, {"decimal(5,-2)", "uint8", record.Checked, "300", "", record.Range, ""},
	{"bit(10)", "bit(12)", record.Refused, "", "", "", ""}, {"bit(70)", "uint64", record.Refused, "", "", "", ""},
	{"decimal(10,3)", "decimal(10,2)", record.Checked, "1.005", "", record.Scale, ""}, {"decimal(10,3)", "decimal(10,2)", record.Checked, "1.500", "1.50", "", ""},
	{"decimal(2,1)", "int32", record.Checked, "2.5", "", record.Scale, ""}, {"decimal(18,2)", "decimal(30,4)", record.Widening, "-1.25", "-1.2500", "", ""},
	{"decimal(30,4)", "decimal(18,2)", record.Checked, "99999999999999999.0000", "", record.Range, ""},
	{"decimal(30,0)", "uint64", record.Checked, "18446744073709551615", "18446744073709551615", "", ""},
	{"decimal(65,30)", "decimal(38,10)", record.Checked, "1.5", "1.5000000000", "", "1.500000000000000000000000000000"},
	{"decimal(38,10)", "decimal(65,30)", record.Widening, "1.5", "1.500000000000000000000000000000", "", ""},
	{"decimal", "decimal(10,2)", record.Checked, "0.1000", "0.10", "", ""}, {"decimal(10,2)", "decimal", record.Widening, "0.10", "0.10", "", ""},
	{"int64", "decimal(18,0)", record.Checked, "9223372036854775807", "", record.Range, ""}, {"int64", "decimal(19,0)", record.Widening, "-9223372036854775808", "-9223372036854775808", "", ""},
	{"int64", "decimal(20,18)", record.Checked, "99", "99.000000000000000000", "", ""}, {"int32", "decimal(12,2)", record.Widening, "7", "7.00", "", ""},
	{"int64", "float64", record.Checked, "9007199254740993", "", record.Scale, ""}, {"int64", "float64", record.Checked, "-9223372036854775808", "-9223372036854776000", "", ""},
	{"int32", "float64", record.Widening, "2147483647", "2147483647", "", ""}, {"int32", "float32", record.Checked, "16777217", "", record.Scale, ""},
	{"uint64", "float64", record.Checked, "18446744073709551615", "", record.Scale, ""}, {"uint32", "float64", record.Widening, "4294967295", "4294967295", "", ""},
	{"float64", "int64", record.Checked, "1.5", "", record.Scale, ""}, {"float64", "int64", record.Checked, "9223372036854775808", "", record.Range, "9223372036854776000"},
	{"float64", "int64", record.Checked, "1e+300", "", record.Range, ""}, {"float64", "int64", record.Checked, "1e-300", "", record.Scale, ""},
	{"float64", "int64", record.Checked, "NaN", "", record.NonFinite, ""}, {"float64", "decimal(10,2)", record.Checked, "Infinity", "", record.NonFinite, ""},
	{"float64", "decimal(10,2)", record.Checked, "0.1", "0.10", "", ""}, {"float64", "decimal(10,2)", record.Checked, "0.125", "", record.Scale, ""},
	{"float32", "int32", record.Checked, "67108872", "67108872", "", ""}, {"float32", "decimal(20,2)", record.Checked, "67108872", "67108872.00", "", ""},
	{"float64", "uint8", record.Checked, "255", "255", "", ""}, {"float64", "uint8", record.Checked, "256", "", record.Range, ""}, {"float64", "int8", record.Checked, "-128.5", "", record.Range, ""},
	{"float64", "float32", record.Checked, "0.1", "", record.Scale, ""}, {"float64", "float32", record.Checked, "1e+300", "", record.Range, ""},
	{"float64", "float32", record.Checked, "NaN", "NaN", "", ""}, {"float32", "float64", record.Widening, "0.5", "0.5", "", ""},
	{"decimal(10,2)", "float64", record.Checked, "0.10", "0.1", "", ""}, {"decimal(20,0)", "float64", record.Checked, "9007199254740993", "", record.Scale, ""},
	{"decimal(18,0)", "float64", record.Checked, "20000000000000010", "", record.Scale, ""}, {"decimal(18,0)", "float64", record.Checked, "20000000000000008", "20000000000000010", "", ""},
	{"year", "int16", record.Widening, "2026", "2026", "", ""}, {"int16", "year", record.Checked, "0", "0000", "", ""}, {"int16", "year", record.Checked, "1900", "", record.Range, ""},
	{"int64", "text(3)", record.Checked, "1234", "", record.Trunc, ""}, {"int64", "text(20)", record.Widening, "-9223372036854775808", "-9223372036854775808", "", ""},
	{"text(10)", "text(20)", record.Widening, "abc", "abc", "", ""}, {"text", "text(3)", record.Checked, "abc ", "", record.Trunc, ""},
	{"text(10)", "text(10 bytes)", record.Checked, "äöüäöü", "", record.Trunc, ""}, {"text(10)", "text(40 bytes)", record.Widening, "ä", "ä", "", ""},
	{"text(1)", "text(1 utf16)", record.Checked, "🦀", "", record.Trunc, ""}, {"text(5)", "text(5 fixed)", record.Checked, "ab ", "", record.Trunc, ""},
	{"text", "int32", record.Checked, "12x", "", record.WrongType, ""}, {"text", "date", record.Checked, "2026-00-15", "", record.ZeroDate, ""},
	{"text", "json", record.Checked, "{", "", record.WrongType, ""}, {"json", "text", record.Widening, `{"b":1,"a":1.10}`, `{"b":1,"a":1.10}`, "", ""},
	{"int32", "json", record.Widening, "5", "5", "", ""}, {"float64", "json", record.Checked, "NaN", "", record.NonFinite, ""},
	{"bytes", "text", record.Checked, "61ff62", "", record.UTF8, "a\xffb"}, {"bytes", "text", record.Checked, "6162", "ab", "", ""},
	{"text", "bytes", record.Widening, "ab", "6162", "", ""}, {"bytes", "bytes(1)", record.Checked, "6162", "", record.Trunc, "ab"},
	{"bytes", "bytes(8 fixed)", record.Checked, "dead", "", record.Shape, "\xde\xad"},
	{"bytes", "uuid", record.Checked, "6f9619ff8b86d011b42d00c04fc964ff", "6f9619ff-8b86-d011-b42d-00c04fc964ff", "", ""},
	{"bytes", "uuid", record.Checked, "61", "", record.Shape, "a"}, {"uuid", "bytes(16 fixed)", record.Widening, "6f9619ff-8b86-d011-b42d-00c04fc964ff", "6f9619ff8b86d011b42d00c04fc964ff", "", ""},
	{"text(36)", "uuid", record.Checked, "x", "", record.WrongType, ""}, {"uuid", "text(36)", record.Widening, "6f9619ff-8b86-d011-b42d-00c04fc964ff", "6f9619ff-8b86-d011-b42d-00c04fc964ff", "", ""},
	{`enum("a","b")`, `enum("b","a","c")`, record.Widening, "a", "a", "", ""}, {`enum("a","b")`, `enum("a")`, record.Checked, "b", "", record.Range, ""},
	{"text", `enum("a")`, record.Checked, "zzz", "", record.Range, ""}, {`enum("1","2")`, "int32", record.Refused, "", "", "", ""},
	{`set("a","b")`, "text", record.Widening, "b,a", "a,b", "", ""}, {`set("a","b")`, `set("b","a")`, record.Checked, "a,b", "b,a", "", ""},
	{"native(inet)", "text", record.Widening, "::1", "::1", "", ""}, {"native(inet)", "native(cidr)", record.Refused, "", "", "", ""},
	{"date", "datetime(6)", record.Checked, "2026-01-02", "2026-01-02 00:00:00.000000", "", ""}, {"date", "datetime(0)", record.Checked, "300000-01-01", "", record.Range, ""},
	{"datetime(6)", "date", record.Checked, "2026-01-02 00:00:01", "", record.Scale, "2026-01-02 00:00:01.000000"}, {"datetime(6)", "date", record.Checked, "-0043-03-15 00:00:00", "-0043-03-15", "", ""},
	{"datetime(6)", "datetime(0)", record.Checked, "2026-12-31 23:59:59.600000", "", record.Scale, ""}, {"datetime(0)", "datetime(9)", record.Widening, "2026-01-02 03:04:05", "2026-01-02 03:04:05.000000000", "", ""},
	{"datetime(9)", "datetime(6)", record.Checked, "1969-12-31 23:59:59.999999000", "1969-12-31 23:59:59.999999", "", ""},
	{"datetime(9)", "datetime(6)", record.Checked, "300000-01-01 00:00:00.000000000", "", record.Range, ""},
	{"instant(6 offset)", "instant(6)", record.Lossy, "2026-01-02 03:04:05.000000+02:00", "2026-01-02 01:04:05.000000Z", "", ""},
	{"time(0)", "interval", record.Widening, "25:00:00", "PT25H", "", ""}, {"interval", "time(0)", record.Checked, "P1D", "", record.Shape, ""},
	{"interval", "time(0)", record.Checked, "PT-838H-59M-59S", "-838:59:59", "", ""}, {"time(6)", "time(3)", record.Checked, "00:00:00.123400", "", record.Scale, ""},
	{"datetime(0)", "time(0)", record.Refused, "", "", "", ""}, {"json", "int32", record.Refused, "", "", "", ""}, {"geometry", "geometry", record.Same, "00", "00", "", ""},
	{"document", "json", record.Refused, "", "", "", ""}, {"geometry", "json", record.Refused, "", "", "", ""}, {"geometry", "native(x)", record.Refused, "", "", "", ""},
	{"geometry", "bytes", record.Checked, "000010e6" + point, "0101000020e6100000" + point[10:], "", ""}, {"geometry", "bytes", record.Checked, "00000000" + point, point, "", ""}, {"geometry", "bytes", record.Checked, "00000000" + pointZ, "0101000080" + pointZ[10:], "", ""},
	{"geometry", "bytes(8)", record.Checked, "00000000" + point, "", record.Trunc, ""}, {"geometry", "bytes", record.Checked, "0000000001", "", record.WrongType, ""}, {"geometry", "bytes", record.Checked, "00", "", record.WrongType, ""},
	{"geometry", "text", record.Checked, "000010e6" + point, "0101000020e6100000" + point[10:], "", ""}, {"geometry", "text(8)", record.Checked, "000010e6" + point, "", record.Trunc, ""}, {"geometry", "text", record.Checked, "00", "", record.WrongType, ""},
	{"bytes", "geometry", record.Checked, "0101000020e6100000" + point[10:], "000010e6" + point, "", ""}, {"bytes", "geometry", record.Checked, "0101000080" + pointZ[10:], "00000000" + pointZ, "", ""}, {"bytes", "geometry", record.Checked, "6162", "", record.WrongType, "ab"},
	{"text", "geometry", record.Checked, strings.ToUpper(point), "00000000" + point, "", ""}, {"text", "geometry", record.Checked, "POINT(1 2)", "", record.WrongType, ""}, {"text", "geometry", record.Checked, "00", "", record.WrongType, ""},
}

const point, pointZ = "0101000000" + "000000000000f03f" + "0000000000000040", "01e9030000" + "000000000000f03f" + "0000000000000040" + "000000000000f03f"

func TestCasts(t *testing.T) {
	t.Parallel()
	for _, tt := range castCases {
		from, to := typed(t, tt.from), typed(t, tt.to)
		c := record.NewCast(from, to, record.CastOptions{})
		if c.Decision != tt.decision {
			t.Errorf("%s to %s: %s (%s), want %s", tt.from, tt.to, c.Decision, c.Loss, tt.decision)
			continue
		}
		if c.Decision == record.Refused {
			if c.Loss == "" {
				t.Errorf("%s to %s is refused without a reason", tt.from, tt.to)
			}
			continue
		}
		checkCast(t, c, tt.text, tt.want, tt.code, tt.raw)
	}
}

// checkCast casts a NULL, the text and a NULL.
func checkCast(t *testing.T, c *record.Cast, text, want string, code record.Code, raw string) {
	t.Helper()
	src := column(t, c.From, null, text, null)
	dst := record.NewVector(c.To.Form())
	marks := c.Apply(dst, src, 3, nil)
	if raw == "" {
		raw = text
	}
	var wantMarks []record.Mark
	if code != "" {
		want = null
		wantMarks = []record.Mark{{Row: 1, Col: 3, Code: code, Raw: []byte(raw)}}
	}
	if diff := cmp.Diff([]string{null, want, null}, texts(c.To, dst)); diff != "" {
		t.Errorf("%s to %s (-want +got):\n%s", c.From, c.To, diff)
	}
	if diff := cmp.Diff(wantMarks, marks); diff != "" {
		t.Errorf("%s to %s, marks (-want +got):\n%s", c.From, c.To, diff)
	}
}

func TestEveryTypeBecomesText(t *testing.T) {
	t.Parallel()
	for _, name := range typeNames {
		for _, to := range []string{name, "text"} {
			if c := record.NewCast(typed(t, name), typed(t, to), record.CastOptions{}); c.Decision > record.Checked {
				t.Errorf("%s to %s: %s (%s)", name, to, c.Decision, c.Loss)
			}
		}
	}
}

func TestZones(t *testing.T) {
	t.Parallel()
	wall, utc := typed(t, "datetime(0)"), typed(t, "instant(0)")
	if c := record.NewCast(wall, utc, record.CastOptions{}); c.Decision != record.Refused {
		t.Errorf("a wall clock without a zone: %s", c.Decision)
	}
	for _, tt := range []struct {
		zone, from, text, want string
		code                   record.Code
	}{
		{"America/New_York", "wall", "2026-03-08 01:59:59", "2026-03-08 06:59:59Z", ""},
		{"America/New_York", "wall", "2026-03-08 02:30:00", "", record.TZGap},
		{"America/New_York", "wall", "2026-03-08 03:00:00", "2026-03-08 07:00:00Z", ""},
		{"America/New_York", "wall", "2025-11-02 01:30:00", "", record.TZAmbig},
		{"America/New_York", "wall", "2025-11-02 00:59:59", "2025-11-02 04:59:59Z", ""},
		{"America/New_York", "wall", "2025-11-02 02:00:00", "2025-11-02 07:00:00Z", ""},
		{"America/New_York", "wall", "2026-07-01 12:00:00", "2026-07-01 16:00:00Z", ""},
		{"America/New_York", "utc", "2025-11-02 05:30:00Z", "", record.TZAmbig},
		{"America/New_York", "utc", "2025-11-02 07:30:00Z", "2025-11-02 02:30:00", ""},
		{"UTC", "wall", "-0043-03-15 12:00:00", "-0043-03-15 12:00:00Z", ""},
		{"Asia/Shanghai", "utc", "1890-12-31 15:48:08Z", "1890-12-31 23:53:51", ""},
		{"Pacific/Apia", "wall", "2011-12-30 12:00:00", "", record.TZGap},
	} {
		zone, err := time.LoadLocation(tt.zone)
		if err != nil {
			t.Fatal(err)
		}
		from, to := wall, utc
		if tt.from == "utc" {
			from, to = utc, wall
		}
		raw := ""
		if tt.code != "" {
			raw = tt.text + "[" + tt.zone + "]"
		}
		checkCast(t, record.NewCast(from, to, record.CastOptions{Zone: zone}), tt.text, tt.want, tt.code, raw)
	}
}

// Every half hour of two years, forth and back, in zones of all sorts, against the time package.
func TestZonesAgainstTime(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"America/New_York", "Europe/Dublin", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kolkata"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		wall, utc := typed(t, "datetime(0)"), typed(t, "instant(0)")
		c := record.NewCast(wall, utc, record.CastOptions{Zone: zone})
		for day := range 730 {
			src := record.NewVector(record.FormInt64)
			start := time.Date(2025, 1, 1+day, 0, 0, 0, 0, time.UTC).Unix()
			for i := range int64(48) {
				src.AppendInt64((start + i*1800) * 1e6)
			}
			dst := record.NewVector(record.FormInt64)
			c.Apply(dst, src, 0, nil)
			for i := range src.Len {
				w := time.Unix(src.Int64[i]/1e6, 0).UTC()
				want := time.Date(w.Year(), w.Month(), w.Day(), w.Hour(), w.Minute(), 0, 0, zone)
				if !dst.Null(i) && dst.Int64[i]/1e6 != want.Unix() {
					t.Fatalf("%s in %s is %d, want %d", w, name, dst.Int64[i]/1e6, want.Unix())
				}
				if dst.Null(i) && want.Hour() == w.Hour() && want.Add(time.Hour).Hour() != w.Hour() && want.Add(-time.Hour).Hour() != w.Hour() && name != "Australia/Lord_Howe" {
					t.Fatalf("%s in %s is marked", w, name)
				}
			}
		}
	}
}

func TestCastsAllocateNothing(t *testing.T) {
	for _, tt := range []struct{ from, to, text string }{
		{"int64", "int32", "5"}, {"int64", "decimal(30,2)", "5"}, {"decimal(12,2)", "decimal(18,4)", "5"}, {"int64", "text", "12345"},
		{"text", "int64", "12345"}, {"text", "text(10)", "12345"}, {"datetime(6)", "datetime(3)", "2026-01-02 03:04:05"},
		{"float64", "decimal(10,2)", "1.25"}, {"text", "float64", "1.25"}, {"text", "datetime(0)", "2026-01-02 03:04:05"},
	} {
		c := record.NewCast(typed(t, tt.from), typed(t, tt.to), record.CastOptions{})
		src, dst := column(t, c.From), record.NewVector(c.To.Form())
		for range 1000 {
			record.AppendParsed(src, &c.From, []byte(tt.text))
		}
		var marks []record.Mark
		if n := testing.AllocsPerRun(10, func() {
			dst.Reset(c.To.Form())
			marks = c.Apply(dst, src, 0, marks[:0])
		}); n != 0 {
			t.Errorf("%s to %s: %v allocations a batch", tt.from, tt.to, n)
		}
	}
}

func TestFloatKeepsItsNaNAndZero(t *testing.T) {
	t.Parallel()
	c := record.NewCast(typed(t, "float64"), typed(t, "float32"), record.CastOptions{})
	src, dst := record.NewVector(record.FormFloat64), record.NewVector(record.FormFloat64)
	src.AppendFloat64(math.Copysign(0, -1))
	src.AppendFloat64(math.Inf(1))
	if marks := c.Apply(dst, src, 0, nil); len(marks) > 0 || !math.Signbit(dst.Float64[0]) || !math.IsInf(dst.Float64[1], 1) {
		t.Errorf("got %v, marks %v", dst.Float64, marks)
	}
}
