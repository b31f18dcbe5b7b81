package control

import (
	"context"
	"io"

	"github.com/towpath/towpath/internal/store"
)

// Backup writes all that the control database holds, as of one moment; runs go on meanwhile.
func (s *Service) Backup(ctx context.Context, w io.Writer) (store.Saved, error) {
	return s.Store.Backup(ctx, w)
}

// Restore puts a backup into a control database that holds no run, all of it or nothing.
func (s *Service) Restore(ctx context.Context, r io.Reader) (store.Saved, error) {
	return s.Store.Restore(ctx, r)
}
