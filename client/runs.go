package client

import (
	"context"
	"net/http"
)

// RunFilter selects runs.
type RunFilter struct {
	Part
	States     []State // nil: all
	Job        string  // ID of their job; "": of any
	Connection string  // that they use; "": any
}

// Runs lists runs, newest first.
func (c *Client) Runs(ctx context.Context, f RunFilter) (page Page[Run], err error) {
	q := f.query()
	for _, s := range f.States {
		q.Add("state", string(s))
	}
	set(q, "job", f.Job)
	set(q, "connection", f.Connection)
	return page, c.send(ctx, call{method: http.MethodGet, path: c.in("runs"), query: q}, &page)
}

// Live lists all runs that do not rest, with their totals.
func (c *Client) Live(ctx context.Context) (runs []Run, err error) {
	var page Page[Run]
	err = c.send(ctx, call{method: http.MethodGet, path: c.in("live")}, &page)
	return page.Items, err
}

// Run returns a run with its streams and history; with stream, only with the streams that people call so.
func (c *Client) Run(ctx context.Context, key, stream string) (run Run, err error) {
	q := Part{}.query()
	set(q, "stream", stream)
	return run, c.send(ctx, call{method: http.MethodGet, path: c.in("runs", key), query: q}, &run)
}

// Dirty lists dirty rows of a run, of the streams that people call so, or with "" of all.
func (c *Client) Dirty(ctx context.Context, key, stream string, p Part) (page Page[DirtyRow], err error) {
	q := p.query()
	set(q, "stream", stream)
	return page, c.send(ctx, call{method: http.MethodGet, path: c.in("runs", key, "dirty"), query: q}, &page)
}

// Events lists the changes of a run's state.
func (c *Client) Events(ctx context.Context, key string, p Part) (page Page[Event], err error) {
	return page, c.send(ctx, call{method: http.MethodGet, path: c.in("runs", key, "events"), query: p.query()}, &page)
}

// Limits returns the limits of a run.
func (c *Client) Limits(ctx context.Context, key string) (l Limits, err error) {
	return l, c.send(ctx, call{method: http.MethodGet, path: c.in("runs", key, "limits")}, &l)
}

// SetLimits changes limits of a run, also while it runs.
func (c *Client) SetLimits(ctx context.Context, key string, change LimitsChange) (l Limits, err error) {
	return l, c.send(ctx, call{method: http.MethodPut, path: c.in("runs", key, "limits"), body: change}, &l)
}

// Pause asks for a pause. The run that comes back may still be on its way.
func (c *Client) Pause(ctx context.Context, key, why string) (Run, error) {
	return c.steer(ctx, key, "pause", why)
}

// Resume lets a run go on that is paused or failed.
func (c *Client) Resume(ctx context.Context, key, why string) (Run, error) {
	return c.steer(ctx, key, "resume", why)
}

// Stop ends a run for good. The run that comes back may still be on its way.
func (c *Client) Stop(ctx context.Context, key, why string) (Run, error) {
	return c.steer(ctx, key, "stop", why)
}

func (c *Client) steer(ctx context.Context, key, wish, why string) (run Run, err error) {
	return run, c.send(ctx, call{method: http.MethodPost, path: c.in("runs", key, wish), body: Reason{Why: why}}, &run)
}
