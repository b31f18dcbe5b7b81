//go:build broken_fence

package postgres

// unfenced lets writers write that a newer owner has replaced.
const unfenced = true
