package postgres

import (
	"errors"
	"strings"
	"testing"

	"github.com/towpath/towpath/connector"
)

// TestKeyBehind: a table that is made for rows with keys of their own gets its primary key once they are there, again where the end was
// cut off, and not where others have put rows with the same keys beside them.
func TestKeyBehind(t *testing.T) {
	everyVersion(t, func(t *testing.T, j *judge) {
		c := j.client(nil)
		keys := func(name string) any {
			return j.rows("SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = to_regclass('%s') AND contype = 'p'", name)
		}
		for _, mode := range []connector.Mode{connector.Insert, connector.Replace} {
			name := "x" + string(mode)
			x := j.begin(c, connector.Sink{Dataset: name, Mode: mode, Distinct: true}, schemaOfText(t, "b text(20) key", "a int32 key", "v text null"))
			filled := x.w.(*writer).layout.Table
			s := x.take(1)
			out := x.write(s, 1, batchOf(x.target.Stored, []string{"q", "1", "one"}, []string{"q", "2", "two"}, []string{"NULL", "3", "none"}))
			expect(t, "rejected", refusals(out), []string{"0.2 KEYNULL b"})
			expect(t, "keys while rows come", keys(filled), "[]")
			j.execf("INSERT INTO %s VALUES ('q', 2, 'another')", quote(filled))
			err := x.w.Finish(t.Context(), connector.Seal)
			if e, ok := errors.AsType[*connector.Error](err); !ok || e.Code != "TOW-761" || !strings.Contains(e.Error(), "(b, a)=(q, 2)") || !strings.Contains(e.Hint, "Others have put rows") {
				t.Errorf("seal with a key twice: %v", err)
			}
			if missing := strings.Contains(x.target.Remain, "no primary key yet"); missing != (mode == connector.Insert) {
				t.Errorf("what remains after a stop: %q", x.target.Remain)
			}
			j.execf("DELETE FROM %s WHERE v = 'another'", quote(filled))
			x.finish(connector.Seal, connector.Seal, connector.Publish, connector.Seal, connector.Publish)
			expect(t, "keys", keys(name), "[["+name+"_pkey PRIMARY KEY (b, a)]]")
			expect(t, "rows", j.rows("SELECT * FROM %s ORDER BY a", name), "[[q 1 one] [q 2 two]]")
		}
	})
}

// TestKeyBefore: where a row could be refused for the sake of its key, the key is there from the beginning, so that this row alone is dirty.
func TestKeyBefore(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	c := j.client(nil)
	for name, tc := range map[string]struct {
		sink   connector.Sink
		fields []string
		behind bool
	}{
		"distinct":       {connector.Sink{Mode: connector.Insert, Distinct: true}, []string{"id int64 key"}, true},
		"decimals":       {connector.Sink{Mode: connector.Insert, Distinct: true}, []string{"id decimal(65,30) key", "b uuid key"}, true},
		"as they come":   {connector.Sink{Mode: connector.Insert}, []string{"id int64 key"}, false},
		"upsert":         {connector.Sink{Mode: connector.Upsert, Distinct: true}, []string{"id int64 key"}, false},
		"long texts":     {connector.Sink{Mode: connector.Insert, Distinct: true}, []string{"id text(800) key"}, false},
		"endless texts":  {connector.Sink{Mode: connector.Insert, Distinct: true}, []string{"id text key"}, false},
		"bytes":          {connector.Sink{Mode: connector.Insert, Distinct: true}, []string{"id bytes key"}, false},
		"many columns":   {connector.Sink{Mode: connector.Insert, Distinct: true}, []string{"a text(400) key", "b text(400) key"}, false},
		"endless digits": {connector.Sink{Mode: connector.Insert, Distinct: true}, []string{"id decimal key"}, false},
	} {
		tc.sink.Dataset = "x"
		_, target, err := j.plan(c, tc.sink, schemaOfText(t, append(tc.fields, "v text null")...))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		behind := false
		for _, step := range target.Steps {
			made := strings.Contains(step, "PRIMARY KEY")
			if strings.HasPrefix(step, "CREATE TABLE \""+j.schema+"\".\"x\"") && made == tc.behind {
				t.Errorf("%s: the table is made by %s", name, step)
			}
			behind = behind || strings.HasPrefix(step, "ALTER TABLE \""+j.schema+"\".\"x\" ADD PRIMARY KEY")
		}
		if behind != tc.behind {
			t.Errorf("%s: key behind the rows is %t, want %t: %q", name, behind, tc.behind, target.Steps)
		}
	}
}
