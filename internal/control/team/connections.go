package team

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/option"
	"github.com/towpath/towpath/internal/secret"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/job"
	"github.com/towpath/towpath/record"
)

// DefaultEnvironment is the environment of connections and runs that name none.
const DefaultEnvironment = "default"

// ConnectionInput is a connection as a person gives it. A secret that is "***" stays what it is; one that is left out or empty goes.
type ConnectionInput struct {
	Environment string // "": DefaultEnvironment
	Alias       string
	Connector   string
	Options     json.RawMessage // as the connector describes them, secrets in clear
	UseRole     string          // the least role that may use it in runs; "": operator
	Parallel    int             // shards of all runs that may use it at once; 0: any number
	Version     int64           // that is changed; 0: it is new
}

// KeptConnection is a connection and which secrets it has, since when and by whom.
type KeptConnection struct {
	store.Connection
	Secrets []store.Sealed // without what is sealed
}

// PutConnection makes a connection or replaces one. Its options are checked by the connector's schema, its secrets are sealed.
//
// Invariant 10: a secret that comes in here goes to its connector and nowhere else.
func (t *Team) PutConnection(ctx context.Context, a Actor, in ConnectionInput) (KeptConnection, error) {
	if err := a.May(ChangeConnections); err != nil {
		return KeptConnection{}, err
	}
	c, spec, err := t.connectionOf(a, in)
	if err != nil {
		return KeptConnection{}, err
	}
	open, given, err := spec.Divide(in.Options)
	if err != nil {
		return KeptConnection{}, err
	}
	if path := secret.Carried(open); path != "" { // what is no secret option is kept and shown in clear
		return KeptConnection{}, connector.Errorf(connector.Config, "TOW-960", "a password stands in a text that is no secret").At("options" + path).
			WithHint("Give user and password as options of their own.")
	}
	kept := map[string]bool{}
	for path, value := range given {
		if value == option.Redacted {
			kept[path] = true
			delete(given, path)
		}
	}
	if err := t.keptAreThere(ctx, c.ConnectionKey, kept); err != nil {
		return KeptConnection{}, err
	}
	c.Options = open
	drop := slices.DeleteFunc(spec.Secrets(), func(path string) bool { return kept[path] })
	var sealed []store.Sealed
	for _, path := range slices.Sorted(maps.Keys(given)) {
		one := store.Sealed{Path: path}
		t.Scrub.Add(given[path])
		if one.Sealed, err = t.Keys.Seal([]byte(given[path]), placeOf(c.ConnectionKey, path)); err != nil {
			return KeptConnection{}, err
		}
		sealed = append(sealed, one)
	}
	detail := fmt.Sprintf("connector %s, environment %s", c.Connector, c.Environment)
	if len(given) > 0 {
		detail += ", set " + strings.Join(slices.Sorted(maps.Keys(given)), " and ")
	}
	stored, err := t.Store.PutConnection(ctx, c, sealed, drop, a.Entry(ChangeConnections, c.Alias, detail))
	if err != nil {
		return KeptConnection{}, err
	}
	return t.kept(ctx, stored)
}

// connectionOf checks what was given, secrets included.
func (t *Team) connectionOf(a Actor, in ConnectionInput) (store.Connection, *connector.Options, error) {
	if in.Environment == "" {
		in.Environment = DefaultEnvironment
	}
	if in.UseRole == "" {
		in.UseRole = Operator.String()
	}
	c := store.Connection{ConnectionKey: store.ConnectionKey{Workspace: a.Workspace, Environment: in.Environment, Alias: in.Alias}, Connector: in.Connector,
		UseRole: in.UseRole, Parallel: in.Parallel, Version: in.Version}
	for path, name := range map[string]string{"alias": in.Alias, "environment": in.Environment} {
		if err := checkName(path, name); err != nil {
			return c, nil, err
		}
	}
	if _, err := ParseRole(in.UseRole); err != nil {
		return c, nil, err
	}
	if in.Parallel < 0 {
		return c, nil, connector.Errorf(connector.Config, "TOW-182", "a connection takes 0 shards at a time, for any number, or more").At("parallel")
	}
	kind, err := t.Connectors.Get(in.Connector)
	if err != nil {
		return c, nil, err
	}
	if problem := kind.Connection.Check(in.Options); problem != nil {
		return c, nil, connector.Errorf(connector.Config, "TOW-001", "%s", problem.Text).At(problem.PathBelow("options")).WithHint("%s", problem.Hint)
	}
	return c, kind.Connection, nil
}

