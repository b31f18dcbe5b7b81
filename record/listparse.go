package record

import (
	"bytes"
	"math"
)

// AppendParsed appends to dst the list whose text form is text. The code is as that of the package's AppendParsed; SHAPE: the
// arrays are no rectangle.
func (b *ListBuilder) AppendParsed(dst *Vector, text []byte) Code {
	array, bounds, ok := cutBounds(text)
	if !ok {
		return WrongType
	}
	if code := fitJSON(&Type{Kind: JSON}, array); code != "" {
		return code
	}
	p := listParser{b: b, json: jsonReader{text: array}, bounds: bounds}
	return p.list(dst)
}

// appendJSON appends to dst the list that a JSON text is: elements that are JSON or lists themselves stand in it as values.
func (b *ListBuilder) appendJSON(dst *Vector, text []byte) Code {
	p := listParser{b: b, json: jsonReader{text: text}, values: true}
	return p.list(dst)
}

// bound is what a text form says of a dimension.
type bound struct{ lower, upper int64 }

// cutBounds reads [lower:upper] for each dimension and an equals sign, when text begins with them.
func cutBounds(text []byte) (array []byte, bounds []bound, ok bool) {
	rest := text
	for len(rest) > 0 && rest[0] == '[' {
		inside, after, closed := bytes.Cut(rest[1:], []byte{']'})
		lower, upper, pair := bytes.Cut(inside, []byte{':'})
		if !closed || !pair {
			break
		}
		lo, code1 := parseInt(lower, math.MinInt32, math.MaxInt32)
		hi, code2 := parseInt(upper, math.MinInt32, 2*math.MaxInt32)
		if code1 != "" || code2 != "" || len(bounds) == maxDimensions {
			break
		}
		bounds, rest = append(bounds, bound{lo, hi}), after
	}
	if len(bounds) == 0 {
		return text, nil, true
	}
	array, ok = bytes.CutPrefix(rest, []byte{'='})
	return array, bounds, ok
}

// listParser reads a JSON text, which is known to be one, into a list.
type listParser struct {
	json   jsonReader
	b      *ListBuilder
	bounds []bound
	values bool // elements that are JSON or lists stand there themselves, not as strings of their text form

	dimensions   int
	dims, counts [maxDimensions]int32 // lengths of the dimensions; items of the arrays that are open
}

func (p *listParser) list(dst *Vector) Code {
	empty, code := p.opens()
	if code != "" {
		return code
	}
	p.b.reserve(dst, p.dimensions)
	if !empty {
		code = p.items()
	}
	if code == "" {
		code = p.measure()
	}
	if code != "" {
		p.b.Cancel()
		return code
	}
	return p.b.End()
}

// opens counts the dimensions: the brackets before the first element.
func (p *listParser) opens() (empty bool, code Code) {
	ahead := p.json
	single := p.values && (p.b.elem.Kind == JSON || p.b.elem.Kind == List)
	for (p.dimensions == 0 || !single) && ahead.next('[') {
		if p.dimensions++; p.dimensions > maxDimensions {
			return false, Shape
		}
	}
	switch {
	case p.dimensions == 0:
		return false, WrongType
	case !ahead.next(']'):
		return false, ""
	case p.dimensions > 1:
		return false, Shape // only the whole list is empty
	}
	p.dimensions = 0
	return true, ""
}

// items reads all elements; the arrays of a dimension have equally many items.
func (p *listParser) items() Code {
	r := &p.json
	for depth := 0; ; {
		if r.space(); r.at == len(r.text) {
			return WrongType
		}
		switch c := r.text[r.at]; {
		case c == '[' && depth < p.dimensions:
			r.at++
			p.counts[depth] = 0
			depth++
		case c == ',':
			r.at++
		case c == ']' && depth > 0:
			r.at++
			depth--
			n := p.counts[depth]
			if p.dims[depth] == 0 {
				p.dims[depth] = n
			}
			if n == 0 || n != p.dims[depth] {
				return Shape
			}
			if depth == 0 {
				return ""
			}
			p.counts[depth-1]++
		case depth < p.dimensions:
			return Shape
		default:
			if code := p.element(); code != "" {
				return code
			}
			p.counts[depth-1]++
			p.b.Next()
		}
	}
}

// measure writes lengths and lower bounds.
func (p *listParser) measure() Code {
	if p.bounds != nil && len(p.bounds) != p.dimensions {
		return WrongType
	}
	p.b.want = int64(min(p.dimensions, 1))
	for i, n := range p.dims[:p.dimensions] {
		lower := int64(1)
		if p.bounds != nil {
			if lower = p.bounds[i].lower; p.bounds[i].upper-lower+1 != int64(n) {
				return WrongType
			}
		}
		p.b.dimension(i, n, int32(lower))
		p.b.want = product(p.b.want, n)
	}
	return ""
}

// element reads one item of the innermost arrays.
func (p *listParser) element() Code {
	value, ok := p.json.cut()
	if !ok {
		return WrongType
	}
	b := p.b
	switch c := value[0]; {
	case string(value) == "null":
		b.elems.AppendNull()
		return ""
	case p.values && b.elem.Kind == JSON:
		return appendParsed(b.elems, &b.elem, value)
	case p.values && b.inner != nil:
		return b.inner.appendJSON(b.elems, value)
	case c == '"':
		return b.appendQuoted(value)
	case c == '[':
		return Shape
	case c == 't' || c == 'f':
		if b.elem.Kind != Bool {
			return WrongType
		}
	case c == '{' || !numeric(b.elem.Kind):
		return WrongType
	}
	return appendParsed(b.elems, &b.elem, value)
}

// numeric reports the kinds whose elements are numbers of JSON.
func numeric(k Kind) bool { return k == Int || k == Uint || k == Float || k == Decimal || k == Year }

// appendQuoted appends the element whose text form is in a JSON string.
func (b *ListBuilder) appendQuoted(value []byte) Code {
	r := jsonReader{text: value}
	var ok bool
	if b.text, ok = r.quoted(b.text[:0]); !ok {
		return WrongType
	}
	const length = 4 // stands before it
	if b.inner != nil {
		return b.inner.AppendParsed(b.elems, b.text[length:])
	}
	return appendParsed(b.elems, &b.elem, b.text[length:])
}

// cut takes the value off that the text goes on with: a string, an array or an object, or a word.
func (p *jsonReader) cut() (value []byte, ok bool) {
	start := p.at
	switch p.text[start] {
	case '"':
		ok = p.pass()
	case '[', '{':
		ok = p.passTree()
	default:
		n := bytes.IndexAny(p.text[start:], ",]} \t\r\n")
		if n < 0 {
			n = len(p.text) - start
		}
		p.at, ok = start+n, n > 0
	}
	return p.text[start:p.at], ok
}

// pass goes over a string.
func (p *jsonReader) pass() bool {
	for p.at++; p.at < len(p.text); p.at++ {
		switch p.text[p.at] {
		case '\\':
			p.at++
		case '"':
			p.at++
			return true
		}
	}
	p.at = len(p.text)
	return false
}

// passTree goes over an array or an object.
func (p *jsonReader) passTree() bool {
	for depth := 0; p.at < len(p.text); {
		switch p.text[p.at] {
		case '"':
			if !p.pass() {
				return false
			}
			continue
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		}
		p.at++
		if depth == 0 {
			return true
		}
	}
	return false
}
