package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// part is one proof. run returns its figures; an error that comes with figures says in what they fall short.
type part struct {
	name  string
	title string
	run   func(ctx context.Context, w *work) (any, error)
}

// work is a part at work.
type work struct {
	name   string // of the part
	root   string // of the tree
	dir    string // of the part, within tmp
	commit string // of the tree
	seed   uint64
	log    func(format string, args ...any)
	state  state
}

// state is what a part that was cut off goes on from.
type state struct {
	Tree    string          `json:"tree"` // what was built: figures of another one are not taken over
	Seed    uint64          `json:"seed"`
	Seconds float64         `json:"seconds"` // spent before
	Figures json.RawMessage `json:"figures,omitempty"`
}

// report is what proofs/PART.json holds.
type report struct {
	Part    string    `json:"part"`
	Title   string    `json:"title"`
	Passed  bool      `json:"passed"`
	Problem string    `json:"problem,omitempty"`
	Commit  string    `json:"commit"`
	Changed []string  `json:"changed_files,omitempty"` // of the product, beside the commit
	Go      string    `json:"go"`
	Machine string    `json:"machine"`
	Date    time.Time `json:"date"`
	Seed    uint64    `json:"seed"`
	Seconds float64   `json:"seconds"`
	Figures any       `json:"figures"`
}

// prove runs a part and writes its report.
func prove(ctx context.Context, p part, seed uint64) error {
	w, changed, err := begin(ctx, p, seed)
	if err != nil {
		return err
	}
	began := time.Now().Add(-time.Duration(w.state.Seconds * float64(time.Second)))
	figures, failure := p.run(ctx, w)
	if figures == nil {
		return failure
	}
	r := report{Part: p.name, Title: p.title, Passed: failure == nil, Commit: w.commit, Changed: changed, Go: runtime.Version(),
		Machine: fmt.Sprintf("%s/%s, %d CPUs", runtime.GOOS, runtime.GOARCH, runtime.NumCPU()), Date: time.Now().UTC().Truncate(time.Second),
		Seed: w.seed, Seconds: float64(int(time.Since(began).Seconds())), Figures: figures}
	if failure != nil {
		r.Problem = failure.Error()
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(w.root, "proofs", p.name+".json")
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return err
	}
	w.log("%s: passed: %t, in %.0f s, see %s", p.name, r.Passed, r.Seconds, path)
	return errors.Join(failure, os.Remove(w.path()))
}

// begin finds out what is proven and takes up what was begun.
func begin(ctx context.Context, p part, seed uint64) (w *work, changed []string, err error) {
	root, err := git(ctx, ".", "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, nil, err
	}
	w = &work{name: p.name, root: root, dir: filepath.Join(root, "tmp", "proofs", p.name), seed: seed}
	w.log = func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
	}
	if w.commit, err = git(ctx, root, "rev-parse", "HEAD"); err != nil {
		return nil, nil, err
	}
	status, err := git(ctx, root, "status", "--porcelain", "--", "*.go", "go.mod", "go.sum")
	if err != nil {
		return nil, nil, err
	}
	diff, err := git(ctx, root, "diff", "HEAD", "--", "*.go", "go.mod", "go.sum")
	if err != nil {
		return nil, nil, err
	}
	for line := range strings.Lines(status) {
		changed = append(changed, strings.TrimSpace(line))
	}
	sum := sha256.Sum256([]byte(w.commit + status + diff))
	tree := hex.EncodeToString(sum[:8])
	if err := os.MkdirAll(w.dir, 0o755); err != nil {
		return nil, nil, err
	}
	text, err := os.ReadFile(w.path())
	if err != nil || json.Unmarshal(text, &w.state) != nil || w.state.Tree != tree {
		w.state = state{Tree: tree, Seed: seed}
		return w, changed, nil
	}
	w.seed = w.state.Seed
	w.log("%s goes on after %.0f s", p.name, w.state.Seconds)
	return w, changed, nil
}

func (w *work) path() string { return filepath.Join(w.dir, "state.json") }

// resume reads the figures that an earlier call has saved into figures, which stay as they are when there are none.
func (w *work) resume(figures any) error {
	if w.state.Figures == nil {
		return nil
	}
	return json.Unmarshal(w.state.Figures, figures)
}

// save keeps figures so far, so that the part goes on from them when it is cut off.
func (w *work) save(figures any, spent time.Duration) (err error) {
	s := w.state
	s.Seconds += spent.Seconds()
	if s.Figures, err = json.Marshal(figures); err != nil {
		return err
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := os.WriteFile(w.path()+".part", text, 0o644); err != nil {
		return err
	}
	return os.Rename(w.path()+".part", w.path())
}

func git(ctx context.Context, dir string, args ...string) (string, error) {
	c := exec.CommandContext(ctx, "git", args...)
	c.Dir = dir
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimRight(string(out), "\n"), nil
}
