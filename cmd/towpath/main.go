// Command towpath copies data between unlike stores and accounts for every row.
package main

import (
	"github.com/towpath/towpath/app"
	"github.com/towpath/towpath/connectors/all"
)

// version is set by the linker.
var version string

func main() { app.Main(all.Connectors(), version) }
