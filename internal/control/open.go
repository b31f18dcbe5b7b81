package control

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/egress"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/option"
	"github.com/towpath/towpath/job"
)

// open opens one side of a job and asks the server for its identity.
func (s *Service) open(ctx context.Context, side string, e job.Endpoint) (engine.End, error) {
	name, c, raw, err := s.find(ctx, side, e)
	if err != nil {
		return engine.End{}, err
	}
	end := engine.End{Side: engine.Side{Connection: e.Connection, Connector: c.Name}, Connector: c}
	if raw, err = s.Secrets(ctx, e.Connection, raw); err != nil {
		return end, at(err, name)
	}
	if raw, err = s.confine(c, name, raw); err != nil {
		return end, err
	}
	client, err := c.Open(ctx, connector.Connection{Name: name, Options: raw, Guard: s.Guard})
	if err != nil { // what came with it may be a nil pointer in an interface that is not nil
		return end, within(err, name)
	}
	if end.Identity, err = client.Identity(ctx); err != nil {
		client.Close()
		return end, within(err, name)
	}
	end.Client = client
	return end, nil
}

// confine returns the options with the paths of files as they are found in the folders of Roots; a file elsewhere is refused.
func (s *Service) confine(c connector.Connector, name string, raw json.RawMessage) (json.RawMessage, error) {
	if s.Roots == nil {
		return raw, nil
	}
	return c.Connection.MapFiles(raw, func(option, path string) (string, error) {
		found, err := egress.File(s.Roots, path)
		return found, at(err, name+"."+option)
	})
}

// find returns the connector of an endpoint and the options to open it with; name is what errors call it.
func (s *Service) find(ctx context.Context, side string, e job.Endpoint) (name string, c connector.Connector, raw json.RawMessage, err error) {
	if !e.Inline() {
		stored, err := s.Connections(ctx, e.Connection)
		if err != nil {
			return "", c, nil, at(err, side+".connection")
		}
		c, err = s.Connectors.Get(stored.Connector)
		return e.Connection, c, stored.Options, at(err, "connections."+e.Connection)
	}
	if c, err = s.Connectors.Get(e.Connector); err != nil {
		return "", c, nil, at(err, side+".connector")
	}
	raw, err = s.fill(side, c, e.Options)
	return side, c, raw, err
}

// fill puts the password of a side where an inline connection hides it, or leaves it out.
func (s *Service) fill(side string, c connector.Connector, raw json.RawMessage) (json.RawMessage, error) {
	all := map[string]json.RawMessage{}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &all); err != nil {
			return nil, err
		}
	}
	if all == nil {
		all = map[string]json.RawMessage{}
	}
	for _, f := range c.Connection.Fields() {
		value, given := all[f.Name]
		hidden := given && string(value) == `"`+option.Redacted+`"`
		if !f.Secret || given && !hidden || !given && f.Name != "password" {
			continue
		}
		password, err := s.Password(side)
		if err != nil {
			return nil, err
		}
		delete(all, f.Name)
		if password != "" {
			if all[f.Name], err = json.Marshal(password); err != nil {
				return nil, err
			}
		} else if hidden {
			return nil, connector.Errorf(connector.Config, "TOW-134", "the %s of the %s is not known", f.Name, side).
				WithHint("Give it in TOWPATH_%s_PASSWORD, or use a stored connection.", strings.ToUpper(side))
		}
	}
	return json.Marshal(all)
}

// hide returns the job without secrets, as plans and history keep it. References to secrets stay.
//
// Invariant 10: no secret leaves.
func (s *Service) hide(j *job.Job) *job.Job {
	return j.Redacted(func(name string, raw json.RawMessage) json.RawMessage {
		c, err := s.Connectors.Get(name)
		if err != nil {
			return json.RawMessage(`{}`)
		}
		var given, hidden map[string]json.RawMessage
		if json.Unmarshal(raw, &given) != nil || json.Unmarshal(c.Connection.Redact(raw), &hidden) != nil {
			return json.RawMessage(`{}`)
		}
		for key, value := range given {
			var text string
			if json.Unmarshal(value, &text) == nil && isReference(text) {
				hidden[key] = value
			}
		}
		out, err := json.Marshal(hidden)
		if err != nil {
			return json.RawMessage(`{}`)
		}
		return out
	})
}

// isReference reports whether a text is nothing but a reference to a secret.
func isReference(text string) bool {
	return (strings.HasPrefix(text, "${env:") || strings.HasPrefix(text, "${file:")) && strings.Index(text, "}") == len(text)-1
}

// at puts a path on an error that has none.
func at(err error, path string) error {
	if e, ok := err.(*connector.Error); ok && e.Path == "" {
		e.Path = path
	}
	return err
}

// within puts the name of a connection, or the side of an inline one, where connectors say "connection".
func within(err error, name string) error {
	if e, ok := err.(*connector.Error); ok {
		if rest, yes := strings.CutPrefix(e.Path, "connection"); yes && (rest == "" || rest[0] == '.') {
			e.Path = name + rest
		}
	}
	return err
}

// ends are the sides of a job, open: its source, those that streams name, by alias ("" is the job's own), and its target.
type ends struct {
	sources map[string]engine.End
	target  engine.End
}

// openAll opens the target of a job and every source that it or its streams name.
func (s *Service) openAll(ctx context.Context, j *job.Job) (e ends, err error) {
	e.sources = map[string]engine.End{}
	if e.sources[""], err = s.open(ctx, "source", j.Source); err != nil {
		return e, err
	}
	for i := range j.Streams {
		alias := j.Streams[i].Connection
		if _, there := e.sources[origin(j, alias)]; there {
			continue
		}
		if e.sources[alias], err = s.open(ctx, fmt.Sprintf("streams[%d]", i), job.Endpoint{Connection: alias}); err != nil {
			e.close()
			return e, err
		}
	}
	if e.target, err = s.open(ctx, "target", j.Target); err != nil {
		e.close()
	}
	return e, err
}

// origin is the key of a stream's connection among the sources: a stream that names the job's own reads from that.
func origin(j *job.Job, alias string) string {
	if alias == j.Source.Connection {
		return ""
	}
	return alias
}

func (e *ends) close() {
	for _, end := range e.sources {
		if end.Client != nil {
			end.Client.Close()
		}
	}
	if e.target.Client != nil {
		e.target.Client.Close()
	}
}
