// Command go-client copies what a connection holds to another, by a towpath server, and shows how it goes. It is what a program of yours does with
// package client; README.md says how it is run.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/towpath/towpath/client"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: go-client SOURCE TARGET [DATASET...]")
		os.Exit(2)
	}
	c := &client.Client{URL: os.Getenv("TOWPATH_URL"), Token: os.Getenv("TOWPATH_TOKEN")}
	run, err := copyAll(ctx, c, client.Full{Source: os.Args[1], Target: os.Args[2], Datasets: os.Args[3:]}, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "go-client:", err)
		if problem, ok := errors.AsType[*client.Problem](err); ok && problem.Hint != "" {
			fmt.Fprintln(os.Stderr, " ", problem.Hint)
		}
		os.Exit(1)
	}
	os.Exit(exitCode(run))
}

// copyAll starts a full synchronisation, follows it until it rests, and returns its run as it is then.
func copyAll(ctx context.Context, c *client.Client, full client.Full, out io.Writer) (client.Run, error) {
	started, err := c.StartFull(ctx, "", full)
	if err != nil {
		return client.Run{}, err
	}
	if started.Run == nil {
		return client.Run{}, fmt.Errorf("job %s waits for connections: %v", started.Job.Name, started.Missing)
	}
	key := started.Run.Run
	fmt.Fprintln(out, "run", key)
	for m, err := range c.Watch(ctx, c.RunTopic(key), 0) {
		if err != nil {
			return client.Run{}, err
		}
		switch m.Kind {
		case client.KindProgress:
			var p client.Progress
			if err := m.Into(&p); err != nil {
				return client.Run{}, err
			}
			n := p.Total.Counts
			fmt.Fprintf(out, "%d read = %d written + %d dirty + %d filtered\n", n.Read, n.Written, n.Dirty, n.Filtered)
		case client.KindState, client.KindSubscribed, client.KindGap: // what was missed is looked up
			run, err := c.Run(ctx, key, "")
			if err != nil || run.State.Rests() {
				if err == nil {
					fmt.Fprintln(out, run.State, run.Reason)
					fmt.Fprintf(out, "%d rows written, %d dirty\n", run.Total.Written, run.Total.Dirty)
				}
				return run, err
			}
			fmt.Fprintln(out, run.State, run.Reason)
		}
	}
	return client.Run{}, errors.New("the server tells no more")
}

// exitCode is that of the command line for a run that rests.
func exitCode(run client.Run) int {
	switch {
	case run.State == client.Paused:
		return 4
	case run.State != client.Succeeded:
		return 1
	case run.Total.Dirty > 0:
		return 5
	}
	return 0
}
