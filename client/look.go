package client

import (
	"context"
	"encoding/json"
	"net/http"
)

// Connector is a kind of system that the server speaks to. Asked for by name it has its guide and the JSON Schemas of its options.
type Connector struct {
	Name       string          `json:"name" doc:"Name of the connector."`
	Title      string          `json:"title" doc:"What it is for."`
	Reads      bool            `json:"reads" doc:"It can be a source."`
	Writes     bool            `json:"writes" doc:"It can be a target."`
	Docs       string          `json:"docs,omitempty" doc:"Its guide, as Markdown."`
	Connection json.RawMessage `json:"connection,omitempty" doc:"JSON Schema of the options of its connections."`
	Reading    json.RawMessage `json:"reading,omitempty" doc:"JSON Schema of the options of sources."`
	Writing    json.RawMessage `json:"writing,omitempty" doc:"JSON Schema of the options of targets."`
}

// Inline is a connection that is not stored.
type Inline struct {
	Connector string          `json:"connector" doc:"Kind of system."`
	Options   json.RawMessage `json:"options" doc:"Options of the connector, secrets in clear."`
}

// Leftover is something that a run left behind at a target.
type Leftover struct {
	Run     string `json:"run" doc:"Key of the run."`
	What    string `json:"what" doc:"What it left."`
	Removed bool   `json:"removed" doc:"It is gone."`
}

// JobCheck is what a job document says.
type JobCheck struct {
	Name    string   `json:"name" doc:"Name of the job."`
	Mode    string   `json:"mode" doc:"full or batch."`
	Streams int      `json:"streams" doc:"How many streams it lists; patterns are not expanded."`
	Missing []string `json:"missing,omitempty" doc:"Connections that it names and the environment does not have."`
}

// Connectors lists the kinds of systems that the server speaks to.
func (c *Client) Connectors(ctx context.Context) (page Page[Connector], err error) {
	return page, c.send(ctx, call{method: http.MethodGet, path: join("connectors")}, &page)
}

// Connector returns one with its guide and its options.
func (c *Client) Connector(ctx context.Context, name string) (out Connector, err error) {
	return out, c.send(ctx, call{method: http.MethodGet, path: join("connectors", name)}, &out)
}

// CheckInline asks the server of a connection that is not stored who it is.
func (c *Client) CheckInline(ctx context.Context, in Inline) (out Checked, err error) {
	return out, c.send(ctx, call{method: http.MethodPost, path: c.in("connections", "check"), body: in}, &out)
}

// Leftovers lists what ended or unknown runs left behind at a connection.
func (c *Client) Leftovers(ctx context.Context, env, alias string) (page Page[Leftover], err error) {
	return page, c.send(ctx, call{method: http.MethodGet, path: c.in("connections", alias, "leftovers"), query: environment(env)}, &page)
}

// Clean removes what ended runs left behind at a connection, and lists what there was.
func (c *Client) Clean(ctx context.Context, env, alias string) (page Page[Leftover], err error) {
	return page, c.send(ctx, call{method: http.MethodDelete, path: c.in("connections", alias, "leftovers"), query: environment(env)}, &page)
}

// RunPlan returns the head of a run's plan: what towpath plan --json prints, without the streams.
func (c *Client) RunPlan(ctx context.Context, key string) (plan json.RawMessage, err error) {
	return plan, c.send(ctx, call{method: http.MethodGet, path: c.in("runs", key, "plan")}, &plan)
}

// PlanJob makes the plan of a stored job and changes nothing.
func (c *Client) PlanJob(ctx context.Context, id string, in Start) (plan json.RawMessage, err error) {
	return plan, c.send(ctx, call{method: http.MethodPost, path: c.in("jobs", id, "plan"), body: in}, &plan)
}

// CheckJob reads a job document without storing it.
func (c *Client) CheckJob(ctx context.Context, in Batch) (out JobCheck, err error) {
	return out, c.send(ctx, call{method: http.MethodPost, path: c.in("jobs", "check"), body: in}, &out)
}
