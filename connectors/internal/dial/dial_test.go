package dial_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/dial"
)

const code = "TOW-999"

// is tells whether err is of the class and code and says what is wanted.
func is(err error, class connector.Class, at, text string) bool {
	e, ok := errors.AsType[*connector.Error](err)
	return ok && e.Class == class && e.Code == code && e.Path == at && strings.Contains(e.Error(), text)
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want []string }{
		{[]string{"db1", "db2:3307", "[::1]", "[::1]:3307", "::1"}, []string{"db1:3306", "db2:3307", "[::1]:3306", "[::1]:3307", "[::1]:3306"}},
		{[]string{"db1:0"}, nil},
		{[]string{"db1:65536"}, nil},
		{[]string{"db1:mysql"}, nil},
		{[]string{"db1", ""}, nil},
		{[]string{":3306"}, nil},
		{[]string{"/run/db.sock"}, nil},
		{[]string{"db1,db2"}, nil},
		{[]string{"user@db1"}, nil},
	} {
		got, err := dial.Addresses(c.in, 3306, code)
		if !slices.Equal(got, c.want) || (err != nil) != (c.want == nil) || err != nil && !is(err, connector.Config, "hosts", "is no host:port") {
			t.Errorf("%q: got %q, %v", c.in, got, err)
		}
	}
}

func TestURL(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want, text string }{
		{"x://shop:p%40ss@db1:3307/orders", "map[host:db1 password:p@ss port:3307 user:shop]", ""},
		{"x://shop@[::1]/orders", "map[host:::1 user:shop]", ""},
		{"x:///orders", "map[]", ""},
		{"x://db1/orders?a=b", "", "a x URL takes no ? and no #"},
		{"x://db1/orders#a", "", "a x URL takes no ? and no #"},
		{"x:orders", "", "a x URL takes no ? and no #"},
	} {
		u, err := url.Parse(c.in)
		if err != nil {
			t.Fatal(err)
		}
		got, err := dial.URL(u, "host", code)
		if c.text != "" && !is(err, connector.Config, "", c.text) || c.text == "" && (err != nil || fmt.Sprint(got) != c.want) {
			t.Errorf("%s: got %v, %v, want %s %s", c.in, got, err, c.want, c.text)
		}
	}
}

func TestModes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		hosts    []string
		tls      dial.TLS
		plain    bool
		loopback bool
	}{
		{[]string{"127.0.0.1:1"}, dial.TLS{Mode: "auto"}, true, true},
		{[]string{"localhost:1", "[::1]:3307"}, dial.TLS{Mode: "auto"}, true, true},
		{[]string{"db1:1"}, dial.TLS{Mode: "auto"}, false, false},
		{[]string{"127.0.0.1:1", "db1:1"}, dial.TLS{Mode: "auto"}, false, false},
		{[]string{"127.0.0.1.example.org:1"}, dial.TLS{Mode: "auto"}, false, false},
		{[]string{"127.0.0.1:1"}, dial.TLS{Mode: "auto", Fingerprint: strings.Repeat("00", 32)}, false, false},
		{[]string{"127.0.0.1:1"}, dial.TLS{Mode: "verify"}, false, false},
		{[]string{"db1:1"}, dial.TLS{Mode: "off"}, true, false},
	} {
		config, loopback, err := dial.Encryption(c.tls, c.hosts, code)
		if err != nil {
			t.Fatal(err)
		}
		pinned := c.tls.Fingerprint != ""
		if config == nil != c.plain || loopback != c.loopback || config != nil && (config.InsecureSkipVerify != pinned || config.MinVersion < tls.VersionTLS12) {
			t.Errorf("%v %s: got plain %v, loopback only %v", c.hosts, c.tls.Mode, config == nil, loopback)
		}
	}
	for _, c := range []struct {
		tls      dial.TLS
		at, text string
	}{
		{dial.TLS{CA: "x"}, "tls.ca", "no certificate in PEM form"},
		{dial.TLS{Cert: "x"}, "tls.cert", "certificate and key do not fit: "},
		{dial.TLS{Key: "x"}, "tls.cert", "certificate and key do not fit: "},
		{dial.TLS{Fingerprint: "abc"}, "tls.fingerprint", "a fingerprint is 64 hex digits"},
		{dial.TLS{Fingerprint: strings.Repeat("0", 62)}, "tls.fingerprint", "a fingerprint is 64 hex digits"},
	} {
		if _, _, err := dial.Encryption(c.tls, nil, code); !is(err, connector.Config, c.at, c.text) {
			t.Errorf("%+v: got %v", c.tls, err)
		}
	}
}

