// Package ports finds ports for test servers.
package ports

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports are looked for between those of the shared test servers and those that a kernel gives to clients, of which one might be taken
// before its server starts.
const (
	lowest  = 23_000
	highest = 31_900
)

// Free returns a port that is free on 127.0.0.1 together with those 100 and 101 above it: search servers use the first between nodes,
// HBase has its master and its region server there.
func Free() (int, error) {
	for range 1000 {
		port := lowest + rand.IntN(highest-lowest)
		if unused(port) && unused(port+100) && unused(port+101) {
			return port, nil
		}
	}
	return 0, errors.New("find a free port: none in 1000 tries")
}

func unused(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err == nil {
		l.Close()
	}
	return err == nil
}
