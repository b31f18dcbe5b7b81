package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/job"
	"github.com/towpath/towpath/record"
)

// structure puts into want what the source's dataset has beside columns and key, in names of the target. What refers to something that
// is not copied is left out, with a note where the job asks for it.
func (m *maker) structure(s *StreamPlan, i int, want *record.Schema) {
	js := &m.streams[i].Stream
	for _, x := range s.Schema.Indexes {
		out, missing := m.index(x, i)
		switch {
		case missing == "":
			want.Indexes = append(want.Indexes, out)
		case s.Sink.Create.Indexes:
			s.Notes = append(s.Notes, fmt.Sprintf("index %s is left out: column %s is not copied", x.Name, missing))
		}
	}
	for _, r := range s.Schema.References {
		out, why := m.reference(r, i)
		switch {
		case why == "":
			want.References = append(want.References, out)
		case s.Sink.Create.References:
			s.Notes = append(s.Notes, fmt.Sprintf("foreign key %s to %s is left out: %s", r.Name, r.Dataset, why))
		}
	}
	if js.SourceColumn == "" && len(m.of[i].streams) > 1 && s.Sink.Create.Indexes && slices.ContainsFunc(want.Indexes, func(x record.Index) bool { return x.Unique }) {
		s.Notes = append(s.Notes, "unique indexes are made without being unique: rows of several datasets meet here")
		for n := range want.Indexes {
			want.Indexes[n].Unique = false
		}
	}
}

// index returns an index in names of the target, or the column that is not copied. Where rows say which dataset they are from, they are
// unique together with that.
func (m *maker) index(x record.Index, i int) (out record.Index, missing string) {
	js := &m.streams[i].Stream
	out = x
	out.Columns = nil
	if x.Unique && js.SourceColumn != "" {
		out.Columns = append(out.Columns, record.IndexColumn{Name: js.SourceColumn})
	}
	for _, c := range x.Columns {
		to, copied := columnOf(js, c.Name)
		if !copied {
			return out, c.Name
		}
		out.Columns = append(out.Columns, record.IndexColumn{Name: to, Descending: c.Descending})
	}
	return out, ""
}

// reference returns a foreign key in names of the targets, or why there is none.
func (m *maker) reference(r record.Reference, i int) (out record.Reference, why string) {
	js := &m.streams[i].Stream
	to, known := m.sources[source{js.Connection, m.Sources[js.Connection].Canonical(r.Dataset)}]
	switch {
	case !known:
		return out, "that is not copied by this run"
	case to == nil:
		return out, "that is copied to several targets"
	case len(to.streams) > 1 || len(m.of[i].streams) > 1:
		return out, "rows of several datasets meet in one target"
	}
	parent := &m.streams[to.streams[0]].Stream
	if parent.SourceColumn != "" || js.SourceColumn != "" {
		return out, "the key there begins with the name of the source"
	}
	out = record.Reference{Name: r.Name, Dataset: to.dataset, OnDelete: r.OnDelete, OnUpdate: r.OnUpdate}
	for n := range r.Columns {
		column, copied := columnOf(js, r.Columns[n])
		if !copied {
			return out, "column " + r.Columns[n] + " is not copied"
		}
		foreign, copied := columnOf(parent, r.Foreign[n])
		if !copied {
			return out, "column " + r.Foreign[n] + " of " + r.Dataset + " is not copied"
		}
		out.Columns, out.Foreign = append(out.Columns, column), append(out.Foreign, foreign)
	}
	return out, ""
}

// columnOf returns the target column that a source column is copied to; false: it is not.
func columnOf(js *job.Stream, name string) (to string, copied bool) {
	if len(js.Columns) == 0 {
		return name, true
	}
	for _, c := range js.Columns {
		if c.From == name {
			if c.To != "" {
				return c.To, true
			}
			return name, true
		}
	}
	return "", false
}

// refer notes which targets of the run must be loaded before that of a planned stream: those that foreign keys of an existing table
// refer to. A table that the run makes gets its foreign keys when all are published, and needs no order.
func (m *maker) refer(s *StreamPlan, i int, want *record.Schema) {
	made := !s.Target.Exists || s.Sink.Mode == connector.Replace
	g := m.of[i]
	if made && s.Sink.Create.References && len(want.References) > 0 && i == g.streams[0] {
		m.mu.Lock()
		m.plan.Links = append(m.plan.Links, s.ID)
		m.mu.Unlock()
	}
	if made {
		return
	}
	for _, r := range slices.Concat(want.References, s.Target.Stored.References) {
		parent := m.targets[m.Target.Canonical(r.Dataset)]
		if parent == nil || parent == g {
			continue
		}
		m.mu.Lock()
		g.parents[parent] = true
		m.mu.Unlock()
		if !slices.Contains(s.After, parent.dataset) {
			s.After = append(s.After, parent.dataset)
		}
	}
}

