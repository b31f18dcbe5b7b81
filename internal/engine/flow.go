package engine

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/job"
)

// ratioFrom is how many rows must have been read before the share of dirty ones is judged.
const ratioFrom = 10_000

// Flow is the Gate of a run within one process: rates over all its shards, totals, and the limits of dirty rows.
type Flow struct {
	rows, bytes *rate.Limiter
	limits      job.Dirty
	passed      func(reason error) // called once, when a limit of dirty rows is passed

	mu      sync.Mutex
	before  connector.Counts            // of earlier parts of the run: a person saw them and resumed
	begun   map[string]connector.Counts // by stream
	streams map[string]connector.Counts // rows that are sent and not committed are within
	all     connector.Counts            // sum of streams
	tripped bool
}

// NewFlow returns a Flow without rates.
func NewFlow(limits job.Dirty, passed func(reason error)) *Flow {
	return &Flow{rows: rate.NewLimiter(rate.Inf, 1), bytes: rate.NewLimiter(rate.Inf, 1), limits: limits, passed: passed,
		begun: map[string]connector.Counts{}, streams: map[string]connector.Counts{}}
}

// Begin sets what a stream had copied when it was taken up, and may set it anew while rows move: its target may remember more or less than
// was known before.
func (f *Flow) Begin(stream string, c connector.Counts) {
	f.mu.Lock()
	defer f.mu.Unlock()
	more := c
	more.Sub(f.begun[stream])
	f.begun[stream] = c
	all := f.streams[stream]
	all.Add(more)
	f.streams[stream] = all
	f.all.Add(more)
	f.before.Add(more)
}

// Learn sets what a stream has copied by now where other processes copy it as well, and calls passed as Moved does.
func (f *Flow) Learn(stream string, c connector.Counts) {
	more := c
	more.Sub(f.Of(stream))
	f.Moved(stream, more, false)
}

// SetRate sets how many rows and bytes may be read in a second; 0 is no limit. It may be called at any time.
func (f *Flow) SetRate(rows, bytes int64) {
	set(f.rows, rows)
	set(f.bytes, bytes)
}

// A slice of a tenth of a second keeps waits short, so that a new rate is felt at once, and a run's first second within its rate.
func set(l *rate.Limiter, perSecond int64) {
	if perSecond <= 0 {
		l.SetLimit(rate.Inf)
		return
	}
	l.SetBurst(int(max(perSecond/10, 1)))
	l.SetLimit(rate.Limit(perSecond))
}

// Pass waits until rows and bytes may pass.
func (f *Flow) Pass(ctx context.Context, rows, bytes int) error {
	if err := wait(ctx, f.rows, rows); err != nil {
		return err
	}
	return wait(ctx, f.bytes, bytes)
}

func wait(ctx context.Context, l *rate.Limiter, n int) error {
	for n > 0 && l.Limit() != rate.Inf {
		take := min(n, max(l.Burst(), 1))
		r := l.ReserveN(time.Now(), take)
		if !r.OK() { // the burst shrank in between
			continue
		}
		if err := pause(ctx, r.Delay()); err != nil {
			return err
		}
		n -= take
	}
	return nil
}

// Moved counts rows, and calls passed when there are too many dirty ones among them.
func (f *Flow) Moved(stream string, delta connector.Counts, _ bool) {
	f.mu.Lock()
	c := f.streams[stream]
	c.Add(delta)
	f.streams[stream] = c
	f.all.Add(delta)
	reason := f.judge()
	trip := reason != nil && !f.tripped
	f.tripped = f.tripped || trip
	f.mu.Unlock()
	if trip {
		f.passed(reason)
	}
}

// judge returns why the run must pause, or nil.
func (f *Flow) judge() error {
	all := f.all
	all.Sub(f.before)
	if most := f.limits.Rows; most != nil && all.Dirty > *most {
		return connector.Errorf(connector.Full, "TOW-130", "%d dirty rows, the limit is %d", all.Dirty, *most).
			WithHint("Look at them with: towpath dirty. Raise settings.dirty.rows, name a policy, or mend the source.")
	}
	if most := f.limits.Ratio; most != nil && all.Read >= ratioFrom && float64(all.Dirty) > *most*float64(all.Read) {
		return connector.Errorf(connector.Full, "TOW-130", "%d of %d rows are dirty, the limit is %s", all.Dirty, all.Read, fmt.Sprintf("%g%%", *most*100)).
			WithHint("Look at them with: towpath dirty. Raise settings.dirty.ratio, name a policy, or mend the source.")
	}
	return nil
}

// Total returns the counts of all streams together; those of rows that are sent but not committed are within.
func (f *Flow) Total() connector.Counts {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.all
}

// Of returns the counts of one stream, as Total has them.
func (f *Flow) Of(stream string) connector.Counts {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.streams[stream]
}
