package record_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/record"
)

func TestPolicies(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		typ    string
		code   record.Code
		policy string
		raw    string
		want   string // empty: the row is dirty
	}{
		{"int8", record.Range, "clamp", "300", "127"}, {"int8", record.Range, "clamp", "-300", "-128"}, {"uint8", record.Range, "clamp", "-5", "0"},
		{"int8", record.Range, "null", "300", null}, {"int8", record.Range, "dirty", "300", ""}, {"int8", record.Range, "", "300", ""},
		{"decimal(4,2)", record.Range, "clamp", "-123456.7", "-99.99"}, {"decimal(40,2)", record.Range, "clamp", "1e50", "99999999999999999999999999999999999999.99"},
		{"year", record.Range, "clamp", "1900", "1901"}, {"year", record.Range, "clamp", "3000", "2155"}, {"year", record.Range, "clamp", "-1", "0000"},
		{"bool", record.Range, "clamp", "2", "true"}, {"float64", record.Range, "clamp", "-1e400", "-1.7976931348623157e+308"},
		{`enum("a")`, record.Range, "clamp", "zzz", ""}, {"date", record.Range, "clamp", "2026-02-30", ""},
		{"decimal(10,2)", record.Scale, "round", "1.005", "1.01"}, {"decimal(10,2)", record.Scale, "truncate", "1.009", "1.00"},
		{"decimal(10,2)", record.Scale, "round", "-1.005", "-1.01"}, {"decimal(3,2)", record.Scale, "round", "9.999", ""},
		{"decimal(10,2)", record.Scale, "round", "99.995", "100.00"}, {"decimal(5,-2)", record.Scale, "round", "12350", "12400"},
		{"decimal(65,30)", record.Scale, "round", "1e-31", "0.000000000000000000000000000000"},
		{"int32", record.Scale, "round", "2.5", "3"}, {"int32", record.Scale, "round", "-0.5", "-1"}, {"int32", record.Scale, "truncate", "-1.9", "-1"},
		{"int32", record.Scale, "round", "0.04", "0"}, {"float64", record.Scale, "round", "9007199254740993", "9007199254740992"},
		{"float32", record.Scale, "round", "0.123456789", "0.12345679"}, {"int8", record.Scale, "round", "127.5", ""},
		{"datetime(0)", record.Scale, "round", "2026-12-31 23:59:59.6", "2027-01-01 00:00:00"}, {"datetime(0)", record.Scale, "truncate", "2026-12-31 23:59:59.6", "2026-12-31 23:59:59"},
		{"datetime(3)", record.Scale, "round", "1969-12-31 23:59:59.9996", "1970-01-01 00:00:00.000"}, {"time(0)", record.Scale, "round", "-00:00:01.5", "-00:00:02"},
		{"time(0)", record.Scale, "truncate", "-00:00:01.9", "-00:00:01"}, {"date", record.Scale, "truncate", "2026-01-02 23:00:00", "2026-01-02"},
		{"date", record.Scale, "round", "2026-01-02 12:00:00", "2026-01-03"}, {"instant(6)", record.Scale, "round", "2026-01-02 03:04:05.1234567Z", "2026-01-02 03:04:05.123457Z"},
		{"instant(0)", record.Scale, "round", "2026-07-01 12:00:00.5[America/New_York]", "2026-07-01 16:00:01Z"},
		{"date", record.ZeroDate, "epoch", "0000-00-00", "1970-01-01"}, {"datetime(0)", record.ZeroDate, "epoch", "2026-00-15 00:00:00", "1970-01-01 00:00:00"},
		{"date", record.ZeroDate, "null", "0000-00-00", null}, {"date", record.ZeroDate, "keep", "0000-00-00", ""},
		{"instant(0)", record.TZGap, "shift", "2026-03-08 02:30:00[America/New_York]", "2026-03-08 07:30:00Z"},
		{"instant(0)", record.TZAmbig, "earlier", "2025-11-02 01:30:00[America/New_York]", "2025-11-02 05:30:00Z"},
		{"instant(0)", record.TZAmbig, "later", "2025-11-02 01:30:00[America/New_York]", "2025-11-02 06:30:00Z"},
		{"datetime(0)", record.TZAmbig, "later", "2025-11-02 05:30:00Z[America/New_York]", "2025-11-02 01:30:00"},
		{"instant(0)", record.TZGap, "shift", "2026-03-08 02:30:00[No/Where]", ""},
		{"text", record.UTF8, "replace", "a\xffb", "a\uFFFDb"}, {"text", record.UTF8, "hex", "a\xffb", "61ff62"},
		{"text", record.UTF8, "recode:latin1", "caf\xe9", "café"}, {"text", record.UTF8, "recode:gbk", "\xd6\xd0", "中"},
		{"text", record.UTF8, "recode:gbk", "\xd6", ""}, {"text(3)", record.UTF8, "hex", "a\xffb", ""}, {"text", record.UTF8, "recode:windows-1252", "\x80", "€"},
		{"text", record.NUL, "strip", "a\x00b", "ab"}, {"text", record.NUL, "replace", "a\x00b", "a\uFFFDb"},
		{"text(3)", record.Trunc, "truncate", "äöüß", "äöü"}, {"text(3 bytes)", record.Trunc, "truncate", "äö", "ä"},
		{"text(3 utf16)", record.Trunc, "truncate", "🦀🦀", "🦀"}, {"text(5 fixed)", record.Trunc, "truncate", "ab ", "ab"}, {"bytes(2)", record.Trunc, "truncate", "\x01\x02\x03", "0102"},
		{"text", record.WrongType, "text", "x", "x"}, {"int32", record.WrongType, "text", "x", ""}, {"int32", record.WrongType, "null", "x", null},
		{"text", record.EmptyNull, "blank", "", " "}, {"json", record.Shape, "json", "[1]", "[1]"},
		{"int32", record.NonFinite, "null", "NaN", null}, {"int32", record.NonFinite, "clamp", "NaN", ""},
	} {
		b := table(t, []record.Type{typed(t, tt.typ), typed(t, "int64")}, []string{null, "1"}, []string{null, "2"}, []string{null, "3"})
		b.Marks = []record.Mark{{Row: 1, Col: 0, Code: tt.code, Raw: []byte(tt.raw)}}
		dirty := record.Resolve(b, []record.Policies{{tt.code: tt.policy}})
		want, wantDirty := tt.want, 0
		if want == "" {
			want, wantDirty = null, 1
		}
		if len(dirty) != wantDirty || len(b.Marks) != 0 {
			t.Errorf("%s %s %s of %q: %d dirty, want %d; %d marks stay", tt.typ, tt.code, tt.policy, tt.raw, len(dirty), wantDirty, len(b.Marks))
		}
		if diff := cmp.Diff([]string{null, want, null}, texts(b.Schema.Fields[0].Type, b.Cols[0])); diff != "" {
			t.Errorf("%s %s %s of %q (-want +got):\n%s", tt.typ, tt.code, tt.policy, tt.raw, diff)
		}
	}
}

