// Package packaging_test builds what the Dockerfile says, in a clean folder and without Docker, and checks the unit of systemd.
package packaging_test

import (
	"context"
	"debug/elf"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// instruction is one of a Dockerfile.
type instruction struct{ name, rest string }

// stages reads a Dockerfile: what stands from one FROM to the next.
func stages(t *testing.T) [][]instruction {
	t.Helper()
	text, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	var all [][]instruction
	for line := range strings.Lines(strings.ReplaceAll(string(text), "\\\n", " ")) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "" || strings.HasPrefix(name, "#") {
			continue
		}
		if name == "FROM" {
			all = append(all, nil)
		}
		all[len(all)-1] = append(all[len(all)-1], instruction{name, strings.TrimSpace(rest)})
	}
	return all
}

// stage is the build stage as far as it is done.
type stage struct {
	root   string // stands for /
	folder string // working folder, below root
	env    []string
}

// do carries out one instruction as a builder would.
func (s *stage) do(t *testing.T, i instruction) {
	t.Helper()
	switch i.name {
	case "FROM":
		wanted := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "../go.mod"))
		if wanted == nil || i.rest != "golang:"+wanted[1]+" AS build" {
			t.Errorf("FROM %s; go.mod wants %v", i.rest, wanted)
		}
	case "WORKDIR":
		s.folder = filepath.Join(s.root, i.rest)
		if err := os.MkdirAll(s.folder, 0o755); err != nil {
			t.Fatal(err)
		}
	case "ENV":
		s.env = append(s.env, strings.Fields(i.rest)...)
	case "ARG":
		s.env = append(s.env, i.rest+"=v1.2.3")
	case "COPY":
		names := strings.Fields(i.rest)
		for _, name := range names[:len(names)-1] {
			s.copy(t, name, names[len(names)-1])
		}
	case "RUN":
		command := regexp.MustCompile(`^(--mount=\S+\s+)*`).ReplaceAllString(i.rest, "")
		c := exec.CommandContext(t.Context(), "sh", "-c", command)
		c.Dir, c.Env = s.folder, s.env
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("RUN %s: %v\n%s", command, err, out)
		}
	default:
		t.Fatalf("no meaning of %s is known here", i.name)
	}
}

// copy copies a file, or what a folder holds.
func (s *stage) copy(t *testing.T, name, to string) {
	t.Helper()
	to = filepath.Join(s.folder, to)
	info, err := os.Stat(filepath.Join("..", name))
	if err == nil && info.IsDir() {
		err = os.CopyFS(to, os.DirFS(filepath.Join("..", name)))
	} else if err == nil {
		err = os.WriteFile(filepath.Join(to, path.Base(name)), []byte(read(t, filepath.Join("..", name))), 0o644)
	}
	if err != nil {
		t.Fatalf("COPY %s: %v", name, err)
	}
}

// TestDockerfile: what the build stage copies is enough to build the program, and what the image gets of it is there, static and starts.
func TestDockerfile(t *testing.T) {
	t.Parallel()
	all := stages(t)
	if len(all) != 2 {
		t.Fatalf("%d stages", len(all))
	}
	s := &stage{root: t.TempDir(), env: machine(t)}
	for _, i := range all[0] {
		s.do(t, i)
	}

	image, last := filepath.Join(s.folder, "root"), map[string][]string{}
	for _, i := range all[1] {
		last[i.name] = append(last[i.name], i.rest)
	}
	for name, want := range map[string][]string{
		"FROM": {"scratch"}, "USER": {"65532:65532"}, "VOLUME": {"/var/lib/towpath"}, "EXPOSE": {"8686"},
		"ENTRYPOINT": {`["/usr/bin/towpath"]`}, "CMD": {`["server"]`},
		"COPY": {"--from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt", "--from=build --chown=65532:65532 /src/root /"},
	} {
		if !slices.Equal(last[name], want) {
			t.Errorf("%s: got %q, want %q", name, last[name], want)
		}
	}
	var files []string
	err := filepath.WalkDir(image, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, strings.TrimPrefix(name, image))
		}
		return err
	})
	if want := []string{"/etc/passwd", "/usr/bin/towpath"}; err != nil || !slices.Equal(files, want) {
		t.Errorf("the image has %q, %v; want %q", files, err, want)
	}
	for _, private := range []string{"/var/lib/towpath", "/tmp"} {
		if info, err := os.Stat(filepath.Join(image, private)); err != nil || info.Mode() != fs.ModeDir|0o700 {
			t.Errorf("%s: %v, %v", private, info, err)
		}
	}
	program := filepath.Join(image, "usr/bin/towpath")
	isStatic(t, program)
	c := exec.CommandContext(t.Context(), program, "version")
	c.Dir, c.Env = image, []string{}
	if out, err := c.CombinedOutput(); err != nil || string(out) != "towpath v1.2.3\n" {
		t.Errorf("version: %v\n%s", err, out)
	}
}

// machine is the environment in which the stage is built: Go and its caches, and nothing else of this process's.
func machine(t *testing.T) []string {
	t.Helper()
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	names := []string{"GOCACHE", "GOMODCACHE", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GOTOOLCHAIN"}
	out, err := exec.CommandContext(context.Background(), "go", append([]string{"env"}, names...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	values := strings.Split(string(out), "\n")
	for i, name := range names {
		env = append(env, name+"="+values[i])
	}
	return env
}

// isStatic checks that a program needs no file beside itself.
func isStatic(t *testing.T, program string) {
	t.Helper()
	f, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if libraries, err := f.ImportedLibraries(); err != nil || len(libraries) > 0 {
		t.Errorf("links %q, %v", libraries, err)
	}
	if slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Error("asks for a dynamic linker")
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
