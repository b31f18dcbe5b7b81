// Package secret keeps credentials out of what people and files get to see: a text that prints as ***, references to the
// environment and to files that are resolved when a connection is opened, seals that the master key alone opens, and a scrubber
// for errors and logs. It knows no connector and no store.
package secret

import (
	"fmt"
	"log/slog"
)

// Mask stands where a secret was.
const Mask = "***"

// String is a secret text. However it is printed, logged or marshalled, it is ***; only Reveal gives it out. The zero String is
// the empty text.
type String struct {
	value *string // behind a pointer, so that fmt of a struct that holds a String in an unexported field prints no value either
}

// New makes a String.
func New(value string) String { return String{&value} }

// Reveal returns the text itself.
func (s String) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsZero reports whether the text is empty.
func (s String) IsZero() bool { return s.Reveal() == "" }

// String returns ***.
func (s String) String() string { return Mask }

// GoString returns ***.
func (s String) GoString() string { return Mask }

// Format writes *** for every verb.
func (s String) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(Mask)) }

// MarshalJSON writes ***.
func (s String) MarshalJSON() ([]byte, error) { return []byte(`"` + Mask + `"`), nil }

// MarshalText writes ***.
func (s String) MarshalText() ([]byte, error) { return []byte(Mask), nil }

// UnmarshalText reads the text itself, from JSON and flags too.
func (s *String) UnmarshalText(text []byte) error {
	*s = New(string(text))
	return nil
}

// LogValue returns ***.
func (s String) LogValue() slog.Value { return slog.StringValue(Mask) }
