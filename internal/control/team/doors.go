package team

import (
	"context"
	"math"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// hashesAtOnce bounds the memory that hashes of passwords take: each is 64 MiB.
const hashesAtOnce = 2

// pace is how often something may be tried.
type pace struct {
	every time.Duration // once the burst is used up
	burst int
}

// The paces of sign-ins: of one account, whoever tries, and from one address, whatever it tries.
var (
	perAccount = pace{30 * time.Second, 5}
	perAddress = pace{3 * time.Second, 20}
)

// doors bound what strangers can try and cost. The zero value is right for use.
type doors struct {
	mu                  sync.Mutex
	accounts, addresses buckets

	once    sync.Once
	hashing chan struct{}
}

// calculate runs one of few calculations that may run at once.
func (d *doors) calculate(ctx context.Context, do func()) error {
	d.once.Do(func() { d.hashing = make(chan struct{}, hashesAtOnce) })
	select {
	case d.hashing <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-d.hashing }()
	do()
	return nil
}

// try counts an attempt. wait > 0: it comes too early by so much; first: it is the first to do so since one was let through. A name or address "" is not
// counted.
func (d *doors) try(account, address string, now time.Time) (wait time.Duration, first bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if address != "" {
		wait, first = d.addresses.of(network(address), perAddress).try(now)
	}
	if wait == 0 && account != "" {
		wait, first = d.accounts.of(account, perAccount).try(now)
	}
	return wait, first
}

// forget lets an account be tried anew: somebody has shown its password.
func (d *doors) forget(account string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.accounts.young, account)
	delete(d.accounts.old, account)
}

// network is what one person's addresses have in common: of IPv6 the /64 that a line is given.
func network(address string) string {
	if port, err := netip.ParseAddrPort(address); err == nil {
		address = port.Addr().String()
	}
	a, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	if a = a.Unmap(); a.Is4() {
		return a.String()
	}
	return netip.PrefixFrom(a.WithZone(""), 64).Masked().String()
}

// bucket is what is left of a pace for one name.
type bucket struct {
	left   *rate.Limiter
	closed bool // the last try came too early
}

func (b *bucket) try(now time.Time) (wait time.Duration, first bool) {
	if b.left.AllowN(now, 1) {
		b.closed = false
		return 0, false
	}
	first, b.closed = !b.closed, true
	seconds := (1 - b.left.TokensAt(now)) / float64(b.left.Limit())
	return max(time.Duration(math.Ceil(seconds))*time.Second, time.Second), first
}

// generation is how many names are kept, and as many of those that came before.
const generation = 4096

// buckets forget names that were not tried for long: memory stays bounded, whoever invents names.
type buckets struct{ young, old map[string]*bucket }

func (b *buckets) of(name string, p pace) *bucket {
	if x, ok := b.young[name]; ok {
		return x
	}
	x, ok := b.old[name]
	if !ok {
		x = &bucket{left: rate.NewLimiter(rate.Every(p.every), p.burst)}
	}
	if b.young == nil || len(b.young) >= generation {
		b.old, b.young = b.young, map[string]*bucket{}
	}
	b.young[name] = x
	return x
}
