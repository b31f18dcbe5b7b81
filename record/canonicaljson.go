package record

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strconv"
	"unicode/utf8"
)

// scratch is what canonical forms of trees need while they are made.
type scratch struct {
	members []member
	sorted  []byte
}

// member is one member of an object in the buffer: its key's text and all of it.
type member struct {
	key, keyEnd, start, end int
}

// maxDepth is the nesting at which a tree is taken as its text.
const maxDepth = 1000

// canonicalJSON writes a JSON text as a tagged tree: n, t, f; d and a number's digits and exponent; s and a string; a, the
// number of items and these; o, the number of members and these sorted by key, equal keys in the order of the text.
// What is not JSON, or nested too deeply, is x and the text.
func canonicalJSON(s *scratch, dst, cell []byte) []byte {
	start, members := len(dst), len(s.members)
	p := jsonReader{s: s, text: cell}
	dst, ok := p.value(dst, 0)
	if p.space(); !ok || p.at != len(p.text) {
		s.members = s.members[:members]
		return append(append(dst[:start], 'x'), cell...)
	}
	return dst
}

type jsonReader struct {
	s    *scratch
	text []byte
	at   int
}

func (p *jsonReader) space() {
	for p.at < len(p.text) && (p.text[p.at] == ' ' || p.text[p.at] == '\t' || p.text[p.at] == '\n' || p.text[p.at] == '\r') {
		p.at++
	}
}

// next passes over space and then over c, if it is there.
func (p *jsonReader) next(c byte) bool {
	p.space()
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *jsonReader) word(word string) bool {
	if bytes.HasPrefix(p.text[p.at:], []byte(word)) {
		p.at += len(word)
		return true
	}
	return false
}

func (p *jsonReader) value(dst []byte, depth int) ([]byte, bool) {
	p.space()
	if p.at == len(p.text) || depth > maxDepth {
		return dst, false
	}
	switch c := p.text[p.at]; c {
	case '{':
		p.at++
		return p.object(dst, depth)
	case '[':
		p.at++
		return p.array(dst, depth)
	case '"':
		return p.quoted(append(dst, 's'))
	case 'n':
		return append(dst, 'n'), p.word("null")
	case 't':
		return append(dst, 't'), p.word("true")
	case 'f':
		return append(dst, 'f'), p.word("false")
	}
	return p.number(dst)
}

func (p *jsonReader) array(dst []byte, depth int) ([]byte, bool) {
	dst = append(dst, 'a', 0, 0, 0, 0)
	count := len(dst) - 4
	if p.next(']') {
		return dst, true
	}
	for n := uint32(1); ; n++ {
		var ok bool
		if dst, ok = p.value(dst, depth+1); !ok {
			return dst, false
		}
		if p.next(']') {
			binary.BigEndian.PutUint32(dst[count:], n)
			return dst, true
		}
		if !p.next(',') {
			return dst, false
		}
	}
}

func (p *jsonReader) object(dst []byte, depth int) ([]byte, bool) {
	dst = append(dst, 'o', 0, 0, 0, 0)
	count := len(dst) - 4
	if p.next('}') {
		return dst, true
	}
	first := len(p.s.members)
	for n := uint32(1); ; n++ {
		if p.space(); p.at == len(p.text) || p.text[p.at] != '"' {
			return dst, false
		}
		m := member{start: len(dst), key: len(dst) + 4}
		var ok bool
		if dst, ok = p.quoted(dst); !ok || !p.next(':') {
			return dst, false
		}
		m.keyEnd = len(dst)
		if dst, ok = p.value(dst, depth+1); !ok {
			return dst, false
		}
		m.end = len(dst)
		p.s.members = append(p.s.members, m)
		if p.next('}') {
			binary.BigEndian.PutUint32(dst[count:], n)
			p.s.sort(dst, first)
			return dst, true
		}
		if !p.next(',') {
			return dst, false
		}
	}
}

