package elasticsearch

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// placed is a schema of a key and members of two objects, those of one not together.
func placed(t *testing.T) *record.Schema {
	s := schemaOf(t, 1, "id int64", "f:a int32", "g:x text", "f:b date", "note text", ":t text")
	for i := range s.Fields {
		if object, member, found := strings.Cut(s.Fields[i].Name, ":"); found {
			s.Fields[i].Place = &record.Place{Object: object, Member: member}
		}
	}
	return s
}

// Members of an object stand together in it, and one that is NULL is not there, nor an object of which all are.
func TestPlacedDocuments(t *testing.T) {
	t.Parallel()
	s := placed(t)
	e, err := newEncoder(s, []string{"long", "integer", "text", "date", "text", "text"})
	if err != nil {
		t.Fatal(err)
	}
	for want, cells := range map[string][]string{
		`{"id":1,"note":"n","t":"top","f":{"a":2,"b":"2026-01-02"},"g":{"x":"{"}}`: {"1", "2", "{", "2026-01-02", "n", "top"},
		`{"id":1,"note":null,"f":{"b":"2026-01-02"}}`:                              {"1", null, null, "2026-01-02", null, null},
		`{"id":1,"note":"{","g":{"x":""}}`:                                         {"1", null, "", null, "{", null},
		`{"id":1,"note":null}`:                                                     {"1", null, null, null, null, null},
	} {
		b := batchOf(t, s, cells)
		if d := cmp.Diff(want+"\n", string(e.appendDoc(nil, b, 0))); d != "" {
			t.Error(d)
		}
	}
}

func TestPlacesThatMeet(t *testing.T) {
	t.Parallel()
	c := openClient(t, fmt.Sprintf(`{"urls":[%q]}`, emptyCluster(t)))
	for name, change := range map[string]func(s *record.Schema){
		"object is a column":   func(s *record.Schema) { s.Fields[4].Name = "f" },
		"member twice":         func(s *record.Schema) { s.Fields[2].Place = &record.Place{Object: "f", Member: "a"} },
		"member of a member":   func(s *record.Schema) { s.Fields[3].Place = &record.Place{Object: "f", Member: "a.b"} },
		"the server's own":     func(s *record.Schema) { s.Fields[3].Place = &record.Place{Object: "_id", Member: "a"} },
		"too deep":             func(s *record.Schema) { s.Fields[3].Place.Member = strings.Repeat("x.", 20) + "x" },
		"member without name":  func(s *record.Schema) { s.Fields[3].Place = &record.Place{Object: "f"} },
		"changed by a mapping": nil,
		"changed by a path":    nil,
	} {
		t.Run(name, func(t *testing.T) {
			s, options, code := placed(t), "{}", "TOW-512"
			if change != nil {
				change(s)
			} else {
				options, code = map[string]string{"changed by a mapping": `{"mapping":{"properties":{"f":{"properties":{"a":{"type":"long"}}}}}}`,
					"changed by a path": `{"mapping":{"properties":{"f.a":{"ignore_malformed":true}}}}`}[name], "TOW-514"
			}
			w := openWriter(t, c, connector.Sink{Dataset: "orders", Mode: connector.Upsert, Run: "r1", Options: []byte(options)})
			_, err := w.Plan(t.Context(), s)
			if e, ok := err.(*connector.Error); !ok || e.Code != code {
				t.Errorf("plan: %v, want %s", err, code)
			}
		})
	}
}

