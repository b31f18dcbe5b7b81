package storetest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/store"
)

// Fill makes runs with something in every table.
func Fill(t *testing.T, s *store.Store) {
	t.Helper()
	f := &fixture{Store: s, ctx: t.Context()}
	l := f.running(t, "k1", []store.Stream{stream("s")}, shardsOf("s", 30)...)
	taken := f.take(t, "w")
	rows := make([]store.DirtyRow, 120)
	for i := range rows {
		rows[i] = store.DirtyRow{Ordinal: int64(i), Code: "RANGE", Column: "c", Reason: "r \"\\\u2028 é", Key: "k", Row: []byte{0, 0xFF, byte(i)}}
	}
	must(t, f.CommitCheckpoint(f.ctx, "k1", taken.Lease.Epoch, Done(taken), rows))
	_, err := f.BeginSteps(f.ctx, "k1", l.Epoch, "seal")
	must(t, err)
	must(t, f.SetWish(f.ctx, "k1", store.Wish{Kind: store.WishPause, Who: "ann", Why: "lunch"}))
	f.newRun(t, "k2", "p")
}

// Lines are those of a backup without its head, sorted: databases have no order of rows.
func Lines(t *testing.T, backup []byte) []string {
	t.Helper()
	packed, err := gzip.NewReader(bytes.NewReader(backup))
	must(t, err)
	text, err := io.ReadAll(packed)
	must(t, err)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")[1:]
	slices.Sort(lines)
	return lines
}

func testBackup(t *testing.T, f *fixture) {
	Fill(t, f.Store)
	var backup bytes.Buffer
	saved, err := f.Backup(f.ctx, &backup)
	must(t, err)
	if saved.Runs != 2 || saved.Rows < 150 || saved.Form == 0 || saved.At == 0 {
		t.Errorf("saved %+v", saved)
	}
	other := f.fresh(t)
	restored, err := other.Restore(f.ctx, bytes.NewReader(backup.Bytes()))
	must(t, err)
	if restored != saved {
		t.Errorf("restored %+v, saved %+v", restored, saved)
	}
	var again bytes.Buffer
	_, err = other.Backup(f.ctx, &again)
	must(t, err)
	if d := cmp.Diff(Lines(t, backup.Bytes()), Lines(t, again.Bytes())); d != "" {
		t.Error(d)
	}
	// Work goes on where it was.
	was, now := shardRows(t, f.Store), shardRows(t, other)
	if d := cmp.Diff(was, now); d != "" || len(now) != 30 {
		t.Errorf("%d shards: %s", len(now), d)
	}
	if _, err := other.AcquireRun(f.ctx, "k2", owner("q"), ttl); !errors.As(err, new(*store.HeldError)) {
		t.Errorf("the lease of a restored run: %v", err)
	}
	_, err = other.Restore(f.ctx, bytes.NewReader(backup.Bytes()))
	wantClass(t, err, connector.Config, "TOW-226")

	// What is damaged, cut off, newer, or no backup leaves an empty database.
	empty := f.fresh(t)
	good := backup.Bytes()
	for name, c := range map[string]struct {
		backup []byte
		code   string
	}{
		"nothing":     {nil, "TOW-225"},
		"text":        {[]byte("this is no backup"), "TOW-225"},
		"cut off":     {good[:len(good)/2], "TOW-225"},
		"no checksum": {good[:len(good)-8], "TOW-225"},
		"bits turned": {flipped(good), "TOW-225"},
		"no end":      {repack(t, good, func(lines []string) []string { return lines[:len(lines)-1] }), "TOW-225"},
		"a row less":  {repack(t, good, func(lines []string) []string { return slices.Delete(lines, 2, 3) }), "TOW-225"},
		"no head":     {repack(t, good, func(lines []string) []string { return lines[1:] }), "TOW-225"},
		"other table": {repack(t, good, func(lines []string) []string {
			lines[1] = strings.Replace(lines[1], `"run"`, `"run; DROP TABLE run"`, 1)
			return lines
		}), "TOW-225"},
		"other column": {repack(t, good, func(lines []string) []string {
			lines[1] = strings.Replace(lines[1], `"name"`, `"name) --"`, 1)
			return lines
		}), "TOW-225"},
		"newer": {repack(t, good, func(lines []string) []string { lines[0] = `{"Towpath":1,"Form":9999,"At":1}`; return lines }), "TOW-205"},
	} {
		_, err := empty.Restore(f.ctx, bytes.NewReader(c.backup))
		e, ok := errors.AsType[*connector.Error](err)
		if !ok || e.Class != connector.Config || e.Code != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
	if runs, err := empty.Runs(f.ctx, store.Filter{}); err != nil || len(runs) > 0 {
		t.Errorf("left behind: %+v, %v", runs, err)
	}
	ctx, cancel := context.WithTimeout(f.ctx, time.Minute)
	defer cancel()
	if _, err := empty.Restore(ctx, bytes.NewReader(good)); err != nil {
		t.Errorf("after all: %v", err)
	}
}

func shardRows(t *testing.T, s *store.Store) (all []store.ShardRow) {
	for row, err := range s.Shards(t.Context(), "k1", "s") {
		must(t, err)
		all = append(all, row)
	}
	return all
}

func flipped(backup []byte) []byte {
	spoilt := bytes.Clone(backup)
	spoilt[len(spoilt)*2/3] ^= 0x10
	return spoilt
}

// repack changes the lines of a backup.
func repack(t *testing.T, backup []byte, change func(lines []string) []string) []byte {
	t.Helper()
	packed, err := gzip.NewReader(bytes.NewReader(backup))
	must(t, err)
	text, err := io.ReadAll(packed)
	must(t, err)
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err = w.Write([]byte(strings.Join(change(strings.Split(strings.TrimSpace(string(text)), "\n")), "\n") + "\n"))
	must(t, err)
	must(t, w.Close())
	return out.Bytes()
}
