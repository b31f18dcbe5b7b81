package socket

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// quickPair is a quick connection and the other end of it.
func quickPair(t *testing.T) (near, far net.Conn) {
	t.Helper()
	near, far = tcpPair(t)
	return Quick(near), far
}

// TestQuickMovesAll: what goes through arrives, both ways, in many calls.
func TestQuickMovesAll(t *testing.T) {
	t.Parallel()
	near, far := quickPair(t)
	sent := make([]byte, 6<<20+7)
	for i := range sent {
		sent[i] = byte(i*31 + i>>13)
	}
	echoed := make(chan error, 1)
	go func() {
		got, err := io.ReadAll(far)
		if err == nil && !bytes.Equal(got, sent) {
			err = errors.New("other bytes than were sent")
		}
		_, again := far.Write(got)
		echoed <- errors.Join(err, again, far.Close())
	}()
	if n, err := near.Write(sent); n != len(sent) || err != nil {
		t.Fatalf("%d bytes written, %v", n, err)
	}
	if err := near.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(near)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d bytes came back, %v", len(got), err)
	}
	if err := <-echoed; err != nil {
		t.Error(err)
	}
	if n, err := near.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("at the end: %d, %v", n, err)
	}
	if n, err := near.Read(nil); n != 0 || err != nil {
		t.Errorf("of nothing: %d, %v", n, err)
	}
}

// TestQuickWaits: a read waits for its first byte alone, and no longer than its deadline; so does a write that the other side does not
// take; another goroutine's deadline or end stops either at once.
func TestQuickWaits(t *testing.T) {
	t.Parallel()
	near, far := quickPair(t)
	b := make([]byte, 10)
	go func() { _, _ = far.Write([]byte("abc")) }()
	if n, err := near.Read(b); n != 3 || err != nil {
		t.Errorf("got %d bytes, %v", n, err)
	}
	for _, stop := range []func(){
		func() { _ = near.SetDeadline(time.Unix(1, 0)) },
		func() { near.Close() },
	} {
		_ = near.SetDeadline(time.Now().Add(50 * time.Millisecond))
		if _, err := near.Read(b); !errors.Is(err, os.ErrDeadlineExceeded) || !strings.HasPrefix(err.Error(), "read tcp 127.") {
			t.Errorf("read: %v", err)
		}
		n, err := near.Write(make([]byte, 64<<20))
		if !errors.Is(err, os.ErrDeadlineExceeded) || !strings.HasPrefix(err.Error(), "write tcp 127.") || n < 0 || n >= 64<<20 {
			t.Errorf("write: %d, %v", n, err)
		}
		_ = near.SetDeadline(time.Time{})
		var both sync.WaitGroup
		both.Go(func() {
			if _, err := near.Read(b); err == nil {
				t.Error("a read that was stopped has read")
			}
		})
		both.Go(func() {
			if _, err := near.Write(make([]byte, 64<<20)); err == nil {
				t.Error("a write that was stopped has written")
			}
		})
		runtime.Gosched() // so that they have mostly begun
		stop()
		both.Wait()
	}
	if _, err := near.Read(b); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}

// TestQuickSeesTheOtherEndGo: a connection that was reset is an error of reading and of writing, which says so.
func TestQuickSeesTheOtherEndGo(t *testing.T) {
	t.Parallel()
	near, far := quickPair(t)
	if err := far.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	far.Close()
	_ = near.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := near.Read(make([]byte, 1)); err == nil || !strings.HasSuffix(err.Error(), "read: connection reset by peer") {
		t.Errorf("read: %v", err)
	}
	if _, err := near.Write([]byte("x")); err == nil || !strings.HasSuffix(err.Error(), "write: broken pipe") {
		t.Errorf("write: %v", err)
	}
}

// TestQuickAllocatesNothing: neither reading nor writing makes an object.
func TestQuickAllocatesNothing(t *testing.T) {
	near, far := quickPair(t)
	go func() { _, _ = io.Copy(far, far) }()
	b := make([]byte, 100)
	allocs := testing.AllocsPerRun(100, func() {
		if _, err := near.Write(b); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(near, b); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 0 {
		t.Errorf("%v objects", allocs)
	}
}
