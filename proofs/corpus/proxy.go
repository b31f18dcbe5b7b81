package corpus

import (
	"net"
	"sync"
	"time"
)

// proxy stands before a server and cuts connections.
type proxy struct {
	addr   string // to connect to
	server string
	ln     net.Listener
	work   sync.WaitGroup

	mu     sync.Mutex
	open   map[net.Conn]bool
	closed bool
	after  int  // requests' bytes that still pass before all is cut; -1: any
	drop   bool // the next answer is not handed on: all is cut
}

func newProxy(server string) (*proxy, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{addr: ln.Addr().String(), server: server, ln: ln, open: map[net.Conn]bool{}, after: -1}
	p.work.Go(p.accept)
	return p, nil
}

// close ends all connections and waits for what serves them.
func (p *proxy) close() {
	p.ln.Close()
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.cut()
	p.work.Wait()
}

// cutAfter cuts all connections once so many bytes of requests have passed.
func (p *proxy) cutAfter(bytes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.after = bytes
}

// dropAnswer cuts all connections in the place of the next answer.
func (p *proxy) dropAnswer() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop = true
}

// cut cuts all connections, and what was to be cut later is not.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cutLocked()
}

func (p *proxy) cutLocked() {
	p.after, p.drop = -1, false
	for c := range p.open {
		c.Close()
	}
}

func (p *proxy) accept() {
	for {
		near, err := p.ln.Accept()
		if err != nil {
			return
		}
		p.work.Go(func() { p.serve(near) })
	}
}

func (p *proxy) serve(near net.Conn) {
	defer near.Close()
	far, err := net.DialTimeout("tcp", p.server, 5*time.Second)
	if err != nil {
		return
	}
	defer far.Close()
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.open[near], p.open[far] = true, true
	p.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { pump(far, near, p.request) })
	both.Go(func() { pump(near, far, p.answer) })
	both.Wait()
	p.mu.Lock()
	delete(p.open, near)
	delete(p.open, far)
	p.mu.Unlock()
}

// pump moves bytes until one side ends or pass lets fewer through than came.
func pump(to, from net.Conn, pass func(n int) int) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		through := pass(n)
		if _, werr := to.Write(buf[:through]); werr != nil || err != nil || through < n {
			return
		}
	}
}

func (p *proxy) request(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.after < 0:
		return n
	case n < p.after:
		p.after -= n
		return n
	}
	through := p.after
	// the rest of the connections ends with this one, which the caller closes once these bytes are on their way
	p.after, p.drop = -1, false
	return through
}

func (p *proxy) answer(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drop && n > 0 {
		p.cutLocked()
		return 0
	}
	return n
}
