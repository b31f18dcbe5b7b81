package servertest

import (
	"context"
	"testing"

	"github.com/towpath/towpath/proofs/kill"
	"github.com/towpath/towpath/proofs/kill/killtest"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// The server itself is killed, which rows come from and go to. Every other run pauses over it.
func TestRunsOutliveServers(t *testing.T) {
	server := servers.Private(t, "mariadb")
	runs := 0
	scene, err := kill.NewTables(t.Context(), "mysql-replace", kill.TablesConfig{MySQL: reached(t, server.Server), Prefix: prefix(), Rows: killtest.SmallRows,
		Settings: func() string {
			runs++
			return kill.Paced(runs%2 == 0)
		}})
	v := kill.Victim{Address: server.Addr(), Kill: func(context.Context) error {
		server.Kill(t)
		return nil
	}, Start: func(context.Context) error {
		server.Start(t)
		return nil
	}}
	killtest.Outlives(t, killtest.Harness(t), dropped(t, scene, err), v, 3)
}
