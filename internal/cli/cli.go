// Package cli is the command line: it reads arguments, calls control and shows what comes back, for people or as JSON.
package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	kongcompletion "github.com/jotaen/kong-completion"
	"github.com/posener/complete"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/secret"
	"github.com/towpath/towpath/internal/store"
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
	State             string `help:"Where the control database is, which keeps runs: ${places}." env:"TOWPATH_STATE" placeholder:"PLACE" predictor:"file"`
	Connections       string `help:"File with connections by alias; default connections.yaml here, else in the configuration folder." env:"TOWPATH_CONNECTIONS" placeholder:"FILE" predictor:"file"`
	ServerURL         string `name:"server" help:"URL of a server that does it: its connections, jobs and runs in place of this machine's. It knows you by TOWPATH_TOKEN." env:"TOWPATH_SERVER" placeholder:"URL"`
	Workspace         string `help:"Workspace at the server, or in the control database; default main." env:"TOWPATH_WORKSPACE" placeholder:"NAME"`
	Environment       string `help:"Environment that stored connections are looked up in." env:"TOWPATH_ENVIRONMENT" default:"default" placeholder:"NAME"`
	ServerCA          string `name:"server-ca" help:"PEM file of the authority that vouches for the server's certificate." env:"TOWPATH_SERVER_CA" placeholder:"FILE" predictor:"file"`
	ServerFingerprint string `help:"SHA-256 of the server's certificate, as towpath server shows it." env:"TOWPATH_SERVER_FINGERPRINT" placeholder:"HEX"`
	ServerPlain       bool   `help:"Speak to a server on another machine without TLS: token and rows can be read on the way." env:"TOWPATH_SERVER_PLAIN"`

	JSON  bool          `help:"Answer with one JSON object: ok, command, data, error." name:"json"`
	Log   string        `help:"Write a log to standard error: debug, info, warn, error or off." enum:"debug,info,warn,error,off" default:"off" placeholder:"LEVEL" env:"TOWPATH_LOG"`
	Lease time.Duration `help:"How long a run belongs to a process that is not heard of." default:"15s" env:"TOWPATH_LEASE" hidden:""`
	Busy  time.Duration `help:"How long to wait for another process's write to the control database." default:"10s" env:"TOWPATH_STATE_BUSY" hidden:""`
	Pages int           `help:"Largest size of the control database in pages of 4 kB; 0 for the disk's." env:"TOWPATH_STATE_PAGES" hidden:""`

	Plan   planCmd   `cmd:"" group:"copy" help:"Show what a job would do; nothing is changed."`
	Run    runCmd    `cmd:"" group:"copy" help:"Run a job. Ctrl-C pauses it."`
	Copy   copyCmd   `cmd:"" group:"copy" help:"Copy one dataset without a job file."`
	Full   fullCmd   `cmd:"" group:"copy" help:"Copy all of one connection, or some datasets, to another."`
	Resume resumeCmd `cmd:"" group:"copy" help:"Go on with a run where it was."`

	Runs   runsCmd   `cmd:"" group:"runs" help:"List runs."`
	Status statusCmd `cmd:"" group:"runs" help:"Show how far a run is, and its history."`
	Dirty  dirtyCmd  `cmd:"" group:"runs" help:"List or export the rows that could not be written as they are."`
	Mend   mendCmd   `cmd:"" group:"runs" help:"Give dirty rows other values."`
	Replay replayCmd `cmd:"" group:"runs" help:"Write dirty rows again, as they were mended or by a policy. Ctrl-C pauses it."`
	Pause  pauseCmd  `cmd:"" group:"runs" help:"Pause a run, also of another terminal."`
	Limits limitsCmd `cmd:"" group:"runs" help:"Show or change rates and parallel shards, also while it runs."`
	Stop   stopCmd   `cmd:"" group:"runs" help:"End a run for good and remove what it staged."`
	Clean  cleanCmd  `cmd:"" group:"runs" help:"List or remove what ended runs left at a target."`

	Connectors connectorsCmd `cmd:"" group:"look" help:"List the systems that can be copied, or describe one."`
	Check      checkCmd      `cmd:"" group:"look" help:"Check a connection."`
	Discover   discoverCmd   `cmd:"" group:"look" help:"List datasets, or show the schema and rows of one."`
	Sync       syncCmd       `cmd:"" group:"look" help:"Show which data is in sync, and since when."`

	Connection connectionCmd `cmd:"" group:"keep" help:"Stored connections: list, store, try and hold them."`
	Job        jobCmd        `cmd:"" group:"keep" help:"Jobs: check and store them, list their versions, start them."`

	Server serverCmd `cmd:"" group:"serve" help:"Serve the API, and take up runs that people start there."`
	Worker workerCmd `cmd:"" group:"serve" help:"Run shards of the runs that servers on the same control database steer."`
	User   userCmd   `cmd:"" group:"serve" help:"Accounts: list them, add one, set passwords and roles, disable them."`
	Token  tokenCmd  `cmd:"" group:"serve" help:"Tokens that let programs in: list, create and revoke them."`
	Audit  auditCmd  `cmd:"" group:"serve" help:"The record of who did what: list it, check it."`

	Backup     backupCmd     `cmd:"" group:"other" help:"Save the control database to a file."`
	Restore    restoreCmd    `cmd:"" group:"other" help:"Fill an empty control database from a backup."`
	Version    versionCmd    `cmd:"" group:"other" help:"Print the version."`
	Completion completionCmd `cmd:"" group:"other" help:"Print how to set up shell completion."`
}

