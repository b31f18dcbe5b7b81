package kill

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Build builds the program of the tree at root with the tag crashpoint and others into dir.
func Build(ctx context.Context, root, dir string, tags ...string) (string, error) {
	tags = append([]string{"crashpoint"}, tags...)
	path := filepath.Join(dir, "towpath-"+strings.Join(tags, "-"))
	c := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-tags", strings.Join(tags, ","), "-o", path, "./cmd/towpath")
	c.Dir = root
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build towpath: %w\n%s", err, out)
	}
	return path, nil
}

// patience is how long a process may take for anything before it counts as stuck.
const patience = 3 * time.Minute

// environment is what a process of a run in dir sees.
func environment(dir string, more ...string) []string {
	env := []string{"TOWPATH_STATE=" + filepath.Join(dir, "state"), "TOWPATH_CONNECTIONS=" + filepath.Join(dir, "connections.yaml"), "TOWPATH_LOG=warn"}
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "TOWPATH_") {
			env = append(env, entry)
		}
	}
	return append(env, more...)
}

// answer is the envelope of the program's JSON answers.
type answer struct {
	OK    bool            `json:"ok"`
	Data  json.RawMessage `json:"data"`
	Error *struct {
		Code string `json:"code"`
		Text string `json:"text"`
	} `json:"error"`
}

func (a answer) code() string {
	if a.Error == nil {
		return ""
	}
	return a.Error.Code
}

// ask runs a short command and decodes its data into into.
func (h *Harness) ask(ctx context.Context, dir string, into any, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c := exec.CommandContext(ctx, h.Program, append(args, "--json")...)
	c.Env, c.Dir = environment(dir), dir
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		return err
	}
	var a answer
	if jsonErr := json.Unmarshal(out, &a); jsonErr != nil || !a.OK {
		return fmt.Errorf("towpath %s: %v: %s%s", strings.Join(args, " "), err, out, stderr.Bytes())
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(a.Data, into)
}

// runState is a run as `towpath runs` and `towpath status` show it.
type runState struct {
	Run   string `json:"run"`
	State string `json:"state"`
	Total counts `json:"total"`
}

type counts struct {
	Read, Written, Dirty, Filtered, Superseded int64
}

// newest returns the newest run, "" for none.
func (h *Harness) newest(ctx context.Context, dir string) (string, error) {
	var runs []runState
	if err := h.ask(ctx, dir, &runs, "runs"); err != nil || len(runs) == 0 {
		return "", err
	}
	return runs[0].Run, nil
}

// dirtyIDs returns how often each id is among the dirty rows of a run.
func (h *Harness) dirtyIDs(ctx context.Context, dir, key string) (map[string]int, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c := exec.CommandContext(ctx, h.Program, "dirty", key, "--export", "-")
	c.Env, c.Dir = environment(dir), dir
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("export dirty rows: %w", err)
	}
	ids := map[string]int{}
	for line := range bytes.Lines(out) {
		var d struct {
			Row struct {
				ID string `json:"id"`
			} `json:"row"`
		}
		if err := json.Unmarshal(line, &d); err != nil {
			return nil, fmt.Errorf("read dirty row %s: %w", line, err)
		}
		ids[d.Row.ID]++
	}
	return ids, nil
}
