package memory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/towpath/towpath/connector"
)

// snapshot is a copy of datasets at one instant.
type snapshot struct {
	s      *Store
	token  string
	locked time.Duration
}

// takeSnapshot copies datasets while nobody writes.
func (s *Store) takeSnapshot(ctx context.Context, datasets []string) (connector.Snapshot, error) {
	after, err := s.enter(ctx, Snapshot)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	began := time.Now()
	tables := map[string]*table{}
	for _, name := range datasets {
		t, err := s.table(name)
		if err != nil {
			return nil, err
		}
		same := *t
		same.rows, same.stamps, same.index = slices.Clone(t.rows), slices.Clone(t.stamps), maps.Clone(t.index)
		tables[name] = &same
	}
	s.taken++
	token := fmt.Sprint("snapshot ", s.taken)
	s.snapshots[token] = tables
	return &snapshot{s, token, time.Since(began)}, after
}

func (p *snapshot) Token() ([]byte, bool) { return []byte(p.token), true }

func (p *snapshot) Locked() time.Duration { return p.locked }

func (p *snapshot) Close() error {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	delete(p.s.snapshots, p.token)
	return nil
}

// tableIn returns a dataset as it is, or, with a token, as it was in that snapshot. The caller holds the lock.
func (s *Store) tableIn(token []byte, dataset string) (*table, error) {
	if token == nil {
		return s.table(dataset)
	}
	tables, held := s.snapshots[string(token)]
	if !held {
		return nil, connector.Errorf(connector.Lost, "", "read %s: %s has ended", dataset, token)
	}
	t, ok := tables[dataset]
	if !ok {
		return nil, connector.Errorf(connector.Missing, "", "read %s: it is not in %s", dataset, token)
	}
	return t, nil
}
