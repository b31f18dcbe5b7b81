// Package sqlite reads and writes SQLite database files: tables by their keys, views and own SELECTs, and targets whose
// rows and checkpoints share one transaction. The engine of SQLite is a library; statements, types and values are its own.
package sqlite

import (
	"context"
	_ "embed"
	"net/url"
	"os"
	"strings"

	"github.com/towpath/towpath/connector"
)

//go:embed README.md
var docs string

// Connector describes SQLite.
func Connector() connector.Connector {
	connection, reading, writing := connector.Describe(defaultConnection()), connector.Describe(ReadOptions{}), connector.Describe(WriteOptions{})
	return connector.Connector{
		Name:       "sqlite",
		Title:      "SQLite",
		Docs:       docs,
		Types:      typeDocs,
		Connection: connection,
		Reading:    reading,
		Writing:    writing,
		Fold: func(_ connector.Client, dataset string) string {
			return strings.ToLower(dataset) // names of tables are compared without case (ASCII)
		},
		Open: func(ctx context.Context, c connector.Connection) (connector.Client, error) {
			o, err := connector.DecodeOptions[Connection](connection, c.Options, "connection")
			if err != nil {
				return nil, err
			}
			return open(o)
		},
		Read: func(ctx context.Context, c connector.Client, s connector.Source) (connector.Reader, error) {
			if _, err := connector.DecodeOptions[ReadOptions](reading, s.Options, "source.options"); err != nil {
				return nil, err
			}
			return newReader(ctx, c.(*Client), s)
		},
		Write: func(ctx context.Context, c connector.Client, s connector.Sink) (connector.Writer, error) {
			if _, err := connector.DecodeOptions[WriteOptions](writing, s.Options, "target.options"); err != nil {
				return nil, err
			}
			return newWriter(c.(*Client), s)
		},
		Count: func(ctx context.Context, c connector.Client, dataset, where string) (int64, error) {
			return c.(*Client).count(ctx, dataset, where)
		},
		URL: fromURL,
		Clean: func(ctx context.Context, c connector.Client, runs []string, remove bool) ([]connector.Leftover, error) {
			return c.(*Client).clean(ctx, runs, remove)
		},
	}
}

// fromURL reads sqlite:///abs/shop.db?table=orders, sqlite:///abs/shop.db/orders and sqlite:shop.db/orders. Without table=
// the dataset is what follows the last slash, unless all of it is a file that exists: then none is named.
func fromURL(u *url.URL) (map[string]any, string, error) {
	path := u.Path
	if u.Opaque != "" {
		decoded, err := url.PathUnescape(u.Opaque)
		if err != nil {
			return nil, "", connector.Errorf(connector.Config, "TOW-301", "read the URL of a SQLite file: %w", err)
		}
		path = decoded
	}
	if u.Host != "" {
		return nil, "", connector.Errorf(connector.Config, "TOW-301", "SQLite URL names a host %q", u.Host).
			WithHint("Write sqlite:///path/of/file.db/table with three slashes, or sqlite:file.db/table.")
	}
	dataset := u.Query().Get("table")
	if info, err := os.Stat(path); dataset == "" && (err != nil || !info.Mode().IsRegular()) {
		at := strings.LastIndexByte(path, '/')
		if at <= 0 || at == len(path)-1 {
			return nil, "", connector.Errorf(connector.Config, "TOW-301", "SQLite URL names no table").
				WithHint("Write sqlite:///path/of/file.db/table or sqlite:///path/of/file.db?table=table.")
		}
		path, dataset = path[:at], path[at+1:]
	}
	return map[string]any{"path": path}, dataset, nil
}
