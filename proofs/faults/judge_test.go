package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// search is an Elasticsearch server, reached by HTTP.
type search struct {
	base string
	t    *testing.T
}

func (s search) ask(method, path, body string) (int, []byte) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, s.base+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, b
}

// must is ask for what has to succeed.
func (s search) must(method, path, body string) []byte {
	s.t.Helper()
	status, b := s.ask(method, path, body)
	if status > 299 {
		s.t.Fatalf("%s %s: %d %s", method, path, status, b)
	}
	return b
}

func (s search) address() string { return strings.TrimPrefix(s.base, "http://") }

func (s search) dataset(name string) string { return name }

func (s search) connection(at, options string) string {
	if at == "" {
		at = s.address()
	}
	return fmt.Sprintf("{connector: elasticsearch, urls: [%q]%s}", "http://"+at, more(options))
}

func (s search) vacant() string {
	name := strings.ReplaceAll(newName(), "_", "-")
	s.t.Cleanup(func() {
		var found map[string]json.RawMessage
		if status, b := s.ask("GET", "/"+name+"*?expand_wildcards=all", ""); status == http.StatusOK && json.Unmarshal(b, &found) == nil {
			for index := range found {
				s.ask("DELETE", "/"+index, "")
			}
		}
	})
	return name
}

// document is a document of the tests' tables.
type document struct {
	ID     json.Number
	Name   string
	Amount json.RawMessage
	At     string
	Note   *string
	N      json.Number
}

func (s search) rows(index string) map[int64]string {
	s.t.Helper()
	s.must("POST", "/"+index+"/_refresh", "")
	rows := map[int64]string{}
	for after := ""; ; {
		var answer struct {
			Hits struct {
				Hits []struct {
					ID     string   `json:"_id"`
					Source document `json:"_source"`
				}
			}
		}
		if err := json.Unmarshal(s.must("POST", "/"+index+"/_search", `{"size": 10000, "track_total_hits": false, "sort": [{"id": "asc"}]`+after+"}"), &answer); err != nil {
			s.t.Fatal(err)
		}
		for _, hit := range answer.Hits.Hits {
			d := hit.Source
			note := "NULL"
			if d.Note != nil {
				note = *d.Note
			}
			id, err := d.ID.Int64()
			if err != nil || hit.ID != d.ID.String() {
				s.t.Fatalf("document %s has id %s: %v", hit.ID, d.ID, err)
			}
			if _, twice := rows[id]; twice {
				s.t.Fatalf("two documents have id %d", id)
			}
			rows[id] = strings.Join([]string{d.Name, strings.Trim(string(d.Amount), `"`), d.At, note, d.N.String()}, "|")
			after = `, "search_after": [` + d.ID.String() + `]`
		}
		if len(answer.Hits.Hits) < 10000 {
			return rows
		}
	}
}

// differences says in what got is not want.
func differences(want, got map[int64]string) []string {
	var wrong []string
	for _, id := range slices.Sorted(maps.Keys(want)) {
		if row, ok := got[id]; !ok {
			wrong = append(wrong, fmt.Sprintf("row %d is lost", id))
		} else if row != want[id] {
			wrong = append(wrong, fmt.Sprintf("row %d is %q, want %q", id, row, want[id]))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[id]; !ok {
			wrong = append(wrong, fmt.Sprintf("row %d is there, and not at the source", id))
		}
	}
	return wrong
}

// same fails unless got holds exactly the rows of want.
func same(t *testing.T, want, got map[int64]string) {
	t.Helper()
	if wrong := differences(want, got); len(wrong) > 0 {
		t.Errorf("%d rows wrong: %s", len(wrong), strings.Join(wrong[:min(len(wrong), 10)], "; "))
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	want := map[int64]string{1: "a", 2: "b"}
	for name, got := range map[string]map[int64]string{
		"lost": {1: "a"}, "altered": {1: "a", 2: "x"}, "too many": {1: "a", 2: "b", 3: "c"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if wrong := differences(want, got); len(wrong) != 1 {
				t.Errorf("found %q, want one difference", wrong)
			}
		})
	}
	if wrong := differences(want, maps.Clone(want)); len(wrong) != 0 {
		t.Errorf("found %q in equal rows", wrong)
	}
}
