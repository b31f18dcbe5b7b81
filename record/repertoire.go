package record

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// repertoire is a part of Unicode that a store holds; each holds all characters of those before it.
type repertoire uint8

const (
	asciiRepertoire  repertoire = iota
	latin1Repertoire            // Windows-1252, and the control characters of its five holes
	bmpRepertoire               // up to U+FFFF
	wholeRepertoire
)

func (t *Type) repertoire() repertoire {
	switch t.Charset {
	case "":
		return wholeRepertoire
	case "latin1":
		return latin1Repertoire
	case "bmp":
		return bmpRepertoire
	}
	return asciiRepertoire
}

func (r repertoire) has(c rune) bool {
	switch r {
	case asciiRepertoire:
		return c < utf8.RuneSelf
	case latin1Repertoire:
		switch {
		case c < utf8.RuneSelf, c >= 0xA0 && c <= 0xFF:
			return true
		case c <= 0x9F:
			return c == 0x81 || c == 0x8D || c == 0x8F || c == 0x90 || c == 0x9D
		}
		_, ok := charmap.Windows1252.EncodeRune(c)
		return ok
	case bmpRepertoire:
		return c <= 0xFFFF
	}
	return true
}

// substitute stands for what a column cannot hold: the replacement character where the repertoire has it.
func (r repertoire) substitute() rune {
	if r.has(utf8.RuneError) {
		return utf8.RuneError
	}
	return '?'
}

const (
	highBits = 0x8080808080808080
	word     = 8
)

// holds reports whether every character of valid text is in the repertoire. It looks at eight bytes at a time for one that begins
// a character outside, so a text without any costs next to nothing.
func (r repertoire) holds(x []byte) bool {
	switch r {
	case wholeRepertoire:
		return true
	case asciiRepertoire:
		return ascii(x)
	case bmpRepertoire:
		for ; len(x) >= word; x = x[word:] {
			w := binary.LittleEndian.Uint64(x)
			// A byte's upper four bits are set in the first one of four that make a character beyond U+FFFF, and nowhere else.
			if w&(w<<1)&(w<<2)&(w<<3)&highBits != 0 {
				return false
			}
		}
		for _, c := range x {
			if c >= 0xF0 {
				return false
			}
		}
		return true
	}
	for ; len(x) >= word && binary.LittleEndian.Uint64(x)&highBits == 0; x = x[word:] {
	}
	for len(x) > 0 {
		if x[0] < utf8.RuneSelf {
			x = x[1:]
			continue
		}
		c, n := utf8.DecodeRune(x)
		if !r.has(c) {
			return false
		}
		x = x[n:]
	}
	return true
}

// within reports whether u's store holds every character and every float that t's does. The types are otherwise alike.
func (t *Type) within(u *Type) bool {
	switch t.Kind {
	case Float:
		return (t.Finite || !u.Finite) && (t.NoMinusZero || !u.NoMinusZero)
	case JSON:
		return t.NoNUL || !u.NoNUL
	case Enum, Set:
		if len(t.Labels) == 0 {
			break
		}
		if len(u.Labels) > 0 {
			return true // which labels it has is another question
		}
		for _, label := range t.Labels {
			if fitCharacters(u, []byte(label)) != "" {
				return false
			}
		}
		return true
	case Text, Native:
	default:
		return true
	}
	return (t.NoNUL || !u.NoNUL) && t.repertoire() <= u.repertoire()
}

// holdsCharacters reports whether no text among the cells of a column's data has a character that a column of type t lacks.
func (t *Type) holdsCharacters(data []byte) bool {
	return !(t.NoNUL && bytes.IndexByte(data, 0) >= 0) && t.repertoire().holds(data)
}

// characterLoss says which texts of type t a column of type u does not hold.
func characterLoss(t, u *Type) (loss []string) {
	if u.NoNUL && !t.NoNUL {
		loss = append(loss, "texts with U+0000 are marked NUL")
	}
	if t.repertoire() > u.repertoire() {
		loss = append(loss, "texts with characters outside "+u.Charset+" are marked UTF8")
	}
	return loss
}
