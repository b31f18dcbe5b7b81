package documents

import (
	"context"
	"fmt"
	"net/url"
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
	p := &Proof{Root: root, Dir: t.TempDir(), Rows: 500, Seed: 2, Database: "towpath_prooftest", Log: func(format string, args ...any) {
		lines = append(lines, fmt.Sprintf(format, args...))
		if strings.HasPrefix(lines[len(lines)-1], "elasticsearch8: 500 rows written") {
			cut()
		}
	}}
	saved := 0
	p.Save = func(*Figures) error {
		saved++
		return nil
	}
	f := &Figures{}
	if err := p.Run(ctx, f); err == nil || saved != 1 {
		t.Fatalf("a proof that was cut off ended with %v after %d servers", err, saved)
	}
	lines = nil
	if err := p.Run(t.Context(), f); err != nil {
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

func TestFinishNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, figure := range map[string]Figure{
		"lost":    {Written: 100, Verdict: Verdict{Rows: 100, Documents: 99, Lost: 1}},
		"altered": {Written: 100, Verdict: Verdict{Rows: 100, Documents: 100, Altered: 1}},
		"dirty":   {Written: 99, Dirty: 1, Verdict: Verdict{Rows: 100, Documents: 100}},
		"empty":   {},
	} {
		p := Proof{Rows: 100}
		err := p.finish(t.Context(), data.Server{}, &Figures{Servers: []Figure{figure}})
		if err == nil || !strings.Contains(err.Error(), "documents are not their rows") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
