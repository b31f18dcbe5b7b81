package elasticsearch

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/connector"
)

// template lays down an index template of the older kind, whose mapping the server merges into ours field by field.
func (s *search) template(t *testing.T, pattern, rest string) {
	t.Helper()
	path := "/_template/" + strings.TrimRight(pattern, "*")
	s.must(t, "PUT", path, fmt.Sprintf(`{"index_patterns":[%q],"order":7,%s}`, pattern, rest))
	t.Cleanup(func() { s.ask(t, "DELETE", path, "") })
}

// A template that gives the target's name to the staging index does not make it look published.
func TestTemplateAlias(t *testing.T) {
	onEach(t, func(t *testing.T, s *search) {
		name := s.newName(t)
		s.must(t, "PUT", "/"+name+"-old", `{"aliases":{"`+name+`":{}}}`)
		s.must(t, "POST", "/"+name+"-old/_doc/99?refresh=true", `{"id":99}`)
		s.template(t, name+"__tw_*", `"aliases":{"`+name+`":{},"`+name+`-too":{}}`)
		c := openClient(t, s.options())
		r := start(t, c, connector.Sink{Dataset: name, Mode: connector.Replace, Run: newRun()}, numbered(t))
		write(t, r.sw, batchOf(t, numbered(t), []string{"1", "x"}))
		if d := s.sources(t, name); len(d) != 1 || d["99"] == "" {
			t.Errorf("before publishing: %v, want the old document alone", d)
		}
		r.finish(t, connector.Seal, connector.Publish)
		_ = r.w.Close()
		if d := cmp.Diff(map[string]string{"1": `{"id":1,"note":"x"}`}, s.sources(t, name)); d != "" {
			t.Errorf("after publishing: %s", d)
		}

		for what, end := range map[string]func(r *run, run string) error{
			"drop": func(r *run, _ string) error { return r.w.Finish(t.Context(), connector.Drop) },
			"clean": func(_ *run, run string) error {
				_, err := Connector().Clean(t.Context(), c, []string{run}, true)
				return err
			},
		} {
			run := newRun()
			next := start(t, c, connector.Sink{Dataset: name, Mode: connector.Replace, Run: run}, numbered(t))
			if err := end(next, run); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if status, _ := s.ask(t, "GET", "/"+name+"__tw_"+run, ""); status != http.StatusNotFound {
				t.Errorf("%s left the staging index: status %d", what, status)
			}
			if d := s.sources(t, name); len(d) != 1 {
				t.Errorf("%s: documents %v", what, d)
			}
		}
	})
}

// What a template adds to an index that the run makes is looked at before a row goes there.
func TestTemplateSpoilsIndex(t *testing.T) {
	onEach(t, func(t *testing.T, s *search) {
		for what, c := range map[string]struct{ rest, code string }{
			"routing":            {`"mappings":{"_routing":{"required":true}}`, "TOW-517"},
			"final pipeline":     {`"settings":{"index.final_pipeline":"p"}`, "TOW-517"},
			"malformed":          {`"mappings":{"properties":{"id":{"type":"long","ignore_malformed":true}}}`, "TOW-513"},
			"coerce":             {`"mappings":{"properties":{"id":{"type":"long","coerce":false}}}`, "TOW-513"},
			"malformed setting":  {`"settings":{"index.mapping.ignore_malformed":true}`, "TOW-513"},
			"format":             {`"mappings":{"properties":{"at":{"type":"date","format":"yyyy"}}}`, "TOW-513"},
			"async on more":      {`"settings":{"index.translog.durability":"async","index.number_of_shards":2}`, "TOW-517"},
			"async":              {`"settings":{"index.translog.durability":"async"}`, ""},
			"the server's own":   {`"mappings":{"properties":{"id":{"type":"long","ignore_malformed":false,"coerce":true}}}`, ""},
			"field of its own":   {`"mappings":{"properties":{"extra":{"type":"long","ignore_malformed":true}}}`, ""},
			"alias of its own":   {`"aliases":{"` + s.newName(t) + `":{}}`, ""},
			"another field type": {`"mappings":{"properties":{"id":{"type":"keyword"}}}`, ""},
		} {
			t.Run(what, func(t *testing.T) {
				name := s.newName(t)
				s.template(t, name+"*", c.rest)
				w := openWriter(t, openClient(t, s.options()), connector.Sink{Dataset: name, Mode: connector.Upsert, Run: newRun()})
				target, err := w.Plan(t.Context(), schemaOf(t, 1, "id int64", "at datetime(0)"))
				if err != nil {
					t.Fatal(err)
				}
				err = w.Prepare(t.Context(), target, true, nil)
				code := ""
				if e, ok := err.(*connector.Error); ok {
					code = e.Code
				}
				if code != c.code || (err == nil) != (c.code == "") {
					t.Errorf("prepare: %v, want %q", err, c.code)
				}
				if status, _ := s.ask(t, "GET", "/"+name, ""); (status == http.StatusOK) != (c.code == "") {
					t.Errorf("after prepare: status %d of the index", status)
				}
			})
		}
	})
}

// The conditions of an index that documents can be written to, as the servers put them.
func TestUnfit(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		settings, mapping string
		fits              bool
	}{
		"plain":       {`{}`, `{}`, true},
		"stored":      {`{"index.mapping.source.mode":"stored","index.mode":"standard"}`, `{}`, true},
		"synthetic":   {`{"index.mapping.source.mode":"synthetic"}`, `{}`, false},
		"columnar":    {`{"index.mapping.source.mode":"disabled"}`, `{}`, false},
		"logs":        {`{"index.mode":"logsdb"}`, `{}`, false},
		"time series": {`{"index.mode":"time_series"}`, `{}`, false},
		"no source":   {`{}`, `{"_source":{"enabled":false}}`, false},
		"routing":     {`{}`, `{"_routing":{"required":true}}`, false},
		"pipeline":    {`{"index.final_pipeline":"p"}`, `{}`, false},
		"no pipeline": {`{"index.final_pipeline":"_none"}`, `{}`, true},
		"async":       {`{"index.translog.durability":"async","index.number_of_shards":"1"}`, `{}`, true},
		"async of 2":  {`{"index.translog.durability":"async","index.number_of_shards":"2"}`, `{}`, false},
	} {
		x := &index{name: "orders"}
		if err := json.Unmarshal([]byte(c.settings), &x.settings); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(c.mapping), &x.mapping); err != nil {
			t.Fatal(err)
		}
		if err := x.unfit("orders"); (err == nil) != c.fits || err != nil && connector.ClassOf(err) != connector.Config {
			t.Errorf("%s: %v, want fit %t", what, err, c.fits)
		}
	}
}
