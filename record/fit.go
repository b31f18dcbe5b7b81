package record

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// fitText says whether a text column holds x exactly.
func fitText(t *Type, x []byte) Code {
	if code := fitCharacters(t, x); code != "" {
		return code
	}
	if t.Length > 0 && int64(len(x)) > t.Length && textLength(x, t.Unit) > t.Length {
		return Trunc
	}
	return ""
}

// fitCharacters says whether a column of a textual kind holds each character of x.
func fitCharacters(t *Type, x []byte) Code {
	switch {
	case !utf8.Valid(x):
		return UTF8
	case t.NoNUL && bytes.IndexByte(x, 0) >= 0:
		return NUL
	case !t.repertoire().holds(x):
		return UTF8
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

func fitJSON(t *Type, text []byte) Code {
	switch {
	case !utf8.Valid(text):
		return UTF8
	case !json.Valid(text):
		return WrongType
	case t.NoNUL:
		return fitEscapes(text)
	}
	return ""
}

// fitEscapes looks in a JSON text for what a store without U+0000 refuses: the escape \u0000 is NUL, half a surrogate pair is
// UTF8; the first of them counts.
func fitEscapes(text []byte) (code Code) {
	eachEscape(text, func(_, _ int, found Code) bool {
		code = found
		return found == ""
	})
	return code
}

// eachEscape visits the \u escapes of a JSON text, text[start:end]: NUL for \u0000, UTF8 for half a surrogate pair, "" for every
// other character, whose pair of escapes is one visit. It ends when visit returns false.
func eachEscape(text []byte, visit func(start, end int, code Code) bool) {
	for at := 0; ; {
		next := bytes.IndexByte(text[at:], '\\')
		if next < 0 || at+next+1 == len(text) {
			return
		}
		at += next
		if text[at+1] != 'u' {
			at += 2
			continue
		}
		unit, ok := hex4(text[at+2:])
		if !ok {
			return // no JSON
		}
		end, code := at+6, Code("")
		switch {
		case unit == 0:
			code = NUL
		case unit >= 0xD800 && unit < 0xE000:
			code = UTF8
			if unit < 0xDC00 && bytes.HasPrefix(text[end:], []byte(`\u`)) {
				if low, ok := hex4(text[end+2:]); ok && low >= 0xDC00 && low < 0xE000 {
					end, code = end+6, ""
				}
			}
		}
		if !visit(at, end, code) {
			return
		}
		at = end
	}
}
