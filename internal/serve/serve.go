// Package serve is the server as a process: it listens, puts application, pool and API together, and leaves its runs in order when it ends. What it serves is
// package api's, what is done package team's.
package serve

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/api"
	"github.com/towpath/towpath/internal/control/team"
	"github.com/towpath/towpath/internal/egress"
	"github.com/towpath/towpath/internal/event"
)

// Options of Run.
type Options struct {
	Listen  string // host:port; port 0: any
	TLS     TLS
	Version string
	Pool    team.PoolOptions
	Keep    team.Retention
	Allow   []egress.Rule // addresses that connections may lead to; empty: all but those that none may
	Files   []string      // folders in which connections may name files of this machine
	Told    func(Address) // once it listens
}

// Address is where a server that has begun is reached.
type Address struct {
	URL         string
	Link        string // one-time sign-in link of the first administrator; "": there is one who has a password
	Fingerprint string // of the certificate that the server made itself; "": it did not
}

// shutTime is how long requests may take to end with the server.
const shutTime = 10 * time.Second

// Run serves until ctx ends. Then no request is taken any more, shards end with the group in hand, and runs are left to whoever serves next.
func Run(ctx context.Context, t *team.Team, o Options) error {
	link, err := t.FirstLink(ctx)
	if err != nil {
		return err
	}
	listener, err := listen(ctx, o.Listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	trust, fingerprint, err := o.TLS.load()
	if err != nil {
		return err
	}
	at, _ := netip.ParseAddrPort(listener.Addr().String())
	if !at.Addr().IsLoopback() {
		if err := mayListen(at, trust != nil, link == ""); err != nil {
			return err
		}
	}
	address := Address{URL: (&url.URL{Scheme: scheme(trust != nil), Host: shown(at)}).String(), Fingerprint: fingerprint}
	if link != "" {
		address.Link = address.URL + "/#link=" + url.QueryEscape(link)
	}
	own, err := keeper(ctx, t.Store.Server())
	if err != nil {
		return err
	}
	guard := egress.Guard{Own: append(own, at), Allow: o.Allow}
	t.Base.Guard, t.Base.Roots = guard.Check, append([]string{}, o.Files...)
	hub := event.New(event.Options{})
	feed := api.NewFeed(t, hub)
	t.Log = slog.New(t.Scrub.Handler(feed.Log(t.Log.Handler())))
	o.Pool.Watch = feed.Observer
	pool := t.NewPool(o.Pool)
	t.Wake = pool.Wake
	server := api.Server(api.New(api.Options{Team: t, Auth: t, Events: hub, Version: o.Version, Plain: trust == nil, Log: t.Log}))
	server.TLSConfig, server.ErrorLog = trust, slog.NewLogLogger(t.Log.Handler(), slog.LevelDebug)
	requests, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end() // live events end with the process
	server.BaseContext = func(net.Listener) context.Context { return requests }
	group, work := errgroup.WithContext(ctx)
	group.Go(func() error { return quiet(feed.Run(work)) })
	group.Go(func() error { return quiet(pool.Run(work)) })
	group.Go(func() error { return quiet(t.KeepHouse(work, o.Keep)) })
	group.Go(func() error {
		if trust != nil {
			return quiet(server.ServeTLS(listener, "", ""))
		}
		return quiet(server.Serve(listener))
	})
	group.Go(func() error {
		<-work.Done()
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutTime)
		defer cancel()
		if err := server.Shutdown(ending); err != nil {
			return server.Close()
		}
		return nil
	})
	if o.Told != nil {
		o.Told(address)
	}
	return group.Wait()
}

// Work runs shards of the runs that servers steer, until ctx ends. Of the options Pool, Allow and Files count.
func Work(ctx context.Context, t *team.Team, o Options) error {
	own, err := keeper(ctx, t.Store.Server())
	if err != nil {
		return err
	}
	t.Base.Guard, t.Base.Roots = egress.Guard{Own: own, Allow: o.Allow}.Check, append([]string{}, o.Files...)
	return quiet(t.NewCrew(o.Pool).Run(ctx))
}

// shown is host and port by which people reach an address: that of all addresses of this machine by its name.
func shown(at netip.AddrPort) string {
	if name, err := os.Hostname(); err == nil && at.Addr().IsUnspecified() {
		return net.JoinHostPort(name, strconv.Itoa(int(at.Port())))
	}
	return at.String()
}

// keeper is where the server of the control database listens: no connection of a job leads there.
func keeper(ctx context.Context, server string) (own []netip.AddrPort, err error) {
	if server == "" {
		return nil, nil
	}
	host, port, err := net.SplitHostPort(server)
	if err != nil {
		return nil, err
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, err
	}
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	for _, a := range addresses {
		own = append(own, netip.AddrPortFrom(a.Unmap(), uint16(number)))
	}
	return own, err
}

// quiet takes the ways in which parts end by themselves for no error.
func quiet(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func scheme(encrypted bool) string {
	if encrypted {
		return "https"
	}
	return "http"
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err == nil {
		return listener, nil
	}
	text := err.Error()
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Err != nil {
		text = strings.TrimPrefix(e.Err.Error(), "bind: ")
	}
	return nil, connector.Errorf(connector.Config, "TOW-920", "listen on %s: %s", address, text).WithHint("Name another address by --listen.")
}

// mayListen refuses to be reached from other machines in the clear, or before somebody has a password.
func mayListen(at netip.AddrPort, encrypted, owned bool) error {
	if !encrypted {
		return connector.Errorf(connector.Config, "TOW-921", "listen on %s: other machines would send passwords and rows in the clear", at).
			WithHint("Give a certificate by --tls-cert and --tls-key, or have one made by --tls-self-signed.")
	}
	if !owned {
		return connector.Errorf(connector.Config, "TOW-922", "listen on %s: nobody has set a password yet", at).
			WithHint("Set one on this machine first: towpath user password admin; or start on 127.0.0.1 and open the link.")
	}
	return nil
}
