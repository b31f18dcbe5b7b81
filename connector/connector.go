// Package connector is the contract between the engine and the systems it copies between: what a connector can do, what its
// readers and writers promise, and the words (shard, position, lease, checkpoint, way) they speak in. It knows no system,
// no job and no engine.
package connector

import (
	"context"
	"encoding/json"
	"iter"
	"net/netip"
	"net/url"
	"time"

	"github.com/towpath/towpath/record"
)

// Connector is one kind of system. A nil field is an ability it lacks.
type Connector struct {
	Name  string // lower case, as in jobs
	Title string // as people write it
	Docs  string // its README: versions, grants, limits, examples
	// Types returns the table of its types, both ways, as its page shows it.
	Types func() []TypeDoc

	Connection *Options // described option structs; what the functions below take is decoded by them
	Reading    *Options
	Writing    *Options

	// Open makes the one Client of a connection and process; it owns sockets and their limits.
	Open func(ctx context.Context, c Connection) (Client, error)
	// Read makes the one Reader of a stream.
	Read func(ctx context.Context, c Client, s Source) (Reader, error)
	// Write makes the one Writer of a target dataset and run.
	Write func(ctx context.Context, c Client, s Sink) (Writer, error)
	// Snapshot makes one instant for all shards of the datasets, to be read by up to parallel shards at a time. It is held by the
	// run lease's holder until Close, and gone with its process.
	Snapshot func(ctx context.Context, c Client, datasets []string, parallel int) (Snapshot, error)
	// Count counts the rows of the dataset that the predicate (in the system's own language, "" for all) selects.
	Count func(ctx context.Context, c Client, dataset, where string) (int64, error)
	// Everything is the pattern of all datasets of a connection that its account may read; "": *.
	Everything string
	Schemes    []string // of its URLs, beside its name
	// URL turns scheme://user@host/shop.orders into connection options and a dataset.
	URL func(u *url.URL) (options map[string]any, dataset string, err error)
	// Fold turns a dataset's name into a form in which all names that the client has for one dataset are alike; nil: each has one name.
	Fold func(c Client, dataset string) string
	// Clean finds what runs left behind (staging datasets, checkpoints, settings) and, with remove, removes what belongs to
	// the named runs; names in the answer are shown to people.
	Clean func(ctx context.Context, c Client, runs []string, remove bool) ([]Leftover, error)
	// Grants writes, in the system's own language, what an administrator runs so that the account of a connection may do what it is used
	// for, and no more. The account is there already: the script makes none and knows no password.
	Grants func(options json.RawMessage, u Use) (script string, err error)
}

// Use is what the account of a connection is used for: reading datasets, or writing them.
type Use struct {
	Datasets []string  `json:"datasets,omitempty"` // names or patterns, as Client.Datasets takes them; none: Connector.Everything
	Write    bool      `json:"write,omitempty"`    // else they are read
	Mode     Mode      `json:"mode,omitempty"`     // of writing; "": each
	Create   Structure `json:"create,omitzero"`    // what targets that are made get
	Snapshot bool      `json:"snapshot,omitempty"` // they are read as of one instant
	From     string    `json:"from,omitempty"`     // which machines the account logs in from, where accounts are told apart by that; "": any
}

// Connection is how one cluster or server is reached.
type Connection struct {
	Name    string          // alias, for errors
	Options json.RawMessage // an object that Connector.Connection describes; holds secrets
	// Guard says whether a socket may be opened to an address, of whatever name; nil: to any. Connectors open sockets by Dialer only.
	Guard func(address netip.AddrPort) error
}

// Source is what a stream reads.
type Source struct {
	Dataset string          `json:"dataset,omitempty"`
	Query   string          `json:"query,omitempty"`   // an own SELECT instead of the dataset
	Columns []string        `json:"columns,omitempty"` // pushed down, in this order; nil: all
	Where   string          `json:"where,omitempty"`   // pushed down, in the source's own language
	Key     []string        `json:"key,omitempty"`     // the job's key; nil: the source's
	Options json.RawMessage `json:"options,omitempty"`
}