// order puts targets into stages, so that rows are there before others refer to them. Targets that refer to one another in a circle
// share a stage.
func (m *maker) order() {
	circles, stages := arrange(m.groups)
	for _, circle := range circles {
		names := make([]string, len(circle))
		for n, g := range circle {
			names[n] = g.dataset
		}
		slices.Sort(names)
		m.plan.Notes = append(m.plan.Notes, fmt.Sprintf("%s refer to one another: they are loaded side by side, and rows that come before those they refer to may be refused",
			strings.Join(names, " and ")))
	}
	// Shards may have stages of their own: those of a later target begin behind them.
	deepest := map[int]int{}
	for _, g := range m.groups {
		deepest[stages[g]] = max(deepest[stages[g]], g.inner)
	}
	begin := map[int]int{}
	for stage := 1; stage < len(deepest); stage++ {
		begin[stage] = begin[stage-1] + deepest[stage-1] + 1
	}
	slices.Sort(m.plan.Links)
	m.plan.stages, m.plan.Parents = map[string]int{}, nil
	for _, g := range m.groups {
		lead := id(g.streams[0])
		if n := begin[stages[g]]; n > 0 {
			m.plan.stages[lead] = n
		}
		for parent := range g.parents {
			if m.plan.Parents == nil {
				m.plan.Parents = map[string][]string{}
			}
			m.plan.Parents[lead] = append(m.plan.Parents[lead], id(parent.streams[0]))
		}
		slices.Sort(m.plan.Parents[lead])
	}
}

// arrange finds the circles among groups (of two and more) and the stage of each group: one above the highest of its parents, those of
// its own circle left out. It is Tarjan's algorithm, without recursion: chains of references may be long.
func arrange(groups []*group) (circles [][]*group, stages map[*group]int) {
	type visit struct {
		g       *group
		parents []*group
	}
	index, low, onStack := map[*group]int{}, map[*group]int{}, map[*group]bool{}
	stages = map[*group]int{}
	var stack []*group
	var path []visit
	enter := func(g *group) {
		index[g], low[g], onStack[g] = len(index)+1, len(index)+1, true
		stack = append(stack, g)
		path = append(path, visit{g, g.sortedParents()})
	}
	for _, root := range groups {
		if index[root] > 0 {
			continue
		}
		for enter(root); len(path) > 0; {
			v := &path[len(path)-1]
			if len(v.parents) > 0 {
				parent := v.parents[0]
				v.parents = v.parents[1:]
				if index[parent] == 0 {
					enter(parent)
				} else if onStack[parent] {
					low[v.g] = min(low[v.g], index[parent])
				}
				continue
			}
			g := v.g
			path = path[:len(path)-1]
			if len(path) > 0 {
				below := path[len(path)-1].g
				low[below] = min(low[below], low[g])
			}
			if low[g] != index[g] {
				continue
			}
			at := slices.Index(stack, g)
			circle := slices.Clone(stack[at:])
			stack = stack[:at]
			for _, member := range circle {
				onStack[member] = false
			}
			settle(circle, stages)
			if len(circle) > 1 {
				circles = append(circles, circle)
			}
		}
	}
	return circles, stages
}

// settle gives the members of a circle, or a single group, their stage; those of their parents are known.
func settle(circle []*group, stages map[*group]int) {
	stage := 0
	for _, g := range circle {
		for parent := range g.parents {
			if !slices.Contains(circle, parent) {
				stage = max(stage, stages[parent]+1)
			}
		}
	}
	for _, g := range circle {
		stages[g] = stage
	}
}

// sortedParents returns the parents in the order of the job.
func (g *group) sortedParents() []*group {
	parents := make([]*group, 0, len(g.parents))
	for parent := range g.parents {
		parents = append(parents, parent)
	}
	slices.SortFunc(parents, func(a, b *group) int { return a.streams[0] - b.streams[0] })
	return parents
}
