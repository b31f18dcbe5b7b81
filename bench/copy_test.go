package main

import (
	"context"
	"io"
	"math"
	"net/url"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/bench/data"
	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// testRows are few, but more than a batch.
const testRows = 5000

// testDatabase is apart from the benchmark's own.
const testDatabase = database + "_test"

func address(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// testServers returns both servers, and a table of each in a database that ends with the test.
func testServers(t *testing.T) (m data.Server, from string, p data.Postgres, fromPostgres string) {
	t.Helper()
	server := servers.Need(t, "mariadb")
	m = data.Server{Client: server.Client, URL: address(t, server.URL)}
	server = servers.Need(t, "postgres")
	main := data.Postgres{Client: server.Client, URL: address(t, server.URL)}
	t.Cleanup(func() {
		_, err := m.Run(context.Background(), "DROP DATABASE IF EXISTS "+testDatabase)
		if err == nil {
			_, err = main.Run(context.Background(), "DROP DATABASE IF EXISTS "+testDatabase+" WITH (FORCE)")
		}
		if err != nil {
			t.Error(err)
		}
	})
	from, err := data.Narrow().Fill(t.Context(), m, testDatabase, 1, testRows)
	if err != nil {
		t.Fatal(err)
	}
	p = main.In(testDatabase)
	if err := main.MakeDatabase(t.Context(), testDatabase); err != nil {
		t.Fatal(err)
	}
	if fromPostgres, err = data.Narrow().FillPostgres(t.Context(), p, 1, testRows); err != nil {
		t.Fatal(err)
	}
	return m, from, p, fromPostgres
}

// Every task that copies brings every row, as the servers' own clients see it; both systems hold the same table to begin with.
func TestCopies(t *testing.T) {
	m, from, p, fromPostgres := testServers(t)
	want, err := cells(m.Run(t.Context(), printOf(from)))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := cells(p.Run(t.Context(), printOf(fromPostgres))); err != nil || got != want {
		t.Errorf("the tables differ: %s in PostgreSQL, %s in MySQL, %v", got, want, err)
	}
	name := testDatabase + "." + copied
	ids := idsFrom(0, testRows)
	toMySQL, toPostgres := mysqlTarget{m, name, true}, postgresTarget{p, copied, true}
	copyTo := func(source, dataset, target, table string) task {
		return task{Kind: "copy", Source: source, Dataset: dataset, Target: target, Index: table, Ranges: 2}
	}
	mysqlURL, postgresURL := m.URL.String(), p.URL.String()
	for title, c := range map[string]struct {
		task   task
		target target
		want   string
	}{
		"mysql to postgres":     {copyTo(mysqlURL, from, postgresURL, "public."+copied), postgresTarget{p, copied, false}, want},
		"boxed":                 {task{Kind: "boxed", Source: mysqlURL, Dataset: from, Target: postgresURL, Index: copied}, toPostgres, want},
		"postgres to mysql":     {copyTo(postgresURL, "public."+fromPostgres, mysqlURL, name), mysqlTarget{m, name, false}, want},
		"memory to mysql":       {task{Kind: "write", Source: mysqlURL, Dataset: from, Rows: testRows, Target: mysqlURL, Index: name, Ranges: 2}, counted{toMySQL, m.Run, name}, ids},
		"memory to postgres":    {task{Kind: "write", Source: postgresURL, Dataset: "public." + fromPostgres, Rows: testRows, Target: postgresURL, Index: "public." + copied, Ranges: 1}, counted{toPostgres, p.Run, copied}, ids},
		"mysql to mysql, again": {copyTo(mysqlURL, from, mysqlURL, name), mysqlTarget{m, name, false}, want},
	} {
		t.Run(title, func(t *testing.T) {
			c.task.State = t.TempDir()
			s, err := filling(c.target, c.want, contender{title, func(ctx context.Context) (Sample, error) { return tasks()[c.task.Kind](ctx, c.task) }}).once(t.Context())
			if err != nil || s.Rows != testRows {
				t.Errorf("%d rows, want %d, %v", s.Rows, testRows, err)
			}
		})
	}
}

// A side that leaves rows out is no side.
func TestFillingLooks(t *testing.T) {
	t.Parallel()
	lacking := filling(fixed("9 rows"), "10 rows", contender{"liar", func(context.Context) (Sample, error) { return Sample{Rows: 10, Seconds: 1}, nil }})
	if _, err := lacking.once(t.Context()); err == nil || !strings.Contains(err.Error(), "9 rows, want 10 rows") {
		t.Errorf("got %v, want what is missing", err)
	}
}

// fixed is a target that has the same rows whatever is done.
type fixed string

func (fixed) clear(context.Context) error             { return nil }
func (f fixed) print(context.Context) (string, error) { return string(f), nil }

func TestAgainst(t *testing.T) {
	t.Parallel()
	side := func(name string, seconds float64) contender {
		return contender{name, func(context.Context) (Sample, error) { return Sample{Rows: 100, Seconds: seconds}, nil }}
	}
	b := &bench{runs: 1, log: io.Discard}
	got, err := b.against(t.Context(), side("ours", 1), rival{"x", side("A", 2)}, rival{figure: "x-missing"}, rival{"x-slow", side("B", 4)})
	if err != nil {
		t.Fatal(err)
	}
	want := []Figure{{Name: "x", Value: 100, Unit: "rows/s", Peer: "A", Ratio: 2}, {Name: "x-missing", Value: 100, Unit: "rows/s"}, {Name: "x-slow", Value: 100, Unit: "rows/s", Peer: "B", Ratio: 4}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTimed(t *testing.T) {
	t.Parallel()
	command := func(args ...string) *exec.Cmd {
		return program(t.Context(), "sh", append([]string{"-c"}, args...), "WORD=rows")
	}
	s, err := timed(7, command(`echo "$WORD"`), command(`read word; test "$word" = rows`))
	if err != nil || s.Rows != 7 || s.Seconds <= 0 {
		t.Errorf("got %+v, %v", s, err)
	}
	if _, err := timed(7, command("echo gone >&2; exit 3"), command("cat")); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("got %v, want what the first of the two said", err)
	}
	if _, err := timed(7, command("echo"), program(t.Context(), "/nowhere/at/all", nil, "A=B")); err == nil {
		t.Error("a command that is not there ran")
	}
}

// Rows from memory are those of the table, NULLs included, with ids of their own and as many as are wanted.
func TestRowsFromMemory(t *testing.T) {
	t.Parallel()
	schema := &record.Schema{Fields: []record.Field{{Name: "id", Type: record.Type{Kind: record.Int, Bits: 64}, Key: 1}, {Name: "note", Type: record.Type{Kind: record.Text}, Nullable: true}}}
	model := record.NewBatch(schema)
	for i := range 10 {
		model.Cols[0].AppendInt64(math.MaxInt64)
		if i%3 == 0 {
			model.Cols[1].AppendNull()
		} else {
			model.Cols[1].AppendString(strings.Repeat("x", i))
		}
		model.Len++
	}
	model.Size = 1000
	k := &ready{rows: 25, schema: schema, batches: []*record.Batch{model}}
	pool := record.NewPool(0)
	next := int64(0)
	for _, s := range splitRows(k.rows, 240, connector.Shard{}, 2) {
		for chunk, err := range k.Read(t.Context(), connector.Query{Shard: s, Schema: schema, Batches: pool}) {
			if err != nil {
				t.Fatal(err)
			}
			b := chunk.Batch
			for row := range b.Len {
				length := row
				if row%3 == 0 {
					length = 0
				}
				if b.Cols[0].Int64[row] != next || b.Cols[1].Null(row) != (row%3 == 0) || len(b.Cols[1].Bytes(row)) != length {
					t.Fatalf("row %d is %v, %q", next, b.Cols[0].Int64[row], b.Cols[1].Bytes(row))
				}
				next++
			}
			if b.Cols[1].Nulls != (b.Len+2)/3 {
				t.Errorf("%d NULLs are counted in %d rows", b.Cols[1].Nulls, b.Len)
			}
			b.Release()
		}
	}
	if next != 25 {
		t.Errorf("%d rows, want 25", next)
	}
}
