package serve_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/control/team"
	"github.com/towpath/towpath/internal/secret"
	"github.com/towpath/towpath/internal/serve"
	"github.com/towpath/towpath/internal/store"
)

func newTeam(t *testing.T) *team.Team {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "towpath.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &team.Team{Store: s, Connectors: connector.NewSet(), Scrub: new(secret.Scrubber), Log: slog.New(slog.DiscardHandler),
		Base: control.Service{Owner: control.ThisProcess(), Lease: 3 * time.Second}}
}

// run serves until the test ends, and returns where.
func run(t *testing.T, tm *team.Team, o serve.Options) serve.Address {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	at, ended := make(chan serve.Address, 1), make(chan error, 1)
	o.Listen = "127.0.0.1:0"
	o.Told = func(a serve.Address) { at <- a }
	go func() { ended <- serve.Run(ctx, tm, o) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("ended with %v", err)
			}
		case <-time.After(30 * time.Second):
			t.Error("it does not end")
		}
	})
	select {
	case a := <-at:
		return a
	case err := <-ended:
		ended <- nil
		t.Fatalf("did not begin: %v", err)
	case <-time.After(30 * time.Second):
		t.Fatal("it does not begin")
	}
	return serve.Address{}
}

// TestFirstStart: what nobody has signed in to answers nobody, and shows one link, which opens it.
func TestFirstStart(t *testing.T) {
	t.Parallel()
	tm := newTeam(t)
	a := run(t, tm, serve.Options{})
	if !strings.HasPrefix(a.URL, "http://127.0.0.1:") || !strings.HasPrefix(a.Link, a.URL+"/#link=") || a.Fingerprint != "" {
		t.Errorf("it is told at %+v", a)
	}
	for path, want := range map[string]int{"/healthz": 204, "/readyz": 204, "/": 200, "/api/v1/workspaces/main/runs": 401, "/metrics": 401, "/api/v1/accounts": 401} {
		answer, err := http.Get(a.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%s answers %s, want %d", path, answer.Status, want)
		}
	}
	_, link, _ := strings.Cut(a.Link, "#link=")
	if _, account, err := tm.RedeemLink(t.Context(), link, "a password for the test", team.Peer{}); err != nil || !account.Admin {
		t.Errorf("the link gives %+v: %v", account, err)
	}
	if again, err := tm.FirstLink(t.Context()); err != nil || again != "" {
		t.Errorf("another link is made: %v", err)
	}
}

// TestOwnCertificate: the certificate that it makes is the one whose fingerprint it tells, stays from one start to the next, and is for its owner's eyes alone.
func TestOwnCertificate(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	first := run(t, newTeam(t), serve.Options{TLS: serve.TLS{Folder: folder, Names: []string{"towpath.example"}}})
	second := run(t, newTeam(t), serve.Options{TLS: serve.TLS{Folder: folder}})
	if first.Fingerprint == "" || first.Fingerprint != second.Fingerprint || !strings.HasPrefix(first.URL, "https://") {
		t.Errorf("fingerprints are %q and %q", first.Fingerprint, second.Fingerprint)
	}
	info, err := os.Stat(filepath.Join(folder, "server.pem"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v: %v", info.Mode(), err)
	}
	var shown *x509.Certificate
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(s tls.ConnectionState) error {
		shown = s.PeerCertificates[0]
		return nil
	}}}}
	defer client.CloseIdleConnections()
	answer, err := client.Get(first.URL + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	sum := sha256.Sum256(shown.Raw)
	if got := strings.ReplaceAll(first.Fingerprint, ":", ""); got != strings.ToUpper(fmt.Sprintf("%x", sum)) {
		t.Errorf("the server shows %x, and told %s", sum, got)
	}
	if err := shown.VerifyHostname("towpath.example"); err != nil {
		t.Error(err)
	}
	if answer.Header.Get("Strict-Transport-Security") == "" {
		t.Error("nothing is said of coming back by TLS alone")
	}
	old := &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}
	if conn, err := tls.Dial("tcp", strings.TrimPrefix(first.URL, "https://"), old); err == nil {
		conn.Close()
		t.Error("TLS 1.1 is spoken")
	}
}

// TestDoesNotBegin: other machines are let in by TLS alone, and once somebody has a password.
func TestDoesNotBegin(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	for name, c := range map[string]struct {
		o    serve.Options
		want string
	}{
		"in the clear":     {serve.Options{Listen: "0.0.0.0:0"}, "TOW-921"},
		"before its owner": {serve.Options{Listen: "0.0.0.0:0", TLS: serve.TLS{Folder: t.TempDir()}}, "TOW-922"},
		"address taken":    {serve.Options{Listen: taken.Addr().String()}, "TOW-920"},
		"no certificate":   {serve.Options{Listen: "127.0.0.1:0", TLS: serve.TLS{Cert: "none.pem", Key: "none.pem"}}, "TOW-923"},
		"no folder":        {serve.Options{Listen: "127.0.0.1:0", TLS: serve.TLS{Folder: filepath.Join(t.TempDir(), "none")}}, "TOW-924"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			err := serve.Run(ctx, newTeam(t), c.o)
			if e, ok := errors.AsType[*connector.Error](err); !ok || e.Code != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// TestOwnAddress: no connection of a job leads to the server itself.
func TestOwnAddress(t *testing.T) {
	t.Parallel()
	tm := newTeam(t)
	var at atomic.Value // string: where the server is
	dialled := make(chan error, 1)
	tm.Connectors = connector.NewSet(connector.Connector{Name: "probe", Connection: connector.Describe(struct{}{}),
		Open: func(ctx context.Context, c connector.Connection) (connector.Client, error) {
			conn, err := c.Dialer().DialContext(ctx, "tcp", at.Load().(string))
			if err == nil {
				conn.Close()
			}
			dialled <- err
			return nil, errors.Join(io.EOF, err)
		}})
	at.Store(strings.TrimPrefix(run(t, tm, serve.Options{}).URL, "http://"))
	_, err := tm.Store.PutConnection(t.Context(), store.Connection{ConnectionKey: store.ConnectionKey{Workspace: "main", Environment: "default", Alias: "self"}, Connector: "probe",
		UseRole: "operator"}, nil, nil, store.Entry{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = tm.TestConnection(t.Context(), team.Actor{Account: "ann", Workspace: "main", Role: team.Editor}, "", "self")
	if refused := <-dialled; err == nil || connector.ClassOf(refused) != connector.Denied {
		t.Errorf("the server was reached: %v, %v", err, refused)
	}
}
