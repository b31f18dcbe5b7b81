// Package mysql reads and writes MySQL 5.7 to 9 and MariaDB from 10.4 on: tables and views by the binary protocol, cut into shards
// by their keys, and own SELECTs; targets whose rows and checkpoints share transactions. Connecting and logging in is the work of a
// library; statements, packets and values are its own.
package mysql

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/towpath/towpath/connector"
)

//go:embed README.md
var docs string

// Connector describes MySQL and MariaDB.
func Connector() connector.Connector {
	connection, reading, writing := connector.Describe(defaultConnection()), connector.Describe(defaultReadOptions()), connector.Describe(defaultWriteOptions())
	return connector.Connector{
		Name:       "mysql",
		Title:      "MySQL and MariaDB",
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
		Write: func(_ context.Context, c connector.Client, s connector.Sink) (connector.Writer, error) {
			o, err := connector.DecodeOptions[WriteOptions](writing, s.Options, "target.options")
			if err != nil {
				return nil, err
			}
			return newWriter(c.(*Client), s, o)
		},
		Snapshot: func(ctx context.Context, c connector.Client, datasets []string, parallel int) (connector.Snapshot, error) {
			s, err := c.(*Client).snapshot(ctx, datasets, parallel)
			if err != nil {
				return nil, err
			}
			return s, nil
		},
		Count: func(ctx context.Context, c connector.Client, dataset, where string) (int64, error) {
			return c.(*Client).count(ctx, dataset, where)
		},
		Grants: func(options json.RawMessage, u connector.Use) (string, error) {
			o, err := connector.DecodeOptions[Connection](connection, options, "connection")
			if err != nil {
				return "", err
			}
			return grants(o, u)
		},
		URL:  fromURL,
		Fold: func(c connector.Client, dataset string) string { return c.(*Client).fold(dataset) },
		Clean: func(ctx context.Context, c connector.Client, runs []string, remove bool) ([]connector.Leftover, error) {
			return c.(*Client).clean(ctx, runs, remove)
		},
	}
}

// named puts the alias of the connection before the address in an error: "open source shop (db1:3306): access denied".
func named(err error, alias string) error {
	e, ok := err.(*connector.Error)
	if !ok || alias == "" {
		return err
	}
	out := *e
	out.Text = fmt.Sprintf("connection %s: %s", alias, e.Text)
	return &out
}
