package store

import (
	"slices"
	"testing"
)

// Pragma reads a setting of the writing connection.
func Pragma(t *testing.T, s *Store, name string) (value string) {
	t.Helper()
	if err := s.write.QueryRow("PRAGMA " + name).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

// LeaseStatements are the statements that LeaseShard and Progress run over shards.
func LeaseStatements() map[string]string {
	return map[string]string{
		"candidates": selectCandidates,
		"leavers":    selectLeavers,
		"stage":      selectStage,
		"next":       selectNext,
		"expire":     expireShards,
	}
}

// BackupTables are the tables that a backup holds, and those that it leaves out.
func BackupTables() (saved, left []string) { return slices.Clone(tables), slices.Clone(passing) }
