package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/term"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/option"
	"github.com/towpath/towpath/internal/secret"
	"github.com/towpath/towpath/job"
)

type connectionCmd struct {
	List    connectionListCmd    `cmd:"" help:"List stored connections."`
	Show    connectionShowCmd    `cmd:"" help:"Show one, without its secrets."`
	Put     connectionPutCmd     `cmd:"" help:"Store one, or change it."`
	Remove  connectionRemoveCmd  `cmd:"" help:"Remove one that nothing uses."`
	Test    connectionTestCmd    `cmd:"" help:"Ask its server who it is, and keep the answer."`
	Hold    connectionHoldCmd    `cmd:"" help:"Keep runs off it: those that use it are paused, and new ones wait."`
	Release connectionReleaseCmd `cmd:"" help:"End a hold: the runs that it paused go on."`
	Used    connectionUsedCmd    `cmd:"" help:"Show which jobs and runs use it."`
}

type connectionListCmd struct{}

// Run lists connections.
func (c *connectionListCmd) Run(s *session) error {
	ctx, b, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	page, err := b.Connections(ctx, s.flags.Environment)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, c := range page.Items {
		rows = append(rows, []string{c.Alias, c.Connector, c.UseRole, limitOr(c.Parallel), testedText(c.Tested), heldText(c.Held), whenText(c.Changed), c.ChangedBy})
	}
	return s.list(page.Items, "connections", []string{"ALIAS", "CONNECTOR", "USED FROM", "SHARDS", "TESTED", "HELD", "CHANGED", "BY"}, rows)
}

func limitOr(n int) string {
	if n == 0 {
		return "any"
	}
	return strconv.Itoa(n)
}

func testedText(t *client.Tested) string {
	switch {
	case t == nil:
		return "-"
	case t.Error != "":
		return "failed " + whenText(t.At)
	}
	return "ok " + whenText(t.At)
}

func heldText(h *client.Hold) string {
	if h == nil {
		return "-"
	}
	return "by " + h.By + ": " + h.Why
}

// OfAlias names a stored connection.
type OfAlias struct {
	Alias string `arg:"" help:"Alias of the connection."`
}

type connectionShowCmd struct{ OfAlias }

// Run shows a connection.
func (c *connectionShowCmd) Run(s *session) error {
	ctx, b, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	found, err := b.Connection(ctx, s.flags.Environment, c.Alias)
	if err != nil {
		return err
	}
	return s.answer(found, func() {
		s.printf("%s: %s, environment %s, version %d\n", found.Alias, found.Connector, found.Environment, found.Version)
		var options map[string]json.RawMessage
		if json.Unmarshal(found.Options, &options) == nil {
			var names []string
			for name := range options {
				names = append(names, name)
			}
			var rows [][]string
			for _, name := range sorted(names) {
				rows = append(rows, []string{"  " + name, string(options[name])})
			}
			for _, secret := range found.Secrets {
				rows = append(rows, []string{"  " + secret.Path, "a secret, set " + whenText(secret.At) + " by " + secret.By})
			}
			s.table([]string{"  OPTION", "VALUE"}, rows)
		}
		s.printf("used from the role %s on; shards at once: %s\n", found.UseRole, limitOr(found.Parallel))
		if found.Tested != nil {
			s.paragraph("tested "+testedText(found.Tested)+" "+found.Tested.Identity+found.Tested.Error, "  ")
		}
		if found.Held != nil {
			s.paragraph("held "+heldText(found.Held)+", since "+whenText(found.Held.At), "  ")
		}
	})
}

type connectionPutCmd struct {
	OfAlias
	File     string `arg:"" help:"File with its connector and options, as an entry of connections.yaml has them; - is standard input." predictor:"file"`
	UseRole  string `help:"The least role that may use it in runs: viewer, operator, editor or admin." enum:"viewer,operator,editor,admin" default:"operator" placeholder:"ROLE"`
	Parallel int    `help:"Shards of all runs that may use it at once; 0 for any number." placeholder:"N"`
}

// Help is the long help of connection put.
func (c *connectionPutCmd) Help() string {
	return `FILE is YAML or JSON: {connector: NAME, host: db1, password: "${env:SHOP_PASSWORD}"}. References are resolved here, and what they stand for is
stored, sealed. A password that is missing is asked for without echo. "***" keeps the secret that is stored; one that is left out goes.`
}

