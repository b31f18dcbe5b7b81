package elasticsearch

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// The types that a plan chooses, and what it says of them.
func TestChosenTypes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		logical string
		want    string
		server  server
	}{
		{"bool", "boolean", server{}}, {"int8", "byte", server{}}, {"int24", "integer", server{}}, {"int64", "long", server{}},
		{"uint8", "short", server{}}, {"uint16", "integer", server{}}, {"uint32", "long", server{}},
		{"uint64", "keyword", server{}}, {"uint64", "unsigned_long", server{unsignedLong: true}}, {"bit(64)", "keyword", server{}},
		{"bit(1)", "byte", server{}}, {"bit(63)", "long", server{}}, {"bit(65)", "keyword", server{}},
		{"float32", "float", server{}}, {"float64", "double", server{}},
		{"decimal(15,2)", "double", server{}}, {"decimal(16,2)", "keyword", server{}}, {"decimal(65,30)", "keyword", server{}}, {"decimal", "keyword", server{}},
		{"text", "text", server{}}, {"bytes", "binary", server{}}, {"date", "date", server{}},
		{"datetime(3)", "date", server{}}, {"datetime(4)", "date_nanos", server{}}, {"instant(6)", "date_nanos", server{}},
		{"time(6)", "keyword", server{}}, {"year", "short", server{}}, {"uuid", "keyword", server{}}, {"json", "object", server{}},
		{`enum("a")`, "keyword", server{}}, {`set("a")`, "keyword", server{}}, {"geometry", "keyword", server{}}, {"document", "binary", server{}},
		{"list(int32)", "integer", server{}}, {"list(text)", "text", server{}}, {"list(list(datetime(6)))", "date_nanos", server{}}, {"list(uint64)", "unsigned_long", server{unsignedLong: true}}, {"list(bytes)", "binary", server{}}, {"list(json)", "object", server{}},
	} {
		s := schemaOf(t, 0, "c "+c.logical)
		got := defaultType(s.Fields[0].Type, c.server)
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.logical, got, c.want)
		}
		if f := makeField(s.Fields[0].Type, got); f == nil || len(f.losses) > 0 {
			t.Errorf("%s as %s: %+v, want no loss", c.logical, got, f)
		}
	}
}

// What an index or a job may make of a column: exact, with a named loss, or not at all.
func TestFits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ logical, esType, want string }{
		{"int32", "long", "exact"}, {"int32", "double", "exact"}, {"int64", "double", "loss"}, {"int32", "float", "loss"}, {"int64", "keyword", "exact"},
		{"int64", "integer", "checked"}, {"uint32", "integer", "checked"}, {"uint64", "long", "checked"}, {"int8", "unsigned_long", "checked"}, {"int64", "date", "no"},
		{"bool", "keyword", "exact"}, {"bool", "long", "no"}, {"float64", "float", "loss"}, {"float32", "double", "checked"}, {"decimal(9,0)", "integer", "exact"}, {"decimal(10,0)", "integer", "checked"}, {"decimal(4,0)", "short", "exact"}, {"int16", "unsigned_long", "checked"},
		{"list(int32)", "long", "checked"}, {"list(int64)", "double", "loss"}, {"list(int32)", "binary", "no"}, {"list(bytes)", "binary", "checked"}, {"list(text)", "keyword", "checked"}, {"list(list(date))", "date", "checked"}, {"list", "keyword", "no"}, {"float64", "keyword", "exact"},
		{"decimal(10,2)", "scaled_float", "loss"}, {"decimal(20,2)", "double", "loss"}, {"decimal(9,0)", "long", "exact"}, {"decimal(9,2)", "long", "no"},
		{"datetime(6)", "date", "loss"}, {"datetime(0)", "date_nanos", "checked"}, {"datetime(6)", "keyword", "exact"}, {"datetime(0)", "long", "no"},
		{"text", "keyword", "checked"}, {"text", "long", "loss"}, {"text", "ip", "loss"}, {"text", "binary", "no"}, {"text", "object", "no"},
		{"bytes", "keyword", "exact"}, {"bytes", "text", "exact"}, {"bytes", "long", "no"}, {"json", "keyword", "checked"}, {"json", "flattened", "checked"}, {"json", "long", "no"},
		{"geometry", "geo_shape", "no"}, {`set("a")`, "keyword", "exact"}, {`set("a")`, "long", "no"}, {"year", "long", "exact"}, {"year", "byte", "checked"},
	} {
		got := "no"
		typ := schemaOf(t, 0, "c "+c.logical).Fields[0].Type
		if f := makeField(typ, c.esType); f != nil {
			switch {
			case len(f.losses) > 0:
				got = "loss"
			case f.check != nil, record.NewCast(typ, f.stored, record.CastOptions{}).Decision == record.Checked:
				got = "checked"
			default:
				got = "exact"
			}
		}
		if got != c.want {
			t.Errorf("%s as %s: %s, want %s", c.logical, c.esType, got, c.want)
		}
	}
}

