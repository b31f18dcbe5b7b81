// Package app makes a program of a list of connectors: the towpath binary, or one's own with connectors of one's own.
package app

import (
	"os"
	"runtime/debug"
	_ "time/tzdata" // time zones of jobs, also where the machine has none

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/cli"
)

// Main runs the program with the process's arguments and exits with its code. version may be empty.
func Main(set connector.Set, version string) {
	os.Exit(Run(set, version))
}

// GCPercent is how much garbage the heap may hold, in percent of what is in use. Most of that is batches that live as long as
// the process, and rows make almost no garbage: a low figure saves memory and costs next to no time. GOGC outranks it.
const GCPercent = 25

// Run is Main that returns the exit code.
func Run(set connector.Set, version string) int {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(GCPercent)
	}
	return cli.Run(set, version, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
}
