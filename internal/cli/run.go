package cli

import (
	"context"
	"errors"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/job"
)

type runCmd struct {
	File string            `arg:"" help:"The job file." type:"existingfile" predictor:"file"`
	Set  map[string]string `help:"Give a parameter of the job a value." placeholder:"NAME=VALUE" mapsep:"none"`
}

// Run runs a job.
func (c *runCmd) Run(s *session) error {
	j, err := s.readJob(c.File, c.Set)
	if err != nil {
		return err
	}
	return s.run(j)
}

type copyCmd struct {
	Source     string `arg:"" help:"What to copy: alias:dataset, or a URL like CONNECTOR://user@host/dataset."`
	Target     string `arg:"" help:"Where to: alias:dataset, or a URL."`
	Parallel   int    `help:"Shards at work at once." placeholder:"N"`
	AtLeast    bool   `name:"accept-at-least-once" help:"Accept that rows may be written twice after a cut."`
	EmptyToo   bool   `name:"allow-empty" help:"Replace the target even when the source is empty."`
	DirtyLimit *int64 `name:"dirty" help:"Pause when there are more dirty rows than this." placeholder:"ROWS"`
	Plan       bool   `help:"Show what would be done instead."`
}

// Run copies a dataset in full mode.
func (c *copyCmd) Run(s *session) error {
	aliases, err := s.connections()
	if err != nil {
		return err
	}
	for _, spec := range []string{c.Source, c.Target} {
		if u, err := url.Parse(spec); err == nil && u.User != nil {
			if _, set := u.User.Password(); set {
				s.note("warning: a password on the command line can be seen by others; use TOWPATH_SOURCE_PASSWORD, TOWPATH_TARGET_PASSWORD or a connections file")
			}
		}
	}
	j, err := job.FromCopy(c.Source, c.Target, aliases, s.readURL)
	if err != nil {
		return err
	}
	j.Settings.Parallel = c.Parallel
	j.Settings.AllowEmptyReplace = c.EmptyToo
	j.Settings.Dirty.Rows = c.DirtyLimit
	if c.AtLeast {
		j.Settings.Accept = job.AtLeastOnce
	}
	if c.Plan {
		return s.plan(j)
	}
	return s.run(j)
}

// readURL asks the connector that a URL's scheme names what the URL says.
func (s *session) readURL(u *url.URL) (string, map[string]any, string, error) {
	for _, c := range s.set.All() {
		if c.URL == nil || c.Name != u.Scheme && !slices.Contains(c.Schemes, u.Scheme) {
			continue
		}
		options, dataset, err := c.URL(u)
		return c.Name, options, dataset, err
	}
	_, err := s.set.Get(u.Scheme)
	return "", nil, "", err
}

// readJob reads a job file and binds its parameters.
func (s *session) readJob(path string, params map[string]string) (*job.Job, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, connector.Errorf(connector.Config, "TOW-014", "read job: %w", err)
	}
	j, err := job.Parse(data, path)
	if err != nil {
		return nil, err
	}
	return j.Bind(params)
}

// run runs a job to where it rests and shows how it goes.
func (s *session) run(j *job.Job) error {
	return s.steer(func(ctx context.Context, svc *control.Service, screen *screen, stop func(key string)) (store.Run, error) {
		return svc.Run(ctx, j, screen, func(key string, plan *engine.Plan) {
			screen.begin(key, plan)
			stop(key)
		})
	})
}

type resumeCmd struct {
	Key   string `arg:"" name:"run" help:"The run's key."`
	Moved bool   `help:"Source or target were moved to another server with the same data."`
}

// Run resumes a run.
func (c *resumeCmd) Run(s *session) error {
	return s.steer(func(ctx context.Context, svc *control.Service, screen *screen, stop func(key string)) (store.Run, error) {
		stop(c.Key)
		if _, _, plan, err := svc.Status(ctx, c.Key); err == nil {
			screen.begin(c.Key, plan)
		}
		return svc.Resume(ctx, c.Key, control.ResumeOptions{Moved: c.Moved, Waiting: screen.waiting}, screen)
	})
}

// steer runs do with signals turned into a pause: the first asks for it, the second ends the process at once.
func (s *session) steer(do func(ctx context.Context, svc *control.Service, screen *screen, stop func(key string)) (store.Run, error)) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	svc, done, err := s.service(ctx)
	if err != nil {
		return err
	}
	defer done()
	keys := make(chan string, 1)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	go s.onSignal(ctx, cancel, svc, signals, keys)
	screen := newScreen(s)
	run, err := do(ctx, svc, screen, func(key string) { keys <- key })
	screen.end()
	if run.Key == "" || err != nil && run.State != store.Failed {
		return err
	}
	return s.rested(svc, run, err)
}

func (s *session) onSignal(ctx context.Context, cancel context.CancelFunc, svc *control.Service, signals <-chan os.Signal, keys <-chan string) {
	key := ""
	asked := false
	for {
		select {
		case key = <-keys:
		case <-ctx.Done():
			return
		case <-signals:
			if key == "" || asked {
				cancel()
				continue
			}
			asked = true
			s.note("pausing: rows in flight are being committed; press Ctrl-C again to end at once")
			wish, stop := context.WithTimeout(ctx, 10*time.Second)
			if _, err := svc.Pause(wish, key, "asked for by the person who ran it"); err != nil {
				s.note("pause: %v", err)
				cancel()
			}
			stop()
		}
	}
}

// rested shows where a run rests and sets the exit code.
func (s *session) rested(svc *control.Service, run store.Run, cause error) error {
	ctx, cancel := background()
	defer cancel()
	_, progress, _, err := svc.Status(ctx, run.Key)
	if err != nil {
		return errors.Join(cause, err)
	}
	total := sum(progress.Streams)
	switch {
	case run.State == store.Failed:
		s.code = exitOf(cause)
	case run.State == store.Paused:
		s.code = exitPaused
	case total.Dirty > 0:
		s.code = exitDirty
	}
	if s.flags.JSON {
		e := envelope{OK: cause == nil, Command: s.command, Data: statusData(run, progress, nil)}
		if cause != nil {
			e.Error = describe(cause)
		}
		return s.print(e)
	}
	s.summary(run, progress, total)
	if cause != nil {
		code := s.code
		s.fail(cause)
		s.code = code
		if run.PlanFormat != 0 {
			s.note("  When it is mended, go on with: towpath resume %s", run.Key)
		}
	}
	return nil
}

func (s *session) summary(run store.Run, progress control.Progress, total connector.Counts) {
	switch run.State {
	case store.Succeeded:
		s.printf("succeeded run %s: %s rows written", run.Key, full(total.Written))
		if total.Dirty > 0 {
			s.printf(", %s dirty (towpath dirty %s)", full(total.Dirty), run.Key)
		}
		if total.Filtered > 0 {
			s.printf(", %s filtered", full(total.Filtered))
		}
		s.printf("\n")
	case store.Paused:
		s.printf("paused run %s at %s rows", run.Key, short(total.Read))
		if run.Reason != "" {
			s.printf(": %s", run.Reason)
			if run.Code != "" {
				s.printf(" [%s]", run.Code)
			}
		}
		s.printf("\nResume with: towpath resume %s\n", run.Key)
	case store.Stopped:
		s.printf("stopped run %s at %s rows. %s\n", run.Key, short(total.Read), run.Reason)
	}
}
