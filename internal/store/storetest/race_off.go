//go:build !race

package storetest

// manyShards is the largest plan that the store is made for.
const manyShards = 100_000
