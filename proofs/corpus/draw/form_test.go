package draw

import (
	"context"
	"strings"
	"testing"

	"github.com/towpath/towpath/proofs/corpus"
	"github.com/towpath/towpath/proofs/corpus/system"
)

// One value has one normal form, however clients show it; another value has another.
// TestWholeNumberInFloat: a number of more digits than the float that holds it exactly is shown with is that number, and no other is.
func TestWholeNumberInFloat(t *testing.T) {
	c := &Column{kind: &kind{form: number}}
	for _, float := range []shape{{form: float64s}, {form: number, real: true}} {
		for value, want := range map[string]bool{"835056442322691456": true, "835056442322691457": false, "835056442322691328": false} {
			if same, why := compare(c, cell{shape{form: number}, value, false}, cell{float, "8.350564423226915e+17", false}); same != want {
				t.Errorf("%+v of %s: same is %t %s", float, value, same, why)
			}
		}
	}
}

func TestNormalForms(t *testing.T) {
	t.Parallel()
	whole, texts := &shape{form: number, n: 32}, &shape{form: text}
	for name, c := range map[string]struct {
		want  form
		same  []cell
		other []cell
	}{
		"number": {number, []cell{{shape{form: number}, "1.50", false}, {shape{form: text}, "1.5", false}, {shape{form: number}, "15e-1", false}, {shape{form: number}, "+1.5", false}},
			[]cell{{shape{form: number}, "1.500000000000000000000000000001", false}, {shape{form: number}, "-1.5", false}, {shape{form: number}, "NaN", false}}},
		"bits as a number":  {number, []cell{{shape{form: bits}, "101", false}, {shape{form: number}, "5", false}}, []cell{{shape{form: number}, "101", false}}},
		"truth as a number": {number, []cell{{shape{form: truth}, "true", false}, {shape{form: number}, "1", false}}, []cell{{shape{form: truth}, "f", false}}},
		"float": {float64s, []cell{{shape{form: float64s}, "0.1", false}, {shape{form: number}, "1e-1", false}, {shape{form: float64s}, "0.1000000000000000055511151231257827", false}},
			[]cell{{shape{form: float32s}, "0.1", false}, {shape{form: float64s}, "0.10000000000000002", false}, {shape{form: float64s}, "-0.1", false}}},
		"zero":     {float64s, []cell{{shape{form: float64s}, "-0", false}, {shape{form: number}, "-0.0", false}}, []cell{{shape{form: float64s}, "0", false}}},
		"infinity": {float64s, []cell{{shape{form: number}, "9.0e+999", false}, {shape{form: float64s}, "Infinity", false}}, []cell{{shape{form: float64s}, "-Infinity", false}, {shape{form: float64s}, "NaN", false}}},
		"text":     {text, []cell{{shape{form: text}, "a ", false}}, []cell{{shape{form: text}, "a", false}, {shape{form: text}, "A ", false}}},
		"padded":   {padded, []cell{{shape{form: text}, "a ", false}, {shape{form: padded}, "a", false}}, []cell{{shape{form: text}, " a", false}}},
		"bits":     {bits, []cell{{shape{form: bits}, "0011", false}, {shape{form: number, n: 4}, "3", false}, {shape{form: text}, "0011", false}}, []cell{{shape{form: bits}, "11", false}, {shape{form: number, n: 4}, "11", false}}},
		"date":     {date, []cell{{shape{form: date}, "0044-03-15 BC", false}, {shape{form: text}, "-0043-03-15", false}}, []cell{{shape{form: date}, "0044-03-15", false}, {shape{form: date}, "0043-03-15 BC", false}}},
		"moment": {moment, []cell{{shape{form: moment}, "2024-05-06 07:08:09.100000", false}, {shape{form: text}, "2024-05-06T07:08:09.1Z", false}, {shape{form: moment}, "2024-05-06 07:08:09.1+00", false}},
			[]cell{{shape{form: moment}, "2024-05-06 07:08:09", false}, {shape{form: moment}, "2024-05-06 07:08:09.100001", false}, {shape{form: date}, "2024-05-06", false}}},
		"clock":    {clock, []cell{{shape{form: clock}, "-25:00:00.5", false}, {shape{form: interval}, "PT-25H-0.5S", false}}, []cell{{shape{form: clock}, "25:00:00.5", false}, {shape{form: interval}, "PT-24H-0.5S", false}}},
		"interval": {interval, []cell{{shape{form: interval}, "P1Y2M3DT4H", false}, {shape{form: text}, "P14M3DT240M", false}}, []cell{{shape{form: interval}, "P14M3DT5H", false}, {shape{form: interval}, "P1Y2M4D", false}}},
		"bytes":    {octets, []cell{{shape{form: octets, hex: true}, "00FF", false}, {shape{form: octets}, `\x00ff`, false}, {shape{form: octets}, "AP8=", false}}, []cell{{shape{form: octets}, `\x00ff00`, false}}},
		"bytes of a uuid": {octets, []cell{{shape{form: octets, hex: true}, "6F9619FF8B86D011B42D00C04FC964FF", false}, {shape{form: uuid}, "6f9619ff-8b86-d011-b42d-00c04fc964ff", false}},
			[]cell{{shape{form: uuid}, "ff19966f-868b-11d0-b42d-00c04fc964ff", false}}},
		"uuid": {uuid, []cell{{shape{form: uuid}, "6F9619FF-8B86-D011-B42D-00C04FC964FF", false}, {shape{form: octets, hex: true}, "6f9619ff8b86d011b42d00c04fc964ff", false}},
			[]cell{{shape{form: uuid}, "ff19966f-868b-11d0-b42d-00c04fc964ff", false}}},
		"labels": {labels, []cell{{shape{form: labels, set: true}, "a,b", false}, {shape{form: list}, "{a,b}", false}, {shape{form: list, json: true}, `["a","b"]`, false}}, []cell{{shape{form: labels, set: true}, "b,a", false}, {shape{form: labels, set: true}, "", false}}},
		"list": {list, []cell{{shape{form: list, elem: whole}, "{{1,2},{3,NULL}}", false}, {shape{form: document, json: true, elem: whole}, "[[1,2],[3,null]]", false},
			{shape{form: list, raw: true, elem: whole}, "000000020000000200000002000000010000000101000000000000000101000000000000000201000000000000000300", false}},
			[]cell{{shape{form: list, elem: whole}, "{1,2,3,NULL}", false}, {shape{form: list, elem: whole}, "[0:1][1:2]={{1,2},{3,NULL}}", false}, {shape{form: list, elem: whole}, "{{1,2},{3,0}}", false}}},
		"list of texts": {list, []cell{{shape{form: list, elem: texts}, `{"NULL",NULL,"a\"b"}`, false}, {shape{form: document, json: true, elem: texts}, `["NULL",null,"a\"b"]`, false}},
			[]cell{{shape{form: list, elem: texts}, `{NULL,"NULL","a\"b"}`, false}}},
		"bounds": {list, []cell{{shape{form: list, elem: whole}, "[0:1]={1,2}", false}, {shape{form: text, elem: whole}, "[0:1]=[1,2]", false}}, []cell{{shape{form: list, elem: whole}, "{1,2}", false}}},
		"geometry": {geometry, []cell{{shape{form: geometry}, "4326;0101000000000000000000F03F0000000000000040", false}, {shape{form: text}, "SRID=4326;0101000000000000000000f03f0000000000000040", false},
			{shape{form: octets, hex: true}, "0101000020E6100000000000000000F03F0000000000000040", false}, {shape{form: geometry, wkb: true}, "000010e60101000000000000000000f03f0000000000000040", false}},
			[]cell{{shape{form: geometry}, "0;0101000000000000000000F03F0000000000000040", false}, {shape{form: geometry}, "4326;01010000000000000000000040000000000000F03F", false}}},
	} {
		first, err := normal(c.want, c.same[0].shape, c.same[0].value)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, x := range c.same[1:] {
			if got, err := normal(c.want, x.shape, x.value); err != nil || got != first {
				t.Errorf("%s: %q is %q (%v), want %q", name, x.value, got, err, first)
			}
		}
		for _, x := range c.other {
			if got, err := normal(c.want, x.shape, x.value); err == nil && got == first {
				t.Errorf("%s: %q is %q as well", name, x.value, got)
			}
		}
	}
}

