package secret_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/towpath/towpath/internal/secret"
)

func canary() string { return "canary-" + strconv.FormatUint(rand.Uint64(), 36) }

type holder struct {
	Public secret.String
	hidden secret.String
	inner  struct{ list []secret.String }
}

func TestStringPrintsAsMask(t *testing.T) {
	t.Parallel()
	word := canary()
	s := secret.New(word)
	if got := s.Reveal(); got != word {
		t.Errorf("Reveal() = %q, want %q", got, word)
	}
	h := holder{Public: s, hidden: s}
	h.inner.list = []secret.String{s}
	var texts []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%10.3s"} {
		for _, v := range []any{s, &s, h, &h, []secret.String{s}, map[string]secret.String{"a": s}} {
			texts = append(texts, fmt.Sprintf(verb, v))
		}
	}
	marshalled, err := json.Marshal(map[string]any{"a": s, "b": &s, "c": h})
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "a", s, "b", h)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "a", s, "b", h)
	for _, text := range append(texts, string(marshalled), log.String(), s.String(), s.GoString()) {
		if strings.Contains(text, word) || strings.Contains(text, fmt.Sprintf("%x", word)) || strings.Contains(text, fmt.Sprintf("%X", word)) {
			t.Errorf("%q holds the secret", text)
		}
	}
}

func TestStringReads(t *testing.T) {
	t.Parallel()
	var got struct{ Password secret.String }
	if err := json.Unmarshal([]byte(`{"password":"hello"}`), &got); err != nil {
		t.Fatal(err)
	}
	if got.Password.Reveal() != "hello" || got.Password.IsZero() {
		t.Errorf("Reveal() = %q, want hello", got.Password.Reveal())
	}
	if zero := (secret.String{}); zero.Reveal() != "" || !zero.IsZero() || zero.String() != secret.Mask {
		t.Errorf("the zero String is %q", zero.Reveal())
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	raw := `{"user":"u","password":"p1","pin":1234567890123456789,"hosts":[{"password":"p2","name":"n"},{"password":"p3"}],
		"headers":{"a":"h1"},"tls":{"key":"k1","ca":"c"},"keys":["x1","x2"]}`
	var got []string
	for _, v := range secret.Values(json.RawMessage(raw), []string{"password", "pin", "hosts[].password", "headers", "tls.key", "keys", "none"}) {
		got = append(got, v.Reveal())
	}
	want := []string{"p1", "1234567890123456789", "p2", "p3", "h1", "k1", "x1", "x2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Values (-want +got):\n%s", diff)
	}
	if got := secret.Values(json.RawMessage(`{`), []string{"a"}); got != nil {
		t.Errorf("Values of broken JSON = %v, want none", got)
	}
}

func TestCleanLeavesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-zA-Z0-9 @/#%"\\&<>$é-]{4,20}`).Draw(t, "secret")
		before, after := rapid.StringMatching(`[(-]{0,3}`).Draw(t, "before"), rapid.StringMatching(`[)-]{0,3}`).Draw(t, "after")
		var s secret.Scrubber
		s.Add(word)
		quoted, err := json.Marshal(word)
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range []string{word, strconv.Quote(word), string(quoted)} {
			got := s.Clean(before + form + after)
			if strings.Contains(got, word) || !strings.Contains(got, secret.Mask) {
				t.Fatalf("Clean(%q) = %q", before+form+after, got)
			}
		}
	})
}

func TestCleanOverlaps(t *testing.T) {
	t.Parallel()
	var s secret.Scrubber
	s.AddAll([]secret.String{secret.New("abcd"), secret.New("cdef"), secret.New("abcdefgh"), secret.New("abc")})
	for _, c := range []struct{ text, want string }{
		{"xabcdefx", "x***x"},
		{"abcdefgh", "***"},
		{"abcd abcd", "*** ***"},
		{"abcdabcd", "******"},
		{"abc", "abc"}, // too short to be taken
		{"", ""},
	} {
		if got := s.Clean(c.text); got != c.want {
			t.Errorf("Clean(%q) = %q, want %q", c.text, got, c.want)
		}
	}
	var none secret.Scrubber
	if got := none.Clean("text"); got != "text" {
		t.Errorf("Clean of the zero Scrubber = %q", got)
	}
}

type noisy struct{ DSN string }

func (n noisy) Error() string { return "dial " + n.DSN }

func TestHandlerScrubs(t *testing.T) {
	t.Parallel()
	word := canary() + "@/#é\""
	var s secret.Scrubber
	s.Add(word)
	var out strings.Builder
	for _, inner := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		log := slog.New(s.Handler(inner))
		log.With("with", word).WithGroup("g").Info("message "+word, "text", word, "err", fmt.Errorf("open: %w", noisy{word}),
			"struct", noisy{word}, "pointer", &noisy{word}, "bytes", []byte(word), "map", map[string]string{"a": word}, slog.Group("h", "inner", word), word, 1,
			"plain", 42, "kept", noisy{"localhost"})
	}
	for _, form := range []string{word, strconv.Quote(word), strings.Trim(strconv.Quote(word), `"`), word[:12]} {
		if strings.Contains(out.String(), form) {
			t.Errorf("log holds %q:\n%s", form, out.String())
		}
	}
	for _, want := range []string{`"plain":42`, `g.plain=42`, "dial localhost"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("log lacks %q:\n%s", want, out.String())
		}
	}
}

func TestPasswordsInTexts(t *testing.T) {
	t.Parallel()
	var s secret.Scrubber
	for text, want := range map[string]string{
		"see mysql://shop:pa%40ss@db/x, http://db:9200/a@b": "see mysql://shop:***@db/x, http://db:9200/a@b",
		"open http://:word@db:1: refused":                   "open http://:***@db:1: refused",
		"mail ann@example.org at 12:30":                     "mail ann@example.org at 12:30",
	} {
		if got := s.Clean(text); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for raw, want := range map[string]string{
		`{"urls": ["http://a:1", "http://u:p@a:1"]}`:                   ".urls[1]",
		`{"host": "u:p@db"}`:                                           ".host",
		`{"deep": {"list": [{"at": "x://u:p@db"}]}}`:                   ".deep.list[0].at",
		`{"host": "::1", "user": "ann@corp", "time": "12:30", "n": 1}`: "",
		`{"url": "http://db:9200/a@b", "path": "/a:b/c@d"}`:            "",
		`not JSON`: "",
	} {
		if got := secret.Carried(json.RawMessage(raw)); got != want {
			t.Errorf("%s: got %q, want %q", raw, got, want)
		}
	}
}