// sort puts the members from first on, which lie one after the other in dst, in the order of their keys.
func (s *scratch) sort(dst []byte, first int) {
	members := s.members[first:]
	byKey := func(a, b member) int { return bytes.Compare(dst[a.key:a.keyEnd], dst[b.key:b.keyEnd]) }
	if !slices.IsSortedFunc(members, byKey) {
		start := members[0].start
		slices.SortStableFunc(members, byKey)
		s.sorted = s.sorted[:0]
		for _, m := range members {
			s.sorted = append(s.sorted, dst[m.start:m.end]...)
		}
		copy(dst[start:], s.sorted)
	}
	s.members = s.members[:first]
}

// quoted writes a string's length and its text without escapes; half a surrogate pair is kept as three bytes.
func (p *jsonReader) quoted(dst []byte) ([]byte, bool) {
	dst = append(dst, 0, 0, 0, 0)
	start := len(dst)
	for p.at++; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == '"':
			p.at++
			binary.BigEndian.PutUint32(dst[start-4:], uint32(len(dst)-start))
			return dst, true
		case c < 0x20:
			return dst, false
		case c != '\\':
			dst = append(dst, c)
		default:
			var ok bool
			if dst, ok = p.escape(dst); !ok {
				return dst, false
			}
		}
	}
	return dst, false
}

// escape reads an escape and stays at its last byte.
func (p *jsonReader) escape(dst []byte) ([]byte, bool) {
	if p.at++; p.at == len(p.text) {
		return dst, false
	}
	switch c := p.text[p.at]; c {
	case '"', '\\', '/':
		return append(dst, c), true
	case 'b':
		return append(dst, '\b'), true
	case 'f':
		return append(dst, '\f'), true
	case 'n':
		return append(dst, '\n'), true
	case 'r':
		return append(dst, '\r'), true
	case 't':
		return append(dst, '\t'), true
	case 'u':
	default:
		return dst, false
	}
	unit, ok := hex4(p.text[p.at+1:])
	if !ok {
		return dst, false
	}
	p.at += 4
	if unit >= 0xD800 && unit < 0xDC00 && p.at+6 < len(p.text) && p.text[p.at+1] == '\\' && p.text[p.at+2] == 'u' {
		if low, ok := hex4(p.text[p.at+3:]); ok && low >= 0xDC00 && low < 0xE000 {
			p.at += 6
			return utf8.AppendRune(dst, 0x10000+(unit-0xD800)<<10+(low-0xDC00)), true
		}
	}
	if unit >= 0xD800 && unit < 0xE000 {
		return append(dst, 0xE0|byte(unit>>12), 0x80|byte(unit>>6)&0x3F, 0x80|byte(unit)&0x3F), true
	}
	return utf8.AppendRune(dst, unit), true
}

func hex4(text []byte) (unit rune, ok bool) {
	if len(text) < 4 {
		return 0, false
	}
	for _, c := range text[:4] {
		switch {
		case isDigit(c):
			unit = unit<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			unit = unit<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return unit, true
}

// number writes d, the length, and the digits without zeros at either end, "e" and the exponent of the last one: 1.10 is 11e-1.
func (p *jsonReader) number(dst []byte) ([]byte, bool) {
	end := p.at
	for end < len(p.text) && (isDigit(p.text[end]) || bytes.IndexByte([]byte("+-.eE"), p.text[end]) >= 0) {
		end++
	}
	text := p.text[p.at:end]
	p.at = end
	if len(text) == 0 || text[0] == '+' {
		return dst, false
	}
	return appendTreeNumber(dst, text)
}

func appendTreeNumber(dst, text []byte) ([]byte, bool) {
	n, code := scanNumber(text, true)
	if code != "" {
		return dst, false
	}
	dst = append(dst, 'd', 0, 0, 0, 0)
	start := len(dst)
	first, last := n.significant()
	switch {
	case first == last:
		dst = append(dst, '0')
	case n.exp >= expLimit || n.exp <= -expLimit:
		dst = append(dst, text...) // an exponent that no store has; such numbers are equal when they are written alike
	default:
		if n.neg {
			dst = append(dst, '-')
		}
		for i := first; i < last; i++ {
			dst = append(dst, n.digit(i))
		}
		if exp := n.exp + len(n.whole) - last; exp != 0 {
			dst = strconv.AppendInt(append(dst, 'e'), int64(exp), 10)
		}
	}
	binary.BigEndian.PutUint32(dst[start-4:], uint32(len(dst)-start))
	return dst, true
}
