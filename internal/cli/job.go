package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/job"
)

type jobCmd struct {
	Check    jobCheckCmd    `cmd:"" help:"Check a job file without connecting."`
	Schema   jobSchemaCmd   `cmd:"" help:"Print the JSON Schema of job files, for editors."`
	List     jobListCmd     `cmd:"" help:"List stored jobs."`
	Show     jobShowCmd     `cmd:"" help:"Print a stored job as it was written."`
	Put      jobPutCmd      `cmd:"" help:"Store a job under its name, as a new version where there is one."`
	Versions jobVersionsCmd `cmd:"" help:"List the versions of a stored job."`
	Remove   jobRemoveCmd   `cmd:"" help:"Remove a stored job; its runs stay."`
	Start    jobStartCmd    `cmd:"" help:"Start a stored job at the server, and do not wait."`
}

type jobCheckCmd struct {
	File string            `arg:"" help:"The job file; - is standard input." predictor:"file"`
	Set  map[string]string `help:"Give a parameter of the job a value." placeholder:"NAME=VALUE" mapsep:"none"`
}

// Run checks a job file.
func (c *jobCheckCmd) Run(s *session) error {
	w, err := s.readJob(c.File, c.Set)
	if err != nil {
		return err
	}
	j := w.job
	return s.answer(map[string]any{"name": j.Name, "mode": j.Mode, "streams": len(j.Streams)}, func() {
		s.printf("%s: ok, %s mode, %s\n", c.File, j.Mode, plural(len(j.Streams), "stream"))
	})
}

type jobSchemaCmd struct{}

// Run prints the JSON Schema of jobs.
func (c *jobSchemaCmd) Run(s *session) error {
	return s.answer(json.RawMessage(job.Schema()), func() { s.printf("%s", job.Schema()) })
}

type jobListCmd struct{}

// Run lists jobs.
func (c *jobListCmd) Run(s *session) error {
	ctx, b, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	list, rows := []client.Job{}, [][]string{}
	for j, err := range client.All(0, func(p client.Part) (client.Page[client.Job], error) { return b.Jobs(ctx, p) }) {
		if err != nil {
			return err
		}
		list = append(list, j)
		rows = append(rows, []string{j.Name, strconv.FormatInt(j.Version, 10), strings.Join(j.Connections, ", "), whenText(j.Changed), j.ChangedBy})
	}
	return s.list(list, "jobs", []string{"JOB", "VERSION", "CONNECTIONS", "CHANGED", "BY"}, rows)
}

// OfJob names a stored job.
type OfJob struct {
	Job string `arg:"" help:"Name or ID of the job."`
}

type jobShowCmd struct {
	OfJob
	Version int64 `help:"This version; the newest where left out." placeholder:"N"`
}

// Run shows a job.
func (c *jobShowCmd) Run(s *session) error {
	ctx, b, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	j, err := b.Job(ctx, c.Job, c.Version)
	if err != nil {
		return err
	}
	return s.answer(j, func() { s.printf("%s\n", strings.TrimRight(j.Document, "\n")) })
}

type jobPutCmd struct {
	File string `arg:"" help:"The job file; - is standard input." predictor:"file"`
	Note string `help:"Why it is changed." placeholder:"TEXT"`
}

// Run stores a job.
func (c *jobPutCmd) Run(s *session) error {
	w, err := s.readJob(c.File, nil)
	if err != nil {
		return err
	}
	ctx, b, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	in := client.JobInput{Document: client.Document(w.document), Note: c.Note}
	j, err := b.Job(ctx, w.job.Name, 0)
	switch err = s.understood(err); {
	case connector.ClassOf(err) == connector.Missing:
		j, err = b.CreateJob(ctx, in)
	case err == nil:
		j, err = b.ChangeJob(ctx, j.ID, j.Newest, in)
	}
	if err != nil {
		return err
	}
	return s.answer(j, func() { s.printf("stored job %s, version %d\n", j.Name, j.Version) })
}

type jobVersionsCmd struct{ OfJob }

// Run lists versions.
func (c *jobVersionsCmd) Run(s *session) error {
	ctx, b, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	page, err := b.JobVersions(ctx, c.Job)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, j := range page.Items {
		rows = append(rows, []string{strconv.FormatInt(j.Version, 10), whenText(j.Made), j.MadeBy, cmp.Or(j.Note, "-")})
	}
	return s.list(page.Items, "versions", []string{"VERSION", "MADE", "BY", "NOTE"}, rows)
}

