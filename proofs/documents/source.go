package documents

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"

	"github.com/towpath/towpath/bench/data"
)

// row is a row as the client prints it.
type row struct {
	n     int64
	cells [][]byte
}

// readRows runs the client, which prints the table in the order of n, and gives each row to yield until that returns false.
// The cells of a row are its own memory.
func readRows(ctx context.Context, s data.Server, table string, columns []Column, yield func(row) bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// -q: rows are printed as they come, none is kept
	c := exec.CommandContext(ctx, s.Client, s.Args("-N", "-B", "-q", "-e", "SET time_zone = '+00:00'; "+selectRows(table, columns))...)
	c.Env = append(c.Environ(), s.Env())
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return fmt.Errorf("read table: %w", err)
	}
	stopped, err := eachLine(out, len(columns), yield)
	if stopped || err != nil {
		cancel()
		_ = c.Wait() // it was told to end
		return err
	}
	if err := c.Wait(); err != nil {
		return fmt.Errorf("read table: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return nil
}

// selectRows orders by the key, which is also the order of n.
func selectRows(table string, columns []Column) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = strings.ReplaceAll(c.read, "%", c.Name)
	}
	return "SELECT " + strings.Join(list, ", ") + " FROM " + table + " ORDER BY id"
}

func eachLine(out io.Reader, columns int, yield func(row) bool) (stopped bool, err error) {
	lines := bufio.NewReaderSize(out, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("read table: %w", err)
		}
		r := row{cells: bytes.Split(line[:len(line)-1], []byte("\t"))}
		if len(r.cells) != columns {
			return false, fmt.Errorf("read table: a line has %d cells, want %d: %.200q", len(r.cells), columns, line)
		}
		if r.n, err = strconv.ParseInt(string(r.cells[1]), 10, 64); err != nil {
			return false, fmt.Errorf("read table: %w", err)
		}
		if !yield(r) {
			return true, nil
		}
	}
}
