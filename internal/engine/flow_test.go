package engine_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/job"
)

// TestRate checks that four shards together keep to a rate within 5 % over ten seconds, also from the first second on and after the
// rate was changed.
func TestRate(t *testing.T) {
	for name, c := range map[string]struct {
		rows, bytes       int64 // the limits
		batchRows, sized  int   // what one batch asks for
		wantRows, another int64 // in ten seconds, before and after the rate is doubled
	}{
		"rows":           {5_000, 0, 4096, 400_000, 50_000, 100_000},
		"bytes":          {0, 1 << 20, 1000, 1 << 17, 80_000, 160_000},
		"rows and bytes": {5_000, 1 << 30, 500, 1 << 10, 50_000, 100_000},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := engine.NewFlow(job.Dirty{}, nil)
				f.SetRate(c.rows, c.bytes)
				ctx, cancel := context.WithCancel(context.Background())
				var passed atomic.Int64
				var shards sync.WaitGroup
				for range 4 {
					shards.Go(func() {
						for f.Pass(ctx, c.batchRows, c.sized) == nil {
							passed.Add(int64(c.batchRows))
						}
					})
				}
				for _, want := range []int64{c.wantRows, c.another} {
					before := passed.Load()
					time.Sleep(10 * time.Second)
					got := passed.Load() - before
					// Four batches may be on their way at either end.
					if slack := want/20 + int64(4*c.batchRows); got < want-slack || got > want+slack {
						t.Errorf("%d rows in ten seconds, want %d", got, want)
					}
					f.SetRate(c.rows*2, c.bytes*2)
				}
				cancel()
				shards.Wait()
			})
		})
	}
}

func TestPassEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := engine.NewFlow(job.Dirty{}, nil)
		f.SetRate(1, 0)
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		began := time.Now()
		if err := f.Pass(ctx, 1_000_000, 0); err == nil {
			t.Error("a million rows passed at one a second")
		}
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("Pass returned after %s, its context ended after 3s", took)
		}
	})
}

func TestDirtyLimits(t *testing.T) {
	t.Parallel()
	nine, tenth := int64(9), 0.1
	for name, c := range map[string]struct {
		limits job.Dirty
		moved  connector.Counts
		want   string // part of the reason; "" when nothing is passed
	}{
		"no limit":          {job.Dirty{}, connector.Counts{Read: 100, Dirty: 100}, ""},
		"at the number":     {job.Dirty{Rows: &nine}, connector.Counts{Read: 100, Dirty: 9}, ""},
		"over the number":   {job.Dirty{Rows: &nine}, connector.Counts{Read: 100, Dirty: 10}, "10 dirty rows, the limit is 9"},
		"ratio, few rows":   {job.Dirty{Ratio: &tenth}, connector.Counts{Read: 9_998, Dirty: 9_998}, ""},
		"ratio, many rows":  {job.Dirty{Ratio: &tenth}, connector.Counts{Read: 10_000, Dirty: 1_001}, "1001 of 10000 rows are dirty, the limit is 10%"},
		"at the ratio":      {job.Dirty{Ratio: &tenth}, connector.Counts{Read: 10_000, Dirty: 1_000}, ""},
		"sent rows as well": {job.Dirty{Rows: &nine}, connector.Counts{Read: 50, Dirty: 50}, "50 dirty rows"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var reasons []string
			f := engine.NewFlow(c.limits, func(reason error) { reasons = append(reasons, reason.Error()) })
			f.Moved("1", c.moved, !strings.Contains(name, "sent"))
			f.Moved("1", connector.Counts{Read: 1}, true)
			switch {
			case c.want == "" && len(reasons) > 0:
				t.Errorf("passed: %v", reasons)
			case c.want != "" && (len(reasons) != 1 || !strings.Contains(reasons[0], c.want)):
				t.Errorf("reasons are %q, want one with %q", reasons, c.want)
			}
		})
	}
}

func TestTotalsBeginWhereTheRunWas(t *testing.T) {
	t.Parallel()
	most := int64(1)
	var passed []string
	f := engine.NewFlow(job.Dirty{Rows: &most}, func(reason error) { passed = append(passed, reason.Error()) })
	f.Begin("1", connector.Counts{Read: 30, Written: 20, Dirty: 10})
	f.Moved("1", connector.Counts{Read: 2, Written: 2}, true)
	f.Begin("1", connector.Counts{Read: 10, Written: 10}) // what the target remembers is heard of while rows move
	f.Moved("1", connector.Counts{Read: -2, Written: -2}, false)
	f.Moved("1", connector.Counts{Read: 5, Written: 5}, false)
	f.Moved("1", connector.Counts{Read: -5, Written: -5}, false) // given up
	f.Moved("2", connector.Counts{Read: 1, Dirty: 1}, true)
	one, two, all := f.Of("1"), f.Of("2"), f.Total()
	if one.Read != 10 || one.Written != 10 || two.Dirty != 1 || all.Read != 11 || all.Written != 10 || all.Dirty != 1 {
		t.Errorf("counts are %+v, %+v, together %+v", one, two, all)
	}
	if passed != nil {
		t.Errorf("dirty rows of before were counted: %q", passed)
	}
	if f.Moved("2", connector.Counts{Read: 1, Dirty: 1}, true); len(passed) != 1 || passed[0] != "2 dirty rows, the limit is 1" {
		t.Errorf("limits passed: %q", passed)
	}
}
