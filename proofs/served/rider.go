package served

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/proofs/kill"
)

// rider takes one run of a scene after another to its end over the API, pauses and resumes it, and judges what came of it.
type rider struct {
	*Killing
	*rand.Rand
	scene kill.Scene
	dir   string // of the scene's files
	at    int    // which server it speaks to
	n     int    // runs

	connections map[string]client.ConnectionInput // by what they are called here
	job         string
}

// reset makes a fresh target and reads the job of the scene, whose aliases get the scene's name.
func (r *rider) reset(ctx context.Context) error {
	if err := errors.Join(os.RemoveAll(r.dir), os.MkdirAll(r.dir, 0o700)); err != nil {
		return err
	}
	if err := r.scene.Reset(ctx, r.dir); err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(r.dir, "connections.yaml"))
	if err != nil {
		return err
	}
	var stored map[string]map[string]any
	if err := yaml.Unmarshal(text, &stored); err != nil {
		return err
	}
	r.connections = map[string]client.ConnectionInput{}
	for alias, options := range stored {
		kind, _ := options["connector"].(string)
		delete(options, "connector")
		body, err := json.Marshal(options)
		if err != nil {
			return err
		}
		r.connections[r.scene.Name()+"-"+alias] = client.ConnectionInput{Connector: kind, Options: body}
	}
	text, err = os.ReadFile(filepath.Join(r.dir, "job.yaml"))
	r.job = strings.NewReplacer("{connection: ", "{connection: "+r.scene.Name()+"-", "name: kill", "name: "+r.scene.Name(), "group_rows: 100", "group_rows: 100, rate: {rows: 6000}").Replace(string(text))
	return err
}

// connect stores the connections of the scene.
func (r *rider) connect(ctx context.Context) error {
	for alias, in := range r.connections {
		if _, err := r.client().PutConnection(ctx, "", alias, 0, in); err != nil {
			return fmt.Errorf("store connection %s: %w", alias, err)
		}
	}
	return nil
}

func (r *rider) client() *client.Client { return r.clients[r.at%len(r.clients)] }

// insist calls until there is an answer: servers die meanwhile. A *client.Problem of the caller's own making is an answer.
func (r *rider) insist(ctx context.Context, call func(c *client.Client) error) error {
	for end := time.Now().Add(patience); ; {
		err := call(r.client())
		p, answered := errors.AsType[*client.Problem](err)
		switch {
		case err == nil:
			return nil
		case answered && p.Status == http.StatusInternalServerError:
			return fmt.Errorf("the server has an error that it should not have: %w", err)
		case answered && p.Status < 500 && p.Status != http.StatusTooManyRequests:
			return err
		case ctx.Err() != nil || time.Now().After(end):
			return fmt.Errorf("no answer: %w", err)
		}
		r.count(func(f *Figures) { f.Unanswered++ })
		r.at++
		r.wait(ctx, 20*time.Millisecond)
	}
}

// wait waits for about d.
func (r *rider) wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d/2 + r.N(d)):
	case <-ctx.Done():
	}
}

// N is a random time below d.
func (r *rider) N(d time.Duration) time.Duration { return time.Duration(r.Int64N(int64(d))) }

// ride makes one run.
func (r *rider) ride(ctx context.Context) error {
	if err := r.reset(ctx); err != nil {
		return err
	}
	r.n++
	document, err := json.Marshal(r.job)
	if err != nil {
		return err
	}
	key := fmt.Sprintf("%s-%d", r.scene.Name(), r.n)
	start := func() (run string, again bool, err error) {
		err = r.insist(ctx, func(c *client.Client) error {
			started, err := c.StartBatch(ctx, key, client.Batch{Document: document, Start: client.Start{Why: "proof " + key}})
			if err == nil {
				run, again = started.Run.Run, started.Again
			}
			return err
		})
		return run, again, err
	}
	r.intend(key)
	if r.IntN(2) == 0 { // an answer that gets lost
		short, cancel := context.WithTimeout(ctx, r.N(60*time.Millisecond)+time.Millisecond)
		_, _ = r.client().StartBatch(short, key, client.Batch{Document: document}) // whatever it says is not heard
		cancel()
	}
	run, again, err := start()
	if err != nil {
		return fmt.Errorf("start %s: %w", key, err)
	}
	r.started(key, run, again)
	began := time.Now()
	if err := r.steer(ctx, run); err != nil {
		return fmt.Errorf("run %s: %w", run, err)
	}
	r.count(func(f *Figures) {
		f.Longest = max(f.Longest, float64(time.Since(began).Round(time.Millisecond).Milliseconds())/1000)
	})
	if r.IntN(2) == 0 { // asked once more, when all is over
		twice, again, err := start()
		if err != nil || !again || twice != run {
			return fmt.Errorf("start %s again: it was run %s and is %s, told as asked before: %t: %w", key, run, twice, again, err)
		}
	}
	return r.judge(ctx, run)
}

