// Command go-client copies all that a connection holds to another, by a towpath server, and shows how it goes. It is what a program of yours does with
// package client:
//
//	TOWPATH_URL=http://127.0.0.1:8686 TOWPATH_TOKEN=tw_pat_... go run ./examples/go-client shop search
//
// shop and search are aliases of connections that are stored at the server; the token needs the role editor, because the job is stored as well.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/towpath/towpath/client"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: go-client SOURCE TARGET")
		os.Exit(2)
	}
	c := &client.Client{URL: os.Getenv("TOWPATH_URL"), Token: os.Getenv("TOWPATH_TOKEN")}
	if err := copyAll(ctx, c, os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "go-client:", err)
		os.Exit(1)
	}
}

// copyAll starts a full synchronisation and follows it until it rests.
func copyAll(ctx context.Context, c *client.Client, source, target string) error {
	started, err := c.StartFull(ctx, "", client.Full{Source: source, Target: target})
	if err != nil {
		return err
	}
	if started.Run == nil {
		return fmt.Errorf("job %s waits for connections: %v", started.Job.Name, started.Missing)
	}
	key := started.Run.Run
	fmt.Println("run", key)
	for m, err := range c.Watch(ctx, c.RunTopic(key), 0) {
		if err != nil {
			return err
		}
		switch m.Kind {
		case client.KindProgress:
			var p client.Progress
			if err := m.Into(&p); err != nil {
				return err
			}
			n := p.Total.Counts
			fmt.Printf("%d read = %d written + %d dirty + %d filtered\n", n.Read, n.Written, n.Dirty, n.Filtered)
		case client.KindState, client.KindSubscribed, client.KindGap: // what was missed is looked up
			run, err := c.Run(ctx, key, "")
			if err != nil {
				return err
			}
			fmt.Println(run.State, run.Reason)
			if run.State.Rests() {
				return nil
			}
		}
	}
	return nil
}
