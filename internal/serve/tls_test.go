package serve

import (
	"crypto/tls"
	"crypto/x509"
	"testing"
)

// TestOwnCertificate: one that the server made stays as long as it is for the names that are asked for.
func TestOwnCertificate(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	load := func(names ...string) (*x509.Certificate, string) {
		t.Helper()
		config, fingerprint, err := TLS{Folder: folder, Names: names}.load()
		if err != nil || config.MinVersion != tls.VersionTLS12 {
			t.Fatal(config, err)
		}
		return config.Certificates[0].Leaf, fingerprint
	}
	cert, first := load()
	for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
		if err := cert.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	if _, again := load(); again != first {
		t.Error("made anew for the same names")
	}
	cert, named := load("towpath.example.org", "10.1.2.3")
	if cert.VerifyHostname("towpath.example.org") != nil || cert.VerifyHostname("10.1.2.3") != nil || named == first {
		t.Errorf("got a certificate for %v, %v", cert.DNSNames, cert.IPAddresses)
	}
	if _, again := load("10.1.2.3"); again != named {
		t.Error("made anew though it is for the name")
	}
}
