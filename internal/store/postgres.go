package store

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/towpath/towpath/connector"
)

// Places says for people where a control database can be.
const Places = "a folder, default towpath in the user's state folder; or postgres://user@host/database, which several machines can share"

// OnServer reports whether a place is a URL and not a path. Which URLs are understood Open says.
func OnServer(place string) bool {
	scheme, _, found := strings.Cut(place, "://")
	return found && !strings.ContainsAny(scheme, "/\\.")
}

func postgresDialect() dialect {
	return dialect{
		now:      "CAST(FLOOR(EXTRACT(EPOCH FROM clock_timestamp()) * 1000) AS BIGINT)",
		begin:    beginPostgres,
		shared:   true,
		together: 100,
		snapshot: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
		analyze:  "ANALYZE shard, stream",
		goose:    goose.DialectPostgres,
		open:     openPostgres,
		fault:    postgresFault,
	}
}

// lockWriters waits for the lock that write transactions of one schema hold, so that those of all processes come one after another, as on SQLite: what a
// transaction has looked at nobody changes before it ends. The first number is of towpath's own choice.
const lockWriters = "SELECT pg_advisory_xact_lock(1953462113, hashtext(current_schema()))"

// beginPostgres opens a transaction and waits, for lock_timeout at most, until those of others have ended. What its statements see is what was committed
// before each of them, whatever the role's own settings say: what was seen before the lock would be old.
func beginPostgres(ctx context.Context, c *sql.Conn) error {
	_, err := c.ExecContext(ctx, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
	if err == nil {
		_, err = c.ExecContext(ctx, lockWriters)
	}
	if err == nil {
		return nil
	}
	rollback(ctx, c)
	return err
}

// How long a server may leave us alone.
const (
	connectTime = 10 * time.Second // for a connection
	aliveTime   = 30 * time.Second // without a sign of life before the connection counts as lost
)

func openPostgres(ctx context.Context, s *Store, o Options) error {
	c, err := postgresConfig(s.path, o)
	if err != nil {
		s.path = "in PostgreSQL" // the URL may have a password
		return err
	}
	s.server = net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port)))
	s.write = stdlib.OpenDB(*c)
	s.write.SetMaxOpenConns(1)
	reading := c.Copy()
	reading.RuntimeParams["default_transaction_read_only"] = "on"
	s.read = stdlib.OpenDB(*reading)
	s.read.SetMaxOpenConns(4)
	if err := s.fit(ctx); err != nil {
		return errors.Join(err, s.Close())
	}
	return nil
}

// fit refuses a database that would not keep what it is given, or a way to it that leaves out our settings.
func (s *Store) fit(ctx context.Context) error {
	var schema sql.NullString
	var encoding, lock string
	var standby bool
	err := s.read.QueryRowContext(ctx, "SELECT current_schema(), current_setting('server_encoding'), current_setting('lock_timeout', true), pg_is_in_recovery()").
		Scan(&schema, &encoding, &lock, &standby)
	refuse := func(hint, format string, args ...any) error {
		return connector.Errorf(connector.Config, "TOW-223", "open control database "+s.path+": "+format, args...).WithHint("%s", hint)
	}
	switch {
	case err != nil:
		return err
	case standby:
		return refuse("Name the primary server.", "it is a replica, which cannot be written")
	case !schema.Valid:
		return refuse("Make it by CREATE SCHEMA, or give the user USAGE on it.", "its schema is not there for the user")
	case encoding != "UTF8":
		return refuse("Make a database by CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0.", "it is in %s, which does not hold every text", encoding)
	case lock == "0":
		return refuse("Connect to the server itself, or through a pooler by session.", "the settings of the connection are lost on the way, perhaps in a pooler")
	}
	return nil
}

// postgresConfig reads the URL. The library makes settings from a connection string only, over what it finds in variables and files of the machine, so the
// string names every one of them.
func postgresConfig(place string, o Options) (*pgx.ConnConfig, error) {
	u, err := parsePlace(place)
	if err != nil {
		return nil, err
	}
	c, err := pgx.ParseConfig("host=localhost port=5432 user=towpath password=none dbname=towpath sslmode=disable sslcertmode=allow sslnegotiation=postgres " +
		"sslrootcert='' sslcert='' sslkey='' sslpassword='' connect_timeout=0 target_session_attrs=any min_protocol_version=3.0 max_protocol_version=3.0 " +
		"channel_binding=prefer require_auth='' passfile=''")
	if err != nil {
		return nil, connector.Errorf(connector.Config, "TOW-223", "set up the connection: the library does not take its settings").
			WithHint("Unset PGSERVICE.")
	}
	c.Host, c.Port, c.User, c.Database, c.Password = u.host, u.port, u.user, u.database, o.Password
	c.TLSConfig, c.Fallbacks, c.ConnectTimeout = u.tls, nil, connectTime
	c.DialFunc = (&net.Dialer{Timeout: connectTime, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: aliveTime / 3, Interval: aliveTime / 6, Count: 4}}).DialContext
	if u.tls == nil {
		dial := c.DialFunc
		c.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			if at, ok := conn.RemoteAddr().(*net.TCPAddr); !ok || !at.IP.IsLoopback() { // the name of this machine may lead elsewhere
				conn.Close()
				return nil, errElsewhere
			}
			return conn, nil
		}
	}
	c.RequireAuth = "!gss,!sspi,!oauth"
	if u.tls == nil {
		c.RequireAuth += ",!password" // it would be readable on the way
	}
	c.RuntimeParams = map[string]string{"application_name": "towpath", "client_encoding": "UTF8", "synchronous_commit": "on", "statement_timeout": "0",
		"lock_timeout": strconv.FormatInt(ms(o.Busy), 10), "idle_in_transaction_session_timeout": strconv.FormatInt(ms(o.Idle), 10)}
	if u.schema != "" {
		c.RuntimeParams["search_path"] = pgx.Identifier{u.schema}.Sanitize()
	}
	return c, nil
}

