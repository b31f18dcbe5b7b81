package cells_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/towpath/towpath/proofs/cells"
	"github.com/towpath/towpath/proofs/machine"
	"github.com/towpath/towpath/tools/testservers/servers"
)

func address(t *testing.T, s servers.Server) *url.URL {
	t.Helper()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// prove copies a table with a name of the test's own, and removes it.
func prove(t *testing.T, fill func(table string) string, search string) *cells.Figures {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	source := servers.Need(t, "hbase")
	name := fmt.Sprintf("towpath_cells_%s_%d", search, os.Getpid())
	p := cells.Proof{HBase: machine.Server{URL: address(t, source), Client: source.Client}, Search: address(t, servers.Need(t, search)),
		Table: name, Fill: fill(name), Index: name, Dir: t.TempDir(), Root: root, Log: t.Logf}
	t.Cleanup(func() {
		if err := p.Drop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	f, err := p.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestSparseTable bears a share of what the proof bears.
func TestSparseTable(t *testing.T) {
	f := prove(t, func(table string) string { return cells.Sparse(table, 6000, 50_000) }, "elasticsearch8")
	if !f.Good() || f.Rows != 6001 || f.Columns != 60 || f.Cells < 150_000 {
		t.Errorf("%+v", f)
	}
}

// TestOddNames copies families and qualifiers whose names documents have no place for, or mean something else by.
func TestOddNames(t *testing.T) {
	for _, search := range []string{"elasticsearch8", "opensearch"} {
		t.Run(search, func(t *testing.T) {
			f := prove(t, odd, search)
			if !f.Good() || f.Rows != 20 || f.Cells != 20*14 {
				t.Errorf("%+v", f)
			}
		})
	}
}

// odd makes 20 rows of 14 cells.
func odd(table string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "create\t%s\tf,rest,row,x.y\n", table)
	for row := range 20 {
		for _, column := range []string{"f:a", "f:a.b", "f:a.b.c", "f:c.d", "f:.e", "f:e..f", "f: ", "f:", "f:\x00\xff\"", "f:_id", "f:null", "rest:a", "row:a", "x.y:a"} {
			family, qualifier, _ := strings.Cut(column, ":")
			fmt.Fprintf(&b, "put\t%s\tff%02x\t%s\t%x\t%x\n", table, row, family, qualifier, fmt.Sprint("value ", row))
		}
	}
	return b.String() + "flush\n"
}
