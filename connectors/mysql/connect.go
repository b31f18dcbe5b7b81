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
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/towpath/towpath/connector"
)

// session is one connection, logged in and with the settings that all sessions of ours have.
type session struct {
	*wire
	id      uint32 // the server's number of the connection, for KILL
	address string // host:port of the server, as the options name it
	maria   bool
	version string
	results string // character_set_results as set
	used    time.Time
}

// Each session is UTC and strict, reads only, and is not cut short by limits of the server or of init_connect:
// sql_select_limit would end results early without an error, sql_auto_is_null would turn IS NULL into another question.
var (
	sessionSettings = []string{
		"SET NAMES utf8mb4",
		"SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', autocommit = 1, " +
			"sql_auto_is_null = 0, sql_big_selects = 1, net_write_timeout = 3600, lock_wait_timeout = 60, max_error_count = 65535",
		"SET sql_select_limit = 18446744073709551615",
		"SET SESSION TRANSACTION READ ONLY",
	}
	mariaSettings = []string{"SET max_statement_time = 0"}
	mysqlSettings = []string{"SET max_execution_time = 0"}
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
func (d *dialer) open(ctx context.Context) (*session, error) {
	var first error
	for _, address := range d.addresses {
		s, err := d.openAt(ctx, address)
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

func (d *dialer) openAt(ctx context.Context, address string) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(d.options.ConnectSeconds)*time.Second)
	defer cancel()
	c, guard, err := d.login(ctx, address)
	if err != nil {
		return nil, d.loginError(ctx, address, err)
	}
	guard.done()
	s := &session{wire: newWire(c.Conn.Conn, time.Duration(d.options.ReadSeconds)*time.Second), id: c.GetConnectionID(), address: address,
		results: "utf8mb4"}
	s.version = c.GetServerVersion()
	if i := strings.IndexByte(s.version, 0); i >= 0 {
		s.version = s.version[:i]
	}
	s.maria = strings.Contains(s.version, "MariaDB")
	if err := s.settle(ctx); err != nil {
		s.close()
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

var errCleartext = errors.New("the server asks for the password in clear text over a connection without TLS")

// guardedConn watches the handshake: a server may ask for the password in clear text (mysql_clear_password), and the library
// obeys; without TLS that is refused.
type guardedConn struct {
	net.Conn
	plain   bool
	release func() bool

	mu      sync.Mutex
	seen    []byte // of the handshake
	over    bool
	refused error
}

func (g *guardedConn) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	if !g.plain || g.over {
		return n, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen = append(g.seen, p[:n]...)
	if len(g.seen) > 64<<10 || bytes.Contains(g.seen, []byte("mysql_clear_password")) {
		g.refused = errCleartext
		return 0, errCleartext
	}
	return n, err
}

// done ends the watch once the login is through.
func (g *guardedConn) done() {
	g.release()
	g.over, g.seen = true, nil
	_ = g.SetDeadline(time.Time{})
}

// settle gives the session its settings.
func (s *session) settle(ctx context.Context) error {
	defer s.until(ctx)()
	settings := append([]string(nil), sessionSettings...)
	if s.maria {
		settings = append(settings, mariaSettings...)
	} else if !strings.HasPrefix(s.version, "5.5.") && !strings.HasPrefix(s.version, "5.6.") {
		settings = append(settings, mysqlSettings...)
	} else {
		settings = settings[:len(settings)-1] // no session-wide READ ONLY before 5.6.5
	}
	for _, text := range settings {
		if err := s.exec(text); err != nil {
			return fmt.Errorf("set up session: %w", err)
		}
	}
	return nil
}

// until stops the session when ctx ends; the caller calls the answer once, when it is done.
func (s *session) until(ctx context.Context) (release func()) {
	stopped := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		s.stop()
		close(stopped)
	})
	return func() {
		// A stop that has begun must not hit the next user of the session.
		if !cancel() {
			<-stopped
		}
	}
}

// exec runs a statement without rows.
func (s *session) exec(text string) error {
	s.command(comQuery)
	s.out = append(s.out, text...)
	if err := s.send(); err != nil {
		return err
	}
	return s.ok()
}

// charset sets the character set in which text of results comes; "NULL" sends each column as it is stored.
func (s *session) charset(name string) error {
	if s.results == name {
		return nil
	}
	if err := s.exec("SET character_set_results = " + name); err != nil {
		return err
	}
	s.results = name
	return nil
}

// query runs a statement with a small result.
func (s *session) query(text string, params ...param) ([][]cell, error) {
	return s.queryColumns(text, nil, params...)
}

// queryColumns is query for the named columns of the result; nil: all.
func (s *session) queryColumns(text string, columns []string, params ...param) ([][]cell, error) {
	st, err := s.prepare(text)
	if err != nil {
		return nil, err
	}
	defs, err := s.execute(st, params)
	if err != nil {
		s.drop(st)
		return nil, err
	}
	var rows [][]cell
	for len(defs) > 0 {
		p, err := s.answer()
		if err != nil {
			s.drop(st)
			return nil, err
		}
		if isEOF(p) {
			break
		}
		row, err := cells(defs, p)
		if err != nil {
			s.broken = true
			return nil, err
		}
		if columns != nil {
			row = slices.DeleteFunc(row, func(c cell) bool { return !slices.Contains(columns, c.column) })
		}
		rows = append(rows, row)
	}
	return rows, s.closeStatement(st)
}

// drop gives back a statement that ended in an error; a broken session ends with all it has.
func (s *session) drop(st *statement) {
	if !s.broken {
		_ = s.closeStatement(st)
	}
}

func (s *session) ping() error {
	s.command(comPing)
	if err := s.send(); err != nil {
		return err
	}
	return s.ok()
}

func (s *session) close() {
	s.broken = true
	_ = s.conn.Close()
}