var errElsewhere = errors.New("the name leads to another machine, which is spoken to by TLS only")

// where is what a URL says.
type where struct {
	host, user, database, schema string
	port                         uint16
	tls                          *tls.Config // nil: unencrypted, which only the machine itself is spoken to
}

// parsePlace reads postgres://user@host:port/database?schema=...&ca=...; what it may not say is an error, TOW-223, without the URL's text.
func parsePlace(place string) (*where, error) {
	refuse := func(hint, format string, args ...any) (*where, error) {
		return nil, connector.Errorf(connector.Config, "TOW-223", format, args...).WithHint("%s", hint)
	}
	const form = "Write postgres://user@host:port/database; schema=NAME and ca=FILE may follow a question mark."
	u, err := url.Parse(place)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return refuse(form, "the URL of the control database is none of PostgreSQL")
	}
	if _, has := u.User.Password(); has {
		return refuse("Give it by TOWPATH_STATE_PASSWORD, or by the file that TOWPATH_STATE_PASSWORD_FILE names.", "the URL of the control database has a password, which others could read")
	}
	w := &where{host: u.Hostname(), user: u.User.Username(), database: strings.TrimPrefix(u.Path, "/"), port: 5432}
	if w.host == "" || w.user == "" || w.database == "" || strings.Contains(w.database, "/") {
		return refuse(form, "the URL of the control database lacks user, host or database")
	}
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return refuse(form, "the URL of the control database has no port %s", p)
		}
		w.port = uint16(n)
	}
	q := u.Query()
	for _, name := range slices.Sorted(maps.Keys(q)) {
		if name != "schema" && name != "ca" {
			return refuse(form, "the URL of the control database has an option beside schema and ca")
		}
	}
	w.schema = q.Get("schema")
	ca := q.Get("ca")
	if ca == "" && loopback(w.host) {
		return w, nil
	}
	w.tls = &tls.Config{ServerName: w.host, MinVersion: tls.VersionTLS12}
	if ca != "" {
		text, err := os.ReadFile(ca)
		if err != nil {
			return nil, connector.Errorf(connector.Config, "TOW-223", "read the certificates of the control database: %w", err)
		}
		if w.tls.RootCAs = x509.NewCertPool(); !w.tls.RootCAs.AppendCertsFromPEM(text) {
			return refuse("Name a file with certificates in PEM.", "%s holds no certificate", ca)
		}
	}
	return w, nil
}

// loopback reports whether a host is this machine itself.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// postgresFault reads SQLSTATEs: https://www.postgresql.org/docs/current/errcodes-appendix.html
func postgresFault(err error) (fault, bool) {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return lostFault(err)
	}
	switch e.Code {
	case "55P03", "40001", "40P01", "57014":
		return fault{connector.Retry, "TOW-201", "control database is locked by another process",
			"Another process holds it for writing; look for a stuck towpath or an open transaction, then try again."}, true
	case "53100":
		return fault{connector.Full, "TOW-202", "disk under the control database is full", "Make room on its server's disk, then resume; nothing was lost."}, true
	case "25006", "42501", "3D000", "3F000", "28000", "28P01":
		return fault{connector.Config, "TOW-203", "control database cannot be opened for writing",
			"Check the database's name, the user, the password (TOWPATH_STATE_PASSWORD) and the right to create tables in its schema; a replica cannot be written."}, true
	case "XX001", "XX002":
		return fault{connector.Config, "TOW-204", "control database is damaged or no database", "Restore it from a backup."}, true
	case "53200", "53300", "25P03", "25P04":
		return unreachable, true
	}
	if strings.HasPrefix(e.Code, "57P") || strings.HasPrefix(e.Code, "08") {
		return unreachable, true
	}
	return fault{class: connector.Other, code: "TOW-200"}, true
}

var unreachable = fault{connector.Retry, "TOW-224", "control database does not answer", "Check that its server runs and can be reached from here; what was begun goes on by itself."}

// lostFault tells what is no answer of a server.
func lostFault(err error) (fault, bool) {
	if connect, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		if certificate, ok := errors.AsType[*tls.CertificateVerificationError](connect); ok {
			return fault{connector.Config, "TOW-203", "certificate of the control database's server is not trusted",
				"Name the file with its authority's certificates by ca=FILE: " + certificate.Err.Error() + "."}, true
		}
		return unreachable, true
	}
	_, network := errors.AsType[net.Error](err)
	for _, gone := range []error{driver.ErrBadConn, sql.ErrConnDone, pgconn.ErrConnClosed, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed} {
		network = network || errors.Is(err, gone)
	}
	if network || pgconn.SafeToRetry(err) {
		return unreachable, true
	}
	return fault{}, false
}
