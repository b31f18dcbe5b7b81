package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// rival is what ours is compared with under the name of a figure.
type rival struct {
	figure string
	contender
}

// rival makes a rival of a command that Debian packages hold, which are unpacked beside the test servers where the machine has none.
// One that this machine cannot have takes no part; the log says why.
func (b *bench) rival(ctx context.Context, figure, command, packages string, with func(path string) contender) rival {
	c := exec.CommandContext(ctx, "bash", append([]string{"bench/peer.sh", command}, strings.Fields(packages)...)...)
	c.Stderr = b.log
	out, err := c.Output()
	if err != nil {
		fmt.Fprintf(b.log, "  without %s: %v\n", command, err)
		return rival{figure: figure}
	}
	return rival{figure, with(strings.TrimSpace(string(out)))}
}

// against runs ours and its rivals in turn and makes a figure for each of them.
func (b *bench) against(ctx context.Context, ours contender, rivals ...rival) ([]Figure, error) {
	contenders := []contender{ours}
	for _, r := range rivals {
		if r.once != nil {
			contenders = append(contenders, r.contender)
		}
	}
	samples, err := b.interleave(ctx, contenders...)
	if err != nil {
		return nil, err
	}
	var out []Figure
	at := 0
	for _, r := range rivals {
		var peer []Sample
		if r.once != nil {
			at++
			peer = samples[at]
		}
		out = append(out, figureOf(r.figure, samples[0], r.name, peer))
	}
	return out, nil
}