// What is done to a target behind the run's back is found, whatever it is.
func TestJudgeFindsAlterations(t *testing.T) {
	t.Parallel()
	d := &Draw{Way: corpus.Way{From: "sqlite", To: "sqlite"}, Seed: 7}
	all := sqliteKinds()
	for name, k := range map[string]string{"c1": "integer", "c2": "text", "c3": "blob", "c4": "double", "c5": "datetime"} {
		for i := range all {
			if all[i].name == k {
				d.Columns = append(d.Columns, Column{Name: name, Type: map[string]string{"datetime": "DATETIME(6)"}[k], kind: &all[i], size: map[string]int{"integer": 64, "datetime": 6}[k]})
			}
		}
	}
	for i := range d.Columns {
		if c := &d.Columns[i]; c.Type == "" {
			c.Type = strings.ToUpper(c.kind.name)
		}
	}
	values := map[string]string{"c1": "7", "c2": "'a '", "c3": "x'00ff'", "c4": "0.1", "c5": "'2024-05-06 07:08:09.123456'"}
	for range 3 {
		var row Row
		for _, c := range d.Columns {
			row = append(row, values[c.Name])
		}
		d.Rows = append(d.Rows, row)
	}
	for change, want := range map[string]string{
		"": "", "UPDATE d7 SET c1 = 8 WHERE id = 1": "column c1", "UPDATE d7 SET c2 = 'a' WHERE id = 2": "column c2", "UPDATE d7 SET c3 = x'00ff00' WHERE id = 2": "column c3",
		"UPDATE d7 SET c4 = 0.10000000000000002 WHERE id = 3": "column c4", "UPDATE d7 SET c5 = '2024-05-06 07:08:09.123457' WHERE id = 1": "column c5", "UPDATE d7 SET c2 = NULL WHERE id = 1": "column c2",
		"DELETE FROM d7 WHERE id = 2": "row 2 is lost", "INSERT INTO d7 (id) VALUES (9)": `a row "9"`,
		"CREATE TABLE x AS SELECT * FROM d7; DROP TABLE d7; CREATE TABLE d7 AS SELECT * FROM x; INSERT INTO d7 SELECT * FROM x WHERE id = 1": "more than once",
	} {
		r := &Runner{Dir: t.TempDir(), Prefix: "altered", tamper: func(ctx context.Context, to *system.Place) error { return to.Run(ctx, change+";") }}
		if err := r.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		outcomes, err := r.Run(t.Context(), []*Draw{d})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		faults := strings.Join(outcomes[0].Faults, "\n")
		if (want == "") != (faults == "") || !strings.Contains(faults, want) {
			t.Errorf("%s: got %q, want %q", change, faults, want)
		}
	}
}

