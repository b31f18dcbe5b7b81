package mysql

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/towpath/towpath/connector"
)

// dialer opens sessions.
type dialer struct {
	options   Connection
	addresses []string
	tls       *tls.Config // nil: plain
	loopback  bool        // plain only to this machine itself
}

func newDialer(o Connection) (*dialer, error) {
	addresses, err := o.addresses()
	if err != nil {
		return nil, err
	}
	d := &dialer{options: o, addresses: addresses}
	if o.TLS.Mode == "off" {
		return d, nil
	}
	if o.TLS.Mode == "auto" && o.TLS.CA == "" && o.TLS.Fingerprint == "" && o.TLS.Cert == "" && allLoopback(addresses) {
		d.loopback = true
		return d, nil
	}
	d.tls, err = tlsConfig(o.TLS)
	return d, err
}

func allLoopback(addresses []string) bool {
	for _, a := range addresses {
		host, _, _ := net.SplitHostPort(a)
		ip := net.ParseIP(host)
		if host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return false
		}
	}
	return true
}

func tlsConfig(o TLS) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: o.ServerName}
	if o.CA != "" {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM([]byte(o.CA)) {
			return nil, connector.Errorf(connector.Config, "TOW-404", "no certificate in PEM form").At("tls.ca")
		}
	}
	if o.Cert != "" || o.Key != "" {
		pair, err := tls.X509KeyPair([]byte(o.Cert), []byte(o.Key))
		if err != nil {
			return nil, connector.Errorf(connector.Config, "TOW-404", "certificate and key do not fit: %w", err).At("tls.cert")
		}
		c.Certificates = []tls.Certificate{pair}
	}
	if o.Fingerprint != "" {
		want, err := hex.DecodeString(strings.ReplaceAll(o.Fingerprint, ":", ""))
		if err != nil || len(want) != sha256.Size {
			return nil, connector.Errorf(connector.Config, "TOW-404", "a fingerprint is 64 hex digits").At("tls.fingerprint")
		}
		// The pinned certificate stands for chain and name, which VerifyConnection replaces.
		c.InsecureSkipVerify = true
		c.VerifyConnection = func(s tls.ConnectionState) error {
			if got := sha256.Sum256(s.PeerCertificates[0].Raw); !bytes.Equal(got[:], want) {
				return fmt.Errorf("the server's certificate has the fingerprint %x", got)
			}
			return nil
		}
	}
	return c, nil
}

// open logs in at the first server that answers.
func (d *dialer) open(ctx context.Context, u use) (*session, error) {
	var first error
	for _, address := range d.addresses {
		s, err := d.openAt(ctx, address, u)
		if err == nil {
			return s, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if first == nil {
			first = err
		}
		// A server that answered and refused is an answer; only silent ones are passed over.
		if connector.ClassOf(err) != connector.Retry {
			return nil, err
		}
	}
	return nil, first
}

func (d *dialer) openAt(ctx context.Context, address string, u use) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(d.options.ConnectSeconds)*time.Second)
	defer cancel()
	c, guard, err := d.login(ctx, address)
	if err != nil {
		return nil, d.loginError(ctx, address, err)
	}
	guard.done()
	version, _, _ := strings.Cut(c.GetServerVersion(), "\x00")
	s := &session{wire: newWire(c.Conn.Conn, time.Duration(d.options.ReadSeconds)*time.Second), id: c.GetConnectionID(), address: address,
		use: u, release: parseRelease(version), bulk: guard.bulk}
	if err := s.settle(ctx); err != nil {
		s.Close()
		return nil, d.loginError(ctx, address, err)
	}
	return s, nil
}

// login connects and authenticates by the library; what follows is ours.
func (d *dialer) login(ctx context.Context, address string) (c *client.Conn, guard *guardedConn, err error) {
	defer func() {
		// The library indexes into packets of the server without looking at their length.
		if r := recover(); r != nil {
			if guard != nil {
				_ = guard.Close()
			}
			err = fmt.Errorf("%w: %v", errMalformed, r)
		}
	}()
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		nd := net.Dialer{KeepAlive: 15 * time.Second}
		if d.loopback {
			nd.ControlContext = onlyLoopback
		}
		conn, err := nd.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		guard = &guardedConn{Conn: conn, plain: d.tls == nil}
		guard.release = context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
		return guard, nil
	}
	c, err = client.ConnectWithDialer(ctx, "tcp", address, d.options.User, d.options.Password, d.options.Database, dial, func(c *client.Conn) error {
		// Query attributes change the form of COM_STMT_EXECUTE, and one form of the end of rows is enough.
		c.UnsetCapability(mysql.CLIENT_QUERY_ATTRIBUTES)
		c.UnsetCapability(mysql.CLIENT_DEPRECATE_EOF)
		// An update counts the rows that it found, also those that were what it makes of them.
		if err := c.SetCapability(mysql.CLIENT_FOUND_ROWS); err != nil {
			return err
		}
		if d.tls != nil {
			config := d.tls.Clone()
			if config.ServerName == "" {
				config.ServerName, _, _ = net.SplitHostPort(address)
			}
			c.SetTLSConfig(config)
		}
		return nil
	})
	if err != nil && guard != nil {
		guard.release()
		if guard.refused != nil {
			err = guard.refused
		}
	}
	return c, guard, err
}

var errNotLoopback = errors.New("the name stands for another machine, and without TLS only this machine itself is connected to")

func onlyLoopback(_ context.Context, _, address string, _ syscall.RawConn) error {
	host, _, _ := net.SplitHostPort(address)
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return errNotLoopback
	}
	return nil
}
