package socket

import (
	"net"
	"syscall"
	"testing"
)

func TestWakeFor(t *testing.T) {
	t.Parallel()
	conn, _ := tcpPair(t)
	for _, want := range []int{64 << 10, 1} {
		if !WakeFor(conn, want) {
			t.Fatalf("the system does not wait for %d bytes", want)
		}
		raw, err := conn.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		var got int
		var asked error
		err = raw.Control(func(fd uintptr) { got, asked = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVLOWAT) })
		if err != nil || asked != nil || got != want {
			t.Errorf("it waits for %d bytes, want %d, %v, %v", got, want, err, asked)
		}
	}
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	if WakeFor(ours, 1) {
		t.Error("what is no TCP connection is said to wait")
	}
}
