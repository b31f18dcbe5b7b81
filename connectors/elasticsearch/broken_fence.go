//go:build broken_fence

package elasticsearch

// unfenced leaves the stamps out of what is written.
const unfenced = true
