package egress

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
)

// File returns the path at which a file that a connection names is opened: one that leads through no link, in one of the folders. A relative
// path begins in the first of them. The file need not be there, its folder must. Paths with .. are refused wherever they end.
//
// Who can put links into the folders while a file is being opened could still lead it elsewhere.
func File(folders []string, path string) (string, error) {
	parts := strings.FieldsFunc(path, func(r rune) bool { return r == '/' || r == filepath.Separator })
	if path == "" || strings.ContainsRune(path, 0) || slices.Contains(parts, "..") {
		return "", outside(path)
	}
	for _, folder := range folders {
		folder, err := filepath.Abs(folder)
		if err != nil {
			return "", lostFolder(err)
		}
		found, err := real(folder)
		if err != nil {
			return "", lostFolder(err)
		}
		if !filepath.IsAbs(path) {
			return within(found, path)
		}
		for _, written := range []string{folder, found} {
			if below, err := filepath.Rel(written, path); err == nil && filepath.IsLocal(below) {
				return within(found, below)
			}
		}
	}
	return "", outside(path)
}

// within returns the path of a file below a folder, itself without links.
func within(folder, path string) (string, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return "", lostFolder(err)
	}
	defer root.Close()
	path = filepath.Clean(path)
	rest := ""
	info, err := root.Stat(path) // follows links as long as they stay below the folder
	if errors.Is(err, fs.ErrNotExist) {
		if _, link := root.Lstat(path); link == nil {
			return "", outside(path) // a link to nothing: what is made would be made elsewhere
		}
		path, rest = filepath.Dir(path), filepath.Base(path)
		if info, err = root.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return "", connector.Errorf(connector.Missing, "TOW-173", "find file %q: its folder does not exist", filepath.Join(path, rest))
		}
	}
	if err != nil || info.IsDir() != (rest != "") || rest == "" && !info.Mode().IsRegular() {
		return "", outside(filepath.Join(path, rest))
	}
	found, err := real(filepath.Join(folder, path))
	if err != nil {
		return "", outside(filepath.Join(path, rest))
	}
	if below, err := filepath.Rel(folder, found); err != nil || !filepath.IsLocal(below) {
		return "", outside(filepath.Join(path, rest))
	}
	return filepath.Join(found, rest), nil
}

// Apart returns an error when one of the folders holds the path, whatever links lead to either: what a server keeps for itself, its control
// database above all, is no file of its connections. The path must be there.
func Apart(folders []string, path string) error {
	kept, err := real(path)
	if err != nil {
		return lostFolder(err)
	}
	for _, folder := range folders {
		open, err := real(folder)
		if err != nil {
			return lostFolder(err)
		}
		if below, err := filepath.Rel(open, kept); err == nil && filepath.IsLocal(below) {
			return connector.Errorf(connector.Config, "TOW-174", "folder %q, in which connections may name files, holds what the server keeps for itself in %q", folder, path).
				WithHint("Name a folder of its own for files.")
		}
	}
	return nil
}

// real returns the path that a path stands for, absolute and without links.
func real(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

func outside(path string) error {
	return connector.Errorf(connector.Denied, "TOW-171", "%q is no file in a folder that connections may name files of", path).
		WithHint("Who runs the server says which folders those are; links out of them are not followed, and .. is not taken.")
}

func lostFolder(err error) error {
	return connector.Errorf(connector.Config, "TOW-174", "open a folder that connections may name files of: %w", err).
		WithHint("The folder belongs to the settings of the server.")
}
