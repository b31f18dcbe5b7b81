package record_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/towpath/towpath/record"
)

// Each text is read as a list and written again; want is what comes back, the same text when empty, or the code.
var listCases = []struct {
	elem, text, want string
	code             record.Code
}{
	{"int32", "[]", "", ""}, {"int32", " [ ] ", "[]", ""}, {"int32", "[1,2,3]", "", ""}, {"int32", "[1, null ,-3]", "[1,null,-3]", ""}, {"int32", "[null]", "", ""},
	{"int32", "[[1,2],[3,4]]", "", ""}, {"int32", "[[[1],[2]],[[3],[null]]]", "", ""}, {"int32", "[0:2]=[1,2,3]", "", ""}, {"int32", "[1:3]=[1,2,3]", "[1,2,3]", ""},
	{"int32", "[-5:-4][2:3]=[[1,2],[3,4]]", "", ""}, {"int32", "[2147483647:2147483648]=[1,2]", "", ""}, {"int32", "[-2147483648:-2147483648]=[1]", "", ""},
	{"int32", `["7"]`, "[7]", ""}, {"int32", "[1.0]", "[1]", ""}, {"int8", "[1,300]", "", record.Range}, {"int32", "[1.5]", "", record.Scale}, {"int32", "[1e3]", "", record.WrongType},
	{"int32", "[[1,2],[3]]", "", record.Shape}, {"int32", "[[1,2],[3],[4,5,6]]", "", record.Shape}, {"int32", "[1,[2]]", "", record.Shape}, {"int32", "[[1],2]", "", record.Shape}, {"int32", "[[1],null]", "", record.Shape}, {"int32", "[[],[]]", "", record.Shape}, {"int32", "[[]]", "", record.Shape}, {"int32", "[[1],[]]", "", record.Shape},
	{"int32", strings.Repeat("[", 32) + "1" + strings.Repeat("]", 32), "", ""}, {"int32", strings.Repeat("[", 33) + "1" + strings.Repeat("]", 33), "", record.Shape},
	{"int32", "", "", record.WrongType}, {"int32", "1", "", record.WrongType}, {"int32", "null", "", record.WrongType}, {"int32", "{}", "", record.WrongType}, {"int32", "[1", "", record.WrongType}, {"int32", "[1,]", "", record.WrongType}, {"int32", "[1]x", "", record.WrongType}, {"int32", "{1,2}", "", record.WrongType}, {"int32", "[{}]", "", record.WrongType}, {"int32", "[true]", "", record.WrongType},
	{"int32", "[0:2]=[1,2]", "", record.WrongType}, {"int32", "[0:1][0:0]=[1,2]", "", record.WrongType}, {"int32", "[0:1][1,2]", "", record.WrongType}, {"int32", "[0:0]=[]", "", record.WrongType}, {"int32", "[2147483648:2147483648]=[1]", "", record.WrongType}, {"int32", "[0:1]=", "", record.WrongType},
	{"bool", "[true,false,null]", "", ""}, {"bool", "[1]", "", record.WrongType}, {"uint64", "[18446744073709551615]", "", ""},
	{"float64", `[0.1,-0,5e-324,"NaN","-Infinity",null]`, "", ""}, {"float32", "[0.1]", "", ""}, {"decimal(10,2)", "[12.5,-0.01]", "[12.50,-0.01]", ""}, {"decimal(10,2)", "[1.005]", "", record.Scale}, {"decimal", "[0.1000,1e40,-0.00]", "[0.1000,10000000000000000000000000000000000000000,0.00]", ""},
	{"decimal", `["NaN"]`, "", record.NonFinite}, {"decimal(38,10)", "[-1.5]", "[-1.5000000000]", ""}, {"decimal(65,30)", "[1.500000000000000000000000000000]", "", ""}, {"decimal(5,-2)", "[12300]", "", ""}, {"year", "[0,2026]", "", ""},
	{"text", `["a,b","c\"d","{e}","NULL","",null,"\u0000","ä🦀","[1]"]`, "", ""}, {"text", `["\u00e4\/"]`, `["ä/"]`, ""}, {"text", "[1]", "", record.WrongType}, {"text(2)", `["abc"]`, "", record.Trunc}, {"text", "[\"\xff\"]", "", record.UTF8}, {"text", `["\ud800"]`, "", record.UTF8}, {"text(4 fixed)", `["ab  "]`, "", ""},
	{"bytes", `["00ff",""]`, "", ""}, {"date", `["2026-01-02","-0043-03-15"]`, "", ""}, {"date", `["infinity"]`, "", record.InfTime}, {"time(6)", `["24:00:00.000001"]`, "", ""}, {"datetime(6)", `["2026-01-02 03:04:05.123456"]`, "", ""}, {"datetime(9)", `["2026-01-02 03:04:05.123456789"]`, "", ""},
	{"instant(3 offset)", `["2018-07-13 12:23:45.456+11:00"]`, "", ""}, {"interval", `["P1M1DT25H"]`, "", ""}, {"uuid", `["6f9619ff-8b86-d011-b42d-00c04fc964ff"]`, "", ""},
	{"json", `["{\"b\":1, \"a\":1.10}","null",null]`, "", ""}, {"json", "[1]", "", record.WrongType}, {"json", `["{"]`, "", record.WrongType}, {"document", `["0500000000"]`, "", ""}, {`enum("a","b")`, `["b"]`, "", ""}, {`enum("a")`, `["b"]`, "", record.Range}, {`set("a","b")`, `["b,a",""]`, `["a,b",""]`, ""},
	{"bit(10)", `["1000000011"]`, "", ""}, {"bit(70)", `["` + strings.Repeat("10", 35) + `"]`, "", ""}, {"geometry", `["000010e60101000000"]`, "", ""}, {"native(inet)", `["::1"]`, "", ""},
	{"list(int32)", `["[1,2]",null,"[]","[0:1]=[[3],[4]]"]`, "", record.WrongType}, {"list(int32)", `["[1,2]",null,"[]","[0:1][1:1]=[[3],[4]]"]`, "", ""}, {"list(text)", `[["[\"a\\\"b\"]"],["[null]"]]`, "", ""}, {"list(int32)", "[[1]]", "", record.WrongType},
}

