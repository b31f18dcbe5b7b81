package elasticsearch

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/towpath/towpath/connector"
)

// noteHoles remembers the places of the group's rejected rows until the commit: an earlier attempt may have left a row there.
func (s *shardWriter) noteHoles() {
	if s.prefix == nil {
		return
	}
	for _, r := range s.out.Rejected {
		s.holes = append(s.holes, s.state.Next+int64(s.first[r.Batch]+r.Row))
	}
}

// fillHoles removes what an earlier attempt left at the places of rejected rows.
func (s *shardWriter) fillHoles(ctx context.Context) error {
	for places := range slices.Chunk(s.holes, maxGroupRows) {
		if _, err := s.empty(ctx, places); err != nil {
			return err
		}
	}
	s.holes = s.holes[:0]
	return nil
}

// purge removes what a longer earlier attempt left behind the shard's last row. Attempts write groups in order, so behind a
// stretch of a group's length without a document there is none.
func (s *shardWriter) purge(ctx context.Context) error {
	places := make([]int64, maxGroupRows)
	for from := s.state.Next; ; from += maxGroupRows {
		for i := range places {
			places[i] = from + int64(i)
		}
		if found, err := s.empty(ctx, places); err != nil || found == 0 {
			return err
		}
	}
}

// empty removes the documents at places of the shard and returns how many there were.
func (s *shardWriter) empty(ctx context.Context, places []int64) (int, error) {
	wanted := make([]string, len(places))
	for i, place := range places {
		wanted[i] = string(strconv.AppendInt(slices.Clone(s.prefix), place, 10))
	}
	var answer struct {
		Docs []struct {
			ID    string `json:"_id"`
			Found bool
			Error *fault
		}
	}
	path := "/" + escapeName(s.w.plan.Index) + "/_mget?_source=false&filter_path=docs._id,docs.found,docs.error"
	if err := s.w.client.do(ctx, http.MethodPost, path, map[string]any{"ids": wanted}, &answer); err != nil {
		return 0, err
	}
	if len(answer.Docs) != len(wanted) {
		return 0, s.miscounted(len(answer.Docs), len(wanted))
	}
	var v view
	for _, d := range answer.Docs {
		if d.Error != nil {
			return 0, s.unread(d.Error)
		}
		if !d.Found {
			continue
		}
		v.buf = append(append(append(v.buf, `{"delete":{"_id":`...), appendQuoted(nil, d.ID)...), s.closer...)
		v.rows, v.ends = append(v.rows, 0), append(v.ends, int32(len(v.buf)))
	}
	if len(v.rows) == 0 {
		return 0, nil
	}
	s.failures = s.failures[:0]
	if err := s.deliver(ctx, v); err != nil {
		return 0, err
	}
	if len(s.failures) > 0 {
		return 0, connector.Errorf(connector.Other, "TOW-516", "remove rows of an earlier attempt: %s", s.failures[0].reason)
	}
	return len(v.rows), nil
}
