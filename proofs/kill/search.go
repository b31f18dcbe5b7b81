package kill

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/towpath/towpath/internal/crashpoint"
)

// The kinds of Search scenes.
const (
	Upsert = "upsert" // rows go into an index by their key
	Swap   = "swap"   // an index is filled and swapped in for one that holds other documents
)

// Search is a scene of a table of a MySQL-like server and an index of a search server. One row in a hundred does not fit the type
// that its column is cast to.
type Search struct {
	kind  string
	sql   mysqlClient
	index searchIndex
	table string
	rows  int
	dirty map[string]bool

	mu      sync.Mutex
	changed bool   // rows of the source may stand in the target as they were or as they are
	settled *Judge // what the target was seen to hold
}

// SearchConfig says where a Search scene plays.
type SearchConfig struct {
	MySQL  *url.URL // of a user who may make databases
	Client string   // path of the mariadb command
	Search string   // URL of the search server
	Prefix string   // of the database and the index that are made
	Rows   int
}

// NewSearch makes the source.
func NewSearch(ctx context.Context, kind string, c SearchConfig) (*Search, error) {
	s := &Search{kind: kind, sql: mysqlClient{c.Client, c.MySQL}, index: searchIndex{c.Search, c.Prefix + "_" + kind}, table: c.Prefix + ".orders_" + kind,
		rows: c.Rows, dirty: map[string]bool{}}
	for id := 1; id <= c.Rows; id++ {
		if id%100 == 37 {
			s.dirty[strconv.Itoa(id)] = true
		}
	}
	_, err := s.sql.run(ctx, fmt.Sprintf(`CREATE DATABASE IF NOT EXISTS %[2]s; DROP TABLE IF EXISTS %[1]s;
		CREATE TABLE %[1]s (id BIGINT PRIMARY KEY, customer VARCHAR(40) CHARACTER SET utf8mb4 NOT NULL, cents BIGINT NOT NULL,
			note TEXT CHARACTER SET utf8mb4, revision INT NOT NULL);
		INSERT INTO %[1]s SELECT seq, CONCAT('customer ', seq * 7919 %% 5003), IF(seq %% 100 = 37, 5000000000, seq * 31 %% 100003),
			IF(seq %% 3 = 0, NULL, CONCAT('order ', seq, ': "with care",\nnummer ', seq * 17 %% 1009, ' €')), 0 FROM (
			WITH RECURSIVE n(seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM n WHERE seq < %[3]d) SELECT seq FROM n) AS numbers`, s.table, c.Prefix, c.Rows))
	return s, err
}

// Drop removes the database of the source, with what other scenes of the prefix keep there, and the index.
func (s *Search) Drop(ctx context.Context) error {
	database, _, _ := strings.Cut(s.table, ".")
	_, err := s.sql.run(ctx, "DROP DATABASE IF EXISTS "+database)
	return errors.Join(err, s.index.drop(ctx))
}

// Name is the kind.
func (s *Search) Name() string { return "search-" + s.kind }

// Wants is the same for every run.
func (s *Search) Wants() Wants {
	return Wants{Read: int64(s.rows), Dirty: s.dirty, Shards: 4, Commits: 100, Freeze: crashpoint.Reading, Change: s.change,
		// the name under which the run wrote has gone
		Refusal: "[require_alias] request flag", Settled: s.settle,
		Refused: func(ctx context.Context, _ string) (int64, error) { return s.index.refused(ctx) },
		Points: []crashpoint.Point{crashpoint.Planned, crashpoint.Leased, crashpoint.Reading, crashpoint.Writing, crashpoint.Written,
			crashpoint.Committing, crashpoint.Committed, crashpoint.Ended, crashpoint.Swapping}}
}

// Reset removes the index of the run before and, for Swap, makes one with other documents.
func (s *Search) Reset(ctx context.Context, dir string) error {
	s.mu.Lock()
	s.changed, s.settled = false, nil
	s.mu.Unlock()
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
	password, _ := s.sql.address.User.Password()
	job := fmt.Sprintf(`name: kill
mode: batch
source: {connection: source}
target: {connection: target}
streams:
  - source: %s
    target: %s
    write: %s
    columns: [id, customer, {from: cents, type: int32}, note, revision]
settings: {shards: 8, group_rows: 100, parallel: 4}
`, s.table, s.index.name, write)
	connections := fmt.Sprintf("source: {connector: mysql, host: %q, port: %s, user: %q, password: %q}\ntarget: {connector: elasticsearch, urls: [%q]}\n",
		s.sql.address.Hostname(), s.sql.address.Port(), s.sql.address.User.Username(), password, s.index.server)
	return writeFiles(dir, map[string]string{"job.yaml": job, "connections.yaml": connections})
}

