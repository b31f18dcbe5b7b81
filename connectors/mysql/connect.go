package mysql

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/dial"
)

// dialer opens sessions.
type dialer struct {
	options   Connection
	by        *net.Dialer // what opens sockets
	addresses []string
	tls       *tls.Config // nil: plain
	loopback  bool        // plain only to this machine itself
}

func newDialer(o Connection, by *net.Dialer) (*dialer, error) {
	addresses, err := o.addresses()
	if err != nil {
		return nil, err
	}
	d := &dialer{options: o, by: by, addresses: addresses}
	d.tls, d.loopback, err = dial.Encryption(o.TLS, addresses, "TOW-404")
	return d, err
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
	conn := guard.done(c.Conn.Conn)
	version, _, _ := strings.Cut(c.GetServerVersion(), "\x00")
	s := &session{wire: newWire(conn, time.Duration(d.options.ReadSeconds)*time.Second), id: c.GetConnectionID(), address: address,
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
	connect := func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial.Dial(d.by, d.loopback)(ctx, network, address)
		if err != nil {
			return nil, err
		}
		guard = &guardedConn{Conn: conn, plain: d.tls == nil}
		guard.release = context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
		return guard, nil
	}
	c, err = client.ConnectWithDialer(ctx, "tcp", address, d.options.User, d.options.Password, d.options.Database, connect, func(c *client.Conn) error {
		// Query attributes change the form of COM_STMT_EXECUTE, and one form of the end of rows is enough.
		c.UnsetCapability(mysql.CLIENT_QUERY_ATTRIBUTES)
		c.UnsetCapability(mysql.CLIENT_DEPRECATE_EOF)
		// An update counts the rows that it found, also those that were what it makes of them.
		if err := c.SetCapability(mysql.CLIENT_FOUND_ROWS); err != nil {
			return err
		}
		if d.tls != nil {
			c.SetTLSConfig(dial.ConfigFor(d.tls, address))
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
