package all_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/all"
	"github.com/towpath/towpath/internal/egress"
)

// options are those of a connection to the address, by connector; "": its connections open no socket.
func options(address string) map[string]string {
	host, port, _ := strings.Cut(address, ":")
	sql := fmt.Sprintf(`{"host": %q, "port": %s, "user": "u", "password": "p"`, host, port)
	search := fmt.Sprintf(`{"urls": ["http://%s"]}`, address)
	return map[string]string{"mysql": sql + "}", "postgres": sql + `, "database": "d"}`, "elasticsearch": search, "opensearch": search,
		"hbase": fmt.Sprintf(`{"quorum": [%q], "connect_seconds": 60}`, address), "sqlite": ""}
}

// TestGuards: no connector connects to an address that the guard refuses, however it is written, and none tries twice.
func TestGuards(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var taken atomic.Int32
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			taken.Add(1)
			c.Close()
		}
	}()
	own := l.Addr().(*net.TCPAddr).AddrPort()
	t.Setenv("HTTP_PROXY", "http://"+own.String())
	t.Setenv("HTTPS_PROXY", "http://"+own.String())
	for _, host := range []string{"127.0.0.1", "localhost", "127.9.9.9"} {
		at := options(fmt.Sprintf("%s:%d", host, own.Port()))
		for _, c := range all.Connectors().All() {
			given, known := at[c.Name]
			if !known {
				t.Errorf("%s: this test does not know how it is connected to", c.Name)
			}
			if given == "" {
				continue
			}
			asked := 0
			guard := func(a netip.AddrPort) error {
				asked++
				return egress.Guard{Own: []netip.AddrPort{own}}.Check(a)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			client, err := c.Open(ctx, connector.Connection{Name: "shop", Options: json.RawMessage(given), Guard: guard})
			if ctx.Err() != nil || err == nil {
				t.Fatalf("%s at %s: got %v, %v", c.Name, host, client, err)
			}
			cancel()
			e, ok := err.(*connector.Error)
			if !ok || e.Class != connector.Denied || e.Code != "TOW-170" || !strings.Contains(e.Error(), fmt.Sprintf(":%d: this address is not connected to", own.Port())) || e.Hint == "" {
				t.Errorf("%s at %s: got %v", c.Name, host, err)
			}
			if most := map[string]int{"localhost": 2}[host] + 1; asked == 0 || asked > most {
				t.Errorf("%s at %s: asked %d times", c.Name, host, asked)
			}
		}
	}
	l.Close()
	<-done
	if n := taken.Load(); n > 0 {
		t.Errorf("%d sockets were opened", n)
	}
}
