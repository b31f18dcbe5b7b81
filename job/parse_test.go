package job_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/job"
	"github.com/towpath/towpath/record"
)

var update = flag.Bool("update", false, "write what is found into the golden files")

// TestDocuments reads each case of testdata: a document (job.yaml, job.json or connections.yaml) and beside it what Parse says of
// it: problems, or the canonical form.
func TestDocuments(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d cases: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			document := archive.Files[0]
			kind, found := outcome(t, document.Name, bytes.TrimSuffix(document.Data, []byte("<no line end>\n")))
			if *update {
				archive.Files = append(archive.Files[:1], txtar.File{Name: kind, Data: []byte(found)})
				if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if len(archive.Files) != 2 || archive.Files[1].Name != kind {
				t.Fatalf("the case expects %s, the document gives %s:\n%s", archive.Files[len(archive.Files)-1].Name, kind, found)
			}
			if diff := cmp.Diff(string(archive.Files[1].Data), found); diff != "" {
				t.Errorf("%s (-want +got):\n%s", kind, diff)
			}
		})
	}
}

func outcome(t *testing.T, name string, data []byte) (kind, text string) {
	t.Helper()
	var found any
	var err error
	if strings.HasPrefix(name, "connections") {
		found, err = job.ParseConnections(data, name)
	} else {
		found, err = job.Parse(data, name)
	}
	if err == nil {
		b, err := json.MarshalIndent(found, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		return "canonical", string(b) + "\n"
	}
	invalid, ok := errors.AsType[*job.Invalid](err)
	if !ok {
		t.Fatalf("error is a %T, want *job.Invalid: %v", err, err)
	}
	if connector.ClassOf(err) != connector.Config {
		t.Errorf("class is %v, want config", connector.ClassOf(err))
	}
	for i, cause := range invalid.Unwrap() {
		if e, ok := errors.AsType[*connector.Error](cause); !ok || e.Code != invalid.Problems[i].Code || !strings.HasPrefix(e.Code, "TOW-6") {
			t.Errorf("problem %d unwraps to %v", i, cause)
		}
	}
	return "problems", err.Error() + "\n"
}

const shop = `name: shop-to-search
mode: batch
source: {connection: shop}
target: {connection: search}
streams:
  - source: shop.orders
    target: orders
    write: upsert
    key: [id]
    where: "created_at >= '${since}'"
    columns:
      - id
      - {from: amount, to: amount_cents, type: int64}
      - {from: note, to: note, on: {UTF8: replace}}
settings:
  parallel: 4
  rate: {rows: 50000, bytes: 32MiB}
  dirty: {rows: 100, ratio: 0.001}
  on: {ZERODATE: null}
parameters: {since: "2026-01-01"}
`

func parse(t *testing.T, text string) *job.Job {
	t.Helper()
	j, err := job.Parse([]byte(text), "shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestParse(t *testing.T) {
	t.Parallel()
	j := parse(t, shop)
	s := j.Streams[0]
	if s.Write != connector.Upsert || s.Create.Never() || s.Create.Structure() != (connector.Structure{}) || len(s.Columns) != 3 || s.Columns[0].To != "id" {
		t.Errorf("stream = %+v", s)
	}
	if got := s.Columns[1].Type; got == nil || got.Kind != record.Int || got.Bits != 64 {
		t.Errorf("type = %v, want int64", got)
	}
	set := j.Settings
	if set.Parallel != 4 || set.Rate.Rows != 50000 || set.Rate.Bytes != 32<<20 || *set.Dirty.Rows != 100 || *set.Dirty.Ratio != 0.001 {
		t.Errorf("settings = %+v", set)
	}
	if set.Outage.Std() != 5*time.Minute || set.Accept != job.EffectivelyOnce || set.AtLeastOnce() || set.Verify != job.VerifyCounts {
		t.Errorf("defaults of settings = %+v", set)
	}
	want := map[record.Code]string{record.ZeroDate: "null", record.UTF8: "replace"}
	if diff := cmp.Diff(want, j.Policies(s.Columns[2])); diff != "" {
		t.Errorf("policies (-want +got):\n%s", diff)
	}
}

func TestDefaultsOfModes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		stream, mode string
		write        connector.Mode
		target       string
	}{
		{"source: a.b", "full", connector.Replace, "a.b"},
		{"source: a.b", "batch", connector.Upsert, "a.b"},
		{"source: a.*", "full", connector.Replace, ""},
		{"source: a.*, target: b", "full", connector.Replace, "b"},
		{"source: a, write: append, target: c", "full", connector.Append, "c"},
		{"query: select 1, target: c", "batch", connector.Upsert, "c"},
	} {
		j := parse(t, "mode: "+c.mode+"\nsource: {connection: a}\ntarget: {connection: b}\nstreams: [{"+c.stream+"}]\n")
		if s := j.Streams[0]; s.Write != c.write || s.Target != c.target || j.Name != "shop" {
			t.Errorf("%s %s: write %q, target %q, name %q; want %q, %q, shop", c.mode, c.stream, s.Write, s.Target, j.Name, c.write, c.target)
		}
	}
}

