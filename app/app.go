// Package app makes a program of a list of connectors: the towpath binary, or one's own with connectors of one's own.
package app

import (
	"os"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/cli"
)

// Main runs the program with the process's arguments and exits with its code.
func Main(set connector.Set) {
	os.Exit(cli.Run(set, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}
