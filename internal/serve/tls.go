package serve

import (
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
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/towpath/towpath/connector"
)

// TLS says how the server proves who it is. The zero TLS is plain HTTP.
type TLS struct {
	Cert, Key string   // PEM files
	Folder    string   // where a certificate that the server makes itself is kept; "": it makes none
	Names     []string // host names and addresses that such a certificate is for, beside those of this machine
}

// ownLasts is how long a certificate holds that the server made itself; it is made anew when less than a month is left.
const (
	ownLasts  = 365 * 24 * time.Hour
	ownRenews = 30 * 24 * time.Hour
)

// load returns the server's side of TLS, nil for plain HTTP, and the SHA-256 fingerprint of a certificate that the server made itself.
func (t TLS) load() (*tls.Config, string, error) {
	switch {
	case t.Cert != "" || t.Key != "":
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, "", connector.Errorf(connector.Config, "TOW-923", "read certificate %s and key %s: %w", t.Cert, t.Key, err)
		}
		return configOf(pair), "", nil
	case t.Folder == "":
		return nil, "", nil
	}
	pair, err := t.own()
	if err != nil {
		return nil, "", connector.Errorf(connector.Config, "TOW-924", "make a certificate in %s: %w", t.Folder, err)
	}
	return configOf(pair), fingerprint(pair.Certificate[0]), nil
}

func configOf(pair tls.Certificate) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"}}
}

// fingerprint is the SHA-256 of a certificate as browsers show it.
func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	parts := make([]string, len(sum))
	for i, b := range sum {
		parts[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(parts, ":")
}

// own returns the certificate of the folder, which is made where there is none, it ends soon, or is for other names.
func (t TLS) own() (tls.Certificate, error) {
	file := filepath.Join(t.Folder, "server.pem")
	pair, err := tls.LoadX509KeyPair(file, file)
	if err == nil && time.Until(pair.Leaf.NotAfter) > ownRenews && t.named(pair.Leaf) {
		return pair, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return pair, err
	}
	text, err := t.make(time.Now())
	if err != nil {
		return pair, err
	}
	if err := os.WriteFile(file+".new", text, 0o600); err != nil {
		return pair, err
	}
	if err := os.Rename(file+".new", file); err != nil {
		return pair, err
	}
	return tls.X509KeyPair(text, text)
}

// named reports whether a certificate is for all the names.
func (t TLS) named(cert *x509.Certificate) bool {
	return !slices.ContainsFunc(t.Names, func(name string) bool { return cert.VerifyHostname(name) != nil })
}

// make makes a certificate and its key.
func (t TLS) make(now time.Time) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	cert := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: "towpath"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(ownLasts),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true}
	names := append([]string{"localhost", "127.0.0.1", "::1"}, t.Names...)
	if host, err := os.Hostname(); err == nil {
		names = append(names, host)
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			cert.IPAddresses = append(cert.IPAddresses, ip)
		} else {
			cert.DNSNames = append(cert.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		return nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...), nil
}
