package postgres

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/readtest"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// authority signs certificates of test servers and clients.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

func newKey(t *testing.T) (key *ecdsa.PrivateKey, text string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, _ := newKey(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := x509.ParseCertificate(raw)
	return &authority{cert, key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))}
}

// sign makes a certificate for a server of that name, or a client's.
func (a *authority) sign(t *testing.T, name string) (cert, key string, fingerprint string) {
	t.Helper()
	private, key := newKey(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	raw, err := x509.CreateCertificate(rand.Reader, template, a.cert, &private.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(raw)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})), key, hex.EncodeToString(sum[:])
}

// encrypted turns TLS on at a server of the test's own, with a certificate for db.example, and lets some roles in by ways of their own.
func encrypted(t *testing.T, a *authority) (j *judge, fingerprint string) {
	t.Helper()
	srv := servers.Private(t, "postgres")
	j = judgeAt(t, srv.Server)
	folder := j.rows("SHOW data_directory")[0][0]
	cert, key, fingerprint := a.sign(t, "db.example")
	hba := "hostssl all guarded 127.0.0.1/32 cert clientcert=verify-full\nhost all old 127.0.0.1/32 md5\nhost all plain 127.0.0.1/32 password\n" +
		"hostssl all sealed 127.0.0.1/32 scram-sha-256\nhost all trusted 127.0.0.1/32 trust\nhost all barred 127.0.0.1/32 reject\nhost all all 127.0.0.1/32 scram-sha-256\n"
	for name, text := range map[string]string{"server.crt": cert, "server.key": key, "ca.crt": a.pem, "pg_hba.conf": hba} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	j.exec("SET password_encryption = 'md5'; CREATE ROLE old LOGIN PASSWORD 'pw'; SET password_encryption = 'scram-sha-256'; " +
		"CREATE ROLE plain LOGIN PASSWORD 'pw'; CREATE ROLE sealed LOGIN PASSWORD 'pw'; CREATE ROLE trusted LOGIN; CREATE ROLE barred LOGIN; CREATE ROLE guarded LOGIN; CREATE ROLE \"strange ü\" LOGIN PASSWORD 'pä''\\ ß'")
	for _, setting := range []string{"ssl_cert_file = 'server.crt'", "ssl_key_file = 'server.key'", "ssl_ca_file = 'ca.crt'", "ssl = on"} {
		j.exec("ALTER SYSTEM SET " + setting)
	}
	j.exec("SELECT pg_reload_conf()")
	readtest.WaitFor(j.t, "the server to offer TLS", func() bool {
		c, err := net.Dial("tcp", j.srv.Addr())
		if err != nil {
			return false
		}
		defer c.Close()
		_, _ = c.Write([]byte{0, 0, 0, 8, 4, 210, 22, 47})
		answer := make([]byte, 1)
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		_, _ = c.Read(answer)
		return answer[0] == 'S'
	})
	return j, fingerprint
}

