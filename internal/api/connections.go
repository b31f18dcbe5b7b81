package api

import (
	"context"
	"encoding/json"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/internal/control/team"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/internal/view"
)

// InEnvironment is the environment of a connection.
type InEnvironment struct {
	Environment string `query:"environment" doc:"Environment; default where left out." maxLength:"100"`
}

// OfConnection names a connection in a path.
type OfConnection struct {
	InWorkspace
	InEnvironment
	Alias string `path:"alias" doc:"Alias of the connection." maxLength:"100"`
}

// tagged is an answer with the version of what it shows.
type tagged[T any] struct {
	ETag string `header:"ETag"`
	Body T
}

// all makes the answer of a list that has no pages.
func all[S, T any](of []S, show func(S) T, err error) (*body[client.Page[T]], error) {
	if err != nil {
		return nil, err
	}
	return part(view.List(of, show), len(of), nil), nil
}

func connection(c team.KeptConnection, err error) (*tagged[client.Connection], error) {
	if err != nil {
		return nil, err
	}
	return &tagged[client.Connection]{etag(c.Version), view.Connection(c.Connection, c.Secrets)}, nil
}

type connectionsInput struct {
	InWorkspace
	Environment string `query:"environment" doc:"Only those of this environment." maxLength:"100"`
}

func (s *server) listConnections(ctx context.Context, in *connectionsInput) (*body[client.Page[client.Connection]], error) {
	list, err := s.Team.ListConnections(ctx, actorOf(ctx), in.Environment)
	return all(list, func(c store.Connection) client.Connection { return view.Connection(c, nil) }, err)
}

func (s *server) showConnection(ctx context.Context, in *OfConnection) (*tagged[client.Connection], error) {
	return connection(s.Team.Connection(ctx, actorOf(ctx), in.Environment, in.Alias))
}

type putConnectionInput struct {
	OfConnection
	IfMatch
	Body client.ConnectionInput
}

func (s *server) putConnection(ctx context.Context, in *putConnectionInput) (*tagged[client.Connection], error) {
	b := in.Body
	return connection(s.Team.PutConnection(ctx, actorOf(ctx), team.ConnectionInput{Environment: in.Environment, Alias: in.Alias, Connector: b.Connector, Options: b.Options,
		UseRole: b.UseRole, Parallel: b.Parallel, Version: in.version()}))
}

func (s *server) removeConnection(ctx context.Context, in *OfConnection) (*struct{}, error) {
	return nil, s.Team.RemoveConnection(ctx, actorOf(ctx), in.Environment, in.Alias)
}

func (s *server) whereUsed(ctx context.Context, in *OfConnection) (*body[client.Use], error) {
	use, err := s.Team.WhereUsed(ctx, actorOf(ctx), in.Environment, in.Alias)
	return &body[client.Use]{view.Use(use)}, err
}

func (s *server) testConnection(ctx context.Context, in *OfConnection) (*body[client.Checked], error) {
	c, err := s.Team.TestConnection(ctx, actorOf(ctx), in.Environment, in.Alias)
	return &body[client.Checked]{view.Checked(c)}, err
}

type datasetsInput struct {
	OfConnection
	Pattern string `query:"pattern" doc:"Which datasets; * stands for any characters." default:"*"`
	Limit   int    `query:"limit" doc:"How many at most." minimum:"1" maximum:"10000" default:"1000"`
}

func (s *server) datasets(ctx context.Context, in *datasetsInput) (*body[client.Datasets], error) {
	names, more, err := s.Team.Discover(ctx, actorOf(ctx), in.Environment, in.Alias, in.Pattern, in.Limit)
	if names == nil {
		names = []string{}
	}
	return &body[client.Datasets]{client.Datasets{Names: names, More: more}}, err
}

type sampleInput struct {
	OfConnection
	Dataset string `query:"dataset" doc:"Name of the dataset." required:"true"`
	Rows    int    `query:"rows" doc:"How many rows at most." minimum:"0" maximum:"100"`
}

func (s *server) sample(ctx context.Context, in *sampleInput) (*body[client.Sample], error) {
	schema, declared, rows, err := s.Team.Sample(ctx, actorOf(ctx), in.Environment, in.Alias, in.Dataset, in.Rows)
	if err != nil {
		return nil, err
	}
	fields, err := json.Marshal(schema.Fields)
	return &body[client.Sample]{view.Sample(in.Dataset, fields, declared, rows)}, err
}

type holdInput struct {
	OfConnection
	Body client.Reason
}

func (s *server) hold(ctx context.Context, in *holdInput) (*body[client.Released], error) {
	return released(s.Team.Hold(ctx, actorOf(ctx), in.Environment, in.Alias, in.Body.Why))
}

func (s *server) release(ctx context.Context, in *OfConnection) (*body[client.Released], error) {
	return released(s.Team.Release(ctx, actorOf(ctx), in.Environment, in.Alias))
}

func released(runs []string, err error) (*body[client.Released], error) {
	return &body[client.Released]{view.Released(runs)}, err
}

type syncInput struct {
	InWorkspace
	InEnvironment
	Connection string `query:"connection" doc:"Only datasets of this connection, as source or target."`
}

func (s *server) syncStatus(ctx context.Context, in *syncInput) (*body[client.Page[client.Sync]], error) {
	list, err := s.Team.SyncStatus(ctx, actorOf(ctx), in.Environment, in.Connection)
	return all(list, view.Sync, err)
}

func (s *server) checkSync(ctx context.Context, in *OfConnection) (*body[client.Page[client.Sync]], error) {
	list, err := s.Team.CheckSync(ctx, actorOf(ctx), in.Environment, in.Alias)
	return all(list, view.Sync, err)
}
