package connectortest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest"
	"github.com/towpath/towpath/connector/connectortest/memory"
	"github.com/towpath/towpath/record"
)

// recorder runs the suite and notes which subtests fail.
type recorder struct {
	ctx     context.Context
	name    string
	mu      *sync.Mutex
	failed  map[string]string
	cleanup []func()
}

func (r *recorder) Helper()                  {}
func (r *recorder) Cleanup(f func())         { r.cleanup = append(r.cleanup, f) }
func (r *recorder) Context() context.Context { return r.ctx }

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed[r.name] += fmt.Sprintf(format, args...) + "\n"
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Run(name string, f func(connectortest.TB)) bool {
	inner := &recorder{ctx: r.ctx, name: strings.TrimPrefix(r.name+"/"+name, "/"), mu: r.mu, failed: r.failed}
	var wg sync.WaitGroup
	wg.Go(func() { // Goexit ends this goroutine, not the suite
		defer func() {
			for _, f := range slices.Backward(inner.cleanup) {
				f()
			}
		}()
		f(inner)
	})
	wg.Wait()
	return inner.failed[inner.name] == ""
}

// check runs the suite and returns what failed.
func check(t *testing.T, s connectortest.Suite) map[string]string {
	t.Helper()
	r := &recorder{ctx: t.Context(), mu: new(sync.Mutex), failed: map[string]string{}}
	connectortest.Check(r, s)
	return r.failed
}

func suite(o memory.Options) (connectortest.Suite, *memory.Store) {
	c, store := memory.New(o)
	n := 0
	s := connectortest.Suite{
		Connector:     c,
		Connection:    func(connectortest.TB) json.RawMessage { return nil },
		NewName:       func(connectortest.TB) string { n++; return fmt.Sprint("t", n, "x") },
		MakeDataset:   func(_ connectortest.TB, name string, t connectortest.Table) { store.Make(name, t.Schema, t.Rows...) },
		ReadBack:      func(_ connectortest.TB, name string, _ *record.Schema) []connectortest.Row { return store.Rows(name) },
		ChangeDataset: func(_ connectortest.TB, name string, t connectortest.Table) { store.Make(name, t.Schema, t.Rows...) },
		Structure:     func(_ connectortest.TB, name string) *record.Schema { return store.Schema(name) },
		MakeFolding:   func(_ connectortest.TB, name string, t connectortest.Table) { store.Make(name, folding(t.Schema)) },
		Modes:         []connector.Mode{connector.Upsert, connector.Insert, connector.Replace, connector.Append},
		Rows:          240,
	}
	if o.Way == connector.WayB {
		s.Modes, s.Fence = []connector.Mode{connector.Upsert, connector.Replace}, connectortest.Outranks
		s.MakeFolding = nil // a key that is written again is no collision to way B
	}
	return s, store
}

// folding is the schema with text keys that do not tell letters of both cases apart.
func folding(s *record.Schema) *record.Schema {
	out := &record.Schema{Fields: slices.Clone(s.Fields)}
	for i := range out.Fields {
		if out.Fields[i].Key > 0 {
			out.Fields[i].Collation = memory.Folding
		}
	}
	return out
}

func TestHealthyPasses(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]memory.Options{"way A": {}, "way B": {Way: connector.WayB}} {
		s, _ := suite(o)
		if failed := check(t, s); len(failed) > 0 {
			t.Errorf("%s: %v", name, failed)
		}
	}
}

func TestBrokenConnectorsAreCaught(t *testing.T) {
	t.Parallel()
	for name, b := range broken() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, store := suite(memory.Options{Way: b.way})
			b.breaks(&s, store)
			failed := check(t, s)
			for at := range failed {
				if strings.HasPrefix(at, b.in) {
					return
				}
			}
			t.Errorf("not caught in %s; failed: %q", b.in, slices.Sorted(maps.Keys(failed)))
		})
	}
}
