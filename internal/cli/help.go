package cli

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
	kongcompletion "github.com/jotaen/kong-completion"
)

// overview is what `towpath` alone begins with.
const overview = "Copies data between unlike stores, and accounts for every row: a run can be paused, killed or cut off at any moment and " +
	"goes on where it was."

// examples end the overview.
const examples = `
Begin with:
  towpath connectors                           the systems it speaks to
  towpath connectors NAME                      how one is reached, its options, rights and limits
  towpath check shop                           does the connection work?
  towpath copy shop:shop.orders search:orders  copy a table, by aliases of connections.yaml
  towpath plan job.yaml                        types, losses, steps and guarantee
  towpath run job.yaml                         progress; Ctrl-C pauses, resume goes on
`

// Variable is an environment variable that the program heeds.
type Variable struct{ Name, Doc string }

// Variables returns the environment variables that the program heeds, in the order of help.
func Variables() []Variable {
	return []Variable{
		{"TOWPATH_STATE", "where the control database is, as --state"},
		{"TOWPATH_STATE_PASSWORD", "password of the control database's user, where it is on a server"},
		{"TOWPATH_STATE_PASSWORD_FILE", "file that holds it"},
		{"TOWPATH_CONNECTIONS", "file with connections, as --connections"},
		{"TOWPATH_LOG", "level of the log, as --log"},
		{"TOWPATH_SERVER", "server that does it in place of this machine, as --server"},
		{"TOWPATH_TOKEN", "token that the server knows you by"},
		{"TOWPATH_TOKEN_FILE", "file that holds it"},
		{"TOWPATH_WORKSPACE", "workspace, as --workspace"},
		{"TOWPATH_ENVIRONMENT", "environment of stored connections, as --environment"},
		{"TOWPATH_SOURCE_PASSWORD", "password of a source that a URL or job does not tell"},
		{"TOWPATH_SOURCE_PASSWORD_FILE", "file that holds it"},
		{"TOWPATH_TARGET_PASSWORD", "password of a target"},
		{"TOWPATH_TARGET_PASSWORD_FILE", "file that holds it"},
		{"TOWPATH_NEW_PASSWORD", "password that user add and user password set"},
		{"TOWPATH_NEW_PASSWORD_FILE", "file that holds it"},
		{"TOWPATH_MASTER_KEY", "master key that the server seals secrets by: 32 bytes in base64; else master.key of the state folder, made when it is missing"},
		{"TOWPATH_MASTER_KEY_FILE", "file that holds it"},
		{"XDG_STATE_HOME", "folder of the state folder, where --state is not given; default ~/.local/state"},
	}
}

// ExitCode is a code that the program ends with.
type ExitCode struct {
	Code int
	Doc  string
}

// ExitCodes returns the codes that the program ends with.
func ExitCodes() []ExitCode {
	return []ExitCode{
		{exitDone, "done"},
		{exitFailed, "failed; what was copied stays, and resume goes on with it"},
		{exitUsage, "the command line, a job or a connection is wrong"},
		{exitRefused, "the plan refuses; nothing was changed"},
		{exitPaused, "paused"},
		{exitDirty, "finished, with dirty rows"},
	}
}

// printHelp is kong's help, with examples, variables and exit codes behind the overview.
func printHelp(options kong.HelpOptions, ctx *kong.Context) error {
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil || ctx.Selected() != nil {
		return err
	}
	var b strings.Builder
	b.WriteString(examples + "\nEnvironment:\n")
	for _, v := range Variables() {
		fmt.Fprintf(&b, "  %-28s  %s\n", v.Name, v.Doc)
	}
	b.WriteString("\nExit codes:\n")
	for _, e := range ExitCodes() {
		fmt.Fprintf(&b, "  %d  %s\n", e.Code, e.Doc)
	}
	_, err := fmt.Fprint(ctx.Stdout, b.String())
	return err
}

// Model returns the grammar of the command line, for pages made from it.
func Model() (*kong.Application, error) {
	parser, err := grammar(new(commands))
	if err != nil {
		return nil, err
	}
	return parser.Model, nil
}

// completionCmd prints how completion is set up; shells evaluate what it prints, so --json changes nothing.
type completionCmd struct{ kongcompletion.Completion }

// Help is the long help of copy.
func (c *copyCmd) Help() string {
	return `SOURCE and TARGET are each an alias of the connections file with a dataset (shop:shop.orders), or a URL
(CONNECTOR://user@host/shop.orders; "towpath connectors NAME" shows those of a connector). A target without a dataset takes the source's name.

Passwords come from TOWPATH_SOURCE_PASSWORD and TOWPATH_TARGET_PASSWORD, from the files that TOWPATH_SOURCE_PASSWORD_FILE and TOWPATH_TARGET_PASSWORD_FILE
name, or are asked for without echo. One within a URL works, with a warning: others can see it in the list of processes.`
}

// Help is the long help of run.
func (c *runCmd) Help() string {
	return `The first Ctrl-C pauses the run: rows in flight are committed, and resume goes on. A second one ends the process at once; resume
goes on from the last commit.

With --server the job is stored there under its name, as a new version where it says something else than before, and runs there; here is shown how
it goes. The first Ctrl-C pauses it, a second one leaves it to the server. Its connections are those that the server keeps.`
}

// Help is the long help of stop.
func (c *stopCmd) Help() string {
	return `A stopped run cannot be resumed. What it staged is removed and settings are put back; the answer says what stays at the target.`
}

// Help is the long help of resume.
func (c *resumeCmd) Help() string {
	return `Runs that are paused or failed can be resumed, and those whose process is gone: at once where it ran on this machine, else when its
lease has ended. Source and target must be the same servers with the same schemas as when the run was planned.`
}
