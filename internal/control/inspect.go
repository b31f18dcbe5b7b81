package control

import (
	"context"
	"iter"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/option"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/job"
	"github.com/towpath/towpath/record"
)

// Runs lists runs, newest first, most of them at most.
func (s *Service) Runs(ctx context.Context, most int) ([]store.Run, error) {
	return s.Store.Runs(ctx, store.Filter{Limit: most})
}

// States counts the streams of runs by their states.
func (s *Service) States(ctx context.Context, keys ...string) (map[string]map[store.StreamState]int, error) {
	return s.Store.StreamStates(ctx, keys...)
}

// History returns the changes of a run's state.
func (s *Service) History(ctx context.Context, key string) ([]store.Event, error) {
	return s.Store.Events(ctx, key, 0, 1000)
}

// FindStreams returns the streams of a run that people call so, by their source, as alias:source, by their target or by their ID: several
// where one dataset goes to several targets, or a target takes several.
func (s *Service) FindStreams(ctx context.Context, key, name string) ([]store.Stream, error) {
	if _, err := s.Store.Run(ctx, key); err != nil {
		return nil, err
	}
	streams, err := s.Store.Streams(ctx, key)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, same := range []func(st store.Stream) string{
		func(st store.Stream) string { return nameOf(&stream{Stream: st}) },
		func(st store.Stream) string { return st.Source },
		func(st store.Stream) string { return st.Dataset },
		func(st store.Stream) string { return st.ID },
	} {
		var found []store.Stream
		for _, st := range streams {
			if same(st) == name {
				found = append(found, st)
			}
			names = append(names, same(st))
		}
		if found != nil {
			return found, nil
		}
	}
	e := connector.Errorf(connector.Config, "TOW-149", "run %s has no stream %q", key, name)
	if near := option.Nearest(name, names); near != "" {
		return nil, e.WithHint("Did you mean %q?", near)
	}
	return nil, e.WithHint("towpath status %s lists them.", key)
}

// Dirty yields up to most dirty rows of a run, 0 for all; those of one stream, by its ID, or with "" of all.
func (s *Service) Dirty(ctx context.Context, key, stream string, most int) iter.Seq2[store.DirtyAt, error] {
	return func(yield func(store.DirtyAt, error) bool) {
		if _, err := s.Store.Run(ctx, key); err != nil {
			yield(store.DirtyAt{}, err)
			return
		}
		for row, err := range s.Store.Dirty(ctx, key, stream, store.DirtyCursor{}, most) {
			if !yield(row, err) {
				return
			}
		}
	}
}

// Limits changes the limits of a run that is not over; nil leaves one as it is, 0 takes it away. Workers heed them within a second.
func (s *Service) Limits(ctx context.Context, key string, rows, bytes *int64, parallel *int) (store.Limits, error) {
	run, err := s.Store.Run(ctx, key)
	if err != nil {
		return store.Limits{}, err
	}
	wishes, err := s.Store.Wishes(ctx, key)
	if err != nil {
		return store.Limits{}, err
	}
	l := wishes[key].Limits
	if rows == nil && bytes == nil && parallel == nil {
		return l, nil
	}
	if run.State.Final() {
		return l, connector.Errorf(connector.Config, "TOW-145", "run %s is %s", key, run.State)
	}
	if rows != nil {
		l.Rows = *rows
	}
	if bytes != nil {
		l.Bytes = *bytes
	}
	if parallel != nil {
		l.Parallel = *parallel
	}
	return l, s.Store.SetLimits(ctx, key, l)
}

// Checked is what a connection's check found.
type Checked struct {
	Connector string        `json:"connector"`
	Identity  string        `json:"identity"`
	Took      time.Duration `json:"took_ns"`
}

// Check opens a connection and asks the server who it is.
func (s *Service) Check(ctx context.Context, e job.Endpoint) (Checked, error) {
	began := time.Now()
	end, err := s.open(ctx, "source", e)
	if err != nil {
		return Checked{}, err
	}
	defer end.Client.Close()
	return Checked{end.Side.Connector, end.Identity, time.Since(began)}, nil
}

// Grants writes what an administrator of the endpoint's system runs so that its account may do what it is used for, and no more. Nothing is
// opened and no secret asked for; references to secrets in the options stay as they are.
func (s *Service) Grants(ctx context.Context, e job.Endpoint, u connector.Use) (string, error) {
	side := "source"
	if u.Write {
		side = "target"
	}
	name, c, raw, err := s.find(ctx, side, e)
	switch {
	case err != nil:
		return "", err
	case u.Write && c.Write == nil:
		return "", connector.Errorf(connector.Config, "TOW-146", "connector %s does not write", c.Name)
	case !u.Write && c.Read == nil:
		return "", connector.Errorf(connector.Config, "TOW-146", "connector %s does not read", c.Name)
	case c.Grants == nil:
		return "", connector.Errorf(connector.Config, "TOW-146", "connector %s writes no rights down", c.Name).WithHint("Its page says which rights an account needs.")
	}
	script, err := c.Grants(c.Connection.Redact(raw), u)
	return script, within(err, name)
}

// Discover yields the datasets of a connection that match a pattern.
func (s *Service) Discover(ctx context.Context, e job.Endpoint, pattern string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		end, err := s.open(ctx, "source", e)
		if err != nil {
			yield("", err)
			return
		}
		defer end.Client.Close()
		for name, err := range end.Client.Datasets(ctx, pattern) {
			if !yield(name, err) {
				return
			}
		}
	}
}

// Schema returns the schema of a dataset and, with sample above 0, up to so many of its rows as JSON objects.
func (s *Service) Schema(ctx context.Context, e job.Endpoint, dataset string, sample int) (schema *record.Schema, declared bool, rows [][]byte, err error) {
	end, err := s.open(ctx, "source", e)
	if err != nil {
		return nil, false, nil, err
	}
	defer end.Client.Close()
	if end.Read == nil {
		return nil, false, nil, connector.Errorf(connector.Config, "TOW-146", "connector %s does not read", end.Side.Connector)
	}
	reader, err := end.Read(ctx, end.Client, connector.Source{Dataset: dataset})
	if err != nil {
		return nil, false, nil, err
	}
	defer reader.Close()
	if schema, declared, err = reader.Schema(ctx); err != nil || sample <= 0 {
		return schema, declared, nil, err
	}
	rows, err = engine.Sample(ctx, reader, schema, sample)
	return schema, declared, rows, err
}

// CleanUp lists what ended or unknown runs left behind at a connection, and removes what belongs to ended runs when remove is set.
func (s *Service) CleanUp(ctx context.Context, e job.Endpoint, remove bool) ([]connector.Leftover, error) {
	end, err := s.open(ctx, "target", e)
	if err != nil {
		return nil, err
	}
	defer end.Client.Close()
	if end.Connector.Clean == nil {
		return nil, nil
	}
	found, err := end.Connector.Clean(ctx, end.Client, nil, false)
	if err != nil {
		return nil, err
	}
	var ended []string
	var list []connector.Leftover
	for _, l := range found {
		run, err := s.Store.Run(ctx, l.Run)
		if err == nil && !run.State.Final() {
			continue // it may go on
		}
		if err == nil {
			ended = append(ended, l.Run)
		}
		list = append(list, l)
	}
	if !remove || len(ended) == 0 {
		return list, nil
	}
	return end.Connector.Clean(ctx, end.Client, ended, true)
}