// A policy's text that does not fit for another reason goes on with the policy for that one.
func TestPoliciesFollowEachOther(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		typ, raw string
		code     record.Code
		policies record.Policies
		want     string // empty: the row is dirty
	}{
		{"date", "2026-13-01", record.WrongType, record.Policies{record.WrongType: "text", record.Range: "null"}, null}, {"date", "2026-13-01", record.WrongType, record.Policies{record.WrongType: "text"}, ""},
		{"text(2)", "a\xffbc", record.UTF8, record.Policies{record.UTF8: "recode:latin1", record.Trunc: "truncate"}, "aÿ"}, {"text(2)", "a\xffbc", record.UTF8, record.Policies{record.UTF8: "hex", record.Trunc: "dirty"}, ""},
		{"int32", "x", record.WrongType, record.Policies{record.WrongType: "text", record.Range: "null"}, ""}, {"json", "x", record.WrongType, record.Policies{record.WrongType: "text"}, ""},
	} {
		b := table(t, []record.Type{typed(t, tt.typ)}, []string{null}, []string{null})
		b.Marks = []record.Mark{{Row: 1, Code: tt.code, Raw: []byte(tt.raw)}}
		dirty := record.Resolve(b, []record.Policies{tt.policies})
		want, wantDirty := tt.want, 0
		if want == "" {
			want, wantDirty = null, 1
		}
		if diff := cmp.Diff([]string{null, want}, texts(b.Schema.Fields[0].Type, b.Cols[0])); diff != "" || len(dirty) != wantDirty {
			t.Errorf("%s %q under %v: %d dirty, want %d (-want +got):\n%s", tt.typ, tt.raw, tt.policies, len(dirty), wantDirty, diff)
		}
	}
}

