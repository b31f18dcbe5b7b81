package faults

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// proxy stands between the application and a server and breaks what goes through it.
type proxy struct {
	addr   string // to connect to
	server string
	ln     net.Listener
	pairs  sync.WaitGroup

	mu       sync.Mutex
	moved    *sync.Cond // mu; told when a switch is thrown
	open     map[*pair]bool
	closed   bool
	stalled  bool           // bytes wait
	stallAt  []byte         // a request that holds these bytes stalls all from there on
	cutAfter int64          // bytes from the server after which each connection ends; 0: never
	cuts     int            // how many connections cutAfter ends
	cutSent  int64          // bytes to the server after which each connection ends; 0: never
	sentCuts int            // how many connections cutSent ends
	dropping []byte         // the answer to a request that holds these bytes is dropped
	drops    int            // how many
	answered []byte         // what has to be in an answer that is dropped: before it came, the server may not have done what it was asked for
	losing   int            // how many requests that hold the bytes of dropping are lost instead, and never come to the server
	accepted int            // connections so far
	pace     int64          // bytes a second from the server, on each connection; 0: as they come
	sent     map[string]int // times that something was broken, by what
}

// pair is one connection through the proxy.
type pair struct {
	near, far net.Conn
	fromFar   int64
	toFar     int64
	drop      bool   // what comes from the server is kept, and ends the connection
	kept      []byte // of the answer that is dropped
}

func newProxy(t *testing.T, server string) *proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: ln.Addr().String(), server: server, ln: ln, open: map[*pair]bool{}, sent: map[string]int{}}
	p.moved = sync.NewCond(&p.mu)
	p.pairs.Go(p.accept)
	t.Cleanup(func() {
		ln.Close()
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		p.set(func() { p.stalled = false })
		p.cut()
		p.pairs.Wait()
	})
	return p
}

// set throws switches.
func (p *proxy) set(f func()) {
	p.mu.Lock()
	f()
	p.mu.Unlock()
	p.moved.Broadcast()
}

// cut ends all connections at once.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for x := range p.open {
		x.near.Close()
		x.far.Close()
	}
}

// connections is how many connections are open, and how many there were.
func (p *proxy) connections() (open, ever int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.open), p.accepted
}

// broke is how often something was broken.
func (p *proxy) broke(what string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent[what]
}

func (p *proxy) accept() {
	for {
		near, err := p.ln.Accept()
		if err != nil {
			return
		}
		p.pairs.Go(func() { p.serve(near) })
	}
}

func (p *proxy) serve(near net.Conn) {
	defer near.Close()
	far, err := net.DialTimeout("tcp", p.server, 5*time.Second)
	if err != nil {
		return
	}
	defer far.Close()
	x := &pair{near: near, far: far}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.open[x] = true
	p.accepted++
	p.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { p.pump(far, near, func(b []byte) (int, bool) { return p.request(x, b) }) })
	both.Go(func() { p.pump(pacer{near, p}, far, func(b []byte) (int, bool) { return p.answer(x, b) }) })
	both.Wait()
	p.mu.Lock()
	delete(p.open, x)
	p.mu.Unlock()
}

// pump moves bytes until one side ends or pass says that no more shall come; pass tells how many of them go through.
func (p *proxy) pump(to, from net.Conn, pass func(b []byte) (through int, more bool)) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		through, more := pass(buf[:n])
		if _, werr := to.Write(buf[:through]); werr != nil || err != nil || !more {
			return
		}
	}
}

// pacer writes at the proxy's pace. Without one, a small table is in the sockets' buffers before anything can be broken.
type pacer struct {
	net.Conn
	p *proxy
}

func (w pacer) Write(b []byte) (int, error) {
	w.p.mu.Lock()
	pace := w.p.pace
	w.p.mu.Unlock()
	if pace > 0 {
		<-time.After(time.Duration(len(b)) * time.Second / time.Duration(pace))
	}
	return w.Conn.Write(b)
}

// request sees bytes of the application.
func (p *proxy) request(x *pair, b []byte) (through int, more bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.stallAt) > 0 && bytes.Contains(b, p.stallAt) {
		p.stalled, p.stallAt = true, nil
		p.sent["stall"]++
	}
	if p.drops+p.losing > 0 && bytes.Contains(b, p.dropping) {
		if p.losing > 0 {
			p.losing--
			p.sent["lose"]++
			return 0, false
		}
		p.drops--
		x.drop = true
	}
	p.wait()
	return p.through(&x.toFar, len(b), p.cutSent, &p.sentCuts, "cut sent")
}

// answer sees bytes of the server.
func (p *proxy) answer(x *pair, b []byte) (through int, more bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if x.drop {
		x.kept = append(x.kept, b...)
		if len(b) == 0 || !bytes.Contains(x.kept, p.answered) {
			return 0, true
		}
		p.sent["drop"]++
		return 0, false
	}
	p.wait()
	return p.through(&x.fromFar, len(b), p.cutAfter, &p.cuts, "cut")
}

// through is how many of n further bytes of a connection go through when it ends before so many.
func (p *proxy) through(moved *int64, n int, cut int64, cuts *int, what string) (through int, more bool) {
	before := *moved
	*moved += int64(n)
	if cut == 0 || *cuts == 0 || before >= cut || *moved < cut {
		return n, true
	}
	*cuts--
	p.sent[what]++
	return int(cut - before - 1), false
}

// wait returns when nothing is stalled.
func (p *proxy) wait() {
	for p.stalled && !p.closed {
		p.moved.Wait()
	}
}

func TestProxy(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c) }()
		}
	}()
	p := newProxy(t, ln.Addr().String())
	ask := func(text string) string {
		c, err := net.Dial("tcp", p.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = io.WriteString(c, text)
		buf := make([]byte, len(text))
		n, _ := io.ReadFull(c, buf)
		return string(buf[:n])
	}
	if got := ask("hello"); got != "hello" {
		t.Errorf("got %q through", got)
	}
	p.set(func() { p.cutAfter, p.cuts = 3, 1 })
	if got := ask("hello"); got != "he" || p.broke("cut") != 1 {
		t.Errorf("got %q through a cut", got)
	}
	p.set(func() { p.dropping, p.drops = []byte("ell"), 1 })
	if got := ask("hello"); got != "" || p.broke("drop") != 1 {
		t.Errorf("got %q where the answer is dropped", got)
	}
	p.set(func() { p.dropping, p.answered, p.drops = []byte("ell"), []byte("!"), 1 })
	if got := ask("hello!"); got != "" || p.broke("drop") != 2 {
		t.Errorf("got %q where the answer is dropped once it is whole", got)
	}
	p.set(func() { p.losing = 1 })
	if got := ask("hello"); got != "" || p.broke("lose") != 1 {
		t.Errorf("got %q where the request is lost", got)
	}
	p.set(func() { p.cutSent, p.sentCuts = 3, 1 })
	if got := ask("hello"); got == "hello" || p.broke("cut sent") != 1 {
		t.Errorf("got %q through a cut request", got)
	}
	if got := ask("hello"); got != "hello" {
		t.Errorf("got %q afterwards", got)
	}
}
