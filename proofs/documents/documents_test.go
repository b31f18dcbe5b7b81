package documents

import (
	"context"
	"net/url"
	"testing"

	"github.com/towpath/towpath/bench/data"
	"github.com/towpath/towpath/tools/testservers/servers"
)

const (
	testRows     = 10_000
	testDatabase = "towpath_documentstest"
)

// TestDocuments copies the table into each kind of server, judges every document, and searches for values.
func TestDocuments(t *testing.T) {
	server := servers.Need(t, "mariadb")
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	s := data.Server{Client: server.Client, URL: address}
	t.Cleanup(func() {
		if _, err := s.Run(context.Background(), "DROP DATABASE IF EXISTS "+testDatabase); err != nil {
			t.Error(err)
		}
	})
	table, err := Table(testRows).Fill(t.Context(), s, testDatabase, 1, testRows)
	if err != nil {
		t.Fatal(err)
	}
	program, err := Build(t.Context(), "../..", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"elasticsearch7", "elasticsearch8", "opensearch"} {
		t.Run(name, func(t *testing.T) {
			x := Index{URL: servers.Need(t, name).URL, Name: "towpath_documentstest"}
			t.Cleanup(func() {
				if err := x.Drop(context.Background()); err != nil {
					t.Error(err)
				}
			})
			copied, err := Copy(t.Context(), program, t.TempDir(), s, table, x)
			if err != nil {
				t.Fatal(err)
			}
			if copied.Written != testRows || copied.Dirty != 0 {
				t.Errorf("written %d, dirty %d; want %d, 0", copied.Written, copied.Dirty, testRows)
			}
			judge(t, s, table, x, Verdict{Rows: testRows, Documents: testRows})
			search(t, s, table, x)
			plant(t, s, table, x)
		})
	}
}

// judge compares and returns the differences in words.
func judge(t *testing.T, s data.Server, table string, x Index, want Verdict) []string {
	t.Helper()
	got, err := Compare(t.Context(), s, table, Columns(testRows), x)
	if err != nil {
		t.Fatal(err)
	}
	differences := got.Differences
	got.Differences = nil
	if got.Rows != want.Rows || got.Documents != want.Documents || got.Lost != want.Lost || got.Extra != want.Extra || got.Altered != want.Altered {
		t.Errorf("got %+v, want %+v\n%.2000q", got, want, differences)
	}
	return differences
}
