package mysql

import (
	"bytes"
	"errors"
	"net"
	"sync"
	"time"
)

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
	bulk    bool // the server takes many rows of parameters at a time, and was told that we know how
	said    bool // the first packet is on its way to the server
}

func (g *guardedConn) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over || !g.plain && g.said {
		return n, err
	}
	g.seen = append(g.seen, p[:n]...)
	if len(g.seen) > 64<<10 || g.plain && bytes.Contains(g.seen, []byte("mysql_clear_password")) {
		g.refused = errCleartext
		return 0, errCleartext
	}
	return n, err
}

// MariaDB's own abilities are 32 bits behind those of the protocol, valid where the bit of a client of MySQL is not set. The
// library knows nothing of them. https://mariadb.com/kb/en/connection/
const (
	abilityMySQL = 1 // in the first byte of the abilities
	abilityBulk  = 4 // in the first byte of MariaDB's own: COM_STMT_BULK_EXECUTE
)

// Write says in the answer to the greeting (or in the wish for TLS, which begins like it and is the one that counts) that we send
// parameters of many rows, to a server that offers to take them.
func (g *guardedConn) Write(p []byte) (int, error) {
	g.mu.Lock()
	first := !g.said
	g.said = true
	offered := first && offersBulk(g.seen)
	g.mu.Unlock()
	const abilities, own = 4, 4 + 28
	if !offered || len(p) < own+4 {
		return g.Conn.Write(p)
	}
	g.bulk = true
	out := bytes.Clone(p)
	out[abilities] &^= abilityMySQL
	out[own] = abilityBulk
	return g.Conn.Write(out)
}

// offersBulk reads a greeting: a header, the protocol's number, the server's version up to a zero byte, its number of the connection, salt
// and a zero byte, abilities, charset, status, abilities, the length of the salt, six bytes, and MariaDB's own abilities.
func offersBulk(greeting []byte) bool {
	if len(greeting) < 5 || greeting[4] != 10 {
		return false
	}
	end := bytes.IndexByte(greeting[5:], 0)
	if end < 0 {
		return false
	}
	rest := greeting[5+end+1:]
	const abilities, own = 4 + 8 + 1, 4 + 8 + 1 + 2 + 1 + 2 + 2 + 1 + 6
	return len(rest) > own && rest[abilities]&abilityMySQL == 0 && rest[own]&abilityBulk != 0
}

// done ends the watch once the login is through. It returns what to read and write from then on: conn, which is g or TLS over it, or
// the connection that g has watched.
func (g *guardedConn) done(conn net.Conn) net.Conn {
	g.release()
	g.mu.Lock()
	g.over, g.seen = true, nil
	g.mu.Unlock()
	_ = g.SetDeadline(time.Time{})
	if conn == net.Conn(g) {
		return g.Conn
	}
	return conn
}
