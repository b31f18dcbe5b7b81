package option_test

import (
	"testing"
	"time"

	"github.com/towpath/towpath/internal/option"
	"pgregory.net/rapid"
)

func TestDuration(t *testing.T) {
	t.Parallel()
	good := map[string]time.Duration{"5m": 5 * time.Minute, "90s": 90 * time.Second, "1h30m": 90 * time.Minute, "7d": 168 * time.Hour, "0": 0, "-1s": -time.Second}
	for text, want := range good {
		var d option.Duration
		if err := d.UnmarshalText([]byte(text)); err != nil || d.Std() != want {
			t.Errorf("%s: got %v, %v", text, d, err)
		}
	}
	for _, text := range []string{"", "5", "d", "1.5d", "five", "106752d", "5 m"} {
		var d option.Duration
		if err := d.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: accepted as %v", text, d)
		}
	}
	shown := map[time.Duration]string{5 * time.Minute: "5m", 2 * time.Hour: "2h", 90 * time.Second: "1m30s", 0: "0s", 10 * time.Second: "10s", 100 * time.Minute: "1h40m"}
	for d, want := range shown {
		if got := option.Duration(d).String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestBytes(t *testing.T) {
	t.Parallel()
	good := map[string]int64{"0": 0, "1024": 1024, "32MiB": 32 << 20, "1.5GiB": 3 << 29, "500kB": 500_000, "10 mb": 10_000_000, "7B": 7, "1TiB": 1 << 40, "2TB": 2e12}
	for text, want := range good {
		var b option.Bytes
		if err := b.UnmarshalText([]byte(text)); err != nil || int64(b) != want {
			t.Errorf("%s: got %d, %v", text, int64(b), err)
		}
	}
	for _, text := range []string{"", "MiB", "-1", "1.5", "1e3", "0x10", "1/2", "9223372036854775808", "1XiB", "1.0.0kB"} {
		var b option.Bytes
		if err := b.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: accepted as %d", text, int64(b))
		}
	}
}

func TestUnitsRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := option.Bytes(rapid.Int64Min(0).Draw(t, "bytes"))
		d := option.Duration(rapid.Int64().Draw(t, "duration"))
		var gotB option.Bytes
		var gotD option.Duration
		if err := gotB.UnmarshalText([]byte(b.String())); err != nil || gotB != b {
			t.Fatalf("got %v, %v, want %v", gotB, err, b)
		}
		if err := gotD.UnmarshalText([]byte(d.String())); err != nil || gotD != d {
			t.Fatalf("got %v, %v, want %v", gotD, err, d)
		}
	})
}
