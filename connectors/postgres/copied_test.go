package postgres

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// job is a writer that is planned and prepared.
type job struct {
	t      *testing.T
	w      connector.Writer
	target *connector.Target
}

// plan plans a write.
func (j *judge) plan(c *Client, s connector.Sink, want *record.Schema) (connector.Writer, *connector.Target, error) {
	j.t.Helper()
	if s.Run == "" {
		s.Run = newRun()
	}
	w, err := Connector().Write(j.t.Context(), c, s)
	if err != nil {
		j.t.Fatal(err)
	}
	j.t.Cleanup(func() { w.Close() })
	t, err := w.Plan(j.t.Context(), want)
	return w, t, err
}

// begin plans and prepares a write.
func (j *judge) begin(c *Client, s connector.Sink, want *record.Schema) *job {
	j.t.Helper()
	w, t, err := j.plan(c, s, want)
	if err != nil {
		j.t.Fatalf("plan %s: %v", s.Dataset, err)
	}
	if err := w.Prepare(j.t.Context(), t, true, func(connector.Checkpoint) error { return nil }); err != nil {
		j.t.Fatalf("prepare %s: %v", s.Dataset, err)
	}
	return &job{j.t, w, t}
}

func (x *job) take(epoch int64) connector.ShardWriter {
	x.t.Helper()
	sw, _, err := x.w.Take(x.t.Context(), connector.Shard{ID: "s"}, connector.Lease{Epoch: epoch}, connector.Checkpoint{})
	if err != nil {
		x.t.Fatalf("take: %v", err)
	}
	x.t.Cleanup(func() { sw.Close() })
	return sw
}

// write writes a group and commits it.
func (x *job) write(sw connector.ShardWriter, seq int64, group ...*record.Batch) connector.Outcome {
	x.t.Helper()
	out, err := sw.Write(x.t.Context(), group)
	if err != nil {
		x.t.Fatalf("write: %v", err)
	}
	if _, err := sw.Commit(x.t.Context(), connector.Checkpoint{Shard: "s", Seq: seq}); err != nil {
		x.t.Fatalf("commit: %v", err)
	}
	return out
}

func (x *job) finish(phases ...connector.Phase) {
	x.t.Helper()
	for _, p := range phases {
		if err := x.w.Finish(x.t.Context(), p); err != nil {
			x.t.Fatalf("finish %s: %v", p, err)
		}
	}
}

// stored makes batches as read into batches as stored, as the engine does: by casts, with marks only where the target keeps them.
func stored(t *testing.T, s *record.Schema, batches []*record.Batch) []*record.Batch {
	t.Helper()
	var out []*record.Batch
	for _, in := range batches {
		b := record.NewBatch(s)
		b.Len, b.Marks = in.Len, slices.Clone(in.Marks)
		for i := range s.Fields {
			c := record.NewCast(in.Schema.Fields[i].Type, s.Fields[i].Type, record.CastOptions{})
			if c.Decision == record.Refused {
				t.Fatalf("column %s cannot become %s: %s", in.Schema.Fields[i].Name, s.Fields[i].Type, c.Loss)
			}
			b.Marks = c.Apply(b.Cols[i], in.Cols[i], i, b.Marks)
		}
		for _, m := range b.Marks {
			if f := s.Fields[m.Col]; !slices.Contains(f.Keeps, m.Code) {
				t.Errorf("column %s %s does not keep the mark %s %.60s", f.Name, f.Native, m.Code, m.Raw)
			}
		}
		out = append(out, b)
	}
	return out
}

// read reads a whole table into memory.
func (j *judge) read(c *Client, dataset string) (*record.Schema, []*record.Batch) {
	j.t.Helper()
	r := j.reader(c, connector.Source{Dataset: dataset})
	schema, _, err := r.Schema(j.t.Context())
	if err != nil {
		j.t.Fatal(err)
	}
	shards, err := r.Split(j.t.Context(), connector.Shard{}, nil, connector.Hint{Shards: 1})
	if err != nil {
		j.t.Fatal(err)
	}
	var out []*record.Batch
	for chunk, err := range r.Read(j.t.Context(), connector.Query{Shard: shards[0], Schema: schema, Batches: record.NewPool(1 << 40)}) {
		if err != nil {
			j.t.Fatal(err)
		}
		out = append(out, chunk.Batch)
	}
	return schema, out
}

// wide is a table with a column for each of some types, v0, v1 ..., whose rows hold their edges.
type wide struct {
	name  string
	cases []valueCase
}

