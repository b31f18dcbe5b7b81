package egress

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/towpath/towpath/connector"
)

// Rule allows the addresses of a network, at all ports or at those from First to Last.
type Rule struct {
	Network     netip.Prefix
	First, Last uint16 // 0 and 0: all
}

// ParseRule reads 10.0.0.0/8, 10.1.2.3, 10.0.0.0/8:5432, [fd12::/16]:9200-9300.
func ParseRule(text string) (Rule, error) {
	network, ports, some := text, "", false
	if inner, ok := strings.CutPrefix(text, "["); ok {
		var rest string
		if network, rest, ok = strings.Cut(inner, "]"); !ok || rest != "" && rest[0] != ':' {
			return Rule{}, badRule(text)
		}
		ports, some = strings.CutPrefix(rest, ":")
	} else if strings.Count(text, ":") == 1 {
		network, ports, some = strings.Cut(text, ":")
	}
	var r Rule
	var err error
	if strings.Contains(network, "/") {
		r.Network, err = netip.ParsePrefix(network)
	} else {
		var a netip.Addr
		if a, err = netip.ParseAddr(network); err == nil && a.Zone() == "" {
			r.Network, err = a.Prefix(a.BitLen())
		}
	}
	if err != nil || r.Network.Addr().Is4In6() || !r.Network.IsValid() || r.Network != r.Network.Masked() {
		return Rule{}, badRule(text)
	}
	if !some {
		return r, nil
	}
	first, last, several := strings.Cut(ports, "-")
	if !several {
		last = first
	}
	from, err1 := strconv.ParseUint(first, 10, 16)
	to, err2 := strconv.ParseUint(last, 10, 16)
	if err1 != nil || err2 != nil || from == 0 || from > to {
		return Rule{}, badRule(text)
	}
	r.First, r.Last = uint16(from), uint16(to)
	return r, nil
}

func badRule(text string) error {
	return connector.Errorf(connector.Config, "TOW-172", "%q is no network that could be allowed", text).
		WithHint("Write 10.0.0.0/8, 10.0.0.0/8:5432 or [fd12::/16]:9200-9300; bits behind the prefix are 0.")
}

func (r Rule) fits(a netip.Addr, port uint16) bool {
	return r.Network.Contains(a) && (r.Last == 0 || r.First <= port && port <= r.Last)
}
