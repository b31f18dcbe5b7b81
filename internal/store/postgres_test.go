package store_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/store"
)

// listen is a server of one answer: it speaks TLS with a certificate, if there is one, asks for the password in clear text, and notes what it is sent.
func listen(t *testing.T, certificate *tls.Certificate) (address string, heard func() []byte) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	all := make(chan []byte, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		var got bytes.Buffer
		defer func() { all <- got.Bytes() }()
		read := func() bool { // a message with its length before it
			head := make([]byte, 4)
			if _, err := io.ReadFull(conn, head); err != nil {
				return false
			}
			body := make([]byte, binary.BigEndian.Uint32(head)-4)
			_, err := io.ReadFull(conn, body)
			got.Write(body)
			return err == nil
		}
		if certificate != nil {
			if !read() {
				return
			}
			_, _ = conn.Write([]byte("S"))
			conn = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{*certificate}})
		}
		if !read() {
			return
		}
		if strings.Contains(got.String(), "\x04\xd2\x16\x2f") && certificate == nil { // it wants TLS
			_, _ = conn.Write([]byte("N"))
			return
		}
		_, _ = conn.Write([]byte("R\x00\x00\x00\x08\x00\x00\x00\x03")) // AuthenticationCleartextPassword
		answer := make([]byte, 64)
		n, _ := conn.Read(answer)
		got.Write(answer[:n])
	}()
	return l.Addr().String(), func() []byte { return <-all }
}

// certified makes a certificate of its own authority, and the file of that.
func certified(t *testing.T, host string) (*tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	if ip := net.ParseIP(host); ip != nil {
		form.IPAddresses = []net.IP{ip}
	} else {
		form.DNSNames = []string{host}
	}
	raw, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}, path
}

// The password goes to a server that has shown a certificate of its own name by a trusted authority, and never over a line that others can read.
func TestPasswordIsKept(t *testing.T) {
	t.Parallel()
	own, ownCA := certified(t, "127.0.0.1")
	other, otherCA := certified(t, "db.example")
	for name, c := range map[string]struct {
		certificate *tls.Certificate
		ca          string
		sent        bool
		class       connector.Class
		code        string
	}{
		"trusted":         {own, ownCA, true, connector.Retry, "TOW-224"}, // it hangs up behind the password
		"other authority": {own, otherCA, false, connector.Config, "TOW-203"},
		"other name":      {other, otherCA, false, connector.Config, "TOW-203"},
		"no TLS there":    {nil, ownCA, false, connector.Retry, "TOW-224"},
		"clear text":      {nil, "", false, connector.Retry, "TOW-224"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, heard := listen(t, c.certificate)
			place := "postgres://towpath@" + address + "/control"
			if c.ca != "" {
				place += "?ca=" + c.ca
			}
			_, err := store.Open(t.Context(), place, store.Options{Password: "s3cret"})
			wantError(t, err, c.class, c.code, "control database")
			if sent := bytes.Contains(heard(), []byte("s3cret")); sent != c.sent {
				t.Errorf("the password was sent: %v, want %v; %v", sent, c.sent, err)
			}
		})
	}
}
