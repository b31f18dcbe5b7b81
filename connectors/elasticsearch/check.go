package elasticsearch

import (
	"encoding/json"
	"unicode/utf8"

	"github.com/towpath/towpath/record"
)

// checkFunc finds the cells of a column that the field cannot hold; NULL cells always fit.
type checkFunc func(v *record.Vector, bad func(row int, code record.Code, reason string))

// Bounds in seconds: what four digits of a year can say, and what 63 bits of nanoseconds can.
const (
	secondsPerDay = 86400

	yearZero    = -62167219200 // 0000-01-01
	yearTop     = 253402300799 // 9999-12-31 23:59:59
	nanosTop    = 9223372036   // 2262-04-11 23:47:16
	nanosTopSub = 854775807    // nanoseconds into that second
)

// momentLimits are the days or seconds that a field of type date or date_nanos holds of a column.
func momentLimits(t record.Type, nanos bool) *[2]int64 {
	limits := [2]int64{yearZero, yearTop}
	if nanos {
		limits = [2]int64{0, nanosTop}
	}
	if t.Kind == record.Date {
		limits[0], limits[1] = limits[0]/secondsPerDay, limits[1]/secondsPerDay
	}
	if t.Limits != nil {
		limits[0], limits[1] = max(limits[0], t.Limits[0]), min(limits[1], t.Limits[1])
	}
	return &limits
}

// checkMoment returns a check of what is within the limits and yet none of the field's: the end of the last second of date_nanos, and
// offsets that the server does not read.
func checkMoment(t record.Type, nanos bool) checkFunc {
	const late = "date_nanos holds 1970-01-01 to 2262-04-11 only; as date or keyword the column can hold more"
	switch {
	case t.Kind == record.Date || !t.Offset && (!nanos || t.Precision == 0):
		return nil
	case t.Form() == record.FormInt64:
		const top = nanosTop*1_000_000 + nanosTopSub/1000
		return func(v *record.Vector, bad func(int, record.Code, string)) {
			for row, x := range v.Int64 {
				if x > top && !v.Null(row) {
					bad(row, record.Range, late)
				}
			}
		}
	}
	return func(v *record.Vector, bad func(int, record.Code, string)) {
		for row := range v.Fixed16 {
			if v.Null(row) {
				continue
			}
			sec, sub, offset := record.MomentOf(v.Fixed16[row])
			switch {
			case nanos && sec == nanosTop && sub > nanosTopSub:
				bad(row, record.Range, late)
			case sec+int64(offset) < yearZero || sec+int64(offset) > yearTop:
				bad(row, record.Range, "the server reads years 0000 to 9999 only; as keyword the column can hold any")
			case offset%60 != 0:
				bad(row, record.Range, "the server reads offsets in whole minutes only; as keyword the column can hold any")
			}
		}
	}
}

// checkList returns a check of lists: that they have arrays for their form, and that each element passes its own check, if any.
func checkList(elem *record.Type, check checkFunc) checkFunc {
	return func(v *record.Vector, bad func(int, record.Code, string)) {
		r := record.NewListReader(elem)
		for row := range v.Len {
			switch {
			case v.Null(row):
			case !r.Open(v.Bytes(row)):
				bad(row, record.WrongType, "the bytes are no list")
			case !r.Plain():
				bad(row, record.Shape, "JSON's arrays have no lower bounds")
			case check != nil:
				for at, ok := r.Next(); ok; at, ok = r.Next() {
					if at == 0 { // more elements were decoded
						check(r.Elem(), func(_ int, code record.Code, reason string) { bad(row, code, reason) })
					}
				}
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
