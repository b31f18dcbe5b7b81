// Package dial is how connectors reach a server: the addresses that a connection names, TLS and how the server is checked, plain
// connections that do not leave this machine, and what the errors on the way mean. It speaks no protocol. Codes of errors are the
// connector's, which hands them in.
package dial

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/socket"
)

// Addresses returns host:port of each of hosts, which are host or host:port, in their order; port is that of hosts without one.
func Addresses(hosts []string, port int, code string) ([]string, error) {
	var list []string
	for _, h := range hosts {
		host, at, err := net.SplitHostPort(h)
		if err != nil {
			host, at = strings.Trim(h, "[]"), strconv.Itoa(port)
		}
		// Libraries take a path for a socket of this machine, and a comma for a list.
		if n, err := strconv.Atoi(at); err != nil || n < 1 || n > 65535 || host == "" || strings.ContainsAny(host, `/\,@ `) {
			return nil, connector.Errorf(connector.Config, code, "%q is no host:port", h).At("hosts")
		}
		list = append(list, net.JoinHostPort(host, at))
	}
	return list, nil
}

// URL returns the options host, port, user and password of a URL, those that it has. The path is the caller's; anything behind it is
// refused with a hint that names what a URL may say (known).
func URL(u *url.URL, known, code string) (map[string]any, error) {
	options := map[string]any{}
	if u.RawQuery != "" || u.Fragment != "" || u.Opaque != "" {
		return nil, connector.Errorf(connector.Config, code, "a %s URL takes no ? and no #", u.Scheme).
			WithHint("Options beyond %s belong to a stored connection or a job file.", known)
	}
	if h := u.Hostname(); h != "" {
		options["host"] = h
	}
	if p := u.Port(); p != "" {
		n, err := strconv.Atoi(p)
		if err != nil {
			return nil, connector.Errorf(connector.Config, code, "%q is no port", p)
		}
		options["port"] = n
	}
	if u.User != nil {
		options["user"] = u.User.Username()
		if p, ok := u.User.Password(); ok {
			options["password"] = p
		}
	}
	return options, nil
}

// ErrNotLoopback is the error of Dial for this machine alone.
var ErrNotLoopback = errors.New("the name stands for another machine, and without TLS only this machine itself is connected to")

// Dial returns what opens connections that last, for streams of rows ([socket.Quick]), by the connection's own dialer; with loopback
// it connects to this machine itself alone, whatever a name stands for.
func Dial(by *net.Dialer, loopback bool) func(ctx context.Context, network, address string) (net.Conn, error) {
	d := *by
	d.KeepAlive = 15 * time.Second
	if loopback {
		d.ControlContext = onlyLoopback(by.ControlContext)
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return socket.Quick(conn), nil
	}
}

type control = func(ctx context.Context, network, address string, conn syscall.RawConn) error

// onlyLoopback refuses other machines than this one, behind what guard refuses.
func onlyLoopback(guard control) control {
	return func(ctx context.Context, network, address string, conn syscall.RawConn) error {
		if guard != nil {
			if err := guard(ctx, network, address, conn); err != nil {
				return err
			}
		}
		host, _, _ := net.SplitHostPort(address)
		if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
			return ErrNotLoopback
		}
		return nil
	}
}

// allLoopback tells whether all addresses are written as those of this machine.
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
