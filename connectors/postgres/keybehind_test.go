package postgres

import (
	"errors"
	"strings"
	"testing"

	"github.com/towpath/towpath/connector"
)

// TestKeyBehind: a staging table for rows with keys of their own gets its primary key once they are there, again where the end was cut off, and
// not where a key is there twice.
func TestKeyBehind(t *testing.T) {
	everyVersion(t, func(t *testing.T, j *judge) {
		c := j.client(nil)
		keys := func(name string) any {
			return j.rows("SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = to_regclass('%s') AND contype = 'p'", name)
		}
		x := j.begin(c, connector.Sink{Dataset: "x", Mode: connector.Replace, Distinct: true}, schemaOfText(t, "b text(20) key", "a int32 key", "v text null"))
		w := x.w.(*writer)
		staging := w.staging
		s := x.take(1)
		out := x.write(s, 1, batchOf(x.target.Stored, []string{"q", "1", "one"}, []string{"q", "2", "two"}, []string{"NULL", "3", "none"}))
		expect(t, "rejected", refusals(out), []string{"0.2 KEYNULL b"})
		expect(t, "keys while rows come", keys(staging.quoted()), "[]")
		j.execf("INSERT INTO %s VALUES ('q', 2, 'another')", staging.quoted())
		err := x.w.Finish(t.Context(), connector.Seal)
		if e, ok := errors.AsType[*connector.Error](err); !ok || e.Code != "TOW-761" || !strings.Contains(e.Error(), "(b, a)=(q, 2)") || !strings.Contains(e.Hint, "does not keep its key unique") {
			t.Errorf("seal with a key twice: %v", err)
		}
		j.execf("DELETE FROM %s WHERE v = 'another'", staging.quoted())
		// A process that was killed while the server made the key: its session still has the table.
		gone := j.other()
		gone.execf("BEGIN; SET LOCAL application_name = '%s'; LOCK TABLE %s IN ACCESS EXCLUSIVE MODE", ownerName(w.sink.Run, "", 0), staging.quoted())
		w.options.LockSeconds = 1
		x.finish(connector.Seal, connector.Seal, connector.Publish, connector.Seal, connector.Publish)
		expect(t, "keys", keys("x"), "[[x_pkey PRIMARY KEY (b, a)]]")
		expect(t, "rows", j.rows("SELECT * FROM x ORDER BY a"), "[[q 1 one] [q 2 two]]")
	})
}

// TestKeyBefore: where a row could be refused for the sake of its key, or a run that is given up would leave the table, the key is there from the
// beginning.
func TestKeyBefore(t *testing.T) {
	t.Parallel()
	j := newJudge(t)
	c := j.client(nil)
	for name, tc := range map[string]struct {
		sink   connector.Sink
		fields []string
		behind bool
	}{
		"distinct":       {connector.Sink{Mode: connector.Replace, Distinct: true}, []string{"id int64 key"}, true},
		"decimals":       {connector.Sink{Mode: connector.Replace, Distinct: true}, []string{"id decimal(65,30) key", "b uuid key"}, true},
		"as they come":   {connector.Sink{Mode: connector.Replace}, []string{"id int64 key"}, false},
		"insert":         {connector.Sink{Mode: connector.Insert, Distinct: true}, []string{"id int64 key"}, false},
		"upsert":         {connector.Sink{Mode: connector.Upsert, Distinct: true}, []string{"id int64 key"}, false},
		"long texts":     {connector.Sink{Mode: connector.Replace, Distinct: true}, []string{"id text(800) key"}, false},
		"endless texts":  {connector.Sink{Mode: connector.Replace, Distinct: true}, []string{"id text key"}, false},
		"bytes":          {connector.Sink{Mode: connector.Replace, Distinct: true}, []string{"id bytes key"}, false},
		"many columns":   {connector.Sink{Mode: connector.Replace, Distinct: true}, []string{"a text(400) key", "b text(400) key"}, false},
		"endless digits": {connector.Sink{Mode: connector.Replace, Distinct: true}, []string{"id decimal key"}, false},
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
			if strings.HasPrefix(step, "CREATE TABLE \""+j.schema+"\".\"x") && made == tc.behind {
				t.Errorf("%s: the table is made by %s", name, step)
			}
			behind = behind || strings.HasPrefix(step, "ALTER TABLE \""+j.schema+"\".\"x") && strings.Contains(step, "ADD PRIMARY KEY")
		}
		if behind != tc.behind {
			t.Errorf("%s: key behind the rows is %t, want %t: %q", name, behind, tc.behind, target.Steps)
		}
	}
}
