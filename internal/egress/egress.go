// Package egress decides what the connections of a server reach: which addresses their sockets may lead to, and which files of its machine
// they may name. It knows no connector and opens nothing.
package egress

import (
	"errors"
	"net"
	"net/netip"
	"slices"
)

// Guard says which addresses sockets may lead to. It never changes and is safe for concurrent use.
type Guard struct {
	// Own are addresses that no connection is for: where the server itself listens, its control database. One of this machine stands for
	// its port at all addresses of this machine.
	Own []netip.AddrPort
	// Allow are the only addresses that are allowed; empty: all that are not denied.
	Allow []Rule
	// Local returns the addresses of this machine; nil: net.InterfaceAddrs.
	Local func() ([]net.Addr, error)
}

// errDenied is all that is said: the reason would tell the network's shape to who tries addresses.
var errDenied = errors.New("this address is not connected to")

// Check returns an error unless a socket may be opened to the address.
func (g Guard) Check(address netip.AddrPort) error {
	addr := plain(address.Addr())
	if inner, ok := carried(addr); denied(addr) || ok && denied(inner) || g.isOwn(addr, address.Port()) || ok && g.isOwn(inner, address.Port()) {
		return errDenied
	}
	if len(g.Allow) > 0 && !slices.ContainsFunc(g.Allow, func(r Rule) bool { return r.fits(addr, address.Port()) }) {
		return errDenied
	}
	return nil
}

func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// denied reports what no list of allowed addresses opens: addresses of no machine, of many, of the link alone, and those at which clouds
// hand out credentials and settings of the machine that asks.
func denied(a netip.Addr) bool {
	if !a.IsValid() || a.IsUnspecified() || a.IsMulticast() || a.IsLinkLocalUnicast() {
		return true
	}
	for _, p := range []string{
		"0.0.0.0/8",          // this network: taken for this machine (RFC 1122, 3.2.1.3)
		"255.255.255.255/32", // broadcast
		"100.100.100.200/32", // Alibaba Cloud
		"168.63.129.16/32",   // Azure
		"192.0.0.192/32",     // Oracle Cloud, its older address
		"fd00:ec2::/32",      // AWS: fd00:ec2::254 and its other services
		"fd20:ce::254/128",   // Google Cloud
	} {
		if netip.MustParsePrefix(p).Contains(a) {
			return true
		}
	}
	return false // 169.254.169.254 and its neighbours are link-local
}

// carried returns the IPv4 address that a gateway makes of an IPv6 one: NAT64 (RFC 6052), 6to4 (RFC 3056), and the compatible form of old.
func carried(a netip.Addr) (netip.Addr, bool) {
	if !a.Is6() {
		return a, false
	}
	b := a.As16()
	for prefix, at := range map[string]int{"64:ff9b::/96": 12, "2002::/16": 2, "::/96": 12} {
		if netip.MustParsePrefix(prefix).Contains(a) && !a.IsLoopback() {
			return netip.AddrFrom4([4]byte(b[at : at+4])), true
		}
	}
	return a, false
}

func (g Guard) isOwn(a netip.Addr, port uint16) bool {
	return slices.ContainsFunc(g.Own, func(own netip.AddrPort) bool {
		return own.Port() == port && (plain(own.Addr()) == a || g.isLocal(plain(own.Addr())) && g.isLocal(a))
	})
}

// isLocal reports whether an address is one of this machine; all are when it does not know its own.
func (g Guard) isLocal(a netip.Addr) bool {
	if a.IsLoopback() || a.IsUnspecified() {
		return true
	}
	local := g.Local
	if local == nil {
		local = net.InterfaceAddrs
	}
	addresses, err := local()
	return err != nil || slices.ContainsFunc(addresses, func(l net.Addr) bool {
		p, err := netip.ParsePrefix(l.String())
		return err == nil && plain(p.Addr()) == a
	})
}
