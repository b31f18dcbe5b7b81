//go:build !linux

package socket

import "net"

// WakeFor asks the system to wake the reader of a connection when so many bytes are there, instead of for each packet; false: it will not.
func WakeFor(net.Conn, int) bool { return false }
