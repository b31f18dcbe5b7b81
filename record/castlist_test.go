package record_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/record"
)

var castListCases = []struct {
	from, to   string
	decision   record.Decision
	text, want string
	code       record.Code
	raw        string // of the mark; the text itself when empty
}{
	{"list(int32)", "json", record.Checked, "[[1,null],[3,4]]", "[[1,null],[3,4]]", "", ""}, {"list(int32)", "json", record.Checked, "[]", "[]", "", ""}, {"list(int32)", "json", record.Checked, "[0:2]=[1,2,3]", "", record.Shape, ""},
	{"list(text)", "json", record.Checked, `["a,b","c \"d\"","{e}",null,""]`, `["a,b","c \"d\"","{e}",null,""]`, "", ""}, {"list(text)", "json nonul", record.Checked, `["a\u0000"]`, "", record.NUL, ""}, {"list(text)", "json nonul", record.Checked, `["\\u0000"]`, `["\\u0000"]`, "", ""},
	{"list(float64)", "json", record.Checked, `[1.5,"NaN"]`, "", record.NonFinite, ""}, {"list(float64)", "json", record.Checked, "[1e+21,-0,0.1]", "[1e+21,-0,0.1]", "", ""}, {"list(decimal)", "json", record.Checked, "[0.1000,1e30]", "[0.1000,1000000000000000000000000000000]", "", "[0.1000]"},
	{"list(bytes)", "json", record.Checked, `["00ff"]`, `["00ff"]`, "", ""}, {"list(json)", "json", record.Checked, `["{\"a\":1.10}","null",null]`, `[{"a":1.10},null,null]`, "", ""}, {"list(json)", "json", record.Checked, `[0:0]=["[1,2]"]`, "", record.Shape, "[0:0]=[[1,2]]"},
	{"list(json)", "json nonul", record.Checked, `["\"\\u0000\""]`, "", record.NUL, ""}, {"list(json)", "json nonul", record.Checked, `["\"\\ud800\""]`, "", record.UTF8, ""},
	{"list(date)", "json", record.Checked, `["2026-01-02"]`, `["2026-01-02"]`, "", ""}, {"list(interval)", "json", record.Checked, `["P1M"]`, `["P1M"]`, "", ""}, {"list(year)", "json", record.Checked, "[0,2026]", "[0,2026]", "", ""}, {"list(bool)", "json", record.Checked, "[true,null]", "[true,null]", "", ""},
	{`list(set("a","b"))`, "json", record.Checked, `["a,b"]`, `["a,b"]`, "", ""}, {"list(geometry)", "json", record.Checked, `["000010e6` + point + `"]`, `["0101000020e6100000` + point[10:] + `"]`, "", ""}, {"list(geometry)", "json", record.Checked, `["00"]`, "", record.WrongType, ""},
	{"list(list(int32))", "json", record.Checked, `["[1,2]",null,"[[3]]","[]"]`, `[[1,2],null,[[3]],[]]`, "", ""}, {"list(list(int32))", "json", record.Checked, `["[0:1]=[1,2]"]`, "", record.Shape, ""}, {"list(list(float64))", "json", record.Checked, `["[\"NaN\"]"]`, "", record.NonFinite, ""},
	{"list(document)", "json", record.Refused, "", "", "", ""}, {"list", "json", record.Refused, "", "", "", ""}, {"list(list)", "json", record.Refused, "", "", "", ""},
	{"list(int32)", "text", record.Widening, "[0:1]=[1,null]", "[0:1]=[1,null]", "", ""}, {"list(text)", "text nonul", record.Widening, `["\u0000"]`, `["\u0000"]`, "", ""}, {"list(text)", "text ascii", record.Checked, `["é"]`, "", record.UTF8, ""}, {"list(int32)", "text ascii", record.Widening, "[1]", "[1]", "", ""}, {"list(int32)", "text(3)", record.Checked, "[12]", "", record.Trunc, ""},
	{"json", "list(int32)", record.Checked, "[[1,null],[3,4]]", "[[1,null],[3,4]]", "", ""}, {"json", "list(int32)", record.Checked, "[]", "[]", "", ""}, {"json", "list(int32)", record.Checked, "[[1],[2,3]]", "", record.Shape, ""}, {"json", "list(int32)", record.Checked, `[1,"x"]`, "", record.WrongType, ""}, {"json", "list(int32)", record.Checked, "5", "", record.WrongType, ""}, {"json", "list(int32)", record.Checked, `{"a":1}`, "", record.WrongType, ""},
	{"json", "list(int32)", record.Checked, "[9007199254740993]", "", record.Range, ""}, {"json", "list(int64)", record.Checked, "[9007199254740993]", "[9007199254740993]", "", ""}, {"json", "list(text)", record.Checked, `["\u00e4", "b"]`, `["ä","b"]`, "", ""}, {"json", "list(text)", record.Checked, "[1]", "", record.WrongType, ""}, {"json", "list(bool)", record.Checked, "[true, false]", "[true,false]", "", ""},
	{"json", "list(json)", record.Checked, `[ {"a" : [1] } , "s", null, [[2]], 1.10 ]`, `["{\"a\" : [1] }","\"s\"",null,"[[2]]","1.10"]`, "", ""}, {"json", "list(list(int32))", record.Checked, "[[1], [], null, [[2],[3]]]", `["[1]","[]",null,"[[2],[3]]"]`, "", ""}, {"json", "list(list(int32))", record.Checked, "[1]", "", record.WrongType, ""}, {"json", "list(list(int32))", record.Checked, "[[1],[[2],3]]", "", record.Shape, ""},
	{"json", "list(decimal(10,2))", record.Checked, `["12.5", 1e1, 0.1]`, "[12.50,10.00,0.10]", "", ""}, {"json", "list(bytes)", record.Checked, `["00FF"]`, `["00ff"]`, "", ""}, {"json", "list(geometry)", record.Refused, "", "", "", ""}, {"json", "list(document)", record.Refused, "", "", "", ""}, {"json", "list", record.Refused, "", "", "", ""},
	{"text", "list(int32)", record.Checked, "[0:1][1:1]=[[1],[2]]", "[0:1][1:1]=[[1],[2]]", "", ""}, {"text", "list(int32)", record.Checked, "{1,2}", "", record.WrongType, ""}, {"text", "list(list(int32))", record.Checked, `["[1]"]`, `["[1]"]`, "", ""}, {"text", "list", record.Refused, "", "", "", ""},
	{"list(int32)", "list(int64)", record.Widening, "[0:1]=[1,null]", "[0:1]=[1,null]", "", ""}, {"list(int64)", "list(int8)", record.Checked, "[1,300]", "", record.Range, ""}, {"list(int64)", "list(int8)", record.Checked, "[[1],[-128]]", "[[1],[-128]]", "", ""}, {"list(int32)", "list(int32)", record.Same, "[1]", "[1]", "", ""},
	{"list(decimal(10,2))", "list(text)", record.Widening, "[12.50]", `["12.50"]`, "", ""}, {"list(text)", "list(date)", record.Checked, `["2026-01-02",null]`, `["2026-01-02",null]`, "", ""}, {"list(text)", "list(date)", record.Checked, `["x"]`, "", record.WrongType, ""},
	{"list(float64)", "list(float64) finite", record.Checked, `[1,"Infinity"]`, "", record.NonFinite, ""}, {"list(text)", "list(text) nonul", record.Checked, `["a\u0000"]`, "", record.NUL, ""}, {"list(text)", "list(text) latin1", record.Checked, `["日"]`, "", record.UTF8, ""}, {"list(text) nonul", "list(text)", record.Same, `["a"]`, `["a"]`, "", ""},
	{"list(datetime(6))", "list(instant(6))", record.Refused, "", "", "", ""}, {"list(instant(6 offset))", "list(instant(6))", record.Lossy, `["2026-01-02 03:04:05.000000+02:00"]`, `["2026-01-02 01:04:05.000000Z"]`, "", ""}, {"list(list(int32))", "list(list(int8))", record.Checked, `["[300]"]`, "", record.Range, ""}, {"list(list(int32))", "list(json)", record.Checked, `["[[1],[2]]"]`, `["[[1],[2]]"]`, "", ""},
	{`set("c","a","b")`, "list(text)", record.Widening, "a,b,c", `["c","a","b"]`, "", ""}, {`set("a")`, "list(text)", record.Widening, "", "[]", "", ""}, {`set("ab","c")`, "list(text(1))", record.Checked, "ab,c", "", record.Trunc, "ab,c"}, {`set("a","b")`, `list(enum("b","a"))`, record.Widening, "a,b", `["a","b"]`, "", ""}, {`set("a","b")`, `list(enum("a"))`, record.Checked, "b", "", record.Range, ""}, {"set", "list(int32)", record.Refused, "", "", "", ""},
	{"list(text)", `set("a","b")`, record.Checked, `["a","b"]`, "a,b", "", ""}, {"list(text)", `set("a","b")`, record.Checked, "[]", "", "", ""}, {"list(text)", `set("a","b")`, record.Checked, `["b","a"]`, "", record.Shape, ""}, {"list(text)", `set("a","b")`, record.Checked, `["a","a"]`, "", record.Shape, ""}, {"list(text)", `set("a","b")`, record.Checked, `["c"]`, "", record.Range, ""}, {"list(text)", `set("a","b")`, record.Checked, `["a",null]`, "", record.Shape, ""},
	{"list(text)", "set", record.Checked, `["x","a"]`, "x,a", "", ""}, {"list(text)", "set", record.Checked, `["x","x"]`, "", record.Shape, ""}, {"list(text)", "set", record.Checked, `["x,y"]`, "", record.Shape, ""}, {"list(text)", "set", record.Checked, `[""]`, "", record.Shape, ""}, {"list(text)", "set nonul", record.Checked, `["\u0000"]`, "", record.NUL, ""}, {"list(text)", "set", record.Checked, `[["a"]]`, "", record.Shape, ""}, {"list(text)", "set", record.Checked, `[0:0]=["a"]`, "", record.Shape, ""}, {"list(int32)", "set", record.Refused, "", "", "", ""},
	{"list(int32)", "int32", record.Refused, "", "", "", ""}, {"int32", "list(int32)", record.Refused, "", "", "", ""}, {"list(int32)", "bytes", record.Refused, "", "", "", ""}, {"list", "list(int32)", record.Refused, "", "", "", ""},
}

