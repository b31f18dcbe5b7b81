package draw

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// array is a list: its dimensions with their lower bounds, and its elements in order.
type array struct {
	dims, bounds []int
	elements     []element
}

type element struct {
	text string
	null bool
}

// String is the array's normal form, elements as they are.
func (a *array) String() string {
	var b strings.Builder
	for i := range a.dims {
		fmt.Fprintf(&b, "[%d:%d]", a.bounds[i], a.bounds[i]+a.dims[i]-1)
	}
	for _, e := range a.elements {
		if e.null {
			b.WriteString(" " + null)
		} else {
			b.WriteString(" " + strconv.Quote(e.text))
		}
	}
	return b.String()
}

// asList returns the normal form of a list: each element in the normal form of its own.
func asList(s shape, shown string) (string, error) {
	var a *array
	var err error
	switch {
	case s.raw:
		a, err = parseRaw(s, shown)
	case s.json || s.form == text:
		a, err = parseNested(shown)
	default:
		a, err = parseArray(shown)
	}
	if err != nil {
		return "", err
	}
	for i := range a.elements {
		e := &a.elements[i]
		if e.null {
			continue
		}
		if e.text, err = normal(s.elem.form, *s.elem, e.text); err != nil {
			return "", err
		}
	}
	return a.String(), nil
}

// parseArray reads PostgreSQL's text of an array: https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
func parseArray(s string) (*array, error) {
	p := &arrayParser{rest: s}
	if strings.HasPrefix(s, "[") {
		head, body, ok := strings.Cut(s, "=")
		if !ok {
			return nil, fmt.Errorf("%.60q is no array", s)
		}
		bounds, err := lowerBounds(head)
		if err != nil {
			return nil, err
		}
		p.a.bounds, p.rest = bounds, body
	}
	if err := p.level(0); err != nil || p.rest != "" {
		return nil, fmt.Errorf("%.60q is no array: %v", s, err)
	}
	if len(p.a.elements) == 0 {
		return &array{}, nil
	}
	for len(p.a.bounds) < len(p.a.dims) {
		p.a.bounds = append(p.a.bounds, 1)
	}
	return &p.a, nil
}

// lowerBounds reads [0:1][5:6].
func lowerBounds(head string) ([]int, error) {
	var bounds []int
	for part := range strings.SplitSeq(strings.Trim(head, "[]"), "][") {
		low, _, _ := strings.Cut(part, ":")
		n, err := strconv.Atoi(low)
		if err != nil {
			return nil, fmt.Errorf("%.60q are no bounds of an array", head)
		}
		bounds = append(bounds, n)
	}
	return bounds, nil
}

type arrayParser struct {
	rest string
	a    array
}

var errArray = errors.New("it ends early")

// level reads one pair of braces; those of one depth have the same number of parts.
func (p *arrayParser) level(depth int) error {
	p.rest = strings.TrimPrefix(p.rest, "{")
	if depth == len(p.a.dims) {
		p.a.dims = append(p.a.dims, 0)
	}
	parts := 0
	for p.rest != "" {
		switch p.rest[0] {
		case '}':
			p.rest = p.rest[1:]
			p.a.dims[depth] = parts
			return nil
		case ',':
			p.rest = p.rest[1:]
		case '{':
			parts++
			if err := p.level(depth + 1); err != nil {
				return err
			}
		default:
			parts++
			if err := p.element(); err != nil {
				return err
			}
		}
	}
	return errArray
}

func (p *arrayParser) element() error {
	if p.rest[0] != '"' {
		end := strings.IndexAny(p.rest, ",}")
		if end < 0 {
			return errArray
		}
		word := p.rest[:end]
		p.rest = p.rest[end:]
		p.a.elements = append(p.a.elements, element{word, word == "NULL"})
		return nil
	}
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch p.rest[i] {
		case '"':
			p.rest = p.rest[i+1:]
			p.a.elements = append(p.a.elements, element{b.String(), false})
			return nil
		case '\\':
			i++
			fallthrough
		default:
			if i < len(p.rest) {
				b.WriteByte(p.rest[i])
			}
		}
	}
	return errArray
}

