package elasticsearch

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
)

// server is what the cluster says of itself.
type server struct {
	open         bool // OpenSearch
	major, minor int
	number       string
	cluster      string // the cluster's uuid
	unsignedLong bool   // it has the field type unsigned_long
}

// String names the server for people: OpenSearch 2.19.1.
func (s server) String() string {
	if s.open {
		return "OpenSearch " + s.number
	}
	return "Elasticsearch " + s.number
}

// greet asks the server what it is.
func (c *client) greet(ctx context.Context) error {
	var hello struct {
		ClusterUUID string `json:"cluster_uuid"`
		Version     struct{ Number, Distribution string }
	}
	if err := c.get(ctx, "/", &hello); err != nil {
		return err
	}
	s := server{open: hello.Version.Distribution == "opensearch", number: hello.Version.Number, cluster: hello.ClusterUUID}
	if n, _ := fmt.Sscanf(s.number, "%d.%d", &s.major, &s.minor); n != 2 {
		return connector.Errorf(connector.Config, "TOW-501", "greet server: it is neither Elasticsearch nor OpenSearch").At("urls")
	}
	if !s.open && (s.major < 7 || s.major == 7 && s.minor < 17) {
		return connector.Errorf(connector.Config, "TOW-501", "greet server: %s is older than Elasticsearch 7.17", s).
			WithHint("Elasticsearch from 7.17 and OpenSearch from 1.0 are supported.")
	}
	if s.cluster == "" || s.cluster == "_na_" {
		var state struct {
			ClusterUUID string `json:"cluster_uuid"`
		}
		if err := c.get(ctx, "/_cluster/state/version?filter_path=cluster_uuid", &state); err != nil {
			return err
		}
		s.cluster = state.ClusterUUID
	}
	var err error
	s.unsignedLong, err = c.hasUnsignedLong(ctx, s)
	c.server = s
	return err
}

// hasUnsignedLong finds out whether the type is there: a module of Elasticsearch's default distribution, part of OpenSearch
// from 2.8. Who may not look is taken to lack it: keyword holds the values as well.
func (c *client) hasUnsignedLong(ctx context.Context, s server) (bool, error) {
	if s.open {
		return s.major > 2 || s.major == 2 && s.minor >= 8, nil
	}
	var nodes struct {
		Nodes map[string]struct{ Modules []struct{ Name string } }
	}
	if err := c.get(ctx, "/_nodes/plugins?filter_path=nodes.*.modules.name", &nodes); err != nil || len(nodes.Nodes) == 0 {
		return false, connector.Refusal(err)
	}
	for _, n := range nodes.Nodes {
		if !slices.ContainsFunc(n.Modules, func(m struct{ Name string }) bool {
			return m.Name == "mapper-unsigned-long" || m.Name == "unsigned-long"
		}) {
			return false, nil
		}
	}
	return true, nil
}

func (c *client) get(ctx context.Context, path string, into any) error {
	return c.do(ctx, http.MethodGet, path, nil, into)
}

// do sends body as JSON and reads the answer into into; both may be nil. A status beyond 299 is an error of its class.
func (c *client) do(ctx context.Context, method, path string, body, into any) error {
	var raw []byte
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return fmt.Errorf("encode request %s: %w", path, err)
		}
	}
	r, err := c.nodes.send(ctx, method, path, "application/json", raw)
	if err != nil {
		return err
	}
	where, _, _ := strings.Cut(path, "?")
	doing := strings.ToLower(method) + " " + where
	if r.status > 299 {
		return classify(doing, r.status, readFault(r), r.header)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(r.body, into); err != nil {
		return connector.Errorf(connector.Retry, "TOW-509", "%s: read answer: %w", doing, err)
	}
	return nil
}