// checkName refuses what is no name of a connection, an environment or a workspace.
func checkName(path, name string) error {
	if job.IsAlias(name) {
		return nil
	}
	return connector.Errorf(connector.Config, "TOW-181", "%q is no name", name).At(path).WithHint("Use letters, digits, -, _ and dots, a letter or digit first.")
}

// keptAreThere refuses to keep a secret that there is none of.
func (t *Team) keptAreThere(ctx context.Context, k store.ConnectionKey, paths map[string]bool) error {
	if len(paths) == 0 {
		return nil
	}
	there, err := t.Store.SealedOptions(ctx, k)
	if err != nil {
		return err
	}
	for path := range paths {
		if !slices.ContainsFunc(there, func(s store.Sealed) bool { return s.Path == path }) {
			return connector.Errorf(connector.Config, "TOW-183", "%s has no stored value that could stay", path).At("options." + path).WithHint("Give it.")
		}
	}
	return nil
}

// placeOf is where a secret belongs.
func placeOf(k store.ConnectionKey, path string) string {
	return strings.Join([]string{k.Workspace, k.Environment, k.Alias, path}, "/")
}

// unseal puts the secrets of a connection into its options.
func (t *Team) unseal(ctx context.Context, k store.ConnectionKey, options json.RawMessage) (json.RawMessage, error) {
	sealed, err := t.Store.SealedOptions(ctx, k)
	if err != nil || len(sealed) == 0 {
		return options, err
	}
	c, err := t.Store.Connection(ctx, k)
	if err != nil {
		return nil, err
	}
	kind, err := t.Connectors.Get(c.Connector)
	if err != nil {
		return nil, err
	}
	secrets := map[string]string{}
	for _, one := range sealed {
		plain, err := t.Keys.Open(one.Sealed, placeOf(k, one.Path))
		if err != nil {
			return nil, err
		}
		secrets[one.Path] = string(plain)
		t.Scrub.Add(secrets[one.Path])
	}
	return kind.Connection.Unite(options, secrets)
}

func (t *Team) kept(ctx context.Context, c store.Connection) (KeptConnection, error) {
	secrets, err := t.Store.SealedOptions(ctx, c.ConnectionKey)
	for i := range secrets {
		secrets[i].Sealed = nil
	}
	return KeptConnection{c, secrets}, err
}

func (a Actor) key(environment, alias string) store.ConnectionKey {
	if environment == "" {
		environment = DefaultEnvironment
	}
	return store.ConnectionKey{Workspace: a.Workspace, Environment: environment, Alias: alias}
}

// Connection returns one connection.
func (t *Team) Connection(ctx context.Context, a Actor, environment, alias string) (KeptConnection, error) {
	if err := a.May(SeeConnections); err != nil {
		return KeptConnection{}, err
	}
	c, err := t.Store.Connection(ctx, a.key(environment, alias))
	if err != nil {
		return KeptConnection{}, err
	}
	return t.kept(ctx, c)
}

// ListConnections returns the connections of an environment, or with "" of all.
func (t *Team) ListConnections(ctx context.Context, a Actor, environment string) ([]store.Connection, error) {
	if err := a.May(SeeConnections); err != nil {
		return nil, err
	}
	return t.Store.Connections(ctx, a.Workspace, environment)
}

// Use is where a connection is used.
type Use struct {
	Jobs []store.Job
	Runs []store.Run // that do not rest for good
}

// WhereUsed returns the jobs that name a connection and the runs of its environment that use it and are not over.
func (t *Team) WhereUsed(ctx context.Context, a Actor, environment, alias string) (u Use, err error) {
	if err := a.May(SeeConnections); err != nil {
		return u, err
	}
	k := a.key(environment, alias)
	if u.Jobs, err = t.Store.Jobs(ctx, store.JobFilter{Workspace: a.Workspace, Alias: alias, Limit: mostListed}); err != nil {
		return u, err
	}
	u.Runs, err = t.Store.Runs(ctx, store.Filter{Workspace: a.Workspace, Alias: alias, States: unfinished(), Limit: mostListed})
	u.Runs = slices.DeleteFunc(u.Runs, func(r store.Run) bool { return r.Environment != k.Environment })
	return u, err
}

// mostListed bounds lists that have no pages.
const mostListed = 1000

// unfinished are the states of runs that may go on.
func unfinished() []store.State { return append(LiveStates(), store.Paused, store.Failed) }