// A row that is dirty without a reason is a fault, as is one that is not whole.
func TestReasons(t *testing.T) {
	t.Parallel()
	all := postgresKinds()
	column := func(name string) *Column {
		for i := range all {
			if all[i].name == name {
				return &Column{Name: "c1", kind: &all[i]}
			}
		}
		t.Fatalf("no kind %s", name)
		return nil
	}
	for _, c := range []struct {
		target, kind string
		x            cell
		want         string
	}{
		{"mysql", "double precision", cell{shape{form: float64s}, "NaN", false}, "NONFINITE"}, {"mysql", "double precision", cell{shape{form: float64s}, "1", false}, ""},
		{"postgres", "double precision", cell{shape{form: float64s}, "NaN", false}, ""}, {"mysql", "date", cell{shape{form: date}, "0044-03-15 BC", false}, "RANGE"},
		{"mysql", "date", cell{shape{form: date}, "infinity", false}, "INFTIME"}, {"postgres", "date", cell{shape{form: date}, "infinity", false}, ""}, {"mysql", "date", cell{shape{form: date}, "2024-01-01", false}, ""},
		{"elasticsearch", "integer[]", cell{shape{form: list, elem: &shape{form: number}}, "[0:1]={1,2}", false}, "SHAPE"}, {"elasticsearch", "integer[]", cell{shape{form: list, elem: &shape{form: number}}, "{1,2}", false}, ""},
		{"mysql", "numeric", cell{shape{form: number}, "1e40", false}, "RANGE"}, {"mysql", "numeric", cell{shape{form: number}, "1e30", false}, ""}, {"sqlite", "numeric", cell{shape{form: number}, "1e40", false}, ""},
	} {
		got := strings.Join(reasonsOf(c.target, column(c.kind), c.x, ""), " ")
		if got != c.want {
			t.Errorf("%s %q to %s: got %q, want %q", c.kind, c.x.value, c.target, got, c.want)
		}
	}
}
