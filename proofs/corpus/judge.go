package corpus

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	cells "github.com/towpath/towpath/connector/connectortest/corpus"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/proofs/corpus/rig"
	"github.com/towpath/towpath/proofs/corpus/system"
)

// judge holds what stands at the target, as its own client shows it, against what the cells say.
func (l *line) judge(ctx context.Context, lane Lane, of []*cells.Cell, t *trip) (Report, error) {
	report := Report{Lanes: map[Lane]int{}, Ways: map[string]int{}}
	looks := make([]system.Look, len(of))
	for i, c := range of {
		looks[i] = system.Look{Table: c.TableName(), Show: c.Show, Query: strings.ReplaceAll(c.Probe, "{t}", l.to.Texts.Name(c.TableName()))}
	}
	shown, err := l.to.Show(ctx, looks)
	if err != nil {
		return report, err
	}
	for i, c := range of {
		v := &verdict{Report: &report, cell: c, lane: lane, way: l.way, shown: &shown[i], trip: t, stream: strconv.Itoa(i + 1)}
		if t.plan != nil && i < len(t.plan.Streams) {
			v.plan = t.plan.Streams[i]
		}
		if lane == Resume || lane == Retry {
			if t.touched[v.stream] {
				report.Cuts++
			} else if lane == Retry || c.SourceScript == "" && int64(len(c.Rows)+1) > after(v.stream) {
				v.fail("its stream was not disturbed: the lane shows nothing of it")
			}
		}
		v.judge()
		report.Cells++
		report.Lanes[lane]++
		report.Ways[l.way.String()]++
	}
	return report, nil
}

// verdict is about one cell.
type verdict struct {
	*Report
	cell   *cells.Cell
	lane   Lane
	way    Way
	shown  *system.Shown
	trip   *trip
	stream string
	plan   *engine.StreamPlan // nil: it has not been asked for
}

func (v *verdict) fail(format string, args ...any) {
	v.Failures = append(v.Failures, Failure{v.cell.ID(), v.way.String(), v.lane, fmt.Sprintf(format, args...)})
}

func (v *verdict) judge() {
	v.end()
	if v.cell.Refuses() {
		v.refused()
		return
	}
	if v.trip.Run.PlanFormat == 0 {
		return // there is no plan: the end says why
	}
	known := map[string]bool{}
	for _, row := range v.cell.Rows {
		known[row.ID] = true
		v.row(row)
	}
	if hasDecoy(v.cell) {
		known[decoyID] = true
		v.decoy()
	}
	for _, line := range v.shown.Lines {
		if !known[line.ID] {
			v.fail("the target holds a row %q that shows %.300q", line.ID, line.Text)
		}
	}
	for _, d := range v.trip.Dirty[v.stream] {
		if !known[d.ID] && !v.wantsDirty(d.Code) {
			v.fail("row %q is dirty (%s, %s)", d.ID, d.Code, d.Reason)
		}
	}
	if v.shown.Trouble != "" {
		v.fail("its target cannot be shown: %s", v.shown.Trouble)
	}
	if want := v.cell.Stored; want != "" && v.shown.Stored != want {
		v.fail("the target declares %q, want %q", v.shown.Stored, want)
	}
	v.counts()
}

// end looks at how the run ended.
func (v *verdict) end() {
	state, code, _ := strings.Cut(v.cell.Ends, " ")
	switch {
	case v.cell.Refuses():
	case v.cell.Ends == "" && v.trip.Run.State != store.Succeeded:
		v.fail("%s", v.trip.Said())
	case v.cell.Ends != "" && (string(v.trip.Run.State) != state || code != "" && !slices.Contains(v.trip.Codes(), code)):
		v.fail("%s, want %s", v.trip.Said(), v.cell.Ends)
	}
}

// refused holds a plan that must refuse against its code; nothing may have come to the target.
func (v *verdict) refused() {
	v.Refused++
	for _, row := range v.cell.Rows {
		if code, _, _ := strings.Cut(row.Text, " "); !slices.Contains(v.trip.Codes(), code) {
			v.fail("%s, want a refusal with %s", v.trip.Said(), code)
		}
	}
	if n := len(v.shown.Lines); n > 0 {
		v.fail("the plan is refused, and the target holds %d rows: %v", n, v.shown.Lines)
	}
}

