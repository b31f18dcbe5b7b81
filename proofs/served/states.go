package served

import (
	"context"
	"fmt"
	"slices"

	"github.com/towpath/towpath/client"
)

// follows is the state machine of runs, as the documentation has it.
func follows() map[client.State][]client.State {
	return map[client.State][]client.State{
		"":               {client.Planning},
		client.Planning:  {client.Running, client.Failed, client.Stopped},
		client.Running:   {client.Pausing, client.Stopping, client.Verifying, client.Failed},
		client.Verifying: {client.Finishing, client.Pausing, client.Stopping, client.Failed},
		client.Finishing: {client.Succeeded, client.Pausing, client.Failed},
		client.Pausing:   {client.Paused, client.Stopping, client.Failed},
		client.Paused:    {client.Running, client.Stopping, client.Stopped},
		client.Failed:    {client.Running, client.Stopping, client.Stopped},
		client.Stopping:  {client.Stopped},
	}
}

// wrongIn says what is wrong with the history of a run that stands at is, "" for nothing.
func wrongIn(events []client.Event, is client.State) string {
	at, next := client.State(""), follows()
	for i, e := range events {
		switch {
		case e.Number != int64(i+1):
			return fmt.Sprintf("event %d stands at place %d", e.Number, i+1)
		case e.From != at:
			return fmt.Sprintf("event %d goes from %q, the run was %q", e.Number, e.From, at)
		case !slices.Contains(next[at], e.To):
			return fmt.Sprintf("event %d goes from %q to %q", e.Number, e.From, e.To)
		}
		at = e.To
	}
	if at != is {
		return fmt.Sprintf("the run is %q, its events end at %q", is, at)
	}
	return ""
}

// eachOf gives all items of a list that comes in pages.
func eachOf[T any](page func(client.Part) (client.Page[T], error), item func(T)) error {
	for p := (client.Part{Limit: 100}); ; {
		got, err := page(p)
		if err != nil {
			return err
		}
		for _, x := range got.Items {
			item(x)
		}
		if p.After = got.Next; p.After == "" {
			return nil
		}
	}
}

// runsOf returns all runs.
func runsOf(ctx context.Context, c *client.Client) (runs []client.Run, err error) {
	err = eachOf(func(p client.Part) (client.Page[client.Run], error) { return c.Runs(ctx, client.RunFilter{Part: p}) }, func(r client.Run) { runs = append(runs, r) })
	return runs, err
}

// history returns a run with all of its events: those that came between the two looks are looked for again.
func history(ctx context.Context, c *client.Client, key string) (run client.Run, events []client.Event, err error) {
	for {
		if run, err = c.Run(ctx, key, ""); err != nil {
			return run, nil, err
		}
		events = nil
		err = eachOf(func(p client.Part) (client.Page[client.Event], error) { return c.Events(ctx, key, p) }, func(e client.Event) { events = append(events, e) })
		if err != nil {
			return run, nil, err
		}
		if again, err := c.Run(ctx, key, ""); err != nil || again.State == run.State && len(again.History) == len(run.History) {
			return run, events, err
		}
	}
}
