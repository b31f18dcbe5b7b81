package mysql

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/server"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/dial"
)

// authority signs certificates of test servers.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := x509.ParseCertificate(raw)
	return &authority{cert, key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))}
}

func (a *authority) sign(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if name != "localhost" {
		template.IPAddresses = nil
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}
}

// standIn plays the login of a server that no real one here knows; it answers every statement with OK.
type standIn struct{ server.EmptyHandler }

func (standIn) UseDB(string) error { return nil }
func (standIn) HandleQuery(string) (*mysql.Result, error) {
	return &mysql.Result{Status: mysql.SERVER_STATUS_AUTOCOMMIT}, nil
}

// listen serves connections until the test ends and returns the port.
func listen(t *testing.T, serve func(net.Conn)) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				serve(conn)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return l.Addr().(*net.TCPAddr).Port
}

func standInServer(t *testing.T, method string, config *tls.Config) int {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	conf := server.NewServer("8.4.0", mysql.DEFAULT_COLLATION_ID, method, key, config)
	users := server.NewInMemoryAuthenticationHandler(method)
	if err := users.AddUser("app", "s3cret", method); err != nil {
		t.Fatal(err)
	}
	return listen(t, func(conn net.Conn) {
		c, err := conf.NewCustomizedConn(conn, users, standIn{})
		for err == nil {
			err = c.HandleCommand()
		}
	})
}

func (d *dialer) tryOnce(t *testing.T) error {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	s, err := d.open(ctx, reads)
	if err == nil {
		s.Close()
	}
	return err
}

