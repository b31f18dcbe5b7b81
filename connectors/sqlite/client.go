package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltarget"
)

// Client is an open database file.
type Client struct {
	options Connection
	path    string // absolute

	mu      sync.Mutex
	read    *sql.DB
	write   *sql.DB
	listing listing

	behind sync.WaitGroup // goroutines of reads that were cut off
}

func open(o Connection) (*Client, error) {
	if o.Path == "" {
		return nil, connector.Errorf(connector.Config, "TOW-301", "no database file is named").At("connection.path")
	}
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return nil, connector.Errorf(connector.Config, "TOW-301", "find database file %q: %w", o.Path, err)
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	c := &Client{options: o, path: path}
	if o.Mode != "auto" && !c.exists() {
		return nil, c.missing()
	}
	return c, nil
}

func (c *Client) exists() bool {
	_, err := os.Stat(c.path)
	return !errors.Is(err, fs.ErrNotExist)
}

// describe names the file in errors.
func (c *Client) describe() string { return "file " + strconv.Quote(c.path) }

func (c *Client) missing() error {
	return connector.Errorf(connector.Missing, "TOW-302", "database file %q does not exist", c.path).WithHint("Check connection.path.")
}

// reader returns the pool of connections that read.
func (c *Client) reader() (*sql.DB, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.read == nil {
		if !c.exists() {
			return nil, c.missing()
		}
		mode := "rw" // a file in WAL mode is read by those who may write beside it
		if c.options.Mode == "ro" {
			mode = "ro"
		}
		db, err := sql.Open("sqlite", c.dsn(mode, "query_only(1)"))
		if err != nil {
			return nil, classify(err, "open database file %q", c.path)
		}
		c.read = db
	}
	return c.read, nil
}

// writer returns the pool of connections that write; the file is made when it may be.
func (c *Client) writer() (*sql.DB, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.options.Mode == "ro" {
		return nil, connector.Errorf(connector.Denied, "TOW-303", "write to %q, which is opened for reading only", c.path).At("connection.mode")
	}
	if c.write == nil {
		mode := "rw"
		if c.options.Mode == "auto" {
			mode = "rwc"
		}
		db, err := sql.Open("sqlite", c.dsn(mode, "synchronous("+c.options.Synchronous+")", "foreign_keys(1)"))
		if err != nil {
			return nil, classify(err, "open database file %q", c.path)
		}
		// SQLite has one writer at a time. Those of this process wait for one another here: a second connection would find out by looking
		// again now and then, and would read the whole schema anew after each table that the first one makes.
		db.SetMaxOpenConns(1)
		c.write = db
	}
	return c.write, nil
}

func (c *Client) dsn(mode string, pragmas ...string) string {
	q := url.Values{"mode": {mode}, "_pragma": {"busy_timeout(" + strconv.Itoa(1000*c.options.BusySeconds) + ")"}}
	for _, p := range pragmas {
		q.Add("_pragma", p)
	}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: c.path, RawQuery: q.Encode()}).String()
}

// Identity is the folder's device and number, and the file's name in it: it survives a file that is replaced by a restored
// copy, which the markers of runs then notice, and is the same before a file is made and after.
func (c *Client) Identity(context.Context) (string, error) {
	folder, name := filepath.Split(c.path)
	id, err := folderIdentity(folder)
	if err != nil {
		return "", connector.Errorf(connector.Missing, "TOW-302", "look at folder %q: %w", folder, err)
	}
	return "file:" + id + "/" + name, nil
}

// Datasets yields tables and views; those that SQLite or towpath keep for themselves are left out.
func (c *Client) Datasets(ctx context.Context, pattern string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if !c.exists() {
			return
		}
		db, err := c.reader()
		if err != nil {
			yield("", err)
			return
		}
		rows, err := db.QueryContext(ctx, `SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name`)
		if err != nil {
			yield("", classify(err, "list tables of %q", c.path))
			return
		}
		defer rows.Close()
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				yield("", classify(err, "list tables of %q", c.path))
				return
			}
			if !sqltarget.Own(name) && matches(pattern, name) && !yield(name, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield("", classify(err, "list tables of %q", c.path))
		}
	}
}

// matches reports whether the name fits a pattern in which * stands for any characters. Case does not matter to SQLite's names.
func matches(pattern, name string) bool {
	pattern, name = strings.ToLower(pattern), strings.ToLower(name)
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == "" || pattern == name
	}
	if !strings.HasPrefix(name, parts[0]) {
		return false
	}
	name = name[len(parts[0]):]
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(name, part)
		if at < 0 {
			return false
		}
		name = name[at+len(part):]
	}
	return strings.HasSuffix(name, parts[len(parts)-1])
}

func (c *Client) count(ctx context.Context, dataset, where string) (int64, error) {
	if err := oneStatement("where", where); err != nil {
		return 0, err
	}
	db, err := c.reader()
	if err != nil {
		return 0, err
	}
	there, err := exists(ctx, db, dataset)
	if err != nil {
		return 0, classify(err, "count rows of %s", dataset)
	}
	if !there {
		return 0, connector.Errorf(connector.Missing, "TOW-311", "no table or view %q", dataset)
	}
	query := "SELECT count(*) FROM " + quote(dataset)
	if where != "" {
		query += " WHERE (" + where + "\n)"
	}
	var n int64
	if err := db.QueryRowContext(ctx, query).Scan(&n); err != nil {
		return 0, classify(err, "count rows of %s", dataset)
	}
	return n, nil
}

// closeTime is how long Close waits for statements that were cut off between two rows. What takes longer closes its own
// connection when its row has come, and ends with the process at the latest.
const closeTime = 2 * time.Second

// Close closes the file. It waits for statements that were cut off between two rows, for closeTime at most.
func (c *Client) Close() error {
	settled := make(chan struct{})
	go func() {
		c.behind.Wait()
		close(settled)
	}()
	select {
	case <-settled:
	case <-time.After(closeTime):
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for _, db := range []*sql.DB{c.read, c.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	c.read, c.write = nil, nil
	return errors.Join(errs...)
}
