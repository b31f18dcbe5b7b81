package elasticsearch

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

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
	for text, want := range map[string]string{
		"opensearch://u:p@es1,es2:9201/orders?tls&insecure": `{"password":"p","tls":{"insecure":true},"urls":["https://es1","https://es2:9201"],"user":"u"}`,
		"elasticsearch://u:p@es1:9200/orders":               `{"password":"p","urls":["https://es1:9200"],"user":"u"}`,
		"elasticsearch://es1/orders?fingerprint=ab":         `{"tls":{"fingerprint":"ab"},"urls":["https://es1"]}`,
		"elasticsearch://es1/orders?tls=false":              `{"urls":["http://es1"]}`,
		"elasticsearch://u@es1/orders?plain":                `{"tls":{"plain":true},"urls":["http://es1"],"user":"u"}`,
		"elasticsearch://127.0.0.1:9200/orders":             `{"urls":["http://127.0.0.1:9200"]}`,
		"elasticsearch://localhost/orders?tls":              `{"urls":["https://localhost"]}`,
		"elasticsearch://[::1]:9200/orders":                 `{"urls":["http://[::1]:9200"]}`,
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		options, dataset, err := fromURL(u)
		if err != nil || dataset != "orders" {
			t.Fatalf("%s: dataset %q, %v", text, dataset, err)
		}
		if got, _ := json.Marshal(options); string(got) != want {
			t.Errorf("%s: options %s, want %s", text, got, want)
		}
	}
	if _, _, err := fromURL(&url.URL{Path: "/x"}); connector.ClassOf(err) != connector.Config {
		t.Errorf("no host: %v", err)
	}
	u, err := url.Parse("elasticsearch://es1/x?plain&tls")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := fromURL(u); connector.ClassOf(err) != connector.Config {
		t.Errorf("plain and tls: %v, want class config", err)
	}
}

// A secret goes over http to this machine only, unless the job says that it may.
func TestPlainSecrets(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		o     Connection
		code  string
		noted bool
	}{
		"user":           {Connection{URLs: []string{"https://es1:9200", "http://es2:9200"}, User: "u", Password: "s3cret-x"}, "TOW-501", false},
		"key":            {Connection{URLs: []string{"http://10.1.2.3"}, APIKey: "s3cret-x"}, "TOW-501", false},
		"allowed":        {Connection{URLs: []string{"http://es1:9200"}, User: "u", Password: "s3cret-x", TLS: TLS{Plain: true}}, "", true},
		"nothing secret": {Connection{URLs: []string{"http://es1:9200"}}, "", false},
		"this machine":   {Connection{URLs: []string{"http://127.0.0.1:9200", "http://localhost", "http://[::1]:9200"}, User: "u"}, "", false},
		"encrypted":      {Connection{URLs: []string{"https://es1:9200"}, User: "u", TLS: TLS{Plain: true}}, "", false},
	} {
		n, err := newNodes(c.o, connector.Connection{})
		if e, ok := err.(*connector.Error); (err == nil) != (c.code == "") || ok && e.Code != c.code {
			t.Errorf("%s: %v, want %q", what, err, c.code)
			continue
		}
		if err != nil {
			if strings.Contains(err.Error(), "s3cret-x") {
				t.Errorf("%s: the error shows the secret: %v", what, err)
			}
			continue
		}
		if got := len(n.notes(c.o)) > 0; got != c.noted {
			t.Errorf("%s: noted %t, want %t", what, got, c.noted)
		}
	}
}

// authority signs a server's certificate for the names and addresses; it returns both, the server's first, and the server's key.
func authority(t *testing.T, names []string, addresses []net.IP) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "node"}, NotAfter: time.Now().Add(time.Hour), DNSNames: names, IPAddresses: addresses}
	var chain tls.Certificate
	for _, c := range []*x509.Certificate{leaf, root} {
		der, err := x509.CreateCertificate(rand.Reader, c, root, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		chain.Certificate = append(chain.Certificate, der)
	}
	chain.PrivateKey = key
	return chain
}

// The fingerprint of an authority does not stand in for the host's name, also where the host is an address.
func TestFingerprintChecksHost(t *testing.T) {
	for what, c := range map[string]struct {
		names     []string
		addresses []net.IP
		of        int // place in the chain
		ok        bool
	}{
		"authority, another host": {[]string{"es.example.org"}, nil, 1, false},
		"authority, this address": {nil, []net.IP{net.IPv4(127, 0, 0, 1)}, 1, true},
		"the server's own":        {[]string{"es.example.org"}, nil, 0, true},
	} {
		t.Run(what, func(t *testing.T) {
			chain := authority(t, c.names, c.addresses)
			server := httptest.NewUnstartedServer(&script{})
			server.TLS = &tls.Config{Certificates: []tls.Certificate{chain}}
			server.StartTLS()
			defer server.Close()
			sum := sha256.Sum256(chain.Certificate[c.of])
			err := tryOpen(t, map[string]any{"urls": []string{server.URL}, "tls": map[string]any{"fingerprint": hex.EncodeToString(sum[:])}})
			if (err == nil) != c.ok {
				t.Errorf("open: %v, want ok %t", err, c.ok)
			}
		})
	}
}
