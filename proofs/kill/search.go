package kill

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/towpath/towpath/internal/crashpoint"
	"github.com/towpath/towpath/proofs/machine"
)

// The kinds of Search scenes.
const (
	Upsert = "upsert" // rows go into an index by their key
	Swap   = "swap"   // an index is filled and swapped in for one that holds other documents
)

// Search is a scene of a table of a MySQL-like server or of HBase, and an index of a search server. One row in eighty does not fit the
// type that its column is cast to.
type Search struct {
	name  string
	kind  string
	from  *orders
	index searchIndex
}

// SearchConfig says where a Search scene plays.
type SearchConfig struct {
	MySQL  machine.Server // its user may make databases
	HBase  machine.Server // the source, where it has an address: then there is no MySQL
	Search string         // URL of the search server
	Prefix string         // of the database and the index that are made
	Rows   int
}

// NewSearch makes the source.
func NewSearch(ctx context.Context, kind string, c SearchConfig) (*Search, error) {
	s := &Search{name: "search-" + kind, kind: kind, index: searchIndex{c.Search, c.Prefix + "_" + kind}}
	var from keeper = inSQL(mariadb{c.MySQL}, c.Prefix+"_"+kind)
	if c.HBase.URL != nil {
		s.name = "hbase-" + s.name
		from = &cells{server: c.HBase, table: c.Prefix + "_" + kind}
	}
	var err error
	s.from, err = newOrders(ctx, from, c.Rows)
	return s, err
}

// Drop removes the source and the index.
func (s *Search) Drop(ctx context.Context) error {
	return errors.Join(s.from.remove(ctx), s.index.drop(ctx))
}

// Name says from where, and the kind.
func (s *Search) Name() string { return s.name }

// Wants is the same for every run.
func (s *Search) Wants() Wants {
	return Wants{Read: int64(s.from.count), Dirty: s.from.dirty, Shards: 4, Commits: 100, Freeze: crashpoint.Reading, Change: s.from.change,
		// the name under which the run wrote has gone
		Refusal: regexp.MustCompile(`\[require_alias\] request flag`), Settled: s.settle,
		Refused: func(ctx context.Context, _ string) (int64, error) { return s.index.refused(ctx) },
		Points: []crashpoint.Point{crashpoint.Planned, crashpoint.Making, crashpoint.Leased, crashpoint.Reading, crashpoint.Writing, crashpoint.Written,
			crashpoint.Committing, crashpoint.Committed, crashpoint.Ended, crashpoint.Swapping, crashpoint.Published}}
}

// Reset removes the index of the run before and, for Swap, makes one with other documents.
func (s *Search) Reset(ctx context.Context, dir string) error {
	s.from.begin()
	if err := s.index.drop(ctx); err != nil {
		return err
	}
	write := "upsert"
	if s.kind == Swap {
		write = "replace"
		if err := s.index.do(ctx, http.MethodPut, "/_doc/others?refresh=true", map[string]any{"id": -1}, nil); err != nil {
			return err
		}
	}
	return writeJob(dir, fmt.Sprintf("%s, target: %s, write: %s, columns: [id, customer, {from: cents, type: int32}, note, revision]", s.from.stream(), s.index.name, write),
		s.from.connection(), fmt.Sprintf("{connector: elasticsearch, urls: [%q]}", s.index.server), manyShards, "")
}

// settle notes what the target holds, or what is about to be swapped in.
func (s *Search) settle(ctx context.Context, _ string) error {
	found, err := s.index.all(ctx)
	if err != nil {
		return err
	}
	x := s.index
	for name := range found {
		if strings.HasPrefix(name, x.name+"__tw_") {
			x.name = name
		}
	}
	return s.from.settle(func(row func(id string, row []byte)) error { return x.documents(ctx, row) })
}

// Judge reads the table through its store's own client and the index through HTTP.
func (s *Search) Judge(ctx context.Context, _ string) (Verdict, error) {
	j, _, err := s.from.judge(ctx)
	if err != nil {
		return Verdict{}, err
	}
	q := j.Begin()
	err = s.index.documents(ctx, q.Saw)
	return q.End(), err
}

