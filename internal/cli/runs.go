package cli

import (
	"strconv"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/job"
)

// runJSON is a run in JSON answers; times are RFC 3339 in UTC.
type runJSON struct {
	Run     string                   `json:"run"`
	Name    string                   `json:"name"`
	Mode    string                   `json:"mode"`
	State   store.State              `json:"state"`
	Reason  string                   `json:"reason,omitempty"`
	Code    string                   `json:"code,omitempty"`
	Created string                   `json:"created"`
	Ended   string                   `json:"ended,omitempty"`
	Total   *connector.Counts        `json:"total,omitempty"`
	Streams []control.StreamProgress `json:"streams,omitempty"`
	History []eventJSON              `json:"history,omitempty"`
}

type eventJSON struct {
	Number int64       `json:"number"`
	At     string      `json:"at"`
	From   store.State `json:"from,omitempty"`
	To     store.State `json:"to"`
	Who    string      `json:"who"`
	Why    string      `json:"why,omitempty"`
	Code   string      `json:"code,omitempty"`
}

func utc(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format(time.RFC3339Nano)
}

func runData(r store.Run) runJSON {
	return runJSON{Run: r.Key, Name: r.Name, Mode: r.Mode, State: r.State, Reason: r.Reason, Code: r.Code, Created: utc(r.Created), Ended: utc(r.Ended)}
}

func statusData(r store.Run, p control.Progress, history []store.Event) runJSON {
	out := runData(r)
	total := sum(p.Streams)
	out.Total, out.Streams = &total, p.Streams
	for _, e := range history {
		out.History = append(out.History, eventJSON{e.Number, utc(e.At), e.From, e.To, e.Who, e.Why, e.Code})
	}
	return out
}

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
	list := make([]runJSON, len(runs))
	rows := make([][]string, len(runs))
	for i, r := range runs {
		list[i] = runData(r)
		rows[i] = []string{r.Key, r.Name, r.Mode, string(r.State), when(r.Created), when(r.Ended), r.Reason}
	}
	return s.answer(list, func() {
		if len(rows) == 0 {
			s.printf("no runs\n")
			return
		}
		s.table([]string{"RUN", "JOB", "MODE", "STATE", "CREATED", "ENDED", "REASON"}, rows)
	})
}

type statusCmd struct {
	Key string `arg:"" name:"run" help:"The run's key."`
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
	history, err := svc.History(ctx, c.Key)
	if err != nil {
		return err
	}
	return s.answer(statusData(run, progress, history), func() { s.showStatus(run, progress, history) })
}

func (s *session) showStatus(run store.Run, progress control.Progress, history []store.Event) {
	s.printf("run %s of %s (%s): %s\n", run.Key, run.Name, run.Mode, run.State)
	if run.Reason != "" {
		s.printf("  %s", run.Reason)
		if run.Code != "" {
			s.printf(" [%s]", run.Code)
		}
		s.printf("\n")
	}
	s.printf("\n")
	var rows [][]string
	for _, p := range progress.Streams {
		c := p.Counts
		rows = append(rows, []string{p.Source, p.Target, strconv.Itoa(int(part(p)*100)) + "%", full(c.Read), full(c.Written), full(c.Dirty), full(c.Filtered),
			strconv.Itoa(p.Done) + "/" + strconv.Itoa(p.Shards), string(p.Guarantee)})
	}
	s.table([]string{"SOURCE", "TARGET", "DONE", "READ", "WRITTEN", "DIRTY", "FILTERED", "SHARDS", "GUARANTEE"}, rows)
	s.printf("\n")
	rows = nil
	for _, e := range history {
		rows = append(rows, []string{when(e.At), string(e.To), e.Who, e.Why})
	}
	s.table([]string{"WHEN", "STATE", "WHO", "WHY"}, rows)
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
			run, err = svc.Store.Run(ctx, key)
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
	return s.answer(statusData(run, progress, nil), func() {
		if run.State == goal {
			s.summary(run, sum(progress.Streams), 0)
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
	data := map[string]int64{"rows": limits.Rows, "bytes": limits.Bytes, "parallel": int64(limits.Parallel)}
	return s.answer(data, func() {
		s.printf("rows      %s\nbytes     %s\nparallel  %d\n", limitText(limits.Rows, "rows/s"), limitText(limits.Bytes, "bytes/s"), limits.Parallel)
	})
}

func limitText(n int64, unit string) string {
	if n == 0 {
		return "no limit"
	}
	return full(n) + " " + unit
}
