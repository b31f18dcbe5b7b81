package elasticsearch

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/record"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// warden stands before a server, none of which has security here, and lets through what the roles it was given allow by
// https://www.elastic.co/docs/reference/elasticsearch/security-privileges.
type warden struct {
	t     *testing.T
	next  http.Handler
	mu    sync.Mutex
	roles []role
}

// needs is the privilege that a request needs: the cluster's where names is nil.
func needs(r *http.Request, body []byte) (privilege string, names []string) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch parts[0] {
	case "", "_nodes", "_cluster":
		return "monitor", nil
	case "_resolve":
		return "view_index_metadata", parts[2:]
	case "_aliases":
		var list struct {
			Actions []map[string]struct{ Index, Alias string }
		}
		if json.Unmarshal(body, &list) != nil {
			return "unknown", nil
		}
		for _, actions := range list.Actions {
			for _, a := range actions {
				names = append(names, a.Index)
				if a.Alias != "" {
					names = append(names, a.Alias)
				}
			}
		}
		return "manage", names
	}
	names = strings.Split(parts[0], ",")
	on := r.Method + " " + strings.Join(parts[1:], "/")
	return map[string]string{"GET ": "view_index_metadata", "HEAD ": "view_index_metadata", "PUT ": "create_index", "DELETE ": "delete_index", "PUT _mapping": "manage", "PUT _settings": "manage",
		"POST _refresh": "manage", "GET _stats/docs": "manage", "POST _bulk": "write", "POST _count": "read", "POST _search": "read", "POST _mget": "read"}[on], names
}

func (w *warden) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	privilege, names := needs(r, body)
	w.mu.Lock()
	allowed := privilege != "" && names == nil && slices.ContainsFunc(w.roles, func(o role) bool { return slices.Contains(o.Cluster, privilege) })
	for _, name := range names {
		// A pattern stands for those indices that the account may ask for so.
		allowed = r.Method == http.MethodGet && strings.Contains(name, "*") || slices.ContainsFunc(w.roles, func(o role) bool {
			return slices.Contains(o.Indices[0].Privileges, privilege) && slices.ContainsFunc(o.Indices[0].Names, func(pattern string) bool {
				ok, _ := path.Match(pattern, name)
				return ok
			})
		})
		if !allowed {
			break
		}
	}
	w.mu.Unlock()
	if privilege == "" {
		w.t.Errorf("%s %s needs a privilege that this test does not know", r.Method, r.URL.Path)
	}
	if !allowed {
		out.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(out, `{"error":{"type":"security_exception","reason":"action is unauthorized"},"status":403}`)
		return
	}
	w.next.ServeHTTP(out, r)
}

func (w *warden) grant(u connector.Use) {
	text, err := Connector().Grants(nil, u)
	if err != nil {
		w.t.Fatal(err)
	}
	var o role
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	w.roles = append(w.roles, o)
	w.mu.Unlock()
}

// TestGrants: no request of a run goes beyond the role that is given for its targets alone.
func TestGrants(t *testing.T) {
	s := &search{base: servers.Need(t, "elasticsearch8").URL}
	u, err := url.Parse(s.base)
	if err != nil {
		t.Fatal(err)
	}
	w := &warden{t: t, next: httputil.NewSingleHostReverseProxy(u)}
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	connection := json.RawMessage(`{"urls":["` + server.URL + `"]}`)
	if _, err := Connector().Open(t.Context(), connector.Connection{Options: connection}); connector.ClassOf(err) != connector.Denied {
		t.Errorf("without a role: got %v", err)
	}
	w.grant(connector.Use{Datasets: []string{"other"}, Write: true})
	c, err := Connector().Open(t.Context(), connector.Connection{Options: connection})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := Connector().Count(t.Context(), c, "closed", ""); connector.ClassOf(err) != connector.Denied {
		t.Errorf("another index: got %v", err)
	}
	connectortest.Run(t, connectortest.Suite{
		Connector:  Connector(),
		Connection: func(connectortest.TB) json.RawMessage { return connection },
		NewName: func(tb connectortest.TB) string {
			name := s.newName(tb)
			w.grant(connector.Use{Datasets: []string{name}, Write: true})
			return name
		},
		ReadBack: func(tb connectortest.TB, dataset string, schema *record.Schema) []connectortest.Row {
			return s.readBack(tb, dataset, schema)
		},
		Modes: []connector.Mode{connector.Upsert, connector.Insert, connector.Replace},
		Fence: connectortest.Outranks,
	})
}

func TestRole(t *testing.T) {
	t.Parallel()
	got, err := Connector().Grants(json.RawMessage(`{"urls":["https://es1"],"api_key":"s3cret"}`), connector.Use{Datasets: []string{"orders", "log_*"}, Write: true})
	want := `{
  "cluster": [
    "monitor"
  ],
  "indices": [
    {
      "names": [
        "orders",
        "orders__tw_*",
        "log_*",
        "log_*__tw_*"
      ],
      "privileges": [
        "create_index",
        "delete_index",
        "manage",
        "read",
        "view_index_metadata",
        "write"
      ]
    }
  ]
}
`
	if got != want || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
	for _, name := range []string{"/.*/", ".security", `a","b`, "A", "a,b", "a?"} {
		if got, err := Connector().Grants(nil, connector.Use{Datasets: []string{name}, Write: true}); connector.ClassOf(err) != connector.Config {
			t.Errorf("%s: got %s, %v", name, got, err)
		}
	}
	if _, err := Connector().Grants(nil, connector.Use{}); connector.ClassOf(err) != connector.Config {
		t.Errorf("reading: got %v", err)
	}
}