func dialerFor(t *testing.T, port int, password string, o dial.TLS) *dialer {
	t.Helper()
	c := defaultConnection()
	c.Port, c.User, c.Password, c.ConnectSeconds = port, "app", password, 5
	if o.Mode == "" {
		o.Mode = "auto"
	}
	c.TLS = o
	d, err := newDialer(c, new(net.Dialer))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestLogin(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	config := &tls.Config{Certificates: []tls.Certificate{ca.sign(t, "localhost")}, MinVersion: tls.VersionTLS12}
	for _, method := range []string{mysql.AUTH_NATIVE_PASSWORD, mysql.AUTH_CACHING_SHA2_PASSWORD, mysql.AUTH_SHA256_PASSWORD} {
		for _, encrypted := range []bool{false, true} {
			if method == mysql.AUTH_SHA256_PASSWORD && !encrypted {
				continue // the stand-in asks for TLS
			}
			port := standInServer(t, method, config)
			o := dial.TLS{}
			if encrypted {
				o = dial.TLS{Mode: "verify", CA: ca.pem, ServerName: "localhost"}
			}
			if err := dialerFor(t, port, "s3cret", o).tryOnce(t); err != nil {
				t.Errorf("%s, TLS %v: %v", method, encrypted, err)
			}
			err := dialerFor(t, port, "wrong", o).tryOnce(t)
			if connector.ClassOf(err) != connector.Denied || !strings.Contains(err.Error(), `access denied for user "app"`) {
				t.Errorf("%s, TLS %v, wrong password: got %v of class %s", method, encrypted, err, connector.ClassOf(err))
			}
		}
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t), newAuthority(t)
	cert := ca.sign(t, "db1.example.org")
	port := standInServer(t, mysql.AUTH_NATIVE_PASSWORD, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
	sum := sha256.Sum256(cert.Certificate[0])
	fingerprint := hex.EncodeToString(sum[:])
	for _, c := range []struct {
		name string
		tls  dial.TLS
		want string
	}{
		{"CA and name", dial.TLS{CA: ca.pem, ServerName: "db1.example.org"}, ""},
		{"fingerprint", dial.TLS{Fingerprint: fingerprint}, ""},
		{"another fingerprint", dial.TLS{Fingerprint: strings.Repeat("00", 32)}, "the server's certificate has the fingerprint " + fingerprint},
		{"another name", dial.TLS{CA: ca.pem}, "the server's certificate does not check"},
		{"another CA", dial.TLS{CA: other.pem, ServerName: "db1.example.org"}, "the server's certificate does not check"},
		{"the system's CAs", dial.TLS{Mode: "verify"}, "the server's certificate does not check"},
	} {
		err := dialerFor(t, port, "s3cret", c.tls).tryOnce(t)
		if c.want == "" && err == nil {
			continue
		}
		if connector.ClassOf(err) != connector.Config || !strings.Contains(errText(err), c.want) || codeOf(err) != "TOW-404" {
			t.Errorf("%s: got %v of class %s, want %q", c.name, err, connector.ClassOf(err), c.want)
		}
	}
}

// greeting is the first packet of a server that knows mysql_native_password.
func greeting() []byte {
	p := []byte{10}
	p = append(p, "8.4.0\x00"...)
	p = append(p, 1, 0, 0, 0)
	p = append(p, "12345678\x00"...)
	caps := uint32(mysql.CLIENT_PROTOCOL_41 | mysql.CLIENT_SECURE_CONNECTION | mysql.CLIENT_PLUGIN_AUTH | mysql.CLIENT_LOCAL_FILES)
	p = append(p, byte(caps), byte(caps>>8), 45, 2, 0, byte(caps>>16), byte(caps>>24), 21)
	p = append(p, make([]byte, 10)...)
	p = append(p, "123456789012\x00mysql_native_password\x00"...)
	return append([]byte{byte(len(p)), 0, 0, 0}, p...)
}

func packetOf(seq byte, body string) []byte {
	return append([]byte{byte(len(body)), byte(len(body) >> 8), byte(len(body) >> 16), seq}, body...)
}

// readPacket takes one packet of the client.
func readPacket(conn net.Conn) []byte {
	head := make([]byte, 4)
	if _, err := io.ReadFull(conn, head); err != nil {
		return nil
	}
	body := make([]byte, int(head[0])|int(head[1])<<8|int(head[2])<<16)
	_, _ = io.ReadFull(conn, body)
	return body
}

// TestHostileServers: a server gets no file, no password in clear text, and no crash.
func TestHostileServers(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var leaked []string
	note := func(b []byte) {
		mu.Lock()
		defer mu.Unlock()
		if strings.Contains(string(b), "s3cret") || strings.Contains(string(b), "root:") {
			leaked = append(leaked, string(b))
		}
	}
	ok := "\x00\x00\x00\x02\x00\x00\x00"
	for name, serve := range map[string]func(net.Conn){
		"asks for a file": func(c net.Conn) {
			_, _ = c.Write(greeting())
			readPacket(c)
			_, _ = c.Write(packetOf(2, ok))
			readPacket(c)
			_, _ = c.Write(packetOf(1, "\xfb/etc/passwd"))
			note(readPacket(c))
		},
		"asks for the password in clear text, byte by byte": func(c net.Conn) {
			_, _ = c.Write(greeting())
			readPacket(c)
			for _, b := range packetOf(2, "\xfemysql_clear_password\x00") {
				_, _ = c.Write([]byte{b})
			}
			note(readPacket(c))
		},
		"sends an empty packet":  func(c net.Conn) { _, _ = c.Write([]byte{0, 0, 0, 0}) },
		"sends a short greeting": func(c net.Conn) { _, _ = c.Write(packetOf(0, "\x0a8.4")) },
		"speaks HTTP":            func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) },
		"sends a public key that is none": func(c net.Conn) {
			_, _ = c.Write(greeting())
			readPacket(c)
			_, _ = c.Write(packetOf(2, "\xfesha256_password\x0012345678901234567890\x00"))
			readPacket(c)
			_, _ = c.Write(packetOf(4, "\x01not a key"))
			note(readPacket(c))
		},
		"hangs up": func(net.Conn) {},
	} {
		err := dialerFor(t, listen(t, serve), "s3cret", dial.TLS{}).tryOnce(t)
		if err == nil {
			t.Errorf("server that %s: no error", name)
		} else if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("server that %s: the password is in %q", name, err)
		}
		t.Logf("server that %s: %v", name, err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(leaked) > 0 {
		t.Errorf("servers got %q", leaked)
	}
}
