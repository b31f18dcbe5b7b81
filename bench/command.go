package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// program is a peer's command, with its arguments and with one variable more than ours has.
func program(ctx context.Context, path string, args []string, env string) *exec.Cmd {
	c := exec.CommandContext(ctx, path, args...)
	c.Env = append(c.Environ(), env)
	return c
}

// timed runs commands side by side, each reading what the one before it prints, and takes their time and CPU seconds together.
// The first reads nothing, and what the last prints goes to the null device.
func timed(rows int64, commands ...*exec.Cmd) (Sample, error) {
	said := make([]bytes.Buffer, len(commands))
	var ends []*os.File
	for i, c := range commands {
		c.Stderr = &said[i]
		if i == 0 {
			continue
		}
		read, write, err := os.Pipe()
		if err != nil {
			return Sample{}, err
		}
		commands[i-1].Stdout, c.Stdin = write, read
		ends = append(ends, read, write)
	}
	started := time.Now()
	begun := 0
	var errs []error
	for _, c := range commands {
		if err := c.Start(); err != nil {
			errs = append(errs, err)
			break
		}
		begun++
	}
	for _, end := range ends { // the commands have their own; with ours open none would see the end of what it reads
		end.Close()
	}
	s := Sample{Rows: rows}
	for i, c := range commands[:begun] {
		if err := c.Wait(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w: %.300s", c.Path, err, strings.TrimSpace(said[i].String())))
		}
		took := rusage(c)
		s.CPU += took.cpu
		s.RSS += took.rss
	}
	s.Seconds = time.Since(started).Seconds()
	return s, errors.Join(errs...)
}
