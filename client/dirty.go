package client

import (
	"context"
	"net/http"
)

// Choice says which dirty rows of a run. Those that a replay has taken are never among them.
type Choice struct {
	Stream string `json:"stream,omitempty" doc:"Only those of streams of this source, alias:source, or target."`
	Code   string `json:"code,omitempty" doc:"Only those of this code."`
	Column string `json:"column,omitempty" doc:"Only those whose column this is."`
	Mended bool   `json:"mended,omitempty" doc:"Only those that are mended."`
	Row    *RowID `json:"row,omitempty" doc:"This one row."`
}

// RowID names a dirty row of a run, as DirtyRow has it.
type RowID struct {
	Shard   string `json:"shard"`
	Seq     int64  `json:"seq"`
	Ordinal int64  `json:"ordinal"`
}

// Mend gives dirty rows other values.
type Mend struct {
	Choice
	Values map[string]*string `json:"values,omitempty" doc:"By column of the source, as text; null is NULL. Without any, earlier mends are taken back."`
}

// Mended is how many rows were mended.
type Mended struct {
	Rows int64 `json:"rows" doc:"Rows that have the values now."`
}

// Replay writes dirty rows again.
type Replay struct {
	Choice
	On       map[string]string `json:"on,omitempty" doc:"What to do with values that do not fit, by dirty code, beside what the run's plan says."`
	Priority int               `json:"priority,omitempty" doc:"The higher, the sooner." minimum:"-100" maximum:"100"`
	Why      string            `json:"why,omitempty" doc:"The reason, for history." maxLength:"1000"`
}

// Mend gives dirty rows of a run other values, beside which they stay as they were read.
func (c *Client) Mend(ctx context.Context, key string, m Mend) (out Mended, err error) {
	return out, c.send(ctx, call{method: http.MethodPost, path: c.in("runs", key, "mend"), body: m}, &out)
}

// Replay starts a run that writes dirty rows of another. once makes requests that are sent twice one replay; "": each is its own.
func (c *Client) Replay(ctx context.Context, key string, r Replay, once string) (run Run, err error) {
	return run, c.send(ctx, call{method: http.MethodPost, path: c.in("runs", key, "replay"), header: map[string]string{"Idempotency-Key": once}, body: r}, &run)
}