// Leftovers lists indices beside the one of the run, signs of runs on it, and loading settings.
func (s *Search) Leftovers(ctx context.Context, _ string) ([]string, error) {
	found, err := s.index.all(ctx)
	if err != nil {
		return nil, err
	}
	var left []string
	if len(found) != 1 {
		left = append(left, fmt.Sprintf("%d indices", len(found)))
	}
	for name, x := range found {
		for alias := range x.Aliases {
			if alias != s.index.name {
				left = append(left, "alias "+alias+" of "+name)
			}
		}
		if v := x.Settings["index.refresh_interval"]; v == "-1" {
			left = append(left, "refresh_interval -1 of "+name)
		}
	}
	return left, nil
}

// searchIndex is an index, or what an alias stands for, by plain HTTP.
type searchIndex struct{ server, name string }

func (x searchIndex) do(ctx context.Context, method, path string, body, into any) error {
	return x.call(ctx, method, x.server+"/"+x.name+path, body, into)
}

func (x searchIndex) call(ctx context.Context, method, address string, body, into any) error {
	var b bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&b).Encode(body); err != nil {
			return err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, address, &b)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	r, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	d := json.NewDecoder(r.Body)
	d.UseNumber()
	if r.StatusCode/100 != 2 {
		var text json.RawMessage
		_ = d.Decode(&text) // the status alone says enough
		return fmt.Errorf("%s %s: %s %s", method, address, r.Status, text)
	}
	if into == nil {
		return nil
	}
	return d.Decode(into)
}

// indexState is an index as the server describes it.
type indexState struct {
	Aliases  map[string]json.RawMessage `json:"aliases"`
	Settings map[string]any             `json:"settings"`
}

// all returns every index whose name begins with the index's.
func (x searchIndex) all(ctx context.Context) (map[string]indexState, error) {
	found := map[string]indexState{}
	err := x.call(ctx, http.MethodGet, x.server+"/"+x.name+"*?flat_settings=true&expand_wildcards=all", nil, &found)
	return found, err
}

func (x searchIndex) drop(ctx context.Context) error {
	found, err := x.all(ctx)
	for name := range found {
		err = errors.Join(err, x.call(ctx, http.MethodDelete, x.server+"/"+name, nil, nil))
	}
	return err
}

// refused counts writes that the server has refused.
func (x searchIndex) refused(ctx context.Context) (int64, error) {
	var answer struct {
		All struct {
			Primaries struct {
				Indexing struct {
					Failed int64 `json:"index_failed"`
				} `json:"indexing"`
			} `json:"primaries"`
		} `json:"_all"`
	}
	err := x.call(ctx, http.MethodGet, x.server+"/"+x.name+"*/_stats/indexing?expand_wildcards=all", nil, &answer)
	return answer.All.Primaries.Indexing.Failed, err
}

// documents gives every document as a row in the form of the mariadb command's output.
func (x searchIndex) documents(ctx context.Context, row func(id string, row []byte)) error {
	if err := x.do(ctx, http.MethodPost, "/_refresh", nil, nil); err != nil {
		return err
	}
	type page struct {
		Scroll string `json:"_scroll_id"`
		Hits   struct {
			Hits []struct {
				Source document `json:"_source"`
			} `json:"hits"`
		} `json:"hits"`
	}
	var p page
	err := x.do(ctx, http.MethodPost, "/_search?scroll=2m", map[string]any{"size": 5000, "sort": []string{"_doc"}}, &p)
	for err == nil && len(p.Hits.Hits) > 0 {
		for _, hit := range p.Hits.Hits {
			row(string(hit.Source.ID), hit.Source.row())
		}
		scroll := p.Scroll
		p = page{}
		err = x.call(ctx, http.MethodPost, x.server+"/_search/scroll", map[string]any{"scroll": "2m", "scroll_id": scroll}, &p)
	}
	if p.Scroll != "" {
		err = errors.Join(err, x.call(ctx, http.MethodDelete, x.server+"/_search/scroll", map[string]any{"scroll_id": p.Scroll}, nil))
	}
	return err
}

// document is the source of a document.
type document struct {
	ID       json.Number `json:"id"`
	Customer string      `json:"customer"`
	Cents    json.Number `json:"cents"`
	Note     *string     `json:"note"`
	Revision json.Number `json:"revision"`
}

func (d document) row() []byte {
	note := "null"
	if d.Note != nil {
		note = strings.ToUpper(hex.EncodeToString([]byte(*d.Note)))
	}
	return fmt.Appendf(nil, "%s\t%s\t%s\t%s\t%s", d.ID, strings.ToUpper(hex.EncodeToString([]byte(d.Customer))), d.Cents, note, d.Revision)
}
