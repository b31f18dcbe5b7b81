// Package postgres reads and writes PostgreSQL 11 to 18: tables, views and own SELECTs in binary form, cut into shards by their keys, and
// all of them as of one instant; targets whose rows and checkpoints share one transaction. Logging in is the work of a library;
// statements, messages and values are its own.
package postgres

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/towpath/towpath/connector"
)

//go:embed README.md
var docs string

// Connector describes PostgreSQL.
func Connector() connector.Connector {
	connection, reading, writing := connector.Describe(defaultConnection()), connector.Describe(defaultReadOptions()), connector.Describe(defaultWriteOptions())
	return connector.Connector{
		Name:       "postgres",
		Title:      "PostgreSQL",
		Everything: "*.*",
		Docs:       docs,
		Types:      typeDocs,
		Connection: connection,
		Reading:    reading,
		Writing:    writing,
		Open: func(ctx context.Context, c connector.Connection) (connector.Client, error) {
			o, err := connector.DecodeOptions[Connection](connection, c.Options, "connection")
			if err != nil {
				return nil, err
			}
			client, err := open(ctx, o, c.Dialer())
			if err != nil {
				return nil, named(err, c.Name)
			}
			return client, nil
		},
		Read: func(ctx context.Context, c connector.Client, s connector.Source) (connector.Reader, error) {
			o, err := connector.DecodeOptions[ReadOptions](reading, s.Options, "source.options")
			if err != nil {
				return nil, err
			}
			return newReader(ctx, c.(*Client), s, o)
		},
		Write: func(ctx context.Context, c connector.Client, s connector.Sink) (connector.Writer, error) {
			o, err := connector.DecodeOptions[WriteOptions](writing, s.Options, "target.options")
			if err != nil {
				return nil, err
			}
			return newWriter(c.(*Client), s, o)
		},
		Snapshot: func(ctx context.Context, c connector.Client, datasets []string, _ int) (connector.Snapshot, error) {
			return c.(*Client).snapshot(ctx, datasets)
		},
		Count: func(ctx context.Context, c connector.Client, dataset, where string) (int64, error) {
			return c.(*Client).count(ctx, dataset, where)
		},
		Clean: func(ctx context.Context, c connector.Client, runs []string, remove bool) ([]connector.Leftover, error) {
			return c.(*Client).clean(ctx, runs, remove)
		},
		Grants: func(options json.RawMessage, u connector.Use) (string, error) {
			o, err := connector.DecodeOptions[Connection](connection, options, "connection")
			if err != nil {
				return "", err
			}
			return grants(o, u)
		},
		Fold:    func(c connector.Client, dataset string) string { return c.(*Client).fold(dataset) },
		Schemes: []string{"postgresql"},
		URL:     fromURL,
	}
}

// named puts the alias of the connection before the address in an error: "connection shop: open db1:5432: access denied".
func named(err error, alias string) error {
	e, ok := err.(*connector.Error)
	if !ok || alias == "" {
		return err
	}
	out := *e
	out.Text = fmt.Sprintf("connection %s: %s", alias, e.Text)
	return &out
}
