package postgres

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strconv"

	"github.com/towpath/towpath/record"
)

// listDecoder decodes the arrays of a column: their dimensions and lower bounds, and each element by the decoder of its type.
type listDecoder struct {
	builder   *record.ListBuilder
	elem      decodeColumn
	field     record.Field // of an element
	oid       uint32       // of its type, a domain too
	separator byte         // between elements in text

	dims, bounds []int32
	item         []byte         // an element of a text, without its quotes
	again        *record.Vector // an element, to write an array that cannot be held as text
}

// The server's arrays have at most six dimensions.
const mostDimensions = 6

func newListDecoder(f *record.Field, i *typeInfo, mod int32) (*listDecoder, bool) {
	if i.elem == nil || i.elem.elem != nil || f.Type.Elem == nil {
		return nil, false
	}
	l := &listDecoder{oid: i.item, separator: i.elem.separator, builder: record.NewListBuilder(f.Type.Elem), again: record.NewVector(f.Type.Elem.Form())}
	l.field = record.Field{Name: f.Name, Type: *f.Type.Elem}
	var ok bool
	l.elem, ok = bind(&l.field, i.elem, mod)
	l.elem.index, l.elem.field, l.elem.vector = ofList, &l.field, l.builder.Elem()
	switch {
	case i.elem.oid == oidJSONB && formatOf(i) == formatBinary:
		l.elem.decode = decodeJSONB
	case formatOf(i.elem) == formatText:
		l.elem.decode = decodeItem
	}
	return l, ok
}

// decodeJSONB reads the binary form, a version and the text.
func decodeJSONB(d *decoder, c *decodeColumn, b []byte) bool {
	if len(b) == 0 || b[0] != 1 {
		return false
	}
	return decodeItem(d, c, b[1:])
}

// decodeList reads the binary form: number of dimensions, whether there are NULLs, type of the elements, length and lower bound of each
// dimension, the elements.
func decodeList(d *decoder, c *decodeColumn, b []byte) bool {
	l := c.list
	if len(b) > d.maxCell {
		d.mark(c, record.TooBig, kept(b))
		return true
	}
	items, ok := l.header(b)
	if !ok {
		return false
	}
	l.builder.Begin(c.vector, l.dims, l.bounds)
	for rest := items; len(rest) > 0; {
		item, null, after, ok := cutItem(rest)
		if !ok {
			return false
		}
		rest = after
		if null {
			l.elem.vector.AppendNull()
		} else if !l.elem.decode(d, &l.elem, item) {
			return false
		}
		if d.refused != "" {
			l.builder.Cancel()
			return l.refuse(d, c, items)
		}
		l.builder.Next()
	}
	return l.builder.End() == ""
}

func (l *listDecoder) header(b []byte) (items []byte, ok bool) {
	if len(b) < 12 {
		return nil, false
	}
	n := int(binary.BigEndian.Uint32(b))
	if n > mostDimensions || binary.BigEndian.Uint32(b[8:]) != l.oid || len(b) < 12+8*n {
		return nil, false
	}
	l.dims, l.bounds = l.dims[:0], l.bounds[:0]
	for i := range n {
		l.dims = append(l.dims, int32(binary.BigEndian.Uint32(b[12+8*i:])))
		l.bounds = append(l.bounds, int32(binary.BigEndian.Uint32(b[16+8*i:])))
	}
	return b[12+8*n:], true
}

// cutItem takes the next element off.
func cutItem(rest []byte) (item []byte, null bool, after []byte, ok bool) {
	if len(rest) < 4 {
		return nil, false, nil, false
	}
	length := int(int32(binary.BigEndian.Uint32(rest)))
	rest = rest[4:]
	if length < 0 {
		return nil, true, rest, true
	}
	if length > len(rest) {
		return nil, false, nil, false
	}
	return rest[:length:length], false, rest[length:], true
}

// refuse marks a list of which an element cannot be held. The mark's text is the array as the server would read it.
func (l *listDecoder) refuse(d *decoder, c *decodeColumn, items []byte) bool {
	code := d.refused
	text := l.appendHead(nil)
	elem := l.elem
	elem.vector = l.again
	total := 1
	for _, n := range l.dims {
		total *= int(n)
	}
	for i := 0; len(items) > 0; i++ {
		item, null, rest, _ := cutItem(items)
		items = rest
		text = l.open(text, i)
		d.refused = ""
		elem.vector.Reset(elem.vector.Form)
		switch {
		case null:
			text = append(text, "NULL"...)
		case !elem.decode(d, &elem, item):
			return false
		case d.refused != "":
			text = appendItem(text, d.refusedRaw)
		case l.field.Type.Kind == record.Bytes || l.field.Type.Kind == record.Geometry:
			text = append(text, `"\\x`...)
			text = append(hex.AppendEncode(text, elem.vector.Bytes(0)), '"')
		default:
			text = appendItem(text, record.AppendText(nil, &l.field.Type, elem.vector, 0))
		}
		text = l.close(text, i+1)
		if len(text) > markedBytes {
			break
		}
	}
	d.refused = ""
	d.mark(c, code, kept(text))
	return true
}

