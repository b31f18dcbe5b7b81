package elasticsearch

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/towpath/towpath/connector"
)

// A cluster that has just started knows no index until its state is recovered: that is no index that was removed.
func TestStartingCluster(t *testing.T) {
	var recovered, denied atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/":
			fmt.Fprint(w, `{"cluster_uuid":"c","version":{"number":"8.19.0"}}`)
		case r.URL.Path == "/_cluster/state/blocks" && denied.Load():
			w.WriteHeader(http.StatusForbidden)
		case r.URL.Path == "/_cluster/state/blocks" && recovered.Load():
			fmt.Fprint(w, `{}`)
		case r.URL.Path == "/_cluster/state/blocks":
			fmt.Fprint(w, `{"blocks":{"global":{"1":{"description":"state not recovered / initialized","retryable":true}}}}`)
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error":{"type":"index_not_found_exception","reason":"no such index [orders]"},"status":404}`)
		}
	}))
	t.Cleanup(server.Close)
	c := openClient(t, fmt.Sprintf(`{"urls":[%q]}`, server.URL)).(*client)
	_, err := c.one(t.Context(), "orders")
	if want := "reach cluster: it is starting: state not recovered / initialized"; connector.ClassOf(err) != connector.Retry || err.Error() != want {
		t.Errorf("starting: %v, want %q", err, want)
	}
	for what, flag := range map[string]*atomic.Bool{"recovered": &recovered, "denied": &denied} {
		flag.Store(true)
		if x, err := c.one(t.Context(), "orders"); x != nil || err != nil {
			t.Errorf("%s: %v, %v; want none", what, x, err)
		}
		flag.Store(false)
	}
}