func TestCanonical(t *testing.T) {
	t.Parallel()
	j := parse(t, shop)
	again, err := job.Parse(j.Canonical(), "job.json")
	if err != nil {
		t.Fatalf("Parse(Canonical): %v", err)
	}
	if diff := cmp.Diff(string(j.Canonical()), string(again.Canonical())); diff != "" {
		t.Errorf("Canonical of Canonical (-want +got):\n%s", diff)
	}
	var read job.Endpoint
	inline := job.Endpoint{Connector: "x", Options: json.RawMessage(`{"host":"h","password":"p"}`)}
	b, err := json.Marshal(inline)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &read); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(inline, read); diff != "" {
		t.Errorf("endpoint (-want +got):\n%s", diff)
	}
	for _, c := range []struct {
		name, old, new string
		same           bool
	}{
		{"order of keys", "mode: batch\nsource: {connection: shop}\n", "source: {connection: shop}\nmode: batch\n", true},
		{"defaults", "    write: upsert\n", "", true},
		{"size", "32MiB", "33554432", true},
		{"comment", "settings:", "# text\nsettings:", true},
		{"type's spelling", "type: int64", "type: \"int64\"", true},
		{"create", "  parallel: 4", "  create: {missing, indexes: false}\n  parallel: 4", true},
		{"where", ">=", ">", false},
		{"parallel", "parallel: 4", "parallel: 5", false},
		{"policy", "ZERODATE: null", "ZERODATE: epoch", false},
		{"parameter", `"2026-01-01"`, `"2026-01-02"`, false},
	} {
		text := strings.Replace(shop, c.old, c.new, 1)
		if text == shop {
			t.Fatalf("%s: the case changes nothing", c.name)
		}
		if same := parse(t, text).Hash() == j.Hash(); same != c.same {
			t.Errorf("%s: hashes are equal: %v, want %v", c.name, same, c.same)
		}
	}
}

func TestRedacted(t *testing.T) {
	t.Parallel()
	j := parse(t, strings.Replace(shop, "{connection: shop}", "{connector: x, host: h, password: canary}", 1))
	masked := j.Redacted(func(name string, options json.RawMessage) json.RawMessage {
		return bytes.ReplaceAll(options, []byte("canary"), []byte("***"))
	})
	if text := string(masked.Canonical()); strings.Contains(text, "canary") || !strings.Contains(text, `"password":"***"`) {
		t.Errorf("redacted: %s", text)
	}
	if !strings.Contains(string(j.Canonical()), "canary") {
		t.Error("Redacted changed the job itself")
	}
}

