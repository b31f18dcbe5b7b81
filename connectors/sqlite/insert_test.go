package sqlite

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
)

func TestCancelledWhilePreparing(t *testing.T) {
	t.Parallel()
	o := defaultConnection()
	o.Path = filepath.Join(t.TempDir(), "t.db")
	c, err := open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	db, err := c.writer()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s, err := prepare(ctx, conn, "SELECT 1")
	if s != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("got (%v, %v), want no statement and %v", s, err, context.Canceled)
	}
}
