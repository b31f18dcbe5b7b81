package hbase

import (
	"bytes"
	"cmp"

	"github.com/towpath/towpath/connector"
)

// positionKind is that of the positions of this package.
const positionKind = "hbase.row"

// spot is how far a shard is read: behind a row, or within one.
type spot struct {
	row               []byte
	within            unread
	time              int64  // of the last cells read, unless the row is whole
	family, qualifier []byte // laterOnes
}

// unread is what of a row is not read yet.
type unread int

const (
	nothing    unread = iota // the row is whole
	everything               // the row is the first that is not read, or would be
	olderOnes                // cells older than time
	laterOnes                // cells behind that of family, qualifier and time
)

// has reports whether a cell is read already. Rows' cells come by family, by qualifier, and the newest first
// (https://hbase.apache.org/book.html#dm.sort).
func (s *spot) has(c *cell) bool {
	switch {
	case !s.parted() || !bytes.Equal(s.row, c.row):
		return false
	case s.within == olderOnes:
		return c.time >= s.time
	}
	return cmp.Or(bytes.Compare(c.family, s.family), bytes.Compare(c.qualifier, s.qualifier), cmp.Compare(s.time, c.time)) <= 0
}

// parted reports whether a part of the row is read, and a part is not.
func (s *spot) parted() bool { return s.within == olderOnes || s.within == laterOnes }

// start is the first row of a scan that reads what is left.
func (s *spot) start() []byte {
	if s.within == nothing {
		return afterRow(s.row)
	}
	return s.row
}

func (s *spot) position() connector.Position {
	parts := []connector.Part{{Tag: connector.TagBytes, Bytes: s.row}}
	switch s.within {
	case everything:
		parts = append(parts, connector.Part{Tag: connector.TagOpen})
	case olderOnes, laterOnes:
		parts = append(parts, connector.Part{Tag: connector.TagInt, Int: s.time})
	}
	if s.within == laterOnes {
		parts = append(parts, connector.Part{Tag: connector.TagBytes, Bytes: s.family}, connector.Part{Tag: connector.TagBytes, Bytes: s.qualifier})
	}
	return connector.NewPosition(positionKind, parts...)
}

// parsePosition reads what position wrote. What does not check is an error of class Changed, TOW-105.
func parsePosition(p connector.Position) (spot, error) {
	parts, err := p.Parts(positionKind)
	if err != nil {
		return spot{}, err
	}
	tags := [...]connector.Tag{connector.TagBytes, connector.TagInt, connector.TagBytes, connector.TagBytes}
	if len(parts) == 0 || len(parts) == 3 || len(parts) > len(tags) {
		return spot{}, malformedRecord(positionKind)
	}
	if len(parts) == 2 && parts[0].Tag == connector.TagBytes && parts[1].Tag == connector.TagOpen {
		return spot{row: parts[0].Bytes, within: everything}, nil
	}
	for i, part := range parts {
		if part.Tag != tags[i] {
			return spot{}, malformedRecord(positionKind)
		}
	}
	s := spot{row: parts[0].Bytes}
	if len(parts) > 1 {
		s.within, s.time = olderOnes, parts[1].Int
	}
	if len(parts) > 2 {
		s.within, s.family, s.qualifier = laterOnes, parts[2].Bytes, parts[3].Bytes
	}
	return s, nil
}
