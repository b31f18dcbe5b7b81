// Package hbasetool makes and reads tables of HBase through HBase's own Java client, so that tests judge by a path that is not ours.
// It knows the client of the test servers' catalog (HBaseTool.java) and no connector.
package hbasetool

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/towpath/towpath/tools/testservers/servers"
)

// patience bounds each command; the client is killed when it is over.
const patience = time.Minute

// TB is what Tool needs of a test.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(f func())
}

// Cell is one version of one column of a row. Strings hold any bytes.
type Cell struct {
	Row, Family, Qualifier string
	Timestamp              int64 // in ms; 0 in a cell that is put: the server's clock
	Value                  string
}

// Region is the range of keys from Start to before Stop; "" is an open end.
type Region struct{ Start, Stop string }

// Tool is a running client. Its methods end the test when HBase refuses what they ask, so they are called by the test's own goroutine; Try
// is for others. They wait for each other and for what they asked to be done.
type Tool struct {
	t      TB
	mu     sync.Mutex
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr bytes.Buffer // read after the client has ended
	dead   error
}

// Start starts a client of the server, which ends with the test. It outlives the server: when that was killed and is up again, the
// client finds it.
func Start(t TB, s servers.Server) *Tool {
	t.Helper()
	if s.Client == "" {
		t.Fatalf("no client of %s: set TOWPATH_TEST_HBASE_CLIENT as well", s.URL)
	}
	c := &Tool{t: t, cmd: exec.Command(s.Client, s.Addr())}
	in, err := c.cmd.StdinPipe()
	if err != nil {
		t.Fatalf("start client of HBase: %v", err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatalf("start client of HBase: %v", err)
	}
	c.in, c.out, c.cmd.Stderr, c.cmd.WaitDelay = in, bufio.NewReaderSize(out, 1<<16), &c.stderr, 10*time.Second
	if err := c.cmd.Start(); err != nil {
		t.Fatalf("start client of HBase: %v", err)
	}
	t.Cleanup(c.Close)
	return c
}

// Close ends the client; what was put and not flushed is lost. Commands that come later fail.
func (c *Tool) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead == nil {
		_ = c.in.Close()         // it is killed anyway
		_ = c.cmd.Process.Kill() // it may have ended by itself
		_ = c.cmd.Wait()         // it was killed, which is what it says
		c.dead = errors.New("client of HBase is closed")
	}
}

// Create makes a table, and its namespace when there is none. A family may say how many versions it keeps: "f:3". The splits are the keys
// at which regions begin, the first region aside.
func (c *Tool) Create(table string, families []string, splits ...string) {
	c.t.Helper()
	keys := make([]string, len(splits))
	for i, key := range splits {
		keys[i] = encode(key)
	}
	c.do("create", table, strings.Join(families, ","), strings.Join(keys, ","))
}

// Put puts cells, which are there after Flush and may be earlier.
func (c *Tool) Put(table string, cells ...Cell) {
	c.t.Helper()
	commands := make([][]string, len(cells))
	for i, cell := range cells {
		commands[i] = []string{"put", table, encode(cell.Row), cell.Family, encode(cell.Qualifier), encode(cell.Value)}
		if cell.Timestamp != 0 {
			commands[i] = append(commands[i], strconv.FormatInt(cell.Timestamp, 10))
		}
	}
	if _, err := c.run(commands...); err != nil {
		c.t.Fatalf("%v", err)
	}
}

// Flush returns when all that was put is durable.
func (c *Tool) Flush() { c.t.Helper(); c.do("flush") }

// Scan reads the whole table in HBase's order, the newest version of each column alone.
func (c *Tool) Scan(table string) []Cell { c.t.Helper(); return c.Versions(table, 1) }

// Versions is Scan with up to so many versions of each column, newest first.
func (c *Tool) Versions(table string, most int) []Cell {
	c.t.Helper()
	var cells []Cell
	for _, line := range c.do("scan", table, strconv.Itoa(most)) {
		f := strings.Split(line, "\t")
		if len(f) != 5 {
			c.t.Fatalf("scan %s: got %q, want a cell", table, line)
		}
		stamp, err := strconv.ParseInt(f[3], 10, 64)
		if err != nil {
			c.t.Fatalf("scan %s: %v", table, err)
		}
		cells = append(cells, Cell{c.decode(f[0]), f[1], c.decode(f[2]), stamp, c.decode(f[4])})
	}
	return cells
}

// Delete deletes a row with all versions.
func (c *Tool) Delete(table, row string) { c.t.Helper(); c.do("delete", table, encode(row)) }

// Drop disables and deletes a table; one that is not there is no error. The namespace stays.
func (c *Tool) Drop(table string) { c.t.Helper(); c.do("drop", table) }

// Disable takes a table out of use.
func (c *Tool) Disable(table string) { c.t.Helper(); c.do("disable", table) }

