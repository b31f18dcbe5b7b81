//go:build !broken_order

package engine

import "context"

// positionFirst is true in a build that is broken on purpose, to prove that the kill harness notices.
const positionFirst = false

func (c *copier) disorder(context.Context, []*item) error { return nil }
