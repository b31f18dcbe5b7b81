// Package openapi checks the API's document with other people's tools: a linter, and a TypeScript client that is made of it.
package openapi_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const document = "../../docs/reference/openapi.json"

// npm runs a program of the tools' packages in a folder.
func npm(t *testing.T, folder, name string, args ...string) (string, error) {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, args...)
	c.Dir = folder
	c.Env = append(os.Environ(), "REDOCLY_TELEMETRY=off", "REDOCLY_SUPPRESS_UPDATE_NOTICE=true", "npm_config_update_notifier=false", "CI=1")
	out, err := c.CombinedOutput()
	return string(out), err
}

// install returns a folder with the tools as the lock file names them, kept outside the tree from one run to the next.
func install(t *testing.T) string {
	t.Helper()
	lock, err := os.ReadFile("testdata/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(cache, "towpath-openapi", fmt.Sprintf("%x", sha256.Sum256(lock))[:16])
	if _, err := os.Stat(folder); err == nil {
		return folder
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		t.Fatal(err)
	}
	made, err := os.MkdirTemp(filepath.Dir(folder), "new-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(made)
	copyTo(t, made, "package.json", "package-lock.json")
	if out, err := npm(t, made, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"); err != nil {
		t.Fatalf("install: %v\n%s", err, out)
	}
	if err := os.Rename(made, folder); err != nil { // another run may have been faster
		if _, there := os.Stat(folder); there != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func copyTo(t *testing.T, folder string, names ...string) {
	t.Helper()
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, name), text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// workshop is a folder of the test's own with the tools, their settings and the document.
func workshop(t *testing.T, text []byte) (folder string, tool func(name string) string) {
	t.Helper()
	tools := install(t)
	folder = t.TempDir()
	copyTo(t, folder, "redocly.yaml", "tsconfig.json", "client.ts")
	if err := os.Symlink(filepath.Join(tools, "node_modules"), filepath.Join(folder, "node_modules")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "openapi.json"), text, 0o644); err != nil {
		t.Fatal(err)
	}
	return folder, func(name string) string { return filepath.Join(tools, "node_modules", ".bin", name) }
}

func read(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestLint lints the document, and one that is broken.
func TestLint(t *testing.T) {
	t.Parallel()
	text := read(t)
	folder, tool := workshop(t, text)
	if out, err := npm(t, folder, tool("redocly"), "lint", "openapi.json"); err != nil {
		t.Errorf("lint: %v\n%s", err, out)
	}
	broken := bytes.Replace(text, []byte(`"#/components/schemas/Run"`), []byte(`"#/components/schemas/Rum"`), 1)
	folder, tool = workshop(t, broken)
	if out, err := npm(t, folder, tool("redocly"), "lint", "openapi.json"); err == nil || !strings.Contains(out, "Rum") {
		t.Errorf("a reference to nothing passes: %v\n%s", err, out)
	}
}

// TestTypeScript compiles a client that is made of the document, and fails to against one without what it uses.
func TestTypeScript(t *testing.T) {
	t.Parallel()
	text := read(t)
	compile := func(text []byte) (string, error) {
		folder, tool := workshop(t, text)
		if out, err := npm(t, folder, tool("openapi-typescript"), "openapi.json", "-o", "api.ts"); err != nil {
			t.Fatalf("generate: %v\n%s", err, out)
		}
		return npm(t, folder, tool("tsc"), "-p", ".")
	}
	if out, err := compile(text); err != nil {
		t.Errorf("compile: %v\n%s", err, out)
	}
	var api map[string]any
	if err := json.Unmarshal(text, &api); err != nil {
		t.Fatal(err)
	}
	delete(api["paths"].(map[string]any), "/api/v1/workspaces/{workspace}/full")
	less, err := json.Marshal(api)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := compile(less); err == nil || !strings.Contains(out, "full") {
		t.Errorf("a client of a route that is not there compiles: %v\n%s", err, out)
	}
}
