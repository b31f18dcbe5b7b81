// Package socket sets what the standard library has no word for on the connections of connectors. It knows no protocol.
package socket
