package egress_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/egress"
)

// tree makes folders, files and links, and returns what paths within it are.
func tree(t *testing.T) (at func(path ...string) string) {
	t.Helper()
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	at = func(path ...string) string { return filepath.Join(append([]string{base}, path...)...) }
	for _, folder := range []string{"data/sub", "data2", "datax", "away", "data/%2e%2e", "data/file:"} {
		if err := os.MkdirAll(at(folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"data/shop.db", "data/sub/in.db", "data2/b.db", "datax/c.db", "away/secret.db", "data/a?mode=rwc", "data/a#b", "data/file:shop.db", "data/%2e%2e/x.db", "data/..x.db"} {
		if err := os.WriteFile(at(file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{
		"data/out.db": at("away/secret.db"), "data/relative-out.db": "../away/secret.db", "data/out": at("away"), "data/up": "..", "data/inside.db": "sub/in.db",
		"data/inside": "sub", "data/round.db": "../data/shop.db", "data/nothing.db": "sub/unmade.db", "data/nothing-out.db": at("away/unmade.db"), "data/loop": "loop",
		"alias": "data", "data/second.db": at("data2/b.db"),
	} {
		if err := os.Symlink(to, at(link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(at("data/pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	return at
}

func TestFile(t *testing.T) {
	t.Parallel()
	at := tree(t)
	folders := []string{at("alias"), at("data2")}
	for _, c := range []struct {
		path, want string // want "": refused
	}{
		{"shop.db", "data/shop.db"},
		{"./sub//in.db", "data/sub/in.db"},
		{"new.db", "data/new.db"},
		{"sub/new.db", "data/sub/new.db"},
		{"inside.db", "data/sub/in.db"},
		{"inside/new.db", "data/sub/new.db"},
		{"..x.db", "data/..x.db"},
		{at("data/shop.db"), "data/shop.db"},
		{at("alias/shop.db"), "data/shop.db"},
		{at("data2/b.db"), "data2/b.db"},
		{"a?mode=rwc", "data/a?mode=rwc"},
		{"a#b", "data/a#b"},
		{"file:shop.db", "data/file:shop.db"},
		{"file:/shop.db", "data/file:/shop.db"},
		{"%2e%2e/x.db", "data/%2e%2e/x.db"},
		{"%2e%2e%2fx.db", "data/%2e%2e%2fx.db"}, // a name with percent signs, in the folder
		{"../away/secret.db", ""},
		{"sub/../shop.db", ""},
		{at("data/../away/secret.db"), ""},
		{"..", ""},
		{".", ""},
		{"", ""},
		{"sub", ""},
		{"pipe", ""},
		{"shop.db\x00.txt", ""},
		{at("away/secret.db"), ""},
		{at("datax/c.db"), ""},
		{"/etc/passwd", ""},
		{"/", ""},
		{"out.db", ""},
		{"relative-out.db", ""},
		{"out/secret.db", ""},
		{"out/new.db", ""},
		{"up/away/secret.db", ""},
		{"round.db", ""}, // out and in again
		{"nothing.db", ""},
		{"nothing-out.db", ""},
		{"second.db", ""}, // in another of the folders, but by a link out of its own
		{"loop", ""},
		{"shop.db/x", ""},
	} {
		got, err := egress.File(folders, c.path)
		e, _ := err.(*connector.Error)
		switch {
		case c.want != "" && (err != nil || got != at(c.want)):
			t.Errorf("%q: got %q, %v", c.path, got, err)
		case c.want == "" && (got != "" || e == nil || e.Class != connector.Denied || e.Code != "TOW-171"):
			t.Errorf("%q: got %q, %v", c.path, got, err)
		}
	}
	for path, want := range map[string]string{"none/new.db": "TOW-173", "file:/none/new.db": "TOW-173"} {
		if _, err := egress.File(folders, path); codeOf(err) != want {
			t.Errorf("%q: got %v", path, err)
		}
	}
	if _, err := egress.File([]string{at("gone")}, "shop.db"); codeOf(err) != "TOW-174" {
		t.Errorf("a folder that is gone: got %v", err)
	}
	if _, err := egress.File(nil, at("data/shop.db")); codeOf(err) != "TOW-171" {
		t.Errorf("no folder: got %v", err)
	}
}

func TestApart(t *testing.T) {
	t.Parallel()
	at := tree(t)
	for _, c := range []struct {
		folder, kept string
		want         string
	}{
		{"data", "data2", ""}, {"data/sub", "data", ""}, {"data", "data/shop.db/..", "TOW-174"}, {"data", "datax/c.db", ""},
		{"data", "data", "TOW-174"}, {"data", "data/shop.db", "TOW-174"}, {"data", "alias/sub", "TOW-174"}, {"alias", "data/sub", "TOW-174"}, {"away", "data/out", "TOW-174"},
		{"gone", "data", "TOW-174"}, {"data", "gone", "TOW-174"},
	} {
		if err := egress.Apart([]string{at("data2/b.db"), at(c.folder)}, at(c.kept)); codeOf(err) != c.want {
			t.Errorf("%s beside %s: got %v", c.kept, c.folder, err)
		}
	}
}

func codeOf(err error) string {
	e, _ := err.(*connector.Error)
	if e == nil {
		return ""
	}
	return e.Code
}
