package cli

import (
	"context"
	"fmt"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/towpath/towpath/internal/control/team"
	"github.com/towpath/towpath/internal/serve"
	"github.com/towpath/towpath/job"
)

type serverCmd struct {
	Listen        string   `help:"Address to listen on. From other machines it is reached with TLS alone, and once somebody has a password." default:"127.0.0.1:8686" env:"TOWPATH_LISTEN" placeholder:"HOST:PORT"`
	TLSCert       string   `name:"tls-cert" help:"PEM file of the server's certificate." env:"TOWPATH_TLS_CERT" placeholder:"FILE" predictor:"file" and:"tls"`
	TLSKey        string   `name:"tls-key" help:"PEM file of its key." env:"TOWPATH_TLS_KEY" placeholder:"FILE" predictor:"file" and:"tls"`
	TLSSelfSigned bool     `name:"tls-self-signed" help:"Make a certificate, kept in the state folder, and show its fingerprint." env:"TOWPATH_TLS_SELF_SIGNED"`
	TLSName       []string `name:"tls-name" help:"Further names that it is for." env:"TOWPATH_TLS_NAMES" placeholder:"NAME"`
	Parallel      int      `help:"Shards at work here at once, over all runs; 0 leaves them to workers. Default: twice the processors." default:"-1" env:"TOWPATH_PARALLEL" placeholder:"N"`
	Memory        job.Size `help:"The most memory that rows in flight take." default:"256MiB" env:"TOWPATH_MEMORY" placeholder:"SIZE"`
	Allow         []string `help:"Networks that connections may lead to, as 10.0.0.0/8 or 10.1.2.3:5432; without it all but the link, cloud metadata and the server itself." env:"TOWPATH_ALLOW" placeholder:"NETWORK"`
	Files         []string `help:"Folders in which connections may name files of this machine; without it none." env:"TOWPATH_FILES" placeholder:"FOLDER" predictor:"file"`
	KeepDays      int      `help:"Days for which runs that are over are kept; 0 for ever." default:"365" env:"TOWPATH_KEEP_DAYS" placeholder:"N"`
	KeepDirtyDays int      `help:"Days for which their dirty rows are kept, which hold data of the source; 0 for ever." default:"30" env:"TOWPATH_KEEP_DIRTY_DAYS" placeholder:"N"`
	Runs          int      `help:"Runs steered here at once; others wait." default:"64" env:"TOWPATH_RUNS" placeholder:"N"`
}

// Run serves until a signal ends it.
func (c *serverCmd) Run(s *session) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := s.onlyLocal("It is the server: leave out --server and TOWPATH_SERVER."); err != nil {
		return err
	}
	s.patient = true
	t, done, err := s.team(ctx)
	if err != nil {
		return err
	}
	defer done()
	if t.Keys, err = s.keys(); err != nil { // at once, not when somebody needs it
		return err
	}
	if c.Parallel < 0 {
		c.Parallel = 2 * runtime.GOMAXPROCS(0)
	}
	allow, err := s.confined(c.Files, c.Allow)
	if err != nil {
		return err
	}
	version, _ := s.build()
	o := serve.Options{Listen: c.Listen, Version: version, TLS: serve.TLS{Cert: c.TLSCert, Key: c.TLSKey, Names: c.TLSName},
		Pool: team.PoolOptions{Parallel: c.Parallel, Memory: int64(c.Memory), Runs: c.Runs}, Files: c.Files, Allow: allow, Told: s.tell}
	const day = 24 * time.Hour
	o.Keep = team.Retention{Runs: time.Duration(c.KeepDays) * day, Dirty: time.Duration(c.KeepDirtyDays) * day}
	if c.TLSSelfSigned {
		if o.TLS.Folder, err = s.stateFolder(); err != nil {
			return err
		}
		o.TLS.Folder = filepath.Clean(o.TLS.Folder)
	}
	return serve.Run(ctx, t, o)
}

// tell says where the server is reached, and how somebody signs in for the first time.
func (s *session) tell(a serve.Address) {
	if s.flags.JSON {
		_ = s.print(envelope{OK: true, Command: s.command, Data: map[string]string{"url": a.URL, "link": a.Link, "fingerprint": a.Fingerprint}})
		return
	}
	version, _ := s.build()
	s.printf("towpath %s serves at %s\n", version, a.URL)
	if a.Fingerprint != "" {
		s.printf("certificate  SHA-256 %s\n", a.Fingerprint)
	}
	if a.Link != "" {
		s.printf("sign in with %s\n             It holds for one hour and once.\n", a.Link)
	}
	fmt.Fprintln(s.Err, "Ctrl-C ends it; runs go on at the next start.")
}
