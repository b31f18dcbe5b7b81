package hbase

import (
	"context"
	"net"
	"time"

	"github.com/towpath/towpath/connector"
)

// sockets opens those of a client: to ZooKeeper, the master and the region servers that they name. The first address that the connection's
// guard refuses is the last one that is tried: the library would go on trying, and tells nobody why a socket did not open.
type sockets struct {
	by *net.Dialer
	// open ends with the refusal. It is kept, against habit, for calls to end with it.
	open   context.Context
	refuse context.CancelCauseFunc
}

func newSockets(by *net.Dialer) *sockets {
	s := &sockets{by: by}
	s.open, s.refuse = context.WithCancelCause(context.Background())
	return s
}

func (s *sockets) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if refused := s.refusal(); refused != nil {
		return nil, refused
	}
	conn, err := s.by.DialContext(ctx, network, address)
	if refused := connector.Refusal(err); refused != nil {
		s.refuse(refused)
	}
	return conn, err
}

// refusal is why no more sockets are opened; nil: they are.
func (s *sockets) refusal() error { return context.Cause(s.open) }

// within returns a context that also ends after a time, and with a refusal.
func (s *sockets) within(ctx context.Context, wait time.Duration) (context.Context, context.CancelFunc) {
	timed, cancel := context.WithTimeout(ctx, wait)
	stop := context.AfterFunc(s.open, cancel)
	return timed, func() {
		stop()
		cancel()
	}
}
