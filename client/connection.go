package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
)

// Connection is a stored way to reach a server, without its secrets.
type Connection struct {
	Workspace   string          `json:"workspace" doc:"Workspace that it belongs to."`
	Environment string          `json:"environment" doc:"Environment that it belongs to."`
	Alias       string          `json:"alias" doc:"Name by which jobs know it."`
	Connector   string          `json:"connector" doc:"Kind of system."`
	Options     json.RawMessage `json:"options" doc:"Options of the connector, without secrets."`
	Secrets     []Secret        `json:"secrets,omitempty" doc:"Which secrets are stored; what they are is never told."`
	UseRole     string          `json:"use_role" doc:"The least role that may use it in runs."`
	Parallel    int             `json:"parallel" doc:"Shards of all runs that may use it at once; 0 for any number."`
	Version     int64           `json:"version" doc:"Grows with each change; the ETag."`
	Created     string          `json:"created" doc:"When it was made."`
	Changed     string          `json:"changed" doc:"When it was changed last."`
	ChangedBy   string          `json:"changed_by" doc:"Who did."`
	Held        *Hold           `json:"held,omitempty" doc:"What keeps runs off it."`
	Tested      *Tested         `json:"tested,omitempty" doc:"How it answered when it was last tried."`
}

// Secret is a secret option that is stored.
type Secret struct {
	Path string `json:"path" doc:"Which option."`
	At   string `json:"at" doc:"When it was set."`
	By   string `json:"by" doc:"Who set it."`
}

// Hold keeps runs off a connection.
type Hold struct {
	At  string `json:"at" doc:"Since when."`
	By  string `json:"by" doc:"Who holds it."`
	Why string `json:"why" doc:"Why."`
}

// Tested is how a connection answered.
type Tested struct {
	At       string `json:"at" doc:"When."`
	Error    string `json:"error,omitempty" doc:"What went wrong; left out where it answered."`
	Identity string `json:"identity,omitempty" doc:"The server's own id."`
}

// ConnectionInput is a connection as it is to be.
type ConnectionInput struct {
	Connector string          `json:"connector" doc:"Kind of system."`
	Options   json.RawMessage `json:"options" doc:"Options of the connector, secrets in clear. A secret that is *** stays what it is; one that is left out goes."`
	UseRole   string          `json:"use_role,omitempty" doc:"The least role that may use it in runs; operator where left out." enum:"viewer,operator,editor,admin"`
	Parallel  int             `json:"parallel,omitempty" doc:"Shards of all runs that may use it at once; 0 for any number." minimum:"0"`
}

// Use is where a connection is used.
type Use struct {
	Jobs []string `json:"jobs" doc:"Names of jobs."`
	Runs []string `json:"runs" doc:"Keys of runs that are not over."`
}

// Checked is what a test of a connection found.
type Checked struct {
	Connector string `json:"connector" doc:"Kind of system."`
	Identity  string `json:"identity" doc:"The server's own id."`
	Took      int64  `json:"took_ns" doc:"Nanoseconds that it took."`
}

// Datasets are what a connection holds.
type Datasets struct {
	Names []string `json:"names" doc:"Names of datasets."`
	More  bool     `json:"more,omitempty" doc:"There are more than were asked for."`
}

// Sample is the schema of a dataset and some of its rows.
type Sample struct {
	Dataset  string            `json:"dataset" doc:"Name of the dataset."`
	Declared bool              `json:"declared" doc:"The schema is the server's word; otherwise it was guessed from rows."`
	Fields   json.RawMessage   `json:"fields" doc:"Its columns."`
	Rows     []json.RawMessage `json:"sample" doc:"Some of its rows."`
}

// Released are runs that a hold paused or a release let go on.
type Released struct {
	Runs []string `json:"runs" doc:"Keys of the runs."`
}

// Sync is how a pair of datasets stands.
type Sync struct {
	Connection  string `json:"connection" doc:"Alias of the source."`
	Source      string `json:"source" doc:"Dataset of the source."`
	TargetAlias string `json:"target_connection" doc:"Alias of the target."`
	Target      string `json:"target" doc:"Dataset of the target."`
	Verdict     string `json:"verdict" doc:"How it stands." enum:"never,updating,behind,differs,unverified,in sync"`
	Why         string `json:"why" doc:"The reason."`
	Run         string `json:"run,omitempty" doc:"The newest run that published it."`
	At          string `json:"at,omitempty" doc:"When that run ended."`
	Checked     string `json:"checked,omitempty" doc:"When both sides were looked at since."`
	Method      string `json:"method,omitempty" doc:"How they were looked at."`
	About       bool   `json:"about,omitempty" doc:"The source's rows are an estimate."`
}

// environment is the query that names one; "" for the default one.
func environment(name string) url.Values {
	q := url.Values{}
	set(q, "environment", name)
	return q
}

