package job_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/job"
)

func TestExpand(t *testing.T) {
	t.Parallel()
	s := job.Stream{Source: "shop.*", Write: connector.Replace, Key: []string{"id"}}
	got, err := job.Expand(s, []string{"shop.b", "shop.a", "shop.b"})
	if err != nil {
		t.Fatal(err)
	}
	want := []job.Stream{
		{Source: "shop.a", Target: "shop.a", Write: connector.Replace, Key: []string{"id"}},
		{Source: "shop.b", Target: "shop.b", Write: connector.Replace, Key: []string{"id"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Expand (-want +got):\n%s", diff)
	}
	one := job.Stream{Source: "shop.a", Target: "x"}
	if got, err = job.Expand(one, nil); err != nil || cmp.Diff([]job.Stream{one}, got) != "" {
		t.Errorf("Expand of no pattern = %v, %v", got, err)
	}
	if _, err = job.Expand(s, nil); connector.ClassOf(err) != connector.Missing || err.Error() != `no dataset matches "shop.*"` {
		t.Errorf("Expand of no match: %v", err)
	}
}

func readURL(u *url.URL) (string, map[string]any, string, error) {
	if u.Scheme != "db" {
		return "", nil, "", fmt.Errorf("no connector reads %s URLs", u.Scheme)
	}
	options := map[string]any{"host": u.Hostname()}
	if password, set := u.User.Password(); set {
		options["password"] = password
	}
	return "db", options, strings.Trim(u.Path, "/"), nil
}

func TestFromCopy(t *testing.T) {
	t.Parallel()
	aliases := map[string]job.Connection{"shop": {}, "search": {}}
	for _, c := range []struct {
		source, target string
		want           job.Job
	}{
		{"shop:shop.orders", "search:orders", job.Job{Source: job.Endpoint{Connection: "shop"}, Target: job.Endpoint{Connection: "search"},
			Streams: []job.Stream{{Source: "shop.orders", Target: "orders"}}}},
		{"shop:shop.*", "search", job.Job{Source: job.Endpoint{Connection: "shop"}, Target: job.Endpoint{Connection: "search"},
			Streams: []job.Stream{{Source: "shop.*"}}}},
		{"db://u:p@h/a", "search:", job.Job{Source: job.Endpoint{Connector: "db", Options: json.RawMessage(`{"host":"h","password":"p"}`)},
			Target: job.Endpoint{Connection: "search"}, Streams: []job.Stream{{Source: "a", Target: "a"}}}},
	} {
		got, err := job.FromCopy(c.source, c.target, aliases, readURL)
		if err != nil {
			t.Errorf("%s %s: %v", c.source, c.target, err)
			continue
		}
		if got.Mode != job.Full || got.Streams[0].Write != connector.Replace {
			t.Errorf("%s %s: mode %s, write %s", c.source, c.target, got.Mode, got.Streams[0].Write)
		}
		if diff := cmp.Diff([]any{c.want.Source, c.want.Target, c.want.Streams[0].Source, c.want.Streams[0].Target},
			[]any{got.Source, got.Target, got.Streams[0].Source, got.Streams[0].Target}); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", c.source, c.target, diff)
		}
	}
}

func TestFromCopyRefuses(t *testing.T) {
	t.Parallel()
	aliases := map[string]job.Connection{"shop": {}, "search": {}}
	for _, c := range []struct{ source, target, want, hint string }{
		{"shoop:a", "search:b", `read source: no connection "shoop"`, `Did you mean "shop"?`},
		{"shop:a", "zzzzzz:b", `read target: no connection "zzzzzz"`, "Connections are: search, shop."},
		{"shop", "search:b", "read source: no dataset is named", "Write alias:dataset, or put the dataset at the end of the URL."},
		{"db://u:canary@@%zz/a", "search:b", "read source: the db URL is not well-formed",
			"Characters like @, / and # in user names and passwords are written as %40, %2F and %23."},
		{"ftp://h/a", "search:b", "read source: no connector reads ftp URLs", ""},
		{"shop:a", "search:b*", "copy: streams[0].target: a target is no pattern", ""},
		{"shop:a", "search:b_${table}", "copy: streams[0].target: unknown parameter \"table\"\n    ${table} is a part of each match's name: it stands in the target of a source with *.", ""},
	} {
		_, err := job.FromCopy(c.source, c.target, aliases, readURL)
		if err == nil {
			t.Errorf("%s %s is taken", c.source, c.target)
			continue
		}
		if err.Error() != c.want {
			t.Errorf("%s %s:\ngot  %s\nwant %s", c.source, c.target, err, c.want)
		}
		if e, ok := errors.AsType[*connector.Error](err); ok && c.hint != "" && e.Hint != c.hint {
			t.Errorf("%s %s: hint %q, want %q", c.source, c.target, e.Hint, c.hint)
		}
	}
}

func TestSchema(t *testing.T) {
	t.Parallel()
	var schema struct {
		Properties map[string]struct {
			Description string
			Items       struct{ Properties map[string]any }
			Properties  map[string]any
		}
		Required             []string
		AdditionalProperties *bool
	}
	if err := json.Unmarshal(job.Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"mode", "source", "target", "streams"}, schema.Required); diff != "" {
		t.Errorf("required (-want +got):\n%s", diff)
	}
	for name, p := range schema.Properties {
		if p.Description == "" {
			t.Errorf("%s has no description", name)
		}
	}
	for _, name := range []string{"source", "query", "target", "write", "key", "where", "columns", "source_options", "target_options"} {
		if schema.Properties["streams"].Items.Properties[name] == nil {
			t.Errorf("streams lacks %s", name)
		}
	}
	if schema.AdditionalProperties == nil || *schema.AdditionalProperties {
		t.Error("unknown keys are allowed")
	}
	on, err := json.Marshal(schema.Properties["settings"].Properties["on"])
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"ZERODATE":{"enum":["dirty",null,"null","epoch","keep"]}`, `"pattern":"^recode:."`} {
		if !strings.Contains(string(on), want) {
			t.Errorf("policies lack %s: %s", want, on)
		}
	}
}