func planned(t *testing.T, options string, mode connector.Mode, columns ...string) (*connector.Target, error) {
	t.Helper()
	c := openClient(t, fmt.Sprintf(`{"urls":[%q]}`, emptyCluster(t)))
	w := openWriter(t, c, connector.Sink{Dataset: "orders", Mode: mode, Run: "r1", Options: []byte(options)})
	return w.Plan(t.Context(), schemaOf(t, 1, columns...))
}

func TestPlanShowsBody(t *testing.T) {
	t.Parallel()
	got, err := planned(t, `{"columns":{"note":{"analyzer":"german"},"price":{"double":true},"hidden":{"no_index":true}},
		"mapping":{"properties":{"note":{"copy_to":"all"},"all":{"type":"text"}},"_meta":{"team":"shop"}},
		"settings":{"analysis":{"analyzer":{"german":{"type":"standard"}}},"index.codec":"best_compression"},"shards":3,"ignore_above":100}`,
		connector.Upsert, "id int64", "note text", "price decimal(20,2)", "hidden int32", "doc json")
	if err != nil {
		t.Fatal(err)
	}
	want := `PUT /orders {"mappings":{"_meta":{"team":"shop","towpath":{"run":"r1"}},"dynamic":"strict","properties":{` +
		`"all":{"type":"text"},"doc":{"enabled":false,"type":"object"},"hidden":{"doc_values":false,"index":false,"type":"integer"},"id":{"type":"long"},` +
		`"note":{"analyzer":"german","copy_to":"all","fields":{"keyword":{"ignore_above":100,"type":"keyword"}},"type":"text"},` +
		`"price":{"fields":{"double":{"type":"double"}},"ignore_above":100,"type":"keyword"}}},` +
		`"settings":{"index.analysis.analyzer.german.type":"standard","index.codec":"best_compression","index.number_of_shards":3}}`
	if d := cmp.Diff(want, got.Steps[0]); d != "" {
		t.Error(d)
	}
	if len(got.Losses) != 1 || got.Losses[0].Column != "price" || got.Losses[0].Policy == "" {
		t.Errorf("losses %+v, want the added double", got.Losses)
	}
	if all := strings.Join(got.Notes, "\n"); !strings.Contains(all, "column doc: the JSON value null and SQL NULL are both null") {
		t.Errorf("notes %q do not tell what becomes of a JSON null", got.Notes)
	}
	if got.Way != connector.WayB || got.Owned != "orders" || got.Exists || !slices.Equal(got.Key, []string{"id"}) {
		t.Errorf("target %+v", got)
	}
}