// session is one call of the program.
type session struct {
	Streams
	set     connector.Set
	version string
	flags   *commands
	command string // as typed, without arguments: "job check"
	scrub   secret.Scrubber
	code    int  // exit code of a command that answered
	patient bool // the control database is waited for
	formed  bool // and is given its form by others
}

// Run parses args, runs the command and returns the exit code.
func Run(set connector.Set, version string, args []string, std Streams) int {
	var flags commands
	s := &session{Streams: std, set: set, version: version, flags: &flags}
	exited, exitCode := false, 0
	parser, err := grammar(&flags, kong.Writers(std.Out, std.Err), kong.Exit(func(code int) { exited, exitCode = true, code }))
	if err != nil {
		panic(err) // the grammar above is wrong
	}
	kongcompletion.Register(parser, kongcompletion.WithPredictor("file", complete.PredictFiles("*")))
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if exited { // --help
		return exitCode
	}
	if err != nil {
		flags.JSON = flags.JSON || slices.Contains(args, "--json") // it may stand behind the mistake
		return s.fail(wrongUse(err))
	}
	s.command, _, _ = strings.Cut(parsed.Command(), " <")
	err = s.understood(parsed.Run(s))
	if exited {
		return exitCode
	}
	if err != nil {
		return s.fail(err)
	}
	return s.code
}

// grammar makes the parser of the command line.
func grammar(flags *commands, options ...kong.Option) (*kong.Kong, error) {
	return kong.New(flags, append([]kong.Option{kong.Name("towpath"), kong.Description(overview), kong.Vars{"places": store.Places}, kong.Help(printHelp),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 100}),
		kong.ExplicitGroups([]kong.Group{{Key: "copy", Title: "Copy"}, {Key: "runs", Title: "Runs"}, {Key: "look", Title: "Look around"},
			{Key: "keep", Title: "Connections and jobs"},
			{Key: "serve", Title: "Server"}, {Key: "other", Title: "Other"}}),
	}, options...)...)
}

// usageError is a mistake on the command line.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

func usage(err error) error { return usageError{err} }

// wrongUse says of a command line that cannot be parsed how the command is used.
func wrongUse(err error) error {
	wrong := connector.Errorf(connector.Config, "TOW-003", "%w", err).WithHint("towpath --help lists commands.")
	if parse, ok := errors.AsType[*kong.ParseError](err); ok && parse.Context != nil {
		if node := parse.Context.Selected(); node != nil {
			wrong = wrong.WithHint("Usage: towpath %s. More: towpath %s --help.", node.Summary(), node.Path())
		}
	}
	return usage(wrong)
}

// background is the context of short commands.
func background() (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(context.Background(), 2*time.Minute, errors.New("no answer within two minutes"))
}
