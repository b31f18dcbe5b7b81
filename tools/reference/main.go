// Command reference writes docs/reference from the code: the commands, the keys of jobs, the routes of the API, the error
// codes with their texts and hints, and each connector's guide and options. It knows no connector by name.
package main

//go:generate go run . ../..

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/towpath/towpath/connectors/all"
	"github.com/towpath/towpath/internal/api"
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

// pages are the pages by their paths below docs/reference.
func pages(root string) (map[string]string, error) {
	codes, err := readCodes(root)
	if err != nil {
		return nil, err
	}
	commands, err := cliPage()
	if err != nil {
		return nil, err
	}
	documents, err := jobPage()
	if err != nil {
		return nil, err
	}
	proofs, err := proofsPage(root)
	if err != nil {
		return nil, err
	}
	all := connectorPages(all.Connectors())
	all["proofs.md"] = proofs
	all["openapi.json"] = string(api.Document())
	all["errors.md"], all["cli.md"], all["job.md"] = errorsPage(codes), commands, documents
	return all, nil
}

func write(root string) error {
	all, err := pages(root)
	if err != nil {
		return err
	}
	folder := filepath.Join(root, "docs", "reference")
	if err := os.RemoveAll(filepath.Join(folder, "connectors")); err != nil { // of connectors that are no more
		return err
	}
	for name, text := range all {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
