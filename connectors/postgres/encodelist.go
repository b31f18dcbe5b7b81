package postgres

import (
	"bytes"
	"encoding/binary"

	"github.com/towpath/towpath/record"
)

// listEncoder encodes the arrays of a column.
type listEncoder struct {
	reader *record.ListReader
	elem   valueEncoder
	item   uint32 // number of the elements' own type
	again  *record.Vector
	// text reads arrays that came as the server's text, because an element is no value of its logical type.
	text  *listDecoder
	spare []byte
}

func (s server) newList(t record.Type, i *typeInfo, mod int32) (l *listEncoder, ok bool) {
	l = &listEncoder{reader: record.NewListReader(t.Elem), item: i.item, again: record.NewVector(t.Elem.Form()),
		text: &listDecoder{separator: i.elem.separator}}
	l.elem, ok = s.newValue(*t.Elem, i.elem, mod)
	return l, ok && i.elem.elem == nil
}

// appendList appends the binary form: number of dimensions, whether there are NULLs, type of the elements, length and lower bound of each
// dimension, the elements.
func appendList(c *valueEncoder, dst []byte, v *record.Vector, row int) []byte {
	l := c.list
	l.reader.Open(v.Bytes(row))
	dst = l.appendHead(dst, l.reader.Dims, l.reader.Bounds, l.reader.Nulls > 0)
	elems := l.reader.Elem()
	for {
		i, ok := l.reader.Next()
		switch {
		case !ok:
			return dst
		case elems.Null(i):
			dst = binary.BigEndian.AppendUint32(dst, nullItem)
		default:
			at := len(dst)
			dst = l.elem.append(&l.elem, append(dst, 0, 0, 0, 0), elems, i)
			binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
		}
	}
}

// nullItem is the length of NULL.
const nullItem = 1<<32 - 1

func (l *listEncoder) appendHead(dst []byte, dims, bounds []int32, nulls bool) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(dims)))
	flags := uint32(0)
	if nulls {
		flags = 1
	}
	dst = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(dst, flags), l.item)
	for i, n := range dims {
		dst = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(dst, uint32(n)), uint32(bounds[i]))
	}
	return dst
}

// checkList refuses lists of more dimensions than the server has, and those of which it would not keep an element.
func checkList(c *valueEncoder, v *record.Vector, row int) record.Code {
	l := c.list
	if !l.reader.Open(v.Bytes(row)) || len(l.reader.Dims) > mostDimensions {
		return record.Shape
	}
	if l.elem.check == nil {
		return ""
	}
	elems := l.reader.Elem()
	for {
		i, ok := l.reader.Next()
		if !ok {
			return ""
		}
		if elems.Null(i) {
			continue
		}
		if code := l.elem.check(&l.elem, elems, i); code != "" {
			return code
		}
	}
}

// markList appends an array that came as the server's text: [0:1]={1,NaN,NULL}.
func markList(c *valueEncoder, dst []byte, code record.Code, raw []byte) ([]byte, record.Code) {
	l, start := c.list, len(dst)
	body, ok := l.text.shape(raw)
	if !ok {
		return dst, code
	}
	dst = l.appendHead(dst, l.text.dims, l.text.bounds, false)
	for at := 0; at < len(body); {
		switch body[at] {
		case '{', '}', l.text.separator:
			at++
			continue
		}
		item, null, next := l.text.textItem(body, at)
		at = next
		if null {
			dst[start+7] = 1 // there are NULLs
			dst = binary.BigEndian.AppendUint32(dst, nullItem)
			continue
		}
		head := len(dst)
		dst, ok = l.appendItem(append(dst, 0, 0, 0, 0), item)
		if !ok {
			return dst[:start], code
		}
		binary.BigEndian.PutUint32(dst[head:], uint32(len(dst)-head-4))
	}
	return dst, ""
}

// appendItem appends an element given as text.
func (l *listEncoder) appendItem(dst, item []byte) ([]byte, bool) {
	l.again.Reset(l.again.Form)
	code := record.AppendParsed(l.again, &l.elem.logical, item)
	if code == "" {
		if l.elem.check != nil && l.elem.check(&l.elem, l.again, 0) != "" {
			return dst, false
		}
		return l.elem.append(&l.elem, dst, l.again, 0), true
	}
	if bytes.EqualFold(item, []byte("nan")) {
		code = record.NonFinite // a number's text can be no other
	}
	dst, code = l.elem.mark(dst, code, item)
	return dst, code == ""
}

// newText binds the encoder of a column whose values go through their text, as the server writes it.
func (s server) newText(t record.Type, i *typeInfo) valueEncoder {
	c := valueEncoder{info: i, logical: t}
	switch t.Kind {
	case record.List:
		c.append, c.check = appendListText, checkList
		c.list = &listEncoder{reader: record.NewListReader(t.Elem), text: &listDecoder{separator: ','}}
		if i.elem != nil {
			c.list.text.separator = i.elem.separator
			c.list.elem = s.newText(*t.Elem, i.elem)
		}
	case record.Geometry:
		c.append = appendGeometryText
	default:
		c.append = appendPlain
	}
	return c
}

// appendGeometryText appends EWKB in the hex digits that the server writes.
func appendGeometryText(c *valueEncoder, dst []byte, v *record.Vector, row int) []byte {
	c.scratch, _ = record.AppendEWKB(c.scratch[:0], v.Bytes(row))
	const digits = "0123456789ABCDEF"
	for _, x := range c.scratch {
		dst = append(dst, digits[x>>4], digits[x&15])
	}
	return dst
}

// appendListText appends an array as the server writes it: with bounds where one is not 1, elements in quotation marks where they need
// them (https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO).
func appendListText(c *valueEncoder, dst []byte, v *record.Vector, row int) []byte {
	l := c.list
	l.reader.Open(v.Bytes(row))
	if len(l.reader.Dims) == 0 {
		return append(dst, '{', '}')
	}
	l.text.dims, l.text.bounds = l.reader.Dims, l.reader.Bounds
	dst = l.text.appendHead(dst)
	elems := l.reader.Elem()
	for n := 0; ; n++ {
		i, ok := l.reader.Next()
		if !ok {
			return dst
		}
		dst = l.text.open(dst, n)
		if elems.Null(i) {
			dst = append(dst, "NULL"...)
		} else {
			l.spare = l.elem.append(&l.elem, l.spare[:0], elems, i)
			dst = l.text.appendElement(dst, l.spare)
		}
		dst = l.text.close(dst, n+1)
	}
}

// appendElement appends an element, in quotation marks where it could be misread.
func (l *listDecoder) appendElement(dst, item []byte) []byte {
	special := string(l.separator) + "{}\"\\ \t\n\r\v\f"
	if len(item) > 0 && !bytes.EqualFold(item, []byte("null")) && !bytes.ContainsAny(item, special) {
		return append(dst, item...)
	}
	return appendItem(dst, item)
}
