package connector_test

import (
	"encoding/hex"
	"flag"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/record"
)

var update = flag.Bool("update", false, "write the golden files")

func checkpoints() map[string]connector.Checkpoint {
	return map[string]connector.Checkpoint{
		"beginning": {Shard: "s1"},
		"nameless":  {},
		"middle": {Shard: "stream-0/7", Seq: 41, Rev: 2, At: connector.NewPosition("x.key", connector.Part{Tag: connector.TagInt, Int: 99}),
			Counts: connector.Counts{Read: 1000, Written: 990, Dirty: 3, Filtered: 7, Superseded: 1, Bytes: 123456},
			Sum:    record.Sum{Count: 990, Lo: 0xDEADBEEF, Hi: 0xFEEDFACE},
			Range:  []byte("(a, b]"), State: []byte{0, 1, 2}},
		"done": {Shard: "日本", Seq: math.MaxInt64, Rev: math.MaxInt32, Done: true,
			Counts: connector.Counts{Read: math.MaxInt64, Written: math.MaxInt64, Bytes: math.MaxInt64},
			Sum:    record.Sum{Count: math.MaxInt64, Lo: math.MaxUint64, Hi: math.MaxUint64}, State: make([]byte, 200)},
		"negative": {Shard: "s", Seq: -1, Rev: -1, Counts: connector.Counts{Dirty: -1}},
	}
}

func TestCheckpointRoundTrip(t *testing.T) {
	t.Parallel()
	for name, want := range checkpoints() {
		prefix := []byte("kept")
		b := connector.AppendCheckpoint(prefix, want)
		if string(b[:4]) != "kept" {
			t.Errorf("%s: what stood before was changed", name)
		}
		got, err := connector.ParseCheckpoint(b[4:])
		clear(b)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// The golden files are what targets keep: what is written there has to be readable by every later version.
func TestCheckpointGolden(t *testing.T) {
	t.Parallel()
	for name, want := range checkpoints() {
		file := filepath.Join("testdata", "checkpoint-v1-"+name+".golden")
		text := hex.EncodeToString(connector.AppendCheckpoint(nil, want)) + "\n"
		if *update {
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		golden, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if string(golden) != text {
			t.Errorf("%s is written as\n%swant\n%s", name, text, golden)
		}
		b, err := hex.DecodeString(strings.TrimSpace(string(golden)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := connector.ParseCheckpoint(b)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestSpoiltCheckpointsAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range checkpoints() {
		whole := connector.AppendCheckpoint(nil, c)
		for i, b := range spoilt(whole) {
			got, err := connector.ParseCheckpoint(b)
			if err == nil {
				t.Fatalf("%s: spoilt form %d decodes to %+v", name, i, got)
			}
			wantChanged(t, name, err)
		}
		for n := range len(whole) - 5 { // cut, with the right checksum
			if got, err := connector.ParseCheckpoint(resealed(whole[:len(whole)-1-n])); err == nil {
				t.Fatalf("%s: cut form decodes to %+v", name, got)
			}
		}
		future := slices.Clone(whole)
		future[0]++
		_, err := connector.ParseCheckpoint(resealed(future))
		wantChanged(t, "future version", err)
	}
	_, err := connector.ParseCheckpoint(connector.NewPosition("x.key"))
	wantChanged(t, "a position", err)
	_, err = connector.ParseCheckpoint(nil)
	wantChanged(t, "nil", err)
}

func TestCounts(t *testing.T) {
	t.Parallel()
	c := connector.Counts{Read: 10, Written: 6, Dirty: 1, Filtered: 3, Superseded: 2, Bytes: 50}
	if !c.Balanced() {
		t.Error("balanced counts are not")
	}
	sum := c
	sum.Add(c)
	if want := (connector.Counts{Read: 20, Written: 12, Dirty: 2, Filtered: 6, Superseded: 4, Bytes: 100}); sum != want || !sum.Balanced() {
		t.Errorf("got %+v, want %+v", sum, want)
	}
	if sum.Sub(c); sum != c {
		t.Errorf("got %+v, want %+v", sum, c)
	}
	for _, lost := range []connector.Counts{{Read: 1}, {Written: 1}, {Dirty: 1}, {Filtered: 1}} {
		broken := c
		if broken.Add(lost); broken.Balanced() {
			t.Errorf("%+v passes as balanced", broken)
		}
	}
}

func TestTargetRemembers(t *testing.T) {
	t.Parallel()
	cases := map[*connector.Target]bool{
		{Way: connector.WayA}: true, {Way: connector.WayB}: false, {Way: connector.WayD}: true,
		{Way: connector.WayC, Inner: connector.WayA}: true, {Way: connector.WayC, Inner: connector.WayB}: false,
	}
	for target, want := range cases {
		if got := target.Remembers(); got != want {
			t.Errorf("way %s%s: got %t, want %t", target.Way, target.Inner, got, want)
		}
	}
}
