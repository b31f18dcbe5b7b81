package documents

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/towpath/towpath/bench/data"
)

// Build builds the program of the tree at root into dir.
func Build(ctx context.Context, root, dir string) (string, error) {
	path := filepath.Join(dir, "towpath")
	c := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", path, "./cmd/towpath")
	c.Dir = root
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build towpath: %w\n%s", err, out)
	}
	return path, nil
}

// Copied is what one copy took and what the program says of it.
type Copied struct {
	Seconds    float64 // of the whole command
	CPUSeconds float64 // of the program, all threads
	Written    int64
	Dirty      int64
}

// Copy copies a table into an index with one command; the program keeps its state in dir.
func Copy(ctx context.Context, program, dir string, s data.Server, table string, x Index) (Copied, error) {
	from := url.URL{Scheme: "mysql", User: url.User(s.URL.User.Username()), Host: s.URL.Host, Path: "/" + table}
	password, _ := s.URL.User.Password()
	return CopyFrom(ctx, program, dir, from.String(), x, "TOWPATH_SOURCE_PASSWORD="+password)
}

// CopyFrom copies what a URL names into an index with one command, which has env beside its environment.
func CopyFrom(ctx context.Context, program, dir, from string, x Index, env ...string) (Copied, error) {
	target, err := url.Parse(x.URL)
	if err != nil {
		return Copied{}, err
	}
	to := url.URL{Scheme: "elasticsearch", Host: target.Host, Path: "/" + x.Name}
	c := exec.CommandContext(ctx, program, "--json", "copy", from, to.String())
	c.Dir = dir
	c.Env = append(append(outside(os.Environ()), "TOWPATH_STATE="+filepath.Join(dir, "state")), env...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	began := time.Now()
	runErr := c.Run()
	took := Copied{Seconds: time.Since(began).Seconds()}
	if c.ProcessState != nil {
		took.CPUSeconds = (c.ProcessState.UserTime() + c.ProcessState.SystemTime()).Seconds()
	}
	if runErr != nil {
		return took, fmt.Errorf("towpath copy: %w: %s%s", runErr, stdout.Bytes(), stderr.Bytes())
	}
	var answer struct {
		Data struct {
			State string
			Total struct{ Written, Dirty int64 }
		}
	}
	if err := json.Unmarshal(stdout.Bytes(), &answer); err != nil || answer.Data.State != "succeeded" {
		return took, fmt.Errorf("towpath copy: %v: %s%s", err, stdout.Bytes(), stderr.Bytes())
	}
	took.Written, took.Dirty = answer.Data.Total.Written, answer.Data.Total.Dirty
	return took, nil
}

// outside is the environment without what steers the program.
func outside(environ []string) []string {
	var env []string
	for _, entry := range environ {
		if !strings.HasPrefix(entry, "TOWPATH_") {
			env = append(env, entry)
		}
	}
	return env
}