func TestLocate(t *testing.T) {
	t.Parallel()
	j := parse(t, shop)
	for _, c := range []struct{ path, want string }{
		{"streams[0].columns[1].type", "13:48"},
		{"streams[0].columns[1].nothing", "13:9"},
		{"streams[0].target_options.refresh", "6:5"},
		{"settings", "16:3"},
		{"elsewhere", ""},
	} {
		if got := j.Locate(c.path); got != c.want {
			t.Errorf("Locate(%q) = %q, want %q", c.path, got, c.want)
		}
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	j := parse(t, shop)
	if err := j.Validate(); err != nil {
		t.Error(err)
	}
	j.Streams[0].Write = "merge"
	if err := j.Validate(); err == nil || !strings.Contains(err.Error(), `streams[0].write: "merge" is none of insert, upsert, replace, append`) {
		t.Errorf("Validate: %v", err)
	}
}

// TestCreate reads the forms of create: words and objects, in the settings and, before those, in a stream.
func TestCreate(t *testing.T) {
	t.Parallel()
	all := connector.Structure{Indexes: true, References: true, Defaults: true, Comments: true}
	for _, c := range []struct {
		settings, stream string
		want             connector.Structure
		never            bool
	}{
		{"", "", connector.Structure{}, false},
		{"create: {indexes, foreign_keys, defaults, comments}", "", all, false},
		{"create: {indexes: true, comments: false}", "", connector.Structure{Indexes: true}, false},
		{"create: {indexes, comments}", "create: {indexes: false, defaults: true}", connector.Structure{Comments: true, Defaults: true}, false},
		{"create: never", "", connector.Structure{}, true},
		{"create: never", "create: missing", connector.Structure{}, false},
		{"create: {missing: false, foreign_keys}", "create: {missing: true}", connector.Structure{References: true}, false},
		{"create: {indexes}", "create: never", connector.Structure{Indexes: true}, true},
	} {
		j := parse(t, "mode: full\nsource: {connection: a}\ntarget: {connection: b}\nstreams: [{source: x, "+c.stream+"}]\nsettings: {"+c.settings+"}\n")
		if got := j.Streams[0].Create; got.Structure() != c.want || got.Never() != c.never {
			t.Errorf("%s %s: got %+v, never %v", c.settings, c.stream, got.Structure(), got.Never())
		}
	}
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	_, err := job.Parse(bytes.Repeat([]byte("#"), 1<<20+1), "a.yaml")
	if got, want := err.Error(), "a.yaml: document is 1048577 bytes long, the most is 1048576"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for name := 'b'; name <= 'm'; name++ {
		before := string(name - 1)
		bomb += string(name) + ": &" + string(name) + " [" + strings.Repeat("*"+before+",", 9) + "*" + before + "]\n"
	}
	for _, text := range []string{bomb, "a: &a [*a, *a]", strings.Repeat("[", 2000), strings.Repeat(`{"a":`, 500)} {
		if _, err := job.Parse([]byte(text), "a.yaml"); err == nil {
			t.Errorf("%.30q was read", text)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(shop), true)
	f.Add([]byte(`{"mode":"full","source":{"connector":"x","a":[1,"\ud83d",null]},"target":{"connection":"b"},"streams":[{"source":"*"}]}`), true)
	f.Add([]byte("a: &a [*a, {b: 0x1F, c: !x y, ? [d] : e}]\n<<: *a"), false)
	f.Fuzz(func(t *testing.T, data []byte, yaml bool) {
		name := "fuzz.json"
		if yaml {
			name = "fuzz.yaml"
		}
		if _, err := job.ParseConnections(data, name); err != nil && err.Error() == "" {
			t.Error("an error without text")
		}
		j, err := job.Parse(data, name)
		if err != nil {
			if len(err.(*job.Invalid).Problems) == 0 {
				t.Error("an error without problems")
			}
			return
		}
		again, err := job.Parse(j.Canonical(), "canonical.json")
		if err != nil {
			t.Fatalf("canonical form %s is refused: %v", j.Canonical(), err)
		}
		if !bytes.Equal(j.Canonical(), again.Canonical()) {
			t.Errorf("canonical form changes:\n%s\n%s", j.Canonical(), again.Canonical())
		}
	})
}
