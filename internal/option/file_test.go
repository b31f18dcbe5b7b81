package option_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/internal/option"
)

type filing struct {
	Path  string            `json:"path" doc:"Path." path:"file"`
	Name  string            `json:"name" doc:"Name."`
	Many  []string          `json:"many" doc:"Paths." path:"file"`
	Named map[string]string `json:"named" doc:"Paths." path:"file"`
	Parts []part            `json:"parts" doc:"Parts."`
	One   *part             `json:"one" doc:"Part."`
	Free  json.RawMessage   `json:"free" doc:"Anything."`
	Count int64             `json:"count" doc:"Count."`
}

type part struct {
	File string `json:"file" doc:"Path." path:"file"`
	Text string `json:"text" doc:"Text."`
}

func TestPathsAreMapped(t *testing.T) {
	t.Parallel()
	spec := option.Describe(filing{})
	var found []string
	for _, f := range spec.Fields() {
		if f.File {
			found = append(found, f.Name)
		}
	}
	if diff := cmp.Diff([]string{"path", "many", "named", "parts[].file", "one.file"}, found); diff != "" {
		t.Error(diff)
	}
	if schema := string(spec.Schema()); !strings.Contains(schema, `"path":{"type":"string","format":"towpath-file"`) {
		t.Errorf("schema %s", schema)
	}
	given := `{"path":"a","name":"b","many":["c","d"],"named":{"path":"e","x":"f"},"parts":[{"file":"g","text":"h"}],"one":{"file":"i"},"free":{"path":"j"},"count":12345678901234567,"other":"k"}`
	want := `{"count":12345678901234567,"free":{"path":"j"},"many":["many[0]=c","many[1]=d"],"name":"b","named":{"path":"named.path=e","x":"named.x=f"},"one":{"file":"one.file=i"},"other":"k","parts":[{"file":"parts[0].file=g","text":"h"}],"path":"path=a"}`
	got, err := spec.MapFiles(json.RawMessage(given), func(option, path string) (string, error) { return option + "=" + path, nil })
	if err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
	no := errors.New("no")
	for raw, want := range map[string]error{given: no, `{"many":["c"]}`: no, `{"one":{"file":""}}`: no, `{"name":"b"}`: nil, `{"path":7,"many":"c","parts":{"file":"g"},"one":null}`: nil, ``: nil, `null`: nil} {
		if _, err := spec.MapFiles(json.RawMessage(raw), func(string, string) (string, error) { return "", no }); err != want {
			t.Errorf("%s: got %v", raw, err)
		}
	}
	if _, err := spec.MapFiles(json.RawMessage(`["a"]`), nil); err == nil {
		t.Error("a list was taken for an object")
	}
	for name, bad := range map[string]any{
		"a default": filing{Path: "/tmp/x"},
		"a number": struct {
			N int `json:"n" path:"file"`
		}{},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a path with %s is described", name)
				}
			}()
			option.Describe(bad)
		}()
	}
}
