package dial

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"syscall"

	"github.com/towpath/towpath/connector"
)

// TLSError is what an error of a TLS handshake means; nil: it is none of those that are known here. cause is its text without the words
// of the libraries around it.
func TLSError(doing string, err error, cause, code string) error {
	_, verify := errors.AsType[*tls.CertificateVerificationError](err)
	_, host := errors.AsType[x509.HostnameError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	_, alert := errors.AsType[tls.AlertError](err)
	switch {
	case verify, host:
		return connector.Errorf(connector.Config, code, "%s: the server's certificate does not check: %s", doing, cause).At("tls").
			WithHint("Give the CA that signed it (tls.ca), its name (tls.server_name) or its fingerprint (tls.fingerprint).")
	case record, alert:
		return connector.Errorf(connector.Config, code, "%s: TLS handshake: %s", doing, cause).At("tls")
	}
	return nil
}

// HandshakeError is the error of a TLS handshake that the server broke off, which TLSError cannot tell by its type.
func HandshakeError(doing, cause, code string) error {
	return connector.Errorf(connector.Config, code, "%s: TLS handshake: %s", doing, cause).At("tls")
}

// PinError is the error of a certificate that is not the pinned one.
func PinError(doing, cause, code string) error {
	return connector.Errorf(connector.Config, code, "%s: %s", doing, cause).At("tls.fingerprint").
		WithHint("Ask the server's owner before you accept another certificate.")
}

// PlainError is the error of a server that speaks no TLS.
func PlainError(doing, code string) error {
	return connector.Errorf(connector.Config, code, "%s: the server offers no TLS", doing).At("tls.mode").
		WithHint("Turn TLS on at the server. tls.mode: off sends password and data readable on the way.")
}

// NameError is what an error of looking up a server's name means; nil: err is none.
func NameError(doing string, err error, code string) error {
	dns, ok := errors.AsType[*net.DNSError](err)
	if !ok {
		return nil
	}
	class := connector.Retry
	if dns.IsNotFound {
		class = connector.Config
	}
	return connector.Errorf(class, code, "%s: no address for %q", doing, dns.Name).At("host")
}

// SilenceError is what the error of a connection means that nobody took, or nobody answered on within so many seconds; nil: it is neither.
func SilenceError(ctx context.Context, doing string, err error, seconds int, code string) error {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return connector.Errorf(connector.Retry, code, "%s: connection refused", doing).WithHint("Check host and port, and that the server runs.")
	case ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded):
		return connector.Errorf(connector.Retry, code, "%s: no answer in %d s", doing, seconds).WithHint("Check host and port, and the firewalls between.")
	}
	return nil
}
