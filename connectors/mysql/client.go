package mysql

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/pool"
)

// Client is a connection to one server: a pool of sessions, those that read and those that write apart. It is safe for
// concurrent use.
type Client struct {
	dialer *dialer
	pool   *pool.Pool[*session]
	// caseless: names of databases and tables are one whatever their case. https://dev.mysql.com/doc/refman/8.4/en/identifier-case-sensitivity.html
	caseless bool

	mu        sync.Mutex
	known     map[string]string    // the server's collations, each with its charset; nil: not asked for yet
	snapshots map[string]*snapshot // by token
}

// open makes the client and logs in once, so that a wrong connection is known at once.
func open(ctx context.Context, o Connection, by *net.Dialer) (*Client, error) {
	d, err := newDialer(o, by)
	if err != nil {
		return nil, err
	}
	c := &Client{dialer: d, pool: pool.New[*session](o.Connections), snapshots: map[string]*snapshot{}}
	err = c.with(ctx, func(s *session) error {
		v, err := s.variables("lower_case_table_names")
		c.caseless = v["lower_case_table_names"] == "1" || v["lower_case_table_names"] == "2"
		return classify(err, "open "+s.address)
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// take returns a session; it waits while as many as may be are in use.
func (c *Client) take(ctx context.Context, u use) (*session, error) {
	s, err := c.pool.Take(ctx, func(s *session) bool { return s.use == u }, func(ctx context.Context) (*session, error) { return c.dialer.open(ctx, u) })
	if err == pool.ErrClosed {
		return nil, connector.Errorf(connector.Config, "TOW-428", "use a connection that is closed")
	}
	return s, err
}

// give takes a session back; one with an answer left unread, a transaction left open, or stopped, is closed.
func (c *Client) give(s *session) { c.pool.Give(s, !s.Broken && !s.within && !s.Stopped()) }

// abandon ends a session in the middle of a result or a statement. The server would notice a closed connection only when it next sends a
// row, so it is also told to stop, for as long as nobody has to wait for it.
func (c *Client) abandon(s *session) {
	s.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	k, found := c.pool.Swap(func(k *session) bool { return sameServer(k, s) })
	if !found {
		var err error
		if k, err = c.dialer.openAt(ctx, s.address, reads); err != nil {
			c.pool.Leave()
			return
		}
	}
	release := k.until(ctx)
	if sameServer(k, s) {
		// "No such thread" is the usual answer: it was quicker.
		_ = k.exec(fmt.Sprintf("KILL %d", s.id))
	}
	release()
	c.give(k)
}

// sameServer tells whether both sessions are with one server: numbers of connections mean nothing elsewhere, and one name can
// stand for several servers.
func sameServer(a, b *session) bool {
	return a.address == b.address && a.Net.RemoteAddr().String() == b.Net.RemoteAddr().String()
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
	if err = s.byHand(false); err == nil {
		err = f(s)
	}
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

// collationsOf returns the collations of the server, which it is asked for once.
func (c *Client) collationsOf(s *session) (map[string]string, error) {
	c.mu.Lock()
	known := c.known
	c.mu.Unlock()
	if known != nil {
		return known, nil
	}
	known, err := s.collations()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.known = known
	c.mu.Unlock()
	return known, nil
}

// Identity returns the id of the server, or of its Galera cluster. MySQL has server_uuid, MariaDB from 10.10 on server_uid;
// before, a hash of what tells one server of a network from another: host name, port, data directory and server_id.
func (c *Client) Identity(ctx context.Context) (id string, err error) {
	err = c.with(ctx, func(s *session) error {
		rows, err := s.query("SHOW GLOBAL STATUS LIKE 'wsrep_cluster_state_uuid'")
		if err != nil {
			return classify(err, "identify server")
		}
		if len(rows) > 0 && len(rows[0][1].text) == 36 {
			id = "galera:" + rows[0][1].text
			return nil
		}
		rows, err = s.query("SHOW GLOBAL VARIABLES WHERE Variable_name IN ('server_uuid', 'server_uid')")
		if err != nil {
			return classify(err, "identify server")
		}
		if len(rows) > 0 && rows[0][1].text != "" {
			id = rows[0][1].text
			return nil
		}
		rows, err = s.query("SELECT CONCAT_WS('\n', @@hostname, @@port, @@datadir, @@server_id)")
		if err != nil || len(rows) == 0 {
			return classify(err, "identify server")
		}
		id = fmt.Sprintf("%x", sha256.Sum256([]byte(rows[0][0].text)))[:32]
		return nil
	})
	return id, err
}

// Datasets yields the tables and views that match database.table, in which * stands for any characters of one part; a
// pattern without a dot is of the connection's database, or of all when it names none.
func (c *Client) Datasets(ctx context.Context, pattern string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		var names []tableName
		err := c.with(ctx, func(s *session) (err error) {
			names, err = s.datasets(ctx, c.dialer.options.Database, pattern)
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
	name, err := parseName(dataset, c.dialer.options.Database)
	if err != nil {
		return 0, err
	}
	text := "SELECT COUNT(*) FROM " + name.quoted()
	if where != "" {
		text += " WHERE (" + where + "\n)"
	}
	err = c.with(ctx, func(s *session) error {
		rows, err := s.query(text)
		if err != nil {
			return classify(err, "count "+name.String())
		}
		if len(rows) != 1 {
			return classify(errMalformed, "count "+name.String())
		}
		n = rows[0][0].int64()
		return nil
	})
	return n, err
}

// Close closes the sessions that are not in use and those of snapshots; those in use close when they are given back.
func (c *Client) Close() error {
	c.mu.Lock()
	snapshots := slices.Collect(maps.Values(c.snapshots))
	c.mu.Unlock()
	c.pool.Close()
	for _, s := range snapshots {
		_ = s.Close() // it has nothing to say
	}
	return nil
}
