package hbase

import (
	"encoding/binary"

	"github.com/towpath/towpath/connector"
)

// cell is one cell of an answer. Its bytes are those of the answer.
type cell struct {
	row, family, qualifier, value []byte
	time                          int64 // its timestamp
}

// lengths of a KeyValue's fixed fields (org.apache.hadoop.hbase.KeyValue): lengths of key and value, length of the row; in the key beside
// row, family and qualifier: length of the row, length of the family, timestamp, type.
const (
	headBytes  = 4 + 4 + 2
	inKeyBytes = 2 + 1 + 8 + 1
)

// cutCell takes the first cell off a block, in which each KeyValue has its length before it.
func cutCell(block []byte) (c cell, rest []byte, err error) {
	if len(block) < 4 {
		return c, nil, malformed("ends within a length")
	}
	whole := int64(binary.BigEndian.Uint32(block))
	if whole < headBytes || whole > int64(len(block)-4) {
		return c, nil, malformed("has a cell longer than itself")
	}
	b, rest := block[4:4+whole], block[4+whole:]
	keyLen, valueLen := int64(binary.BigEndian.Uint32(b)), int64(binary.BigEndian.Uint32(b[4:]))
	rowLen := int64(binary.BigEndian.Uint16(b[8:]))
	if keyLen+valueLen+8 != whole || rowLen+inKeyBytes > keyLen {
		return c, nil, malformed("has a cell whose parts do not fit its length")
	}
	key, value := b[8:8+keyLen], b[8+keyLen:]
	familyLen := int64(key[2+rowLen])
	if rowLen+familyLen+inKeyBytes > keyLen {
		return c, nil, malformed("has a family longer than its cell")
	}
	c.row = key[2 : 2+rowLen]
	c.family = key[3+rowLen : 3+rowLen+familyLen]
	c.qualifier = key[3+rowLen+familyLen : keyLen-9]
	c.time = int64(binary.BigEndian.Uint64(key[keyLen-9:]))
	c.value = value
	return c, rest, nil
}

func malformed(what string) error {
	return connector.Errorf(connector.Retry, "TOW-811", "read cells: the block %s", what)
}
