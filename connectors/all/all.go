// Package all is the list of towpath's own connectors. It is the one place that names them.
package all

import (
	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/elasticsearch"
	"github.com/towpath/towpath/connectors/hbase"
	"github.com/towpath/towpath/connectors/mysql"
	"github.com/towpath/towpath/connectors/postgres"
	"github.com/towpath/towpath/connectors/sqlite"
)

// Connectors returns every connector of towpath.
func Connectors() connector.Set {
	return connector.NewSet(
		elasticsearch.Connector(),
		elasticsearch.OpenSearch(),
		hbase.Connector(),
		mysql.Connector(),
		postgres.Connector(),
		sqlite.Connector(),
	)
}
