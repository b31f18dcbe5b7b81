package secret

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/towpath/towpath/connector"
)

// Variables of the environment that give the master key, in base64 or by the file that holds it.
const (
	KeyVariable     = "TOWPATH_MASTER_KEY"
	KeyFileVariable = "TOWPATH_MASTER_KEY_FILE"
)

// KeyFile is the name of the file of the master key in a state folder.
const KeyFile = "master.key"

// LoadKeys reads the master key: 32 bytes in base64, from KeyVariable, else from the file that KeyFileVariable names, else from file, which is made with a
// random key when it is missing. A file that others than its owner may read or write is refused, but for root's, which a group may read.
// env nil: the process's environment. file "": none.
func LoadKeys(file string, env func(name string) (value string, set bool)) (*Keys, error) {
	if env == nil {
		env = os.LookupEnv
	}
	if text, set := env(KeyVariable); set {
		return parseKey(text, KeyVariable)
	}
	if named, set := env(KeyFileVariable); set {
		return readKey(named)
	}
	if file == "" {
		return nil, connector.Errorf(connector.Config, "TOW-280", "there is no master key").WithHint("Set %s, or name its file by %s.", KeyVariable, KeyFileVariable)
	}
	keys, err := readKey(file)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeKey(file); err != nil {
			return nil, err
		}
		keys, err = readKey(file)
	}
	return keys, err
}

func readKey(file string) (*Keys, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, noKey("read", file, err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, noKey("read", file, err)
	}
	mode, others := info.Mode(), fs.FileMode(0o077)
	if ofRoot(info) {
		others = 0o037 // systemd and others hand it over readable by the group, which stands for the service's user
	}
	if !mode.IsRegular() || mode.Perm()&others != 0 {
		return nil, connector.Errorf(connector.Config, "TOW-281", "read the master key: %s is %s, open to others than its owner", file, mode).
			WithHint("chmod 600 %s; if others have read it, make a new key and set all secrets again.", file)
	}
	text, err := io.ReadAll(io.LimitReader(f, MaxFile))
	if err != nil {
		return nil, noKey("read", file, err)
	}
	return parseKey(string(text), file)
}

// parseKey reads the text of a key; from says where it stood.
func parseKey(text, from string) (*Keys, error) {
	key, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(text))
	if err != nil || len(key) != keyBytes { // the error may quote the text
		return nil, connector.Errorf(connector.Config, "TOW-280", "%s holds no master key", from).WithHint("It is %d random bytes in base64: openssl rand -base64 %d.", keyBytes, keyBytes)
	}
	return newKeys(key), nil
}

// makeKey writes a random key, whole or not at all, and leaves a file alone that is there by then.
func makeKey(file string) error {
	key := make([]byte, keyBytes)
	if _, err := rand.Read(key); err != nil {
		return noKey("make", file, err)
	}
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+"-*") // mode 0600
	if err != nil {
		return noKey("make", file, err)
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(key) + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return noKey("make", file, err)
	}
	// Of two processes that both make one, a link lets one win.
	if err := os.Link(f.Name(), file); err != nil && !errors.Is(err, fs.ErrExist) {
		return noKey("make", file, err)
	}
	folder, err := os.Open(filepath.Dir(file)) // what is sealed must not outlive the file's name
	if err != nil {
		return noKey("make", file, err)
	}
	if err := errors.Join(folder.Sync(), folder.Close()); err != nil {
		return noKey("make", file, err)
	}
	return nil
}

func noKey(doing, file string, err error) error {
	return connector.Errorf(connector.Config, "TOW-280", "%s the master key %s: %w", doing, file, cause(err)).WithHint("Check path and owner of the file.")
}
