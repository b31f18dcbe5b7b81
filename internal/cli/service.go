package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"golang.org/x/term"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/secret"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/job"
)

// service opens the control database and wires the application.
func (s *session) service(ctx context.Context) (*control.Service, func(), error) {
	place, err := s.place()
	if err != nil {
		return nil, nil, err
	}
	password := ""
	if store.OnServer(place) {
		if password, _, err = given("state"); err != nil {
			return nil, nil, err
		}
	}
	connections, file, err := s.connections()
	if err != nil {
		return nil, nil, err
	}
	folderOf := filepath.Dir(file)
	scrub := &s.scrub
	scrub.Add(password)
	svc := &control.Service{Connectors: s.set, Owner: control.ThisProcess(), Who: who(), Log: s.logger(scrub), Lease: s.flags.Lease, Clean: scrub.Clean,
		Database:    store.Options{Busy: s.flags.Busy, MaxPages: s.flags.Pages, Password: password},
		Connections: func(_ context.Context, alias string) (job.Connection, error) { return pick(connections, alias) },
		Secrets: func(_ context.Context, alias string, raw json.RawMessage) (json.RawMessage, error) {
			lookup := secret.Lookup{}
			if alias != "" { // files stand beside the file that names them
				lookup.Dir = folderOf
			}
			out, values, err := secret.Resolve(raw, alias, lookup)
			scrub.AddAll(values)
			return out, err
		},
		Password: func(side string) (string, error) {
			password, err := s.password(side)
			scrub.Add(password)
			return password, err
		},
	}
	closeStore, err := s.openStore(ctx, svc, place)
	return svc, closeStore, err
}

// place is where the control database is: a URL, or a file in a folder, which is made.
func (s *session) place() (string, error) {
	if store.OnServer(s.flags.State) {
		return s.flags.State, nil
	}
	folder, err := s.stateFolder()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", connector.Errorf(connector.Config, "TOW-010", "make the state folder: %w", err).WithHint("Name another with --state or TOWPATH_STATE.")
	}
	return filepath.Join(folder, "towpath.db"), nil
}

func (s *session) stateFolder() (string, error) {
	if s.flags.State != "" {
		return s.flags.State, nil
	}
	if xdg := os.Getenv("XDG_STATE_HOME"); xdg != "" {
		return filepath.Join(xdg, "towpath"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", connector.Errorf(connector.Config, "TOW-010", "find the state folder: %w", err).WithHint("Name it with --state or TOWPATH_STATE.")
	}
	return filepath.Join(home, ".local", "state", "towpath"), nil
}

// connections reads the connections file and says which it was; where none was named, none needs to be there.
func (s *session) connections() (all map[string]job.Connection, path string, err error) {
	path, named := s.flags.Connections, s.flags.Connections != ""
	if !named {
		path = "connections.yaml"
		if _, err := os.Stat(path); err != nil {
			config, err := os.UserConfigDir()
			if err != nil {
				return nil, "", nil
			}
			path = filepath.Join(config, "towpath", "connections.yaml")
		}
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !named {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", connector.Errorf(connector.Config, "TOW-011", "read connections: %w", err).
			WithHint("Name the file with --connections or TOWPATH_CONNECTIONS.")
	}
	all, err = job.ParseConnections(data, path)
	return all, path, err
}

func pick(all map[string]job.Connection, alias string) (job.Connection, error) {
	c, ok := all[alias]
	if ok {
		return c, nil
	}
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	e := connector.Errorf(connector.Config, "TOW-012", "no connection %q", alias)
	if len(names) == 0 {
		return c, e.WithHint("Connections stand in connections.yaml, or in the file that --connections names.")
	}
	return c, e.WithHint("Connections are: %s.", strings.Join(sorted(names), ", "))
}

// password finds the password of an inline connection: in the environment, in a file that it names, else by asking without echo.
func (s *session) password(side string) (string, error) {
	if value, found, err := given(side); found || err != nil {
		return value, err
	}
	if s.In == nil || s.flags.JSON || !term.IsTerminal(int(s.In.Fd())) {
		return "", nil
	}
	fmt.Fprintf(s.Err, "Password of the %s (empty for none): ", side)
	typed, err := term.ReadPassword(int(s.In.Fd()))
	fmt.Fprintln(s.Err)
	return string(typed), err
}

func (s *session) logger(scrub *secret.Scrubber) *slog.Logger {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	level, on := levels[s.flags.Log]
	if !on {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(scrub.Handler(slog.NewTextHandler(s.Err, &slog.HandlerOptions{Level: level})))
}

// who names the person for the history of runs.
func who() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

// given is a password of the environment, or of a file that it names.
func given(side string) (value string, found bool, err error) {
	return fromEnv("TOWPATH_" + strings.ToUpper(side) + "_PASSWORD")
}

// fromEnv is a secret of the environment, or of a file that it names.
func fromEnv(name string) (value string, found bool, err error) {
	if value, found = os.LookupEnv(name); found {
		return value, true, nil
	}
	path, found := os.LookupEnv(name + "_FILE")
	if !found {
		return "", false, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", true, connector.Errorf(connector.Config, "TOW-013", "read what %s_FILE names: %w", name, err)
	}
	return strings.TrimRight(string(data), "\r\n"), true, nil
}
