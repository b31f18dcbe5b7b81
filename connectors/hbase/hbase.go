// Package hbase reads and writes Apache HBase 2: tables by row key, region by region, columns by the encodings that programs write them in. The
// client library finds regions and speaks the protocol; scans, cells and values are our own.
package hbase

import (
	"context"
	_ "embed"
	"net/url"
	"strings"

	"github.com/towpath/towpath/connector"
)

//go:embed README.md
var docs string

// Connector describes HBase.
func Connector() connector.Connector {
	connection, reading, writing := connector.Describe(defaultConnection()), connector.Describe(defaultReading()), connector.Describe(defaultWriting())
	return connector.Connector{
		Name:       "hbase",
		Title:      "HBase",
		Everything: "*:*",
		Docs:       docs,
		Types:      typeDocs,
		Connection: connection,
		Reading:    reading,
		Writing:    writing,
		Fold: func(_ connector.Client, dataset string) string {
			return strings.TrimPrefix(dataset, defaultNamespace+":")
		},
		Open: func(ctx context.Context, c connector.Connection) (connector.Client, error) {
			o, err := connector.DecodeOptions[Connection](connection, c.Options, "connection")
			if err != nil {
				return nil, err
			}
			return open(ctx, o, c.Dialer())
		},
		Read: func(ctx context.Context, c connector.Client, s connector.Source) (connector.Reader, error) {
			o, err := connector.DecodeOptions[ReadOptions](reading, s.Options, "source.options")
			if err != nil {
				return nil, err
			}
			return newReader(ctx, c.(*Client), s, o)
		},
		Write: func(_ context.Context, c connector.Client, s connector.Sink) (connector.Writer, error) {
			o, err := connector.DecodeOptions[WriteOptions](writing, s.Options, "target_options")
			if err != nil {
				return nil, err
			}
			return newWriter(c.(*Client), s, o)
		},
		Count: func(ctx context.Context, c connector.Client, dataset, where string) (int64, error) {
			return c.(*Client).count(ctx, dataset, where)
		},
		URL: fromURL,
	}
}

// fromURL reads hbase://user@zk1:2181,zk2/namespace:table; root and authentication may follow a question mark.
func fromURL(u *url.URL) (map[string]any, string, error) {
	if u.Host == "" {
		return nil, "", connector.Errorf(connector.Config, "TOW-800", "HBase URL names no ZooKeeper server").
			WithHint("Write hbase://zk1:2181,zk2:2181/namespace:table.")
	}
	var quorum []any
	for host := range strings.SplitSeq(u.Host, ",") {
		quorum = append(quorum, host)
	}
	options := map[string]any{"quorum": quorum}
	if u.User != nil {
		if _, has := u.User.Password(); has {
			return nil, "", connector.Errorf(connector.Config, "TOW-800", "HBase URL has a password, which simple authentication does not know").
				WithHint("Leave it out: hbase://user@zk1/table.")
		}
		options["user"] = u.User.Username()
	}
	for name, values := range u.Query() {
		options[name] = values[len(values)-1]
	}
	return options, strings.Trim(u.Path, "/"), nil
}
