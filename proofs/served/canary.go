package served

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Canaries are secrets of a proof: a random text for each door through which it comes in, and all places where one was seen since.
type Canaries struct {
	mu     sync.Mutex
	forms  map[string][]string // by door
	leaks  []string
	looked map[string]int // bytes by kind of place
	marks  map[string]bool
}

// Mark is no secret. A kind of place in which it has to stand and does not was not looked at.
const Mark = "markthatisnosecret"

// New makes the secret of a door.
func (c *Canaries) New(door string) string { return c.Take(door, "Cnry"+rand.Text()) }

// Take makes a text that the system made the secret of a door.
func (c *Canaries) Take(door, text string) string {
	forms := []string{text, hex.EncodeToString([]byte(text)), strings.ToUpper(hex.EncodeToString([]byte(text)))}
	for before := range 3 { // base64 of a text depends on where it begins; its last letters on what follows
		for _, code := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			whole := code.EncodeToString(append(make([]byte, before), text...))
			forms = append(forms, whole[(before*8+5)/6:len(whole)-2])
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.forms == nil {
		c.forms, c.looked, c.marks = map[string][]string{}, map[string]int{}, map[string]bool{}
	}
	c.forms[door] = forms
	return text
}

// Look searches a text. One that is there to tell a secret is looked at before that is taken.
func (c *Canaries) Look(kind, place string, text []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looked[kind] += len(text)
	c.marks[kind] = c.marks[kind] || bytes.Contains(text, []byte(Mark))
	for door, forms := range c.forms {
		for _, form := range forms {
			if at := bytes.Index(text, []byte(form)); at >= 0 {
				leak := fmt.Sprintf("%s: %s in %s", door, place, bytes.ToValidUTF8(text[max(0, at-60):min(len(text), at+len(form)+20)], []byte("?")))
				if !slices.Contains(c.leaks, leak) {
					c.leaks = append(c.leaks, leak)
				}
				break
			}
		}
	}
}

// Leaks are the places where secrets were seen, and the kinds of places of those that were not looked at.
func (c *Canaries) Leaks(kinds ...string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, kind := range kinds {
		if !c.marks[kind] {
			c.leaks = append(c.leaks, fmt.Sprintf("the mark is not in %s, of which %d bytes were looked at", kind, c.looked[kind]))
		}
	}
	return c.leaks
}

// Looked tells how many bytes were searched of each kind of place, and how many doors there were.
func (c *Canaries) Looked() (bytes map[string]int, doors int) { return c.looked, len(c.forms) }

// hears is a transport that searches all answers.
type hears struct{ *Canaries }

// RoundTrip searches the answer of a request.
func (h hears) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || answer.StatusCode == http.StatusSwitchingProtocols {
		return answer, err
	}
	body, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil {
		return nil, err
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	var head bytes.Buffer
	_ = answer.Header.Write(&head) // to memory
	place := fmt.Sprintf("%s %s: %s", r.Method, r.URL.Path, answer.Status)
	kind := "answers"
	if r.URL.Path == "/metrics" {
		kind = "metrics"
	}
	h.Look(kind, place, body)
	h.Look(kind, place+" header", head.Bytes())
	return answer, nil
}

// files searches all files of a folder; backups are unpacked.
func (c *Canaries) files(kind, folder string) error {
	return filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		c.Look(kind, path, text)
		return nil
	})
}

// backup makes a backup and searches it.
func (c *Canaries) backup(ctx context.Context, s *Site) (err error) {
	file := filepath.Join(s.Dir, "backup")
	if err := s.Command(ctx, nil, nil, "backup", file); err != nil {
		return err
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	packed, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(packed)
	c.Look("backup", "the backup", text)
	return err
}
