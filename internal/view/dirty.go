package view

import (
	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/record"
)

// Choice is a choice of dirty rows as the store knows it; streams are the IDs of those that its stream names.
func Choice(c client.Choice, streams []string) store.Choice {
	out := store.Choice{Streams: streams, Code: record.Code(c.Code), Column: c.Column, Mended: c.Mended}
	if c.Row != nil {
		out.Row = store.DirtyCursor{Shard: c.Row.Shard, Seq: c.Row.Seq, Ordinal: c.Row.Ordinal}
	}
	return out
}

// Replaying is what a replay does with the rows that were chosen.
func Replaying(chosen store.Choice, r client.Replay) control.Replaying {
	out := control.Replaying{Choice: chosen, On: record.Policies{}}
	for code, policy := range r.On {
		out.On[record.Code(code)] = policy
	}
	return out
}
