package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// No time is judged here: a busy machine must not turn a test red.
func TestEngineSmoke(t *testing.T) {
	s, err := engineCopy(t.Context(), 2_000_000)
	if err != nil {
		t.Fatal(err)
	}
	if s.Rows != 2_000_000 || s.rate() <= 0 || s.CPU <= 0 {
		t.Errorf("got %+v, want all rows at a rate", s)
	}
	// Positions are made once a batch of 4,096 rows; other tests may allocate beside.
	if perRow := float64(s.Allocs) / float64(s.Rows); perRow > 0.005 {
		t.Errorf("%d objects for %d rows, want none a row", s.Allocs, s.Rows)
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		values []float64
		want   float64
	}{
		{"none", nil, 0}, {"one", []float64{4}, 4}, {"odd", []float64{9, 1, 5}, 5}, {"even", []float64{8, 2, 4, 100}, 6},
	} {
		var samples []Sample
		for _, v := range test.values {
			samples = append(samples, Sample{Seconds: v})
		}
		if got := median(samples, func(s Sample) float64 { return s.Seconds }); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}

func TestInterleave(t *testing.T) {
	t.Parallel()
	var order []string
	side := func(name string) contender {
		return contender{name, func(context.Context) (Sample, error) {
			order = append(order, name)
			return Sample{Rows: int64(len(order)), Seconds: 1}, nil
		}}
	}
	b := &bench{runs: 3, log: io.Discard}
	samples, err := b.interleave(t.Context(), side("A"), side("B"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(order, ""), "ABABAB"; got != want {
		t.Errorf("order %s, want %s", got, want)
	}
	if got := figureOf("x", samples[0], "B", samples[1]); got.Value != 3 || got.Ratio != 0.75 || got.Peer != "B" {
		t.Errorf("got %+v, want 3 rows/s, 0.75 times B", got)
	}
	if _, err := b.interleave(t.Context(), contender{"C", func(context.Context) (Sample, error) { return Sample{}, io.ErrUnexpectedEOF }}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v, want that of the run", err)
	}
}

func TestFigureWithoutPeer(t *testing.T) {
	t.Parallel()
	ours := []Sample{{Rows: 2_000_000, Seconds: 2, CPU: 1, Allocs: 500_000, RSS: 30}}
	f := figureOf("x", ours, "", nil)
	want := Figure{Name: "x", Value: 1e6, Unit: "rows/s", CPU: 0.5, Allocs: 0.25, RSS: 30}
	if diff := cmp.Diff(want, f); diff != "" {
		t.Error(diff)
	}
	if line := f.line(); !strings.Contains(line, " - ") {
		t.Errorf("a figure without a peer shows a ratio: %s", line)
	}
}

func TestPrinter(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	show := printer(&out, true)
	show(Figure{Name: "a", Value: 1, Unit: "s", Runs: 3})
	show(Figure{Name: "b"})
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines, want one a figure", len(lines))
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(lines[0]), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"name": "a", "value": 1.0, "unit": "s", "peer": "", "ratio": 0.0, "cpu_s_per_mrow": 0.0, "allocs_per_row": 0.0, "peak_rss_mb": 0.0, "runs": 3.0}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	out.Reset()
	show = printer(&out, false)
	show(Figure{Name: "a"})
	show(Figure{Name: "b"})
	if got := strings.Count(out.String(), "\n"); got != 3 {
		t.Errorf("%d lines, want a heading and two rows:\n%s", got, out.String())
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	got, err := choose("pause,engine")
	if err != nil || len(got) != 2 || got[0].name != "pause" || got[1].name != "engine" {
		t.Errorf("got %v, %v; want both in the order asked for", got, err)
	}
	if _, err := choose("engine,speed"); err == nil || !strings.Contains(err.Error(), `"speed"`) {
		t.Errorf("error %v, want one that names the unknown measure", err)
	}
	for _, args := range [][]string{{"-run", "speed"}, {"-runs", "0"}, {"more"}, {"-nothing"}} {
		if code := run(t.Context(), args, io.Discard, io.Discard); code != 2 {
			t.Errorf("%v: exit code %d, want 2", args, code)
		}
	}
	var out bytes.Buffer
	if code := run(t.Context(), []string{"-list"}, &out, io.Discard); code != 0 || strings.Count(out.String(), "\n") != len(measures()) {
		t.Errorf("-list: exit code %d, %s", code, out.String())
	}
}

func TestChildRefusesWhatIsNoTask(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"{"}, {`{"kind":"dance"}`}} {
		if code := childMain(t.Context(), args, io.Discard, io.Discard); code != 2 {
			t.Errorf("%q: exit code %d, want 2", args, code)
		}
	}
}

// TestGenerator reads all shards, each in two parts, and looks for every id once.
func TestGenerator(t *testing.T) {
	t.Parallel()
	g := newGenerator(20_000, 3)
	shards, err := g.Split(t.Context(), connector.Shard{}, nil, connector.Hint{})
	if err != nil || len(shards) != 3 {
		t.Fatalf("%d shards, %v", len(shards), err)
	}
	var ids []int64
	for _, s := range shards {
		q := connector.Query{Shard: s, Schema: g.schema, Batches: record.NewPool(0)}
		for part := range 2 {
			for chunk, err := range g.Read(t.Context(), q) {
				if err != nil {
					t.Fatal(err)
				}
				ids = append(ids, chunk.Batch.Cols[0].Int64...)
				q.From = chunk.After
				chunk.Batch.Release()
				if part == 0 {
					break
				}
			}
		}
	}
	slices.Sort(ids)
	for i, id := range ids {
		if id != int64(i) {
			t.Fatalf("place %d holds id %d", i, id)
		}
	}
	if len(ids) != 20_000 {
		t.Errorf("%d rows, want 20000", len(ids))
	}
}

func TestParseBodies(t *testing.T) {
	t.Parallel()
	s, err := parseBodies("goos: linux\nBenchmarkBody/ours-1   \t    200\t   500000 ns/op\t  2000000 rows/s\t  12 B/op\t   3 allocs/op\nPASS\n")
	want := Sample{Rows: 200_000, Seconds: 0.1, CPU: 0.1, Allocs: 600}
	if diff := cmp.Diff(want, s); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if _, err := parseBodies("PASS\n"); err == nil {
		t.Error("an answer without a benchmark was taken")
	}
}

func TestRecorder(t *testing.T) {
	t.Parallel()
	var seen []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		seen = append(seen, q.Method+" "+q.URL.Path+" "+string(body))
	}))
	defer server.Close()
	r := &recorder{to: server.URL, recordings: t.TempDir()}
	front, stop, err := r.listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, request := range [][3]string{{"PUT", "/" + searchIndex, "{}"}, {"POST", "/marker/_bulk", "one\n"}, {"POST", "/marker/_bulk", "two\n"}} {
		q, err := http.NewRequestWithContext(t.Context(), request[0], front+request[1], strings.NewReader(request[2]))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
	}
	stop()
	want := []string{"PUT /" + searchIndex + " {}", "POST /marker/_bulk one\n", "POST /marker/_bulk two\n"}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Error(diff)
	}
	var kept []string
	for _, path := range r.bodies {
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, string(body))
	}
	if diff := cmp.Diff([]string{"one\n", "two\n"}, kept); diff != "" || string(r.create) != "{}" || r.most != 1 || r.err != nil {
		t.Errorf("kept %q (most %d, create %s, %v)", kept, r.most, r.create, r.err)
	}
}

func TestGeneratedCopyCountsEveryRow(t *testing.T) {
	t.Parallel()
	s, err := generatedCopy(t.Context(), task{Rows: 50_000, State: t.TempDir()})
	if err != nil || s.Rows != 50_000 {
		t.Errorf("%d rows, %v; want 50000", s.Rows, err)
	}
}

func TestCPUOf(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		stat string
		want float64
		ok   bool
	}{
		{"42 (mariadbd) S 1 42 42 0 -1 4194560 9 0 0 0 1234 66 0 0 20 0 9 0 100", 13, true},
		{"42 (a) b (c) S 1 42 42 0 -1 4194560 9 0 0 0 100 0 7 7 20 0 9 0 100", 1, true},
		{"42 (mariadbd) S 1 42", 0, false},
		{"", 0, false},
	} {
		if got, ok := cpuOf(test.stat); got != test.want || ok != test.ok {
			t.Errorf("%q: got %v %v, want %v %v", test.stat, got, ok, test.want, test.ok)
		}
	}
}