// A mapping of more fields than the server allows by itself brings its own limit.
func TestManyFields(t *testing.T) {
	onEach(t, func(t *testing.T, s *search) {
		columns := []string{"id int64"}
		for i := range 300 { // each with an object and a subfield
			columns = append(columns, fmt.Sprintf("c%d text", i), fmt.Sprintf("o%d.c int64", i), fmt.Sprintf("p%d int64", i))
		}
		name := s.newName(t)
		w := openWriter(t, openClient(t, s.options()), connector.Sink{Dataset: name, Mode: connector.Upsert, Run: newRun(), Options: []byte("{}")})
		target, err := w.Plan(t.Context(), schemaOf(t, 1, columns...))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(target.Steps[0], `"index.mapping.total_fields.limit":1651`) {
			t.Errorf("the plan does not tell the limit: %.300s", target.Steps[0][len(target.Steps[0])-300:])
		}
		if err := w.Prepare(t.Context(), target, true, nil); err != nil {
			t.Fatal(err)
		}
	})
}

// An index whose fields leave no room for a member is refused before anything is written.
func TestPlacesThatAreTaken(t *testing.T) {
	onEach(t, func(t *testing.T, s *search) {
		for body, want := range map[string]string{
			`{"f":{"type":"text"}}`:                   "the index has f as text, which takes no field f.a",
			`{"f":{"type":"nested"}}`:                 "the index has f as nested, which takes no field f.a",
			`{"f":{"type":"object","enabled":false}}`: "the index has f as an object with enabled: false, which takes no field f.a",
		} {
			name := s.newName(t)
			s.must(t, "PUT", "/"+name, `{"mappings":{"properties":`+body+`}}`)
			w := openWriter(t, openClient(t, s.options()), connector.Sink{Dataset: name, Mode: connector.Upsert, Run: newRun(), Options: []byte("{}")})
			_, err := w.Plan(t.Context(), placed(t))
			if e, ok := err.(*connector.Error); !ok || e.Code != "TOW-513" || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want TOW-513: %s", body, err, want)
			}
		}
	})
}

// Objects are made, and found again, in an index of the run's own and in one that has some of their members.
func TestPlacedColumns(t *testing.T) {
	onEach(t, func(t *testing.T, s *search) {
		for what, body := range map[string]string{"own": "", "there": `{"mappings":{"properties":{"f":{"properties":{"b":{"type":"keyword"}}}}}}`} {
			t.Run(what, func(t *testing.T) {
				name, schema := s.newName(t), placed(t)
				if body != "" {
					s.must(t, "PUT", "/"+name, body)
				}
				w := openWriter(t, openClient(t, s.options()), connector.Sink{Dataset: name, Mode: connector.Upsert, Run: newRun(), Options: []byte("{}")})
				target, err := w.Plan(t.Context(), schema)
				if err != nil {
					t.Fatal(err)
				}
				if err := w.Prepare(t.Context(), target, true, nil); err != nil {
					t.Fatal(err)
				}
				sw, _, err := w.Take(t.Context(), connector.Shard{ID: "s"}, connector.Lease{Stamp: 5}, connector.Checkpoint{})
				if err != nil {
					t.Fatal(err)
				}
				b := batchOf(t, target.Stored, []string{"7", "-1", "x", "2026-01-02", "n", null})
				if out := write(t, sw, b); len(out.Rejected) > 0 {
					t.Errorf("rejected %+v", out.Rejected)
				}
				var hit struct {
					Source json.RawMessage `json:"_source"`
				}
				if err := json.Unmarshal(s.must(t, "GET", "/"+name+"/_doc/7", ""), &hit); err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(`{"id":7,"note":"n","f":{"a":-1,"b":"2026-01-02"},"g":{"x":"x"}}`, string(hit.Source)); d != "" {
					t.Error(d)
				}
				var mapped map[string]struct{ Mappings mapping }
				if err := json.Unmarshal(s.must(t, "GET", "/"+name+"/_mapping", ""), &mapped); err != nil {
					t.Fatal(err)
				}
				got := mapped[name].Mappings
				born := map[string]string{"own": "date", "there": "keyword"}[what]
				for field, want := range map[string]string{"f.a": "integer", "f.b": born, "g.x": "text", "note": "text"} {
					if p := got.find(field); p.Type != want {
						t.Errorf("field %s is %q, want %q", field, p.Type, want)
					}
				}
			})
		}
	})
}
