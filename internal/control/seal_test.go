package control_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/connector/connectortest/memory"
	"github.com/towpath/towpath/internal/store"
)

// phases notes what is asked of the writers of a connector.
type phases struct {
	mu    sync.Mutex
	asked []string
}

func (p *phases) note(what string) {
	p.mu.Lock()
	p.asked = append(p.asked, what)
	p.mu.Unlock()
}

func (p *phases) of(c connector.Connector) connector.Connector {
	write := c.Write
	c.Write = func(ctx context.Context, client connector.Client, s connector.Sink) (connector.Writer, error) {
		w, err := write(ctx, client, s)
		return &notedWriter{w, p}, err
	}
	return c
}

type notedWriter struct {
	connector.Writer
	phases *phases
}

func (w *notedWriter) Prepare(ctx context.Context, t *connector.Target, fresh bool, remembered func(connector.Checkpoint) error) error {
	w.phases.note("prepare")
	return w.Writer.Prepare(ctx, t, fresh, remembered)
}

func (w *notedWriter) Finish(ctx context.Context, phase connector.Phase) error {
	w.phases.note(string(phase))
	return w.Writer.Finish(ctx, phase)
}

// TestSealedAgainBeforePublishing checks that a run which was cut off while it published seals its target again: Prepare may have changed
// settings for loading that Seal puts back.
func TestSealedAgainBeforePublishing(t *testing.T) {
	t.Parallel()
	from, fromStore := memory.New(memory.Options{Name: "from"})
	to, toStore := memory.New(memory.Options{Name: "to", Way: connector.WayB})
	fromStore.Make("people", people(), peopleRows(1, 100)...)
	r := &rig{t: t, source: fromStore, target: toStore, path: t.TempDir() + "/towpath.db"}
	p := new(phases)
	r.Service = r.service(connector.NewSet(from, p.of(to)))
	r.target.Inject(memory.Finish, 2, memory.Fault{Err: errors.New("cut off"), Applied: true})
	run, err := r.run(r.job(small), nil)
	if err == nil || run.State != store.Failed {
		t.Fatalf("run is %s: %v", run.State, err)
	}
	p.asked = nil
	if run, err = r.resume(run.Key); err != nil || run.State != store.Succeeded {
		t.Fatalf("resumed run is %s: %v", run.State, err)
	}
	if want := []string{"prepare", "seal", "publish"}; !slices.Equal(p.asked, want) {
		t.Errorf("the target was asked to %v, want %v", p.asked, want)
	}
}
