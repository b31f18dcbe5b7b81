// Command reference writes docs/reference from the code: the error codes with their texts and hints, and the options of all
// connectors. It reads source files and option descriptions; it knows no connector by name.
package main

//go:generate go run . ../..

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/towpath/towpath/connectors/all"
)

func main() {
	root := "."
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	if err := write(root); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

func write(root string) error {
	codes, err := readCodes(root)
	if err != nil {
		return err
	}
	folder := filepath.Join(root, "docs", "reference")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "errors.md"), []byte(errorsPage(codes)), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "options.md"), []byte(optionsPage(all.Connectors())), 0o644)
}
