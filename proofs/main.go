// Command proofs runs the full figures of what towpath promises, one part at a time, and writes proofs/PART.json. A part that was cut
// off goes on where it was. Each takes less than an hour.
//
//	proofs -list            the parts
//	proofs -part NAME       run one
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	part := flag.String("part", "", "the part to run")
	list := flag.Bool("list", false, "list the parts")
	seed := flag.Uint64("seed", 0, "seed of all that is random; 0: of the clock")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *part, *list, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "proofs:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, name string, list bool, seed uint64) error {
	if list || name == "" {
		for _, p := range parts() {
			fmt.Printf("%-15s %s\n", p.name, p.title)
		}
		return nil
	}
	for _, p := range parts() {
		if p.name == name {
			if seed == 0 {
				seed = uint64(time.Now().UnixNano())
			}
			return prove(ctx, p, seed)
		}
	}
	return fmt.Errorf("no part %q; `proofs -list` shows them", name)
}
