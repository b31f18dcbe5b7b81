package job_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/towpath/towpath/connector"
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
	bound, err := j.Bind(map[string]string{"other": "shop.*"})
	if err != nil || bound.Streams[1].Target != "x" {
		t.Errorf("a pattern as value: target %q, %v; want x", bound.Streams[1].Target, err)
	}
	bound, err = j.Bind(map[string]string{"table": "shop.*"})
	if err != nil || bound.Streams[0].Target != "" {
		t.Errorf("a pattern as value: target %q, %v; want none", bound.Streams[0].Target, err)
	}
}

// TestNamesOfMatches binds and expands patterns with a target: parameters and parts of names meet in it.
func TestNamesOfMatches(t *testing.T) {
	t.Parallel()
	const head = "mode: full\nsource: {connection: a}\ntarget: {connection: b}\n"
	names := []string{"shop.orders", "shop.items", "shop.items"}
	for target, want := range map[string]string{
		"ods_${table}":           "ods_items ods_orders",
		"ods.${schema}_${table}": "ods.shop_items ods.shop_orders",
		"${database}_${prefix}":  "shop_x${table} shop_x${table}",
		"$${table}_${table}":     "${table}_items ${table}_orders",
		"all":                    "all all",
		"":                       "shop.items shop.orders",
		"a$b}_${table}":          "a$b}_items a$b}_orders",
	} {
		j := parse(t, head+"streams: [{source: \"${db}.*\", target: '"+target+"'}]\nparameters: {db: shop, prefix: 'x${table}'}\n")
		bound, err := j.Bind(nil)
		if err != nil {
			t.Fatalf("%s: %v", target, err)
		}
		again, err := job.Parse(bound.Canonical(), "job.json")
		if err != nil || again.Streams[0].Target != bound.Streams[0].Target {
			t.Errorf("%s: a bound job reads back with another target: %v", target, err)
		}
		streams, err := job.Expand(bound.Streams[0], names)
		if err != nil {
			t.Fatalf("%s: %v", target, err)
		}
		var got []string
		for _, s := range streams {
			got = append(got, s.Target)
		}
		if got := strings.Join(got, " "); got != want {
			t.Errorf("%s: got %q, want %q", target, got, want)
		}
	}
}

func TestNamesOfMatchesRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ target, dataset, want string }{
		{"${schema}_${table}", "orders", `target "${schema}_${table}": dataset "orders" has no schema in its name`},
		{"${database}", "orders", `target "${database}": dataset "orders" has no database in its name`},
		{"x_${table}", "shop.`a.b`", "target \"x_${table}\": \"a.b\" of dataset \"shop.`a.b`\" cannot be put into another name"},
		{"x_${table}", `shop."a""b"`, `target "x_${table}": "a\"b" of dataset "shop.\"a\"\"b\"" cannot be put into another name`},
		{"x_${tabel}", "orders", `target "x_${tabel}": ${tabel is not a part of a dataset's name`},
	} {
		_, err := job.Expand(job.Stream{Source: "*", Target: c.target}, []string{c.dataset})
		if err == nil || err.Error() != c.want || connector.ClassOf(err) != connector.Config {
			t.Errorf("%s of %s: got %v\nwant %s", c.target, c.dataset, err, c.want)
		}
	}
	streams, err := job.Expand(job.Stream{Source: "*", Target: "${database}/${schema}/${table}"}, []string{"main.`or ders`", "erp.dbo.orders"})
	if err != nil || streams[0].Target != "erp/dbo/orders" || streams[1].Target != "main/main/or ders" {
		t.Errorf("got %+v, %v", streams, err)
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