// Connections lists the connections of an environment, or with "" of all.
func (c *Client) Connections(ctx context.Context, env string) (page Page[Connection], err error) {
	return page, c.send(ctx, call{method: http.MethodGet, path: c.in("connections"), query: environment(env)}, &page)
}

// Connection returns a connection.
func (c *Client) Connection(ctx context.Context, env, alias string) (out Connection, err error) {
	return out, c.send(ctx, call{method: http.MethodGet, path: c.in("connections", alias), query: environment(env)}, &out)
}

// PutConnection makes a connection, at version 0, or replaces the one that has this version.
func (c *Client) PutConnection(ctx context.Context, env, alias string, at int64, in ConnectionInput) (out Connection, err error) {
	return out, c.send(ctx, call{method: http.MethodPut, path: c.in("connections", alias), query: environment(env), body: in,
		header: map[string]string{"If-Match": version(at)}}, &out)
}

// RemoveConnection removes a connection that nothing uses.
func (c *Client) RemoveConnection(ctx context.Context, env, alias string) error {
	return c.send(ctx, call{method: http.MethodDelete, path: c.in("connections", alias), query: environment(env)}, nil)
}

// WhereUsed returns what uses a connection.
func (c *Client) WhereUsed(ctx context.Context, env, alias string) (u Use, err error) {
	return u, c.send(ctx, call{method: http.MethodGet, path: c.in("connections", alias, "used"), query: environment(env)}, &u)
}

// TestConnection asks the server of a connection who it is.
func (c *Client) TestConnection(ctx context.Context, env, alias string) (out Checked, err error) {
	return out, c.send(ctx, call{method: http.MethodPost, path: c.in("connections", alias, "test"), query: environment(env)}, &out)
}

// Datasets lists up to so many datasets of a connection that match a pattern.
func (c *Client) Datasets(ctx context.Context, env, alias, pattern string, most int) (d Datasets, err error) {
	q := environment(env)
	set(q, "pattern", pattern)
	q.Set("limit", strconv.Itoa(most))
	return d, c.send(ctx, call{method: http.MethodGet, path: c.in("connections", alias, "datasets"), query: q}, &d)
}

// Sample returns the schema of a dataset and up to so many rows.
func (c *Client) Sample(ctx context.Context, env, alias, dataset string, rows int) (out Sample, err error) {
	q := environment(env)
	q.Set("dataset", dataset)
	q.Set("rows", strconv.Itoa(rows))
	return out, c.send(ctx, call{method: http.MethodGet, path: c.in("connections", alias, "sample"), query: q}, &out)
}

// Hold keeps runs off a connection; those that use it are paused.
func (c *Client) Hold(ctx context.Context, env, alias, why string) (r Released, err error) {
	return r, c.send(ctx, call{method: http.MethodPost, path: c.in("connections", alias, "hold"), query: environment(env), body: Reason{Why: why}}, &r)
}

// Release ends a hold; the runs that it paused go on.
func (c *Client) Release(ctx context.Context, env, alias string) (r Released, err error) {
	return r, c.send(ctx, call{method: http.MethodPost, path: c.in("connections", alias, "release"), query: environment(env)}, &r)
}

// SyncStatus returns how datasets of a connection stand, or with "" those of all.
func (c *Client) SyncStatus(ctx context.Context, env, alias string) (page Page[Sync], err error) {
	q := environment(env)
	set(q, "connection", alias)
	return page, c.send(ctx, call{method: http.MethodGet, path: c.in("sync"), query: q}, &page)
}

// CheckSync looks at both sides of what a connection's datasets were copied by, and returns how they stand.
func (c *Client) CheckSync(ctx context.Context, env, alias string) (page Page[Sync], err error) {
	return page, c.send(ctx, call{method: http.MethodPost, path: c.in("connections", alias, "sync"), query: environment(env)}, &page)
}

// Grants is what an administrator of a system runs there.
type Grants struct {
	Script string `json:"script" doc:"In the system's own language; it holds no secret."`
}

// GrantsWish says what a connection is used for.
type GrantsWish struct {
	Datasets []string // names or patterns; none: all
	Write    bool     // else they are read
	Mode     string   // of writing; "": any
	Snapshot bool     // they are read as of one instant
}

// Grants returns what gives the account of a connection the rights that it needs, and no others.
func (c *Client) Grants(ctx context.Context, env, alias string, w GrantsWish) (g Grants, err error) {
	q := environment(env)
	for _, dataset := range w.Datasets {
		q.Add("dataset", dataset)
	}
	set(q, "mode", w.Mode)
	q.Set("write", strconv.FormatBool(w.Write))
	q.Set("snapshot", strconv.FormatBool(w.Snapshot))
	return g, c.send(ctx, call{method: http.MethodGet, path: c.in("connections", alias, "grants"), query: q}, &g)
}