func TestListTexts(t *testing.T) {
	t.Parallel()
	for _, tt := range listCases {
		typ := typed(t, "list("+tt.elem+")")
		v := record.NewVector(typ.Form())
		if got := record.AppendParsed(v, &typ, []byte(tt.text)); got != tt.code {
			t.Errorf("parse %.60q as %s: code %q, want %q", tt.text, typ, got, tt.code)
			continue
		}
		if tt.code != "" {
			if v.Len != 0 || len(v.Data) != 0 {
				t.Errorf("parse %.60q as %s: %d cells, %d bytes left of a value that did not fit", tt.text, typ, v.Len, len(v.Data))
			}
			continue
		}
		want := tt.want
		if want == "" {
			want = tt.text
		}
		if got := string(record.AppendText(nil, &typ, v, 0)); got != want {
			t.Errorf("%q as %s: text %q, want %q", tt.text, typ, got, want)
		}
	}
}

// aList is a list as a test draws it.
type aList struct {
	dims, bounds []int32
	elems        *record.Vector
}

// drawList draws a list of one of the shapes: empty, one or more dimensions, odd bounds, elements that are NULL.
func drawList(t *rapid.T, elem *record.Type) aList {
	l := aList{elems: record.NewVector(elem.Form())}
	for range rapid.IntRange(0, 3).Draw(t, "dimensions") {
		l.dims = append(l.dims, rapid.Int32Range(1, 4).Draw(t, "length"))
		l.bounds = append(l.bounds, rapid.SampledFrom([]int32{1, 1, 1, 0, -7, 1 << 30}).Draw(t, "bound"))
	}
	n := int32(min(1, len(l.dims)))
	for _, length := range l.dims {
		n *= length
	}
	for range n {
		text := "NULL"
		if rapid.IntRange(0, 5).Draw(t, "null") > 0 {
			text = drawText(t, elem)
		}
		if text == "NULL" {
			l.elems.AppendNull()
		} else if code := record.AppendParsed(l.elems, elem, []byte(text)); code != "" {
			t.Fatalf("parse %q: %s", text, code)
		}
	}
	return l
}

