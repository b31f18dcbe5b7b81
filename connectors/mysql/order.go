//go:build !broken_order

package mysql

import (
	"context"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// disorder does something only in a build that is broken on purpose, to prove that the kill harness notices.
type disorder struct{}

func (disorder) keep([]*record.Batch) {}

func (disorder) positionFirst(context.Context, *shardWriter, connector.Checkpoint) error { return nil }
