package cli

import (
	"context"
	"errors"
	"io"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/internal/view"
	"github.com/towpath/towpath/job"
)

type runCmd struct {
	File string            `arg:"" help:"The job file; - is standard input." predictor:"file"`
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
	aliases, _, err := s.connections()
	if err != nil {
		return err
	}
	for _, spec := range []string{c.Source, c.Target} {
		if u, err := url.Parse(spec); err == nil {
			s.warnOfPassword(u)
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
		return s.plan(j, "")
	}
	return s.run(j)
}

func (s *session) warnOfPassword(u *url.URL) {
	if _, set := u.User.Password(); set {
		s.note("warning: others can see a password on the command line; TOWPATH_SOURCE_PASSWORD, TOWPATH_TARGET_PASSWORD or a connections file hide it")
	}
}

// byScheme returns the connector whose URLs begin so, nil when there is none.
func (s *session) byScheme(scheme string) *connector.Connector {
	for _, c := range s.set.All() {
		if c.URL != nil && (c.Name == scheme || slices.Contains(c.Schemes, scheme)) {
			return &c
		}
	}
	return nil
}

// readURL asks the connector that a URL's scheme names what the URL says.
func (s *session) readURL(u *url.URL) (string, map[string]any, string, error) {
	if c := s.byScheme(u.Scheme); c != nil {
		options, dataset, err := c.URL(u)
		return c.Name, options, dataset, err
	}
	_, err := s.set.Get(u.Scheme)
	return "", nil, "", err
}

// readJob reads a job file and binds its parameters.
func (s *session) readJob(path string, params map[string]string) (*job.Job, error) {
	var data []byte
	var err error
	if path == "-" && s.In != nil {
		path = "standard input"
		data, err = io.ReadAll(s.In)
	} else {
		data, err = os.ReadFile(path)
	}
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
	return s.steer(func(ctx context.Context, svc *control.Service, screen *screen, known func(key string)) (store.Run, error) {
		return svc.Run(ctx, j, screen, func(key string, plan *engine.Plan) {
			known(key)
			screen.begin("run", key, plan)
		})
	})
}

type resumeCmd struct {
	Key   string `arg:"" name:"run" help:"The run's key."`
	Moved bool   `help:"Source or target were moved to another server with the same data."`
}

// Run resumes a run.
func (c *resumeCmd) Run(s *session) error {
	return s.steer(func(ctx context.Context, svc *control.Service, screen *screen, known func(key string)) (store.Run, error) {
		if run, _, plan, err := svc.Status(ctx, c.Key); err == nil && !run.State.Final() {
			screen.begin("resuming run", c.Key, plan)
		}
		return svc.Resume(ctx, c.Key, control.ResumeOptions{Moved: c.Moved, Waiting: screen.waiting, Taken: func() { known(c.Key) }}, screen)
	})
}

// rested shows where a run rests and sets the exit code.
func (s *session) rested(svc *control.Service, run store.Run, took time.Duration, cause error) error {
	ctx, cancel := background()
	defer cancel()
	_, progress, _, err := svc.Status(ctx, run.Key)
	if err != nil {
		return errors.Join(cause, err)
	}
	total := progress.Total.Counts
	switch {
	case run.State == store.Failed:
		s.code = exitOf(cause)
	case run.State == store.Paused:
		s.code = exitPaused
	case run.State == store.Stopped: // by another process
		s.code = exitFailed
	case total.Dirty > 0:
		s.code = exitDirty
	}
	if s.flags.JSON {
		e := envelope{OK: cause == nil, Command: s.command, Data: view.Status(run, progress, progress.Streams, nil)}
		if cause != nil {
			e.Error = describe(cause)
		}
		return s.print(e)
	}
	s.summary(run, total, took)
	if cause != nil {
		code := s.code
		s.fail(cause)
		s.code = code
		if run.PlanFormat != 0 && run.State == store.Failed {
			s.note("Mended? Go on with: towpath resume %s", run.Key)
		}
	}
	return nil
}

// summary says where a run rests. took is 0 when it is not this process that copied.
func (s *session) summary(run store.Run, total connector.Counts, took time.Duration) {
	switch run.State {
	case store.Succeeded:
		s.printf("succeeded run %s: %s", run.Key, rowsWritten(total))
		if took > 0 {
			s.printf(", in %s", lasted(took))
		}
		s.printf("\n")
		if total.Dirty > 0 {
			s.printf("Look at the dirty rows with: towpath dirty %s\n", run.Key)
		}
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
		s.printf("stopped run %s at %s rows", run.Key, short(total.Read))
		if run.Reason != "" {
			s.printf(": %s", run.Reason)
		}
		s.printf("\n")
	}
}

func rowsWritten(total connector.Counts) string {
	text := plural64(total.Written, "row") + " written"
	if total.Dirty > 0 {
		text += ", " + full(total.Dirty) + " dirty"
	}
	if total.Filtered > 0 {
		text += ", " + full(total.Filtered) + " filtered"
	}
	return text
}
