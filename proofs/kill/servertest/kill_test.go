// Package servertest bears a share of the kills of scenes that need servers.
package servertest

import (
	"testing"

	"github.com/towpath/towpath/proofs/kill"
	"github.com/towpath/towpath/proofs/kill/killtest"
)

func TestRunsSurvive(t *testing.T) {
	h := killtest.Harness(t)
	for _, kind := range []string{kill.Upsert, kill.Swap} {
		t.Run("search-"+kind, func(t *testing.T) { killtest.Survives(t, h, search(t, kind), 6, kill.During, kill.Before, kill.After) })
	}
	t.Run("hbase-search-upsert", func(t *testing.T) { killtest.Survives(t, h, hbase(t, kill.Upsert), 8, kill.During, kill.After) })
	t.Run("hbase-upsert", func(t *testing.T) { killtest.Survives(t, h, columns(t), 8, kill.During, kill.After) })
	for _, c := range kill.TablesScenes() {
		t.Run(c.Name, func(t *testing.T) { killtest.Survives(t, h, tables(t, c.Name), 16, kill.During, kill.After) })
	}
}

// Shards are divided again and again; some owners die or are frozen on the way.
func TestDividedShardsSurvive(t *testing.T) {
	h := killtest.Harness(t)
	for _, name := range []string{"mysql-append", "mysql-upsert", "postgres-replace"} {
		t.Run(name, func(t *testing.T) { killtest.Survives(t, h, tablesBy(t, name, true), 6, kill.During) })
	}
}

// What is broken on purpose must be found, within so many kills or trials.
func TestBrokenOrderIsFound(t *testing.T) {
	h := killtest.Harness(t, "broken_order")
	t.Run("search-upsert", func(t *testing.T) { killtest.LosesRows(t, h, search(t, kill.Upsert), 60) })
	for _, name := range []string{"mysql-append", "mysql-upsert", "postgres-append"} {
		t.Run(name, func(t *testing.T) { killtest.LosesRows(t, h, tables(t, name), 60) })
	}
}

func TestBrokenFenceIsFound(t *testing.T) {
	h := killtest.Harness(t, "broken_fence")
	t.Run("search-upsert", func(t *testing.T) {
		killtest.TakesOldRows(t, h, search(t, kill.Upsert), kill.Before, 25, func(v kill.Verdict) int { return v.Altered })
	})
	t.Run("hbase-upsert", func(t *testing.T) {
		killtest.TakesOldRows(t, h, columns(t), kill.After, 10, func(v kill.Verdict) int { return v.Altered })
	})
	for _, name := range []string{"mysql-append", "postgres-append"} {
		t.Run(name, func(t *testing.T) {
			killtest.TakesOldRows(t, h, tables(t, name), kill.After, 25, func(v kill.Verdict) int { return v.Doubled })
		})
	}
}