func TestListCasts(t *testing.T) {
	t.Parallel()
	for _, tt := range castListCases {
		from, to := storedType(t, tt.from), storedType(t, tt.to)
		c := record.NewCast(from, to, record.CastOptions{})
		if c.Decision != tt.decision {
			t.Errorf("%s to %s: %s (%s), want %s", tt.from, tt.to, c.Decision, c.Loss, tt.decision)
			continue
		}
		if (c.Decision >= record.Checked) != (c.Loss != "") {
			t.Errorf("%s to %s is %s with the loss %q", tt.from, tt.to, c.Decision, c.Loss)
		}
		if c.Decision == record.Refused {
			continue
		}
		raw := tt.raw
		if raw == "" && tt.code != "" {
			raw = texts(from, column(t, from, tt.text))[0]
			if from.Kind == record.JSON || from.Kind == record.Text {
				raw = tt.text
			}
		}
		checkCast(t, c, tt.text, tt.want, tt.code, raw)
		if to.Kind == record.JSON && tt.want != "" && !json.Valid([]byte(tt.want)) {
			t.Errorf("%s is no JSON", tt.want)
		}
	}
}

// Cells that are no lists, as a store with other content under a list's type has them, are marked, whatever becomes of them.
func TestBrokenListsAreMarked(t *testing.T) {
	t.Parallel()
	for _, to := range []string{"json", "list(text)", "set"} {
		from := typed(t, "list(text)")
		src := record.NewVector(record.FormBytes)
		for _, cell := range []string{"", "\x00\x00\x00\x01", "\x00\x00\x00\x00\x01", "\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01", "\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x01\x00\x00\x00\x00"} {
			src.AppendString(cell)
		}
		typ := typed(t, to)
		if to == "list(text)" {
			typ.Elem.Length = 3
		}
		dst := record.NewVector(record.FormBytes)
		marks := record.NewCast(from, typ, record.CastOptions{}).Apply(dst, src, 0, nil)
		if len(marks) != src.Len || dst.Nulls != src.Len {
			t.Errorf("to %s: %d marks, want %d", to, len(marks), src.Len)
		}
		for _, m := range marks {
			if m.Code != record.WrongType {
				t.Errorf("to %s: cell %x is %s", to, src.Bytes(m.Row), m.Code)
			}
		}
	}
}

