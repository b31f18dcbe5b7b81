//go:build !race

package team_test

// smallRuns is how many small runs share a pool with large ones.
const smallRuns = 30
