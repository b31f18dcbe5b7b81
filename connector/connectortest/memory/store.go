package memory

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/record"
)

// Store holds the datasets, and what runs left at them. It is safe for concurrent use; all its clients share it.
type Store struct {
	options Options

	mu        sync.Mutex
	tables    map[string]*table
	runs      map[runKey]*run
	snapshots map[string]map[string]*table // tables by token, then by name
	taken     int                          // snapshots so far
	faults    []*armed
	calls     map[Op]int
}

// Folding is the collation of a column that takes letters of both cases for equal.
const Folding = "folding"

// table is one dataset. Rows whose key has a NULL stand in no order.
type table struct {
	schema *record.Schema
	key    []int
	rows   []connectortest.Row
	stamps []int64        // of the lease that wrote each row
	index  map[string]int // of rows by their key; NULL keys have no place in it
	sorted []int          // rows with a key, in its order; nil: to be made
}

// runKey names a run at a dataset.
type runKey struct{ dataset, run string }

func (k runKey) staging() string { return k.dataset + "__tw_" + k.run }

// run is what the target remembers of a run: that it is there is the run's marker.
type run struct {
	shards    map[string]*shardState
	published bool
}

type shardState struct {
	epoch  int64
	record []byte // the checkpoint's codec
}

// Make creates or replaces a dataset. A cell whose text its column's type does not hold is read as a mark.
func (s *Store) Make(dataset string, schema *record.Schema, rows ...connectortest.Row) {
	t := newTable(schema)
	for _, r := range rows {
		t.put(slices.Clone(r), 0)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tables[dataset] = t
}

// Put adds rows to a dataset that exists; those of a known key replace theirs.
func (s *Store) Put(dataset string, rows ...connectortest.Row) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range rows {
		s.tables[dataset].put(slices.Clone(r), 0)
	}
}

// Remove removes a dataset, if it is there.
func (s *Store) Remove(dataset string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tables, dataset)
}

// Forget removes the markers and checkpoints of all runs, as a target has lost them that was restored from a backup.
func (s *Store) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.runs)
}

// Rows returns the rows of a dataset in the order of their writing; nil when there is no such dataset.
func (s *Store) Rows(dataset string) []connectortest.Row {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.tables[dataset]
	if !ok {
		return nil
	}
	rows := make([]connectortest.Row, len(t.rows))
	for i, r := range t.rows {
		rows[i] = slices.Clone(r)
	}
	return rows
}

// Schema returns the schema of a dataset, with all that was made on it; nil when there is no such dataset.
func (s *Store) Schema(dataset string) *record.Schema {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.tables[dataset]
	if !ok {
		return nil
	}
	schema := *t.schema
	return &schema
}

// EndSnapshots ends all snapshots, as the end of their sessions does.
func (s *Store) EndSnapshots() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.snapshots)
}

// Snapshots returns how many snapshots are held.
func (s *Store) Snapshots() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.snapshots)
}

// Names returns the names of the datasets, staging ones included, in their order.
func (s *Store) Names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.tables))
}

// Checkpoints returns what the target remembers of a run, by shard.
func (s *Store) Checkpoints(dataset, runName string) map[string]connector.Checkpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[string]connector.Checkpoint{}
	if r := s.runs[runKey{dataset, runName}]; r != nil {
		for id, st := range r.shards {
			if c, err := connector.ParseCheckpoint(st.record); err == nil {
				found[id] = c
			}
		}
	}
	return found
}

func (s *Store) table(dataset string) (*table, error) {
	t, ok := s.tables[dataset]
	if !ok {
		return nil, connector.Errorf(connector.Missing, "", "open dataset %s: it does not exist", dataset)
	}
	return t, nil
}

func newTable(schema *record.Schema) *table {
	return &table{schema: schema, key: schema.Key(), index: map[string]int{}}
}

// keyOf returns a row's key in one text; false when the row has none.
func (t *table) keyOf(row connectortest.Row) (string, bool) {
	cells := make([]connectortest.Cell, len(t.key))
	for i, k := range t.key {
		cells[i] = row[k]
	}
	return t.keyText(cells)
}

// keyText returns the cells of a key in one text in which equal keys are alike.
func (t *table) keyText(cells []connectortest.Cell) (string, bool) {
	var b strings.Builder
	for i, c := range cells {
		if c.Null {
			return "", false
		}
		b.WriteString(strconv.Quote(t.folded(i, c.Text)))
	}
	return b.String(), len(cells) > 0
}

// folded returns a text of key column i as the column's collation compares it.
func (t *table) folded(i int, text string) string {
	if t.schema.Fields[t.key[i]].Collation == Folding {
		return strings.ToLower(text)
	}
	return text
}

// put adds a row, or replaces the row of its key unless a later lease wrote that.
func (t *table) put(row connectortest.Row, stamp int64) {
	key, ok := t.keyOf(row)
	at, known := t.index[key]
	switch {
	case ok && known && t.stamps[at] <= stamp:
		t.rows[at], t.stamps[at] = row, stamp
		return
	case ok && known:
		return
	case ok:
		t.index[key] = len(t.rows)
	}
	t.rows, t.stamps, t.sorted = append(t.rows, row), append(t.stamps, stamp), nil
}

func (t *table) order() []int {
	if t.sorted != nil {
		return t.sorted
	}
	t.sorted = make([]int, 0, len(t.index))
	for _, at := range t.index {
		t.sorted = append(t.sorted, at)
	}
	slices.SortFunc(t.sorted, func(a, b int) int { return t.compare(t.rows[a], t.keyCells(t.rows[b])) })
	return t.sorted
}

func (t *table) keyCells(row connectortest.Row) []string {
	cells := make([]string, len(t.key))
	for i, k := range t.key {
		cells[i] = row[k].Text
	}
	return cells
}

// compare orders a row against a key: whole numbers by value, all else by bytes.
func (t *table) compare(row connectortest.Row, key []string) int {
	for i, k := range t.key {
		a, b := t.folded(i, row[k].Text), t.folded(i, key[i])
		c := strings.Compare(a, b)
		if t.schema.Fields[k].Type.Kind == record.Int {
			x, xErr := strconv.ParseInt(a, 10, 64)
			y, yErr := strconv.ParseInt(b, 10, 64)
			if xErr == nil && yErr == nil {
				c = cmp.Compare(x, y)
			}
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

// behind returns the place in order of the first row behind a key; 0 for no key.
func (t *table) behind(key []string) int {
	if key == nil {
		return 0
	}
	order := t.order()
	at, _ := slices.BinarySearchFunc(order, key, func(row int, key []string) int {
		if t.compare(t.rows[row], key) <= 0 {
			return -1
		}
		return 1
	})
	return at
}
