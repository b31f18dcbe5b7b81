package cli

import (
	"context"
	"fmt"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/control/team"
	"github.com/towpath/towpath/internal/egress"
	"github.com/towpath/towpath/internal/serve"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/job"
)

type workerCmd struct {
	Parallel int      `help:"Shards at work here at once, over all runs. Default: twice the processors." default:"-1" env:"TOWPATH_PARALLEL" placeholder:"N"`
	Memory   job.Size `help:"The most memory that rows in flight take." default:"256MiB" env:"TOWPATH_MEMORY" placeholder:"SIZE"`
	Allow    []string `help:"Networks that connections may lead to, as of the server." env:"TOWPATH_ALLOW" placeholder:"NETWORK"`
	Files    []string `help:"Folders in which connections may name files, as of the server." env:"TOWPATH_FILES" placeholder:"FOLDER" predictor:"file"`
}

// Run works until a signal ends it.
func (c *workerCmd) Run(s *session) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := s.onlyLocal("It works on the same control database as servers, named by --state."); err != nil {
		return err
	}
	s.patient, s.formed = true, store.OnServer(s.flags.State)
	t, done, err := s.team(ctx)
	if err != nil {
		return err
	}
	defer done()
	if t.Keys, err = s.keys(); err != nil { // at once, not when somebody needs it
		return err
	}
	allow, err := s.confined(c.Files, c.Allow)
	if err != nil {
		return err
	}
	if c.Parallel <= 0 {
		c.Parallel = 2 * runtime.GOMAXPROCS(0)
	}
	s.printf("towpath %s works, %d shards at once\n", s.version, c.Parallel)
	return serve.Work(ctx, t, serve.Options{Pool: team.PoolOptions{Parallel: c.Parallel, Memory: int64(c.Memory)}, Allow: allow, Files: c.Files})
}

// confined reads to which networks connections may lead, and makes sure that no folder of theirs holds the control database.
func (s *session) confined(folders, networks []string) (allow []egress.Rule, err error) {
	if !store.OnServer(s.flags.State) {
		folder, err := s.stateFolder()
		if err == nil {
			err = egress.Apart(folders, folder)
		}
		if err != nil {
			return nil, err
		}
	}
	for _, text := range networks {
		rule, err := egress.ParseRule(text)
		if err != nil {
			return nil, usage(err)
		}
		allow = append(allow, rule)
	}
	return allow, nil
}

// lookEvery is how often a process that waits for the control database looks.
const lookEvery = time.Second

// openStore opens the control database. Where the session is patient it waits for that, and says so.
func (s *session) openStore(ctx context.Context, svc *control.Service, place string) (func(), error) {
	svc.Database.Formed = s.formed
	for told := ""; ; {
		closeStore, err := svc.OpenStore(ctx, place)
		if !s.patient || connector.ClassOf(err) != connector.Retry {
			return closeStore, err
		}
		if text := svc.Clean(err.Error()); text != told {
			told = text
			fmt.Fprintf(s.Err, "%s waits: %s\n", time.Now().Format(time.TimeOnly), text)
		}
		select {
		case <-time.After(lookEvery):
		case <-ctx.Done():
			return closeStore, err
		}
	}
}