func TestLogin(t *testing.T) {
	t.Parallel()
	a, strange := newAuthority(t), newAuthority(t)
	j, fingerprint := encrypted(t, a)
	cert, key, _ := a.sign(t, "guarded")
	tls := func(pairs ...string) map[string]any {
		m := map[string]any{"mode": "verify"}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	ours := tls("ca", a.pem, "server_name", "db.example")
	for _, c := range []struct {
		name     string
		user     string
		password string
		tls      map[string]any
		ssl      string // whether the session is encrypted, as the server sees it
		code     string
		text     string
	}{
		{"authority and name", "towpath", "towpath", ours, "t", "", ""},
		{"fingerprint", "towpath", "towpath", tls("fingerprint", fingerprint), "t", "", ""},
		{"fingerprint in capitals and colons", "towpath", "towpath", tls("fingerprint", strings.ToUpper(fingerprint[:2]+":"+fingerprint[2:])), "t", "", ""},
		{"auto stays plain on this machine", "towpath", "towpath", map[string]any{"mode": "auto"}, "f", "", ""},
		{"auto with an authority does not", "towpath", "towpath", map[string]any{"mode": "auto", "ca": a.pem, "server_name": "db.example"}, "t", "", ""},
		{"off", "towpath", "towpath", map[string]any{"mode": "off"}, "f", "", ""},
		{"another authority", "towpath", "towpath", tls("ca", strange.pem, "server_name", "db.example"), "", "TOW-704", "the server's certificate does not check: x509: certificate signed by unknown authority"},
		{"no authority", "towpath", "towpath", tls("server_name", "db.example"), "", "TOW-704", "the server's certificate does not check: x509: certificate signed by unknown authority"},
		{"another name", "towpath", "towpath", tls("ca", a.pem), "", "TOW-704", "the server's certificate does not check: x509: "},
		{"another fingerprint", "towpath", "towpath", tls("fingerprint", strings.Repeat("0", 64)), "", "TOW-704", "the server's certificate has another fingerprint: " + fingerprint},
		{"a fingerprint that is none", "towpath", "towpath", tls("fingerprint", "abc"), "", "TOW-704", "a fingerprint is 64 hex digits"},
		{"an authority that is none", "towpath", "towpath", tls("ca", "abc"), "", "TOW-704", "no certificate in PEM form"},
		{"wrong password over TLS", "towpath", "hunter2", ours, "", "TOW-701", `access denied for user "towpath"`},
		{"client's certificate", "guarded", "", tls("ca", a.pem, "server_name", "db.example", "cert", cert, "key", key), "t", "", ""},
		{"client's certificate missing", "guarded", "", ours, "", "TOW-701", "connection requires a valid client certificate (28000)"},
		{"client's key missing", "guarded", "", tls("ca", a.pem, "cert", cert), "", "TOW-704", "certificate and key do not fit"},
		{"md5", "old", "pw", map[string]any{"mode": "off"}, "f", "", ""},
		{"the password itself over TLS", "plain", "pw", ours, "t", "", ""},
		{"the password itself", "plain", "pw", map[string]any{"mode": "off"}, "", "TOW-704", "the server asks for the password in clear text over a connection without TLS"},
		{"the password itself to this machine", "plain", "pw", map[string]any{"mode": "auto"}, "", "TOW-704", "the server asks for the password in clear text over a connection without TLS"},
		{"trust", "trusted", "", map[string]any{"mode": "off"}, "f", "", ""},
		{"rejected", "barred", "", map[string]any{"mode": "off"}, "", "TOW-701", "pg_hba.conf rejects connection"},
		{"only over TLS", "sealed", "pw", ours, "t", "", ""},
		{"name and password of other characters", "strange ü", "pä'\\ ß", ours, "t", "", ""},
	} {
		options := j.options(map[string]any{"user": c.user, "password": c.password, "tls": c.tls})
		client, err := Connector().Open(t.Context(), connector.Connection{Options: options})
		if codeOf(err) != c.code || !strings.Contains(errText(err), c.text) || strings.Contains(errText(err), "hunter2") {
			t.Errorf("%s: got %v (%s), want %q (%s)", c.name, err, codeOf(err), c.text, c.code)
		}
		if err != nil {
			continue
		}
		err = client.(*Client).with(t.Context(), func(s *session) error {
			rows, err := s.query("SELECT ssl, current_user FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
			if err == nil && (rows[0][0].text != c.ssl || rows[0][1].text != c.user) {
				t.Errorf("%s: the server says of TLS %s for %s", c.name, rows[0][0].text, rows[0][1].text)
			}
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		client.Close()
	}
	channelBinding(t, j, a)
	cancelOverTLS(t, j, ours)
}

// channelBinding: SCRAM is bound to the TLS channel, so that nobody in between can hand the login on.
func channelBinding(t *testing.T, j *judge, a *authority) {
	o, err := connector.DecodeOptions[Connection](Connector().Connection, j.options(map[string]any{"tls": map[string]any{"mode": "verify", "ca": a.pem, "server_name": "db.example"}}), "connection")
	if err != nil {
		t.Fatal(err)
	}
	d, err := newDialer(o, new(net.Dialer))
	if err != nil {
		t.Fatal(err)
	}
	if d.config.ChannelBinding != "prefer" {
		t.Errorf("channel binding is %q", d.config.ChannelBinding)
	}
	d.config.ChannelBinding = "require"
	s, err := d.open(t.Context(), reads)
	if err != nil {
		t.Fatalf("with channel binding: %v", err)
	}
	s.Close()
}

// cancelOverTLS: a statement is ended over a connection that is encrypted as well.
func cancelOverTLS(t *testing.T, j *judge, tls map[string]any) {
	c := j.client(map[string]any{"tls": tls})
	ctx, cancel := contextFor(t, time.Second)
	defer cancel()
	err := c.with(ctx, func(s *session) error {
		_, err := s.query("SELECT pg_sleep(60)")
		return err
	})
	if err == nil {
		t.Error("a statement of a minute took a second")
	}
	readtest.WaitFor(j.t, "the statement to end", func() bool {
		return len(j.rows("SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND state = 'active'")) == 0
	})
}
