package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/internal/view"
)

// mostStreams is how many streams the block shows one by one; of more, those at work.
const mostStreams = 12

// aboveBlock is how many lines of a terminal the block leaves to what stands above it.
const aboveBlock = 5

// cell is one part of a progress line. Of lines that are too wide, the parts with the highest rank go first.
type cell struct {
	text  string
	rank  int
	least int  // characters, so that lines keep their form while numbers change
	right bool // aligned to the right
}

// lineup is the block: a line for each stream, one for all, and one that counts streams; their parts below one another, as wide and as
// high as the terminal allows.
func (c *screen) lineup(p client.Progress, width, height int) []string {
	shown, all := p.Streams, streamsOf(p.States)
	most := max(min(mostStreams, height-aboveBlock), 1)
	if all > most {
		shown = nil
		for _, s := range p.Streams {
			if s.Active > 0 && len(shown) < most {
				shown = append(shown, s)
			}
		}
	}
	var lines []string
	for _, form := range []struct{ bar, most int }{{18, 3}, {10, 3}, {18, 2}, {10, 2}, {9, 1}, {6, 1}, {6, 0}} {
		var rows [][]cell
		for _, s := range shown {
			rows = append(rows, cells(s, c.meter(s.ID), form.bar))
		}
		if all > 1 {
			rows = append(rows, cells(p.Total, c.meter(""), form.bar))
		}
		lines = align(rows, form.most)
		if !slices.ContainsFunc(lines, func(line string) bool { return utf8.RuneCountInString(line) >= width }) {
			break
		}
	}
	if all > most || all > 1 && p.States[streamFailed]+p.States[streamHeld] > 0 {
		lines = append(lines, "  "+statesText(p.States))
	}
	return lines
}

// States of streams.
const (
	streamWaiting = "waiting"
	streamRunning = "running"
	streamCopied  = "copied"
	streamHeld    = "held"
	streamFailed  = "failed"
	streamDone    = "done"
)

// streamsOf is how many streams a run has, told of or not.
func streamsOf(states map[string]int) int {
	n := 0
	for _, some := range states {
		n += some
	}
	return n
}

// statesText counts streams: 10,000 streams: 4,312 copied, 4 at work, 5,683 waiting, 1 failed.
func statesText(states map[string]int) string {
	n := 0
	var parts []string
	for _, of := range []struct {
		state, word string
	}{{streamDone, "done"}, {streamCopied, "copied"}, {streamRunning, "at work"}, {streamWaiting, "waiting"}, {streamHeld, "held back"}, {streamFailed, "failed"}} {
		if some := states[of.state]; some > 0 {
			n += some
			parts = append(parts, full(int64(some))+" "+of.word)
		}
	}
	return plural(n, "stream") + ": " + strings.Join(parts, ", ")
}

// cells are the parts of a line: name, bar, share, rows, speed, time left, dirty rows, guarantee.
func cells(s client.Stream, m *meter, bar int) []cell {
	share := part(s)
	filled := int(share * float64(bar))
	rows, bytes := m.speed()
	return []cell{
		{text: clip(view.StreamName(s), 24)},
		{text: "[" + strings.Repeat("#", filled) + strings.Repeat("-", bar-filled) + "]", rank: 1},
		{text: fmt.Sprintf("%3d%%", int(share*100))},
		{text: short(s.Counts.Read) + "/" + short(max(s.Rows, s.Counts.Read)) + " rows", least: 16, right: true},
		{text: short(int64(rows)) + " rows/s", least: 11, right: true},
		{text: size(int64(bytes)) + "/s", rank: 2, least: 8, right: true},
		{text: leftText(s, rows), least: 10},
		{text: "dirty " + short(s.Counts.Dirty)},
		{text: string(s.Guarantee), rank: 3},
	}
}

// align joins the parts of each line up to a rank, padded to one width.
func align(rows [][]cell, most int) []string {
	if len(rows) == 0 {
		return nil
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, part := range row {
			widths[i] = max(widths[i], part.least, utf8.RuneCountInString(part.text))
		}
	}
	lines := make([]string, len(rows))
	for n, row := range rows {
		var b strings.Builder
		for i, part := range row {
			if part.rank > most {
				continue
			}
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(part.text))
			b.WriteString("  ")
			if part.right {
				b.WriteString(pad + part.text)
			} else {
				b.WriteString(part.text + pad)
			}
		}
		lines[n] = strings.TrimRight(b.String(), " ")
	}
	return lines
}

// plainLine is the progress of a run where there is no terminal.
func plainLine(p client.Progress, m *meter) string {
	total := p.Total
	rows, bytes := m.speed()
	parts := []string{fmt.Sprintf("%3d%%", int(part(total)*100)), short(total.Counts.Read) + "/" + short(max(total.Rows, total.Counts.Read)) + " rows",
		short(int64(rows)) + " rows/s", size(int64(bytes)) + "/s"}
	if left := leftText(total, rows); left != "" {
		parts = append(parts, left)
	}
	parts = append(parts, "dirty "+short(total.Counts.Dirty))
	if streamsOf(p.States) > 1 {
		parts = append(parts, statesText(p.States))
	}
	return strings.Join(parts, "  ")
}

func leftText(s client.Stream, rowsPerSecond float64) string {
	left := s.Rows - s.Counts.Read
	if rowsPerSecond < 1 || left <= 0 || part(s) == 1 {
		return ""
	}
	return "left " + span(time.Duration(float64(left)/rowsPerSecond*float64(time.Second)))
}

// part is the share that is done, 1 only at the very end: row numbers are estimates.
func part(s client.Stream) float64 {
	if s.Shards > 0 && s.Done == s.Shards {
		return 1
	}
	if s.Rows <= 0 {
		return 0
	}
	return min(float64(s.Counts.Read)/float64(s.Rows), 0.99)
}
