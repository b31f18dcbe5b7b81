package egress_test

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/towpath/towpath/internal/egress"
)

func TestDenied(t *testing.T) {
	t.Parallel()
	everything := []egress.Rule{rule(t, "0.0.0.0/0"), rule(t, "::/0")}
	for address, allowed := range map[string]bool{
		"10.1.2.3:5432":              true,
		"127.0.0.1:5432":             true,
		"127.0.0.1:8080":             false, // the server
		"127.5.5.5:8080":             false,
		"[::1]:8080":                 false,
		"[::ffff:127.0.0.1]:8080":    false,
		"192.0.2.10:8080":            false, // by its other address
		"[2001:db8::10]:8080":        false,
		"192.0.2.11:8080":            true,
		"198.51.100.7:5433":          false, // the control database
		"[::ffff:198.51.100.7]:5433": false,
		"[64:ff9b::c633:6407]:5433":  false,
		"198.51.100.7:5432":          true,
		"127.0.0.1:5433":             true,
		"0.0.0.0:80":                 false,
		"0.1.2.3:80":                 false,
		"[::]:80":                    false,
		"169.254.169.254:80":         false,
		"169.254.0.1:5432":           false,
		"[::ffff:169.254.169.254]:1": false,
		"[::169.254.169.254]:80":     false,
		"[64:ff9b::a9fe:a9fe]:80":    false,
		"[2002:a9fe:a9fe::1]:80":     false,
		"[64:ff9b::a01:203]:80":      true,
		"[fe80::1]:80":               false,
		"[fe80::1%lo]:80":            false,
		"224.0.0.1:80":               false,
		"239.1.2.3:80":               false,
		"[ff02::1]:80":               false,
		"255.255.255.255:80":         false,
		"[fd00:ec2::254]:80":         false,
		"[fd00:ec2::254%x]:80":       false,
		"[fd00:ec3::254]:80":         true,
		"[fd20:ce::254]:80":          false,
		"100.100.100.200:80":         false,
		"100.100.100.201:80":         true,
		"168.63.129.16:80":           false,
		"192.0.0.192:80":             false,
		"[2001:db8::1]:9200":         true,
	} {
		for name, allow := range map[string][]egress.Rule{"no list": nil, "a list of everything": everything} {
			g := egress.Guard{Own: []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:8080"), netip.MustParseAddrPort("198.51.100.7:5433")}, Allow: allow, Local: interfaces}
			if err := g.Check(netip.MustParseAddrPort(address)); (err == nil) != allowed {
				t.Errorf("%s, %s: %v", address, name, err)
			}
		}
	}
	if err := (egress.Guard{}).Check(netip.AddrPort{}); err == nil {
		t.Error("no address at all is connected to")
	}
	lost := egress.Guard{Own: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:8080")}, Local: func() ([]net.Addr, error) { return nil, errors.New("none") }}
	if lost.Check(netip.MustParseAddrPort("192.0.2.11:8080")) == nil || lost.Check(netip.MustParseAddrPort("192.0.2.11:8081")) != nil {
		t.Error("a machine that does not know its addresses refuses its port at all, and no other")
	}
}

func interfaces() ([]net.Addr, error) {
	return []net.Addr{&net.IPNet{IP: net.IPv4(192, 0, 2, 10), Mask: net.CIDRMask(24, 32)}, &net.IPNet{IP: net.ParseIP("2001:db8::10"), Mask: net.CIDRMask(64, 128)}}, nil
}

func TestAllow(t *testing.T) {
	t.Parallel()
	g := egress.Guard{Allow: []egress.Rule{rule(t, "10.0.0.0/8:5432"), rule(t, "[fd12::/16]:9200-9300"), rule(t, "192.0.2.1"), rule(t, "fd13::1")}}
	for address, allowed := range map[string]bool{
		"10.255.0.1:5432": true, "[::ffff:10.255.0.1]:5432": true, "10.255.0.1:5433": false, "11.0.0.1:5432": false,
		"[fd12::5]:9200": true, "[fd12::5]:9300": true, "[fd12::5]:9199": false, "[fd12::5]:9301": false, "[fd11::5]:9200": false,
		"192.0.2.1:1": true, "192.0.2.2:1": false, "[fd13::1]:65535": true, "127.0.0.1:5432": false,
	} {
		if err := g.Check(netip.MustParseAddrPort(address)); (err == nil) != allowed {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "10.0.0.0/33", "10.0.0.1/8", "db1", "db1:5432", "10.0.0.0/8:", "10.0.0.0/8:0", "10.0.0.0/8:9-8", "10.0.0.0/8:65536", "10.0.0.0/8:1-2-3",
		"[fd12::/16", "[fd12::/16]x", "[fd12::/16]:", "::ffff:10.0.0.0/104", "10.0.0.0/8 ", "2130706433", "fd12::1%eth0/64", "fd12::1%eth0"} {
		if r, err := egress.ParseRule(text); err == nil {
			t.Errorf("%q: got %v", text, r)
		}
	}
}

func rule(t *testing.T, text string) egress.Rule {
	t.Helper()
	r, err := egress.ParseRule(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
