package job

import "github.com/towpath/towpath/internal/option"

// Duration is a time span, written as in 90s, 5m, 1h30m, 7d.
type Duration = option.Duration

// Size is a number of bytes, written as a number or as in 500kB, 32MiB.
type Size = option.Bytes
