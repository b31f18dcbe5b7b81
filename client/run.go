package client

import "encoding/json"

// State is where a run stands.
type State string

// The states of a run; Stopped and Succeeded are final.
const (
	Planning  State = "planning"
	Running   State = "running"
	Pausing   State = "pausing"
	Paused    State = "paused"
	Stopping  State = "stopping"
	Stopped   State = "stopped"
	Verifying State = "verifying"
	Finishing State = "finishing"
	Succeeded State = "succeeded"
	Failed    State = "failed"
)

// Rests reports whether a run that stands so goes on only when somebody wishes it.
func (s State) Rests() bool { return s == Paused || s == Failed || s.Final() }

// Final reports whether nothing follows.
func (s State) Final() bool { return s == Stopped || s == Succeeded }

// Run is one execution of a job. Times are RFC 3339 in UTC.
type Run struct {
	Run         string         `json:"run" doc:"Key of the run."`
	Name        string         `json:"name" doc:"Name of its job."`
	Mode        string         `json:"mode" doc:"full, batch, or replay: it writes dirty rows of another run."`
	Replays     string         `json:"replays,omitempty" doc:"Key of the run whose dirty rows it writes."`
	State       State          `json:"state" doc:"Where it stands." enum:"planning,running,pausing,paused,stopping,stopped,verifying,finishing,succeeded,failed"`
	Reason      string         `json:"reason,omitempty" doc:"Why it is in its state."`
	Code        string         `json:"code,omitempty" doc:"Code of what went wrong."`
	Consistency Consistency    `json:"consistency" doc:"What instants its rows are of."`
	Created     string         `json:"created" doc:"When it was started."`
	Ended       string         `json:"ended,omitempty" doc:"When it became final or failed."`
	States      map[string]int `json:"stream_states,omitempty" doc:"How many of its streams stand where."`
	Total       *Counts        `json:"total,omitempty" doc:"Rows of all streams together."`
	Streams     []Stream       `json:"streams,omitempty" doc:"How far each stream is."`
	History     []Event        `json:"history,omitempty" doc:"The changes of its state."`

	Workspace   string `json:"workspace,omitempty" doc:"Workspace that it belongs to."`
	Environment string `json:"environment,omitempty" doc:"Environment that its connections are looked up in."`
	Job         string `json:"job,omitempty" doc:"ID of the stored job that it is a run of."`
	JobVersion  int64  `json:"job_version,omitempty" doc:"Version of the job."`
	Priority    int    `json:"priority,omitempty" doc:"The higher, the sooner."`
	Queued      string `json:"queued,omitempty" doc:"Since when it waits for the pool."`
	Waits       string `json:"waits,omitempty" doc:"What it waits for."`
	Held        string `json:"held,omitempty" doc:"Connection whose hold paused it."`
	Links       *Links `json:"links,omitempty" doc:"Where more is told."`
}

// Links are where more of a run is told.
type Links struct {
	Self  string `json:"self" doc:"Path of the run."`
	Dirty string `json:"dirty" doc:"Path of its dirty rows."`
	Topic string `json:"topic" doc:"Topic of its events."`
}

// Consistency says what instants the rows of a run are of.
type Consistency struct {
	Label  string `json:"label" doc:"fuzzy, snapshot, or snapshot until a time."`
	At     string `json:"snapshot_at,omitempty" doc:"When the snapshot was made."`
	Locked int64  `json:"writes_waited_ms,omitempty" doc:"Milliseconds for which writes waited for the snapshot."`
	Until  string `json:"snapshot_until,omitempty" doc:"When the run went on without its snapshot."`
}

// Counts are rows. Read = Written + Dirty + Filtered; Superseded ones, of a key that came twice, are within Written.
type Counts struct {
	Read       int64 `json:"read" doc:"Rows read."`
	Written    int64 `json:"written" doc:"Rows written."`
	Dirty      int64 `json:"dirty" doc:"Rows that could not be converted or written."`
	Filtered   int64 `json:"filtered" doc:"Rows that the job leaves out."`
	Superseded int64 `json:"superseded" doc:"Written rows whose key came again."`
	Bytes      int64 `json:"bytes" doc:"Bytes of the rows read, as the source sent them."`
}

