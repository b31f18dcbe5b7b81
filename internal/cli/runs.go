package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/view"
	"github.com/towpath/towpath/job"
)

type runsCmd struct {
	Most int `help:"How many to list." default:"20" placeholder:"N"`
}

// Run lists runs.
func (c *runsCmd) Run(s *session) error {
	ctx, b, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	list, rows := []client.Run{}, [][]string{}
	for r, err := range client.All(c.Most, func(p client.Part) (client.Page[client.Run], error) { return b.Runs(ctx, client.RunFilter{Part: p}) }) {
		if err != nil {
			return err
		}
		list = append(list, plain(r))
		rows = append(rows, []string{r.Run, r.Name, r.Mode, string(r.State), doneText(r.States), r.Consistency.Label, whenText(r.Created), whenText(r.Ended), cmp.Or(r.Reason, r.Waits)})
	}
	return s.answer(list, func() {
		if len(rows) == 0 {
			s.printf("no runs\n")
			return
		}
		s.table([]string{"RUN", "JOB", "MODE", "STATE", "STREAMS", "CONSISTENCY", "CREATED", "ENDED", "REASON"}, rows)
	})
}

// doneText says how many streams of a run are done: 12, 10/12, 10/12 (2 failed).
func doneText(states map[string]int) string {
	all := streamsOf(states)
	text := full(int64(all))
	if done := states[streamDone]; done < all {
		text = full(int64(done)) + "/" + text
	}
	if failed := states[streamFailed]; failed > 0 {
		text += " (" + full(int64(failed)) + " failed)"
	}
	return text
}

type statusCmd struct {
	Key    string `arg:"" name:"run" help:"The run's key."`
	Stream string `help:"Show only streams of this source, alias:source, or target." placeholder:"NAME"`
	All    bool   `help:"List all streams, however many there are."`
}

// Run shows a run.
func (c *statusCmd) Run(s *session) error {
	ctx, b, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	run, err := b.Run(ctx, c.Key, c.Stream)
	if err != nil {
		return err
	}
	run.Links = nil
	return s.answer(run, func() {
		streams := run.Streams
		if !c.All {
			streams = worthSeeing(streams)
		}
		s.showStatus(run, streams)
	})
}

// mostListed is how many streams of a run are listed when not all are asked for.
const mostListed = 40

// worthSeeing picks streams of a run that has many: those that failed, are held back, are at work or have dirty rows come before others.
func worthSeeing(streams []client.Stream) []client.Stream {
	if len(streams) <= mostListed {
		return streams
	}
	rank := func(p client.Stream) int {
		switch {
		case p.State == streamFailed:
			return 0
		case p.Active > 0:
			return 1
		case p.State == streamHeld:
			return 2
		case p.Counts.Dirty > 0:
			return 3
		}
		return 4
	}
	streams = slices.Clone(streams)
	slices.SortStableFunc(streams, func(a, b client.Stream) int { return rank(a) - rank(b) })
	return streams[:mostListed]
}

func (s *session) showStatus(run client.Run, streams []client.Stream) {
	s.printf("run %s of %s (%s): %s\n", run.Run, run.Name, run.Mode, run.State)
	if run.Reason != "" {
		s.paragraph("  "+run.Reason+codeText(run.Code), "  ")
	}
	if run.Waits != "" {
		s.paragraph("  "+run.Waits, "  ")
	}
	s.printf("  %s\n", consistencyText(run))
	if streamsOf(run.States) > 1 {
		s.printf("  %s; %s read, %s\n", statesText(run.States), plural64(run.Total.Read, "row"), rowsWritten(*run.Total))
	}
	s.printf("\n")
	var rows [][]string
	for _, p := range streams {
		c := p.Counts
		rows = append(rows, []string{view.StreamName(p), p.Target, p.State, strconv.Itoa(int(part(p)*100)) + "%", full(c.Read), full(c.Written), full(c.Dirty),
			full(c.Filtered), strconv.Itoa(p.Done) + "/" + strconv.Itoa(p.Shards), p.Guarantee})
	}
	s.table([]string{"SOURCE", "TARGET", "STATE", "DONE", "READ", "WRITTEN", "DIRTY", "FILTERED", "SHARDS", "GUARANTEE"}, rows)
	if more := len(run.Streams) - len(streams); more > 0 {
		s.printf("and %s: --all lists them, --stream NAME shows one\n", plural(more, "stream"))
	}
	for _, p := range streams {
		if p.Error != "" {
			s.paragraph("  "+view.StreamName(p)+": "+p.Error+codeText(p.Code), "    ")
		}
	}
	s.printf("\n")
	rows = nil
	for _, e := range run.History {
		rows = append(rows, []string{whenText(e.At), string(e.To), e.Who, e.Why})
	}
	s.table([]string{"WHEN", "STATE", "WHO", "WHY"}, rows)
}

