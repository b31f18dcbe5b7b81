//go:build unix

package sqlite

import (
	"os"
	"strconv"
	"syscall"
)

// folderIdentity names a folder whatever path leads to it.
func folderIdentity(folder string) (string, error) {
	info, err := os.Stat(folder)
	if err != nil {
		return "", err
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return folder, nil
	}
	return strconv.FormatUint(uint64(s.Dev), 10) + ":" + strconv.FormatUint(uint64(s.Ino), 10), nil
}