// Sink is what a run writes to one target dataset.
type Sink struct {
	Dataset string    `json:"dataset"`
	Mode    Mode      `json:"mode"`
	Key     []string  `json:"key,omitempty"`   // the job's key; nil: the schema's
	Run     string    `json:"run"`             // the run's key; every object made for the run carries it
	Create  Structure `json:"create,omitzero"` // what a target that is made gets beside columns and primary key
	// Distinct: no two rows that come have the same key, so that a target which holds nothing else may get it once they are there.
	Distinct bool            `json:"distinct,omitempty"`
	Options  json.RawMessage `json:"options,omitempty"`
	// Joins: another process steers the run. It has prepared the target, and maybe finished it by now; here Prepare changes nothing, and shards alone are written.
	Joins bool `json:"-"`
}

// Structure is what a target that is made for a run gets beside its columns and its primary key, in its own dialect: what the
// schema that was planned with names. Writers leave out what their system has no counterpart of, and say so in the plan's notes.
type Structure struct {
	Indexes    bool `json:"indexes,omitempty"`      // made by Finish(Seal), once all rows are there
	References bool `json:"foreign_keys,omitempty"` // made by Finish(Link), once all targets of the run are published; Dataset is the target's
	Defaults   bool `json:"defaults,omitempty"`
	Comments   bool `json:"comments,omitempty"`
}

// Mode is how rows meet what the target holds.
type Mode string

// The write modes of a stream.
const (
	Insert  Mode = "insert"  // an existing key is a dirty row
	Upsert  Mode = "upsert"  // an existing key is replaced, the whole row
	Replace Mode = "replace" // staged, then swapped in: target = source
	Append  Mode = "append"  // no key is looked at
)

// Client is an open connection, safe for concurrent use.
type Client interface {
	// Identity is the server's own id (server uuid, cluster uuid, file identity): two names of one server answer alike.
	Identity(ctx context.Context) (string, error)
	// Datasets yields the names that match the pattern, in which * stands for any characters of one name part.
	Datasets(ctx context.Context, pattern string) iter.Seq2[string, error]
	Close() error
}

// Snapshot is one instant of a source.
type Snapshot interface {
	// Token is what a reader joins the snapshot by; anywhere: other processes can, else only this Client.
	Token() (token []byte, anywhere bool)
	// Locked is how long other sessions of the source could not write while the instant was made.
	Locked() time.Duration
	Close() error
}

// Reader reads one dataset. Its methods are safe for concurrent use: shards are read side by side.
type Reader interface {
	// Schema returns the columns in the order of Source.Columns. declared false means sampled: the schema is frozen in the
	// plan and never sampled or compared again.
	Schema(ctx context.Context) (s *record.Schema, declared bool, err error)
	// Split cuts what shard of still has behind after into disjoint, together complete shards, NULL keys included. The zero
	// Shard is the whole dataset. Planning calls it once; giving an idle worker the far part of a shard calls it again: the first
	// part begins where of does, since its owner reads on from after, but may have to read it again from its beginning.
	// Shards come back with Range, Replay, Scope, Rows and Bytes set; ID, Stream and Rev are the engine's.
	//
	// Invariant 5: bounds come from the source's own order and go back as parameters; Go never compares keys.
	Split(ctx context.Context, of Shard, after Position, hint Hint) ([]Shard, error)
	// Read yields what follows q.From in q.Shard as the shard's Replay says, and ends after its first error. A yielded Batch
	// belongs to the receiver, whatever yield returns. When yield returns false or ctx ends, Read returns within a second.
	Read(ctx context.Context, q Query) iter.Seq2[Chunk, error]
	Close() error
}

// Query asks a Reader for rows of one shard.
type Query struct {
	Shard   Shard
	From    Position       // nil: from the shard's beginning
	Schema  *record.Schema // frozen in the plan; batches are made for it
	Batches *record.Pool   // where batches come from
	// Snapshot is the token of the snapshot to read in; nil: each statement sees rows as they are when it reads them. A snapshot
	// that is gone is an error of class Lost.
	Snapshot []byte
}

// Hint says how a dataset should be cut.
type Hint struct {
	Shards int   // wanted number; 0: by size
	Bytes  int64 // wanted size of a shard when Shards is 0
}

