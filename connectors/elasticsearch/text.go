package elasticsearch

import (
	"encoding/base64"
	"encoding/hex"
	"math"
	"strconv"
	"sync"

	"github.com/towpath/towpath/record"
)

// appendFunc appends the JSON value of a present cell.
type appendFunc func(dst []byte, v *record.Vector, row int) []byte

const hexDigits = "0123456789abcdef"

// appendQuoted appends a JSON string of valid UTF-8. Only what RFC 8259 demands is escaped: the text stays readable and its
// characters stay themselves (no HTML escapes).
func appendQuoted[S string | []byte](dst []byte, s S) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(append(dst, s[from:]...), '"')
}

func appendText(dst []byte, v *record.Vector, row int) []byte { return appendQuoted(dst, v.Bytes(row)) }

func appendBool(dst []byte, v *record.Vector, row int) []byte {
	return strconv.AppendBool(dst, v.Bool(row))
}

func appendInt(dst []byte, v *record.Vector, row int) []byte {
	return strconv.AppendInt(dst, v.Int64[row], 10)
}

func appendUint(dst []byte, v *record.Vector, row int) []byte {
	return strconv.AppendUint(dst, v.Uint64[row], 10)
}

// quoted returns an appendFunc that puts the digits of another between quotes.
func quoted(f appendFunc) appendFunc {
	return func(dst []byte, v *record.Vector, row int) []byte {
		return append(f(append(dst, '"'), v, row), '"')
	}
}

// appendFloat returns an appendFunc for finite floats: the fewest digits that identify the value in its width.
func appendFloat(bits int) appendFunc {
	return func(dst []byte, v *record.Vector, row int) []byte {
		x := v.Float64[row]
		form := byte('f')
		if a := math.Abs(x); a != 0 && (a < 1e-6 || a >= 1e21) {
			form = 'e'
		}
		return strconv.AppendFloat(dst, x, form, -1, bits)
	}
}

// appendForm returns an appendFunc for the text form of any type, which needs no escaping or gets it.
func appendForm(t *record.Type) appendFunc {
	return func(dst []byte, v *record.Vector, row int) []byte {
		dst = append(dst, '"')
		from := len(dst)
		dst = record.AppendText(dst, t, v, row)
		for _, c := range dst[from:] {
			if c < ' ' || c == '"' || c == '\\' {
				text := string(dst[from:])
				return appendQuoted(dst[:from-1], text)
			}
		}
		return append(dst, '"')
	}
}

// appendDigits returns an appendFunc for the plain digits of a number.
func appendDigits(t *record.Type) appendFunc {
	return func(dst []byte, v *record.Vector, row int) []byte { return record.AppendText(dst, t, v, row) }
}

// appendMoment returns an appendFunc for date, datetime and instant in ISO 8601, which the server reads without a format of ours.
func appendMoment(t *record.Type) appendFunc {
	return func(dst []byte, v *record.Vector, row int) []byte {
		dst = append(dst, '"')
		from := len(dst)
		dst = record.AppendText(dst, t, v, row)
		for i := from; i < len(dst); i++ {
			if dst[i] == ' ' {
				dst[i] = 'T'
				break
			}
		}
		return append(dst, '"')
	}
}

func appendBase64(dst []byte, v *record.Vector, row int) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, v.Bytes(row))
	return append(dst, '"')
}

// appendJSON embeds a JSON text. A line break can only stand between its tokens, where a blank means the same: a bulk body
// has a document a line.
func appendJSON(dst []byte, v *record.Vector, row int) []byte {
	from := len(dst)
	dst = append(dst, v.Bytes(row)...)
	for i := from; i < len(dst); i++ {
		if c := dst[i]; c == '\n' || c == '\r' {
			dst[i] = ' '
		}
	}
	return dst
}

// appendSet writes the labels of a set as an array.
func appendSet(dst []byte, v *record.Vector, row int) []byte {
	labels := v.Bytes(row)
	dst = append(dst, '[')
	for from := 0; from < len(labels); {
		end := from
		for end < len(labels) && labels[end] != ',' {
			end++
		}
		if from > 0 {
			dst = append(dst, ',')
		}
		dst = appendQuoted(dst, labels[from:end])
		from = end + 1
	}
	return append(dst, ']')
}

// appendList returns an appendFunc for lists, as nested arrays of what elem writes.
func appendList(elem *record.Type, f appendFunc) appendFunc {
	readers := sync.Pool{New: func() any { return record.NewListReader(elem) }}
	return func(dst []byte, v *record.Vector, row int) []byte {
		r := readers.Get().(*record.ListReader)
		r.Open(v.Bytes(row)) // checked before: what is no list never comes here
		dst = r.AppendNested(dst, f)
		readers.Put(r)
		return dst
	}
}

// appendGeometry writes SRID=4326;WKB, the WKB in hex.
func appendGeometry(dst []byte, v *record.Vector, row int) []byte {
	b := v.Bytes(row)
	dst = append(dst, '"')
	if len(b) >= 4 {
		srid := uint64(b[0])<<24 | uint64(b[1])<<16 | uint64(b[2])<<8 | uint64(b[3])
		if srid != 0 {
			dst = append(strconv.AppendUint(append(dst, "SRID="...), srid, 10), ';')
		}
		b = b[4:]
	}
	return append(hex.AppendEncode(dst, b), '"')
}
