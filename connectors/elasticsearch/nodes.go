package elasticsearch

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/towpath/towpath/connector"
)

// deadFor is how long a node that did not answer is left out while others do.
const deadFor = 15 * time.Second

// maxAnswer bounds an answer; the largest are those of a bulk request in which every row failed.
const maxAnswer = 256 << 20

// nodes are the addresses of one cluster: asked in turn, those that do not answer left out for a while.
type nodes struct {
	auth    string // value of the Authorization header; "" for none
	answer  time.Duration
	exposed bool // auth goes unencrypted to another machine

	mu   sync.Mutex
	list []node
	next int
}

type node struct {
	base string       // scheme, host and path prefix, without a slash at its end
	http *http.Client // of its own: trust may depend on the host
	dead time.Time
}

// reply is a whole answer.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func newNodes(o Connection, reach connector.Connection) (*nodes, error) {
	n := &nodes{answer: time.Duration(o.AnswerSeconds) * time.Second}
	switch {
	case o.APIKey != "" && (o.User != "" || o.Password != ""):
		return nil, connector.Errorf(connector.Config, "TOW-501", "choose authentication: both an API key and a user are given").At("api_key")
	case o.APIKey != "":
		n.auth = "ApiKey " + o.APIKey
	case o.User != "":
		n.auth = "Basic " + base64.StdEncoding.EncodeToString([]byte(o.User+":"+o.Password))
	}
	for _, text := range o.URLs {
		u, err := readAddress(text)
		if err != nil {
			return nil, err
		}
		if n.auth != "" && u.Scheme == "http" && !isLoopback(u.Hostname()) {
			if !o.TLS.Plain {
				return nil, connector.Errorf(connector.Config, "TOW-501", "read address: user or API key would go to %s unencrypted", u.Host).At("urls").
					WithHint("Write https://, or accept that whoever sits between can read them: tls: {plain: true}.")
			}
			n.exposed = true
		}
		trust, err := o.TLS.config(u.Hostname())
		if err != nil {
			return nil, err
		}
		n.list = append(n.list, node{base: u.Scheme + "://" + u.Host + strings.TrimSuffix(u.EscapedPath(), "/"), http: newHTTP(o, reach, trust)})
	}
	if len(n.list) == 0 {
		return nil, connector.Errorf(connector.Config, "TOW-501", "read addresses: there are none").At("urls")
	}
	return n, nil
}

// notes returns what every plan made over the connection says of it.
func (n *nodes) notes(o Connection) []string {
	var out []string
	if o.TLS.Insecure {
		out = append(out, "the connection is encrypted but takes any certificate (tls.insecure)")
	}
	if n.exposed {
		out = append(out, "user or API key and all rows go over the network unencrypted (tls.plain)")
	}
	return out
}

// readAddress reads the address of a node.
func readAddress(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, connector.Errorf(connector.Config, "TOW-501", "read address: it is not of the form http://host:9200 or https://host:9200").At("urls")
	}
	if u.User != nil {
		return nil, connector.Errorf(connector.Config, "TOW-501", "read address: it holds a user").At("urls").
			WithHint("Give user and password as options of their own.")
	}
	if u.Port() == "" {
		u.Host += ":9200"
	}
	return u, nil
}

// isLoopback reports whether what is sent to the host stays on this machine.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func newHTTP(o Connection, reach connector.Connection, trust *tls.Config) *http.Client {
	wait := time.Duration(o.ConnectSeconds) * time.Second
	by, proxy := reach.Dialer(), http.ProxyFromEnvironment
	by.Timeout, by.KeepAlive = wait, 30*time.Second
	if reach.Guard != nil {
		proxy = nil // it would connect to addresses that the guard never sees
	}
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                 proxy,
			DialContext:           by.DialContext,
			TLSClientConfig:       trust,
			TLSHandshakeTimeout:   wait,
			MaxIdleConnsPerHost:   32,
			IdleConnTimeout:       time.Minute,
			DisableCompression:    true,
			ExpectContinueTimeout: time.Second,
			WriteBufferSize:       64 << 10,
			ReadBufferSize:        64 << 10,
		},
		// A redirect would carry rows and credentials to an address that nobody named.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// config makes the trust of an https address.