type jobRemoveCmd struct{ OfJob }

// Run removes a job.
func (c *jobRemoveCmd) Run(s *session) error {
	return s.do(map[string]string{"job": c.Job}, "removed job "+c.Job, func(ctx context.Context, b backend) error { return b.RemoveJob(ctx, c.Job, 0) })
}

type jobStartCmd struct {
	OfJob
	Set      map[string]string `help:"Give a parameter of the job a value." placeholder:"NAME=VALUE" mapsep:"none"`
	Version  int64             `help:"This version; the newest where left out." placeholder:"N"`
	Priority int               `help:"From -100 to 100; the higher, the sooner." placeholder:"N"`
	Why      string            `help:"The reason, for history."`
	Plan     bool              `help:"Show what would be done instead."`
}

// Help is the long help of job start.
func (c *jobStartCmd) Help() string {
	return `Without --server the run is queued in the control database, and a server that uses it takes it up. towpath run runs a job file here and now.`
}

// Run starts a job.
func (c *jobStartCmd) Run(s *session) error {
	ctx, b, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	in := client.Start{Version: c.Version, Environment: s.flags.Environment, Parameters: c.Set, Priority: c.Priority, Why: c.Why}
	if c.Plan {
		plan, err := b.PlanStored(ctx, c.Job, in)
		return s.planned(plan, err, "")
	}
	started, err := b.StartJob(ctx, c.Job, control.NewKey(10), in)
	if err != nil {
		return err
	}
	run := plain(*started.Run)
	return s.answer(run, func() {
		s.printf("started run %s of %s\nFollow it with: towpath status %s\n", run.Run, run.Name, run.Run)
		if s.flags.ServerURL == "" {
			s.note("A server that uses this control database takes it up; none needs to run now.")
		}
	})
}

type fullCmd struct {
	Source   string   `arg:"" help:"Alias of the source."`
	Target   string   `arg:"" help:"Alias of the target."`
	Datasets []string `arg:"" optional:"" help:"Datasets or patterns; without any, all that the source's account may read."`
	Name     string   `help:"Name of the job; SOURCE-to-TARGET where left out." placeholder:"NAME"`
	Detach   bool     `help:"With --server: start it and do not wait."`
}

// Run copies everything of a connection.
func (c *fullCmd) Run(s *session) error {
	return s.run(c.Detach, func(ctx context.Context, b backend, on *screen) (client.Run, error) {
		return b.CopyAll(ctx, client.Full{Source: c.Source, Target: c.Target, Datasets: c.Datasets, Name: c.Name}, on)
	})
}

type syncCmd struct {
	Alias string `arg:"" optional:"" help:"Only datasets of this connection, as source or target."`
	Check bool   `help:"Look at both sides first, and count."`
}

// Help is the long help of sync.
func (c *syncCmd) Help() string {
	return `What runs of stored connections have copied is in sync when the newest run succeeded, the target holds what it wrote, and a check has found nothing newer at
the source. Data that nobody looked at since is unverified.`
}

// Run shows what is in sync.
func (c *syncCmd) Run(s *session) error {
	ctx, b, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	page, err := b.SyncStatus(ctx, s.flags.Environment, c.Alias)
	if err == nil && c.Check {
		page, err = checkSync(ctx, b, s.flags.Environment, c.Alias, page)
	}
	if err != nil {
		return err
	}
	var rows [][]string
	for _, d := range page.Items {
		rows = append(rows, []string{d.Connection + ":" + d.Source, d.TargetAlias + ":" + d.Target, d.Verdict, cmp.Or(d.Run, "-"), whenText(d.At), whenText(d.Checked), d.Why})
	}
	return s.list(page.Items, "copied data of stored connections", []string{"SOURCE", "TARGET", "STANDS", "RUN", "ENDED", "CHECKED", "WHY"}, rows)
}

// checkSync looks at both sides of a connection's datasets, or with the alias "" of those of all.
func checkSync(ctx context.Context, b backend, environment, alias string, page client.Page[client.Sync]) (client.Page[client.Sync], error) {
	if alias != "" {
		return b.CheckSync(ctx, environment, alias)
	}
	looked := map[string]bool{}
	for _, d := range page.Items {
		if looked[d.Connection] {
			continue
		}
		looked[d.Connection] = true
		if _, err := b.CheckSync(ctx, environment, d.Connection); err != nil {
			return page, err
		}
	}
	return b.SyncStatus(ctx, environment, "")
}