// The policies that a job may name for lists.
func TestPoliciesOfLists(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		from, to, text string
		policies       record.Policies
		want           string // empty: the row is dirty
	}{
		{"list(int32)", "json", "[0:1]=[1,2]", record.Policies{record.Shape: "json"}, "[1,2]"}, {"list(int32)", "json", "[0:1]=[1,2]", nil, ""}, {"list(json)", "json", `[0:0]=["{}"]`, record.Policies{record.Shape: "json"}, "[{}]"},
		{"list(float64)", "json", `["NaN"]`, record.Policies{record.NonFinite: "null"}, null}, {"list(text)", "list(text) nonul", `["a\u0000"]`, record.Policies{record.NUL: "strip"}, `["a"]`}, {"list(text)", "list(text) nonul", `["a\u0000"]`, record.Policies{record.NUL: "replace"}, "[\"a\uFFFD\"]"},
		{"list(text)", "list(text) bmp", `[0:0]=["a🦀"]`, record.Policies{record.UTF8: "replace"}, `[0:0]=["a?"]`}, {"list(text)", "json nonul", `["a\u0000"]`, record.Policies{record.NUL: "strip"}, `["a"]`}, {"json", "list(int32)", "[1,\"x\"]", record.Policies{record.WrongType: "null"}, null},
	} {
		from, to := storedType(t, tt.from), storedType(t, tt.to)
		b := table(t, []record.Type{to})
		b.Marks = record.NewCast(from, to, record.CastOptions{}).Apply(b.Cols[0], column(t, from, tt.text), 0, nil)
		b.Len = 1
		if len(b.Marks) != 1 {
			t.Errorf("%s to %s: %q is not marked", tt.from, tt.to, tt.text)
			continue
		}
		dirty := record.Resolve(b, []record.Policies{tt.policies})
		want, wantDirty := tt.want, 0
		if want == "" {
			want, wantDirty = null, 1
		}
		if diff := cmp.Diff([]string{want}, texts(to, b.Cols[0])); diff != "" || len(dirty) != wantDirty {
			t.Errorf("%s to %s, %q under %v: %d dirty (-want +got):\n%s", tt.from, tt.to, tt.text, tt.policies, len(dirty), diff)
		}
	}
}
