package draw

import (
	"context"
	"fmt"
	"slices"

	"github.com/towpath/towpath/proofs/corpus/system"
)

// cell is a value as a client shows it.
type cell struct {
	shape
	value string
	null  bool
}

// side is a table as a client shows it.
type side struct {
	stored  []string          // declared types, by column
	rows    map[string][]cell // by id
	doubled []string          // ids that are there more than once
	trouble string
}

// look shows the tables of draws at a place. Columns are named alike at both sides.
func look(ctx context.Context, p *system.Place, draws []*Draw) ([]side, error) {
	var looks []system.Look
	for _, d := range draws {
		for _, c := range d.Columns {
			looks = append(looks, system.Look{Table: d.Table(), Column: c.Name, Show: c.Name})
		}
	}
	seen, err := p.Show(ctx, looks)
	if err != nil {
		return nil, err
	}
	if p.Connector != "elasticsearch" { // it depends on the declared type how all of a value is shown
		types := seen
		for i := range looks {
			looks[i].Show = expression(p.Connector, types[i].Stored, looks[i].Column)
		}
		if seen, err = p.Show(ctx, looks); err != nil {
			return nil, err
		}
	}
	sides, at := make([]side, len(draws)), 0
	for i, d := range draws {
		s := &sides[i]
		s.rows = map[string][]cell{}
		for n := range d.Columns {
			if err := s.add(p.Connector, &d.Columns[n], n, len(d.Columns), &seen[at]); err != nil {
				return nil, fmt.Errorf("%s: %w", d, err)
			}
			at++
		}
	}
	return sides, nil
}

// add takes in what is shown of column n of width.
func (s *side) add(connector string, c *Column, n, width int, seen *system.Shown) error {
	s.stored = append(s.stored, seen.Stored)
	s.trouble += seen.Trouble
	met := map[string]bool{}
	for _, line := range seen.Lines {
		if met[line.ID] && !slices.Contains(s.doubled, line.ID) {
			s.doubled = append(s.doubled, line.ID)
		}
		met[line.ID] = true
		if s.rows[line.ID] == nil {
			s.rows[line.ID] = make([]cell, width)
		}
		x := &s.rows[line.ID][n]
		shape, value, present, err := shown(connector, seen.Stored, c, line.Text)
		if err != nil {
			return fmt.Errorf("column %s of row %s: %w", c.Name, line.ID, err)
		}
		*x = cell{shape, value, !present}
	}
	return nil
}
