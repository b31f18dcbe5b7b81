package system

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Search is the indices of a search server whose names begin with the prefix, reached by HTTP. Reset deletes them. Statements are lines of
// a method, a path and a body that may be missing; and "DROP index", which may be an alias or not be there, and "ONLY index id",
// which deletes all documents but one.
func Search(address, prefix string) *Place {
	s := &search{address, prefix}
	return &Place{Connector: "elasticsearch", Texts: s, Endpoint: s.endpoint, Dataset: s.dataset, client: s}
}

type search struct{ base, prefix string }

func (s *search) endpoint(addr string) string {
	base := s.base
	if addr != "" {
		base = "http://" + addr
	}
	return "{connector: elasticsearch, urls: [" + yaml(base) + "]}"
}

func (s *search) dataset(table string) string { return s.prefix + table }

func (s *search) Reset(ctx context.Context) error { return s.Remove(ctx) }

func (s *search) Remove(ctx context.Context) error { return s.drop(ctx, s.prefix+"*") }

// drop deletes the indices that a name, an alias or a pattern stands for.
func (s *search) drop(ctx context.Context, name string) error {
	status, body, err := s.ask(ctx, http.MethodGet, "/"+url.PathEscape(name)+"/_alias?expand_wildcards=all", "")
	if err != nil || status == http.StatusNotFound {
		return err
	}
	var found map[string]json.RawMessage
	if err := json.Unmarshal(body, &found); err != nil {
		return err
	}
	for index := range found {
		if _, err := s.must(ctx, http.MethodDelete, "/"+url.PathEscape(index), ""); err != nil {
			return err
		}
	}
	return nil
}

func (s *search) Run(ctx context.Context, script string) error {
	for line := range strings.Lines(script) {
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		path, body, _ := strings.Cut(rest, " ")
		var err error
		switch verb {
		case "":
		case "DROP":
			err = s.drop(ctx, path)
		case "ONLY":
			err = s.only(ctx, path, body)
		default:
			_, err = s.must(ctx, verb, path, body)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *search) only(ctx context.Context, index, id string) error {
	hits, err := s.hits(ctx, index, "")
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, h := range hits {
		if h.ID != id {
			fmt.Fprintf(&b, "{\"delete\":{\"_id\":%s}}\n", yaml(h.ID))
		}
	}
	if b.Len() == 0 {
		return nil
	}
	_, err = s.must(ctx, http.MethodPost, "/"+url.PathEscape(index)+"/_bulk?refresh=true", b.String())
	return err
}

// hit is a document.
type hit struct {
	ID     string          `json:"_id"`
	Source json.RawMessage `json:"_source"`
}

// most documents of a look.
const most = 10000

// hits are the documents of an index that the body of a search finds; "" finds all.
func (s *search) hits(ctx context.Context, index, body string) ([]hit, error) {
	at := "/" + url.PathEscape(index)
	if _, err := s.must(ctx, http.MethodPost, at+"/_refresh", ""); err != nil {
		return nil, err
	}
	if body == "" {
		body = fmt.Sprintf(`{"size":%d}`, most)
	}
	text, err := s.must(ctx, http.MethodPost, at+"/_search", body)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Hits   struct{ Hits []hit }
		Shards struct{ Failed int } `json:"_shards"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, err
	}
	if answer.Shards.Failed > 0 {
		return nil, fmt.Errorf("search %s: %d shards failed", index, answer.Shards.Failed)
	}
	return answer.Hits.Hits, nil
}

// Show shows the member v of each document, or what Look.Show names: _id, _source, or another member; of "count", how many documents
// there are, as the line all. A Query is the body of a search.
func (s *search) Show(ctx context.Context, looks []Look) ([]Shown, error) {
	shown := make([]Shown, len(looks))
	for i, l := range looks {
		if err := s.show(ctx, l, &shown[i]); err != nil {
			shown[i].Trouble = err.Error()
		}
	}
	return shown, ctx.Err()
}

func (s *search) show(ctx context.Context, l Look, shown *Shown) error {
	index := s.dataset(l.Table)
	hits, err := s.hits(ctx, index, l.Query)
	if err != nil {
		return err
	}
	if l.Show == "count" {
		shown.Lines = []Line{{"all", strconv.Itoa(len(hits))}}
		hits = nil
	}
	for _, h := range hits {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(h.Source, &members); err != nil {
			return err
		}
		line := Line{ID: strings.Trim(string(members["id"]), `"`)}
		switch l.Show {
		case "_id":
			line.Text = h.ID
		case "_source":
			line.Text = string(h.Source)
		case "":
			line.Text = member(members, "v")
		default:
			line.Text = member(members, l.Show)
		}
		shown.Lines = append(shown.Lines, line)
	}
	text, err := s.must(ctx, http.MethodGet, "/"+url.PathEscape(index)+"/_mapping", "")
	if err != nil {
		return err
	}
	var mappings map[string]struct {
		Mappings struct {
			Properties map[string]struct{ Type string }
		}
	}
	if err := json.Unmarshal(text, &mappings); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(mappings)) {
		shown.Stored = mappings[name].Mappings.Properties[l.column()].Type
	}
	return nil
}

func member(members map[string]json.RawMessage, name string) string {
	m, ok := members[name]
	switch {
	case !ok:
		return "absent"
	case string(m) == "null":
		return "NULL"
	}
	return string(m)
}

func (s *search) ask(ctx context.Context, method, path, body string) (status int, text []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(s.base, "/")+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	text, err = io.ReadAll(response.Body)
	return response.StatusCode, text, err
}

// must is ask for what has to succeed.
func (s *search) must(ctx context.Context, method, path, body string) ([]byte, error) {
	status, text, err := s.ask(ctx, method, path, body)
	if err == nil && status/100 != 2 {
		err = fmt.Errorf("%s %s: %d: %.1000s", method, path, status, bytes.TrimSpace(text))
	}
	return text, err
}

func (s *search) Name(table string) string { return "/" + url.PathEscape(s.dataset(table)) }

// Make makes an index; the types are JSON, as in v {"type":"long"}.
func (s *search) Make(table string, columns []string) string {
	properties := []string{`"id":{"type":"integer"}`}
	for _, c := range columns {
		name, definition, _ := strings.Cut(c, " ")
		properties = append(properties, yaml(name)+":"+definition)
	}
	return "PUT " + s.Name(table) + ` {"mappings":{"properties":{` + strings.Join(properties, ",") + "}}}\n"
}

func (s *search) Put(table, id string, columns, literals []string) string {
	members := []string{`"id":` + id}
	for i, literal := range literals {
		members = append(members, yaml(columnName(columns[i]))+":"+literal)
	}
	return "PUT " + s.Name(table) + "/_doc/" + url.PathEscape(id) + "?refresh=true {" + strings.Join(members, ",") + "}\n"
}

func (s *search) Only(table, id string) string { return "ONLY " + s.dataset(table) + " " + id + "\n" }

func (s *search) Drop(table string) string { return "DROP " + s.dataset(table) + "\n" }
