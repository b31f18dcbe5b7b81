package served

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"golang.org/x/sync/errgroup"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/towpath/towpath/client"
)

// Load starts many runs at once on a pool of few places, while many listen.
type Load struct {
	*Site            // of one server, whose control database is a file
	Small, Large int // runs; large ones are started first
	Rows         int // of a large one; a small one has a hundredth
	Places       int // of the pool
	Limit        int // of the connection that every other run reads from
	Clients      int // that listen to events
	Stalled      int // that ask for all of them and read none

	mu      sync.Mutex
	figures LoadFigures
	keys    []string // runs
}

// LoadFigures is what a load came to.
type LoadFigures struct {
	Small      Spread   `json:"small_runs_seconds"` // from the start to the end
	Large      Spread   `json:"large_runs_seconds"`
	AtOnce     int      `json:"most_shards_at_work"`
	Limited    int      `json:"most_shards_at_the_limited_connection"`
	Samples    int      `json:"samples"`
	MemoryIdle int64    `json:"memory_bytes_before"`
	Memory     int64    `json:"most_memory_bytes"`
	Clients    int      `json:"clients_that_saw_every_change"`
	Changes    int      `json:"changes_that_they_saw"`
	Dropped    int      `json:"stalled_clients_dropped"`
	Calls      Spread   `json:"api_calls_milliseconds"`
	Seconds    float64  `json:"seconds"`
	Faults     []string `json:"faults"`
}

// Spread is how so many values lie.
type Spread struct {
	Count                int `json:"count"`
	Median, P99, Longest float64
}

func spreadOf(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	slices.Sort(values)
	return Spread{len(values), values[len(values)/2], values[len(values)*99/100], values[len(values)-1]}
}

func (l *Load) fault(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.figures.Faults = append(l.figures.Faults, fmt.Sprintf(format, args...))
}

// targets are the files that rows go to.
const targets = 8

// Run makes the load and returns what it came to.
func (l *Load) Run(ctx context.Context) (LoadFigures, error) {
	l.Args = append(l.Args, "--parallel", strconv.Itoa(l.Places))
	server := l.Servers[0]
	if err := errors.Join(l.source(ctx), server.Start(ctx)); err != nil {
		return l.figures, err
	}
	defer l.Close()
	api := l.Client(server)
	if err := l.connect(ctx, api); err != nil {
		return l.figures, err
	}
	idle, err := memoryOf(server)
	if err != nil {
		return l.figures, err
	}
	l.figures.MemoryIdle = idle
	began := time.Now()
	working, over := context.WithCancel(ctx)
	defer over()
	var beside errgroup.Group
	beside.Go(func() error { return l.sample(working) })
	stalled, err := l.stall(ctx, server)
	if err != nil {
		return l.figures, err
	}
	if err := l.start(ctx, api); err != nil {
		return l.figures, err
	}
	var listening errgroup.Group
	for i := range l.Clients {
		listening.Go(func() error { return l.listen(ctx, l.Client(server), i) })
	}
	beside.Go(func() error { return l.call(working, l.Client(server)) })
	err = listening.Wait()
	l.figures.Seconds = float64(time.Since(began).Milliseconds()) / 1000
	over()
	if err := errors.Join(err, beside.Wait()); err != nil {
		return l.figures, err
	}
	if err := l.times(ctx, api); err != nil {
		return l.figures, err
	}
	if err := l.dropped(ctx, api, stalled); err != nil {
		return l.figures, err
	}
	l.verdict()
	return l.figures, server.Stop()
}

// verdict says what is not as it should be.
func (l *Load) verdict() {
	f := &l.figures
	if f.Samples < 10 || f.AtOnce == 0 || f.AtOnce > l.Places {
		l.fault("in %d samples up to %d shards were at work, on %d places", f.Samples, f.AtOnce, l.Places)
	}
	if f.Limited == 0 || f.Limited > l.Limit {
		l.fault("up to %d shards were at the connection that takes %d", f.Limited, l.Limit)
	}
	if f.Small.Count != l.Small || f.Large.Count != l.Large || f.Small.Median >= f.Large.Median {
		l.fault("small runs took %+v, large ones that were started before %+v: small ones starve", f.Small, f.Large)
	}
	if f.Clients != l.Clients || f.Dropped != l.Stalled {
		l.fault("%d of %d clients saw every change, %d of %d that stalled were dropped", f.Clients, l.Clients, f.Dropped, l.Stalled)
	}
	if f.Memory > mostMemory {
		l.fault("the server took up to %d bytes of memory", f.Memory)
	}
}