// Replay is what reading a shard again from a position yields.
type Replay int

// The replays, from best to worst.
const (
	Exact    Replay = iota // the same rows in the same order
	Superset               // all that follows, perhaps some again
	None                   // only from the shard's beginning
)

// Shard is one disjoint part of a stream.
type Shard struct {
	ID, Stream  string
	Stage, Rev  int    // stage 1 reads what stage 0 wrote; Rev grows each time the far part is cut off
	Range       []byte // (low, high]: low not included, high included; open at the outer ends; opaque to the engine
	Replay      Replay
	Scope       string // the snapshot its positions are valid in; "" any
	Rows, Bytes int64  // estimates
}

// Chunk is what a Reader yields.
type Chunk struct {
	Batch *record.Batch // nil: only the position moved
	Bad   []Bad         // records that did not become rows (a ragged line)
	After Position      // Read from here yields what follows this chunk
}

// Bad is a record of the source that did not become a row.
type Bad struct {
	Code   record.Code
	Reason string
	Raw    []byte // as read, up to 64 kB
}

// Writer writes one target dataset for one run.
type Writer interface {
	// Plan changes nothing. Its answer is stored in the plan and handed back to Prepare.
	Plan(ctx context.Context, want *record.Schema) (*Target, error)
	// Prepare runs under the run lease at each start and each resume, and is idempotent: it creates or checks the target and
	// reports every checkpoint of this run that the target remembers. What the target remembers is the truth, the control
	// database a copy. Prepare also lays down a marker of the run. fresh is true at the very first start only; otherwise a missing
	// marker means that the target was restored from before the start: an error of class Changed. Where Sink.Joins, it changes nothing, at any time.
	Prepare(ctx context.Context, t *Target, fresh bool, remembered func(Checkpoint) error) error
	// Take makes the lease's epoch the only one that can write this shard; older epochs are fenced at the target wherever it
	// can. It returns the newest checkpoint: the target's own where it keeps them, else last.
	Take(ctx context.Context, s Shard, l Lease, last Checkpoint) (ShardWriter, Checkpoint, error)
	// Finish, under the run lease, is idempotent and legal after Prepare only, and never called where Sink.Joins.
	Finish(ctx context.Context, phase Phase) error
	Close() error
}

// Phase is a step of Finish.
type Phase string

// The phases of Finish.
const (
	Seal    Phase = "seal"    // all rows are there: indexes, refresh, settings put back; again after a Publish that was cut off
	Publish Phase = "publish" // swap; after it the run's own checkpoints may go, its marker stays
	Link    Phase = "link"    // all targets of the run are published: foreign keys between them
	Park    Phase = "park"    // pause, failure: loading settings undone
	Drop    Phase = "drop"    // stop: staging and checkpoints removed
)

// ShardWriter writes the rows of one shard under one lease; used by one goroutine.
//
// One Write and one Commit a group; between them the engine only stores dirty rows and waits for no source, limit or wish, so
// no transaction idles. A shard that replays None is the exception: many Writes, one Commit at its end.
type ShardWriter interface {
	// Write sends a group, borrowed for the call, and knows all its row errors on return. Batches have the schema Target.Stored
	// and no marks but those of their field's Keeps. After any error nothing since the last Commit counts.
	Write(ctx context.Context, group []*record.Batch) (Outcome, error)
	// Commit: on return the rows and, where the target can, the checkpoint are durable together. Legal without Write (all rows
	// filtered). It returns the writer's own state (file offset, parts, index uuid), handed back in the next Take's last.State.
	// An error of class Unknown means that the answer was lost: Take again and compare Seq.
	//
	// Invariant 1: a position is durable only after, or together with, every row up to it.
	Commit(ctx context.Context, c Checkpoint) (state []byte, err error)
	Close() error
}

// Outcome is what became of a group. Every row that it does not name was written.
type Outcome struct {
	Rejected   []Rejected
	Superseded []RowRef // written, then replaced by a later row of the same key within the group
}

// RowRef names a row of a group.
type RowRef struct{ Batch, Row int }

// Rejected is a row that the target did not take.
type Rejected struct {
	RowRef
	Code   record.Code
	Column string // "" when the server does not say
	Reason string
}
