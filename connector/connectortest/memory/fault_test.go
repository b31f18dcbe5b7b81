package memory_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/connector/connectortest/memory"
	"github.com/towpath/towpath/record"
)

// target opens a prepared writer and takes a shard of it.
func target(t *testing.T, c connector.Connector) (connector.Writer, connector.ShardWriter, *record.Batch) {
	t.Helper()
	table := connectortest.Fixture(connectortest.IntKey, 3)
	client, err := c.Open(t.Context(), connector.Connection{})
	if err != nil {
		t.Fatal(err)
	}
	w, err := c.Write(t.Context(), client, connector.Sink{Dataset: "t", Mode: connector.Upsert, Run: "r"})
	if err != nil {
		t.Fatal(err)
	}
	planned, err := w.Plan(t.Context(), table.Schema)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Prepare(t.Context(), planned, true, func(connector.Checkpoint) error { return nil }); err != nil {
		t.Fatal(err)
	}
	sw, _, err := w.Take(t.Context(), connector.Shard{ID: "s"}, connector.Lease{Epoch: 1}, connector.Checkpoint{})
	if err != nil {
		t.Fatal(err)
	}
	b := record.NewBatch(planned.Stored)
	for _, r := range table.Rows {
		connectortest.Append(b, r)
	}
	return w, sw, b
}

func TestInjectedCommitFaults(t *testing.T) {
	t.Parallel()
	for _, applied := range []bool{false, true} {
		c, store := memory.New(memory.Options{})
		_, sw, b := target(t, c)
		want := connector.Errorf(connector.Unknown, "", "commit: cut")
		store.Inject(memory.Commit, 2, memory.Fault{Err: want, Applied: applied})
		if _, err := sw.Commit(t.Context(), connector.Checkpoint{Shard: "s", Seq: 1}); err != nil {
			t.Fatal(err)
		}
		if _, err := sw.Write(t.Context(), []*record.Batch{b}); err != nil {
			t.Fatal(err)
		}
		if _, err := sw.Commit(t.Context(), connector.Checkpoint{Shard: "s", Seq: 2}); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
		rows, seq := len(store.Rows("t")), store.Checkpoints("t", "r")["s"].Seq
		if applied && (rows != 3 || seq != 2) || !applied && (rows != 0 || seq != 1) {
			t.Errorf("applied %t: %d rows, seq %d", applied, rows, seq)
		}
		if store.Calls(memory.Commit) != 2 {
			t.Errorf("got %d calls, want 2", store.Calls(memory.Commit))
		}
	}
}

func TestInjectedWaits(t *testing.T) {
	t.Parallel()
	c, store := memory.New(memory.Options{})
	_, sw, _ := target(t, c)
	reached, release := make(chan struct{}), make(chan struct{})
	store.Inject(memory.Commit, 1, memory.Fault{Reached: func() { close(reached) }, Wait: release, Delay: time.Millisecond})
	done := make(chan error, 1)
	go func() {
		_, err := sw.Commit(t.Context(), connector.Checkpoint{Shard: "s", Seq: 1})
		done <- err
	}()
	<-reached
	select {
	case err := <-done:
		t.Fatalf("ended before it was let go: %v", err)
	default:
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
	ctx, stop := context.WithCancelCause(t.Context())
	cause := errors.New("pause")
	store.Inject(memory.Commit, 1, memory.Fault{Reached: func() { stop(cause) }, Wait: make(chan struct{})})
	if _, err := sw.Commit(ctx, connector.Checkpoint{Shard: "s", Seq: 2}); !errors.Is(err, cause) {
		t.Errorf("got %v, want %v", err, cause)
	}
	if seq := store.Checkpoints("t", "r")["s"].Seq; seq != 1 {
		t.Errorf("seq %d, want 1", seq)
	}
}

func TestForgottenRunIsNoticed(t *testing.T) {
	t.Parallel()
	c, store := memory.New(memory.Options{})
	w, sw, _ := target(t, c)
	store.Forget()
	if _, err := sw.Commit(t.Context(), connector.Checkpoint{Shard: "s", Seq: 1}); connector.ClassOf(err) != connector.Fenced {
		t.Errorf("commit: got %v", err)
	}
	if _, _, err := w.Take(t.Context(), connector.Shard{ID: "s"}, connector.Lease{Epoch: 2}, connector.Checkpoint{}); connector.ClassOf(err) != connector.Changed {
		t.Errorf("take: got %v", err)
	}
	if err := w.Finish(t.Context(), connector.Publish); connector.ClassOf(err) != connector.Changed {
		t.Errorf("publish: got %v", err)
	}
}

func TestRowsThatAreRefusedMarkedOrRagged(t *testing.T) {
	t.Parallel()
	c, store := memory.New(memory.Options{
		Reject: func(_ string, row connectortest.Row) record.Code {
			if row[0].Text == "1" {
				return record.Constraint
			}
			return ""
		},
		Ragged: func(_ string, row connectortest.Row) record.Code {
			if row[0].Text == "5" {
				return record.Shape
			}
			return ""
		},
	})
	_, sw, b := target(t, c)
	out, err := sw.Write(t.Context(), []*record.Batch{b})
	if err != nil || len(out.Rejected) != 1 || out.Rejected[0].Code != record.Constraint || out.Rejected[0].Row != 1 {
		t.Errorf("got %+v, %v", out, err)
	}

	schema := connectortest.Fixture(connectortest.IntKey, 0).Schema
	var rows []connectortest.Row
	for i := range 8 {
		rows = append(rows, connectortest.Texts(fmt.Sprint(i), "1", "note"))
	}
	rows[3][1].Text = "many"
	store.Make("src", schema, rows...)
	r, err := c.Read(t.Context(), nil, connector.Source{Dataset: "src", Options: []byte(`{"chunk_rows":4}`)})
	if err != nil {
		t.Fatal(err)
	}
	shards, err := r.Split(t.Context(), connector.Shard{}, nil, connector.Hint{Shards: 1})
	if err != nil {
		t.Fatal(err)
	}
	var got []connectortest.Row
	var bad []connector.Bad
	for chunk, err := range r.Read(t.Context(), connector.Query{Shard: shards[0], Schema: schema, Batches: record.NewPool(0)}) {
		if err != nil {
			t.Fatal(err)
		}
		got, bad = append(got, connectortest.Rows(chunk.Batch)...), append(bad, chunk.Bad...)
		chunk.Batch.Release()
	}
	if len(got) != 7 || got[3][1].Text != "mark TYPE many" {
		t.Errorf("got rows %v", got)
	}
	if len(bad) != 1 || bad[0].Code != record.Shape {
		t.Errorf("got bad records %+v", bad)
	}
}
