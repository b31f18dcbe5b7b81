package record_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/towpath/towpath/record"
)

// A value outside of a store's limits is marked, in whatever precision and vector it comes.
func TestLimitedMoments(t *testing.T) {
	t.Parallel()
	for _, limits := range [][2]int64{{0, 9223372036}, {-5, 5}, {math.MinInt64, math.MaxInt64}, {10, 10}} {
		for _, precision := range []int{0, 3, 6, 9} {
			from, to := typed(t, fmt.Sprintf("datetime(%d)", precision)), typed(t, "datetime(6)")
			to.Limits = &limits
			c := record.NewCast(from, to, record.CastOptions{})
			if c.Decision != record.Checked {
				t.Fatalf("%s within limits: %s", from, c.Decision)
			}
			rapid.Check(t, func(t *rapid.T) {
				src, dst := record.NewVector(from.Form()), record.NewVector(to.Form())
				var want []string
				for range rapid.IntRange(1, 5).Draw(t, "cells") {
					sec := rapid.OneOf(rapid.Int64Range(-7, 7), rapid.Int64Range(9223372030, 9223372040), rapid.Int64Range(-9e11, 9e11)).Draw(t, "sec")
					micros := rapid.SampledFrom([]int64{0, 999_999}).Draw(t, "micros")
					if precision < 6 {
						micros = 0
					}
					if rapid.IntRange(0, 4).Draw(t, "null") == 0 {
						src.AppendNull()
						want = append(want, null)
						continue
					}
					if from.Form() == record.FormInt64 {
						src.AppendInt64(sec*1e6 + micros)
					} else {
						src.AppendFixed16(record.PutMoment(sec, int32(micros*1000), 0))
					}
					expected := fmt.Sprint(sec*1e6 + micros)
					if sec < limits[0] || sec > limits[1] {
						expected = "mark"
					}
					want = append(want, expected)
				}
				marks := c.Apply(dst, src, 0, nil)
				got := make([]string, dst.Len)
				for i := range got {
					got[i] = fmt.Sprint(dst.Int64[i])
					if dst.Null(i) {
						got[i] = null
					}
				}
				for _, m := range marks {
					if m.Code == record.Range {
						got[m.Row] = "mark"
					}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("%s within %v (-want +got):\n%s", from, limits, diff)
				}
			})
		}
	}
}

