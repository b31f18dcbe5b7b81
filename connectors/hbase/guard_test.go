package hbase_test

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/hbase"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// TestGuardOfRegionServers: an address that ZooKeeper names and the guard refuses ends the call at once, and is not asked for again.
func TestGuardOfRegionServers(t *testing.T) {
	s := servers.Need(t, "hbase")
	zookeeper, asked := uint16(0), 0
	c, err := hbase.Connector().Open(t.Context(), connector.Connection{Options: connection(s, nil), Guard: func(a netip.AddrPort) error {
		if zookeeper == 0 {
			zookeeper = a.Port()
		}
		if a.Port() == zookeeper {
			return nil
		}
		asked++
		return errors.New("this address is not connected to")
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 2 {
		began := time.Now()
		for _, err := range c.Datasets(t.Context(), "*") {
			if e, ok := err.(*connector.Error); !ok || e.Code != "TOW-170" || e.Class != connector.Denied {
				t.Errorf("got %v", err)
			}
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("took %v", took)
		}
	}
	_, err = hbase.Connector().Count(t.Context(), c, "any", "")
	if e, ok := err.(*connector.Error); !ok || e.Code != "TOW-170" || asked != 1 {
		t.Errorf("got %v, asked %d times", err, asked)
	}
}
