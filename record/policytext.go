package record

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
)

// appendPolicyText appends the text that stands for a mark's. Where that does not fit for another reason, it goes on from there with
// the policy for that one, each code once; a NULL if it says so.
func appendPolicyText(v *Vector, t *Type, m *Mark, policies Policies) bool {
	raw, code, tried := m.Raw, m.Code, map[Code]bool{}
	for !tried[code] {
		tried[code] = true
		if policies[code] == "null" {
			v.AppendNull()
			return true
		}
		text, ok := policyText(t, raw, code, policies[code])
		if !ok {
			return false
		}
		if code = appendRaw(v, t, text); code == "" {
			return true
		}
		raw = text
	}
	return false
}

// appendRaw is AppendParsed, but for bytes, which are not in hex.
func appendRaw(v *Vector, t *Type, raw []byte) Code {
	if t.Kind != Bytes {
		return AppendParsed(v, t, raw)
	}
	code := fitBytes(t, len(raw))
	if code == "" {
		v.AppendBytes(raw)
	}
	return code
}

// policyText is what a policy makes of raw, which a column of type t does not hold for the code's reason.
func policyText(t *Type, raw []byte, code Code, policy string) (text []byte, ok bool) {
	switch policy {
	case "replace":
		return replaceText(t, raw, code), true
	case "strip":
		if escaped(t) {
			return rewriteEscapes(raw, NUL, ""), true
		}
		return bytes.ReplaceAll(raw, []byte{0}, nil), true
	case "hex":
		if t.Kind == JSON {
			return append(hex.AppendEncode([]byte{'"'}, raw), '"'), true
		}
		return hex.AppendEncode(nil, raw), true
	case "truncate":
		return cutText(t, raw)
	case "blank":
		return []byte{' '}, true
	case "text":
		return raw, true
	case "json":
		if array, _, found := cutBounds(raw); found && t.Kind == JSON {
			return array, true // a list without its lower bounds
		}
		return raw, true
	}
	if len(policy) <= len(recode) || policy[:len(recode)] != recode {
		return nil, false
	}
	if utf8.Valid(raw) {
		return nil, false // a text already, with characters that the column lacks
	}
	charset, err := charsetOf(policy[len(recode):])
	if err != nil {
		return nil, false
	}
	text, err = charset.NewDecoder().Bytes(raw)
	return text, err == nil && !bytes.ContainsRune(text, utf8.RuneError)
}

// replaceText puts the replacement character, or a question mark where the column lacks it, in the place of bytes that are no
// text, and of U+0000 or halves of surrogate pairs, as the code says; and a question mark in that of other characters that it lacks.
func replaceText(t *Type, raw []byte, code Code) []byte {
	stored := t
	for stored.Kind == List && stored.Elem != nil {
		stored = stored.Elem
	}
	have := stored.repertoire()
	if escaped(t) {
		raw = rewriteEscapes(raw, code, string(have.substitute()))
	}
	out := make([]byte, 0, len(raw))
	for len(raw) > 0 {
		c, n := utf8.DecodeRune(raw)
		switch {
		case c == utf8.RuneError && n == 1:
			c = have.substitute()
			for len(raw) > n && isInvalid(raw[n:]) {
				n++ // one character for a run of bytes
			}
		case c == 0 && code == NUL:
			c = have.substitute()
		case !have.has(c):
			c = '?'
		}
		out = utf8.AppendRune(out, c)
		raw = raw[n:]
	}
	return out
}

func isInvalid(x []byte) bool {
	c, n := utf8.DecodeRune(x)
	return c == utf8.RuneError && n == 1
}

// escaped reports a type whose text form has JSON's escapes.
func escaped(t *Type) bool { return t.Kind == JSON || t.Kind == List }

// rewriteEscapes puts text in the place of the escapes of a code.
func rewriteEscapes(raw []byte, code Code, text string) []byte {
	var out []byte
	from := 0
	eachEscape(raw, func(start, end int, found Code) bool {
		if found == code {
			out = append(append(out, raw[from:start]...), text...)
			from = end
		}
		return true
	})
	return append(out, raw[from:]...)
}

// charsetOf finds a charset by its IANA name or, failing that, by one that browsers know.
func charsetOf(name string) (encoding.Encoding, error) {
	if charset, err := ianaindex.IANA.Encoding(name); err == nil && charset != nil {
		return charset, nil
	}
	charset, err := htmlindex.Get(name)
	if err != nil {
		return nil, fmt.Errorf("unknown charset %q", name)
	}
	return charset, nil
}

// cutText cuts a text or bytes to the length of the type, and blanks that a fixed-length text gives up.
func cutText(t *Type, raw []byte) (text []byte, ok bool) {
	if t.Kind == Bytes {
		return raw[:min(int64(len(raw)), t.Length)], true
	}
	if t.Kind != Text || !utf8.Valid(raw) {
		return nil, false
	}
	end := 0
	for units := int64(0); end < len(raw); {
		c, n := utf8.DecodeRune(raw[end:])
		switch {
		case t.Unit == Octets:
			units += int64(n)
		case t.Unit == UTF16 && c > 0xFFFF:
			units += 2
		default:
			units++
		}
		if t.Length > 0 && units > t.Length {
			break
		}
		end += n
	}
	raw = raw[:end]
	if t.Fixed {
		raw = trimBlanks(raw)
	}
	return raw, true
}
