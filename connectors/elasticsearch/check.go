package elasticsearch

import (
	"encoding/json"
	"math"
	"unicode/utf8"

	"github.com/towpath/towpath/record"
)

// checkFunc finds the cells of a column that the field cannot hold; NULL cells always fit.
type checkFunc func(v *record.Vector, bad func(row int, code record.Code, reason string))

// checkFinite: JSON has no NaN and no infinities.
func checkFinite(v *record.Vector, bad func(int, record.Code, string)) {
	for row, x := range v.Float64 {
		if x-x != 0 && !v.Null(row) {
			bad(row, record.NonFinite, "NaN and infinities have no form in JSON")
		}
	}
}

// checkRange returns a check of whole numbers against the bounds of a type.
func checkRange(signed bool, lo int64, hi uint64, esType string) checkFunc {
	reason := "the number is outside the range of " + esType
	if signed {
		top := int64(min(hi, math.MaxInt64))
		return func(v *record.Vector, bad func(int, record.Code, string)) {
			for row, x := range v.Int64 {
				if (x < lo || x > top) && !v.Null(row) {
					bad(row, record.Range, reason)
				}
			}
		}
	}
	return func(v *record.Vector, bad func(int, record.Code, string)) {
		for row, x := range v.Uint64 {
			if x > hi && !v.Null(row) {
				bad(row, record.Range, reason)
			}
		}
	}
}

// Bounds in seconds: what four digits of a year can say, and what 63 bits of nanoseconds can.
const (
	yearZero    = -62167219200 // 0000-01-01
	yearTop     = 253402300799 // 9999-12-31 23:59:59
	nanosTop    = 9223372036   // 2262-04-11 23:47:16
	nanosTopSub = 854775807    // nanoseconds into that second
)

// checkMoment returns a check of dates and moments against a field of type date or date_nanos.
func checkMoment(t record.Type, nanos bool) checkFunc {
	lo, hi, reason := int64(yearZero), int64(yearTop), "the server reads years 0000 to 9999 only; as keyword the column can hold any"
	if nanos {
		lo, hi, reason = 0, nanosTop, "date_nanos holds 1970-01-01 to 2262-04-11 only; as date or keyword the column can hold more"
	}
	switch {
	case t.Kind == record.Date:
		lo, hi = lo/86400, hi/86400
		return checkInts(lo, hi, reason)
	case t.Form() == record.FormInt64:
		top := hi*1_000_000 + 999_999
		if nanos {
			top = hi*1_000_000 + nanosTopSub/1000
		}
		return checkInts(lo*1_000_000, top, reason)
	}
	return func(v *record.Vector, bad func(int, record.Code, string)) {
		for row := range v.Fixed16 {
			if v.Null(row) {
				continue
			}
			sec, sub, offset := record.MomentOf(v.Fixed16[row])
			switch {
			case nanos && sec == nanosTop && sub > nanosTopSub, sec < lo || sec > hi:
				bad(row, record.Range, reason)
			case !nanos && t.Offset && (sec+int64(offset) < lo || sec+int64(offset) > hi):
				bad(row, record.Range, reason)
			case offset%60 != 0:
				bad(row, record.Range, "the server reads offsets in whole minutes only; as keyword the column can hold any")
			}
		}
	}
}

func checkInts(lo, hi int64, reason string) checkFunc {
	return func(v *record.Vector, bad func(int, record.Code, string)) {
		for row, x := range v.Int64 {
			if (x < lo || x > hi) && !v.Null(row) {
				bad(row, record.Range, reason)
			}
		}
	}
}

// checkText: a bulk body is UTF-8 as a whole; one wrong byte must not take its neighbours with it.
func checkText(v *record.Vector, bad func(int, record.Code, string)) {
	if utf8.Valid(v.Data) && wholeRunes(v) {
		return
	}
	for row := range v.Len {
		if !v.Null(row) && !utf8.Valid(v.Bytes(row)) {
			bad(row, record.UTF8, "the bytes are not valid text")
		}
	}
}

// wholeRunes reports whether every cell begins with the first byte of a character.
func wholeRunes(v *record.Vector) bool {
	for _, at := range v.Offsets {
		if int(at) < len(v.Data) && !utf8.RuneStart(v.Data[at]) {
			return false
		}
	}
	return true
}

// checkJSON: a text that is not one JSON value would change the document around it.
func checkJSON(v *record.Vector, bad func(int, record.Code, string)) {
	for row := range v.Len {
		if v.Null(row) {
			continue
		}
		if b := v.Bytes(row); !json.Valid(b) || !utf8.Valid(b) {
			bad(row, record.WrongType, "the text is not valid JSON")
		}
	}
}

// checkNumber: decimals kept as text may be NaN or infinite.
func checkNumber(v *record.Vector, bad func(int, record.Code, string)) {
	for row := range v.Len {
		if v.Null(row) {
			continue
		}
		for _, c := range v.Bytes(row) {
			if c == 'N' || c == 'I' || c == 'n' || c == 'i' {
				bad(row, record.NonFinite, "NaN and infinities have no form in JSON")
				break
			}
		}
	}
}
