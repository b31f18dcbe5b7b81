package postgres

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"net"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/pool"
)

// Client is a connection to one database: a pool of sessions, those that read and those that write apart. It is safe for
// concurrent use.
type Client struct {
	dialer *dialer
	pool   *pool.Pool[*session]
}

// open makes the client and logs in once, so that a wrong connection is known at once.
func open(ctx context.Context, o Connection, by *net.Dialer) (*Client, error) {
	d, err := newDialer(o, by)
	if err != nil {
		return nil, err
	}
	c := &Client{dialer: d, pool: pool.New[*session](o.Connections)}
	s, err := c.take(ctx, reads)
	if err != nil {
		return nil, err
	}
	c.give(s)
	return c, nil
}

// take returns a session; it waits while as many as may be are in use.
func (c *Client) take(ctx context.Context, u use) (*session, error) { return c.takeAt(ctx, u, "") }

// takeAt is take for a session with the server at the address; "": whichever answers and plays the role.
func (c *Client) takeAt(ctx context.Context, u use, address string) (*session, error) {
	fits := func(s *session) bool { return s.use == u && (address == "" || s.address == address) }
	s, err := c.pool.Take(ctx, fits, func(ctx context.Context) (*session, error) {
		if address == "" {
			return c.dialer.open(ctx, u)
		}
		return c.dialer.openAt(ctx, address, u)
	})
	if err == pool.ErrClosed {
		return nil, connector.Errorf(connector.Config, "TOW-728", "use a connection that is closed")
	}
	return s, err
}

// give takes a session back. One with an answer left unread, a transaction left open, or stopped, is closed, and so is one in which
// text of the job ran.
func (c *Client) give(s *session) {
	c.pool.Give(s, !s.Broken && s.state == stateIdle && !s.Stopped() && !s.foreign)
}

// abandon ends a session in the middle of a result or a statement. The server would notice a closed connection only when it next
// sends a row, so it is also told to stop, for as long as nobody has to wait for it.
func (c *Client) abandon(s *session) {
	s.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	_ = s.login.CancelRequest(ctx) // goes to the very server of the session; it has no answer
	c.pool.Leave()
}

// with runs f on a session that reads and ends with ctx.
func (c *Client) with(ctx context.Context, f func(*session) error) error {
	return c.withSession(ctx, reads, f)
}

func (c *Client) withSession(ctx context.Context, u use, f func(*session) error) error {
	s, err := c.take(ctx, u)
	if err != nil {
		return err
	}
	release := s.until(ctx)
	err = f(s)
	release()
	if s.Stopped() {
		c.abandon(s)
	} else {
		c.give(s)
	}
	if err != nil && ctx.Err() != nil && errors.Is(err, errStopped) {
		return context.Cause(ctx)
	}
	return err
}

// Identity returns the system identifier of the cluster, which its physical replicas share, and the name of the database. Where the
// server keeps the identifier to itself, a hash of address, port and number of the database stands for it.
func (c *Client) Identity(ctx context.Context) (id string, err error) {
	err = c.with(ctx, func(s *session) error {
		rows, err := s.query("SELECT system_identifier, current_database() FROM pg_control_system()")
		if err == nil && len(rows) == 1 {
			id = rows[0][0].text + "/" + rows[0][1].text
			return nil
		}
		if _, refused := errors.AsType[*serverError](err); !refused {
			return classify(err, "identify server")
		}
		rows, err = s.query("SELECT concat_ws(' ', inet_server_addr(), inet_server_port(), oid), current_database() FROM pg_database WHERE datname = current_database()")
		if err != nil || len(rows) != 1 {
			return classify(err, "identify server")
		}
		id = fmt.Sprintf("%x", sha256.Sum256([]byte(rows[0][0].text)))[:32] + "/" + rows[0][1].text
		return nil
	})
	return id, err
}

// Datasets yields the tables and views that match schema.table, in which * stands for any characters of one part; a pattern without
// a dot is of the connection's schema. Partitions come with their table; tables that belong to an extension, and our own, are left out.
func (c *Client) Datasets(ctx context.Context, pattern string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		var names []tableName
		err := c.with(ctx, func(s *session) (err error) {
			names, err = s.datasets(c.dialer.options.Schema, pattern)
			return err
		})
		if err != nil {
			yield("", err)
			return
		}
		for _, n := range names {
			if !yield(n.String(), nil) {
				return
			}
		}
	}
}

// count counts the rows of a table that the condition selects.
func (c *Client) count(ctx context.Context, dataset, where string) (n int64, err error) {
	name, err := parseName(dataset, c.dialer.options.Schema)
	if err != nil {
		return 0, err
	}
	text := "SELECT count(*) FROM " + name.quoted()
	if where != "" {
		text += " WHERE (" + where + "\n)"
	}
	err = c.with(ctx, func(s *session) error {
		if where != "" {
			if err := s.admit(c.dialer.options.Schema, true); err != nil {
				return classify(err, "count "+name.String())
			}
		}
		rows, err := s.inParallel(text)
		if err != nil {
			return classifyRead(err, "count "+name.String())
		}
		if len(rows) != 1 || len(rows[0]) != 1 {
			return classify(errMalformed, "count "+name.String())
		}
		n = rows[0][0].int64()
		return nil
	})
	return n, err
}

// inParallel runs a query whose rows may come in any order, with as many processes as the server gives one.
func (s *session) inParallel(text string) ([][]cell, error) {
	if err := s.exec("BEGIN; SET LOCAL max_parallel_workers_per_gather TO DEFAULT"); err != nil {
		return nil, err
	}
	rows, err := s.query(text)
	if err != nil {
		return nil, err // with a session in a transaction that failed, which is closed
	}
	return rows, s.exec("COMMIT")
}

// Close closes the sessions that are not in use; those in use close when they are given back.
func (c *Client) Close() error {
	c.pool.Close()
	return nil
}
