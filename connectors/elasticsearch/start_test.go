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
	var status atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/":
			fmt.Fprint(w, `{"cluster_uuid":"c","version":{"number":"8.19.0"}}`)
		case r.URL.Path == "/_cluster/state/blocks" && status.Load() != 0:
			w.WriteHeader(int(status.Load()))
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
	for _, answered := range []int{http.StatusOK, http.StatusForbidden, http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed} {
		status.Store(int32(answered))
		if x, err := c.one(t.Context(), "orders"); x != nil || err != nil {
			t.Errorf("answer %d: %v, %v; want none", answered, x, err)
		}
	}
	status.Store(http.StatusServiceUnavailable)
	if _, err := c.one(t.Context(), "orders"); connector.ClassOf(err) != connector.Retry {
		t.Errorf("unavailable: %v, want class retry", err)
	}
}
