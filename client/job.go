package client

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
)

// Job is a stored job at one of its versions.
type Job struct {
	ID          string          `json:"id" doc:"ID of the job, which stays when its name changes."`
	Workspace   string          `json:"workspace" doc:"Workspace that it belongs to."`
	Name        string          `json:"name" doc:"Name of the job."`
	Version     int64           `json:"version" doc:"Version of the document; the ETag."`
	Newest      int64           `json:"newest" doc:"The newest version."`
	Connections []string        `json:"connections,omitempty" doc:"Aliases that it names."`
	Document    string          `json:"document,omitempty" doc:"The document as it was given."`
	Canonical   json.RawMessage `json:"canonical,omitempty" doc:"The same in the one form."`
	Created     string          `json:"created" doc:"When the job was made."`
	Changed     string          `json:"changed" doc:"When the job was changed last."`
	ChangedBy   string          `json:"changed_by" doc:"Who did."`
	Made        string          `json:"made" doc:"When this version was made."`
	MadeBy      string          `json:"made_by" doc:"Who made it."`
	Note        string          `json:"note,omitempty" doc:"Why."`
}

// JobInput is a job as it is to be.
type JobInput struct {
	Document json.RawMessage `json:"document" doc:"The job document: an object, or a text of YAML or JSON."`
	Note     string          `json:"note,omitempty" doc:"Why it is changed." maxLength:"1000"`
}

// Text is the document as people write it.
func (in JobInput) Text() []byte { return text(in.Document) }

// text is what stands in JSON's text, or JSON itself.
func text(document json.RawMessage) []byte {
	var in string
	if json.Unmarshal(document, &in) == nil {
		return []byte(in)
	}
	return document
}

// Document is a text of YAML or JSON as JobInput and Batch take it.
func Document(text []byte) json.RawMessage {
	out, err := json.Marshal(string(text))
	if err != nil {
		panic(err) // a text is JSON always
	}
	return out
}

// Start says how a job is to run.
type Start struct {
	Version     int64             `json:"version,omitempty" doc:"Version of the job; the newest where left out."`
	Environment string            `json:"environment,omitempty" doc:"Environment that its connections are looked up in; default where left out."`
	Parameters  map[string]string `json:"parameters,omitempty" doc:"Parameters of the job."`
	Priority    int               `json:"priority,omitempty" doc:"The higher, the sooner." minimum:"-100" maximum:"100"`
	Why         string            `json:"why,omitempty" doc:"The reason, for history." maxLength:"1000"`
}

// Full asks for a full synchronisation.
type Full struct {
	Start
	Source   string   `json:"source" doc:"Alias of the source."`
	Target   string   `json:"target" doc:"Alias of the target."`
	Datasets []string `json:"datasets,omitempty" doc:"Datasets or patterns; all that the source's account may read where left out."`
	Name     string   `json:"name,omitempty" doc:"Name of the job; SOURCE-to-TARGET where left out."`
}

// Batch asks for a run of a job document.
type Batch struct {
	Start
	Document json.RawMessage `json:"document" doc:"The job document: an object, or a text of YAML or JSON."`
}

// Text is the document as people write it.
func (in Batch) Text() []byte { return text(in.Document) }

// Started is the answer to a start.
type Started struct {
	Job     Job      `json:"job" doc:"The job."`
	Run     *Run     `json:"run,omitempty" doc:"Its run; left out where the job waits for connections."`
	Again   bool     `json:"again,omitempty" doc:"The start was asked for before."`
	Missing []string `json:"missing,omitempty" doc:"Connections that the job names and the environment does not have."`
}

// Jobs lists jobs by name.
func (c *Client) Jobs(ctx context.Context, p Part) (page Page[Job], err error) {
	return page, c.send(ctx, call{method: http.MethodGet, path: c.in("jobs"), query: p.query()}, &page)
}

// Job returns a job by its ID or name, at a version, 0 for the newest.
func (c *Client) Job(ctx context.Context, idOrName string, at int64) (j Job, err error) {
	q := Part{}.query()
	if at > 0 {
		q.Set("version", strconv.FormatInt(at, 10))
	}
	return j, c.send(ctx, call{method: http.MethodGet, path: c.in("jobs", idOrName), query: q}, &j)
}

// JobVersions lists the versions of a job, newest first.
func (c *Client) JobVersions(ctx context.Context, id string) (page Page[Job], err error) {
	return page, c.send(ctx, call{method: http.MethodGet, path: c.in("jobs", id, "versions")}, &page)
}

// CreateJob stores a job. It may name connections that are not there yet.
func (c *Client) CreateJob(ctx context.Context, in JobInput) (j Job, err error) {
	return j, c.send(ctx, call{method: http.MethodPost, path: c.in("jobs"), body: in}, &j)
}

// ChangeJob adds a version to the job whose newest is this.
func (c *Client) ChangeJob(ctx context.Context, id string, at int64, in JobInput) (j Job, err error) {
	return j, c.send(ctx, call{method: http.MethodPut, path: c.in("jobs", id), body: in, header: map[string]string{"If-Match": version(at)}}, &j)
}

// RemoveJob removes a job, at the version that was seen, 0 for any; its runs stay.
func (c *Client) RemoveJob(ctx context.Context, id string, at int64) error {
	return c.send(ctx, call{method: http.MethodDelete, path: c.in("jobs", id), header: map[string]string{"If-Match": version(at)}}, nil)
}

// StartJob starts a stored job. A key makes starts that are sent twice one; "" for none.
func (c *Client) StartJob(ctx context.Context, id, key string, in Start) (Started, error) {
	return c.start(ctx, key, in, "jobs", id, "runs")
}

// StartFull starts a full synchronisation in one call.
func (c *Client) StartFull(ctx context.Context, key string, in Full) (Started, error) {
	return c.start(ctx, key, in, "full")
}

// StartBatch starts a job document in one call.
func (c *Client) StartBatch(ctx context.Context, key string, in Batch) (Started, error) {
	return c.start(ctx, key, in, "batch")
}

func (c *Client) start(ctx context.Context, key string, in any, path ...string) (s Started, err error) {
	return s, c.send(ctx, call{method: http.MethodPost, path: c.in(path...), body: in, header: map[string]string{"Idempotency-Key": key}}, &s)
}

// Plan makes the plan of a job document and changes nothing. It is what towpath plan --json prints.
func (c *Client) Plan(ctx context.Context, in Batch) (plan json.RawMessage, err error) {
	return plan, c.send(ctx, call{method: http.MethodPost, path: c.in("plan"), body: in}, &plan)
}
