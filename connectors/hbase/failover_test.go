package hbase_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/connectors/hbase"
	"github.com/towpath/towpath/record"
	"github.com/towpath/towpath/tools/testservers/hbasetool"
	"github.com/towpath/towpath/tools/testservers/servers"
)

// writing is a write that goes on beside the test: rows with the numbers from 0 on, a group behind the other, each spread over all regions.
type writing struct {
	t      *testing.T
	table  string
	writer connector.Writer
	plan   *connector.Target
	groups atomic.Int64  // that are written
	moved  chan struct{} // has an element when groups has grown
	enough chan struct{}
	ended  chan struct{}

	// Once ended.
	errs int   // that asked for another attempt
	err  error // that did not
}

const (
	groupRows  = 500
	groupPause = 50 * time.Millisecond // so that the servers have time for what else is asked of them
	buckets    = 4                     // and regions
)

// begin makes a table of as many regions as there are buckets and starts writing to it. Writing waits for answers less long than a server is away, so
// that more than the library's own repeating is tried.
func begin(t *testing.T, s servers.Server, table string) *writing {
	t.Helper()
	w := &writing{t: t, table: table, moved: make(chan struct{}, 1), enough: make(chan struct{}), ended: make(chan struct{})}
	long := record.Type{Kind: record.Int, Bits: 64}
	schema := &record.Schema{Fields: []record.Field{{Name: "id", Type: long, Key: 1}, {Name: "n", Type: long}, {Name: "note", Type: record.Type{Kind: record.Text}, Nullable: true}}}
	for _, seconds := range []int{60, 3} {
		client := openWith(t, s, map[string]any{"answer_seconds": seconds})
		var err error
		if w.writer, err = hbase.Connector().Write(t.Context(), client, connector.Sink{Dataset: table, Mode: connector.Upsert, Run: "abcde", Options: options(map[string]any{"salt_buckets": buckets})}); err != nil {
			t.Fatal(err)
		}
		fresh := w.plan == nil
		if fresh {
			if w.plan, err = w.writer.Plan(t.Context(), schema); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.writer.Prepare(t.Context(), w.plan, fresh, nil); err != nil {
			t.Fatal(err)
		}
	}
	go func() {
		defer close(w.ended)
		w.run()
	}()
	t.Cleanup(func() { <-w.ended }) // the test's context ends it
	return w
}

// run writes until there is enough. As a run does it writes a group again, under a new lease, behind each error that asks for it.
func (w *writing) run() {
	pace := time.NewTicker(groupPause)
	defer pace.Stop()
	for epoch := int64(1); ; epoch++ {
		lease := connector.Lease{Run: "abcde", Epoch: epoch, Stamp: time.Now().UnixMilli()}
		s, _, err := w.writer.Take(w.t.Context(), connector.Shard{ID: "s"}, lease, connector.Checkpoint{})
		for err == nil {
			select {
			case <-w.enough:
				return
			case <-pace.C:
			}
			err = w.group(s)
		}
		if class := connector.ClassOf(err); class != connector.Retry && class != connector.Busy {
			w.err = err
			return
		}
		w.errs++
	}
}

// group writes the next group.
func (w *writing) group(s connector.ShardWriter) error {
	b := record.NewBatch(w.plan.Stored)
	from := w.groups.Load() * groupRows
	for id := from; id < from+groupRows; id++ {
		connectortest.Append(b, cells(fmt.Sprint(id), fmt.Sprint(id*31), note(id)))
	}
	out, err := s.Write(w.t.Context(), []*record.Batch{b})
	if err == nil && len(out.Rejected)+len(out.Superseded) > 0 {
		err = fmt.Errorf("rows behind %d: %+v", from, out)
	}
	if err == nil {
		_, err = s.Commit(w.t.Context(), connector.Checkpoint{})
	}
	if err != nil {
		return err
	}
	w.groups.Add(1)
	select {
	case w.moved <- struct{}{}:
	default:
	}
	return nil
}

// note is a text, or NULL in every third row.
func note(id int64) string {
	if id%3 == 0 {
		return "NULL"
	}
	return fmt.Sprintf("note %d", id)
}

// more returns once so many more groups are written.
func (w *writing) more(groups int64) {
	w.t.Helper()
	late := time.After(2 * time.Minute)
	for want := w.groups.Load() + groups; w.groups.Load() < want; {
		select {
		case <-w.moved:
		case <-w.ended:
			w.t.Fatalf("the write ended behind %d groups: %v", w.groups.Load(), w.err)
		case <-late:
			w.t.Fatalf("the write stands behind %d groups", w.groups.Load())
		}
	}
}

// check ends the write, and fails unless the table holds each row that was written once and as it was, and nothing beside them.
func (w *writing) check(tool *hbasetool.Tool) {
	w.t.Helper()
	close(w.enough)
	<-w.ended
	if w.err != nil {
		w.t.Fatalf("the write ended behind %d groups: %v", w.groups.Load(), w.err)
	}
	got := map[int64]string{}
	last := ""
	var wrong []string
	for _, c := range tool.Scan(w.table) {
		if len(c.Row) != 9 || c.Row[0] >= buckets {
			w.t.Fatalf("%s has a row %q", w.table, c.Row)
		}
		id := int64(binary.BigEndian.Uint64([]byte(c.Row[1:])))
		if _, there := got[id]; there && c.Row != last {
			wrong = append(wrong, fmt.Sprintf("row %d is there twice", id))
		}
		last = c.Row
		got[id] += fmt.Sprintf("%s:%s=%q ", c.Family, c.Qualifier, c.Value)
	}
	rows := w.groups.Load() * groupRows
	for id := range rows {
		want := fmt.Sprintf("f:n=%q ", binary.BigEndian.AppendUint64(nil, uint64(id*31)))
		if text := note(id); text != "NULL" {
			want += fmt.Sprintf("f:note=%q ", text)
		}
		if got[id] != want {
			wrong = append(wrong, fmt.Sprintf("row %d is %s, want %s", id, got[id], want))
		}
		delete(got, id)
	}
	for id, row := range got {
		wrong = append(wrong, fmt.Sprintf("row %d is there as %s, and was not written", id, row))
	}
	if len(wrong) > 0 {
		w.t.Errorf("%d of %d rows are wrong: %s", len(wrong), rows, strings.Join(wrong[:min(len(wrong), 10)], "; "))
	}
	w.t.Logf("%d rows written, %d errors", rows, w.errs)
}

// TestServerIsKilled: a server that is killed and started again while a table is scanned and another is written gives every row, once, and has every row
// that was written, as it was.
func TestServerIsKilled(t *testing.T) {
	i := servers.Private(t, "hbase")
	tool := hbasetool.Start(t, i.Server)
	fill(tool, "killed", 5000, "k002500")
	want := printed(tool, "killed")
	client := open(t, i.Server)
	w := begin(t, i.Server, "written")
	w.more(2)
	r, s := newReader(t, client, "killed", numbers(nil))
	got, errs := readAll(t, r, s, connector.Shard{}, func(chunk int) {
		if chunk == 3 {
			i.Kill(t)
			i.Start(t)
		}
	})
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%d rows of %d: %s", len(got), len(want), d)
	}
	t.Logf("%d rows read, %d errors", len(got), errs)
	w.more(10)
	w.check(tool)
}

