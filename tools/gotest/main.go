// Command gotest runs `go test` and prints what it prints. In strict mode (TOWPATH_STRICT=1) a test that was skipped makes its
// package fail: what could not run is a failure. It knows nothing of the packages it runs.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

func main() {
	code, err := run(os.Args[1:], os.Getenv("TOWPATH_STRICT") == "1", os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
	}
	os.Exit(code)
}

func run(args []string, strict bool, out io.Writer) (int, error) {
	c := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	c.Stderr = os.Stderr
	pipe, err := c.StdoutPipe()
	if err != nil {
		return 1, err
	}
	if err := c.Start(); err != nil {
		return 1, err
	}
	r := report{strict: strict, out: out, output: map[string][]string{}, skipped: map[string][]string{}}
	err = r.read(pipe)
	// the runner writes on; it must not block on a pipe that nobody reads
	_, drained := io.Copy(io.Discard, pipe)
	waited := c.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](waited); ok {
		return max(exit.ExitCode(), 1), errors.Join(err, drained)
	}
	if err := errors.Join(err, drained, waited); err != nil {
		return 1, err
	}
	if r.failed {
		fmt.Fprintln(out, "FAIL")
		return 1, nil
	}
	return 0, nil
}

// event is one line of `go test -json` (https://pkg.go.dev/cmd/test2json).
type event struct {
	Action, Package, Test, Output, ImportPath string
}

// report turns events back into the runner's own lines: the output of failed tests, then one line a package.
type report struct {
	strict  bool
	failed  bool
	out     io.Writer
	output  map[string][]string // package and test to lines
	skipped map[string][]string // package to tests
}

func (r *report) read(events io.Reader) error {
	lines := bufio.NewReader(events)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				// what is no event is the tool chain's own text
				fmt.Fprintf(r.out, "%s", line)
			} else {
				r.take(e)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *report) take(e event) {
	key := e.Package + " " + e.Test
	switch {
	case e.Action == "build-output":
		fmt.Fprint(r.out, e.Output)
	case e.Action == "output":
		r.output[key] = append(r.output[key], e.Output)
	case e.Test == "" && (e.Action == "pass" || e.Action == "fail" || e.Action == "skip"):
		r.finish(e.Package, e.Action == "fail")
	case e.Action == "fail":
		r.print(r.output[key])
		delete(r.output, key)
	case e.Action == "skip":
		r.skipped[e.Package] = append(r.skipped[e.Package], e.Test)
		r.print(r.output[key])
		delete(r.output, key)
	case e.Action == "pass":
		delete(r.output, key)
	}
}

// finish prints what is left of a package: the tests that never ended when it failed, and its last line.
func (r *report) finish(pkg string, failed bool) {
	if failed {
		for key, lines := range r.output {
			if strings.HasPrefix(key, pkg+" ") && key != pkg+" " {
				r.print(lines)
			}
		}
	}
	skipped := r.skipped[pkg]
	lines := slices.DeleteFunc(r.output[pkg+" "], func(line string) bool { return !failed && line == "PASS\n" })
	if r.strict && len(skipped) > 0 && !failed {
		r.failed = true
		lines = []string{fmt.Sprintf("FAIL\t%s\tskipped: %s\n", pkg, strings.Join(skipped, " "))}
	}
	r.print(lines)
	delete(r.output, pkg+" ")
}

func (r *report) print(lines []string) {
	for _, line := range lines {
		if strings.HasPrefix(line, "=== ") {
			continue
		}
		fmt.Fprint(r.out, line)
	}
}
