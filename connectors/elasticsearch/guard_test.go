package elasticsearch

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
)

// TestGuardOfNodes: neither a redirect nor a node of the list leads to an address that the guard refuses; nothing is sent there, and it is not
// tried again while other nodes answer.
func TestGuardOfNodes(t *testing.T) {
	t.Parallel()
	inner := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s reached the refused address", r.URL) }))
	defer inner.Close()
	denied := netip.MustParseAddrPort(strings.TrimPrefix(inner.URL, "http://"))
	away := httptest.NewServer(http.RedirectHandler(inner.URL, http.StatusTemporaryRedirect))
	defer away.Close()
	good := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"cluster_uuid":"a","version":{"number":"8.1.0"}}`)
	}))
	defer good.Close()
	for name, c := range map[string]struct {
		urls  []string
		code  string
		class connector.Class
		asked int
	}{
		"redirect":  {[]string{away.URL}, "TOW-501", connector.Config, 0},
		"address":   {[]string{inner.URL}, "TOW-170", connector.Denied, 1},
		"node list": {[]string{good.URL, inner.URL}, "TOW-170", connector.Denied, 1},
	} {
		raw, err := json.Marshal(map[string]any{"urls": c.urls})
		if err != nil {
			t.Fatal(err)
		}
		asked := 0
		_, err = Connector().Open(t.Context(), connector.Connection{Options: raw, Guard: func(a netip.AddrPort) error {
			if a != denied {
				return nil
			}
			asked++
			return errors.New("this address is not connected to")
		}})
		if e, ok := err.(*connector.Error); !ok || e.Code != c.code || e.Class != c.class || asked != c.asked {
			t.Errorf("%s: got %v, asked %d times", name, err, asked)
		}
	}
}

// TestNoProxyBesideGuard: with a guard the proxy of the environment, which would look up names by itself, is not used.
func TestNoProxyBesideGuard(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://192.0.2.1:3128") // is for no address of this machine, so only the transport shows
	for guard, want := range map[bool]bool{false: true, true: false} {
		var reach connector.Connection
		if guard {
			reach.Guard = func(netip.AddrPort) error { return nil }
		}
		transport := newHTTP(defaultConnection(), reach, nil).Transport.(*http.Transport)
		if got := transport.Proxy != nil; got != want {
			t.Errorf("guard %v: proxy %v", guard, got)
		}
		if transport.TLSHandshakeTimeout != time.Duration(defaultConnection().ConnectSeconds)*time.Second {
			t.Errorf("handshakes may take %v", transport.TLSHandshakeTimeout)
		}
	}
}
