package record

import "math/bits"

// Hash is an XXH3-128 row hash.
type Hash struct{ Lo, Hi uint64 }

// Sum is a multiset hash of rows: their number and the sum of their hashes mod 2^128. It does not depend on order, notices
// duplicates, and can be subtracted from.
type Sum struct {
	Count  int64 `json:"count"`
	Lo, Hi uint64
}

// Add counts a row in.
func (s *Sum) Add(h Hash) {
	var carry uint64
	s.Count++
	s.Lo, carry = bits.Add64(s.Lo, h.Lo, 0)
	s.Hi, _ = bits.Add64(s.Hi, h.Hi, carry)
}

// Sub takes a row out.
func (s *Sum) Sub(h Hash) {
	var borrow uint64
	s.Count--
	s.Lo, borrow = bits.Sub64(s.Lo, h.Lo, 0)
	s.Hi, _ = bits.Sub64(s.Hi, h.Hi, borrow)
}

// Merge adds the rows of t.
func (s *Sum) Merge(t Sum) {
	var carry uint64
	s.Count += t.Count
	s.Lo, carry = bits.Add64(s.Lo, t.Lo, 0)
	s.Hi, _ = bits.Add64(s.Hi, t.Hi, carry)
}