// Enable takes a table into use again.
func (c *Tool) Enable(table string) { c.t.Helper(); c.do("enable", table) }

// Grant lets a user read a table of a server that checks rights.
func (c *Tool) Grant(table, user string) { c.t.Helper(); c.do("grant", table, user) }

// Tables names the tables of users, those of the namespace default without it.
func (c *Tool) Tables() []string {
	c.t.Helper()
	names := c.do("tables")
	for i, name := range names {
		names[i] = strings.TrimPrefix(name, "default:")
	}
	return names
}

// Regions lists the table's regions in the order of their keys.
func (c *Tool) Regions(table string) []Region {
	c.t.Helper()
	var regions []Region
	for _, line := range c.do("regions", table) {
		start, stop, _ := strings.Cut(line, "\t")
		regions = append(regions, Region{c.decode(start), c.decode(stop)})
	}
	return regions
}

// Hosts lists the addresses of the region servers that serve the table's regions, in the order of their keys.
func (c *Tool) Hosts(table string) []string { c.t.Helper(); return c.do("hosts", table) }

// Move moves the region that holds the key to the region server at the address and returns when it is open there.
func (c *Tool) Move(table, key, address string) {
	c.t.Helper()
	c.do("move", table, encode(key), address)
}

// Split splits the region that holds the key, so that the second begins with it, and returns when both are open.
func (c *Tool) Split(table, key string) { c.t.Helper(); c.do("split", table, encode(key)) }

// Merge makes all regions one and returns when it is open.
func (c *Tool) Merge(table string) { c.t.Helper(); c.do("merge", table) }

// Memory sets how many bytes a region of the table may hold in memory before they go to files, a million at least. With four times as many it takes no
// more until that is done.
func (c *Tool) Memory(table string, bytes int) {
	c.t.Helper()
	c.do("memory", table, strconv.Itoa(bytes))
}

// FlushTable writes what the region server has in memory to files.
func (c *Tool) FlushTable(table string) { c.t.Helper(); c.do("flushtable", table) }

// Compact rewrites the files of each family to one, without what was deleted.
func (c *Tool) Compact(table string) { c.t.Helper(); c.do("compact", table) }

// Try runs a command of HBaseTool.java with its fields as they go over the pipe and returns the lines of the answer. Any goroutine may call it.
func (c *Tool) Try(command ...string) ([]string, error) { return c.run(command) }

func (c *Tool) do(command ...string) []string {
	c.t.Helper()
	lines, err := c.run(command)
	if err != nil {
		c.t.Fatalf("%v", err)
	}
	return lines
}

// run runs commands and returns the lines of all answers, or the first refusal.
func (c *Tool) run(commands ...[]string) (lines []string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead != nil {
		return nil, c.dead
	}
	late := time.AfterFunc(patience, func() { _ = c.cmd.Process.Kill() }) // it may have ended by itself
	defer late.Stop()
	var text strings.Builder
	for _, command := range commands {
		text.WriteString(strings.Join(command, "\t") + "\n")
	}
	// beside the reading: answers that fill the pipe would keep the client from reading on
	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		_, _ = io.WriteString(c.in, text.String()) // a client that does not take it does not answer either
	}()
	for _, command := range commands {
		answer, refused, broken := c.answer()
		if broken != nil {
			err = c.ended(command, late, broken)
			break
		}
		if refused != "" && err == nil {
			err = fmt.Errorf("HBase: %s: %s", strings.Join(command, " "), refused)
		}
		lines = append(lines, answer...)
	}
	<-wrote
	if err != nil {
		return nil, err
	}
	return lines, nil
}

// answer reads one answer: its lines and, when the command was refused, why.
func (c *Tool) answer() (lines []string, refused string, err error) {
	for {
		line, err := c.out.ReadString('\n')
		if err != nil {
			return nil, "", err
		}
		line = strings.TrimSuffix(line, "\n")
		if line == "ok" {
			return lines, "", nil
		}
		if why, ok := strings.CutPrefix(line, "error\t"); ok {
			return nil, why, nil
		}
		lines = append(lines, line)
	}
}

// ended buries a client that no longer answers.
func (c *Tool) ended(command []string, late *time.Timer, err error) error {
	if !late.Stop() {
		err = fmt.Errorf("no answer in %v", patience)
	}
	_ = c.cmd.Process.Kill() // it may have ended by itself
	_ = c.cmd.Wait()         // how it ended is in err
	c.dead = fmt.Errorf("client of HBase ended at %s: %w\n%s", strings.Join(command, " "), err, c.stderr.String())
	return c.dead
}

func encode(s string) string { return hex.EncodeToString([]byte(s)) }

func (c *Tool) decode(s string) string {
	c.t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		c.t.Fatalf("answer of HBase's client: %v", err)
	}
	return string(b)
}