// wides makes tables of all types: those whose values go to the server as they are apart from those that go through their text.
func (j *judge) wides() []wide {
	j.extended()
	var all []wide
	for i, family := range [][]valueCase{numberCases(), timeCases(), textCases(), nativeCases(), listCases()} {
		direct, through := wide{name: fmt.Sprintf("direct%d", i)}, wide{name: fmt.Sprintf("through%d", i)}
		for _, vc := range family {
			w := &direct
			if strings.Contains(vc.logical, "native(") && !strings.HasPrefix(vc.ddl, "bit varying") {
				w = &through
			}
			if since(vc.ddl) <= j.major {
				w.cases = append(w.cases, vc)
			}
		}
		for _, w := range []wide{direct, through} {
			if len(w.cases) > 0 {
				j.fillWide(w)
				all = append(all, w)
			}
		}
	}
	return all
}

func (j *judge) fillWide(w wide) {
	columns, rows := []string{"id int PRIMARY KEY"}, 0
	for i, vc := range w.cases {
		columns = append(columns, fmt.Sprintf("v%d %s", i, vc.ddl))
		rows = max(rows, len(vc.cells))
	}
	j.execf("CREATE TABLE %s (%s)", w.name, strings.Join(columns, ", "))
	for n := range rows {
		cells := []string{fmt.Sprint(n)}
		for _, vc := range w.cases {
			cells = append(cells, strings.ReplaceAll(vc.cells[n%len(vc.cells)].literal, "?pair", j.schema+".pair"))
		}
		j.execf("INSERT INTO %s VALUES (%s)", w.name, strings.Join(cells, ", "))
	}
}

// TestValuesWritten copies each type's edges into tables that are made, and into some that are there, by every mode; the server compares them.
func TestValuesWritten(t *testing.T) {
	everyVersion(t, func(t *testing.T, j *judge) {
		c := j.client(nil)
		types := 0
		for _, w := range j.wides() {
			types += len(w.cases)
			schema, batches := j.read(c, w.name)
			for _, mode := range []connector.Mode{connector.Insert, connector.Upsert, connector.Replace} {
				for _, there := range []bool{false, true} {
					to := fmt.Sprintf("%s_%s_%t", w.name, mode, there)
					if there {
						j.execf("CREATE TABLE %s (LIKE %s INCLUDING ALL)", to, w.name)
					}
					x := j.begin(c, connector.Sink{Dataset: to, Mode: mode}, schema)
					if out := x.write(x.take(1), 1, stored(t, x.target.Stored, batches)...); len(out.Rejected)+len(out.Superseded) > 0 {
						t.Errorf("%s, %s: rejected %+v", w.name, mode, out.Rejected)
					}
					x.finish(connector.Seal, connector.Publish)
					for i, vc := range w.cases {
						j.alike(vc, w.name, to, fmt.Sprintf("v%d", i))
					}
				}
			}
		}
		if types < 90 {
			t.Fatalf("%d types are left of the table", types)
		}
	})
}

// alike compares a column of two tables, and how it is declared.
func (j *judge) alike(vc valueCase, from, to, column string) {
	j.t.Helper()
	if d := j.rows("SELECT id, left(s.%[1]s::text, 80), left(d.%[1]s::text, 80) FROM %[2]s s FULL JOIN %[3]s d USING (id) WHERE s.%[1]s::text IS DISTINCT FROM d.%[1]s::text OR "+
		"pg_column_size(s.%[1]s) <> pg_column_size(d.%[1]s) AND pg_column_size(s.%[1]s) < 100", column, from, to); len(d) > 0 {
		j.t.Errorf("%s in %s: differs: %q", vc.ddl, to, d)
	}
	const typeOf = "SELECT CASE WHEN t.typtype = 'd' THEN '%s' ELSE format_type(t.oid, a.atttypmod) END, k.collname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid " +
		"LEFT JOIN pg_collation k ON k.oid = a.attcollation WHERE a.attrelid = '%s'::regclass AND a.attname = '%s'"
	base := map[string]string{"positive": "integer", "shortly": "character varying(7)", "numbers": "numeric(6,2)[]"}[vc.ddl]
	got, want := j.rows(typeOf, base, to, column)[0], j.rows(typeOf, base, from, column)[0]
	if base != "" && !strings.HasSuffix(to, "true") {
		want[0] = base // a domain is made as what it is made of
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		j.t.Errorf("%s in %s: made as %q, the source is %q", vc.ddl, to, got, want)
	}
}

// clientOf opens a client with options.
func (j *judge) clientOf(options []byte) *Client {
	j.t.Helper()
	c, err := Connector().Open(j.t.Context(), connector.Connection{Options: options})
	if err != nil {
		j.t.Fatalf("open: %v", err)
	}
	j.t.Cleanup(func() { c.Close() })
	return c.(*Client)
}
