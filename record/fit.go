package record

import (
	"encoding/json"
	"unicode/utf8"
)

// fitText says whether a text column holds x exactly.
func fitText(t *Type, x []byte) Code {
	if !utf8.Valid(x) {
		return UTF8
	}
	if t.Length > 0 && int64(len(x)) > t.Length && textLength(x, t.Unit) > t.Length {
		return Trunc
	}
	return ""
}

// textLength counts valid text in a unit.
func textLength(x []byte, unit Unit) int64 {
	if unit == Octets {
		return int64(len(x))
	}
	n := utf8.RuneCount(x)
	if unit == UTF16 {
		for _, c := range x {
			if c >= 0xF0 { // the first byte of a character beyond U+FFFF, two units
				n++
			}
		}
	}
	return int64(n)
}

func fitBytes(t *Type, n int) Code {
	switch {
	case t.Length > 0 && int64(n) > t.Length:
		return Trunc
	case t.Fixed && t.Length > 0 && int64(n) < t.Length:
		return Shape // the store would pad it
	}
	return ""
}

func fitJSON(text []byte) Code {
	switch {
	case !utf8.Valid(text):
		return UTF8
	case !json.Valid(text):
		return WrongType
	}
	return ""
}
