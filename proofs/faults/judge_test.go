package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/towpath/towpath/tools/testservers/servers"
)

// origin is a MariaDB server, reached by its own client.
type origin struct {
	servers.Server
	t *testing.T
}

// sql runs statements and returns what the client prints.
func (o origin) sql(text string) string {
	o.t.Helper()
	c := exec.CommandContext(context.Background(), o.Client, "--no-defaults", "--protocol=tcp", "--host="+o.Host(), "--port="+o.Port(), "--user="+o.User(),
		"--default-character-set=utf8mb4", "--skip-column-names", "--batch", "--raw", o.Database())
	c.Env = append(os.Environ(), "MYSQL_PWD="+o.Password())
	c.Stdin = strings.NewReader(text)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		o.t.Fatalf("%s: %v: %s", text, err, stderr.String())
	}
	return string(out)
}

// table makes a table of n rows under a name of its own.
func (o origin) table(n int) string {
	o.t.Helper()
	name := newName()
	o.sql("CREATE TABLE " + name + ` (id BIGINT PRIMARY KEY, name VARCHAR(60) NOT NULL, amount DECIMAL(12,2), at DATETIME(6), note TEXT, n INT UNSIGNED);
		INSERT INTO ` + name + ` SELECT seq, CONCAT('person ', seq, ' Zoë "q"'), seq * 1.37, '2026-01-01' + INTERVAL seq * 1234567 MICROSECOND,
		IF(seq % 7 = 0, NULL, REPEAT(CHAR(97 + seq % 26), seq % 90)), seq * 7919 FROM seq_1_to_` + strconv.Itoa(n))
	return name
}

// drop removes a table of a shared server at the end of the test.
func (o origin) drop(table string) {
	o.t.Cleanup(func() { o.sql("DROP TABLE IF EXISTS " + table) })
}

// rows are the rows of a table by their key, in a form that both judges share.
func (o origin) rows(table string) map[int64]string {
	o.t.Helper()
	out := o.sql("SELECT id, CONCAT_WS('|', name, amount, DATE_FORMAT(at, '%Y-%m-%dT%H:%i:%s.%f'), IFNULL(note, 'NULL'), n) FROM " + table)
	rows := map[int64]string{}
	for line := range strings.Lines(out) {
		key, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		id, err := strconv.ParseInt(key, 10, 64)
		if err != nil {
			o.t.Fatal(err)
		}
		rows[id] = rest
	}
	return rows
}

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

// index is a name of the test's own; what comes to stand there goes with the test.
func (s search) index() string {
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

// rows are the documents of an index by their id field; two of the same are an error.
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
