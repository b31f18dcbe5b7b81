package cli

import (
	"time"

	"github.com/towpath/towpath/client"
)

// meter measures speed over the last seconds.
type meter struct {
	at          []time.Time
	rows, bytes []int64
}

// meterSpan is the time that a speed is the mean of.
const meterSpan = 5 * time.Second

func (m *meter) add(now time.Time, c client.Counts) {
	m.at, m.rows, m.bytes = append(m.at, now), append(m.rows, c.Read), append(m.bytes, c.Bytes)
	for len(m.at) > 2 && now.Sub(m.at[0]) > meterSpan {
		m.at, m.rows, m.bytes = m.at[1:], m.rows[1:], m.bytes[1:]
	}
}

// speed is rows and bytes a second; 0 before anything moved.
func (m *meter) speed() (rows, bytes float64) {
	n := len(m.at) - 1
	if n < 1 {
		return 0, 0
	}
	seconds := m.at[n].Sub(m.at[0]).Seconds()
	if seconds <= 0 {
		return 0, 0
	}
	return max(float64(m.rows[n]-m.rows[0])/seconds, 0), max(float64(m.bytes[n]-m.bytes[0])/seconds, 0)
}