func codeText(code string) string {
	if code == "" {
		return ""
	}
	return " [" + code + "]"
}

// consistencyText says of which instants the rows of a run are.
func consistencyText(run client.Run) string {
	c := run.Consistency
	text := "consistency: " + c.Label
	if c.At != "" {
		text += fmt.Sprintf(", made %s; writes waited for %s", whenText(c.At), time.Duration(c.Locked)*time.Millisecond)
	}
	return text
}

type pauseCmd struct {
	Key string `arg:"" name:"run" help:"The run's key."`
	Why string `help:"The reason, for history."`
}

// Run pauses a run, also of another process.
func (c *pauseCmd) Run(s *session) error { return s.wish(c.Key, client.Paused, c.Why) }

type stopCmd struct {
	Key string `arg:"" name:"run" help:"The run's key."`
	Why string `help:"The reason, for history."`
}

// Run stops a run, also of another process.
func (c *stopCmd) Run(s *session) error { return s.wish(c.Key, client.Stopped, c.Why) }

// How often a run is looked at that is to rest, and after how many looks it is asked again: its process may have died, perhaps on another machine.
const (
	wishEvery = 100 * time.Millisecond
	wishAgain = 50
)

// wish asks for a pause or stop and waits until the run rests.
func (s *session) wish(key string, goal client.State, why string) error {
	ctx, b, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	ask := b.Pause
	if goal == client.Stopped {
		ask = b.Stop
	}
	run, err := ask(ctx, key, why)
	ticker := time.NewTicker(wishEvery)
	defer ticker.Stop()
	for n := 1; err == nil && run.State != goal && !run.State.Final() && run.State != client.Failed; n++ {
		select {
		case <-ticker.C:
			if run, err = b.Run(ctx, key, ""); err == nil && n%wishAgain == 0 && !run.State.Rests() {
				run, err = ask(ctx, key, why)
			}
		case <-ctx.Done():
			return connector.Errorf(connector.Busy, "TOW-015", "run %s is still %s", key, run.State).WithHint("Ask again with: towpath status %s.", key)
		}
	}
	if err == nil {
		run, err = b.Run(ctx, key, "")
	}
	if err != nil {
		return err
	}
	return s.answer(plain(run), func() {
		if run.State == goal {
			s.summary(run, 0)
			return
		}
		s.printf("run %s is %s\n", key, run.State)
	})
}

type limitsCmd struct {
	Key      string    `arg:"" name:"run" help:"The run's key."`
	Rows     *int64    `help:"Rows a second over all shards; 0 for no limit." placeholder:"N"`
	Bytes    *job.Size `help:"Bytes a second over all shards, as in 32MiB; 0 for no limit." placeholder:"SIZE"`
	Parallel *int      `help:"Shards at work at once." placeholder:"N"`
}

// Run shows or changes limits.
func (c *limitsCmd) Run(s *session) error {
	if c.Rows != nil && *c.Rows < 0 || c.Parallel != nil && *c.Parallel < 1 {
		return usage(connector.Errorf(connector.Config, "TOW-016", "limits are not negative, and parallel is at least 1"))
	}
	ctx, b, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	var limits client.Limits
	if change := (client.LimitsChange{Rows: c.Rows, Bytes: (*int64)(c.Bytes), Parallel: c.Parallel}); change == (client.LimitsChange{}) {
		limits, err = b.Limits(ctx, c.Key)
	} else {
		limits, err = b.SetLimits(ctx, c.Key, change)
	}
	if err != nil {
		return err
	}
	return s.answer(limits, func() {
		s.printf("rows      %s\nbytes     %s\nparallel  %d\n", limitText(limits.Rows, "rows/s"), limitText(limits.Bytes, "bytes/s"), limits.Parallel)
	})
}

func limitText(n int64, unit string) string {
	if n == 0 {
		return "no limit"
	}
	return full(n) + " " + unit
}
