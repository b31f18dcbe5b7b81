//go:build broken_fence

package mysql

// unfenced lets writers write that a newer owner has replaced.
const unfenced = true
