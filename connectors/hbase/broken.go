//go:build !broken_fence

package hbase

// unfenced is true in a build that is broken on purpose, to prove that the kill harness notices.
const unfenced = false