func (t TLS) config(host string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CA != "" {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM([]byte(t.CA)) {
			return nil, connector.Errorf(connector.Config, "TOW-503", "read certificates: no PEM certificate found").At("tls.ca").
				WithHint("Give the certificate itself, or ${file:/path/ca.pem}.")
		}
	}
	if t.Fingerprint != "" {
		want, err := hex.DecodeString(strings.ReplaceAll(t.Fingerprint, ":", ""))
		if err != nil || len(want) != sha256.Size {
			return nil, connector.Errorf(connector.Config, "TOW-503", "read fingerprint: it is not a SHA-256 in hex").At("tls.fingerprint")
		}
		// The fingerprint replaces the system's authorities, as in Elastic's own clients.
		c.InsecureSkipVerify = true
		c.VerifyConnection = func(s tls.ConnectionState) error { return verifyFingerprint(s, want, host) }
	} else if t.Insecure {
		c.InsecureSkipVerify = true
	}
	return c, nil
}

// verifyFingerprint takes a server whose own certificate has the fingerprint, or whose certificate is signed by the one that
// has it and is made out to the host, a name or an IP address: a foreign certificate that is merely shown along proves nothing.
func verifyFingerprint(s tls.ConnectionState, want []byte, host string) error {
	for i, cert := range s.PeerCertificates {
		got := sha256.Sum256(cert.Raw)
		if subtle.ConstantTimeCompare(got[:], want) != 1 {
			continue
		}
		if i == 0 {
			return nil
		}
		roots, between := x509.NewCertPool(), x509.NewCertPool()
		roots.AddCert(cert)
		for _, c := range s.PeerCertificates[1:] {
			between.AddCert(c)
		}
		if _, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, DNSName: host}); err == nil {
			return nil
		}
	}
	return errFingerprint
}

var errFingerprint = errors.New("the server shows another certificate than the fingerprint names")

// pick returns the place of the node to ask: the next living one, or the one that has been dead longest.
func (n *nodes) pick(now time.Time) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	best := n.next
	for i := range n.list {
		at := (n.next + i) % len(n.list)
		if !n.list[at].dead.After(now) {
			best = at
			break
		}
		if n.list[at].dead.Before(n.list[best].dead) {
			best = at
		}
	}
	n.next = (best + 1) % len(n.list)
	return best
}

func (n *nodes) mark(at int, dead time.Time) {
	n.mu.Lock()
	n.list[at].dead = dead
	n.mu.Unlock()
}

// send asks one node after the other until one answers. Every request of this package can be repeated: writes carry their
// ids and versions.
func (n *nodes) send(ctx context.Context, method, path, kind string, body []byte) (reply, error) {
	var last error
	for range n.list {
		at := n.pick(time.Now())
		r, err := n.ask(ctx, at, method, path, kind, body)
		if err == nil {
			n.mark(at, time.Time{})
			return r, nil
		}
		if ctx.Err() != nil {
			return reply{}, context.Cause(ctx)
		}
		if e := cmp.Or(connector.Refusal(err), trustError(err)); e != nil {
			return reply{}, e
		}
		n.mark(at, time.Now().Add(deadFor))
		last = err
	}
	return reply{}, connector.Errorf(connector.Retry, "TOW-500", "reach cluster: %w", last).
		WithHint("Check that a node listens at the addresses under urls.")
}

func (n *nodes) ask(ctx context.Context, at int, method, path, kind string, body []byte) (reply, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, n.answer, errors.New("no answer within the time that the connection's option answer_seconds gives"))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, n.list[at].base+path, bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	if body != nil {
		req.Header.Set("Content-Type", kind)
	}
	req.Header.Set("Accept", "application/json")
	if n.auth != "" {
		req.Header.Set("Authorization", n.auth)
	}
	resp, err := n.list[at].http.Do(req)
	if err != nil {
		return reply{}, timeoutCause(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	buf := new(bytes.Buffer)
	if resp.ContentLength > 0 {
		buf.Grow(int(min(resp.ContentLength, maxAnswer)) + bytes.MinRead)
	}
	if _, err := buf.ReadFrom(io.LimitReader(resp.Body, maxAnswer)); err != nil {
		return reply{}, timeoutCause(ctx, err)
	}
	return reply{status: resp.StatusCode, header: resp.Header, body: buf.Bytes()}, nil
}

// timeoutCause names our own deadline in place of the library's "context deadline exceeded".
func timeoutCause(ctx context.Context, err error) error {
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (n *nodes) close() {
	for i := range n.list {
		n.list[i].http.CloseIdleConnections()
	}
}
