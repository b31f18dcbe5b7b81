package control

import (
	"context"

	"github.com/towpath/towpath/internal/store"
)

// OpenStore opens the control database for the service; the function that comes back closes it.
func (s *Service) OpenStore(ctx context.Context, path string) (func(), error) {
	opened, err := store.Open(ctx, path, s.Database)
	if err != nil {
		return nil, err
	}
	s.Store = opened
	return func() { opened.Close() }, nil
}
