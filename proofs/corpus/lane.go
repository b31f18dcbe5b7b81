package corpus

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/towpath/towpath/connector"
	cells "github.com/towpath/towpath/connector/connectortest/corpus"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/proofs/corpus/rig"
)

// run takes cells through a lane as streams of one run. Where that run does not come to its end though all of them could, each is
// taken alone, so that what is wrong with one is told of that one.
func (l *line) run(ctx context.Context, lane Lane, of []*cells.Cell) (Report, error) {
	good, failures := l.prepare(ctx, lane, of)
	report := Report{Failures: failures}
	if len(good) == 0 {
		return report, nil
	}
	t, err := l.lane(ctx, lane, good)
	if err != nil {
		return report, err
	}
	if len(good) > 1 && t.Run.State != store.Succeeded {
		for _, c := range good {
			got, err := l.run(ctx, lane, []*cells.Cell{c})
			report.Add(got)
			if err != nil {
				return report, err
			}
		}
		return report, ctx.Err()
	}
	got, err := l.judge(ctx, lane, good, t)
	report.Add(got)
	return report, err
}

// prepare makes the targets ready. A cell whose target cannot be made fails; the others are returned.
func (l *line) prepare(ctx context.Context, lane Lane, of []*cells.Cell) (good []*cells.Cell, failures []Failure) {
	var all strings.Builder
	for _, c := range of {
		all.WriteString(l.target(c, lane))
	}
	if l.to.Run(ctx, all.String()) == nil {
		return of, nil
	}
	for _, c := range of {
		if err := l.to.Run(ctx, l.target(c, lane)); err != nil {
			failures = append(failures, Failure{c.ID(), l.way.String(), lane, "make target: " + err.Error()})
			continue
		}
		good = append(good, c)
	}
	return good, failures
}

// loses reports whether a cell's rows lose something: then the plan has to say so. It is asked where nothing is interrupted.
func loses(c *cells.Cell) bool {
	return slices.ContainsFunc(c.Rows, func(r cells.Row) bool { return r.Outcome == cells.Loss })
}

// trip is a run that rests, and what was done to it.
type trip struct {
	*rig.Ended
	plan    *engine.Plan    // nil: it has not been asked for
	touched map[string]bool // streams that were interrupted or cut
}

// lane runs the cells.
func (l *line) lane(ctx context.Context, lane Lane, of []*cells.Cell) (*trip, error) {
	switch lane {
	case Resume:
		return l.resume(ctx, of)
	case Retry:
		return l.retry(ctx, of)
	}
	j, err := l.job(lane, of, "")
	if err != nil {
		return nil, err
	}
	s, t := l.service(connectors()), &trip{}
	if slices.ContainsFunc(of, loses) {
		if t.plan, err = s.Plan(ctx, j); err != nil {
			t.plan = nil // the run says why
		}
	}
	run, runErr := s.Run(ctx, j, nil, nil)
	t.Ended, err = rig.Look(ctx, s, run, runErr)
	return t, err
}

// resume interrupts the run whenever all streams at work are held between two of their rows: by turns with a pause, and with the end
// of what the process runs in.
func (l *line) resume(ctx context.Context, of []*cells.Cell) (*trip, error) {
	j, err := l.job(Resume, of, "")
	if err != nil {
		return nil, err
	}
	h := newHolder(len(of), widest)
	s := l.service(h.connectors(connectors()))
	keys := make(chan string, 1)
	start := func(ctx context.Context) (store.Run, error) {
		return s.Run(ctx, j, nil, func(key string, _ *engine.Plan) { keys <- key })
	}
	key := ""
	for n := 0; ; n++ {
		w := launch(ctx, start)
		if n == 0 {
			select {
			case key = <-keys:
			case <-w.ended:
				e, err := rig.Look(ctx, s, w.run, w.err)
				return &trip{Ended: e, touched: h.touched()}, err
			}
		}
		interrupted, err := w.interrupt(ctx, s, key, h, n%2 == 1)
		if err != nil {
			return nil, err
		}
		if !interrupted || ctx.Err() != nil {
			e, err := rig.Look(ctx, s, w.run, w.err)
			return &trip{Ended: e, touched: h.touched()}, err
		}
		h.again()
		start = func(ctx context.Context) (store.Run, error) {
			return s.Resume(ctx, key, control.ResumeOptions{Waiting: func(store.Owner, time.Duration) {}}, nil)
		}
	}
}