func TestPlanRefuses(t *testing.T) {
	t.Parallel()
	columns := make([]string, 1001)
	for i := range columns {
		columns[i] = fmt.Sprintf("c%d int32", i)
	}
	many := make([]string, 600)
	for i := range many {
		many[i] = fmt.Sprintf("c%d text", i)
	}
	for name, c := range map[string]struct {
		options string
		mode    connector.Mode
		columns []string
		code    string
	}{
		"no key":           {`{}`, connector.Upsert, nil, "TOW-511"},
		"unknown column":   {`{"columns":{"nope":{"type":"long"}}}`, connector.Upsert, []string{"id int64"}, "TOW-512"},
		"type":             {`{"columns":{"id":{"type":"date"}}}`, connector.Upsert, []string{"id int64"}, "TOW-512"},
		"analyser":         {`{"columns":{"id":{"analyzer":"german"}}}`, connector.Upsert, []string{"id int64"}, "TOW-512"},
		"double":           {`{"columns":{"id":{"double":true}}}`, connector.Upsert, []string{"id int64"}, "TOW-512"},
		"own name":         {`{}`, connector.Upsert, []string{"_id int64"}, "TOW-512"},
		"dots":             {`{}`, connector.Upsert, []string{"a int64", "a.b int64"}, "TOW-512"},
		"empty part":       {`{}`, connector.Upsert, []string{"a..b int64"}, "TOW-512"},
		"too many columns": {`{}`, connector.Upsert, columns, "TOW-512"},
		"too many":         {`{"settings":{"index.mapping.total_fields.limit":1199}}`, connector.Upsert, many, "TOW-512"},
		"dynamic":          {`{"mapping":{"dynamic":true}}`, connector.Upsert, []string{"id int64"}, "TOW-514"},
		"source":           {`{"mapping":{"_source":{"enabled":false}}}`, connector.Upsert, []string{"id int64"}, "TOW-514"},
		"silent type":      {`{"mapping":{"properties":{"id":{"type":"integer"}}}}`, connector.Upsert, []string{"id int64"}, "TOW-514"},
		"malformed":        {`{"mapping":{"properties":{"id":{"ignore_malformed":true}}}}`, connector.Upsert, []string{"id int64"}, "TOW-514"},
		"synthetic":        {`{"settings":{"index":{"mapping":{"source":{"mode":"synthetic"}}}}}`, connector.Upsert, []string{"id int64"}, "TOW-514"},
		"pipeline":         {`{"settings":{"default_pipeline":"p"}}`, connector.Upsert, []string{"id int64"}, "TOW-514"},
		"shards twice":     {`{"shards":2,"settings":{"number_of_shards":3}}`, connector.Upsert, []string{"id int64"}, "TOW-514"},
		"async shards":     {`{"shards":2,"settings":{"translog":{"durability":"async"}}}`, connector.Upsert, []string{"id int64"}, "TOW-514"},
		"settings no json": {`{"settings":[1]}`, connector.Upsert, []string{"id int64"}, "TOW-514"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := planned(t, c.options, c.mode, c.columns...)
			e, ok := err.(*connector.Error)
			if !ok || e.Class != connector.Config || e.Code != c.code {
				t.Fatalf("plan: %v, want %s", err, c.code)
			}
		})
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{"orders": true, "shop.orders": true, "bücher": true, "Orders": false, "": false, "a b": false, "-x": false, "a,b": false, ".x": false, "x*": false,
		strings.Repeat("x", 201): false} {
		if err := checkName(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// An existing index is matched field by field; what it lacks is added, what does not fit is refused.
func TestExistingIndex(t *testing.T) {
	onEach(t, func(t *testing.T, s *search) {
		c := openClient(t, s.options())
		for what, x := range map[string]struct {
			body, options, code string
		}{
			"fits":            {`{"mappings":{"properties":{"id":{"type":"long"}}}}`, `{}`, ""},
			"wider":           {`{"mappings":{"dynamic":"strict","properties":{"id":{"type":"keyword"},"note":{"type":"keyword"}}}}`, `{}`, ""},
			"other type":      {`{"mappings":{"properties":{"id":{"type":"date"}}}}`, `{}`, "TOW-513"},
			"loss":            {`{"mappings":{"properties":{"id":{"type":"double"}}}}`, `{}`, "TOW-513"},
			"accepted loss":   {`{"mappings":{"properties":{"id":{"type":"double"}}}}`, `{"columns":{"id":{"type":"double"}}}`, ""},
			"another wish":    {`{"mappings":{"properties":{"id":{"type":"long"}}}}`, `{"columns":{"id":{"type":"keyword"}}}`, "TOW-513"},
			"no source":       {`{"mappings":{"_source":{"enabled":false}}}`, `{}`, "TOW-517"},
			"routing":         {`{"mappings":{"_routing":{"required":true}}}`, `{}`, "TOW-517"},
			"async shards":    {`{"settings":{"index.translog.durability":"async","index.number_of_shards":2}}`, `{}`, "TOW-517"},
			"durability note": {`{"settings":{"index.translog.durability":"async"}}`, `{}`, ""},
		} {
			t.Run(what, func(t *testing.T) {
				name := s.newName(t)
				s.must(t, "PUT", "/"+name, x.body)
				w := openWriter(t, c, connector.Sink{Dataset: name, Mode: connector.Upsert, Run: newRun(), Options: []byte(x.options)})
				target, err := w.Plan(t.Context(), numbered(t))
				if x.code != "" {
					if e, ok := err.(*connector.Error); !ok || e.Code != x.code {
						t.Fatalf("plan: %v, want %s", err, x.code)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if what == "durability note" && !strings.Contains(strings.Join(target.Notes, "\n"), "async") {
					t.Errorf("notes %q do not speak of async", target.Notes)
				}
				if err := w.Prepare(t.Context(), target, true, nil); err != nil {
					t.Fatalf("prepare: %v", err)
				}
				sw, _, err := w.Take(t.Context(), connector.Shard{ID: "s"}, connector.Lease{Stamp: 5}, connector.Checkpoint{})
				if err != nil {
					t.Fatal(err)
				}
				if out := write(t, sw, numbers(t, 1)); len(out.Rejected) > 0 {
					t.Errorf("rejected %+v", out.Rejected)
				}
				var hit struct{ Found bool }
				if err := json.Unmarshal(s.must(t, "GET", "/"+name+"/_doc/0", ""), &hit); err != nil || !hit.Found {
					t.Errorf("document 0 is not there: %v", err)
				}
			})
		}
	})
}
