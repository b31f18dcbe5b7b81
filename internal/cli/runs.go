package cli

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/internal/view"
	"github.com/towpath/towpath/job"
)

type runsCmd struct {
	Most int `help:"How many to list." default:"20" placeholder:"N"`
}

// Run lists runs.
func (c *runsCmd) Run(s *session) error {
	ctx, svc, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	runs, err := svc.Runs(ctx, c.Most)
	if err != nil {
		return err
	}
	keys := make([]string, len(runs))
	for i, r := range runs {
		keys[i] = r.Key
	}
	states, err := svc.States(ctx, keys...)
	if err != nil {
		return err
	}
	list := make([]client.Run, len(runs))
	rows := make([][]string, len(runs))
	for i, r := range runs {
		list[i] = view.Run(r, states[r.Key])
		rows[i] = []string{r.Key, r.Name, r.Mode, string(r.State), doneText(states[r.Key]), list[i].Consistency.Label, when(r.Created), when(r.Ended), r.Reason}
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
func doneText(states map[store.StreamState]int) string {
	all := 0
	for _, n := range states {
		all += n
	}
	text := full(int64(all))
	if done := states[store.StreamDone]; done < all {
		text = full(int64(done)) + "/" + text
	}
	if failed := states[store.StreamFailed]; failed > 0 {
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
	ctx, svc, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	run, progress, _, err := svc.Status(ctx, c.Key)
	if err != nil {
		return err
	}
	streams := progress.Streams
	if c.Stream != "" {
		found, err := svc.FindStreams(ctx, c.Key, c.Stream)
		if err != nil {
			return err
		}
		streams = slices.DeleteFunc(slices.Clone(streams), func(p control.StreamProgress) bool {
			return !slices.ContainsFunc(found, func(st store.Stream) bool { return st.ID == p.ID })
		})
	}
	history, err := svc.History(ctx, c.Key)
	if err != nil {
		return err
	}
	return s.answer(view.Status(run, progress, streams, history), func() {
		shown := streams
		if !c.All {
			shown = worthSeeing(streams)
		}
		s.showStatus(run, progress, shown, len(streams)-len(shown), history)
	})
}

// mostListed is how many streams of a run are listed when not all are asked for.
const mostListed = 40

// worthSeeing picks streams of a run that has many: those that failed, are held back, are at work or have dirty rows come before others.
func worthSeeing(streams []control.StreamProgress) []control.StreamProgress {
	if len(streams) <= mostListed {
		return streams
	}
	rank := func(p control.StreamProgress) int {
		switch {
		case p.State == store.StreamFailed:
			return 0
		case p.Active > 0:
			return 1
		case p.State == store.StreamHeld:
			return 2
		case p.Counts.Dirty > 0:
			return 3
		}
		return 4
	}
	streams = slices.Clone(streams)
	slices.SortStableFunc(streams, func(a, b control.StreamProgress) int { return rank(a) - rank(b) })
	return streams[:mostListed]
}

func (s *session) showStatus(run store.Run, progress control.Progress, streams []control.StreamProgress, more int, history []store.Event) {
	s.printf("run %s of %s (%s): %s\n", run.Key, run.Name, run.Mode, run.State)
	if run.Reason != "" {
		s.paragraph("  "+run.Reason+codeText(run.Code), "  ")
	}
	s.printf("  %s\n", consistencyText(run))
	if streamsOf(progress) > 1 {
		t := progress.Total.Counts
		s.printf("  %s; %s read, %s\n", statesText(progress.States), plural64(t.Read, "row"), rowsWritten(t))
	}
	s.printf("\n")
	var rows [][]string
	for _, p := range streams {
		c := p.Counts
		rows = append(rows, []string{view.StreamName(p), p.Target, string(p.State), strconv.Itoa(int(part(p)*100)) + "%", full(c.Read), full(c.Written), full(c.Dirty),
			full(c.Filtered), strconv.Itoa(p.Done) + "/" + strconv.Itoa(p.Shards), string(p.Guarantee)})
	}
	s.table([]string{"SOURCE", "TARGET", "STATE", "DONE", "READ", "WRITTEN", "DIRTY", "FILTERED", "SHARDS", "GUARANTEE"}, rows)
	if more > 0 {
		s.printf("and %s: --all lists them, --stream NAME shows one\n", plural(more, "stream"))
	}
	for _, p := range streams {
		if p.Error != "" {
			s.paragraph("  "+view.StreamName(p)+": "+p.Error+codeText(p.Code), "    ")
		}
	}
	s.printf("\n")
	rows = nil
	for _, e := range history {
		rows = append(rows, []string{when(e.At), string(e.To), e.Who, e.Why})
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
func consistencyText(run store.Run) string {
	c := run.Consistency
	text := "consistency: " + control.Consistency(c)
	if c.At > 0 {
		text += fmt.Sprintf(", made %s; writes waited for %s", when(c.At), time.Duration(c.Locked)*time.Millisecond)
	}
	return text
}

type pauseCmd struct {
	Key string `arg:"" name:"run" help:"The run's key."`
	Why string `help:"The reason, for history."`
}

// Run pauses a run, also of another process.
func (c *pauseCmd) Run(s *session) error { return s.wish(c.Key, store.Paused, c.Why) }

type stopCmd struct {
	Key string `arg:"" name:"run" help:"The run's key."`
	Why string `help:"The reason, for history."`
}

// Run stops a run, also of another process.
func (c *stopCmd) Run(s *session) error { return s.wish(c.Key, store.Stopped, c.Why) }

// wish asks for a pause or stop and waits until the run rests.
func (s *session) wish(key string, goal store.State, why string) error {
	ctx, svc, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	ask := svc.Pause
	if goal == store.Stopped {
		ask = svc.Stop
	}
	run, err := ask(ctx, key, why)
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for err == nil && run.State != goal && !run.State.Final() && run.State != store.Failed {
		select {
		case <-ticker.C:
			if run, err = svc.Store.Run(ctx, key); err == nil && svc.Lapsed(ctx, run) {
				run, err = ask(ctx, key, why) // its process has died, perhaps on another machine
			}
		case <-ctx.Done():
			return connector.Errorf(connector.Busy, "TOW-015", "run %s is still %s", key, run.State).WithHint("Ask again with: towpath status %s.", key)
		}
	}
	if err != nil {
		return err
	}
	_, progress, _, err := svc.Status(ctx, key)
	if err != nil {
		return err
	}
	return s.answer(view.Status(run, progress, progress.Streams, nil), func() {
		if run.State == goal {
			s.summary(run, progress.Total.Counts, 0)
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
	ctx, svc, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	limits, err := svc.Limits(ctx, c.Key, c.Rows, (*int64)(c.Bytes), c.Parallel)
	if err != nil {
		return err
	}
	return s.answer(view.Limits(limits), func() {
		s.printf("rows      %s\nbytes     %s\nparallel  %d\n", limitText(limits.Rows, "rows/s"), limitText(limits.Bytes, "bytes/s"), limits.Parallel)
	})
}

func limitText(n int64, unit string) string {
	if n == 0 {
		return "no limit"
	}
	return full(n) + " " + unit
}
