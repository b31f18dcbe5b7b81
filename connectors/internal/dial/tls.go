package dial

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net"
	"strings"

	"github.com/towpath/towpath/connector"
)

// TLS is how the connection is encrypted and the server checked. Its options are part of a connection's, under tls.
type TLS struct {
	Mode        string `json:"mode" doc:"auto: verified TLS, but plain to this machine itself; verify: verified TLS always; off: plain, readable on the way." enum:"auto,verify,off"`
	CA          string `json:"ca" doc:"PEM text of the certificates that may sign the server's; empty: those of the system."`
	ServerName  string `json:"server_name" doc:"Name that the server's certificate must have; empty: the host."`
	Fingerprint string `json:"fingerprint" doc:"SHA-256 of the server's certificate in hex, instead of a CA; for certificates that servers sign themselves."`
	Cert        string `json:"cert" doc:"PEM text of the client's certificate."`
	Key         string `json:"key" doc:"PEM text of the client certificate's key." secret:"true"`
}

// FingerprintError is a server's certificate that is not the pinned one.
type FingerprintError struct{ Got [sha256.Size]byte }

// Error returns the certificate's fingerprint in words.
func (e *FingerprintError) Error() string {
	return fmt.Sprintf("the server's certificate has the fingerprint %x", e.Got)
}

// Encryption returns the configuration of TLS with any of the servers; nil: connections are plain, and with loopback only to this machine
// itself, as mode auto has it when all addresses are of this machine and nothing says how to check the server.
func Encryption(o TLS, addresses []string, code string) (config *tls.Config, loopback bool, err error) {
	switch {
	case o.Mode == "off":
		return nil, false, nil
	case o.Mode == "auto" && o.CA == "" && o.Fingerprint == "" && o.Cert == "" && allLoopback(addresses):
		return nil, true, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: o.ServerName}
	if o.CA != "" {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM([]byte(o.CA)) {
			return nil, false, connector.Errorf(connector.Config, code, "no certificate in PEM form").At("tls.ca")
		}
	}
	if o.Cert != "" || o.Key != "" {
		pair, err := tls.X509KeyPair([]byte(o.Cert), []byte(o.Key))
		if err != nil {
			return nil, false, connector.Errorf(connector.Config, code, "certificate and key do not fit: %w", err).At("tls.cert")
		}
		c.Certificates = []tls.Certificate{pair}
	}
	if o.Fingerprint != "" {
		want, err := hex.DecodeString(strings.ReplaceAll(o.Fingerprint, ":", ""))
		if err != nil || len(want) != sha256.Size {
			return nil, false, connector.Errorf(connector.Config, code, "a fingerprint is 64 hex digits").At("tls.fingerprint")
		}
		// The pinned certificate stands for chain and name, which VerifyConnection replaces.
		c.InsecureSkipVerify = true
		c.VerifyConnection = func(s tls.ConnectionState) error {
			if got := sha256.Sum256(s.PeerCertificates[0].Raw); !bytes.Equal(got[:], want) {
				return &FingerprintError{got}
			}
			return nil
		}
	}
	return c, false, nil
}

// ConfigFor returns a copy of the configuration for one server, whose certificate must have the host's name unless another is given.
func ConfigFor(c *tls.Config, address string) *tls.Config {
	c = c.Clone()
	if c.ServerName == "" {
		c.ServerName, _, _ = net.SplitHostPort(address)
	}
	return c
}
