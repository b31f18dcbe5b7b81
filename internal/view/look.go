package view

import (
	"encoding/json"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/control/team"
	"github.com/towpath/towpath/internal/store"
)

// Connector is a connector as a list of them shows it.
func Connector(c connector.Connector) client.Connector {
	return client.Connector{Name: c.Name, Title: c.Title, Reads: c.Read != nil, Writes: c.Write != nil}
}

// ConnectorGuide is a connector with its guide and its options.
func ConnectorGuide(c connector.Connector) client.Connector {
	out := Connector(c)
	out.Docs = c.Docs
	for _, of := range []struct {
		options *connector.Options
		to      *[]byte
	}{{c.Connection, (*[]byte)(&out.Connection)}, {c.Reading, (*[]byte)(&out.Reading)}, {c.Writing, (*[]byte)(&out.Writing)}} {
		if of.options != nil {
			*of.to = of.options.Schema()
		}
	}
	return out
}

// Checked is what a look at a server found.
func Checked(c control.Checked) client.Checked {
	return client.Checked{Connector: c.Connector, Identity: c.Identity, Took: int64(c.Took)}
}

// Leftover is something that a run left behind.
func Leftover(l connector.Leftover) client.Leftover { return client.Leftover(l) }

// Sample is a dataset's columns, in JSON, with some of its rows.
func Sample(dataset string, fields json.RawMessage, declared bool, rows [][]byte) client.Sample {
	return client.Sample{Dataset: dataset, Declared: declared, Fields: fields, Rows: List(rows, func(row []byte) json.RawMessage { return row })}
}

// Use is where a connection is used.
func Use(u team.Use) client.Use {
	return client.Use{Jobs: List(u.Jobs, func(j store.Job) string { return j.Name }), Runs: List(u.Runs, func(r store.Run) string { return r.Key })}
}

// Released are runs that a hold paused or a release let go on.
func Released(runs []string) client.Released {
	return client.Released{Runs: append([]string{}, runs...)}
}
