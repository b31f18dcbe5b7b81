package elasticsearch

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/tools/testservers/servers"
)

func contextWithCancel(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}

// guard stands before a real node and lets in who shows the header; the test servers have no security of their own.
func guard(t *testing.T, want string) http.Handler {
	t.Helper()
	u, err := url.Parse(servers.Need(t, "elasticsearch8").URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(u)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != want {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error":{"type":"security_exception","reason":"unable to authenticate"},"status":401}`)
			return
		}
		proxy.ServeHTTP(w, r)
	})
}

func tryOpen(t *testing.T, options map[string]any) error {
	t.Helper()
	raw, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Connector().Open(t.Context(), connector.Connection{Name: "search", Options: raw})
	if err == nil {
		_ = c.Close()
	}
	return err
}

func TestAuthentication(t *testing.T) {
	basic := httptest.NewServer(guard(t, "Basic "+base64.StdEncoding.EncodeToString([]byte("elastic:p:w"))))
	defer basic.Close()
	key := httptest.NewServer(guard(t, "ApiKey aWQ6a2V5"))
	defer key.Close()
	for name, c := range map[string]struct {
		options map[string]any
		class   connector.Class
		ok      bool
	}{
		"user":         {map[string]any{"urls": []string{basic.URL}, "user": "elastic", "password": "p:w"}, 0, true},
		"wrong secret": {map[string]any{"urls": []string{basic.URL}, "user": "elastic", "password": "s3cret-x"}, connector.Denied, false},
		"none":         {map[string]any{"urls": []string{basic.URL}}, connector.Denied, false},
		"key":          {map[string]any{"urls": []string{key.URL}, "api_key": "aWQ6a2V5"}, 0, true},
		"wrong key":    {map[string]any{"urls": []string{key.URL}, "api_key": "s3cret-x"}, connector.Denied, false},
		"both":         {map[string]any{"urls": []string{key.URL}, "api_key": "s3cret-x", "user": "u"}, connector.Config, false},
	} {
		t.Run(name, func(t *testing.T) {
			err := tryOpen(t, c.options)
			if (err == nil) != c.ok || connector.ClassOf(err) != c.class {
				t.Errorf("open: %v, want class %s", err, c.class)
			}
			if err != nil && strings.Contains(err.Error(), "s3cret-x") {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	server := httptest.NewTLSServer(guard(t, ""))
	defer server.Close()
	cert := server.Certificate()
	sum := sha256.Sum256(cert.Raw)
	other := sha256.Sum256([]byte("another"))
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
	colons := strings.ToUpper(hex.EncodeToString(sum[:1])) + ":" + hex.EncodeToString(sum[1:])
	for name, c := range map[string]struct {
		tls map[string]any
		ok  bool
	}{
		"nothing":           {map[string]any{}, false},
		"ca":                {map[string]any{"ca": ca}, true},
		"not a ca":          {map[string]any{"ca": "hello"}, false},
		"fingerprint":       {map[string]any{"fingerprint": hex.EncodeToString(sum[:])}, true},
		"with colons":       {map[string]any{"fingerprint": colons}, true},
		"other fingerprint": {map[string]any{"fingerprint": hex.EncodeToString(other[:])}, false},
		"no fingerprint":    {map[string]any{"fingerprint": "abc"}, false},
		"insecure":          {map[string]any{"insecure": true}, true},
	} {
		t.Run(name, func(t *testing.T) {
			err := tryOpen(t, map[string]any{"urls": []string{server.URL}, "tls": c.tls})
			if (err == nil) != c.ok {
				t.Fatalf("open: %v", err)
			}
			if err != nil && err.(*connector.Error).Code != "TOW-503" {
				t.Errorf("open: %v, want TOW-503", err)
			}
		})
	}
}

// A node that does not answer is passed over, and nobody waits for it on every request.
func TestDeadNode(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	alive := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		fmt.Fprint(w, `{"cluster_uuid":"c","version":{"number":"2.19.1","distribution":"opensearch"}}`)
	}))
	defer alive.Close()
	dead := httptest.NewServer(nil)
	dead.Close()
	c := openClient(t, fmt.Sprintf(`{"urls":[%q,%q]}`, dead.URL, alive.URL)).(*client)
	for range 5 {
		if err := c.get(t.Context(), "/", nil); err != nil {
			t.Fatal(err)
		}
	}
	if !c.server.open || !c.server.unsignedLong || asked.Load() != 6 {
		t.Errorf("server %+v asked %d times", c.server, asked.Load())
	}
	alive.Close()
	err := c.get(t.Context(), "/", nil)
	if connector.ClassOf(err) != connector.Retry {
		t.Errorf("no node left: %v, want class retry", err)
	}
}

func TestGreeting(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body string
		ok   bool
		long bool
	}{
		"old":          {`{"cluster_uuid":"c","version":{"number":"7.10.2"}}`, false, false},
		"7.17":         {`{"cluster_uuid":"c","version":{"number":"7.17.0"}}`, true, false},
		"9":            {`{"cluster_uuid":"c","version":{"number":"9.1.0"}}`, true, false},
		"opensearch 1": {`{"cluster_uuid":"c","version":{"number":"1.3.0","distribution":"opensearch"}}`, true, false},
		"opensearch 3": {`{"cluster_uuid":"c","version":{"number":"3.0.0","distribution":"opensearch"}}`, true, true},
		"something":    {`{"hello":"world"}`, false, false},
		"not json":     {`<html>`, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/" {
					w.WriteHeader(http.StatusForbidden)
					return
				}
				fmt.Fprint(w, c.body)
			}))
			defer s.Close()
			got, err := Connector().Open(t.Context(), connector.Connection{Options: json.RawMessage(fmt.Sprintf(`{"urls":[%q]}`, s.URL))})
			if (err == nil) != c.ok {
				t.Fatalf("open: %v", err)
			}
			if err == nil && got.(*client).server.unsignedLong != c.long {
				t.Errorf("unsigned_long: %t", !c.long)
			}
		})
	}
}

func TestURL(t *testing.T) {
	t.Parallel()
	u, err := url.Parse("opensearch://u:p@es1,es2:9201/orders?tls&insecure")
	if err != nil {
		t.Fatal(err)
	}
	options, dataset, err := fromURL(u)
	if err != nil || dataset != "orders" {
		t.Fatalf("dataset %q, %v", dataset, err)
	}
	got, _ := json.Marshal(options)
	want := `{"password":"p","tls":{"insecure":true},"urls":["https://es1","https://es2:9201"],"user":"u"}`
	if string(got) != want {
		t.Errorf("options %s, want %s", got, want)
	}
	if _, _, err := fromURL(&url.URL{Path: "/x"}); connector.ClassOf(err) != connector.Config {
		t.Errorf("no host: %v", err)
	}
}
