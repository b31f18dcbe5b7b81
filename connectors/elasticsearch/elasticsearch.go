// Package elasticsearch writes into Elasticsearch (7.17, 8, 9) and OpenSearch (1 to 3) over their HTTP interface: the mapping,
// the document ids, the bulk bodies, and the alias swap of a replaced dataset. It knows no engine and no source.
package elasticsearch

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
)

//go:embed README.md
var readme string

// Connector returns the connector; it tells Elasticsearch from OpenSearch by the server's own answer.
func Connector() connector.Connector {
	c := named("elasticsearch")
	c.Grants = grants
	return c
}

// OpenSearch returns the same connector under the name opensearch, for jobs and addresses that are written that way.
func OpenSearch() connector.Connector { return named("opensearch") }

func named(name string) connector.Connector {
	connection := connector.Describe(defaultConnection())
	writing := connector.Describe(defaultWriting())
	return connector.Connector{
		Name:       name,
		Title:      "Elasticsearch and OpenSearch",
		Docs:       readme,
		Types:      typeDocs,
		Connection: connection,
		Writing:    writing,
		Open: func(ctx context.Context, c connector.Connection) (connector.Client, error) {
			o, err := connector.DecodeOptions[Connection](connection, c.Options, c.Name)
			if err != nil {
				return nil, err
			}
			return open(ctx, o, c)
		},
		Write: func(_ context.Context, c connector.Client, s connector.Sink) (connector.Writer, error) {
			o, err := connector.DecodeOptions[WriteOptions](writing, s.Options, "target_options")
			if err != nil {
				return nil, err
			}
			return newWriter(c.(*client), s, o)
		},
		Count: func(ctx context.Context, c connector.Client, dataset, where string) (int64, error) {
			return c.(*client).count(ctx, dataset, where)
		},
		URL: fromURL,
		Clean: func(ctx context.Context, c connector.Client, runs []string, remove bool) ([]connector.Leftover, error) {
			return c.(*client).clean(ctx, runs, remove)
		},
	}
}

// client is an open connection to one cluster.
type client struct {
	nodes  *nodes
	server server
	notes  []string // what every plan made over this connection says
}

func open(ctx context.Context, o Connection, reach connector.Connection) (*client, error) {
	n, err := newNodes(o, reach)
	if err != nil {
		return nil, err
	}
	c := &client{nodes: n, notes: n.notes(o)}
	if err := c.greet(ctx); err != nil {
		n.close()
		return nil, err
	}
	return c, nil
}

// Identity returns the cluster's own id.
func (c *client) Identity(context.Context) (string, error) { return c.server.cluster, nil }

// Close gives the sockets back.
func (c *client) Close() error {
	c.nodes.close()
	return nil
}

// Datasets yields the open indices and aliases that match; hidden ones and those that begin with a dot are left out.
func (c *client) Datasets(ctx context.Context, pattern string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if pattern == "" {
			pattern = "*"
		}
		var found struct {
			Indices, Aliases []struct{ Name string }
		}
		err := c.get(ctx, "/_resolve/index/"+url.PathEscape(pattern), &found)
		if err != nil && connector.ClassOf(err) != connector.Missing {
			yield("", err)
			return
		}
		var names []string
		for _, x := range append(found.Indices, found.Aliases...) {
			if ok, _ := path.Match(pattern, x.Name); ok && !strings.HasPrefix(x.Name, ".") {
				names = append(names, x.Name)
			}
		}
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			if !yield(name, nil) {
				return
			}
		}
	}
}

// count counts the documents that where selects: a query as JSON, or a query string; "" selects all. It refreshes first, as a
// document is counted only once it is searchable.
func (c *client) count(ctx context.Context, dataset, where string) (int64, error) {
	at := "/" + url.PathEscape(dataset)
	if err := c.do(ctx, http.MethodPost, at+"/_refresh", nil, nil); err != nil {
		return 0, err
	}
	var body any
	if where = strings.TrimSpace(where); strings.HasPrefix(where, "{") {
		body = map[string]any{"query": json.RawMessage(where)}
	} else if where != "" {
		body = map[string]any{"query": map[string]any{"query_string": map[string]any{"query": where}}}
	}
	var answer struct {
		Count  int64
		Shards struct{ Failed int } `json:"_shards"`
	}
	if err := c.do(ctx, http.MethodPost, at+"/_count", body, &answer); err != nil {
		return 0, err
	}
	if answer.Shards.Failed > 0 {
		return 0, connector.Errorf(connector.Retry, "TOW-500", "count %s: %d of its shards did not answer", dataset, answer.Shards.Failed)
	}
	return answer.Count, nil
}

// fromURL reads elasticsearch://user@es1:9200,es2:9200/orders; every other option of a connection by its name. Without tls= it is
// https, and http to this machine itself.
func fromURL(u *url.URL) (map[string]any, string, error) {
	options, secure, scheme, err := readQuery(u.Query())
	if err != nil {
		return nil, "", err
	}
	if u.Host == "" {
		return nil, "", errNoHost()
	}
	var urls []any
	for host := range strings.SplitSeq(u.Host, ",") {
		urls = append(urls, cmp.Or(scheme, usualScheme(host))+"://"+host)
	}
	options["urls"] = urls
	if len(secure) > 0 {
		options["tls"] = secure
	}
	if u.User != nil {
		options["user"] = u.User.Username()
		if password, ok := u.User.Password(); ok {
			options["password"] = password
		}
	}
	return options, strings.Trim(u.Path, "/"), nil
}

// readQuery reads what follows the question mark: options, those under tls, and the scheme, "" when nothing asks for one.
func readQuery(query url.Values) (options, secure map[string]any, scheme string, err error) {
	options, secure = map[string]any{}, map[string]any{}
	for name, values := range query {
		value := values[len(values)-1]
		on := value == "" || value == "true" || value == "1"
		wanted := "https"
		switch name {
		case "tls":
			if !on {
				wanted = "http"
			}
		case "fingerprint", "ca":
			secure[name] = value
		case "insecure", "plain":
			if !on {
				continue
			}
			secure[name] = true
			if name == "plain" {
				wanted = "http"
			}
		default:
			options[name] = value
			continue
		}
		if scheme != "" && scheme != wanted {
			return nil, nil, "", connector.Errorf(connector.Config, "TOW-501", "read address: it asks for https and for http").
				WithHint("Leave out tls=false and plain, or what says how the server is trusted.")
		}
		scheme = wanted
	}
	return options, secure, scheme, nil
}

// usualScheme returns the scheme of an address that names none.
func usualScheme(host string) string {
	if isLoopback((&url.URL{Host: host}).Hostname()) {
		return "http"
	}
	return "https"
}

func errNoHost() error {
	return connector.Errorf(connector.Config, "TOW-501", "read address: it names no host").
		WithHint("Write elasticsearch://host:9200/index.")
}

// isMissing reports whether the server knows no such index or alias.
func isMissing(err error) bool {
	e, ok := errors.AsType[*connector.Error](err)
	return ok && e.Class == connector.Missing
}
