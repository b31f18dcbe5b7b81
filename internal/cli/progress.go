package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/store"
)

// plainEvery is how often a line is written where there is no terminal.
const plainEvery = 5 * time.Second

// mostStreams is how many streams the block shows one by one; of more, those at work.
const mostStreams = 12

// screen shows a run's progress: a live block on a terminal, a plain line now and then elsewhere, nothing with --json.
type screen struct {
	s     *session
	out   io.Writer
	live  bool
	quiet bool

	mu      sync.Mutex
	lines   int // of the block on screen
	told    time.Time
	meters  map[string]*meter // by stream; "" is the whole run
	started time.Time
}

// meter measures speed over the last seconds.
type meter struct {
	at          []time.Time
	rows, bytes []int64
}

func newScreen(s *session) *screen {
	f, ok := s.Err.(*os.File)
	return &screen{s: s, out: s.Err, live: ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb", quiet: s.flags.JSON,
		meters: map[string]*meter{}, started: time.Now()}
}

// begin says which run this is and what it promises.
func (c *screen) begin(key string, plan *engine.Plan) {
	if c.quiet || plan == nil {
		return
	}
	c.s.note("run %s: %s to %s, %s", key, plan.Source.Connector, plan.Target.Connector, streamsText(plan))
}

func streamsText(plan *engine.Plan) string {
	if len(plan.Streams) == 1 {
		s := plan.Streams[0]
		return fmt.Sprintf("%s to %s, %s", s.Source.Dataset, s.Sink.Dataset, s.Guarantee)
	}
	return fmt.Sprintf("%d streams", len(plan.Streams))
}

// State is told each change of the run's state.
func (c *screen) State(e store.Event) {
	if c.quiet || e.To != store.Verifying && e.To != store.Pausing && e.To != store.Stopping {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wipe()
	fmt.Fprintf(c.out, "%s\n", e.To)
}

// waiting says how long a lease elsewhere still has to run.
func (c *screen) waiting(holder store.Owner, left time.Duration) {
	if c.quiet {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.block([]string{fmt.Sprintf("process %d on %s holds the run; its lease ends in %s", holder.PID, holder.Host, left.Round(time.Second))})
}

// Progress draws the block, or writes a line when it is time.
func (c *screen) Progress(p control.Progress) {
	if c.quiet {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	total := control.StreamProgress{Source: "all"}
	for i := range p.Streams {
		s := &p.Streams[i]
		total.Counts.Add(s.Counts)
		total.Rows += max(s.Rows, s.Counts.Read)
		total.Guarantee = s.Guarantee
		c.meter(s.ID).add(now, s.Counts)
	}
	c.meter("").add(now, total.Counts)
	if !c.live {
		if now.Sub(c.told) >= plainEvery {
			c.told = now
			fmt.Fprintf(c.out, "%s\n", c.plain(total))
		}
		return
	}
	c.block(c.lineup(p.Streams, total))
}

func (c *screen) lineup(streams []control.StreamProgress, total control.StreamProgress) []string {
	shown := streams
	if len(streams) > mostStreams {
		shown = nil
		for _, s := range streams {
			if s.Counts.Read > 0 && s.Done < s.Shards && len(shown) < mostStreams {
				shown = append(shown, s)
			}
		}
	}
	width := 6
	for _, s := range shown {
		width = max(width, min(len(s.Source), 24))
	}
	var lines []string
	for _, s := range shown {
		lines = append(lines, c.line(width, s, c.meter(s.ID)))
	}
	if len(streams) > 1 {
		lines = append(lines, c.line(width, total, c.meter("")))
	}
	return lines
}

func (c *screen) meter(id string) *meter {
	m := c.meters[id]
	if m == nil {
		m = new(meter)
		c.meters[id] = m
	}
	return m
}

// line is one stream: name, bar, share, rows, speed, time left, dirty rows, guarantee.
func (c *screen) line(width int, s control.StreamProgress, m *meter) string {
	name := s.Source
	if len(name) > width {
		name = name[:width-1] + "…"
	}
	share := part(s)
	filled := int(share * 18)
	bar := strings.Repeat("#", filled) + strings.Repeat("-", 18-filled)
	rows, bytes := m.speed()
	left := ""
	if rows > 0 && share < 1 {
		left = "  left " + span(time.Duration(float64(max(s.Rows-s.Counts.Read, 0))/rows*float64(time.Second)))
	}
	return fmt.Sprintf("  %-*s [%s] %3d%%  %s/%s rows  %s rows/s  %s/s%s  dirty %s  %s", width, name, bar, int(share*100), short(s.Counts.Read),
		short(max(s.Rows, s.Counts.Read)), short(int64(rows)), size(int64(bytes)), left, short(s.Counts.Dirty), s.Guarantee)
}

func (c *screen) plain(total control.StreamProgress) string {
	rows, bytes := c.meter("").speed()
	return fmt.Sprintf("%3d%%  %s/%s rows  %s rows/s  %s/s  dirty %s", int(part(total)*100), short(total.Counts.Read),
		short(max(total.Rows, total.Counts.Read)), short(int64(rows)), size(int64(bytes)), short(total.Counts.Dirty))
}

// part is the share that is done, 1 only at the very end: row numbers are estimates.
func part(s control.StreamProgress) float64 {
	if s.Shards > 0 && s.Done == s.Shards {
		return 1
	}
	if s.Rows <= 0 {
		return 0
	}
	return min(float64(s.Counts.Read)/float64(s.Rows), 0.99)
}

func (m *meter) add(now time.Time, c connector.Counts) {
	m.at, m.rows, m.bytes = append(m.at, now), append(m.rows, c.Read), append(m.bytes, c.Bytes)
	for len(m.at) > 2 && now.Sub(m.at[0]) > 5*time.Second {
		m.at, m.rows, m.bytes = m.at[1:], m.rows[1:], m.bytes[1:]
	}
}

func (m *meter) speed() (rows, bytes float64) {
	n := len(m.at) - 1
	if n < 1 {
		return 0, 0
	}
	seconds := m.at[n].Sub(m.at[0]).Seconds()
	if seconds <= 0 {
		return 0, 0
	}
	return max(float64(m.rows[n]-m.rows[0])/seconds, 0), max(float64(m.bytes[n]-m.bytes[0])/seconds, 0)
}

// block replaces the lines on screen; elsewhere than on a terminal it writes them now and then.
func (c *screen) block(lines []string) {
	if !c.live {
		if time.Since(c.told) >= plainEvery {
			c.told = time.Now()
			fmt.Fprintln(c.out, strings.Join(lines, "\n"))
		}
		return
	}
	c.wipe()
	width := 200
	if f, ok := c.out.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 10 {
			width = w
		}
	}
	for _, line := range lines {
		if r := []rune(line); len(r) >= width {
			line = string(r[:width-1])
		}
		fmt.Fprintln(c.out, line)
	}
	c.lines = len(lines)
}

// wipe removes the block.
func (c *screen) wipe() {
	if c.live && c.lines > 0 {
		fmt.Fprintf(c.out, "\x1b[%dA\x1b[J", c.lines)
	}
	c.lines = 0
}

// end leaves the last block on screen.
func (c *screen) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = 0
}
