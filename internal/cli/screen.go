package cli

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/view"
	"github.com/towpath/towpath/job"
)

// plainEvery is how often a line is written where there is no terminal.
const plainEvery = 5 * time.Second

// screen shows a run's progress: a live block on a terminal, a plain line now and then elsewhere, nothing with --json.
type screen struct {
	out   io.Writer
	live  bool
	quiet bool
	known func(key string) // told the run's key, once there is one
	leave bool             // the run is started and not followed

	mu      sync.Mutex
	block   []string // on screen, below all else
	told    time.Time
	meters  map[string]*meter // by stream; "" is the whole run
	failed  map[string]bool   // streams whose failure was said
	started time.Time
	asked   bool // this process asked for the pause and said so
}

// newScreen makes the screen of one run. A log on the same output and a terminal that cannot move its cursor get plain lines.
func newScreen(s *session) *screen {
	now := time.Now()
	return &screen{out: s.Err, live: isTerminal(s.Err) && os.Getenv("TERM") != "dumb" && s.flags.Log == "off", quiet: s.flags.JSON,
		meters: map[string]*meter{}, started: now, told: now}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// widthOf is the width of the terminal behind w, otherwise when there is none.
func widthOf(w io.Writer, otherwise int) int {
	if width, _, ok := sizeOf(w); ok {
		return width
	}
	return otherwise
}

// sizeOf is the size of the terminal behind w.
func sizeOf(w io.Writer) (width, height int, ok bool) {
	f, isFile := w.(*os.File)
	if !isFile {
		return 0, 0, false
	}
	width, height, err := term.GetSize(int(f.Fd()))
	return width, height, err == nil && width > 1
}

// begin says which run this is and what it promises.
func (c *screen) begin(verb, key string, plan *engine.Plan) {
	if plan == nil {
		return
	}
	c.mu.Lock()
	c.wipe() // of planning
	c.mu.Unlock()
	c.say("%s %s: %s to %s, %s", verb, key, plan.Source.Connector, plan.Target.Connector, streamsText(plan))
}

// streamsText says what a plan copies and what it promises.
func streamsText(plan *engine.Plan) string {
	t, only := plan.Totals, &plan.Job.Streams[0]
	text := plural(t.Streams, "stream")
	if t.Streams == 1 && !job.IsPattern(only.Source) {
		text = nativeOr(only.Source, "query") + " to " + only.Target
	} else if t.Targets != t.Streams {
		text += " into " + plural(t.Targets, "target")
	}
	for _, g := range []job.Guarantee{job.ExactlyOnce, job.EffectivelyOnce, job.AtLeastOnce} {
		switch n := t.Guarantees[g]; {
		case n == t.Streams:
			text += ", " + string(g)
		case n > 0:
			text += ", " + full(int64(n)) + " " + string(g)
		}
	}
	return text
}

// say writes a line above the block.
func (c *screen) say(format string, args ...any) {
	if c.quiet {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	block := c.block
	c.wipe()
	fmt.Fprintf(c.out, format+"\n", args...)
	c.draw(block)
}

// State tells a change of the run's state.
func (c *screen) State(e client.Event) {
	text := ""
	switch e.To {
	case client.Pausing, client.Stopping:
		c.mu.Lock()
		asked := c.asked && e.To == client.Pausing
		c.mu.Unlock()
		if asked {
			return
		}
		text = string(e.To) + ": rows in flight are being committed"
	case client.Verifying:
		text = "verifying: counting what the target holds"
	case client.Running: // what is to be known of a snapshot
		if text = e.Why; text == "" {
			return
		}
	default:
		return
	}
	c.say("%s", text)
}

// waiting says what the run waits for before it goes on.
func (c *screen) waiting(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.live {
		c.wipe()
		c.draw([]string{line})
		return
	}
	if now := time.Now(); !c.quiet && (now.Sub(c.told) >= plainEvery || now.Sub(c.started) < time.Second) {
		c.told = now
		fmt.Fprintln(c.out, line)
	}
}

// Progress draws the block, or writes a line when it is time.
func (c *screen) Progress(p client.Progress) {
	if c.quiet {
		return
	}
	if p.State == client.Planning {
		c.planning(p)
		return
	}
	c.sayFailures(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	p.Total.Source = "all"
	meters := map[string]*meter{"": c.meter("")} // those of streams that are no longer told of go
	for i := range p.Streams {
		s := &p.Streams[i]
		m := c.meter(s.ID)
		m.add(now, s.Counts)
		meters[s.ID] = m
	}
	c.meters = meters
	c.meter("").add(now, p.Total.Counts)
	if c.live {
		width, height, ok := sizeOf(c.out)
		if !ok {
			width, height = 80, 24
		}
		c.wipe()
		c.draw(c.lineup(p, width, height))
		return
	}
	if rows, _ := c.meter("").speed(); now.Sub(c.told) >= plainEvery && rows > 0 {
		c.told = now
		fmt.Fprintln(c.out, plainLine(p, c.meter("")))
	}
}

// planning says how far the planning of a run is.
func (c *screen) planning(p client.Progress) {
	line := fmt.Sprintf("planning: %s of %s", full(int64(p.Planned)), plural(p.ToPlan, "stream"))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.live {
		c.wipe()
		c.draw([]string{line})
	} else if now := time.Now(); now.Sub(c.told) >= plainEvery {
		c.told = now
		fmt.Fprintln(c.out, line)
	}
}

// sayFailures says once of each stream that it failed while others go on.
func (c *screen) sayFailures(p client.Progress) {
	if streamsOf(p.States) < 2 {
		return
	}
	if c.failed == nil {
		c.failed = map[string]bool{}
	}
	for _, s := range p.Streams {
		if s.State == streamFailed && !c.failed[s.ID] {
			c.failed[s.ID] = true
			c.say("%s failed, the others go on: %s", view.StreamName(s), s.Error)
		}
	}
}

func (c *screen) meter(id string) *meter {
	m := c.meters[id]
	if m == nil {
		m = new(meter)
		c.meters[id] = m
	}
	return m
}

// draw writes the block, each line cut to the terminal's width: a line that wraps could not be wiped.
func (c *screen) draw(lines []string) {
	if len(lines) == 0 {
		return
	}
	width := widthOf(c.out, 80)
	for _, line := range lines {
		fmt.Fprintln(c.out, clip(line, width-1))
	}
	c.block = lines
}

// wipe removes the block.
func (c *screen) wipe() {
	if n := len(c.block); c.live && n > 0 {
		fmt.Fprintf(c.out, "\r\x1b[%dA\x1b[J", n)
	}
	c.block = nil
}

// end leaves the last block on screen and says how long the run was shown.
func (c *screen) end() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.block = nil
	return time.Since(c.started)
}
