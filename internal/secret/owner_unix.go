//go:build unix

package secret

import (
	"io/fs"
	"syscall"
)

// ofRoot reports whether a file is root's.
func ofRoot(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Uid == 0
}
