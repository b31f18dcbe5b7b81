package record_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/towpath/towpath/record"
)

func poolSchema(t testing.TB) *record.Schema {
	return &record.Schema{Fields: []record.Field{{Name: "a", Type: typed(t, "int64")}, {Name: "b", Type: typed(t, "text")}}}
}

// Readers fill batches of four times the nominal size for a consumer that holds what it may; nobody waits for ever, and the
// budget holds but for the batches that were being filled.
func TestPoolWithSlowConsumer(t *testing.T) {
	t.Parallel()
	s := poolSchema(t)
	pool := record.NewPool(1)
	const readers, each = 4, 200
	filled := make(chan *record.Batch)
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			for range each {
				b, err := pool.Get(t.Context(), s)
				if err != nil {
					t.Error(err)
					return
				}
				b.Size = 4 * record.MaxBytes
				b.Settle()
				filled <- b
			}
		})
	}
	go func() { wg.Wait(); close(filled) }()
	var most int64
	n := 0
	for b := range filled {
		derived := pool.Derive(s, b.Cols)
		most = max(most, pool.Used())
		derived.Release()
		b.Release()
		n++
	}
	if limit := int64(record.MinBudget + readers*4*record.MaxBytes); n != readers*each || most > limit {
		t.Errorf("%d batches, want %d; %d bytes at most, limit %d", n, readers*each, most, limit)
	}
	if used := pool.Used(); used != 0 {
		t.Errorf("%d bytes in use after all are released", used)
	}
}

func TestPoolGetEndsWithContext(t *testing.T) {
	t.Parallel()
	s := poolSchema(t)
	pool := record.NewPool(1)
	var held []*record.Batch
	for range record.MinBudget / record.MaxBytes {
		b, err := pool.Get(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, b)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	cancel(stop)
	if _, err := pool.Get(ctx, s); !errors.Is(err, stop) {
		t.Errorf("a full pool: %v, want %v", err, stop)
	}
	for _, b := range held {
		b.Release()
	}
	if _, err := pool.Get(t.Context(), s); err != nil {
		t.Error(err)
	}
}

func TestPoolAllocatesNothing(t *testing.T) {
	s, pool := poolSchema(t), record.NewPool(1)
	lent := make([]*record.Vector, 2)
	if n := testing.AllocsPerRun(50, func() {
		b, err := pool.Get(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		for range record.MaxRows {
			b.Cols[0].AppendInt64(1)
			b.Cols[1].AppendString("text")
		}
		lent[0] = b.Cols[0]
		derived := pool.Derive(s, lent)
		derived.Release()
		b.Release()
	}); n != 0 {
		t.Errorf("%v allocations a batch", n)
	}
}

// Whatever a vector held, a released one comes back empty.
func TestPoolBatchesAreEmpty(t *testing.T) {
	t.Parallel()
	s := &record.Schema{Fields: []record.Field{{Name: "a", Type: typed(t, "bool")}}}
	pool := record.NewPool(1)
	for range 3 {
		b, err := pool.Get(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 9 {
			b.Cols[0].AppendBool(false)
			if b.Cols[0].Null(i) || b.Cols[0].Bool(i) || len(b.Marks) > 0 {
				t.Fatalf("cell %d holds a cell of an earlier batch", i)
			}
		}
		b.Truncate(4)
		b.Cols[0].AppendBool(true)
		b.MarkNull(0, record.Range, []byte("x"))
		b.Release()
	}
}

// TestPoolGivesColumnsTheirStorageBack: columns of unlike sizes, one batch after another, allocate nothing.
func TestPoolGivesColumnsTheirStorageBack(t *testing.T) {
	text := typed(t, "text")
	s := &record.Schema{Fields: []record.Field{{Name: "short", Type: text}, {Name: "n", Type: typed(t, "int64")}, {Name: "long", Type: text}}}
	pool := record.NewPool(0)
	fill := func() {
		b, err := pool.Get(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		for !b.Full() {
			b.Cols[0].AppendString("x")
			b.Cols[1].AppendInt64(1)
			b.Cols[2].AppendString("a value that makes the column of a batch grow far beyond what the pool keeps of any vector, however few bytes are in it")
			b.Len++
		}
		b.Settle()
		b.Release()
	}
	fill()
	if n := testing.AllocsPerRun(20, fill); n > 0 {
		t.Errorf("got %v allocations for a batch, want none", n)
	}
}