// TestHandshakes: what the options say about the server's certificate is what the handshake checks.
func TestHandshakes(t *testing.T) {
	t.Parallel()
	cert, ca := selfSigned(t, "db.example")
	_, other := selfSigned(t, "db.example")
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.(*tls.Conn).HandshakeContext(t.Context()) // how it ends the client says
			c.Close()
		}
	}()
	address := l.Addr().String()
	pin := fmt.Sprintf("%x", sha256.Sum256(cert.Certificate[0]))
	for _, c := range []struct {
		name     string
		tls      dial.TLS
		at, text string // "": it succeeds
	}{
		{"CA and name", dial.TLS{CA: ca, ServerName: "db.example"}, "", ""},
		{"fingerprint", dial.TLS{Fingerprint: pin}, "", ""},
		{"fingerprint in capitals and colons", dial.TLS{Fingerprint: strings.ToUpper(pin[:2] + ":" + pin[2:])}, "", ""},
		{"the host for a name", dial.TLS{CA: ca}, "tls", "open: the server's certificate does not check: cause"},
		{"another CA", dial.TLS{CA: other, ServerName: "db.example"}, "tls", "open: the server's certificate does not check: cause"},
		{"another fingerprint", dial.TLS{Fingerprint: strings.Repeat("00", 32)}, "", "the server's certificate has the fingerprint " + pin},
	} {
		config, _, err := dial.Encryption(c.tls, []string{address}, code)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := dial.Dial(new(net.Dialer), true)(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		err = tls.Client(plain, dial.ConfigFor(config, address)).HandshakeContext(t.Context())
		plain.Close()
		switch known := dial.TLSError("open", err, "cause", code); {
		case c.text == "":
			if err != nil {
				t.Errorf("%s: got %v", c.name, err)
			}
		case c.at != "":
			if !is(known, connector.Config, c.at, c.text) {
				t.Errorf("%s: got %v for %v", c.name, known, err)
			}
		default:
			if _, ok := errors.AsType[*dial.FingerprintError](err); !ok || err.Error() != c.text || known != nil {
				t.Errorf("%s: got %v, %v", c.name, err, known)
			}
		}
	}
}

// selfSigned returns a certificate for the name, and its PEM text.
func selfSigned(t *testing.T, name string) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))
}

// TestOnlyThisMachine: a name that stands for another machine is not connected to, whatever it looks like.
func TestOnlyThisMachine(t *testing.T) {
	t.Parallel()
	if _, err := dial.Dial(new(net.Dialer), true)(t.Context(), "tcp", "192.0.2.1:3306"); !errors.Is(err, dial.ErrNotLoopback) {
		t.Errorf("got %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := dial.Dial(new(net.Dialer), true)(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if _, err := dial.Dial(new(net.Dialer), true)(t.Context(), "tcp", "[::1]:1"); err == nil || errors.Is(err, dial.ErrNotLoopback) {
		t.Errorf("this machine itself, by its other address: got %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := dial.Dial(new(net.Dialer), false)(ctx, "tcp", "192.0.2.1:3306"); errors.Is(err, dial.ErrNotLoopback) {
		t.Error("every connection refuses other machines")
	}
}

func TestErrorsOnTheWay(t *testing.T) {
	t.Parallel()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free.Close()
	_, refused := dial.Dial(new(net.Dialer), true)(t.Context(), "tcp", free.Addr().String())
	if out := dial.SilenceError(t.Context(), "open", refused, 3, code); !is(out, connector.Retry, "", "open: connection refused") {
		t.Errorf("got %v for %v", out, refused)
	}
	late, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	if out := dial.SilenceError(late, "open", errors.New("any"), 3, code); !is(out, connector.Retry, "", "open: no answer in 3 s") {
		t.Errorf("got %v", out)
	}
	other := errors.New("any")
	if out := dial.SilenceError(t.Context(), "open", other, 3, code); out != nil {
		t.Errorf("got %v", out)
	}
	if out := dial.NameError("open", other, code); out != nil {
		t.Errorf("got %v", out)
	}
	for found, class := range map[bool]connector.Class{true: connector.Config, false: connector.Retry} {
		err := fmt.Errorf("dial: %w", &net.DNSError{Name: "db1", IsNotFound: found})
		if out := dial.NameError("open", err, code); !is(out, class, "host", `open: no address for "db1"`) {
			t.Errorf("got %v", out)
		}
	}
}
