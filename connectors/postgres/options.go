package postgres

import (
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/dial"
)

// Connection is how a server, or one of several servers of a cluster, is reached. There is no connection string, and no variable
// or file of the machine is heeded: what is not here cannot be set.
type Connection struct {
	Host           string   `json:"host" doc:"Name or address of the server." example:"db1.example.org"`
	Port           int      `json:"port" doc:"TCP port of the server." minimum:"1" maximum:"65535"`
	Hosts          []string `json:"hosts" doc:"Servers of one cluster, each host or host:port, instead of host; the first that answers and plays the role is used." example:"[\"db1:5432\", \"db2:5432\"]"`
	Role           string   `json:"role" doc:"Which of the servers is read from: any; primary, the one that takes changes; replica, one that follows it. What is written goes to the primary always." enum:"any,primary,replica"`
	User           string   `json:"user" doc:"Role that logs in." example:"towpath"`
	Password       string   `json:"password" doc:"Password of the role." secret:"true"`
	Database       string   `json:"database" doc:"Database that is connected to." example:"shop"`
	Schema         string   `json:"schema" doc:"Schema of datasets that are named without one."`
	TLS            dial.TLS `json:"tls" doc:"How the connection is encrypted and the server checked."`
	ConnectSeconds int      `json:"connect_seconds" doc:"Seconds to wait for a server to accept and log in, for each of hosts." minimum:"1" maximum:"600"`
	ReadSeconds    int      `json:"read_seconds" doc:"Seconds to wait for the next bytes of an answer before the connection counts as lost." minimum:"1" maximum:"86400"`
	Connections    int      `json:"connections" doc:"Most connections open at a time." minimum:"2" maximum:"1000"`
}

// ReadOptions is how datasets are read.
type ReadOptions struct {
	StatementSeconds int    `json:"statement_seconds" doc:"Seconds that one SELECT shall take at most; a shard is read by many. Shorter ones keep fewer dead rows from being cleaned up, longer ones cost less." minimum:"1" maximum:"3600"`
	MaxCellBytes     int64  `json:"max_cell_bytes" doc:"Largest value in bytes; a row with a larger one is dirty (TOOBIG)." minimum:"1024" maximum:"1073741824"`
	PlanSeconds      int    `json:"plan_seconds" doc:"Seconds that cutting a table into shards may take; what is not cut by then is one shard, cut further while it is read." minimum:"1" maximum:"3600"`
	Oids             string `json:"oids" doc:"Columns of type oid: refuse, because what they stand for (large objects) would not be copied; number: copy the numbers." enum:"refuse,number"`
}

// WriteOptions is how datasets are written.
type WriteOptions struct {
	LockSeconds int `json:"lock_seconds" doc:"Seconds to wait for a lock that another program holds on the table or its rows." minimum:"1" maximum:"3600"`
}

func defaultConnection() Connection {
	return Connection{Host: "127.0.0.1", Port: 5432, Role: "any", Schema: "public", TLS: dial.TLS{Mode: "auto"}, ConnectSeconds: 10, ReadSeconds: 600, Connections: 16}
}

func defaultWriteOptions() WriteOptions { return WriteOptions{LockSeconds: 60} }

func defaultReadOptions() ReadOptions {
	return ReadOptions{StatementSeconds: 10, MaxCellBytes: 64 << 20, PlanSeconds: 20, Oids: "refuse"}
}

// addresses returns host:port of the servers, in the order in which they are tried.
func (c *Connection) addresses() ([]string, error) {
	hosts := c.Hosts
	if len(hosts) == 0 {
		if c.Host == "" {
			return nil, connector.Errorf(connector.Config, "TOW-703", "no host is given").At("host")
		}
		hosts = []string{net.JoinHostPort(strings.Trim(c.Host, "[]"), strconv.Itoa(c.Port))}
	}
	return dial.Addresses(hosts, c.Port, "TOW-703")
}

// checkNames looks for what no server could be asked with.
func (c *Connection) checkNames() error {
	switch {
	case c.Database == "":
		return connector.Errorf(connector.Config, "TOW-703", "no database is given").At("database")
	case c.User == "":
		return connector.Errorf(connector.Config, "TOW-703", "no user is given").At("user")
	case strings.Contains(c.User+c.Database+c.Schema, "\x00"):
		return connector.Errorf(connector.Config, "TOW-703", "user, database or schema holds the character U+0000")
	}
	return nil
}

// fromURL turns postgres://user:password@host:port/database/schema.table into options and a dataset.
func fromURL(u *url.URL) (map[string]any, string, error) {
	options, err := dial.URL(u, "user, host, port, database and dataset", "TOW-719")
	if err != nil {
		return nil, "", err
	}
	database, dataset, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	if database != "" {
		options["database"] = database
	}
	return options, strings.TrimSuffix(dataset, "/"), nil
}
