package connector

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
)

// Dialer returns what every socket of the connection is opened by. It asks Guard of each address that a name turned out to stand for,
// right before it is connected to, so that no other way of writing an address, no later answer of a name server and no address that a
// server hands out gets around it.
func (c Connection) Dialer() *net.Dialer {
	d := new(net.Dialer)
	if c.Guard != nil {
		d.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error { return c.admit(address) }
	}
	return d
}

// admit asks Guard about the address of a socket.
func (c Connection) admit(text string) error {
	address, err := netip.ParseAddrPort(text) // a path, as of a socket of this machine, is none
	if err == nil {
		address = netip.AddrPortFrom(address.Addr().Unmap().WithZone(""), address.Port())
		text = address.String()
		err = c.Guard(address)
	}
	if err == nil {
		return nil
	}
	return Errorf(Denied, "TOW-170", "open %s: %w", text, refusal{err}).
		WithHint("Who runs the server says which addresses connections may lead to.")
}

// refusal is the answer of a Guard.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// Refusal returns the error of a socket that Connection.Guard did not allow, as it is shown; nil: err comes from something else. It
// is never worth another try.
func Refusal(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		if _, ok := errors.AsType[refusal](e); ok {
			return e
		}
	}
	return nil
}
