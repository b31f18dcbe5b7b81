package documents

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/towpath/towpath/bench/data"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// TestProof runs the proof with few rows on the shared servers, cut off after the first of them.
func TestProof(t *testing.T) {
	for _, name := range Servers() {
		t.Setenv("TOWPATH_TEST_"+strings.ToUpper(name)+"_URL", servers.Need(t, name).URL)
	}
	server := servers.Need(t, "mariadb")
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	ctx, cut := context.WithCancel(t.Context())
	p := &Proof{Root: root, Dir: t.TempDir(), Commit: "c", Rows: 500, Seed: 2, Database: "towpath_prooftest", Log: func(format string, args ...any) {
		lines = append(lines, fmt.Sprintf(format, args...))
		if strings.HasPrefix(lines[len(lines)-1], "elasticsearch8: 500 rows written") {
			cut()
		}
	}}
	if _, err := p.Run(ctx); err == nil {
		t.Fatal("a proof that was cut off ended well")
	}
	lines = nil
	f, err := p.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(lines, "elasticsearch7: judged before") {
		t.Errorf("the first server was judged again: %q", lines)
	}
	if len(f.Servers) != 3 || f.Differences != 0 || f.Columns != 20 {
		t.Errorf("got %+v", f)
	}
	for i, s := range f.Servers {
		if s.Server != Servers()[i] || s.Version == "" || s.Written != 500 || s.Rows != 500 || s.Documents != 500 || s.RowsPerSecond <= 0 {
			t.Errorf("got %+v", s)
		}
	}
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	left, err := data.Server{Client: server.Client, URL: address}.Run(t.Context(), "SHOW DATABASES LIKE 'towpath\\_prooftest'")
	if err != nil || left != "" {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

func TestBegunTakesOnlyItsOwnFigures(t *testing.T) {
	t.Parallel()
	p := Proof{Dir: t.TempDir(), Commit: "c", Rows: 100, Seed: 1}
	f := p.begun()
	f.Servers = []Figure{{Server: "opensearch", Verdict: Verdict{Rows: 100, Lost: 3}}}
	if err := p.save(f); err != nil {
		t.Fatal(err)
	}
	if got := p.begun(); len(got.Servers) != 1 || got.Servers[0].Lost != 3 {
		t.Errorf("got %+v", got)
	}
	for name, other := range map[string]Proof{
		"commit": {Dir: p.Dir, Commit: "d", Rows: 100, Seed: 1},
		"rows":   {Dir: p.Dir, Commit: "c", Rows: 200, Seed: 1},
		"seed":   {Dir: p.Dir, Commit: "c", Rows: 100, Seed: 2},
	} {
		if got := other.begun(); len(got.Servers) != 0 {
			t.Errorf("another %s took over %+v", name, got)
		}
	}
	if err := os.WriteFile(p.path(), []byte(`{"commit": "c", "rows": 100`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := p.begun(); len(got.Servers) != 0 {
		t.Errorf("half a file gave %+v", got)
	}
}

func TestFinishNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, figure := range map[string]Figure{
		"lost":    {Written: 100, Verdict: Verdict{Rows: 100, Documents: 99, Lost: 1}},
		"altered": {Written: 100, Verdict: Verdict{Rows: 100, Documents: 100, Altered: 1}},
		"dirty":   {Written: 99, Dirty: 1, Verdict: Verdict{Rows: 100, Documents: 100}},
		"empty":   {},
	} {
		p := Proof{Dir: t.TempDir(), Rows: 100}
		err := p.finish(t.Context(), data.Server{}, &Figures{Servers: []Figure{figure}})
		if err == nil || !strings.Contains(err.Error(), "documents are not their rows") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
