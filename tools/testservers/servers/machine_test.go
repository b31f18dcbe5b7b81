package servers_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/towpath/towpath/tools/testservers/servers"
)

// recorder is a test that remembers how it ended.
type recorder struct {
	testing.TB
	ended, text string
}

func (r *recorder) Helper() {}

func (r *recorder) Skipf(format string, args ...any) { r.end("skip", format, args) }

func (r *recorder) Fatalf(format string, args ...any) { r.end("fail", format, args) }

func (r *recorder) end(how, format string, args []any) {
	r.ended, r.text = how, fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// command puts a program of that name first on PATH.
func command(t *testing.T, name, script string) {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", folder+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func TestMachineThatCannotHaveAServer(t *testing.T) {
	for _, c := range []struct{ name, strict, want string }{
		{"skips", "", "skip"},
		{"fails in strict mode", "1", "fail"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("TOWPATH_STRICT", c.strict)
			t.Setenv("TOWPATH_TEST_MYSQL", "")
			command(t, "uname", "echo Plan9")
			r := &recorder{TB: t}
			done := make(chan struct{})
			go func() {
				defer close(done)
				servers.Need(r, "mariadb")
			}()
			<-done
			if r.ended != c.want || !strings.Contains(r.text, "Linux only") {
				t.Errorf("got %q: %s; want %q with the reason", r.ended, r.text, c.want)
			}
		})
	}
}

func TestUnknownServer(t *testing.T) {
	t.Parallel()
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		servers.Need(r, "marinadb")
	}()
	<-done
	if r.ended != "fail" || !strings.Contains(r.text, "there are: elasticsearch7") {
		t.Errorf("got %q: %s; want it to name those there are", r.ended, r.text)
	}
}

// TestNamesAreTheCatalog checks that Go and the script know the same servers.
func TestNamesAreTheCatalog(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../catalog/*.sh")
	if err != nil {
		t.Fatal(err)
	}
	var catalog []string
	for _, file := range files {
		catalog = append(catalog, strings.TrimSuffix(filepath.Base(file), ".sh"))
	}
	if got, want := strings.Join(servers.Names(), " "), strings.Join(catalog, " "); got != want {
		t.Errorf("names: got %s, want %s", got, want)
	}
}

// TestGuard checks that a private server ends, and leaves no data, when the process that owns it is gone.
func TestGuard(t *testing.T) {
	owner := exec.Command("sleep", "600")
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().(*net.TCPAddr)
	listener.Close()
	data := t.TempDir()
	up := exec.Command("bash", "../servers.sh", "up", "mariadb")
	up.Env = append(os.Environ(), "TOWPATH_SERVERS_DATA="+data, fmt.Sprintf("TOWPATH_SERVERS_GUARD=%d", owner.Process.Pid),
		fmt.Sprintf("TOWPATH_MARIADB_PORT=%d", address.Port))
	if out, err := up.CombinedOutput(); err != nil {
		t.Fatalf("up: %v\n%s", err, out)
	}
	if !listens(address.String()) {
		t.Fatal("the server does not listen")
	}
	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = owner.Wait() // it was killed, which is what it says
	eventually(t, "the server ends and its data goes", func() bool {
		left, err := os.ReadDir(data)
		return err == nil && len(left) == 0 && !listens(address.String())
	})
}

func listens(address string) bool {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err == nil {
		c.Close()
	}
	return err == nil
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}