// build appends the list as a reader does.
func (l aList) build(b *record.ListBuilder, dst *record.Vector) record.Code {
	b.Begin(dst, l.dims, l.bounds)
	for i := range l.elems.Len {
		b.Elem().AppendCell(l.elems, i)
		b.Next()
	}
	return b.End()
}

// key tells the values of lists apart: without knowledge of their encoding.
func (l aList) key(elem record.Type) string {
	key := fmt.Sprint(l.dims, l.bounds)
	s := &record.Schema{Fields: []record.Field{{Name: "a", Type: elem}}}
	return key + fmt.Sprint(record.NewHasher(s, 5).Rows(&record.Batch{Schema: s, Len: l.elems.Len, Cols: []*record.Vector{l.elems}}, nil))
}

// scalarNames are the types that elements have.
func scalarNames() []string {
	names := slices.DeleteFunc(slices.Clone(typeNames), func(name string) bool { return strings.HasPrefix(name, "list(") })
	return append(names, "text(5 fixed)", "list(text)", "list(list(decimal))")
}

func TestListsOfEveryType(t *testing.T) {
	t.Parallel()
	for _, name := range scalarNames() {
		elem := typed(t, name)
		typ := record.Type{Kind: record.List, Elem: &elem}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, r := record.NewListBuilder(&elem), record.NewListReader(&elem)
			rapid.Check(t, func(t *rapid.T) {
				lists := []aList{drawList(t, &elem), {}}
				switch lists[1] = lists[0]; rapid.IntRange(0, 2).Draw(t, "second") {
				case 0:
					lists[1] = drawList(t, &elem)
				case 1: // another shape of the same elements
					lists[1].dims = slices.Clone(lists[0].dims)
					slices.Reverse(lists[1].dims)
				}
				v := record.NewVector(record.FormBytes)
				for _, l := range lists {
					if code := l.build(b, v); code != "" {
						t.Fatalf("build: %s", code)
					}
				}
				for i, l := range lists {
					checkList(t, r, v.Bytes(i), l)
					text := record.AppendText(nil, &typ, v, i)
					if code := record.AppendParsed(v, &typ, text); code != "" {
						t.Fatalf("parse %q: %s", text, code)
					}
					if last := v.Bytes(v.Len - 1); !bytes.Equal(last, v.Bytes(i)) {
						t.Fatalf("%q came back as %x, want %x", text, last, v.Bytes(i))
					}
				}
				h := hashes(typ, v)
				if same := lists[0].key(elem) == lists[1].key(elem); same != (h[0] == h[1]) {
					t.Fatalf("%s and %s: same %v", record.AppendText(nil, &typ, v, 0), record.AppendText(nil, &typ, v, 1), h[0] == h[1])
				}
			})
		})
	}
}

// checkList compares what a reader finds in a cell.
func checkList(t *rapid.T, r *record.ListReader, cell []byte, want aList) {
	if !r.Open(cell) {
		t.Fatalf("cell %x is no list", cell)
	}
	if !slices.Equal(r.Dims, want.dims) || !slices.Equal(r.Bounds, want.bounds) || r.Nulls != want.elems.Nulls {
		t.Fatalf("dimensions %v from %v with %d NULLs, want %v from %v with %d", r.Dims, r.Bounds, r.Nulls, want.dims, want.bounds, want.elems.Nulls)
	}
	found := record.NewVector(want.elems.Form)
	for row, ok := r.Next(); ok; row, ok = r.Next() {
		found.AppendCell(r.Elem(), row)
	}
	if diff := cmp.Diff(cells(want.elems), cells(found)); diff != "" {
		t.Fatalf("elements (-want +got):\n%s", diff)
	}
}