// wishTime is how long a wish that the server took may take to be fulfilled; mostPauses are wished for of a run.
const (
	wishTime   = time.Minute
	mostPauses = 3
)

// steer pauses and resumes a run until it is over.
func (r *rider) steer(ctx context.Context, key string) error {
	pauses, was := 0, ""
	var asked, paused time.Time // since when a pause is wished for, since when it is paused without that
	for end := time.Now().Add(patience); time.Now().Before(end); r.wait(ctx, 150*time.Millisecond) {
		var run client.Run
		err := r.insist(ctx, func(c *client.Client) (err error) {
			run, err = c.Run(ctx, key, "")
			return err
		})
		if is := fmt.Sprint(run.State, run.Total, len(run.History)); err == nil && is != was {
			was, end = is, time.Now().Add(patience)
			r.moves.Add(1)
		}
		switch {
		case err != nil:
			return err
		case run.State == client.Succeeded:
			return nil
		case run.State == client.Failed, run.State == client.Stopped:
			return fmt.Errorf("it is %s: %s", run.State, run.Reason)
		case run.State != client.Paused || run.Queued != "":
			paused = time.Time{}
			if !asked.IsZero() && time.Since(asked) > wishTime {
				return fmt.Errorf("the server took a pause, yet the run is %s", run.State)
			}
			if asked.IsZero() && run.Queued == "" && run.State == client.Running && pauses < mostPauses && r.IntN(6) == 0 {
				pauses++
				asked, err = r.pause(ctx, key)
			}
		case !asked.IsZero():
			r.wait(ctx, 300*time.Millisecond)
			asked, err = time.Time{}, r.resume(ctx, key)
		case paused.IsZero():
			paused = time.Now() // a run that lost its process while it verified passes through here
		case time.Since(paused) > wishTime:
			return fmt.Errorf("it is paused, which nobody wished: %s", run.Reason)
		}
		if err != nil {
			return err
		}
	}
	return errors.New("it is stuck: nothing of it has changed for a long time")
}

// pause asks for a pause, and returns since when one is wished for: a run that got on meanwhile refuses.
func (r *rider) pause(ctx context.Context, key string) (time.Time, error) {
	return r.wish(ctx, func(c *client.Client) error {
		_, err := c.Pause(ctx, key, "proof")
		return err
	}, func(f *Figures) { f.Pauses++ })
}

func (r *rider) resume(ctx context.Context, key string) error {
	_, err := r.wish(ctx, func(c *client.Client) error {
		_, err := c.Resume(ctx, key, "proof")
		return err
	}, func(f *Figures) { f.Resumes++ })
	return err
}

func (r *rider) wish(ctx context.Context, call func(*client.Client) error, counted func(*Figures)) (time.Time, error) {
	err := r.insist(ctx, call)
	if p, ok := errors.AsType[*client.Problem](err); ok && p.Status == http.StatusConflict {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	r.count(counted)
	return time.Now(), nil
}

// judge holds a run that succeeded against what it should have come to.
func (r *rider) judge(ctx context.Context, key string) error {
	v, err := r.scene.Judge(ctx, r.dir)
	if err != nil {
		return err
	}
	wants := r.scene.Wants()
	var run client.Run
	dirty := map[string]int{}
	err = r.insist(ctx, func(c *client.Client) (err error) {
		clear(dirty)
		if run, err = c.Run(ctx, key, ""); err != nil {
			return err
		}
		return eachOf(func(p client.Part) (client.Page[client.DirtyRow], error) { return c.Dirty(ctx, key, "", p) }, func(d client.DirtyRow) {
			var row struct {
				ID json.Number `json:"id"`
			}
			_ = json.Unmarshal(d.Row, &row) // without an id it is none that is wanted
			dirty[row.ID.String()]++
		})
	})
	if err != nil {
		return err
	}
	if c := run.Total; c == nil || c.Read != wants.Read || c.Read != c.Written+c.Dirty+c.Filtered || c.Dirty != int64(len(wants.Dirty)) {
		err = fmt.Errorf("run %s of %s: counts are %+v, wanted are %d rows read and %d dirty", key, r.scene.Name(), run.Total, wants.Read, len(wants.Dirty))
	}
	for id, n := range dirty {
		if n != 1 || !wants.Dirty[id] {
			err = errors.Join(err, fmt.Errorf("run %s of %s has row %q %d times among its dirty rows", key, r.scene.Name(), id, n))
		}
	}
	if len(dirty) != len(wants.Dirty) {
		err = errors.Join(err, fmt.Errorf("run %s of %s has %d dirty rows, wanted are %d", key, r.scene.Name(), len(dirty), len(wants.Dirty)))
	}
	if v != (kill.Verdict{}) {
		r.Log("NOT GOOD: run %s of %s: %+v", key, r.scene.Name(), v)
	}
	r.count(func(f *Figures) {
		f.Runs++
		f.Rows += wants.Read
		f.Verdict.Add(v)
	})
	return err
}
