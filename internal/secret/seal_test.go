package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/secret"
)

const place = "main/prod/shop/password"

// none is an environment without variables.
func none(string) (string, bool) { return "", false }

// keyOf is an environment with a key whose bytes are all b, and the key's text.
func keyOf(b byte) (env func(string) (string, bool), text string) {
	text = base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32))
	return func(name string) (string, bool) { return text, name == secret.KeyVariable }, text
}

func keys(t *testing.T, b byte) *secret.Keys {
	t.Helper()
	env, _ := keyOf(b)
	k, err := secret.LoadKeys("", env)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func wantCode(t *testing.T, err error, class connector.Class, code string) {
	t.Helper()
	e, ok := errors.AsType[*connector.Error](err)
	if !ok || e.Class != class || e.Code != code || e.Hint == "" {
		t.Errorf("got %v, want class %s, code %s and a hint", err, class, code)
	}
}

func TestSeal(t *testing.T) {
	t.Parallel()
	k := keys(t, 1)
	for _, plain := range []string{"", "s", "s3cret", strings.Repeat("long ", 10_000)} {
		sealed, err := k.Seal([]byte(plain), place)
		if err != nil {
			t.Fatal(err)
		}
		again, err := k.Seal([]byte(plain), place)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(sealed, again) || bytes.Equal(sealed[9:41], again[9:41]) {
			t.Error("two seals are alike")
		}
		if len(plain) > 1 && bytes.Contains(sealed, []byte(plain)) {
			t.Error("the sealed secret holds the secret")
		}
		got, err := keys(t, 1).Open(sealed, place)
		if err != nil || string(got) != plain {
			t.Errorf("opened %q, %v; want %q", got, err, plain)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	k := keys(t, 1)
	sealed, err := k.Seal([]byte("s3cret"), place)
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{"", "main/prod/shop/passwor", "main/dev/shop/password", place + " "} {
		_, err := k.Open(sealed, other)
		wantCode(t, err, connector.Changed, "TOW-283")
	}
	_, err = keys(t, 2).Open(sealed, place)
	wantCode(t, err, connector.Config, "TOW-282")
	if err != nil && !strings.Contains(err.Error(), "sealed by another master key, "+k.ID()+", not by "+keys(t, 2).ID()) {
		t.Errorf("the error does not name both keys: %v", err)
	}
	for bit := range len(sealed) * 8 {
		spoilt := bytes.Clone(sealed)
		spoilt[bit/8] ^= 1 << (bit % 8)
		code, class := "TOW-283", connector.Changed
		if at := bit / 8; at >= 1 && at < 9 {
			code, class = "TOW-282", connector.Config
		}
		_, err := k.Open(spoilt, place)
		wantCode(t, err, class, code)
	}
	for length := range sealed {
		_, err := k.Open(sealed[:length], place)
		wantCode(t, err, connector.Changed, "TOW-283")
	}
	// A data key serves its own secret alone: its wrapping beside another ciphertext opens nothing.
	other, err := k.Seal([]byte("s3cret"), place)
	if err != nil {
		t.Fatal(err)
	}
	_, err = k.Open(append(bytes.Clone(sealed[:69]), other[69:]...), place)
	wantCode(t, err, connector.Changed, "TOW-283")
}

func TestKeysPrintAsMask(t *testing.T) {
	t.Parallel()
	k := keys(t, 'k')
	raw, hex := strings.Repeat("k", 8), strings.Repeat("6b", 8)
	_, text := keyOf('k')
	type holder struct {
		Public *secret.Keys
		hidden *secret.Keys
		value  secret.Keys
	}
	h := holder{Public: k, hidden: k, value: *k}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{k, *k} {
			if got := fmt.Sprintf(verb, v); got != secret.Mask {
				t.Errorf("%s prints %q", verb, got)
			}
		}
		fmt.Fprintf(&out, verb, h)
		fmt.Fprintf(&out, verb, &h)
	}
	marshalled, err := json.Marshal(map[string]any{"a": k, "b": *k, "c": h})
	if err != nil || strings.Count(string(marshalled), `"***"`) != 3 {
		t.Errorf("marshalled %s, %v", marshalled, err)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "a", k, "b", *k, "c", h)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "a", k, "b", *k, "c", h)
	for _, form := range []string{raw, hex, text, strings.Repeat("107 ", 8)} {
		if strings.Contains(out.String()+string(marshalled), form) {
			t.Errorf("%q holds the key", out.String())
		}
	}
}

func TestLoadKeys(t *testing.T) {
	t.Parallel()
	_, text := keyOf(7)
	folder := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	variable := func(name, value string) func(string) (string, bool) {
		return func(asked string) (string, bool) { return value, asked == name }
	}
	ofGroup := "TOW-281"
	if os.Geteuid() == 0 {
		ofGroup = ""
	}
	want := keys(t, 7).ID()
	for name, c := range map[string]struct {
		file string
		env  func(string) (string, bool)
		code string
	}{
		"file":                {write("good", text+"\n", 0o600), none, ""},
		"read-only file":      {write("reading", text, 0o400), none, ""},
		"file of variable":    {write("other", "not read", 0o600), variable(secret.KeyFileVariable, write("named", text, 0o600)), ""},
		"variable":            {"", variable(secret.KeyVariable, text), ""},
		"nothing":             {"", none, "TOW-280"},
		"named and missing":   {filepath.Join(folder, "unmade"), variable(secret.KeyFileVariable, filepath.Join(folder, "missing")), "TOW-280"},
		"empty variable":      {write("unread", text, 0o600), variable(secret.KeyVariable, ""), "TOW-280"},
		"read by the group":   {write("group", text, 0o440), none, ofGroup},
		"written by a group":  {write("grouped", text, 0o620), none, "TOW-281"},
		"read by all":         {write("all", text, 0o604), none, "TOW-281"},
		"written by others":   {write("written", text, 0o602), none, "TOW-281"},
		"folder":              {folder, none, "TOW-281"},
		"too short":           {write("short", text[:40], 0o600), none, "TOW-280"},
		"too long":            {write("long", base64.StdEncoding.EncodeToString(make([]byte, 33)), 0o600), none, "TOW-280"},
		"no base64":           {write("words", "a master key of words, that is", 0o600), none, "TOW-280"},
		"no folder for it":    {filepath.Join(folder, "no", "folder"), none, "TOW-280"},
		"folder is no folder": {filepath.Join(folder, "good", "key"), none, "TOW-280"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, err := secret.LoadKeys(c.file, c.env)
			if c.code != "" {
				wantCode(t, err, connector.Config, c.code)
				if err != nil && strings.Contains(err.Error(), text[:20]) {
					t.Errorf("the error holds the key: %v", err)
				}
			} else if err != nil || k.ID() != want {
				t.Errorf("got key %v, %v; want %s", k, err, want)
			}
		})
	}
}

// TestMakeKey: of many that find no file each gets the one key, of a file that its owner alone reads.
func TestMakeKey(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := filepath.Join(folder, secret.KeyFile)
	var wg sync.WaitGroup
	ids := make([]string, 16)
	for i := range ids {
		wg.Go(func() {
			k, err := secret.LoadKeys(file, none)
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = k.ID()
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Errorf("keys %v", ids)
			break
		}
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	other, err := secret.LoadKeys(filepath.Join(t.TempDir(), secret.KeyFile), none)
	if err != nil || other.ID() == ids[0] {
		t.Errorf("two installations have one key: %v", err)
	}
}
