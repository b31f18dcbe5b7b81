package job_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/towpath/towpath/job"
)

func TestBind(t *testing.T) {
	t.Parallel()
	text := `mode: batch
source: {connection: a}
target: {connection: b}
streams:
  - {source: "shop.${table}", where: "at >= '${since}' and x = '$${since}' and cost > $5"}
  - {query: "select ${n}", target: "out_${table}"}
parameters: {since: 2026-01-01, table: orders, n: 7}
`
	j := parse(t, text)
	bound, err := j.Bind(map[string]string{"since": "${table}"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, got, want string }{
		{"source", bound.Streams[0].Source, "shop.orders"},
		{"target by the source's name", bound.Streams[0].Target, "shop.orders"},
		{"where", bound.Streams[0].Where, "at >= '${table}' and x = '${since}' and cost > $5"},
		{"query", bound.Streams[1].Query, "select 7"},
		{"target", bound.Streams[1].Target, "out_orders"},
		{"parameter kept", bound.Parameters["since"], "${table}"},
		{"the job itself", j.Streams[0].Source, "shop.${table}"},
		{"its parameters", j.Parameters["since"], "2026-01-01"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, c.got, c.want)
		}
	}
}

func TestBindRefuses(t *testing.T) {
	t.Parallel()
	text := `mode: full
source: {connection: a}
target: {connection: b}
streams:
  - {source: "${table}"}
  - {source: "${other}", target: "x"}
parameters: {table: orders, other: y}
`
	j := parse(t, text)
	_, err := j.Bind(map[string]string{"tabel": "x", "zzz": "y"})
	want := `shop: parameters.tabel: the job has no parameter "tabel"
    Did you mean "table"?
shop: parameters.zzz: the job has no parameter "zzz"
    Give it a value below parameters in the job.`
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	_, err = j.Bind(map[string]string{"table": "x"})
	want = `shop:6:33: streams[1].target: target "x" is that of streams[0] too`
	if err == nil || !strings.Contains(err.Error(), `target "x" is that of streams[0] too`) {
		t.Errorf("got %v\nwant %s", err, want)
	}
	_, err = j.Bind(map[string]string{"other": "shop.*"})
	if err == nil || !strings.Contains(err.Error(), "streams[1].target: a pattern has many targets") {
		t.Errorf("a pattern as value: %v", err)
	}
	bound, err := j.Bind(map[string]string{"table": "shop.*"})
	if err != nil || bound.Streams[0].Target != "" {
		t.Errorf("a pattern as value: target %q, %v; want none", bound.Streams[0].Target, err)
	}
}

// TestBindProperty builds a condition of pieces whose meaning is known.
func TestBindProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		params := rapid.MapOfN(rapid.StringMatching(`[a-zA-Z_][a-zA-Z0-9_]{0,5}`), rapid.StringMatching(`[ -~é]{0,8}`), 1, 4).Draw(t, "params")
		var names []string
		for name := range params {
			names = append(names, name)
		}
		var text, want strings.Builder
		for range rapid.IntRange(0, 8).Draw(t, "pieces") {
			switch rapid.IntRange(0, 2).Draw(t, "kind") {
			case 0:
				literal := rapid.StringMatching(`[a-z0-9 '"{}%é]{1,6}`).Draw(t, "literal")
				text.WriteString(literal)
				want.WriteString(literal)
			case 1:
				text.WriteString("$${")
				want.WriteString("${")
			default:
				name := rapid.SampledFrom(names).Draw(t, "name")
				text.WriteString("${" + name + "}")
				want.WriteString(params[name])
			}
		}
		j := &job.Job{Mode: job.Batch, Parameters: params, Streams: []job.Stream{{Source: "a", Where: text.String()}}}
		bound, err := j.Bind(nil)
		if err != nil {
			t.Fatalf("Bind(%q): %v", text.String(), err)
		}
		if got := bound.Streams[0].Where; got != want.String() {
			t.Fatalf("Bind(%q) = %q, want %q", text.String(), got, want.String())
		}
	})
}
