//go:build race

package team_test

// smallRuns is fewer under the race detector, which makes the control database slow.
const smallRuns = 10