// TestRegionServers: regions that move between two region servers, and then one of the servers is killed, so that the other takes its regions over with what
// their log says. The scan stands in the middle of a region as that moves, either way, and as its server dies. Each batch that is written goes to both
// servers, and comes upon regions that are not served there any more, or nowhere for a while: those of its rows that are refused are sent again.
func TestRegionServers(t *testing.T) {
	first := servers.Private(t, "hbase")
	second := first.RegionServer(t)
	tool := hbasetool.Start(t, first.Server)
	at := [2]string{tool.Hosts("hbase:meta")[0], second.Addr()}
	spread := func(table string) { // to both by turns
		hosts := tool.Hosts(table)
		for i, r := range tool.Regions(table) {
			if hosts[i] != at[i%2] {
				tool.Move(table, r.Start, at[i%2])
			}
		}
	}
	fill(tool, "scanned", 3000, "k000500", "k001000", "k001500", "k002000", "k002500")
	spread("scanned")
	want := printed(tool, "scanned")
	client := open(t, first.Server)
	w := begin(t, first.Server, "written")
	w.more(2)
	spread("written")
	r, s := newReader(t, client, "scanned", numbers(nil))
	got, errs := readAll(t, r, s, connector.Shard{}, func(chunk int) { // of 250 rows
		switch chunk {
		case 3:
			tool.Move("scanned", "k000750", at[0])
		case 5:
			tool.Move("scanned", "k001250", at[1])
		case 7:
			w.more(2)
			second.Kill(t)
		}
	})
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%d rows of %d: %s", len(got), len(want), d)
	}
	t.Logf("%d rows read, %d errors", len(got), errs)
	w.more(10)
	w.check(tool)
}

// TestRegionsTooBusy: a region that takes nothing until what it has in memory is in files gets the rest of its rows later, the other of the batch at once.
func TestRegionsTooBusy(t *testing.T) {
	c := newCluster(t)
	table := c.name(t)
	c.tool.Create(table, []string{"f", "g"}, "m")
	c.tool.Memory(table, 1<<20)
	long := strings.Repeat("x", 2000)
	var rows []connectortest.Row
	var want []string
	for i := range 10_000 { // 8 MB are sent at a time, of which three quarters go to a region that is too busy with 4 MB
		place := fmt.Sprintf("%c%05d", "aaaz"[i%4], i)
		rows = append(rows, cells(place, "2024-05-06", "NULL", long+place))
		want = append(want, fmt.Sprintf("%q g:note %q", place+"\x002024-05-06", long+place))
	}
	slices.Sort(want)
	_, out := write(t, open(t, c.server), table, visits(rows...), nil, 1000)
	if len(out.Rejected)+len(out.Superseded) > 0 {
		t.Errorf("%d rejected, %d superseded", len(out.Rejected), len(out.Superseded))
	}
	if got := shown(c.tool, table); !slices.Equal(got, want) {
		t.Errorf("%d rows, want %d as they were", len(got), len(want))
	}
}
