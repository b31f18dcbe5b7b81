// Package cli is the command line: it reads arguments, calls control and shows what comes back, for people or as JSON.
package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	kongcompletion "github.com/jotaen/kong-completion"
	"github.com/posener/complete"

	"github.com/towpath/towpath/connector"
)

// Streams are the process's input and outputs. Results go to Out; progress, questions and errors to Err.
type Streams struct {
	In  *os.File
	Out io.Writer
	Err io.Writer
}

// Exit codes, as docs/reference/cli.md lists them.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2 // usage or configuration
	exitRefused = 3 // by the plan
	exitPaused  = 4
	exitDirty   = 5 // finished, with dirty rows
)

// commands is the grammar. Flags of all commands stand first.
type commands struct {
	State       string        `help:"Folder of the control database." env:"TOWPATH_STATE" placeholder:"DIR" type:"path"`
	Connections string        `help:"File with connections by alias; default connections.yaml here, else in the configuration folder." env:"TOWPATH_CONNECTIONS" placeholder:"FILE" type:"path"`
	JSON        bool          `help:"Answer with one JSON object: ok, command, data, error." name:"json"`
	Log         string        `help:"Write a log at this level to standard error: debug, info, warn, error or off." enum:"debug,info,warn,error,off" default:"off" env:"TOWPATH_LOG"`
	Lease       time.Duration `help:"How long a run belongs to a process that is not heard of." default:"15s" env:"TOWPATH_LEASE" hidden:""`

	Plan       planCmd                   `cmd:"" help:"Show what a job would do; nothing is changed."`
	Run        runCmd                    `cmd:"" help:"Run a job."`
	Copy       copyCmd                   `cmd:"" help:"Copy a dataset without a job file."`
	Pause      pauseCmd                  `cmd:"" help:"Pause a run; rows in flight are committed."`
	Resume     resumeCmd                 `cmd:"" help:"Go on with a run where it was."`
	Stop       stopCmd                   `cmd:"" help:"End a run for good and remove what it staged."`
	Limits     limitsCmd                 `cmd:"" help:"Change rates and parallel shards of a run, also while it runs."`
	Runs       runsCmd                   `cmd:"" help:"List runs."`
	Status     statusCmd                 `cmd:"" help:"Show how far a run is, and its history."`
	Dirty      dirtyCmd                  `cmd:"" help:"List or export the dirty rows of a run."`
	Check      checkCmd                  `cmd:"" help:"Check a connection."`
	Discover   discoverCmd               `cmd:"" help:"List datasets, or show the schema of one."`
	Job        jobCmd                    `cmd:"" help:"Check a job file without connecting, or print its JSON Schema."`
	Connectors connectorsCmd             `cmd:"" help:"List connectors, or describe one."`
	Clean      cleanCmd                  `cmd:"" help:"List or remove what ended runs left behind."`
	Version    versionCmd                `cmd:"" help:"Print the version."`
	Completion kongcompletion.Completion `cmd:"" help:"Print how to set up shell completion."`
}

// session is one call of the program.
type session struct {
	Streams
	set     connector.Set
	version string
	flags   *commands
	command string // as typed, without arguments: "job check"
	code    int    // exit code of a command that answered
}

// Run parses args, runs the command and returns the exit code.
func Run(set connector.Set, version string, args []string, std Streams) int {
	var flags commands
	s := &session{Streams: std, set: set, version: version, flags: &flags}
	exited, exitCode := false, 0
	parser, err := kong.New(&flags, kong.Name("towpath"),
		kong.Description("Copies data between unlike stores. Every row is accounted for: a run can be paused, killed or cut off at any moment and goes on where it was."),
		kong.Writers(std.Out, std.Err), kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Exit(func(code int) { exited, exitCode = true, code }))
	if err != nil {
		panic(err) // the grammar above is wrong
	}
	kongcompletion.Register(parser, kongcompletion.WithPredictor("file", complete.PredictFiles("*")))
	parsed, err := parser.Parse(args)
	if exited { // --help
		return exitCode
	}
	if err != nil {
		return s.fail(usage(err))
	}
	s.command, _, _ = strings.Cut(parsed.Command(), " <")
	if err := parsed.Run(s); err != nil {
		return s.fail(err)
	}
	return s.code
}

// usageError is a mistake on the command line.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

func usage(err error) error { return usageError{err} }

// background is the context of short commands.
func background() (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(context.Background(), 2*time.Minute, errors.New("no answer within two minutes"))
}