// parseNested reads a JSON array whose rows are arrays; strings stand for their text, other elements for theirs. Bounds other than 1
// stand in front, as in [0:1]=[7,8].
func parseNested(s string) (*array, error) {
	if head, body, ok := strings.Cut(s, "="); ok && strings.Contains(head, ":") && !strings.Contains(head, `"`) {
		a, err := parseNested(body)
		if err != nil {
			return nil, err
		}
		a.bounds, err = lowerBounds(head)
		return a, err
	}
	var top []json.RawMessage
	if err := json.Unmarshal([]byte(s), &top); err != nil {
		return nil, fmt.Errorf("%.60q is no JSON array", s)
	}
	a := &array{}
	if len(top) == 0 {
		return a, nil
	}
	err := a.nest(0, top)
	for range a.dims {
		a.bounds = append(a.bounds, 1)
	}
	return a, err
}

func (a *array) nest(depth int, parts []json.RawMessage) error {
	if depth == len(a.dims) {
		a.dims = append(a.dims, len(parts))
	}
	if a.dims[depth] != len(parts) {
		return fmt.Errorf("rows of %d and of %d elements", a.dims[depth], len(parts))
	}
	for _, part := range parts {
		switch part[0] {
		case '[':
			var inner []json.RawMessage
			if err := json.Unmarshal(part, &inner); err != nil {
				return err
			}
			if err := a.nest(depth+1, inner); err != nil {
				return err
			}
		case '"':
			var text string
			if err := json.Unmarshal(part, &text); err != nil {
				return err
			}
			a.elements = append(a.elements, element{text, false})
		default:
			a.elements = append(a.elements, element{string(part), string(part) == "null"})
		}
	}
	return nil
}

// parseRaw reads a list in the form of docs/reference/types.md §4, in hex: 4 bytes each for the number of dimensions, their lengths, their lower
// bounds; then each element: 0 for NULL, else 1, its length where its type has none, its bytes.
func parseRaw(s shape, digits string) (*array, error) {
	b, err := hex.DecodeString(digits)
	if err != nil {
		return nil, err
	}
	r := &rawReader{b: b}
	a := &array{}
	n := int(int32(r.uint32()))
	count := min(n, 1)
	for range n {
		d := int(int32(r.uint32()))
		a.dims = append(a.dims, d)
		count *= d
	}
	for range n {
		a.bounds = append(a.bounds, int(int32(r.uint32())))
	}
	for range count {
		if len(r.take(1)) == 1 && r.last[0] == 0 {
			a.elements = append(a.elements, element{null: true})
			continue
		}
		text, err := r.element(s.elem)
		if err != nil {
			return nil, err
		}
		a.elements = append(a.elements, element{text: text})
	}
	if r.short || len(r.b) > 0 {
		return nil, fmt.Errorf("a list of %d bytes: %d are left, short %t", len(b), len(r.b), r.short)
	}
	return a, nil
}

type rawReader struct {
	b, last []byte
	short   bool
}

func (r *rawReader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.short, r.b, r.last = true, nil, []byte{0}
		return nil
	}
	r.last, r.b = r.b[:n], r.b[n:]
	return r.last
}

func (r *rawReader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *rawReader) int64() int64 {
	if b := r.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// element returns an element's text, as the element's shape has it.
func (r *rawReader) element(e *shape) (string, error) {
	switch e.form {
	case number:
		if e.n > 0 { // whole numbers of so many bits
			return strconv.FormatInt(r.int64(), 10), nil
		}
		return string(r.take(int(r.uint32()))), nil
	case float64s:
		return strconv.FormatFloat(math.Float64frombits(uint64(r.int64())), 'g', -1, 64), nil
	case truth:
		if b := r.take(1); b != nil {
			return strconv.Itoa(int(b[0])), nil
		}
		return "", errArray
	case text:
		return string(r.take(int(r.uint32()))), nil
	case octets:
		return hex.EncodeToString(r.take(int(r.uint32()))), nil
	case moment:
		return microsText(r.int64()), nil
	case uuid:
		return hex.EncodeToString(r.take(16)), nil
	}
	return "", fmt.Errorf("no raw form of %d", e.form)
}

// microsText writes microseconds since 1970 as a wall clock.
func microsText(n int64) string { return time.UnixMicro(n).UTC().Format("2006-01-02 15:04:05.000000") }