// work is a run under way.
type work struct {
	cancel context.CancelFunc
	ended  chan struct{}
	run    store.Run // once ended
	err    error
}

func launch(ctx context.Context, do func(ctx context.Context) (store.Run, error)) *work {
	ctx, cancel := context.WithCancel(ctx)
	w := &work{cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(w.ended)
		w.run, w.err = do(ctx)
	}()
	return w
}

// stuck is how long a run may take to come to its next interruption.
const stuck = 2 * time.Minute

// interrupt waits until the run is due, ends it, and waits until it rests. It returns false when the run ended by itself.
func (w *work) interrupt(ctx context.Context, s *control.Service, key string, h *holder, hard bool) (bool, error) {
	defer w.cancel()
	select {
	case <-w.ended:
		return false, nil
	case <-h.due:
	case <-time.After(stuck):
		w.cancel()
		<-w.ended
		return false, fmt.Errorf("run %s neither ends nor stands between two rows: %s", key, h)
	}
	if hard {
		w.cancel()
	} else if _, err := s.Pause(ctx, key, "between two rows"); err != nil {
		return false, err
	}
	<-w.ended
	if w.run.State == store.Succeeded {
		return false, nil
	}
	if !hard && w.run.State != store.Paused {
		return false, fmt.Errorf("a run that was to pause is %s: %w", w.run.State, w.err)
	}
	return true, nil
}

// retry cuts each stream's connection to the target once, while its first group or the answer to it is on its way.
func (l *line) retry(ctx context.Context, of []*cells.Cell) (*trip, error) {
	var p *proxy
	addr := ""
	if own := l.serverOf(l.way.To); own != "" {
		var err error
		if p, err = newProxy(own); err != nil {
			return nil, err
		}
		defer p.close()
		addr = p.addr
	}
	j, err := l.job(Retry, of, addr)
	if err != nil {
		return nil, err
	}
	c := newCutter(p, l.way.To == "elasticsearch")
	s := l.service(c.connectors(connectors()))
	run, runErr := s.Run(ctx, j, nil, nil)
	e, err := rig.Look(ctx, s, run, runErr)
	return &trip{Ended: e, touched: c.touched()}, err
}

// serverOf is host:port of the server of a connector, "" where there is none.
func (l *line) serverOf(connector string) string {
	address := map[string]string{"mysql": l.Servers.MySQL.URL, "postgres": l.Servers.Postgres.URL, "elasticsearch": l.Servers.Search.URL}[connector]
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}

// between puts what wraps readers and writers between the engine and each connector.
func between(set connector.Set, reader func(connector.Reader) connector.Reader, writer func(connector.Writer) connector.Writer) connector.Set {
	var list []connector.Connector
	for _, c := range set.All() {
		if read := c.Read; read != nil && reader != nil {
			c.Read = func(ctx context.Context, client connector.Client, s connector.Source) (connector.Reader, error) {
				r, err := read(ctx, client, s)
				if err != nil {
					return nil, err
				}
				return reader(r), nil
			}
		}
		if write := c.Write; write != nil && writer != nil {
			c.Write = func(ctx context.Context, client connector.Client, s connector.Sink) (connector.Writer, error) {
				w, err := write(ctx, client, s)
				if err != nil {
					return nil, err
				}
				return writer(w), nil
			}
		}
		list = append(list, c)
	}
	return connector.NewSet(list...)
}

// taken wraps the shard writers of a writer.
type taken struct {
	connector.Writer
	wrap func(connector.Shard, connector.Checkpoint, connector.ShardWriter) connector.ShardWriter
}

func (t taken) Take(ctx context.Context, s connector.Shard, l connector.Lease, last connector.Checkpoint) (connector.ShardWriter, connector.Checkpoint, error) {
	w, at, err := t.Writer.Take(ctx, s, l, last)
	if err != nil {
		return nil, at, err
	}
	return t.wrap(s, at, w), at, nil
}

// errLost is what a file's writer answers in the place of a server whose connection is cut.
var errLost = errors.New("the connection was cut")
