package secret_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/secret"
)

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func lookup(dir string, env map[string]string) secret.Lookup {
	return secret.Lookup{Dir: dir, Env: func(name string) (string, bool) {
		value, set := env[name]
		return value, set
	}}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "unix", "from file\n")
	write(t, dir, "dos", "from dos\r\n")
	write(t, dir, "two", "line\n\n")
	env := map[string]string{"A": "alpha", "EMPTY": "", "TRICK": "${env:A}"}
	for _, c := range []struct{ name, raw, want string }{
		{"nothing", `{"a":"b","n":12345678901234567890}`, `{"a":"b","n":12345678901234567890}`},
		{"env", `{"a":"${env:A}"}`, `{"a":"alpha"}`},
		{"within", `{"a":"x-${env:A}-${env:A}-y"}`, `{"a":"x-alpha-alpha-y"}`},
		{"nested", `{"a":[{"b":"${env:A}"}]}`, `{"a":[{"b":"alpha"}]}`},
		{"empty value", `{"a":"${env:EMPTY}"}`, `{"a":""}`},
		{"not again", `{"a":"${env:TRICK}"}`, `{"a":"${env:A}"}`},
		{"escape", `{"a":"$${env:A}"}`, `{"a":"${env:A}"}`},
		{"dollars", `{"a":"$5 {b} $"}`, `{"a":"$5 {b} $"}`},
		{"file", `{"a":"${file:unix}"}`, `{"a":"from file"}`},
		{"file of DOS", `{"a":"${file:dos}"}`, `{"a":"from dos"}`},
		{"one line end only", `{"a":"${file:two}"}`, `{"a":"line\n"}`},
		{"absolute", `{"a":"${file:` + filepath.ToSlash(filepath.Join(dir, "unix")) + `}"}`, `{"a":"from file"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, _, err := secret.Resolve(json.RawMessage(c.raw), "shop", lookup(dir, env))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, string(got)); diff != "" {
				t.Errorf("Resolve (-want +got):\n%s", diff)
			}
		})
	}
}

func TestResolveGivesValuesForScrubbing(t *testing.T) {
	t.Parallel()
	word := canary()
	_, values, err := secret.Resolve(json.RawMessage(`{"a":"${env:A}"}`), "shop", lookup("", map[string]string{"A": word}))
	if err != nil {
		t.Fatal(err)
	}
	var s secret.Scrubber
	s.AddAll(values)
	if got := s.Clean("dial: password " + word + " refused"); got != "dial: password *** refused" {
		t.Errorf("Clean = %q", got)
	}
}

func TestResolveRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "large", strings.Repeat("x", secret.MaxFile+1))
	write(t, dir, "binary", "\xff\xfe")
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	word := canary()
	for _, c := range []struct{ name, text, want string }{
		{"unset", "${env:NOPE}", "TOW-620 shop.password: environment variable NOPE is not set"},
		{"missing file", "${file:none}", "TOW-621 shop.password: read secret file \"DIR/none\": no such file or directory"},
		{"folder", "${file:folder}", "TOW-621 shop.password: read secret file \"DIR/folder\": not a regular file"},
		{"device", "${file:/dev/zero}", "TOW-621 shop.password: read secret file \"/dev/zero\": not a regular file"},
		{"large", "${file:large}", "TOW-621 shop.password: read secret file \"DIR/large\": longer than 65536 bytes"},
		{"binary", "${file:binary}", "TOW-621 shop.password: the value of file:binary is not valid UTF-8"},
		{"unknown kind", word + "${vault:x}", "TOW-607 shop.password: ${ starts no reference"},
		{"not closed", word + "${env:A", "TOW-607 shop.password: ${ starts no reference"},
		{"no name", "${env:}", "TOW-607 shop.password: ${ starts no reference"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			raw, err := json.Marshal(map[string]string{"password": c.text})
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = secret.Resolve(raw, "shop", lookup(dir, map[string]string{"A": word}))
			if connector.ClassOf(err) != connector.Config {
				t.Fatalf("Resolve: %v, want an error of class config", err)
			}
			e := err.(*connector.Error)
			got := strings.ReplaceAll(e.Code+" "+e.Error(), dir, "DIR")
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if strings.Contains(got+e.Hint, word) {
				t.Errorf("%s %s: holds the secret", got, e.Hint)
			}
		})
	}
}
