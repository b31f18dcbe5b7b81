package socket

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// pipe is a reader and the other end of its connection.
func pipe(t *testing.T, aheadBytes int) (*Conn, net.Conn) {
	t.Helper()
	near, far := net.Pipe()
	t.Cleanup(func() { near.Close(); far.Close() })
	return New(near, near, 5*time.Second, aheadBytes), far
}

// tcpPair is a TCP connection on this machine, and the other end of it.
func tcpPair(t *testing.T) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if near, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close() })
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	return near, far
}

// TestViews: what comes is returned piece by piece, whatever the sizes; the buffer grows for what is huge and is given back behind it.
func TestViews(t *testing.T) {
	t.Parallel()
	for _, ahead := range []int{0, 16 << 20} {
		r, far := pipe(t, ahead)
		sizes := []int{10, 9 << 20, 3, usual - 5, usual, 0, 1 << 20, 7, usual + 1, 1}
		var sent []byte
		for i, n := range sizes {
			for k := range n {
				sent = append(sent, byte(i*31+k*7))
			}
		}
		go func() { _, _ = far.Write(sent) }()
		at := 0
		for i, n := range sizes {
			b, err := r.Next(n)
			if err != nil || !bytes.Equal(b, sent[at:at+n]) || cap(b) != n {
				t.Fatalf("piece %d: got %d bytes, %v, want %d", i, len(b), err, n)
			}
			at += n
		}
		if len(r.buf) > most {
			t.Errorf("%d bytes are kept", len(r.buf))
		}
	}
}

// TestClaimedLengths: memory is taken as bytes come, whatever length is asked for.
func TestClaimedLengths(t *testing.T) {
	t.Parallel()
	r, far := pipe(t, 0)
	go func() {
		_, _ = far.Write(make([]byte, 1<<20))
		far.Close()
	}()
	if _, err := r.Next(1 << 30); !errors.Is(err, io.ErrUnexpectedEOF) || err.Error() != "read from server: unexpected EOF" {
		t.Errorf("got %v", err)
	}
	if len(r.buf) > 8<<20 {
		t.Errorf("%d bytes were set aside", len(r.buf))
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	r, far := pipe(t, 0)
	r.SetTimeout(50 * time.Millisecond)
	if _, err := r.Next(1); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	_ = r.Net.SetDeadline(time.Time{})
	r.SetTimeout(0)
	go func() { _, _ = far.Write([]byte{7}) }()
	if b, err := r.Next(1); err != nil || b[0] != 7 {
		t.Errorf("got %v, %v", b, err)
	}
}

// TestBatches: less than a batch is waited for only so long, and whoever stops the read is heard at once.
func TestBatches(t *testing.T) {
	t.Parallel()
	ours, theirs := tcpPair(t)
	r := New(ours, ours, time.Minute, 0)
	if r.Batch(); runtime.GOOS == "linux" && !r.batched {
		t.Fatal("rows do not come in batches")
	}
	if _, err := theirs.Write([]byte("abc")); err != nil {
		t.Fatal(err)
	}
	if b, err := r.Next(3); err != nil || string(b) != "abc" {
		t.Fatalf("got %q, %v", b, err)
	}
	r.Batch()
	stopped := make(chan error, 1)
	go func() {
		_, err := r.Next(1)
		stopped <- err
	}()
	r.Stop()
	if err := <-stopped; !errors.Is(err, ErrStopped) {
		t.Errorf("a read that was stopped ends with %v", err)
	}
	if _, err := r.Next(1); !errors.Is(err, ErrStopped) {
		t.Errorf("a read behind it ends with %v", err)
	}
}

func TestUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		calls := 0
		release := Until(ctx, func() { calls++ })
		release()
		cancel()
		synctest.Wait()
		if calls != 0 {
			t.Error("what was released is stopped")
		}
		done := false
		release = Until(ctx, func() {
			time.Sleep(time.Second)
			done = true
		})
		synctest.Wait()
		if release(); !done {
			t.Error("a stop that had begun is under way behind the release")
		}
	})
}