// Run stores a connection.
func (c *connectionPutCmd) Run(s *session) error {
	data, name, err := s.read(c.File)
	if err != nil {
		return connector.Errorf(connector.Config, "TOW-011", "read the connection: %w", err)
	}
	given, err := job.ParseConnection(data, name)
	if err != nil {
		return err
	}
	lookup := secret.Lookup{}
	if c.File != "-" { // files stand beside the file that names them
		lookup.Dir = filepath.Dir(c.File)
	}
	options, values, err := secret.Resolve(given.Options, c.Alias, lookup)
	if err != nil {
		return err
	}
	s.scrub.AddAll(values)
	ctx, b, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	before, err := b.Connection(ctx, s.flags.Environment, c.Alias)
	if err = s.understood(err); err != nil && connector.ClassOf(err) != connector.Missing {
		return err
	}
	if options, err = s.askFor(given.Connector, c.Alias, options, before); err != nil {
		return err
	}
	kept, err := b.PutConnection(ctx, s.flags.Environment, c.Alias, before.Version,
		client.ConnectionInput{Connector: given.Connector, Options: options, UseRole: c.UseRole, Parallel: c.Parallel})
	if err != nil {
		return err
	}
	return s.answer(kept, func() {
		s.printf("stored connection %s, version %d\n", kept.Alias, kept.Version)
		s.note("Try it with: towpath connection test %s", kept.Alias)
	})
}

// askFor asks in a terminal for a password that a connector takes and the file leaves out.
func (s *session) askFor(name, alias string, options json.RawMessage, before client.Connection) (json.RawMessage, error) {
	kind, err := s.set.Get(name)
	if err != nil || s.In == nil || s.flags.JSON || !term.IsTerminal(int(s.In.Fd())) {
		return options, nil // a connector that only the server has is its to check
	}
	all := map[string]json.RawMessage{}
	if err := json.Unmarshal(options, &all); err != nil {
		return nil, err
	}
	for _, f := range kind.Connection.Fields() {
		if _, there := all[f.Name]; there || !f.Secret || f.Name != "password" {
			continue
		}
		empty, stays := "none", ""
		for _, known := range before.Secrets {
			if known.Path == f.Name {
				empty, stays = "the stored one", option.Redacted
			}
		}
		fmt.Fprintf(s.Err, "Password of %s (empty for %s): ", alias, empty)
		typed, err := term.ReadPassword(int(s.In.Fd()))
		fmt.Fprintln(s.Err)
		if err != nil {
			return nil, err
		}
		s.scrub.Add(string(typed))
		if value := cmp.Or(string(typed), stays); value != "" {
			if all[f.Name], err = json.Marshal(value); err != nil {
				return nil, err
			}
		}
	}
	return json.Marshal(all)
}

type connectionRemoveCmd struct{ OfAlias }

// Run removes a connection.
func (c *connectionRemoveCmd) Run(s *session) error {
	return s.do(map[string]string{"alias": c.Alias}, "removed connection "+c.Alias, func(ctx context.Context, b backend) error {
		return b.RemoveConnection(ctx, s.flags.Environment, c.Alias)
	})
}

type connectionTestCmd struct{ OfAlias }

// Run tests a connection.
func (c *connectionTestCmd) Run(s *session) error {
	ctx, b, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	checked, err := b.TestConnection(ctx, s.flags.Environment, c.Alias)
	if err != nil {
		return err
	}
	return s.checked(checked)
}

type connectionHoldCmd struct {
	OfAlias
	Why string `help:"The reason, which waiting runs show." required:""`
}

// Run holds a connection.
func (c *connectionHoldCmd) Run(s *session) error {
	return s.held("held connection "+c.Alias+"; paused", func(ctx context.Context, b backend) (client.Released, error) {
		return b.Hold(ctx, s.flags.Environment, c.Alias, c.Why)
	})
}

type connectionReleaseCmd struct{ OfAlias }

// Run ends a hold.
func (c *connectionReleaseCmd) Run(s *session) error {
	return s.held("released connection "+c.Alias+"; on goes", func(ctx context.Context, b backend) (client.Released, error) {
		return b.Release(ctx, s.flags.Environment, c.Alias)
	})
}

// held makes or ends a hold, and says of which runs that is.
func (s *session) held(words string, change func(ctx context.Context, b backend) (client.Released, error)) error {
	ctx, b, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	moved, err := change(ctx, b)
	if err != nil {
		return err
	}
	return s.answer(moved, func() { s.printf("%s: %s\n", words, namesOr(moved.Runs, "no run")) })
}

func namesOr(names []string, none string) string {
	if len(names) == 0 {
		return none
	}
	return strings.Join(names, ", ")
}

type connectionUsedCmd struct{ OfAlias }

// Run shows what uses a connection.
func (c *connectionUsedCmd) Run(s *session) error {
	ctx, b, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	use, err := b.WhereUsed(ctx, s.flags.Environment, c.Alias)
	if err != nil {
		return err
	}
	return s.answer(use, func() {
		s.printf("jobs  %s\nruns  %s\n", namesOr(use.Jobs, "none"), namesOr(use.Runs, "none that is not over"))
	})
}
