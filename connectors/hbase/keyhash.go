package hbase

import (
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"math/bits"

	"github.com/towpath/towpath/connector"
)

// keyHash makes the bytes that stand before a key to spread rows over regions. They are of the key alone, so whoever has the key finds the row.
type keyHash struct {
	name string
	size int // bytes
	sum  func(key []byte) []byte
}

// keyHashes are those that programs of HBase use: MD5 as bytes or as MD5Hash.getMD5AsHex writes it, and MurmurHash3 of 32 bits with seed 0, as
// Bytes.toBytes writes its int (org.apache.hadoop.hbase.util).
var keyHashes = []keyHash{
	{"md5", md5.Size, func(key []byte) []byte {
		sum := md5.Sum(key)
		return sum[:]
	}},
	{"md5_hex", 2 * md5.Size, func(key []byte) []byte {
		sum := md5.Sum(key)
		return hex.AppendEncode(nil, sum[:])
	}},
	{"murmur3", 4, func(key []byte) []byte { return binary.BigEndian.AppendUint32(nil, murmur3(key)) }},
}

// keyHash is the hash that the options name; of size 0: none.
func (o *WriteOptions) keyHash() (keyHash, error) {
	for _, h := range keyHashes {
		if h.name != o.KeyHash {
			continue
		}
		switch {
		case o.SaltBuckets > 0:
			return h, connector.Errorf(connector.Config, "TOW-821", "make row keys: salt_buckets and key_hash would both stand before the key").At("target_options.key_hash").
				WithHint("Leave one of them out.")
		case o.HashBytes > h.size:
			return h, connector.Errorf(connector.Config, "TOW-821", "make row keys: %s has %d bytes, not %d", h.name, h.size, o.HashBytes).At("target_options.key_hash_bytes")
		case o.HashBytes > 0:
			h.size = o.HashBytes
		}
		return h, nil
	}
	if o.HashBytes > 0 {
		return keyHash{}, connector.Errorf(connector.Config, "TOW-821", "make row keys: key_hash_bytes is of no hash").At("target_options.key_hash_bytes").WithHint("Name one by key_hash.")
	}
	return keyHash{}, nil
}

// murmur3 is MurmurHash3_x86_32 with seed 0 (https://github.com/aappleby/smhasher).
func murmur3(key []byte) uint32 {
	const first, second = 0xCC9E2D51, 0x1B873593
	h := uint32(0)
	rest := key
	for ; len(rest) >= 4; rest = rest[4:] {
		h ^= bits.RotateLeft32(binary.LittleEndian.Uint32(rest)*first, 15) * second
		h = bits.RotateLeft32(h, 13)*5 + 0xE6546B64
	}
	k := uint32(0)
	for i, b := range rest {
		k |= uint32(b) << (8 * i)
	}
	h ^= bits.RotateLeft32(k*first, 15) * second
	h ^= uint32(len(key))
	h = (h ^ h>>16) * 0x85EBCA6B
	h = (h ^ h>>13) * 0xC2B2AE35
	return h ^ h>>16
}
