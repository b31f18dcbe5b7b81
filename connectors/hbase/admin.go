package hbase

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/tsuna/gohbase"
	"github.com/tsuna/gohbase/hrpc"
	"github.com/tsuna/gohbase/pb"
	"google.golang.org/protobuf/proto"

	"github.com/towpath/towpath/connector"
)

// masterCall is a call to the master. The library's own calls know no namespaces; what carries them is taken from the simplest.
type masterCall struct {
	*hrpc.CreateTable
	name     string
	request  proto.Message
	response proto.Message
}

func (c masterCall) Name() string               { return c.name }
func (c masterCall) Description() string        { return c.name }
func (c masterCall) ToProto() proto.Message     { return c.request }
func (c masterCall) NewResponse() proto.Message { return c.response }

// admin is the library's client of the master, made when it is first needed. It cannot be closed (its Close panics), so its sockets are ours.
type admin struct {
	once   sync.Once
	client gohbase.AdminClient
	mu     sync.Mutex
	open   []net.Conn
	closed bool
}

// keep has close close a connection too.
func (a *admin) keep(conn net.Conn) (net.Conn, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		conn.Close()
		return nil, net.ErrClosed
	}
	a.open = append(a.open, conn)
	return conn, nil
}

func (a *admin) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	for _, conn := range a.open {
		_ = conn.Close() // most are closed already
	}
}

// master sends a call to the master and fills the response.
func (c *Client) master(ctx context.Context, doing, name string, request, response proto.Message) error {
	c.admin.once.Do(func() {
		c.admin.client = gohbase.NewAdminClient(strings.Join(c.quorum, ","), append(c.settings(), gohbase.RegionDialer(func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := c.sockets.dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return c.admin.keep(conn)
		}))...)
	})
	timed, cancel := c.sockets.within(ctx, c.patience())
	defer cancel()
	_, err := c.admin.client.(gohbase.RPCClient).SendRPC(masterCall{hrpc.NewCreateTable(timed, nil, nil), name, request, response})
	switch {
	case err == nil: // the library has filled the response
		return nil
	case c.sockets.refusal() != nil:
		return c.sockets.refusal()
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case timed.Err() != nil:
		return connector.Errorf(connector.Retry, "TOW-808", "%s: the master did not answer within %v", doing, c.patience())
	}
	return classify(err, "%s", doing)
}

// nameOf is a table's name in messages.
func nameOf(table string) *pb.TableName {
	namespace, qualifier, found := strings.Cut(table, ":")
	if !found {
		namespace, qualifier = defaultNamespace, table
	}
	return &pb.TableName{Namespace: []byte(namespace), Qualifier: []byte(qualifier)}
}

// shape is what a table is made of.
type shape struct {
	families map[string]string // with how many versions of a cell each keeps
	run      string            // that made it; "": none
}

// runAttribute is the attribute of a table that names the run which made it.
const runAttribute = "towpath.run"

// look returns the shape of a table; nil: there is no such table.
func (c *Client) look(ctx context.Context, table string) (*shape, error) {
	request := &pb.GetTableDescriptorsRequest{TableNames: []*pb.TableName{nameOf(table)}}
	response := &pb.GetTableDescriptorsResponse{}
	if err := c.master(ctx, "look up table "+table, "GetTableDescriptors", request, response); err != nil {
		return nil, err
	}
	if len(response.TableSchema) == 0 {
		return nil, nil
	}
	found := &shape{families: map[string]string{}}
	for _, a := range response.TableSchema[0].Attributes {
		if string(a.First) == runAttribute {
			found.run = string(a.Second)
		}
	}
	for _, f := range response.TableSchema[0].ColumnFamilies {
		found.families[string(f.Name)] = "1"
		for _, a := range f.Attributes {
			if string(a.First) == "VERSIONS" {
				found.families[string(f.Name)] = string(a.Second)
			}
		}
	}
	return found, nil
}

// design is a table that a run makes.
type design struct {
	Families   []string          `json:"families"`
	Attributes map[string]string `json:"attributes"` // of each family
	Splits     [][]byte          `json:"splits,omitempty"`
}

// create makes a table for a run and returns when its regions are open. One that is there is no error.
func (c *Client) create(ctx context.Context, table, run string, d *design) error {
	schema := &pb.TableSchema{TableName: nameOf(table), Attributes: []*pb.BytesBytesPair{{First: []byte(runAttribute), Second: []byte(run)}}}
	for _, name := range d.Families {
		f := &pb.ColumnFamilySchema{Name: []byte(name)}
		for k, v := range d.Attributes {
			f.Attributes = append(f.Attributes, &pb.BytesBytesPair{First: []byte(k), Second: []byte(v)})
		}
		schema.ColumnFamilies = append(schema.ColumnFamilies, f)
	}
	made := &pb.CreateTableResponse{}
	doing := "make table " + table
	err := c.master(ctx, doing, "CreateTable", &pb.CreateTableRequest{TableSchema: schema, SplitKeys: d.Splits}, made)
	if err != nil {
		if name, _ := exception(err); name == "TableExistsException" { // the answer to an earlier request was lost
			return c.check(ctx, table)
		}
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.patience())
	defer cancel()
	for {
		state := &pb.GetProcedureResultResponse{}
		if err := c.master(ctx, doing, "getProcedureResult", &pb.GetProcedureResultRequest{ProcId: made.ProcId}, state); err != nil {
			return err
		}
		switch {
		case state.GetException() != nil:
			g := state.GetException().GetGenericException()
			return classify(fmt.Errorf("%s%s:\n%s", javaPrefix, g.GetClassName(), g.GetMessage()), "%s", doing)
		case state.GetState() == pb.GetProcedureResultResponse_FINISHED:
			return nil
		}
		if pause(ctx, 100*time.Millisecond) != nil {
			return connector.Errorf(connector.Retry, "TOW-808", "%s: its regions are not open within %v", doing, c.patience())
		}
	}
}
