package documents

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/towpath/towpath/bench/data"
)

// plant loses, adds and alters documents of a good index, and checks that the judge finds each of them and no other.
func plant(t *testing.T, s data.Server, table string, x Index) {
	t.Helper()
	ids, err := s.Run(t.Context(), "SELECT id FROM "+table+" WHERE n IN (2, 3000, 5001, 9999) ORDER BY n")
	if err != nil {
		t.Fatal(err)
	}
	id := strings.Split(ids, "\n")
	source := func(id string) string {
		text, err := x.Do(t.Context(), http.MethodGet, x.Name+"/_doc/"+id, "")
		if err != nil {
			t.Fatal(err)
		}
		var d Document
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatal(err)
		}
		return string(d.Source)
	}
	put := func(method, id, body string) {
		if _, err := x.Do(t.Context(), method, x.Name+"/_doc/"+id, body); err != nil {
			t.Fatal(err)
		}
	}
	put(http.MethodDelete, id[0], "")
	put(http.MethodPut, "stranger", source(id[1]))
	put(http.MethodPut, id[2], replaced(t, source(id[2]), `"n":5001`, `"n":5001.0`))
	put(http.MethodPut, id[3], replaced(t, source(id[3]), `"status":"`, `"status":" `))
	differences := judge(t, s, table, x, Verdict{Rows: testRows, Documents: testRows, Lost: 1, Extra: 1, Altered: 2})
	for i, want := range []string{"row " + id[0] + " (n 2) has no document", `document "stranger" (n 3000) has no row`,
		"column n is 5001 in the table, 5001.0 in the index", "column status is "} {
		if i >= len(differences) || !strings.Contains(differences[i], want) {
			t.Errorf("differences %.2000q lack %q", differences, want)
		}
	}
}

func replaced(t *testing.T, text, old, with string) string {
	t.Helper()
	if !strings.Contains(text, old) {
		t.Fatalf("no %s in %s", old, text)
	}
	return strings.Replace(text, old, with, 1)
}

func TestMergeAndCompare(t *testing.T) {
	t.Parallel()
	columns := Columns(10)[:3] // id, n, flag
	type pair struct{ id, n, flag string }
	rows := []pair{{"10", "1", "1"}, {"20", "2", "NULL"}, {"30", "3", "-1"}}
	for _, c := range []struct {
		name                 string
		documents            [][3]string // id, n, source
		lost, extra, altered int64
		says                 string
	}{
		{"equal", [][3]string{{"10", "1", `{"id":10,"n":1,"flag":1}`}, {"20", "2", `{"id":20,"n":2,"flag":null}`}, {"30", "3", `{"id":30, "n":3, "flag":-1}`}}, 0, 0, 0, ""},
		{"nothing", nil, 3, 0, 0, "row 10 (n 1) has no document"},
		{"first and last lost", [][3]string{{"20", "2", `{"id":20,"n":2,"flag":null}`}}, 2, 0, 0, "row 10"},
		{"one twice", [][3]string{{"10", "1", `{"id":10,"n":1,"flag":1}`}, {"19", "2", `{"id":20,"n":2,"flag":null}`}, {"20", "2", `{"id":20,"n":2,"flag":null}`},
			{"30", "3", `{"id":30,"n":3,"flag":-1}`}, {"31", "3", `{"id":30,"n":3,"flag":-1}`}}, 0, 2, 0, `document "19" (n 2)`},
		{"0 for NULL, text for a number, a member too few", [][3]string{{"10", "1", `{"id":10,"n":1,"flag":"1"}`}, {"20", "2", `{"id":20,"n":2,"flag":0}`}, {"30", "3", `{"id":30,"n":3}`}},
			0, 0, 3, `column flag is 1 in the table, "1" in the index`},
		{"a member too many, one twice, no object", [][3]string{{"10", "1", `{"id":10,"n":1,"flag":1,"x":{"id":1}}`}, {"20", "2", `{"id":20,"n":2,"flag":null,"flag":null}`}, {"30", "3", `[]`}},
			0, 0, 3, `member "x" is no column`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			left, right := make(chan []row, 1), make(chan []Document, 1)
			var some []row
			for i, p := range rows {
				some = append(some, row{n: int64(i + 1), cells: [][]byte{[]byte(p.id), []byte(p.n), []byte(p.flag)}})
			}
			var documents []Document
			for _, d := range c.documents {
				documents = append(documents, Document{ID: d[0], Sort: []json.Number{json.Number(d[1])}, Source: json.RawMessage(d[2])})
			}
			left <- some
			right <- documents
			close(left)
			close(right)
			v, err := merge(left, right, columns)
			if err != nil {
				t.Fatal(err)
			}
			if v.Lost != c.lost || v.Extra != c.extra || v.Altered != c.altered || v.Rows != 3 || v.Documents != int64(len(c.documents)) {
				t.Errorf("got %+v", v)
			}
			if c.says != "" && (len(v.Differences) == 0 || !strings.Contains(v.Differences[0], c.says)) {
				t.Errorf("got %q, want %q", v.Differences, c.says)
			}
		})
	}
}
