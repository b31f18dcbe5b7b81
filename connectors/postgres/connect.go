package postgres

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/dial"
)

// dialer opens sessions.
type dialer struct {
	options   Connection
	by        *net.Dialer // what opens sockets
	addresses []string
	config    *pgconn.Config // without host and port
	tls       *tls.Config    // nil: plain
	loopback  bool           // plain only to this machine itself
	cache     typeCache
}

func newDialer(o Connection, by *net.Dialer) (*dialer, error) {
	addresses, err := o.addresses()
	if err != nil {
		return nil, err
	}
	if err := o.checkNames(); err != nil {
		return nil, err
	}
	d := &dialer{options: o, by: by, addresses: addresses}
	if d.tls, d.loopback, err = dial.Encryption(o.TLS, addresses, "TOW-704"); err != nil {
		return nil, err
	}
	if d.config, err = d.loginConfig(); err != nil {
		return nil, err
	}
	return d, nil
}

// loginConfig returns the library's settings. It makes them from a connection string only, over what it finds in variables (PGHOST,
// PGSERVICE ...) and files of the machine (.pgpass, service files), so the string names every one of them, and what comes of it
// is replaced.
func (d *dialer) loginConfig() (*pgconn.Config, error) {
	text := "host=localhost port=5432 user=towpath password=none dbname=towpath sslmode=disable sslcertmode=allow sslnegotiation=postgres " +
		"sslrootcert='' sslcert='' sslkey='' sslpassword='' " +
		"connect_timeout=0 target_session_attrs=any min_protocol_version=3.0 max_protocol_version=3.0 channel_binding=prefer require_auth='' passfile=''"
	if service, set := os.LookupEnv("PGSERVICE"); set {
		// A service that is named must be found, whatever else is given: it is found empty.
		file, err := emptyService(service)
		if err != nil {
			return nil, connector.Errorf(connector.Other, "TOW-703", "set up login: %w", err)
		}
		defer os.Remove(file)
		text += " servicefile='" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(file) + "'"
	}
	c, err := pgconn.ParseConfig(text)
	if err != nil {
		return nil, connector.Errorf(connector.Other, "TOW-703", "set up login: the library does not take its settings")
	}
	c.User, c.Password, c.Database = d.options.User, d.options.Password, d.options.Database
	c.RuntimeParams = map[string]string{"application_name": "towpath", "client_encoding": "UTF8"}
	c.Fallbacks, c.KerberosSrvName, c.KerberosSpn = nil, "", ""
	c.DialFunc = dial.Dial(d.by, d.loopback)
	c.RequireAuth = "!gss,!sspi,!oauth"
	if d.tls == nil {
		c.RequireAuth += ",!password" // it would be readable on the way
	}
	return c, nil
}

// emptyService makes a service file with the named service and nothing in it.
func emptyService(name string) (string, error) {
	f, err := os.CreateTemp("", "towpath-*.conf")
	if err != nil {
		return "", err
	}
	_, err = fmt.Fprintf(f, "[%s]\n", name)
	if err := errors.Join(err, f.Close()); err != nil {
		os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// role is what a server must be for a use.
func (d *dialer) role(u use) string {
	if u == writes {
		return "primary"
	}
	return d.options.Role
}

// open logs in at the first server that answers and plays the role.
func (d *dialer) open(ctx context.Context, u use) (*session, error) {
	var first error
	note := func(err error) {
		if first == nil {
			first = err
		}
	}
	for _, address := range d.addresses {
		s, err := d.openAt(ctx, address, u)
		if err == nil {
			role := d.role(u)
			if role != "any" && s.standby != (role == "replica") {
				s.Close()
				note(connector.Errorf(connector.Retry, "TOW-707", "open %s: the server is no %s", address, role).
					WithHint("Name a server that is one in hosts, or wait until the switch of servers under way is through."))
				continue
			}
			return s, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		// A server that answered and refused is an answer; only silent ones are passed over.
		if connector.ClassOf(err) != connector.Retry {
			return nil, err
		}
		note(err)
	}
	return nil, first
}

// openAt logs in at one server, whatever its role.
func (d *dialer) openAt(ctx context.Context, address string, u use) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(d.options.ConnectSeconds)*time.Second)
	defer cancel()
	host, port, _ := net.SplitHostPort(address)
	n, _ := strconv.ParseUint(port, 10, 16)
	c := d.config.Copy()
	c.Host, c.Port = host, uint16(n)
	if d.tls != nil {
		c.TLSConfig = dial.ConfigFor(d.tls, address)
	}
	lead := new(leadReader)
	c.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		lead.r = r
		f := pgproto3.NewFrontend(lead, w)
		f.SetMaxBodyLen(1 << 20)
		return f
	}
	login, err := pgconn.ConnectConfig(ctx, c)
	if err != nil {
		return nil, d.loginError(ctx, address, err)
	}
	given, err := login.Hijack()
	if err != nil {
		return nil, d.loginError(ctx, address, err)
	}
	_ = given.Conn.SetDeadline(time.Time{})
	s := &session{wire: newWire(given.Conn, lead.r, time.Duration(d.options.ReadSeconds)*time.Second), login: login, address: address, use: u, cache: &d.cache}
	if err := s.settle(ctx); err != nil {
		s.Close()
		return nil, d.loginError(ctx, address, err)
	}
	return s, nil
}

// leadReader gives the library the bytes of one message at a time, so that none of those behind the login are left in its buffers
// when the connection is taken over. The reader below may have some, so it is read from ever after.
type leadReader struct {
	r      io.Reader
	head   [5]byte
	unread []byte // of the header
	body   int    // bytes that follow the header
}

// Read implements io.Reader.
func (l *leadReader) Read(p []byte) (int, error) {
	if len(l.unread) == 0 && l.body == 0 {
		if _, err := io.ReadFull(l.r, l.head[:]); err != nil {
			return 0, err
		}
		l.unread = l.head[:]
		l.body = max(int(int32(binary.BigEndian.Uint32(l.head[1:])))-4, 0)
	}
	if len(l.unread) > 0 {
		n := copy(p, l.unread)
		l.unread = l.unread[n:]
		return n, nil
	}
	n, err := l.r.Read(p[:min(len(p), l.body)])
	l.body -= n
	return n, err
}
