// Package job is the job document: what is copied from where to where, and how. It parses documents strictly, with the line
// and path of each mistake, fills defaults, substitutes parameters and writes a stable form. It opens no connection and knows
// no system.
package job

import (
	"encoding/json"
	"slices"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// Mode is what a job copies.
type Mode string

// The modes of a job.
const (
	Full  Mode = "full"  // everything of the chosen datasets: all columns, names and types carried over
	Batch Mode = "batch" // chosen rows and columns, picked, renamed and cast
)

// Job is a job document. Parse returns it with defaults filled in; Bind substitutes its parameters.
type Job struct {
	Name       string            `json:"name,omitempty" doc:"The job's name, for people; left out, the file's name."`
	Mode       Mode              `json:"mode" required:"true" enum:"full,batch" doc:"full copies everything of the chosen datasets; batch copies chosen columns and rows."`
	Source     Endpoint          `json:"source" required:"true" doc:"Where rows come from."`
	Target     Endpoint          `json:"target" required:"true" doc:"Where rows go to."`
	Streams    []Stream          `json:"streams" required:"true" doc:"What is copied: each stream is one source dataset and one target dataset."`
	Settings   Settings          `json:"settings,omitzero" doc:"How the job runs."`
	Parameters map[string]string `json:"parameters,omitempty" doc:"Values that source, exclude, query, target and where refer to as ${name}; the command line may give others."`

	places map[string]place
}

// Endpoint is one side of a job: the alias of a connection, or a connector with its connection options beside it.
type Endpoint struct {
	Connection string          // alias; "" when inline
	Connector  string          // inline: the connector's name
	Options    json.RawMessage // inline: the connector's connection options, an object with sorted keys; may hold secrets
}

// Inline reports whether the endpoint describes its connection itself.
func (e Endpoint) Inline() bool { return e.Connector != "" }

// Stream copies one source dataset to one target dataset, or, where its source is a pattern, each match.
type Stream struct {
	Source       string          `json:"source,omitempty" doc:"The source dataset; * stands for any characters and makes one stream per match."`
	Exclude      []string        `json:"exclude,omitempty" doc:"Datasets, or patterns of them, that are left out of the matches of a source with *."`
	Query        string          `json:"query,omitempty" doc:"A query of your own in the source's language, instead of source; batch mode only."`
	Connection   string          `json:"connection,omitempty" doc:"The alias of the connection that this stream reads from; left out, the job's source."`
	Target       string          `json:"target,omitempty" doc:"The target dataset; left out, the source's name. Of a source with *, ${table}, ${schema} and ${database} are the parts of each match's name, as in ods_${table}; without them all matches flow into the one target. Streams may share a target when their columns are equal and their keys cannot meet: see source_column."`
	Write        connector.Mode  `json:"write,omitempty" enum:"insert,upsert,replace,append" doc:"How rows meet what the target holds: insert (an existing key is a dirty row), upsert (an existing key is replaced), replace (staged, then swapped in), append (no key is looked at). Default: replace in full mode, upsert in batch mode."`
	Key          []string        `json:"key,omitempty" doc:"The source columns that identify a row; left out, the source's own key."`
	SourceColumn string          `json:"source_column,omitempty" doc:"A text column of this name that the target gets in front of the others, and of the key: it holds the name of the dataset that a row is from, so that rows of many datasets keep apart in one target."`
	Where        string          `json:"where,omitempty" doc:"A condition in the source's language, applied by the source; batch mode only."`
	Columns      []Column        `json:"columns,omitempty" doc:"The columns to copy, in this order; left out, all; batch mode only."`
	Create       Create          `json:"create,omitzero" doc:"What is made at the target, before settings.create. The word missing is short for {missing: true}, never for {missing: false}."`
	ReadOptions  json.RawMessage `json:"source_options,omitempty" doc:"Options of the source's connector for reading this stream."`
	WriteOptions json.RawMessage `json:"target_options,omitempty" doc:"Options of the target's connector for writing this stream."`
}

// Column is one column of a stream. In a document it may be written as a name alone.
type Column struct {
	From    string                 `json:"from" required:"true" doc:"The source column."`
	To      string                 `json:"to,omitempty" doc:"The target column; left out, the source column's name."`
	Type    *record.Type           `json:"type,omitempty" doc:"The logical type to cast to, as in int64, decimal(12,2), text(40), datetime(6)."`
	Expr    string                 `json:"expr,omitempty" doc:"An expression that makes the value."`
	Zone    string                 `json:"zone,omitempty" doc:"The time zone (Europe/Paris) by which this column's wall clocks become points in time and back."`
	On      map[record.Code]string `json:"on,omitempty" doc:"What to do with values that do not fit, by dirty code; before settings.on."`
	Options json.RawMessage        `json:"options,omitempty" doc:"Options of the target's connector for this column, such as an analyser."`
}

// Settings is how a job runs.
type Settings struct {
	Parallel          int                    `json:"parallel,omitempty" minimum:"1" maximum:"1024" doc:"Shards at work at once; left out, chosen by the machine."`
	Shards            int                    `json:"shards,omitempty" minimum:"1" maximum:"10000" doc:"Shards that each stream is cut into; left out, by their size."`
	GroupRows         int                    `json:"group_rows,omitempty" minimum:"1" doc:"Rows that are committed together at most; left out, chosen by how fast the target answers."`
	Rate              Rate                   `json:"rate,omitzero" doc:"The most that is read in a second, over all shards and machines."`
	Dirty             Dirty                  `json:"dirty,omitzero" doc:"The run pauses when either limit is passed."`
	On                map[record.Code]string `json:"on,omitempty" doc:"What to do with values that do not fit, by dirty code, for all columns."`
	Zone              string                 `json:"zone,omitempty" doc:"The time zone (Europe/Paris) by which wall clocks become points in time and back; without one they are not converted."`
	Outage            Duration               `json:"outage,omitempty" minimum:"1" doc:"How long source or target may be away before the run pauses. Default 5m."`
	OutageResume      bool                   `json:"outage_resume,omitempty" doc:"Lets a server go on with a run that an outage has paused, once its connections answer."`
	Memory            Size                   `json:"memory,omitempty" minimum:"16MiB" doc:"The most memory that rows in flight take; left out, chosen by the machine."`
	Accept            Guarantee              `json:"accept,omitempty" enum:"exactly-once,effectively-once,at-least-once" doc:"The weakest guarantee a stream may have; a weaker one is refused by the plan. Default effectively-once."`
	AllowEmptyReplace bool                   `json:"allow_empty_replace,omitempty" doc:"Lets an empty source replace a target that holds rows."`
	Create            Create                 `json:"create,omitzero" doc:"What is made at the target, for all streams. A key alone means true: {indexes, foreign_keys, defaults, comments}."`
	Consistency       Consistency            `json:"consistency,omitempty" enum:"fuzzy,snapshot" doc:"fuzzy (default) reads each row as it is at that moment; snapshot reads all streams of a connection as they were at one instant, until the run is paused or cut off."`
	Verify            Verify                 `json:"verify,omitempty" enum:"counts,none" doc:"What is compared before the run succeeds: counts (default) or none."`
}

// AtLeastOnce reports whether the person accepts streams that may write a row twice.
func (s Settings) AtLeastOnce() bool { return s.Accept == AtLeastOnce }

// Guarantee is what a person accepts of a stream.
type Guarantee string

// The guarantees, from strongest to weakest.
const (
	ExactlyOnce     Guarantee = "exactly-once"
	EffectivelyOnce Guarantee = "effectively-once"
	AtLeastOnce     Guarantee = "at-least-once"
)

// Consistency is what instants the rows of a run are of.
type Consistency string

// The values of Consistency.
const (
	Fuzzy    Consistency = "fuzzy"
	Snapshot Consistency = "snapshot"
)

// Verify is what a run compares before it succeeds.
type Verify string

// The values of Verify.
const (
	VerifyCounts Verify = "counts"
	VerifyNone   Verify = "none"
)

// Rate is a limit a second over all shards; zero: none.
type Rate struct {
	Rows  int64 `json:"rows,omitempty" minimum:"1" doc:"Rows a second."`
	Bytes Size  `json:"bytes,omitempty" minimum:"1" doc:"Bytes a second, as in 32MiB."`
}

// Dirty is how many dirty rows a run bears; nil: any number. Zero is a limit: the first dirty row passes it.
type Dirty struct {
	Rows  *int64   `json:"rows,omitempty" minimum:"0" doc:"Dirty rows since the run was started or last resumed."`
	Ratio *float64 `json:"ratio,omitempty" minimum:"0" maximum:"1" doc:"Share of the rows read since the run was started or last resumed, from 0 to 1; judged from 10,000 rows on."`
}

// Policies returns the policies of a column: the column's own over those of the settings.
func (j *Job) Policies(c Column) map[record.Code]string {
	all := make(map[record.Code]string, len(j.Settings.On)+len(c.On))
	for code, policy := range j.Settings.On {
		all[code] = policy
	}
	for code, policy := range c.On {
		all[code] = policy
	}
	return all
}

// Clone returns a copy whose streams, keys and columns can be changed; policies, parameters and options are shared.
func (j *Job) Clone() *Job {
	out := *j
	out.Streams = slices.Clone(j.Streams)
	for i := range out.Streams {
		out.Streams[i].Columns = slices.Clone(out.Streams[i].Columns)
		out.Streams[i].Key = slices.Clone(out.Streams[i].Key)
		out.Streams[i].Exclude = slices.Clone(out.Streams[i].Exclude)
	}
	return &out
}