func (v *verdict) row(row cells.Row) {
	v.Rows++
	text, found := v.shown.Line(row.ID)
	dirty := v.kept(row.ID)
	if row.Outcome == cells.Dirty {
		v.Dirty++
		switch {
		case found > 0:
			v.fail("row %s is to be dirty (%s), and the target shows %.300q", row.ID, row.Text, text)
		case v.cell.SourceScript != "" && v.wantsDirty(row.Text): // of a script's rows ids may not be known
		case len(dirty) != 1 || dirty[0].Code != row.Text:
			v.fail("row %s is to be dirty (%s), kept are %v", row.ID, row.Text, dirty)
		case v.cell.SourceScript == "" && !whole(dirty[0].Row, v.cell.Source):
			v.fail("row %s is not kept whole: %.500s", row.ID, dirty[0].Row)
		}
		return
	}
	if row.Outcome == cells.Loss {
		v.Losses++
		if (v.lane == Copy || v.lane == Single) && !v.namesLoss() {
			v.fail("row %s loses something that the plan does not name: %+v", row.ID, v.plan)
		}
	} else {
		v.Exact++
	}
	switch {
	case found != 1:
		v.fail("row %s is there %d times, want once with %.300q; kept are %v", row.ID, found, row.Text, dirty)
	case text != row.Text:
		v.fail("row %s shows %.600q, want %.600q", row.ID, text, row.Text)
	case len(dirty) > 0:
		v.fail("row %s is there, and kept as dirty: %v", row.ID, dirty)
	}
}

// decoy looks at the row that stands beside the cell's: written as any other, or refused because the target has its key.
func (v *verdict) decoy() {
	text, found := v.shown.Line(decoyID)
	dirty := v.kept(decoyID)
	if found != 1 {
		v.fail("the row beside, %s, is there %d times; kept are %v", decoyID, found, dirty)
	}
	if v.lane == Single {
		if len(dirty) != 1 || dirty[0].Code != "CONSTRAINT" {
			v.fail("the row beside is to be refused, kept are %v: the lane shows nothing", dirty)
		}
		return
	}
	if len(dirty) > 0 {
		v.fail("the row beside is dirty: %v", dirty)
	}
	if v.cell.Decoy == "" && v.cell.Show == "" && found == 1 && text != "NULL" {
		v.fail("the row beside shows %.300q, want NULL", text)
	}
}

// kept are the dirty rows of an id.
func (v *verdict) kept(id string) []rig.DirtyRow {
	var list []rig.DirtyRow
	for _, d := range v.trip.Dirty[v.stream] {
		if d.ID == id {
			list = append(list, d)
		}
	}
	return list
}

// wantsDirty reports whether the cell has rows that become dirty with the code.
func (v *verdict) wantsDirty(code string) bool {
	return slices.ContainsFunc(v.cell.Rows, func(r cells.Row) bool { return r.Outcome == cells.Dirty && r.Text == code }) &&
		slices.ContainsFunc(v.trip.Dirty[v.stream], func(d rig.DirtyRow) bool { return d.Code == code })
}

// namesLoss reports whether the plan says of a column that it loses something, or has the job's policy for it.
func (v *verdict) namesLoss() bool {
	if v.plan == nil {
		return false
	}
	return len(v.plan.Target.Losses) > 0 || slices.ContainsFunc(v.plan.Columns, func(c engine.ColumnPlan) bool { return c.Loss != "" || len(c.Policies) > 0 })
}

// counts holds what the run counted against the cell.
func (v *verdict) counts() {
	c := v.trip.Total[v.stream]
	if !c.Balanced() || c.Dirty != int64(len(v.trip.Dirty[v.stream])) {
		v.fail("its counts are %+v, with %d rows kept", c, len(v.trip.Dirty[v.stream]))
	}
	if v.cell.SourceScript != "" {
		return
	}
	want := int64(len(v.cell.Rows))
	if hasDecoy(v.cell) {
		want++
	}
	if c.Read != want && v.cell.Ends == "" {
		v.fail("%d rows are read, want %d", c.Read, want)
	}
}

// whole reports whether a kept row has all columns.
func whole(row json.RawMessage, columns []string) bool {
	var members map[string]json.RawMessage
	return json.Unmarshal(row, &members) == nil && len(members) == len(columns)+1
}
