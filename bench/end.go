package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/all"
)

// connectorOf returns the connector that URLs of this scheme belong to.
func connectorOf(address string) (connector.Connector, error) {
	u, err := url.Parse(address)
	if err != nil {
		return connector.Connector{}, err
	}
	for _, c := range all.Connectors().All() {
		if c.URL != nil && (c.Name == u.Scheme || slices.Contains(c.Schemes, u.Scheme)) {
			return c, nil
		}
	}
	return connector.Connector{}, fmt.Errorf("no connector for %s", u.Redacted())
}

// optionsOf turns a URL into the options of the connector of its scheme.
func optionsOf(c connector.Connector, address string) (map[string]any, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	options, _, err := c.URL(u)
	return options, err
}

// endOf makes an end of a job of a URL.
func endOf(address string) (map[string]any, error) {
	c, err := connectorOf(address)
	if err != nil {
		return nil, err
	}
	options, err := optionsOf(c, address)
	if err == nil {
		options["connector"] = c.Name
	}
	return options, err
}

// openServer opens a server by URL.
func openServer(ctx context.Context, address string) (connector.Connector, connector.Client, error) {
	c, err := connectorOf(address)
	if err != nil {
		return c, nil, err
	}
	options, err := optionsOf(c, address)
	if err != nil {
		return c, nil, err
	}
	raw, err := json.Marshal(options)
	if err != nil {
		return c, nil, err
	}
	client, err := c.Open(ctx, connector.Connection{Name: "bench", Options: raw})
	return c, client, err
}

// copyTask copies a dataset, or all that a pattern finds, from one server to another by a job, as towpath run does.
func copyTask(ctx context.Context, t task) (Sample, error) {
	source, err := endOf(t.Source)
	if err != nil {
		return Sample{}, err
	}
	return copyFrom(ctx, t, source)
}

// copyFrom copies to the task's target from an end that may belong to one of more connectors beside the program's own.
func copyFrom(ctx context.Context, t task, source map[string]any, more ...connector.Connector) (Sample, error) {
	s, done, err := openService(ctx, t.State, more...)
	if err != nil {
		return Sample{}, err
	}
	defer done()
	target, err := endOf(t.Target)
	if err != nil {
		return Sample{}, err
	}
	settings := map[string]any{}
	if t.Ranges > 0 {
		settings["shards"], settings["parallel"] = t.Ranges, t.Ranges
	}
	j, err := jobText(source, target, map[string]any{"source": t.Dataset, "target": t.Index, "write": cmp.Or(t.Write, "insert")}, settings)
	if err != nil {
		return Sample{}, err
	}
	return sampled(func() (int64, error) { return runJob(ctx, s, j) })
}
