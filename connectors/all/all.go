// Package all is the one list of the connectors that the towpath binary holds.
package all

import (
	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/sqlite"
)

// Connectors returns every connector of this repository.
func Connectors() connector.Set {
	return connector.NewSet(
		sqlite.Connector(),
	)
}
