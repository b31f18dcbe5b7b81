package hbasetool_test

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/tools/testservers/hbasetool"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// cells are keys and values that text would spoil, in HBase's order.
func cells() []hbasetool.Cell {
	return []hbasetool.Cell{
		{Row: "\x00", Family: "f", Qualifier: "", Timestamp: 1, Value: ""},
		{Row: "\x00\x00", Family: "f", Qualifier: "q\x00", Timestamp: 1 << 40, Value: "\x00\xff\n\t\r"},
		{Row: "a\tb\n", Family: "f", Qualifier: "q", Timestamp: 7, Value: "ok"},
		{Row: "m", Family: "f", Qualifier: "q", Timestamp: 9, Value: "newer"},
		{Row: "m", Family: "g", Qualifier: "\xff\xfe", Timestamp: 9, Value: strings.Repeat("\xff", 100_000)},
		{Row: "\xff\xff", Family: "f", Qualifier: "q", Timestamp: 9, Value: "\xc3\x28"},
	}
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func TestTables(t *testing.T) {
	t.Parallel()
	tool := hbasetool.Start(t, servers.Need(t, "hbase"))
	table := "tw_" + strings.ToLower(rand.Text()[:12]) + ":things"
	tool.Drop(table)
	t.Cleanup(func() { tool.Drop(table) })
	tool.Create(table, []string{"f:2", "g"}, "\x00\x01", "m")
	if !slices.Contains(tool.Tables(), table) {
		t.Errorf("tables: got %q, want %q among them", tool.Tables(), table)
	}
	equal(t, "regions", tool.Regions(table), []hbasetool.Region{{Start: "", Stop: "\x00\x01"}, {Start: "\x00\x01", Stop: "m"}, {Start: "m", Stop: ""}})

	if hosts := tool.Hosts(table); len(hosts) != 3 {
		t.Errorf("hosts: got %q, want one of each region", hosts)
	}

	older := hbasetool.Cell{Row: "m", Family: "f", Qualifier: "q", Timestamp: 8, Value: "older"}
	gone := hbasetool.Cell{Row: "gone", Family: "g", Qualifier: "q", Value: "x"}
	tool.Put(table, append(cells(), older, gone)...)
	tool.Flush()
	tool.Delete(table, "gone")
	equal(t, "rows", tool.Scan(table), cells())
	equal(t, "versions", tool.Versions(table, 3), slices.Insert(cells(), 4, older))

	// twice: what an earlier change left behind is cleared away
	for range 2 {
		tool.FlushTable(table)
		tool.Split(table, "a")
		tool.Split(table, "k")
		equal(t, "regions after splits", len(tool.Regions(table)), 5)
		equal(t, "rows after splits", tool.Scan(table), cells())
		tool.Merge(table)
		equal(t, "regions after the merge", tool.Regions(table), []hbasetool.Region{{}})
		equal(t, "rows after the merge", tool.Scan(table), cells())
		tool.Split(table, "\x00\x01")
		tool.Split(table, "m")
	}

	tool.Disable(table)
	if lines, err := tool.Try("scan", table); err == nil || !strings.Contains(err.Error(), "disabled") {
		t.Errorf("scan of a disabled table: got %q, %v", lines, err)
	}
	tool.Enable(table)
	tool.Compact(table)
	equal(t, "rows after disable and enable", tool.Scan(table), cells())
	tool.Drop(table)
	if slices.Contains(tool.Tables(), table) {
		t.Errorf("tables: %q is among them after drop", table)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	tool := hbasetool.Start(t, servers.Need(t, "hbase"))
	for _, c := range []struct {
		name    string
		command []string
		want    string
	}{
		{"no table", []string{"scan", "tw_nowhere"}, "TableNotFound"},
		{"no region server", []string{"move", "tw_nowhere", "", "nowhere:1"}, "no region server at nowhere:1"},
		{"no command", []string{"sing"}, "no command sing"},
		{"no number", []string{"scan", "tw_nowhere", "few"}, "NumberFormat"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if lines, err := tool.Try(c.command...); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, %v; want %s", lines, err, c.want)
			}
		})
	}
	nowhere := hbasetool.Start(t, servers.Server{URL: "hbase://127.0.0.1:1", Client: servers.Need(t, "hbase").Client})
	if lines, err := nowhere.Try("tables"); err == nil || !strings.Contains(err.Error(), "HBase: tables") {
		t.Errorf("a server that is not there: got %q, %v; want the client's refusal", lines, err)
	}
}

func TestGoroutinesShareATool(t *testing.T) {
	t.Parallel()
	tool := hbasetool.Start(t, servers.Need(t, "hbase"))
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			command := fmt.Sprintf("number%d", i)
			if lines, err := tool.Try(command); err == nil || !strings.HasSuffix(err.Error(), "no command "+command) {
				t.Errorf("%s: got %q, %v", command, lines, err)
			}
		})
	}
	group.Wait()
}

func TestClientThatEnds(t *testing.T) {
	t.Parallel()
	client := filepath.Join(t.TempDir(), "client")
	if err := os.WriteFile(client, []byte("#!/bin/sh\nread line\necho last words >&2\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	tool := hbasetool.Start(t, servers.Server{URL: "hbase://127.0.0.1:1", Client: client})
	for _, command := range []string{"tables", "flush"} {
		if lines, err := tool.Try(command); err == nil || !strings.Contains(err.Error(), "ended at tables: EOF\nlast words") {
			t.Errorf("%s: got %q, %v; want how the client ended", command, lines, err)
		}
	}
}

func TestPrivateSurvivesKill(t *testing.T) {
	t.Parallel()
	s := servers.Private(t, "hbase")
	tool := hbasetool.Start(t, s.Server)
	tool.Create("kept", []string{"f", "g"}, "m")
	many := cells()
	for i := range 20_000 {
		many = append(many, hbasetool.Cell{Row: fmt.Sprintf("z%05d", i), Family: "f", Qualifier: "n", Timestamp: 5, Value: fmt.Sprint(i)})
	}
	slices.SortStableFunc(many, func(a, b hbasetool.Cell) int { return strings.Compare(a.Row, b.Row) })
	tool.Put("kept", many...)
	tool.Flush()
	s.Kill(t)
	s.Start(t)
	equal(t, "rows after kill and start", tool.Scan("kept"), many)
	s.Stop(t)
	s.Start(t)
	equal(t, "rows after stop and start", hbasetool.Start(t, s.Server).Scan("kept"), many)
}
