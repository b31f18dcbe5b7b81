package control_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/job"
)

type located struct {
	Path string `json:"path" doc:"Path." path:"file"`
	Host string `json:"host" doc:"Host."`
}

// TestGrants: the script is the connector's own, which is shown no secret.
func TestGrants(t *testing.T) {
	t.Parallel()
	type account struct {
		User     string `json:"user" doc:"User."`
		Password string `json:"password" doc:"Password." secret:"true"`
	}
	reads := func(context.Context, connector.Client, connector.Source) (connector.Reader, error) { return nil, nil }
	script := func(raw json.RawMessage, u connector.Use) (string, error) {
		return string(raw) + u.Datasets[0], nil
	}
	plain := connector.Connector{Name: "plain", Connection: connector.Describe(account{}), Read: reads}
	full := plain
	full.Name, full.Grants = "full", script
	s := &control.Service{Connectors: connector.NewSet(plain, full), Connections: func(_ context.Context, alias string) (job.Connection, error) {
		return job.Connection{Connector: alias, Options: json.RawMessage(`{"user":"u","password":"s3cret"}`)}, nil
	}}
	for _, c := range []struct {
		alias string
		write bool
		want  string
		err   string
	}{
		{"full", false, `{"user":"u","password":"***"}orders`, ""},
		{"full", true, "", "connector full does not write"},
		{"plain", false, "", "connector plain writes no rights down"},
	} {
		got, err := s.Grants(t.Context(), job.Endpoint{Connection: c.alias}, connector.Use{Datasets: []string{"orders"}, Write: c.write})
		if got != c.want || (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
			t.Errorf("%s: got %q, %v", c.alias, got, err)
		}
	}
}

// TestReach: connectors get the guard of the application, and paths only as they were found in its folders.
func TestReach(t *testing.T) {
	t.Parallel()
	folder, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "shop.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/hosts", filepath.Join(folder, "hosts.db")); err != nil {
		t.Fatal(err)
	}
	far, opened := errors.New("far"), errors.New("opened")
	var got connector.Connection
	c := connector.Connector{Name: "located", Connection: connector.Describe(located{}), Open: func(_ context.Context, c connector.Connection) (connector.Client, error) {
		got = c
		return nil, opened
	}}
	s := &control.Service{Connectors: connector.NewSet(c), Guard: func(netip.AddrPort) error { return far },
		Connections: func(context.Context, string) (job.Connection, error) {
			return job.Connection{Connector: "located", Options: json.RawMessage(`{"path": "${env:PLACE}"}`)}, nil
		},
		Secrets: func(_ context.Context, alias string, raw json.RawMessage) (json.RawMessage, error) {
			if alias != "" {
				return json.RawMessage(`{"path": "/etc/hosts"}`), nil // what a reference stands for is looked at too
			}
			return raw, nil
		},
		Password: func(string) (string, error) { return "", nil }}
	folders := []string{folder}
	for _, c := range []struct {
		name    string
		roots   []string
		alias   string
		options string
		want    string // "": refused
		at      string
	}{
		{"any file, as on the command line", nil, "", `{"path":"../x.db"}`, `{"path":"../x.db"}`, ""},
		{"in a folder", folders, "", `{"path":"shop.db","host":"h"}`, `{"host":"h","path":"` + folder + `/shop.db"}`, ""},
		{"no path", folders, "", `{"host":"../h"}`, `{"host":"../h"}`, ""},
		{"outside", folders, "", `{"path":"/etc/hosts"}`, "", "source.path"},
		{"by a link", folders, "", `{"path":"hosts.db"}`, "", "source.path"},
		{"by a reference", folders, "shop", "", "", "shop.path"},
		{"no folder", []string{}, "", `{"path":"shop.db"}`, "", "source.path"},
		{"no path and no folder", []string{}, "", `{"host":"h"}`, `{"host":"h"}`, ""},
	} {
		s.Roots, got = c.roots, connector.Connection{}
		e := job.Endpoint{Connection: c.alias}
		if c.alias == "" {
			e = job.Endpoint{Connector: "located", Options: json.RawMessage(c.options)}
		}
		_, err := s.Check(t.Context(), e)
		refused, _ := err.(*connector.Error)
		switch {
		case c.want != "" && (!errors.Is(err, opened) || string(got.Options) != c.want):
			t.Errorf("%s: got %s, %v", c.name, got.Options, err)
		case c.want != "" && (got.Guard == nil || got.Guard(netip.AddrPort{}) != far):
			t.Errorf("%s: the connector is not guarded", c.name)
		case c.want == "" && (got.Options != nil || refused == nil || refused.Class != connector.Denied || refused.Code != "TOW-171" || refused.Path != c.at):
			t.Errorf("%s: got %s, %v", c.name, got.Options, err)
		}
	}
}