// What a cast makes of each kind of number, truth value and time, by the traps that are known of them.
func TestTraps(t *testing.T) {
	t.Parallel()
	limited := func(name string, lo, hi int64) record.Type {
		typ := typed(t, name)
		typ.Limits = &[2]int64{lo, hi}
		return typ
	}
	const day = 86400
	clock := limited("time(6)", 0, 24*3600*1e9)
	for _, tt := range []struct {
		trap       string
		from, to   record.Type
		text, want string
		code       record.Code
	}{
		{"T001", typed(t, "uint64"), typed(t, "decimal(20,0)"), "18446744073709551615", "18446744073709551615", ""}, {"T002", typed(t, "uint64"), typed(t, "int64"), "18446744073709551615", "", record.Range},
		{"T003", typed(t, "decimal(20,0)"), typed(t, "int64"), "9223372036854775807", "9223372036854775807", ""}, {"T003", typed(t, "decimal(20,0)"), typed(t, "int64"), "9223372036854775808", "", record.Range},
		{"T005", typed(t, "int8"), typed(t, "bool"), "0", "false", ""}, {"T005", typed(t, "int8"), typed(t, "bool"), "1", "true", ""}, {"T005", typed(t, "int8"), typed(t, "bool"), "2", "", record.Range}, {"T005", typed(t, "int8"), typed(t, "bool"), "-1", "", record.Range}, {"T005", typed(t, "int8"), typed(t, "bool"), "127", "", record.Range}, {"T005", typed(t, "int8"), typed(t, "int16"), "127", "127", ""},
		{"T010", typed(t, "decimal"), typed(t, "decimal(10,2)"), "1.005", "", record.Scale}, {"T011", typed(t, "decimal(10,1)"), typed(t, "int32"), "1.5", "", record.Scale}, {"T011", typed(t, "decimal(10,1)"), typed(t, "int32"), "2.0", "2", ""}, {"T012", typed(t, "decimal"), typed(t, "decimal(10,2)"), "123456789.999", "", record.Range},
		{"T016", typed(t, "float64"), storedType(t, "float64 finite"), "-Infinity", "", record.NonFinite}, {"T018", typed(t, "decimal"), typed(t, "decimal(65,30)"), "1e40", "", record.Range}, {"T018", typed(t, "decimal"), typed(t, "decimal(65,30)"), "1e-20", "0.000000000000000000010000000000", ""},
		{"T030", typed(t, "bit(1)"), typed(t, "bool"), "1", "true", ""}, {"T030", typed(t, "bit(1)"), typed(t, "bool"), "0", "false", ""}, {"T031", typed(t, "bit(10)"), typed(t, "int16"), "1000000011", "515", ""}, {"T031", typed(t, "bit(10)"), typed(t, "text"), "1000000011", "1000000011", ""}, {"T032", typed(t, "bit(64)"), typed(t, "uint64"), fmt.Sprintf("%064b", uint64(math.MaxUint64)), "18446744073709551615", ""}, {"T032", typed(t, "bit(64)"), typed(t, "int64"), fmt.Sprintf("%064b", uint64(math.MaxUint64)), "", record.Range},
		{"T034", typed(t, "bool"), typed(t, "int8"), "true", "1", ""}, {"T034", typed(t, "bool"), typed(t, "bit(1)"), "false", "0", ""}, {"T030", typed(t, "bit(2)"), typed(t, "bool"), "10", "", record.Range},
		{"T046", typed(t, "instant(6)"), limited("instant(6)", 1, math.MaxInt32), "2039-01-01 00:00:00.000000Z", "", record.Range}, {"T046", typed(t, "instant(6)"), limited("instant(6)", 1, math.MaxInt32), "1969-12-31 00:00:00.000000Z", "", record.Range}, {"T045", typed(t, "instant(0)"), limited("instant(6)", 1, math.MaxInt32), "2038-01-19 03:14:07Z", "2038-01-19 03:14:07.000000Z", ""},
		{"T047", typed(t, "datetime(6)"), typed(t, "datetime(0)"), "2026-12-31 23:59:59.600000", "", record.Scale}, {"T049", typed(t, "datetime(7)"), typed(t, "datetime(6)"), "9999-12-31 23:59:59.9999999", "", record.Scale},
		{"T053", typed(t, "time(0)"), clock, "25:00:00", "", record.Range}, {"T053", typed(t, "time(0)"), clock, "-838:59:59", "", record.Range}, {"T054", typed(t, "time(0)"), clock, "24:00:00", "24:00:00.000000", ""}, {"T053", typed(t, "time(0)"), typed(t, "interval"), "-838:59:59", "PT-838H-59M-59S", ""}, {"T053", typed(t, "time(9)"), typed(t, "interval"), "00:00:00.000000001", "", record.Scale}, {"T053", typed(t, "time(0)"), typed(t, "text"), "-838:59:59", "-838:59:59", ""},
		{"T053", typed(t, "interval"), clock, "PT25H", "", record.Range}, {"T053", typed(t, "interval"), typed(t, "time(6)"), "P1DT1H", "", record.Shape}, {"T053", typed(t, "interval"), typed(t, "time(3)"), "PT0.0001S", "", record.Scale},
		{"T057", typed(t, "date"), limited("date", -719162, 2932896), "-0043-03-15", "", record.Range}, {"T043", typed(t, "date"), limited("date", -719162, 2932896), "0001-01-01", "0001-01-01", ""}, {"T058", typed(t, "datetime(6)"), limited("datetime(6)", -719162*day, 2932897*day-1), "294246-12-31 00:00:00.000000", "", record.Range},
		{"T065", typed(t, "datetime(0)"), typed(t, "date"), "2026-02-28 13:14:15", "", record.Scale}, {"T067", typed(t, "interval"), typed(t, "text"), "P1Y2M", "P1Y2M", ""}, {"T067", typed(t, "interval"), typed(t, "text"), "P1M1DT25H", "P1M1DT25H", ""}, {"T068", typed(t, "year"), typed(t, "int16"), "0000", "0", ""}, {"T068", typed(t, "year"), typed(t, "int16"), "2155", "2155", ""}, {"T068", typed(t, "int16"), typed(t, "year"), "2156", "", record.Range}, {"T068", typed(t, "year"), typed(t, "text"), "0000", "0000", ""},
		{"T040", typed(t, "text"), typed(t, "date"), "0000-00-00", "", record.ZeroDate}, {"T041", typed(t, "text"), typed(t, "datetime(0)"), "2026-06-00 10:00:00", "", record.ZeroDate}, {"T042", typed(t, "text"), typed(t, "date"), "2026-02-30", "", record.Range}, {"T056", typed(t, "text"), typed(t, "instant(6)"), "-infinity", "", record.InfTime}, {"T071", typed(t, "text"), typed(t, "time(0)"), "23:59:60", "", record.Range},
	} {
		c := record.NewCast(tt.from, tt.to, record.CastOptions{})
		if c.Decision == record.Refused {
			t.Errorf("%s: %s to %s is refused: %s", tt.trap, tt.from, tt.to, c.Loss)
			continue
		}
		if tt.code != "" && c.Decision != record.Checked {
			t.Errorf("%s: %s to %s is %s", tt.trap, tt.from, tt.to, c.Decision)
		}
		raw := texts(tt.from, column(t, tt.from, tt.text))[0]
		checkCast(t, c, tt.text, tt.want, tt.code, raw)
	}
}
