// Package hbaseclient runs commands of HBase's own Java client (catalog/hbase/HBaseTool.java), for proofs and benchmarks, which are no tests.
// It knows no connector.
package hbaseclient

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// Run starts the program client for the server at address (host:port of ZooKeeper), gives it commands, a line each with tabs between fields, and hands
// on the lines that they print. It ends with the first command that is refused, or error of line, and with ctx.
func Run(ctx context.Context, client, address, commands string, line func(text string) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := exec.CommandContext(ctx, client, address)
	c.Stdin = strings.NewReader(commands)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	if err = read(out, line); err != nil {
		cancel() // nobody reads the rest
	}
	if ended := c.Wait(); ended != nil && err == nil {
		err = ended
	}
	if err != nil {
		return fmt.Errorf("the client of HBase: %w: %.1000s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	return nil
}

func read(out io.Reader, line func(string) error) error {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		text := lines.Text()
		if refusal, bad := strings.CutPrefix(text, "error\t"); bad {
			return errors.New(refusal)
		}
		if text == "ok" {
			continue
		}
		if err := line(text); err != nil {
			return err
		}
	}
	return lines.Err()
}
