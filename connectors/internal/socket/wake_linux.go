package socket

import (
	"net"
	"syscall"
)

// WakeFor asks the system to wake the reader of a connection when so many bytes are there, instead of for each packet; false: it will not.
// Whoever reads then needs a deadline: less may be all that comes.
// https://man7.org/linux/man-pages/man7/socket.7.html (SO_RCVLOWAT)
func WakeFor(conn net.Conn, bytes int) bool {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return false // TLS reads records, whose lengths it knows
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	var refused error
	err = raw.Control(func(fd uintptr) {
		refused = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVLOWAT, bytes)
	})
	return err == nil && refused == nil
}
