package cli

import (
	"context"
	"errors"
	"io"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/job"
)

type runCmd struct {
	File   string            `arg:"" help:"The job file; - is standard input." predictor:"file"`
	Set    map[string]string `help:"Give a parameter of the job a value." placeholder:"NAME=VALUE" mapsep:"none"`
	Detach bool              `help:"With --server: start it and do not wait."`
}

// Run runs a job.
func (c *runCmd) Run(s *session) error {
	w, err := s.readJob(c.File, c.Set)
	if err != nil {
		return err
	}
	return s.run(c.Detach, func(ctx context.Context, b backend, on *screen) (client.Run, error) { return b.Copy(ctx, w, on) })
}

// run opens the backend and steers what do runs there.
func (s *session) run(leave bool, do func(ctx context.Context, b backend, on *screen) (client.Run, error)) error {
	if leave && s.flags.ServerURL == "" {
		return usage(connector.Errorf(connector.Config, "TOW-945", "a run is left alone at a server only").WithHint("Name it by --server; or store the job and queue it, with towpath job put and job start."))
	}
	_, b, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	return s.steer(b, leave, func(ctx context.Context, on *screen) (client.Run, error) { return do(ctx, b, on) })
}

type copyCmd struct {
	Source     string `arg:"" help:"What to copy: alias:dataset, or a URL like CONNECTOR://user@host/dataset."`
	Target     string `arg:"" help:"Where to: alias:dataset, or a URL."`
	Parallel   int    `help:"Shards at work at once." placeholder:"N"`
	AtLeast    bool   `name:"accept-at-least-once" help:"Accept that rows may be written twice after a cut."`
	EmptyToo   bool   `name:"allow-empty" help:"Replace the target even when the source is empty."`
	DirtyLimit *int64 `name:"dirty" help:"Pause when there are more dirty rows than this." placeholder:"ROWS"`
	Plan       bool   `help:"Show what would be done instead."`
	Detach     bool   `help:"With --server: start it and do not wait."`
}

// Run copies a dataset in full mode.
func (c *copyCmd) Run(s *session) error {
	ctx, b, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	aliases, err := b.Aliases(ctx)
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
		return s.plan(ctx, b, made(j), "")
	}
	return s.run(c.Detach, func(ctx context.Context, b backend, on *screen) (client.Run, error) { return b.Copy(ctx, made(j), on) })
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
func (s *session) readJob(path string, params map[string]string) (work, error) {
	data, name, err := s.read(path)
	if err != nil {
		return work{}, connector.Errorf(connector.Config, "TOW-014", "read job: %w", err)
	}
	j, err := job.Parse(data, name)
	if err != nil {
		return work{}, err
	}
	w := work{document: data, parameters: params}
	if again, err := job.Parse(data, "job"); err == nil && again.Name != j.Name { // it is named by its file
		w.document = j.Canonical()
	}
	w.job, err = j.Bind(params)
	return w, err
}

// read reads a file, or with - standard input; name is what errors call it.
func (s *session) read(path string) (data []byte, name string, err error) {
	if path == "-" && s.In != nil {
		data, err = io.ReadAll(s.In)
		return data, "standard input", err
	}
	data, err = os.ReadFile(path)
	return data, path, err
}

type resumeCmd struct {
	Key    string `arg:"" name:"run" help:"The run's key."`
	Moved  bool   `help:"Source or target were moved to another server with the same data."`
	Detach bool   `help:"With --server: let it go on and do not wait."`
}

// Run resumes a run.
func (c *resumeCmd) Run(s *session) error {
	return s.run(c.Detach, func(ctx context.Context, b backend, on *screen) (client.Run, error) {
		return b.GoOn(ctx, c.Key, c.Moved, on)
	})
}

// rested shows where a run rests and sets the exit code.
func (s *session) rested(b backend, key string, took time.Duration, cause error) error {
	ctx, cancel := background()
	defer cancel()
	run, err := b.Run(ctx, key, "")
	if err != nil {
		return errors.Join(cause, err)
	}
	switch {
	case run.State == client.Failed:
		s.code = exitOf(cause)
	case run.State == client.Paused:
		s.code = exitPaused
	case run.State == client.Stopped: // by another process
		s.code = exitFailed
	case run.Total.Dirty > 0:
		s.code = exitDirty
	}
	if s.flags.JSON {
		e := envelope{OK: cause == nil, Command: s.command, Data: plain(run)}
		if cause != nil {
			e.Error = describe(cause)
		}
		return s.print(e)
	}
	s.summary(run, took)
	if cause != nil {
		code := s.code
		s.fail(cause)
		s.code = code
		if len(run.Streams) > 0 && run.State == client.Failed {
			s.note("Mended? Go on with: towpath resume %s", key)
		}
	}
	return nil
}

// plain is a run without its history and without what only those need who call the API.
func plain(run client.Run) client.Run {
	run.History, run.Links = nil, nil
	return run
}

// summary says where a run rests. took is 0 when it is not this process that copied.
func (s *session) summary(run client.Run, took time.Duration) {
	total := *run.Total
	switch run.State {
	case client.Succeeded:
		s.printf("succeeded run %s: %s", run.Run, rowsWritten(total))
		if took > 0 {
			s.printf(", in %s", lasted(took))
		}
		s.printf("\n")
		if total.Dirty > 0 {
			s.printf("Look at the dirty rows with: towpath dirty %s\n", run.Run)
		}
	case client.Paused:
		s.printf("paused run %s at %s rows", run.Run, short(total.Read))
		if run.Reason != "" {
			s.printf(": %s", run.Reason)
			if run.Code != "" {
				s.printf(" [%s]", run.Code)
			}
		}
		s.printf("\nResume with: towpath resume %s\n", run.Run)
	case client.Stopped:
		s.printf("stopped run %s at %s rows", run.Run, short(total.Read))
		if run.Reason != "" {
			s.printf(": %s", run.Reason)
		}
		s.printf("\n")
	}
}

func rowsWritten(total client.Counts) string {
	text := plural64(total.Written, "row") + " written"
	if total.Dirty > 0 {
		text += ", " + full(total.Dirty) + " dirty"
	}
	if total.Filtered > 0 {
		text += ", " + full(total.Filtered) + " filtered"
	}
	return text
}
