//go:build race

package storetest

// manyShards is smaller under the race detector, which slows the database tenfold; the large plan has one goroutine anyway.
const manyShards = 5_000
