package connector

import (
	"encoding/binary"

	"github.com/towpath/towpath/record"
)

const checkpointKind = "towpath.checkpoint"

// AppendCheckpoint appends the record of a checkpoint: the form in which targets and the control database keep it.
func AppendCheckpoint(b []byte, c Checkpoint) []byte {
	r := appendBytes(open(checkpointKind), []byte(c.Shard))
	done := uint64(0)
	if c.Done {
		done = 1
	}
	for _, x := range [...]uint64{uint64(c.Seq), uint64(c.Rev), done, uint64(c.Read), uint64(c.Written), uint64(c.Dirty), uint64(c.Filtered),
		uint64(c.Superseded), uint64(c.Counts.Bytes), uint64(c.Sum.Count), c.Sum.Lo, c.Sum.Hi} {
		r = binary.LittleEndian.AppendUint64(r, x)
	}
	for _, x := range [...][]byte{c.At, c.Range, c.State} {
		r = appendBytes(r, x)
	}
	return append(b, seal(r)...)
}

// ParseCheckpoint reads what AppendCheckpoint wrote. What does not check is an error of class Changed, TOW-105.
func ParseCheckpoint(b []byte) (Checkpoint, error) {
	d, err := unseal(b, checkpointKind)
	if err != nil {
		return Checkpoint{}, err
	}
	c := Checkpoint{Shard: string(d.bytes())}
	c.Seq, c.Rev, c.Done = int64(d.uint64()), int(d.uint64()), d.uint64() == 1
	c.Counts = Counts{Read: int64(d.uint64()), Written: int64(d.uint64()), Dirty: int64(d.uint64()), Filtered: int64(d.uint64()),
		Superseded: int64(d.uint64()), Bytes: int64(d.uint64())}
	c.Sum = record.Sum{Count: int64(d.uint64()), Lo: d.uint64(), Hi: d.uint64()}
	c.At, c.Range, c.State = clone(d.bytes()), clone(d.bytes()), clone(d.bytes())
	return c, d.end(checkpointKind)
}

// clone copies b; an empty b is nil, as the checkpoint's codec does not tell them apart.
func clone(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return append([]byte(nil), b...)
}
