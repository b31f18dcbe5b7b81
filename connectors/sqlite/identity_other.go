//go:build !unix

package sqlite

import "os"

// folderIdentity names a folder by its path, where the system has no numbers for folders.
func folderIdentity(folder string) (string, error) {
	_, err := os.Stat(folder)
	return folder, err
}
