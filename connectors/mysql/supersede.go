package mysql

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connectors/internal/sqltarget"
	"github.com/towpath/towpath/record"
)

// superseded finds rows of a group that a later one of the same key replaced, as the server compares keys: what its collations do
// to texts, it is asked.
type superseded struct {
	stored  *record.Schema
	layout  *sqltarget.Layout
	keys    *sqltarget.Keys
	weights []map[string][]byte // of each key column whose texts the server has to weigh; nil for others
}

// mostWeighed is how many texts one query weighs.
const mostWeighed = 500

func newSuperseded(stored *record.Schema, l *sqltarget.Layout) *superseded {
	s := &superseded{stored: stored, layout: l, weights: make([]map[string][]byte, len(l.Key))}
	for i, fold := range l.Folds {
		if fold != "" && !strings.HasSuffix(fold, "_bin") {
			s.weights[i] = map[string][]byte{}
		}
	}
	s.keys = sqltarget.NewKeys(stored, l.Key, s.fold)
	return s
}

func (s *superseded) find(ctx context.Context, c *session, group []*record.Batch, rejected []connector.Rejected) ([]connector.RowRef, error) {
	for place := range s.weights {
		if s.weights[place] != nil {
			if err := s.weigh(ctx, c, place, group); err != nil {
				return nil, err
			}
		}
	}
	return s.keys.Superseded(group, rejected), nil
}

// fold turns a text of a key column into what is the same for all texts that the server takes for equal.
func (s *superseded) fold(place int, text []byte) []byte {
	fold := s.layout.Folds[place]
	if fold == "" {
		return text
	}
	if !unpadded(fold) {
		text = bytes.TrimRight(text, " ")
	}
	if s.weights[place] == nil {
		return text
	}
	return append(text[:0], s.weights[place][string(text)]...)
}

// weigh asks the server for the weights of a key column's texts, by which it compares them.
func (s *superseded) weigh(ctx context.Context, c *session, place int, group []*record.Batch) error {
	weights, collation := s.weights[place], s.layout.Folds[place]
	clear(weights)
	var texts []string
	for _, b := range group {
		v := b.Cols[s.layout.Key[place]]
		for row := range b.Len {
			text := v.Bytes(row)
			if !unpadded(collation) {
				text = bytes.TrimRight(text, " ")
			}
			if _, ok := weights[string(text)]; !ok {
				weights[string(text)] = nil
				texts = append(texts, string(text))
			}
		}
	}
	one := fmt.Sprintf("WEIGHT_STRING(CONVERT(? USING %s) COLLATE %s)", s.stored.Fields[s.layout.Key[place]].Charset, collation)
	for len(texts) > 0 {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n := min(len(texts), mostWeighed)
		params := make([]param, n)
		for i, t := range texts[:n] {
			params[i] = textParam(t)
		}
		rows, err := c.query("SELECT "+strings.TrimSuffix(strings.Repeat(one+", ", n), ", "), params...)
		if err != nil || len(rows) != 1 || len(rows[0]) != n {
			return classify(err, "compare keys")
		}
		for i, t := range texts[:n] {
			weights[t] = []byte(rows[0][i].text)
		}
		texts = texts[n:]
	}
	return nil
}
