//go:build !linux

package postgres

import "net"

// wakeFor asks the system to wake the reader of a connection when so many bytes are there; false: it will not.
func wakeFor(net.Conn, int) bool { return false }