// appendHead writes the bounds, where one is not 1.
func (l *listDecoder) appendHead(text []byte) []byte {
	plain := true
	for _, b := range l.bounds {
		plain = plain && b == 1
	}
	if plain {
		return text
	}
	for i, b := range l.bounds {
		text = strconv.AppendInt(append(text, '['), int64(b), 10)
		text = strconv.AppendInt(append(text, ':'), int64(b)+int64(l.dims[i])-1, 10)
		text = append(text, ']')
	}
	return append(text, '=')
}

// open writes what stands before element i, close what stands behind the first n elements.
func (l *listDecoder) open(text []byte, i int) []byte {
	if i > 0 {
		text = append(text, l.separator)
	}
	size := 1
	for at := len(l.dims) - 1; at >= 0; at-- {
		if size *= int(l.dims[at]); i%size == 0 {
			text = append(text, '{')
		}
	}
	return text
}

func (l *listDecoder) close(text []byte, n int) []byte {
	size := 1
	for at := len(l.dims) - 1; at >= 0; at-- {
		if size *= int(l.dims[at]); n%size == 0 {
			text = append(text, '}')
		}
	}
	return text
}

func appendItem(text, item []byte) []byte {
	text = append(text, '"')
	for _, x := range item {
		if x == '"' || x == '\\' {
			text = append(text, '\\')
		}
		text = append(text, x)
	}
	return append(text, '"')
}

// decodeListText reads the text form: [0:1]={a,"b c",NULL}. Only elements that have no binary form of ours come so.
func decodeListText(d *decoder, c *decodeColumn, b []byte) bool {
	l := c.list
	if len(b) > d.maxCell {
		d.mark(c, record.TooBig, kept(b))
		return true
	}
	body, ok := l.shape(b)
	if !ok {
		return false
	}
	l.builder.Begin(c.vector, l.dims, l.bounds)
	for at := 0; at < len(body); {
		switch x := body[at]; x {
		case '{', '}', l.separator:
			at++
			continue
		}
		item, null, next := l.textItem(body, at)
		at = next
		if null {
			l.elem.vector.AppendNull()
		} else if !l.elem.decode(d, &l.elem, item) {
			return false
		}
		if d.refused != "" {
			code := d.refused
			d.refused = ""
			l.builder.Cancel()
			d.mark(c, code, kept(b))
			return true
		}
		l.builder.Next()
	}
	return l.builder.End() == ""
}

// textItem reads the element that begins at body[at].
func (l *listDecoder) textItem(body []byte, at int) (item []byte, null bool, next int) {
	if body[at] != '"' {
		end := at
		for end < len(body) && body[end] != l.separator && body[end] != '}' {
			end++
		}
		item = body[at:end]
		return item, bytes.Equal(item, []byte("NULL")), end
	}
	l.item = l.item[:0]
	for at++; at < len(body) && body[at] != '"'; at++ {
		if body[at] == '\\' && at+1 < len(body) {
			at++
		}
		l.item = append(l.item, body[at])
	}
	return l.item, false, at + 1
}

// shape finds dimensions and lower bounds of a text and returns what follows the bounds. Arrays are rectangular, so the number of
// brackets of each depth tells the lengths.
func (l *listDecoder) shape(b []byte) (body []byte, ok bool) {
	l.dims, l.bounds = l.dims[:0], l.bounds[:0]
	for len(b) > 0 && b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		colon := bytes.IndexByte(b, ':')
		if end < 0 || colon < 0 || colon > end {
			return nil, false
		}
		low, err := strconv.ParseInt(string(b[1:colon]), 10, 32)
		if err != nil {
			return nil, false
		}
		l.bounds = append(l.bounds, int32(low))
		b = b[end+1:]
	}
	b = bytes.TrimPrefix(b, []byte("="))
	var opened [mostDimensions + 2]int32 // brackets and, one deeper than the deepest, elements
	depth, deepest := 0, 0
	for at := 0; at < len(b); {
		switch x := b[at]; x {
		case '{':
			if depth++; depth > mostDimensions {
				return nil, false
			}
			deepest = max(deepest, depth)
			opened[depth]++
			at++
		case '}':
			if depth--; depth < 0 {
				return nil, false
			}
			at++
		case l.separator:
			at++
		default:
			if depth < 1 {
				return nil, false
			}
			_, _, at = l.textItem(b, at)
			opened[depth+1]++
		}
	}
	if depth != 0 || deepest == 0 {
		return nil, false
	}
	for i := range deepest {
		l.dims = append(l.dims, opened[i+2]/opened[i+1])
	}
	if len(l.bounds) == 0 {
		for range l.dims {
			l.bounds = append(l.bounds, 1)
		}
	}
	return b, len(l.bounds) == len(l.dims)
}
