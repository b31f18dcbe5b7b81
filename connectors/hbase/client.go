package hbase

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/tsuna/gohbase"
	"github.com/tsuna/gohbase/hrpc"
	"github.com/tsuna/gohbase/pb"
	"google.golang.org/protobuf/proto"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/dial"
)

// Client is an open connection to a cluster.
type Client struct {
	options Connection
	quorum  []string // host:port
	cluster string   // its id
	sockets *sockets
	hbase   gohbase.Client
	admin   admin

	behind   sync.WaitGroup // scanners that are being closed
	reported reported
}

func open(ctx context.Context, o Connection, by *net.Dialer) (*Client, error) {
	if o.Authentication != "simple" {
		return nil, connector.Errorf(connector.Config, "TOW-807", "Kerberos is not spoken").At("connection.authentication").
			WithHint("Reach the cluster through one that allows simple authentication, or export the table there.")
	}
	quorum, err := dial.Addresses(o.Quorum, 2181, "TOW-800")
	if err != nil {
		return nil, err
	}
	c := &Client{options: o, quorum: quorum, sockets: newSockets(by)}
	if err := c.greet(ctx); err != nil {
		return nil, err
	}
	c.hbase = gohbase.NewClient(strings.Join(quorum, ","), c.settings()...)
	return c, nil
}

// settings are those of the library's clients.
func (c *Client) settings() []gohbase.Option {
	return []gohbase.Option{
		gohbase.ZookeeperRoot(c.options.Root),
		gohbase.ZookeeperTimeout(time.Duration(c.options.ConnectSeconds) * time.Second),
		gohbase.RegionLookupTimeout(c.patience()),
		gohbase.RegionReadTimeout(c.patience()),
		gohbase.EffectiveUser(c.options.User),
		gohbase.ZooKeeperDialer(c.sockets.dial),
		gohbase.RegionDialer(c.sockets.dial),
		gohbase.Logger(slog.New(slog.DiscardHandler)), // what matters comes back as errors
	}
}

// patience is how long one call may take.
func (c *Client) patience() time.Duration {
	return time.Duration(c.options.AnswerSeconds) * time.Second
}

// greet asks ZooKeeper for the cluster's id. The library itself would ask an unreachable quorum for ever.
func (c *Client) greet(ctx context.Context) error {
	ctx, cancel := c.sockets.within(ctx, time.Duration(c.options.ConnectSeconds)*time.Second)
	defer cancel()
	type answer struct {
		data []byte
		err  error
	}
	answered := make(chan answer, 1)
	go func() { // looking up names and asking know no context
		conn, _, err := zk.Connect(c.quorum, 10*time.Second, zk.WithLogInfo(false), zk.WithLogger(silent{}), zk.WithDialer(func(network, address string, wait time.Duration) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, wait)
			defer cancel()
			return c.sockets.dial(ctx, network, address)
		}))
		if err != nil {
			answered <- answer{err: err}
			return
		}
		defer conn.Close()
		stop := context.AfterFunc(ctx, conn.Close) // ends Get
		defer stop()
		data, _, err := conn.Get(c.options.Root + "/hbaseid")
		answered <- answer{data, err}
	}()
	quorum := strings.Join(c.quorum, ", ")
	select {
	case a := <-answered:
		if errors.Is(a.err, zk.ErrNoNode) {
			return connector.Errorf(connector.Missing, "TOW-802", "ZooKeeper at %s knows no HBase under %s", quorum, c.options.Root).
				At("connection.root").WithHint("Set root to zookeeper.znode.parent of the cluster's hbase-site.xml; where HBase never ran there is none.")
		}
		if refused := c.sockets.refusal(); refused != nil {
			return refused
		}
		if a.err != nil {
			return connector.Errorf(connector.Retry, "TOW-801", "ask ZooKeeper at %s: %w", quorum, a.err)
		}
		return c.identify(a.data)
	case <-ctx.Done():
		if refused := c.sockets.refusal(); refused != nil {
			return refused
		}
		if cause := context.Cause(ctx); !errors.Is(cause, context.DeadlineExceeded) {
			return cause
		}
		return connector.Errorf(connector.Retry, "TOW-801", "ZooKeeper at %s did not answer within %d s", quorum, c.options.ConnectSeconds).
			At("connection.quorum").WithHint("Check hosts and port, and that this machine may reach them.")
	}
}

// silent takes what the ZooKeeper client logs: each failed attempt.
type silent struct{}

func (silent) Printf(string, ...any) {}

// pbMagic stands before a protobuf message in ZooKeeper and in hbase:meta.
var pbMagic = []byte("PBUF")

// identify reads the cluster's id from its node: a byte 0xFF, the length of a server's name, that name, PBUF and a ClusterId
// (org.apache.hadoop.hbase.zookeeper.RecoverableZooKeeper).
func (c *Client) identify(data []byte) error {
	var id pb.ClusterId
	if len(data) > 5 && data[0] == 0xFF {
		if n := int64(binary.BigEndian.Uint32(data[1:])); n <= int64(len(data)-5) {
			data = data[5+n:]
		}
	}
	body, ok := bytes.CutPrefix(data, pbMagic)
	if !ok || proto.Unmarshal(body, &id) != nil || id.GetClusterId() == "" {
		return connector.Errorf(connector.Missing, "TOW-802", "node %s/hbaseid of ZooKeeper holds no cluster id", c.options.Root).At("connection.root")
	}
	c.cluster = id.GetClusterId()
	return nil
}

// Identity is the cluster's own id.
func (c *Client) Identity(context.Context) (string, error) { return "hbase:" + c.cluster, nil }

// Datasets yields the tables that are there, in their order.
func (c *Client) Datasets(ctx context.Context, pattern string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		var names []string
		err := c.meta(ctx, nil, nil, "table", func(x cell) error {
			if string(x.qualifier) == "state" && matches(pattern, string(x.row)) {
				names = append(names, string(x.row))
			}
			return nil
		})
		if err != nil {
			yield("", classify(err, "list tables"))
			return
		}
		slices.Sort(names)
		for _, name := range names {
			if !yield(name, nil) {
				return
			}
		}
	}
}

// Close gives the sockets back.
func (c *Client) Close() error {
	c.behind.Wait() // for closeTime at most
	c.hbase.Close()
	c.admin.close()
	return nil
}

// send sends a call and waits for its answer, patience long at most; it ends with ctx.
func (c *Client) send(ctx context.Context, doing string, within time.Duration, prepare func(ctx context.Context) (hrpc.Call, error)) (proto.Message, error) {
	timed, cancel := c.sockets.within(ctx, within)
	defer cancel()
	call, err := prepare(timed)
	if err != nil {
		return nil, classify(err, "%s", doing)
	}
	answer, err := c.hbase.(gohbase.RPCClient).SendRPC(call)
	if err == nil {
		return answer, nil
	}
	if refused := c.sockets.refusal(); refused != nil {
		return nil, refused
	}
	if ctx.Err() == nil && timed.Err() != nil {
		return nil, connector.Errorf(connector.Retry, "TOW-808", "%s: no answer within %v", doing, within).
			WithHint("Look whether the region server that has the rows lives; raise connection.answer_seconds where regions take longer to move.")
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return nil, classify(err, "%s", doing)
}