// cells are the contents of a vector that can be compared.
func cells(v *record.Vector) []string {
	var out []string
	for i := range v.Len {
		switch {
		case v.Null(i):
			out = append(out, "NULL")
		case v.Form == record.FormBool:
			out = append(out, fmt.Sprint(v.Bool(i)))
		case v.Form == record.FormBytes:
			out = append(out, fmt.Sprintf("%x", v.Bytes(i)))
		case v.Form == record.FormInt64:
			out = append(out, fmt.Sprint(v.Int64[i]))
		case v.Form == record.FormUint64:
			out = append(out, fmt.Sprint(v.Uint64[i]))
		case v.Form == record.FormFloat64:
			out = append(out, fmt.Sprint(v.Float64[i]))
		case v.Form == record.FormInt128:
			out = append(out, fmt.Sprint(v.Int128[i]))
		default:
			out = append(out, fmt.Sprint(v.Fixed16[i]))
		}
	}
	return out
}

// More elements than a vector has room for, and what a builder refuses or gives up.
func TestListBuilder(t *testing.T) {
	t.Parallel()
	elem := typed(t, "int32")
	b, r, v := record.NewListBuilder(&elem), record.NewListReader(&elem), record.NewVector(record.FormBytes)
	fill := func(n int) {
		for i := range n {
			b.Elem().AppendInt64(int64(i))
			b.Next()
		}
	}
	const many = 3*record.MaxRows + 1
	b.Begin(v, []int32{many}, nil)
	fill(many)
	if code := b.End(); code != "" {
		t.Fatalf("%d elements: %s", many, code)
	}
	if !r.Open(v.Bytes(0)) {
		t.Fatal("cannot open a long list")
	}
	n := int64(0)
	for row, ok := r.Next(); ok; row, ok = r.Next() {
		if r.Elem().Int64[row] != n {
			t.Fatalf("element %d is %d", n, r.Elem().Int64[row])
		}
		n++
	}
	if n != many {
		t.Errorf("%d elements, want %d", n, many)
	}
	size := len(v.Data)
	for name, begin := range map[string]func(){
		"too few":   func() { b.Begin(v, []int32{2, 2}, nil); fill(3) },
		"too many":  func() { b.Begin(v, []int32{2}, nil); fill(3) },
		"negative":  func() { b.Begin(v, []int32{-1}, nil); fill(1) },
		"of none":   func() { b.Begin(v, nil, nil); fill(1) },
		"deep":      func() { b.Begin(v, slices.Repeat([]int32{1}, 33), nil); fill(1) },
		"huge":      func() { b.Begin(v, slices.Repeat([]int32{1 << 30}, 32), nil) },
		"abandoned": func() { b.Begin(v, []int32{5}, nil); fill(2) },
	} {
		begin()
		code := record.Shape
		if name == "abandoned" {
			b.Cancel()
		} else {
			code = b.End()
		}
		if code != record.Shape || v.Len != 1 || len(v.Data) != size {
			t.Errorf("%s: code %q, %d cells, %d bytes, want %d", name, code, v.Len, len(v.Data), size)
		}
	}
	b.Begin(v, []int32{3, 0, 2}, []int32{0, 0, 0})
	if code := b.End(); code != "" || string(r.AppendText(nil, v.Bytes(1))) != "[]" {
		t.Errorf("a dimension of no length: code %q, %x", code, v.Bytes(1))
	}
}

func TestListsAllocateNothing(t *testing.T) {
	for _, name := range []string{"int32", "text", "decimal", "float32", "bool", "uuid"} {
		elem := typed(t, name)
		src := column(t, elem)
		for range 100 {
			record.AppendParsed(src, &elem, []byte(map[string]string{"text": "text", "uuid": strings.Repeat("0", 32)}[name]+map[bool]string{true: "", false: "1"}[name == "text" || name == "uuid"]))
		}
		l := aList{dims: []int32{4, 25}, bounds: []int32{0, 1}, elems: src}
		b, r, v := record.NewListBuilder(&elem), record.NewListReader(&elem), record.NewVector(record.FormBytes)
		batch := &record.Batch{Schema: &record.Schema{Fields: []record.Field{{Name: "a", Type: record.Type{Kind: record.List, Elem: &elem}}}}, Len: 50, Cols: []*record.Vector{v}}
		h := record.NewHasher(batch.Schema, 1)
		var out []record.Hash
		var text []byte
		if n := testing.AllocsPerRun(20, func() {
			v.Reset(record.FormBytes)
			for range 50 {
				l.build(b, v)
			}
			for i := range 50 {
				r.Open(v.Bytes(i))
				for _, ok := r.Next(); ok; _, ok = r.Next() {
				}
				text = r.AppendText(text[:0], v.Bytes(i))
			}
			out = h.Rows(batch, out[:0])
		}); n > 55 { // the text of a list is made by a function of the reader
			t.Errorf("lists of %s: %v allocations for 50 lists", name, n)
		}
	}
}