func TestPoliciesOfLimitedTypes(t *testing.T) {
	t.Parallel()
	typ := typed(t, "instant(0)")
	typ.Limits = &[2]int64{1, 1<<31 - 1}
	b := table(t, []record.Type{typ}, []string{null}, []string{null}, []string{null})
	b.Marks = []record.Mark{{Row: 0, Code: record.ZeroDate, Raw: []byte("0000-00-00 00:00:00")},
		{Row: 1, Code: record.Range, Raw: []byte("2039-01-01 00:00:00Z")}, {Row: 2, Code: record.Range, Raw: []byte("1969-12-31 00:00:00Z")}}
	dirty := record.Resolve(b, []record.Policies{{record.ZeroDate: "epoch", record.Range: "clamp"}})
	want := []string{"1970-01-01 00:00:01Z", "2038-01-19 03:14:07Z", "1970-01-01 00:00:01Z"}
	if diff := cmp.Diff(want, texts(typ, b.Cols[0])); diff != "" || len(dirty) > 0 {
		t.Errorf("%d dirty (-want +got):\n%s", len(dirty), diff)
	}
	day := typed(t, "date")
	day.Limits = &[2]int64{-10, -5}
	b = table(t, []record.Type{day}, []string{null})
	b.Marks = []record.Mark{{Row: 0, Code: record.ZeroDate, Raw: []byte("0000-00-00")}}
	if dirty := record.Resolve(b, []record.Policies{{record.ZeroDate: "epoch"}}); len(dirty) != 1 {
		t.Errorf("a store that ends before 1970 got %q for a zero date", texts(day, b.Cols[0]))
	}
}

