package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// measureBodies runs the connector's own benchmark of bulk bodies, which needs what the connector does not export.
func measureBodies(ctx context.Context, b *bench) ([]Figure, error) {
	program := filepath.Join(b.folder, "bodies.test")
	if out, err := exec.CommandContext(ctx, "go", "test", "-c", "-o", program, "./connectors/elasticsearch").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the benchmark: %w: %s", err, out)
	}
	side := func(name string) contender {
		return contender{name, func(ctx context.Context) (Sample, error) {
			c := exec.CommandContext(ctx, program, "-test.run=^$", "-test.bench=^BenchmarkBody$/^"+name+"$", "-test.benchtime=1s", "-test.cpu=1")
			out, err := c.CombinedOutput()
			if err != nil {
				return Sample{}, fmt.Errorf("%w: %s", err, out)
			}
			return parseBodies(string(out))
		}}
	}
	samples, err := b.interleave(ctx, side("ours"), side("encoding/json"))
	if err != nil {
		return nil, err
	}
	return []Figure{figureOf("ndjson", samples[0], "encoding/json of maps", samples[1])}, nil
}

// bodyRows is how many rows one operation of the benchmark writes.
const bodyRows = 1000

// parseBodies reads the line of a Go benchmark: its name, operations, then values with their units.
func parseBodies(out string) (Sample, error) {
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		operations, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			return Sample{}, fmt.Errorf("read %q: %w", line, err)
		}
		s := Sample{Rows: operations * bodyRows}
		for i := 2; i+1 < len(fields); i += 2 {
			x, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return Sample{}, fmt.Errorf("read %q: %w", line, err)
			}
			switch fields[i+1] {
			case "ns/op":
				s.Seconds = x * float64(operations) / 1e9
				s.CPU = s.Seconds // one core, and nothing waits
			case "allocs/op":
				s.Allocs = uint64(x) * uint64(operations)
			}
		}
		return s, nil
	}
	return Sample{}, fmt.Errorf("no benchmark in %q", out)
}