// RemoveConnection removes a connection that no job names and no run needs any more.
func (t *Team) RemoveConnection(ctx context.Context, a Actor, environment, alias string) error {
	if err := a.May(ChangeConnections); err != nil {
		return err
	}
	use, err := t.WhereUsed(ctx, a, environment, alias)
	if err != nil {
		return err
	}
	if len(use.Jobs)+len(use.Runs) > 0 {
		var names []string
		for _, j := range use.Jobs {
			names = append(names, "job "+j.Name)
		}
		for _, r := range use.Runs {
			names = append(names, "run "+r.Key)
		}
		if more := len(names) - mostNamed; more > 0 {
			names = append(names[:mostNamed], fmt.Sprintf("%d more", more))
		}
		return connector.Errorf(connector.Config, "TOW-184", "connection %s is used by %s", alias, strings.Join(names, ", ")).
			WithHint("Change or remove those jobs and stop those runs first.")
	}
	k := a.key(environment, alias)
	return t.Store.RemoveConnection(ctx, k, a.Entry(ChangeConnections, alias, "removed from environment "+k.Environment))
}

// mostNamed is how many things a message names one by one.
const mostNamed = 5

// lookTime is how long a look at a server may take.
const lookTime = 30 * time.Second

// TestConnection asks a stored connection who it is, and keeps the answer.
func (t *Team) TestConnection(ctx context.Context, a Actor, environment, alias string) (control.Checked, error) {
	var checked control.Checked
	if err := a.May(LookInside); err != nil {
		return checked, err
	}
	k := a.key(environment, alias)
	err := t.look(ctx, a, k, "tested", func(ctx context.Context, s *control.Service, e job.Endpoint) (err error) {
		checked, err = s.Check(ctx, e)
		return err
	})
	failure := ""
	if err != nil {
		failure = t.Scrub.Clean(err.Error())
	}
	if kept := t.Store.SetTested(ctx, k, failure, checked.Identity); kept != nil && err == nil {
		err = kept
	}
	return checked, err
}

// look lets do look at the server of a stored connection, and records that it did.
func (t *Team) look(ctx context.Context, a Actor, k store.ConnectionKey, what string, do func(context.Context, *control.Service, job.Endpoint) error) error {
	if err := a.May(LookInside); err != nil {
		return err
	}
	if _, err := t.Store.Connection(ctx, k); err != nil {
		return err
	}
	if err := t.Store.Audit(ctx, a.Entry(LookInside, k.Alias, what+" in environment "+k.Environment)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	return do(ctx, t.Service(k.Workspace, k.Environment, a.Account), job.Endpoint{Connection: k.Alias})
}

// Discover returns the datasets of a connection that match a pattern, at most so many; more says that there are others.
func (t *Team) Discover(ctx context.Context, a Actor, environment, alias, pattern string, most int) (names []string, more bool, err error) {
	err = t.look(ctx, a, a.key(environment, alias), "listed "+pattern, func(ctx context.Context, s *control.Service, e job.Endpoint) error {
		for name, err := range s.Discover(ctx, e, pattern) {
			if err != nil {
				return err
			}
			if more = len(names) == most; more {
				return nil
			}
			names = append(names, name)
		}
		return nil
	})
	return names, more, err
}

// MostSampled is how many rows of a dataset people may look at.
const MostSampled = 100

// Sample returns the schema of a dataset and, as JSON objects, up to so many of its rows, at most MostSampled.
func (t *Team) Sample(ctx context.Context, a Actor, environment, alias, dataset string, rows int) (schema *record.Schema, declared bool, sample [][]byte, err error) {
	if rows < 0 || rows > MostSampled {
		return nil, false, nil, connector.Errorf(connector.Config, "TOW-185", "%d rows were asked for, at most %d are shown", rows, MostSampled).At("rows")
	}
	what := fmt.Sprintf("sampled %d rows of %s", rows, dataset)
	err = t.look(ctx, a, a.key(environment, alias), what, func(ctx context.Context, s *control.Service, e job.Endpoint) (err error) {
		schema, declared, sample, err = s.Schema(ctx, e, dataset, rows)
		return err
	})
	return schema, declared, sample, err
}

// Grants writes what an administrator of the connection's system runs so that its account may do what it is used for, and no more.
func (t *Team) Grants(ctx context.Context, a Actor, environment, alias string, use connector.Use) (string, error) {
	if err := a.May(SeeConnections); err != nil {
		return "", err
	}
	k := a.key(environment, alias)
	return t.Service(k.Workspace, k.Environment, a.Account).Grants(ctx, job.Endpoint{Connection: alias}, use)
}
