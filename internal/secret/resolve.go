package secret

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/towpath/towpath/connector"
)

// MaxFile is the most bytes that a referenced file holds.
const MaxFile = 64 << 10

// Lookup is where references lead.
type Lookup struct {
	Env func(name string) (value string, set bool) // nil: the process's environment
	Dir string                                     // what relative paths of files start from; "": the working directory
}

// Resolve returns the object with each ${env:NAME} and ${file:path} in its texts replaced, and the values that took their
// place, for a Scrubber. $${ stands for ${ itself. A file loses one line end at its end. What does not resolve is an error of
// class Config at the path of the text, which names the variable or file and never a value. at is the path of the object.
func Resolve(raw json.RawMessage, at string, l Lookup) (json.RawMessage, []String, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber() // numbers keep their digits
	var tree any
	if err := decoder.Decode(&tree); err != nil {
		return nil, nil, fmt.Errorf("resolve references of %s: %w", at, err)
	}
	r := resolver{Lookup: l}
	if r.Env == nil {
		r.Env = os.LookupEnv
	}
	tree, err := r.value(tree, at)
	if err != nil {
		return nil, nil, err
	}
	out, err := json.Marshal(tree)
	return out, r.values, err
}

type resolver struct {
	Lookup
	values []String
}

func (r *resolver) value(v any, at string) (any, error) {
	var err error
	switch v := v.(type) {
	case string:
		return r.text(v, at)
	case []any:
		for i := range v {
			if v[i], err = r.value(v[i], fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for name := range v {
			if v[name], err = r.value(v[name], strings.TrimPrefix(at+"."+name, ".")); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

func (r *resolver) text(text, at string) (string, error) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "${")
		if !found {
			return b.String() + text, nil
		}
		if escaped, yes := strings.CutSuffix(before, "$"); yes {
			b.WriteString(escaped + "${")
			text = after
			continue
		}
		reference, rest, closed := strings.Cut(after, "}")
		name, isEnv := strings.CutPrefix(reference, "env:")
		path, isFile := strings.CutPrefix(reference, "file:")
		var value string
		var err error
		switch {
		case closed && isEnv && name != "":
			value, err = r.env(name, at)
		case closed && isFile && path != "":
			value, err = r.file(path, at)
		default:
			// Not quoted: the text may be a password with ${ in it.
			err = connector.Errorf(connector.Config, "TOW-607", "${ starts no reference").At(at).
				WithHint("References are ${env:NAME} and ${file:path}; write $${ for ${ itself.")
		}
		if err != nil {
			return "", err
		}
		if !utf8.ValidString(value) {
			return "", connector.Errorf(connector.Config, "TOW-621", "the value of %s is not valid UTF-8", reference).At(at)
		}
		r.values = append(r.values, New(value))
		b.WriteString(before + value)
		text = rest
	}
}

func (r *resolver) env(name, at string) (string, error) {
	value, set := r.Env(name)
	if !set {
		return "", connector.Errorf(connector.Config, "TOW-620", "environment variable %s is not set", name).At(at).
			WithHint("Set %s in the environment of towpath.", name)
	}
	return value, nil
}

func (r *resolver) file(path, at string) (string, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(r.Dir, path)
	}
	refuse := func(format string, args ...any) error {
		return connector.Errorf(connector.Config, "TOW-621", format, args...).At(at)
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", refuse("read secret file %q: %w", path, cause(err))
	}
	if !info.Mode().IsRegular() {
		return "", refuse("read secret file %q: not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", refuse("read secret file %q: %w", path, cause(err))
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err != nil {
		return "", refuse("read secret file %q: %w", path, cause(err))
	}
	if len(data) > MaxFile {
		return "", refuse("read secret file %q: longer than %d bytes", path, MaxFile)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r"), nil
}

// cause is what went wrong with a file, without the path that the text has already.
func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