// change makes every row of the source newer than what a frozen process holds.
func (s *Search) change(ctx context.Context) error {
	s.mu.Lock()
	s.changed = true
	s.mu.Unlock()
	_, err := s.sql.run(ctx, "UPDATE "+s.table+" SET revision = revision + 1")
	return err
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
	j := new(Judge)
	err = x.documents(ctx, j.Expect)
	s.mu.Lock()
	s.settled = j
	s.mu.Unlock()
	return err
}

// Judge reads the table through the mariadb command and the index through HTTP.
func (s *Search) Judge(ctx context.Context, _ string) (Verdict, error) {
	s.mu.Lock()
	j, changed := s.settled, s.changed
	s.mu.Unlock()
	if j == nil {
		j = new(Judge)
		if err := s.expect(ctx, j, changed); err != nil {
			return Verdict{}, err
		}
	}
	q := j.Begin()
	err := s.index.documents(ctx, q.Saw)
	return q.End(), err
}

func (s *Search) expect(ctx context.Context, j *Judge, changed bool) error {
	out, err := s.sql.run(ctx, "SELECT id, HEX(customer), cents, IFNULL(HEX(note), 'null'), revision FROM "+s.table+" WHERE cents < 1000000000")
	if err != nil {
		return err
	}
	for line := range bytes.Lines(out) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		id, _, _ := bytes.Cut(line, []byte("\t"))
		j.Expect(string(id), line)
		if !changed {
			continue
		}
		at := bytes.LastIndexByte(line, '\t')
		revision, err := strconv.Atoi(string(line[at+1:]))
		if err != nil {
			return fmt.Errorf("read the table: revision %q", line[at+1:])
		}
		j.Expect(string(id), strconv.AppendInt(line[:at+1:at+1], int64(revision-1), 10))
	}
	return nil
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

// mysqlClient is the mariadb command.
type mysqlClient struct {
	path    string
	address *url.URL
}

// run runs statements and returns what they print, tab-separated, with texts escaped.
func (m mysqlClient) run(ctx context.Context, statements string) ([]byte, error) {
	password, _ := m.address.User.Password()
	c := exec.CommandContext(ctx, m.path, "--no-defaults", "--skip-ssl", "-h", m.address.Hostname(), "-P", m.address.Port(), "-u", m.address.User.Username(), "-N", "-B", "--quick")
	c.Env = []string{"MYSQL_PWD=" + password}
	c.Stdin = strings.NewReader("SET SESSION max_recursive_iterations = 100000000;" + statements)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("mariadb: %w: %s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	return out, nil
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

// TestServers starts the servers of a Search scene by the script of the tree at root, or takes those whose addresses are set.
func TestServers(ctx context.Context, root, search string) (c SearchConfig, err error) {
	script := func(args ...string) ([]byte, error) {
		cmd := exec.CommandContext(ctx, "bash", append([]string{filepath.Join(root, "tools", "testservers", "servers.sh")}, args...)...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			err = fmt.Errorf("testservers: %w: %s", err, bytes.TrimSpace(stderr.Bytes()))
		}
		return out, err
	}
	if _, err := script("up", "mariadb", search); err != nil {
		return c, err
	}
	lines, err := script("env", "mariadb", search)
	if err != nil {
		return c, err
	}
	c.Client = "mariadb"
	for line := range strings.Lines(string(lines)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch name {
		case "TOWPATH_TEST_MYSQL":
			c.MySQL, err = url.Parse(value)
		case "TOWPATH_TEST_MYSQL_CLIENT":
			c.Client = value
		case "TOWPATH_TEST_" + strings.ToUpper(search) + "_URL":
			c.Search = value
		}
	}
	if err == nil && (c.MySQL == nil || c.Search == "") {
		err = fmt.Errorf("testservers: no addresses in %q", lines)
	}
	return c, err
}
