package elasticsearch

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strconv"

	"github.com/towpath/towpath/record"
)

// maxID is the longest _id in bytes that the server takes.
const maxID = 512

// The prefixes of ids that are not the key itself. A key that begins like them is escaped, so that no two keys share an id.
const (
	reserved  = "~tw:"
	escaped   = reserved + "e:"
	hashedKey = reserved + "h:"
)

// keyColumn is a column of the key with its type.
type keyColumn struct {
	col int
	typ *record.Type
}

// append appends the column's part of an id.
func (c keyColumn) append(dst []byte, b *record.Batch, row int) []byte {
	if c.typ.Kind == record.Bytes {
		return base64.RawURLEncoding.AppendEncode(dst, b.Cols[c.col].Bytes(row))
	}
	return record.AppendText(dst, c.typ, b.Cols[c.col], row)
}

// ids makes the _id of rows from their key.
type ids struct {
	key  []keyColumn
	part []byte // scratch
}

// append appends the id of a row whose key columns are all present. One column is its own text form, bytes in base64url without padding (RFC 4648);
// several are each preceded by their length ("2:ab3:c|d"), so that no two lists of parts look alike. An empty text and one that begins like a
// reserved prefix is escaped, and what is longer than 512 bytes is replaced by its SHA-256.
func (k *ids) append(dst []byte, b *record.Batch, row int) []byte {
	from := len(dst)
	if len(k.key) == 1 {
		dst = k.key[0].append(dst, b, row)
		text := dst[from:]
		switch {
		case len(text) > maxID:
			return appendHashed(dst, from)
		case len(text) > 0 && (text[0] != reserved[0] || len(text) < len(reserved) || string(text[:len(reserved)]) != reserved):
			return dst
		case len(text)+len(escaped) > maxID:
			return appendHashed(dst, from)
		}
		k.part = append(k.part[:0], text...)
		return append(append(dst[:from], escaped...), k.part...)
	}
	for _, c := range k.key {
		k.part = c.append(k.part[:0], b, row)
		dst = append(strconv.AppendInt(dst, int64(len(k.part)), 10), ':')
		dst = append(dst, k.part...)
	}
	if len(dst)-from > maxID {
		return appendHashed(dst, from)
	}
	return dst
}

// appendHashed replaces what follows from by its hash.
func appendHashed(dst []byte, from int) []byte {
	sum := sha256.Sum256(dst[from:])
	return hex.AppendEncode(append(dst[:from], hashedKey...), sum[:])
}

// null returns the first key column that is NULL in the row, or -1.
func (k *ids) null(b *record.Batch, row int) int {
	for _, c := range k.key {
		if b.Cols[c.col].Null(row) {
			return c.col
		}
	}
	return -1
}
