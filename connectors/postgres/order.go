//go:build !broken_order

package postgres

import (
	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

// disorder does something only in a build that is broken on purpose, to prove that the kill harness notices.
type disorder struct{}

func (disorder) keep([]*record.Batch) {}

func (disorder) positionFirst(*shardWriter, connector.Checkpoint) error { return nil }
