package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// ticks is how many units of /proc/PID/stat make a CPU second, on every Linux (proc(5), USER_HZ).
const ticks = 100

// beside adds to each run the CPU seconds that the source's server took meanwhile: it does the same work for a row on any machine, so that
// ours can be compared between machines by it. Where the kernel does not tell there are none.
func (s *source) beside(c contender) contender {
	return contender{c.name, func(ctx context.Context) (Sample, error) {
		before, known := s.spent(ctx)
		sample, err := c.once(ctx)
		if after, ok := s.spent(ctx); ok && known && err == nil {
			sample.Source = after - before
		}
		return sample, err
	}}
}

// spent is how many CPU seconds the server has taken since it started.
func (s *source) spent(ctx context.Context) (seconds float64, ok bool) {
	path, err := s.Run(ctx, "SELECT @@pid_file")
	if err != nil {
		return 0, false
	}
	pid, err := os.ReadFile(strings.TrimSpace(path))
	if err != nil {
		return 0, false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%s/stat", strings.TrimSpace(string(pid))))
	if err != nil {
		return 0, false
	}
	return cpuOf(string(stat))
}

// cpuOf reads the user and system time, fields 14 and 15, of a line of /proc/PID/stat; the name, field 2, may hold anything.
func cpuOf(stat string) (seconds float64, ok bool) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, false
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, false
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	return float64(user+system) / ticks, err == nil
}
