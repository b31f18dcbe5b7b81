//go:build !linux

package socket

import "net"

// Quick returns the connection as it is.
func Quick(conn net.Conn) net.Conn { return conn }
