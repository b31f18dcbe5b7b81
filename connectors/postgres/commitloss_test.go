package postgres

import (
	"bytes"
	"net"
	"sync/atomic"
	"testing"
)

// commitLoser stands between client and server and loses a commit, or the answer to it.
type commitLoser struct {
	port  int
	armed atomic.Int32 // loseAnswer or loseCommit
}

const (
	loseAnswer = 1
	loseCommit = 2
)

func newCommitLoser(t *testing.T, address string) *commitLoser {
	l := &commitLoser{}
	l.port = listen(t, func(near net.Conn) {
		far, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		defer far.Close()
		var lost atomic.Bool
		done := make(chan struct{})
		go func() {
			defer close(done)
			answers(near, far, &lost)
		}()
		l.requests(far, near, &lost)
		far.Close()
		near.Close()
		<-done
	})
	return l
}

// answers hands on what the server says, until its answer is to be lost.
func answers(near, far net.Conn, lost *atomic.Bool) {
	buf := make([]byte, 64<<10)
	for {
		n, err := far.Read(buf)
		if err != nil || lost.Load() {
			near.Close()
			return
		}
		if _, err := near.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (l *commitLoser) requests(far, near net.Conn, lost *atomic.Bool) {
	buf := make([]byte, 64<<10)
	for {
		n, err := near.Read(buf)
		if err != nil {
			return
		}
		if bytes.HasSuffix(buf[:n], []byte("COMMIT\x00")) {
			if what := l.armed.Swap(0); what > 0 {
				lost.Store(true)
				if what == loseCommit {
					return
				}
			}
		}
		if _, err := far.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (l *commitLoser) arm(applied bool) {
	if applied {
		l.armed.Store(loseAnswer)
	} else {
		l.armed.Store(loseCommit)
	}
}
