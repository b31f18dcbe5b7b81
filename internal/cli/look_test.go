package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/job"
)

func TestNumbers(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 9_999: "9999", 10_000: "10.0k", 24_149: "24.1k", 412_000: "412k", 999_499: "999k", 999_999: "1.00M",
		24_100_000: "24.1M", 50_200_000_000: "50.2G", 3_000_000_000_000_000: "3000T"} {
		if got := short(n); got != want {
			t.Errorf("short(%d): got %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", -1234: "-1,234", 999: "999", 3_000_000: "3,000,000"} {
		if got := full(n); got != want {
			t.Errorf("full(%d): got %q, want %q", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{1500 * time.Millisecond: "1.5s", 42 * time.Second: "42s", 63 * time.Second: "1m03s", 125 * time.Minute: "2h05m"} {
		if got := lasted(d); got != want {
			t.Errorf("lasted(%v): got %q, want %q", d, got, want)
		}
	}
}

// TestLines draws the progress of a run at the widths of usual terminals.
func TestLines(t *testing.T) {
	t.Parallel()
	orders := client.Stream{ID: "1", Source: "orders", Guarantee: string(job.ExactlyOnce), Rows: 50_200_000, Shards: 8,
		Counts: client.Counts{Read: 24_100_000, Dirty: 3}}
	started := time.Unix(1_700_000_000, 0)
	c := &screen{meters: map[string]*meter{}}
	c.meter("1").add(started, client.Counts{Read: 23_688_000, Bytes: 0})
	c.meter("1").add(started.Add(time.Second), client.Counts{Read: 24_100_000, Bytes: 88_000_000})
	for width, want := range map[int]string{
		120: "  orders  [########----------]   48%  24.1M/50.2M rows  412k rows/s   88 MB/s  left 1m03s  dirty 3  exactly-once",
		100: "  orders  [########----------]   48%  24.1M/50.2M rows  412k rows/s   88 MB/s  left 1m03s  dirty 3",
		80:  "  orders  [####-----]   48%  24.1M/50.2M rows  412k rows/s  left 1m03s  dirty 3",
		70:  "  orders   48%  24.1M/50.2M rows  412k rows/s  left 1m03s  dirty 3",
	} {
		got := c.lineup(client.Progress{Streams: []client.Stream{orders}, Total: orders, States: map[string]int{streamRunning: 1}}, width, 24)
		if diff := cmp.Diff([]string{want}, got); diff != "" {
			t.Errorf("%d columns: %s", width, diff)
		}
	}
	// Of many streams, those at work; the parts of all lines stand below one another, and the last line counts streams.
	many := make([]client.Stream, 40)
	for i := range many {
		many[i] = client.Stream{ID: strings.Repeat("x", i+1), Source: strings.Repeat("s", i+1), Rows: 10, Shards: 1, Active: i % 2}
	}
	p := client.Progress{Streams: many, Total: orders, States: map[string]int{streamRunning: 20, streamWaiting: 9_970, streamCopied: 9, streamFailed: 1}}
	for height, want := range map[int]int{50: mostStreams + 2, 10: 5 + 2, 3: 1 + 2} {
		lines := c.lineup(p, 120, height)
		if len(lines) != want {
			t.Fatalf("%d lines high: got %d lines, want %d", height, len(lines), want)
		}
		if got, want := lines[len(lines)-1], "  10,000 streams: 9 copied, 20 at work, 9,970 waiting, 1 failed"; got != want {
			t.Errorf("last line is %q, want %q", got, want)
		}
		lines = lines[:len(lines)-1]
		for _, line := range lines {
			if got, want := utf8.RuneCountInString(line[:strings.Index(line, "%")]), utf8.RuneCountInString(lines[0][:strings.Index(lines[0], "%")]); got != want {
				t.Errorf("shares stand at columns %d and %d", got, want)
			}
		}
	}
}

// TestPlainLines checks what a run writes where there is no terminal: nothing before there is a speed.
func TestPlainLines(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	c := &screen{out: &out, meters: map[string]*meter{}, told: time.Now().Add(-plainEvery)}
	p := client.Progress{Streams: []client.Stream{{ID: "1", Rows: 1000, Shards: 2}}, Total: client.Stream{Rows: 1000, Shards: 2},
		States: map[string]int{streamRunning: 1}}
	c.Progress(p)
	if out.Len() != 0 {
		t.Errorf("before anything moved: %q", out.String())
	}
	p.Total.Counts = client.Counts{Read: 500, Dirty: 1}
	c.Progress(p)
	if got := out.String(); !strings.HasPrefix(got, " 50%  500/1000 rows  ") || !strings.HasSuffix(got, "dirty 1\n") {
		t.Errorf("got %q", got)
	}
	c.Progress(p)
	c.State(client.Event{To: client.Verifying})
	if got := strings.Count(out.String(), "\n"); got != 2 {
		t.Errorf("lines within %v: got %d, want 2:\n%s", plainEvery, got, out.String())
	}
	// Of several streams, how many are where, and once of each that it failed.
	out.Reset()
	c.told = time.Now().Add(-plainEvery)
	p.States = map[string]int{streamDone: 3, streamFailed: 1}
	p.Streams = []client.Stream{{ID: "4", Source: "orders", Connection: "shop", State: streamFailed, Error: "no right"}}
	for range 2 {
		c.Progress(p)
	}
	if got := out.String(); strings.Count(got, "shop:orders failed, the others go on: no right\n") != 1 || !strings.HasSuffix(got, "  4 streams: 3 done, 1 failed\n") {
		t.Errorf("got %q", got)
	}
}

// TestBlock checks that a block on a terminal is wiped before anything else is written.
func TestBlock(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	c := &screen{out: &out, live: true, meters: map[string]*meter{}}
	c.Progress(client.Progress{Streams: []client.Stream{{ID: "1", Source: "a", Rows: 10, Shards: 1}, {ID: "2", Source: "b", Rows: 10, Shards: 1}},
		States: map[string]int{streamRunning: 2}})
	before := out.String()
	if got := strings.Count(before, "\n"); got != 3 {
		t.Fatalf("lines: got %d, want one a stream and one for all:\n%s", got, before)
	}
	c.pausing(false)
	after := strings.TrimPrefix(out.String(), before)
	want := "\r\x1b[3A\x1b[Jpausing: rows in flight are being committed; press Ctrl-C again to end at once\n" + before
	if after != want {
		t.Errorf("got %q, want %q", after, want)
	}
	c.State(client.Event{To: client.Pausing})
	if got := strings.TrimPrefix(out.String(), before); got != after {
		t.Errorf("a pause that was said is said again: %q", strings.TrimPrefix(got, after))
	}
}

func TestWrap(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text, indent string
		width        int
		want         []string
	}{
		{"short", "", 10, []string{"short"}},
		{"one two three", "  ", 8, []string{"one two", "  three"}},
		{"  a list of words", "    ", 10, []string{"  a list", "    of", "    words"}},
		{"averylongwordindeed and", "", 8, []string{"averylongwordindeed", "and"}},
		{"é é é é é", "", 5, []string{"é é é", "é é"}},
	} {
		if diff := cmp.Diff(c.want, wrap(c.text, c.indent, c.width)); diff != "" {
			t.Errorf("%q at %d: %s", c.text, c.width, diff)
		}
	}
}

func TestFit(t *testing.T) {
	t.Parallel()
	widths := []int{10, 60, 20, 200}
	room := fit(widths, 100)
	if want := 100 / 3; room < want {
		t.Errorf("room: got %d, want %d at least", room, want)
	}
	if used := widths[0] + widths[1] + widths[2] + 6 + room; used > 99 || widths[0] != 10 {
		t.Errorf("widths are %v with %d for the last", widths, room)
	}
}