func FuzzListReader(f *testing.F) {
	for _, tt := range listCases {
		if tt.code != "" {
			continue
		}
		elem := typed(f, tt.elem)
		v := column(f, record.Type{Kind: record.List, Elem: &elem}, tt.text)
		f.Add(tt.elem, v.Bytes(0))
	}
	f.Add("int32", []byte("\x00\x00\x00\x02\x7f\xff\xff\xff\x7f\xff\xff\xff\x00\x00\x00\x01\x00\x00\x00\x01\x00"))
	f.Add("text", []byte("\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x10\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, name string, cell []byte) {
		elem, err := record.ParseType(name)
		if err != nil {
			return
		}
		typ := record.Type{Kind: record.List, Elem: &elem}
		r := record.NewListReader(&elem)
		v := record.NewVector(record.FormBytes)
		v.AppendBytes(cell)
		text := record.AppendText(nil, &typ, v, 0)
		hashes(typ, v)
		if elem.Kind != record.List && len(text) > 1<<10+300*len(cell) { // a list's text in a list's doubles its backslashes
			t.Fatalf("%d bytes of a cell become a text of %d", len(cell), len(text))
		}
		if !r.Open(cell) {
			return
		}
		n := 0
		for _, ok := r.Next(); ok; _, ok = r.Next() {
			n++
		}
		if n > len(cell) {
			t.Fatalf("%d elements in %d bytes", n, len(cell))
		}
		for _, to := range []string{"text", "json", "list(text)", "list(int32)", "list(decimal)"} {
			if c := record.NewCast(typ, typed(t, to), record.CastOptions{}); c.Decision != record.Refused {
				c.Apply(record.NewVector(c.To.Form()), v, 0, nil)
			}
		}
	})
}

func BenchmarkLists(b *testing.B) {
	for _, tt := range []struct {
		elem, text string
		size       int32
	}{{"int32", "12345", 4}, {"float32", "0.25", 1536}, {"text", "a label", 4}, {"decimal(10,2)", "12.50", 4}} {
		elem := typed(b, tt.elem)
		src := record.NewVector(elem.Form())
		for range tt.size {
			record.AppendParsed(src, &elem, []byte(tt.text))
		}
		l := aList{dims: []int32{tt.size}, elems: src}
		builder, r, v := record.NewListBuilder(&elem), record.NewListReader(&elem), record.NewVector(record.FormBytes)
		const cells = 100
		fill := func() {
			v.Reset(record.FormBytes)
			for range cells {
				l.build(builder, v)
			}
		}
		rate := func(b *testing.B) {
			b.ReportMetric(float64(b.N)*cells*float64(tt.size)/b.Elapsed().Seconds()/1e6, "Melements/s")
		}
		name := fmt.Sprintf("%s×%d", tt.elem, tt.size)
		b.Run("build/"+name, func(b *testing.B) {
			for b.Loop() {
				fill()
			}
			rate(b)
		})
		b.Run("read/"+name, func(b *testing.B) {
			fill()
			for b.Loop() {
				for i := range cells {
					r.Open(v.Bytes(i))
					for _, ok := r.Next(); ok; _, ok = r.Next() {
					}
				}
			}
			rate(b)
		})
		b.Run("json/"+name, func(b *testing.B) {
			fill()
			c := record.NewCast(record.Type{Kind: record.List, Elem: &elem}, record.Type{Kind: record.JSON}, record.CastOptions{})
			dst := record.NewVector(record.FormBytes)
			for b.Loop() {
				dst.Reset(record.FormBytes)
				c.Apply(dst, v, 0, nil)
			}
			rate(b)
		})
	}
}