// Stream is how far one dataset of a run is.
type Stream struct {
	ID         string `json:"id" doc:"ID of the stream in its run."`
	Source     string `json:"source" doc:"Dataset that is read; empty where it is a query."`
	Connection string `json:"connection,omitempty" doc:"Connection that is read where the job has several."`
	Target     string `json:"target" doc:"Dataset that is written."`
	State      string `json:"state" doc:"Where it stands." enum:"waiting,running,copied,held,failed,done"`
	Error      string `json:"error,omitempty" doc:"Why it failed."`
	Code       string `json:"code,omitempty" doc:"Code of why it failed."`
	Guarantee  string `json:"guarantee" doc:"What the plan promises." enum:"exactly-once,effectively-once,at-least-once"`
	Rows       int64  `json:"rows_estimated" doc:"Rows that the source is thought to have."`
	Bytes      int64  `json:"bytes_estimated" doc:"Bytes that the source is thought to have."`
	Counts     Counts `json:"counts" doc:"Its rows so far."`
	Shards     int    `json:"shards" doc:"Shards of the stream."`
	Done       int    `json:"shards_done" doc:"Shards that are done."`
	Active     int    `json:"shards_at_work" doc:"Shards that are worked on."`
}

// Event is one change of a run's state.
type Event struct {
	Number int64  `json:"number" doc:"Gapless number in its run, from 1."`
	At     string `json:"at" doc:"When it happened."`
	From   State  `json:"from,omitempty" doc:"State before; empty at creation."`
	To     State  `json:"to" doc:"State since."`
	Who    string `json:"who" doc:"Who changed it."`
	Why    string `json:"why,omitempty" doc:"Why."`
	Code   string `json:"code,omitempty" doc:"Code of what went wrong."`
}

// Progress is how far a run is: all of it, and streams at work.
type Progress struct {
	Run     string         `json:"run" doc:"Key of the run."`
	State   State          `json:"state" doc:"Where the run stands."`
	States  map[string]int `json:"stream_states,omitempty" doc:"How many streams stand where."`
	Total   Stream         `json:"total" doc:"All streams together."`
	Streams []Stream       `json:"streams,omitempty" doc:"Streams at work, and some that failed."`
	Planned int            `json:"planned,omitempty" doc:"While it is planned: streams that are."`
	ToPlan  int            `json:"to_plan,omitempty" doc:"While it is planned: all streams."`
}

// DirtyRow is a row that was not written, with the reason.
type DirtyRow struct {
	Stream  string          `json:"stream" doc:"Its stream, as people call it."`
	Shard   string          `json:"shard" doc:"Its shard."`
	Seq     int64           `json:"seq" doc:"Number of the commit that it belongs to."`
	Ordinal int64           `json:"ordinal" doc:"Its place within the commit."`
	Code    string          `json:"code" doc:"What is wrong with it."`
	Column  string          `json:"column,omitempty" doc:"The column that is wrong; empty where it is the row."`
	Reason  string          `json:"reason" doc:"The same in words."`
	Row     json.RawMessage `json:"row" doc:"The row as read."`
	// What became of it since.
	Mend     map[string]*string `json:"mend,omitempty" doc:"Values that columns were given instead, as text; null is NULL."`
	MendedBy string             `json:"mended_by,omitempty" doc:"Who gave them."`
	MendedAt string             `json:"mended_at,omitempty" doc:"When."`
	Replay   string             `json:"replay,omitempty" doc:"Key of the replay that has taken it."`
}

// Limits hold over all shards of a run; 0: none.
type Limits struct {
	Rows     int64 `json:"rows" doc:"Rows a second; 0 for no limit."`
	Bytes    int64 `json:"bytes" doc:"Bytes a second; 0 for no limit."`
	Parallel int   `json:"parallel" doc:"Shards at work at once."`
}

// LimitsChange changes limits; what is left out stays as it is.
type LimitsChange struct {
	Rows     *int64 `json:"rows,omitempty" doc:"Rows a second; 0 for no limit." minimum:"0"`
	Bytes    *int64 `json:"bytes,omitempty" doc:"Bytes a second; 0 for no limit." minimum:"0"`
	Parallel *int   `json:"parallel,omitempty" doc:"Shards at work at once." minimum:"1"`
}

// Reason is why somebody steers a run.
type Reason struct {
	Why string `json:"why,omitempty" doc:"The reason, for history." maxLength:"1000"`
}
