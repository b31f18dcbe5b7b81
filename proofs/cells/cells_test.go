package cells_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
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

// TestSparseTable bears a share of what the proof bears.
func TestSparseTable(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	source := servers.Need(t, "hbase")
	name := fmt.Sprintf("towpath_cells_%d", os.Getpid())
	p := cells.Proof{HBase: machine.Server{URL: address(t, source), Client: source.Client}, Search: address(t, servers.Need(t, "elasticsearch8")),
		Table: name, Index: name, Rows: 6000, Wide: 50_000, Dir: t.TempDir(), Root: root, Log: t.Logf}
	t.Cleanup(func() {
		if err := p.Drop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	f, err := p.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !f.Good() || f.Rows != 6001 || f.Columns != 60 || f.Cells < 150_000 {
		t.Errorf("%+v", f)
	}
}