func TestResolveRebuildsText(t *testing.T) {
	t.Parallel()
	b := table(t, []record.Type{typed(t, "text"), typed(t, "bool")}, []string{"zero", "true"}, []string{null, null}, []string{"", "false"}, []string{null, "true"}, []string{"four", null}, []string{null, null})
	b.Marks = []record.Mark{{Row: 5, Col: 0, Code: record.UTF8, Raw: []byte("5\xff")}, {Row: 1, Col: 0, Code: record.UTF8, Raw: []byte("one\xff")},
		{Row: 4, Col: 1, Code: record.Range, Raw: []byte("7")}, {Row: 3, Col: 0, Code: record.InfTime, Raw: []byte("infinity")}}
	policies := []record.Policies{{record.UTF8: "recode:latin1"}, {record.Range: "clamp"}}
	b.Schema.Fields[0].Keeps = []record.Code{record.InfTime}
	if dirty := record.Resolve(b, policies); len(dirty) > 0 {
		t.Errorf("dirty: %v", dirty)
	}
	if diff := cmp.Diff([]string{"zero", "oneÿ", "", null, "four", "5ÿ"}, texts(b.Schema.Fields[0].Type, b.Cols[0])); diff != "" {
		t.Errorf("texts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"true", null, "false", "true", "true", null}, texts(b.Schema.Fields[1].Type, b.Cols[1])); diff != "" {
		t.Errorf("bools (-want +got):\n%s", diff)
	}
	if len(b.Marks) != 1 || b.Marks[0].Code != record.InfTime {
		t.Errorf("marks that stay: %v", b.Marks)
	}
}

func TestKeeps(t *testing.T) {
	t.Parallel()
	keeps := []record.Code{record.InfTime, record.ZeroDate}
	for _, tt := range []struct {
		code   record.Code
		policy string
		stays  bool
	}{
		{record.InfTime, "", true}, {record.InfTime, "keep", true}, {record.InfTime, "dirty", false}, {record.ZeroDate, "", false},
		{record.ZeroDate, "keep", true}, {record.NonFinite, "keep", false},
	} {
		b := table(t, []record.Type{typed(t, "date")}, []string{null})
		b.Marks = []record.Mark{{Code: tt.code, Raw: []byte("x")}}
		b.Schema.Fields[0].Keeps = keeps
		dirty := record.Resolve(b, []record.Policies{{tt.code: tt.policy}})
		if stays := len(b.Marks) == 1 && len(dirty) == 0; stays != tt.stays || len(b.Marks)+len(dirty) != 1 {
			t.Errorf("%s with policy %q: stays %v, want %v", tt.code, tt.policy, stays, tt.stays)
		}
	}
}

// A column that another batch owns stays as that batch has it.
func TestResolveLeavesLentColumns(t *testing.T) {
	t.Parallel()
	pool := record.NewPool(0)
	s := &record.Schema{Fields: []record.Field{{Name: "a", Type: typed(t, "text")}}}
	owner, err := pool.Get(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	owner.MarkNull(0, record.WrongType, []byte("x"))
	owner.Len++
	derived := pool.Derive(s, owner.Cols)
	derived.Len, derived.Marks = 1, append(derived.Marks, owner.Marks...)
	record.Resolve(derived, []record.Policies{{record.WrongType: "text"}})
	if got := string(derived.Cols[0].Bytes(0)); got != "x" || derived.Cols[0].Null(0) {
		t.Errorf("derived column: %q", got)
	}
	if !owner.Cols[0].Null(0) {
		t.Error("the owner's column changed")
	}
	derived.Release()
	owner.Release()
	if used := pool.Used(); used != 0 {
		t.Errorf("%d bytes in use after both releases", used)
	}
}

func TestValidPolicy(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		code   record.Code
		policy string
		ok     bool
	}{
		{record.Range, "clamp", true}, {record.Range, "round", false}, {record.UTF8, "recode:gb18030", true}, {record.UTF8, "recode:klingon", false},
		{record.Scale, "recode:latin1", false}, {record.ZeroDate, "keep", true}, {record.Constraint, "dirty", true}, {record.Constraint, "null", false},
		{"NOPE", "dirty", false}, {record.Count, "dirty", false},
	} {
		if err := record.ValidPolicy(tt.code, tt.policy); (err == nil) != tt.ok {
			t.Errorf("%s: %s: %v", tt.code, tt.policy, err)
		}
	}
}

func TestZoneOfMarksIsFound(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	from, to := typed(t, "datetime(0)"), typed(t, "instant(0)")
	c := record.NewCast(from, to, record.CastOptions{Zone: zone})
	b := table(t, []record.Type{to})
	b.Marks = c.Apply(b.Cols[0], column(t, from, "2026-03-29 02:30:00", "2026-10-25 02:30:00"), 0, nil)
	b.Len = 2
	dirty := record.Resolve(b, []record.Policies{{record.TZGap: "shift", record.TZAmbig: "later"}})
	if diff := cmp.Diff([]string{"2026-03-29 01:30:00Z", "2026-10-25 01:30:00Z"}, texts(to, b.Cols[0])); diff != "" || len(dirty) > 0 {
		t.Errorf("%d dirty (-want +got):\n%s", len(dirty), diff)
	}
}
