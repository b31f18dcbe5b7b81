package record

import (
	"encoding/hex"
	"unicode/utf8"
)

// AppendRowJSON appends a row as a JSON object of its columns in order: the text form of the value, null, or
// {"mark":code,"raw":text} for a marked cell ("hex" instead of "raw" when the raw bytes are not text). When the object would
// take more than maxBytes (0: no limit) it has only the key columns; when these do too, only their names with null.
func AppendRowJSON(dst []byte, b *Batch, row, maxBytes int) []byte {
	start := len(dst)
	dst, fits := appendRow(dst, b, row, maxBytes, func(*Field) rowCell { return cellWhole })
	if fits {
		return dst
	}
	dst, fits = appendRow(dst[:start], b, row, maxBytes, func(f *Field) rowCell {
		if f.Key > 0 {
			return cellWhole
		}
		return cellAbsent
	})
	if fits {
		return dst
	}
	dst, fits = appendRow(dst[:start], b, row, maxBytes, func(f *Field) rowCell {
		if f.Key > 0 {
			return cellNull
		}
		return cellAbsent
	})
	if fits {
		return dst
	}
	return append(dst[:start], '{', '}')
}

// rowCell is what a row's JSON shows of a column.
type rowCell uint8

const (
	cellWhole rowCell = iota
	cellNull
	cellAbsent
)

func appendRow(dst []byte, b *Batch, row, maxBytes int, show func(*Field) rowCell) (out []byte, fits bool) {
	start := len(dst)
	dst = append(dst, '{')
	for i := range b.Schema.Fields {
		f := &b.Schema.Fields[i]
		what := show(f)
		if what == cellAbsent {
			continue
		}
		if dst[len(dst)-1] != '{' || len(dst) > start+1 {
			dst = append(dst, ',')
		}
		dst = append(appendQuoted(dst, []byte(f.Name)), ':')
		if what == cellNull {
			dst = append(dst, "null"...)
		} else {
			dst = appendCellJSON(dst, b, row, i)
		}
		if maxBytes > 0 && len(dst)-start >= maxBytes {
			return dst, false
		}
	}
	return append(dst, '}'), true
}

func appendCellJSON(dst []byte, b *Batch, row, col int) []byte {
	v := b.Cols[col]
	if row < v.Len && !v.Null(row) {
		t := &b.Schema.Fields[col].Type
		if v.Form == FormBytes && textual(t.Kind) {
			return appendQuoted(dst, v.Bytes(row))
		}
		// No other text form has a character that JSON escapes, but for lists.
		start := len(dst)
		dst = AppendText(append(dst, '"'), t, v, row)
		if t.Kind == List {
			return appendQuoted(dst[:start], append([]byte(nil), dst[start+1:]...))
		}
		return append(dst, '"')
	}
	for i := range b.Marks {
		if m := &b.Marks[i]; m.Row == row && m.Col == col {
			dst = append(dst, `{"mark":`...)
			dst = appendQuoted(dst, []byte(m.Code))
			if !utf8.Valid(m.Raw) {
				dst = append(dst, `,"hex":"`...)
				dst = hex.AppendEncode(dst, m.Raw)
				return append(dst, `"}`...)
			}
			dst = appendQuoted(append(dst, `,"raw":`...), m.Raw)
			return append(dst, '}')
		}
	}
	return append(dst, "null"...)
}

// textual reports whether the kind's vector holds the text form itself.
func textual(k Kind) bool {
	switch k {
	case Text, JSON, Enum, Set, Native, Decimal:
		return true
	}
	return false
}

const hexDigits = "0123456789abcdef"

// appendQuoted appends text as a JSON string; what is not UTF-8 becomes U+FFFD.
func appendQuoted(dst, text []byte) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c < 0x20 || c == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		case c < utf8.RuneSelf:
			dst = append(dst, c)
		default:
			r, n := utf8.DecodeRune(text[i:])
			dst = utf8.AppendRune(dst, r)
			i += n
			continue
		}
		i++
	}
	return append(dst, '"')
}