// mostMemory bounds a server: rows under way may take half of it.
const mostMemory = 512 << 20

func (l *Load) source(ctx context.Context) error {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(l.Files(), "from.db"))
	if err != nil {
		return err
	}
	defer db.Close()
	const make = `CREATE TABLE %s (id INTEGER PRIMARY KEY, note TEXT NOT NULL);
		WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < %d) INSERT INTO %[1]s SELECT id, 'row number ' || id || ' with some more text in it' FROM n;`
	_, err = db.ExecContext(ctx, fmt.Sprintf(make, "large", l.Rows)+fmt.Sprintf(make, "small", l.Rows/100))
	return err
}

func (l *Load) connect(ctx context.Context, api *client.Client) error {
	put := func(alias, file string, parallel int) error {
		_, err := api.PutConnection(ctx, "", alias, 0, client.ConnectionInput{Connector: "sqlite", Options: options(`{"path": %q}`, filepath.Join(l.Files(), file)), Parallel: parallel})
		return err
	}
	err := errors.Join(put("from", "from.db", 0), put("limited", "from.db", l.Limit))
	for i := range targets {
		err = errors.Join(err, put(fmt.Sprint("to", i), fmt.Sprintf("to%d.db", i), 0))
	}
	return err
}

// start starts all runs.
func (l *Load) start(ctx context.Context, api *client.Client) error {
	l.keys = make([]string, l.Large+l.Small)
	var starts errgroup.Group
	starts.SetLimit(8)
	for i := range l.keys {
		kind := "large"
		if i >= l.Large {
			kind = "small"
		}
		from := []string{"from", "limited"}[i%2]
		document := options(`{"name": "%s-%d", "mode": "batch", "source": {"connection": %q}, "target": {"connection": "to%d"}, "streams": [{"source": %q, "target": "t%d", "write": "append"}], "settings": {"group_rows": 2000}}`,
			kind, i, from, i%targets, kind, i)
		starts.Go(func() error {
			started, err := api.StartBatch(ctx, fmt.Sprint("load-", i), client.Batch{Document: document})
			if err == nil {
				l.keys[i] = started.Run.Run
			}
			return err
		})
		if i+1 == l.Large { // large ones are first
			if err := starts.Wait(); err != nil {
				return err
			}
		}
	}
	return starts.Wait()
}

// listen hears the changes of one run, or with every tenth client of all, until they are over.
func (l *Load) listen(ctx context.Context, api *client.Client, i int) error {
	ctx, cancel := context.WithTimeout(ctx, 5*patience)
	defer cancel()
	topic, open := api.RunTopic(l.keys[i%len(l.keys)]), 1
	if i%10 == 0 {
		topic, open = api.RunsTopic(), len(l.keys)
	}
	api.HTTP.Timeout = 0 // of a WebSocket
	seen := map[string][]client.Event{}
	for m, err := range api.Watch(ctx, topic, 0) {
		if err != nil {
			return fmt.Errorf("client %d: %w", i, err)
		}
		if m.Kind == client.KindGap {
			l.fault("client %d missed messages of %s", i, topic)
		}
		if m.Kind != client.KindState {
			continue
		}
		var e client.RunEvent
		if err := m.Into(&e); err != nil {
			return err
		}
		seen[e.Run] = append(seen[e.Run], e.Event)
		if e.To == client.Succeeded {
			open--
		} else if e.To.Rests() {
			l.fault("run %s is %s: %s", e.Run, e.To, e.Why)
		}
		if open == 0 {
			break
		}
	}
	changes := 0
	for run, events := range seen {
		changes += len(events)
		if wrong := wrongIn(events, client.Succeeded); wrong != "" {
			l.fault("client %d: run %s: %s", i, run, wrong)
			return nil
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.figures.Clients++
	l.figures.Changes += changes
	return nil
}

// stall opens WebSockets that ask for everything and read nothing.
func (l *Load) stall(ctx context.Context, server *Server) (all []*websocket.Conn, err error) {
	small := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) }) // larger ones do as well, later
	}}
	api := l.Client(server)
	plain := &http.Client{Transport: &http.Transport{DialContext: small.DialContext}}
	for range l.Stalled {
		conn, _, err := websocket.Dial(ctx, api.URL+"/api/v1/events", &websocket.DialOptions{HTTPClient: plain, HTTPHeader: http.Header{"Authorization": {"Bearer " + l.token}}})
		if err != nil {
			return all, err
		}
		all = append(all, conn)
		if err := wsjson.Write(ctx, conn, client.Subscription{Topic: api.RunsTopic()}); err != nil {
			return all, err
		}
	}
	return all, nil
}

