// Package record is the value layer: logical types, schemas, columnar batches, casts with their fit checks, and the
// canonical form that row hashes and receipts are made of. It knows no store, no job and no engine.
package record

// MaxRows is the most rows a batch holds.
const MaxRows = 4096

// MaxBytes is the size of its rows, as the source sent them, at which a batch is full. A single larger row is a batch of its own.
const MaxBytes = 1 << 20

// Code is the reason why a value or a row did not pass, as docs/reference/types.md lists them.
type Code string

// Codes of rows.
const (
	Range      Code = "RANGE"      // number or date outside the target's range
	Scale      Code = "SCALE"      // digits or fractional seconds would be lost
	NonFinite  Code = "NONFINITE"  // NaN or an infinity into a type without them
	ZeroDate   Code = "ZERODATE"   // 0000-00-00, 2026-00-15
	InfTime    Code = "INFTIME"    // ±infinity dates into a target without them
	TZGap      Code = "TZGAP"      // wall clock that does not exist in the declared zone
	TZAmbig    Code = "TZAMBIG"    // wall clock that exists twice in the declared zone
	UTF8       Code = "UTF8"       // bytes that are not valid text, or characters outside the target's charset
	NUL        Code = "NUL"        // U+0000 where the target cannot hold it
	Trunc      Code = "TRUNC"      // longer than the target's length
	WrongType  Code = "TYPE"       // a value of another type in a loosely typed source
	KeyNull    Code = "KEYNULL"    // NULL in a key
	KeyFold    Code = "KEYFOLD"    // two keys that are one under the target's collation
	EmptyNull  Code = "EMPTYNULL"  // '' where the target takes it for NULL
	TooBig     Code = "TOOBIG"     // larger than the target takes
	Shape      Code = "SHAPE"      // list, bit length or nesting the target cannot hold
	Constraint Code = "CONSTRAINT" // a key, foreign key, check or NOT NULL of the target
	Rejected   Code = "REJECTED"   // the target refuses the row for a reason of its own
)

// Codes of a whole stream or run.
const (
	SrcChanged Code = "SRCCHANGED"
	SchemaDiff Code = "SCHEMA"
	Self       Code = "SELF"
	Count      Code = "COUNT"
)
