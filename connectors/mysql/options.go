package mysql

import (
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/dial"
)

// Connection is how a server, or one of several servers of a cluster, is reached. There is no DSN: what is not here cannot be set.
type Connection struct {
	Host           string   `json:"host" doc:"Name or address of the server." example:"db1.example.org"`
	Port           int      `json:"port" doc:"TCP port of the server." minimum:"1" maximum:"65535"`
	Hosts          []string `json:"hosts" doc:"Servers of one cluster, each host or host:port, instead of host; the first that answers is used." example:"[\"db1:3306\", \"db2:3306\"]"`
	User           string   `json:"user" doc:"Account that logs in." example:"towpath"`
	Password       string   `json:"password" doc:"Password of the account." secret:"true"`
	Database       string   `json:"database" doc:"Database of datasets that are named without one." example:"shop"`
	TLS            dial.TLS `json:"tls" doc:"How the connection is encrypted and the server checked."`
	ConnectSeconds int      `json:"connect_seconds" doc:"Seconds to wait for a server to accept and log in, for each of hosts." minimum:"1" maximum:"600"`
	ReadSeconds    int      `json:"read_seconds" doc:"Seconds to wait for the next bytes of an answer before the connection counts as lost." minimum:"1" maximum:"86400"`
	Connections    int      `json:"connections" doc:"Most connections open at a time." minimum:"2" maximum:"1000"`
}

// ReadOptions is how datasets are read.
type ReadOptions struct {
	StatementSeconds int   `json:"statement_seconds" doc:"Seconds that one SELECT shall take at most; a shard is read by many. Shorter ones hold less undo, longer ones cost less." minimum:"1" maximum:"3600"`
	MaxCellBytes     int64 `json:"max_cell_bytes" doc:"Largest value in bytes; a row with a larger one is dirty (TOOBIG)." minimum:"1024" maximum:"1073741824"`
	PlanSeconds      int   `json:"plan_seconds" doc:"Seconds that cutting a table into shards may take; what is not cut by then is one shard, cut further while it is read." minimum:"1" maximum:"3600"`
}

// WriteOptions is how datasets are written.
type WriteOptions struct {
	LockSeconds int `json:"lock_seconds" doc:"Seconds to wait for a row that another session holds; then the transaction is given up and tried again." minimum:"1" maximum:"3600"`
}

func defaultConnection() Connection {
	return Connection{Host: "127.0.0.1", Port: 3306, TLS: dial.TLS{Mode: "auto"}, ConnectSeconds: 10, ReadSeconds: 600, Connections: 16}
}

func defaultReadOptions() ReadOptions {
	return ReadOptions{StatementSeconds: 10, MaxCellBytes: 64 << 20, PlanSeconds: 20}
}

func defaultWriteOptions() WriteOptions { return WriteOptions{LockSeconds: 30} }

// addresses returns host:port of the servers, in the order in which they are tried.
func (c *Connection) addresses() ([]string, error) {
	hosts := c.Hosts
	if len(hosts) == 0 {
		if c.Host == "" {
			return nil, connector.Errorf(connector.Config, "TOW-403", "no host is given").At("host")
		}
		return []string{net.JoinHostPort(c.Host, strconv.Itoa(c.Port))}, nil
	}
	return dial.Addresses(hosts, c.Port, "TOW-403")
}

// fromURL turns mysql://user:password@host:port/db.table into options and a dataset.
func fromURL(u *url.URL) (map[string]any, string, error) {
	options, err := dial.URL(u, "user, host, port and dataset", "TOW-419")
	if err != nil {
		return nil, "", err
	}
	return options, strings.Trim(u.Path, "/"), nil
}
