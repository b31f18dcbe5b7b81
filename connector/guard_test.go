package connector_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/towpath/towpath/connector"
)

// names is a name server that answers each question about an IPv4 address with the next of its addresses, the last one for ever.
func names(t *testing.T, addresses ...string) *net.Resolver {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	go func() {
		buf := make([]byte, 512)
		for next := 0; ; {
			n, from, err := server.ReadFrom(buf)
			if err != nil {
				return
			}
			end := 12
			for buf[end] != 0 {
				end += int(buf[end]) + 1
			}
			end += 5 // of the question
			answer := append([]byte{buf[0], buf[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, buf[12:end]...)
			if n >= end && buf[end-3] == 1 { // type A
				answer[7] = 1
				answer = append(append(answer, 0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4), netip.MustParseAddr(addresses[min(next, len(addresses)-1)]).AsSlice()...)
				next++
			}
			if _, err := server.WriteTo(answer, from); err != nil {
				return
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
}

// TestGuard: whatever way an address is written, and whatever a name stands for at the moment, the guard is asked for the plain address, and a
// socket that it refuses is not opened.
func TestGuard(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	var taken atomic.Int32
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			taken.Add(1)
			c.Close()
		}
	}()
	reason := errors.New("this address is not connected to")
	for _, c := range []struct{ name, host, asked string }{
		{"plain", "127.0.0.1", "127.0.0.1"},
		{"IPv4 in IPv6", "::ffff:127.0.0.1", "127.0.0.1"},
		{"IPv4 in IPv6 in hex", "::ffff:7f00:1", "127.0.0.1"},
		{"a name", "localhost", "127.0.0.1"},
		{"a zone", "fe80::1%lo", "fe80::1"},
	} {
		var asked []string
		guarded := connector.Connection{Guard: func(a netip.AddrPort) error { asked = append(asked, a.String()); return reason }}
		_, err := guarded.Dialer().DialContext(t.Context(), "tcp", net.JoinHostPort(c.host, port))
		refused := connector.Refusal(err)
		e, _ := refused.(*connector.Error)
		at := net.JoinHostPort(c.asked, port)
		if e == nil || e.Class != connector.Denied || e.Code != "TOW-170" || !errors.Is(refused, reason) || len(asked) == 0 || asked[len(asked)-1] != at ||
			c.host != "localhost" && refused.Error() != "open "+at+": this address is not connected to" {
			t.Errorf("%s: asked for %q, got %v", c.name, asked, err)
		}
	}
	for _, host := range []string{"2130706433", "0x7f000001", "127.1", "0177.0.0.1"} { // names to some resolvers, 127.0.0.1 to others, and no names to Go's own
		d := connector.Connection{Guard: func(netip.AddrPort) error { return reason }}.Dialer()
		d.Resolver = names(t, "127.0.0.1")
		if _, err := d.DialContext(t.Context(), "tcp", net.JoinHostPort(host, port)); err == nil || connector.Refusal(err) == nil && !strings.Contains(err.Error(), "no such host") {
			t.Errorf("%s: got %v", host, err)
		}
	}
	rebound := connector.Connection{Guard: func(a netip.AddrPort) error {
		if a.Addr().IsLoopback() {
			return reason
		}
		return errors.New("the first answer")
	}}.Dialer()
	rebound.Resolver = names(t, "192.0.2.1", "127.0.0.1")
	for _, want := range []string{"the first answer", reason.Error()} {
		if _, err := rebound.DialContext(t.Context(), "tcp", "rebound.test.:"+port); connector.Refusal(err) == nil || !strings.HasSuffix(err.Error(), ": "+want) {
			t.Errorf("a name that is bound anew: got %v, want %s", err, want)
		}
	}
	if _, err := (connector.Connection{Guard: func(netip.AddrPort) error { return nil }}).Dialer().Dial("unix", t.TempDir()+"/s"); connector.Refusal(err) == nil {
		t.Errorf("a socket of this machine: got %v", err)
	}
	if n := taken.Load(); n > 0 {
		t.Errorf("%d sockets were opened", n)
	}
	if other := errors.New("other"); connector.Refusal(other) != nil || connector.Refusal(connector.Errorf(connector.Denied, "TOW-170", "no")) != nil || connector.Refusal(nil) != nil {
		t.Error("a refusal is made of any error")
	}
	conn, err := connector.Connection{}.Dialer().Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}