// dropped waits until the server has dropped those that stall.
func (l *Load) dropped(ctx context.Context, api *client.Client, stalled []*websocket.Conn) error {
	defer func() {
		for _, conn := range stalled {
			conn.CloseNow()
		}
	}()
	counter := regexp.MustCompile(`(?m)^towpath_websockets_dropped_total (\d+)$`)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(patience); ; {
		text, err := l.metrics(ctx, api)
		if err != nil {
			return err
		}
		if found := counter.FindStringSubmatch(text); found != nil {
			if l.figures.Dropped, err = strconv.Atoi(found[1]); err != nil || l.figures.Dropped >= len(stalled) {
				return err
			}
		}
		select {
		case <-tick.C:
		case <-late:
			return nil
		}
	}
}

// metrics asks with a session, which a token is not allowed to.
func (l *Load) metrics(ctx context.Context, api *client.Client) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, api.URL+"/metrics", nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("Authorization", "Bearer "+l.token)
	answer, err := api.HTTP.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	var b strings.Builder
	if err := answer.Write(&b); err != nil || answer.StatusCode != http.StatusOK {
		return "", errors.Join(err, fmt.Errorf("metrics: %s", answer.Status))
	}
	return b.String(), nil
}

// sample looks how many shards are at work, in the control database itself, and how much memory the server takes.
func (l *Load) sample(ctx context.Context) error {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(l.Dir, "state", "towpath.db")+"?mode=ro&_pragma=busy_timeout(10000)")
	if err != nil {
		return err
	}
	defer db.Close()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		var all, limited int
		err := db.QueryRowContext(ctx, `SELECT COUNT(*), COUNT(u.run) FROM shard s LEFT JOIN run_connection u ON u.run = s.run AND u.alias = 'limited'
			WHERE s.state = 1 AND s.lease_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)`).Scan(&all, &limited)
		if ctx.Err() != nil {
			return nil
		}
		memory, readErr := memoryOf(l.Servers[0])
		if err := errors.Join(err, readErr); err != nil {
			return err
		}
		f := &l.figures
		f.Samples++
		f.AtOnce, f.Limited, f.Memory = max(f.AtOnce, all), max(f.Limited, limited), max(f.Memory, memory)
	}
}

// memoryOf is what a server has in memory.
func memoryOf(s *Server) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(text), "VmRSS:")
	n, err := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
	return n << 10, err
}

// call calls the API as people who look at it do, and measures how long answers take.
func (l *Load) call(ctx context.Context, api *client.Client) error {
	var took []float64
	r := rand.New(rand.NewPCG(1, 2))
	for ctx.Err() == nil {
		key := l.keys[r.IntN(len(l.keys))]
		began := time.Now()
		var err error
		switch r.IntN(6) {
		case 0:
			_, err = api.Live(ctx)
		case 1:
			_, err = api.Runs(ctx, client.RunFilter{})
		case 2:
			_, err = api.Events(ctx, key, client.Part{})
		case 3:
			_, err = api.Connections(ctx, "")
		case 4:
			_, err = api.Jobs(ctx, client.Part{})
		default:
			_, err = api.Run(ctx, key, "")
		}
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			return fmt.Errorf("call under load: %w", err)
		}
		took = append(took, float64(time.Since(began).Microseconds())/1000)
		select { // people read what they see
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	l.figures.Calls = spreadOf(took)
	return nil
}

// times are how long runs took, by their own history.
func (l *Load) times(ctx context.Context, api *client.Client) error {
	took := map[bool][]float64{}
	for i, key := range l.keys {
		run, err := api.Run(ctx, key, "")
		if err != nil {
			return err
		}
		want := int64(l.Rows)
		if i >= l.Large {
			want /= 100
		}
		if run.Total == nil || run.Total.Written != want {
			l.fault("run %s wrote %+v, wanted are %d rows", key, run.Total, want)
		}
		created, createdErr := time.Parse(time.RFC3339, run.Created)
		ended, endedErr := time.Parse(time.RFC3339, run.Ended)
		if err := errors.Join(createdErr, endedErr); err != nil {
			return err
		}
		took[i < l.Large] = append(took[i < l.Large], ended.Sub(created).Seconds())
	}
	l.figures.Small, l.figures.Large = spreadOf(took[false]), spreadOf(took[true])
	return nil
}
