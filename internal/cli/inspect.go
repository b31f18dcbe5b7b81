package cli

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/url"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/internal/view"
	"github.com/towpath/towpath/job"
)

type dirtyCmd struct {
	Key    string `arg:"" name:"run" help:"The run's key."`
	Stream string `help:"Only those of streams of this source, alias:source, or target." placeholder:"NAME"`
	Export string `help:"Write all of them to this file as JSON lines; - is standard output." placeholder:"FILE"`
	Most   int    `help:"How many to list." default:"20" placeholder:"N"`
}

// Run lists or exports dirty rows.
func (c *dirtyCmd) Run(s *session) error {
	ctx, svc, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	names, only, err := c.streams(ctx, svc)
	if err != nil {
		return err
	}
	if c.Export != "" {
		n, err := s.exportTo(c.Export, func(write func(client.DirtyRow) error) error {
			for row, err := range c.rows(ctx, svc, only, 0) {
				if err != nil {
					return err
				}
				if err := write(view.DirtyRow(names, row)); err != nil {
					return err
				}
			}
			return nil
		})
		if err == nil && c.Export != "-" {
			s.note("%s dirty rows written to %s", full(int64(n)), c.Export)
		}
		return err
	}
	list := []client.DirtyRow{}
	var rows [][]string
	first := 0
	if len(names) == 1 { // there is nothing to tell apart
		first = 1
	}
	for row, err := range c.rows(ctx, svc, only, c.Most) {
		if err != nil {
			return err
		}
		d := view.DirtyRow(names, row)
		list = append(list, d)
		rows = append(rows, []string{d.Stream, placeOf(row.Cursor), d.Code, d.Column, d.Reason, mendText(d), clip(string(d.Row), 200)}[first:])
	}
	return s.answer(list, func() {
		if len(rows) == 0 {
			s.printf("no dirty rows\n")
			return
		}
		s.table([]string{"STREAM", "PLACE", "CODE", "COLUMN", "REASON", "MENDED", "ROW"}[first:], rows)
		if len(rows) == c.Most {
			s.note("There may be more: towpath dirty %s --export FILE writes all of them.", c.Key)
		}
	})
}

// mendText says what became of a dirty row since.
func mendText(d client.DirtyRow) string {
	text := ""
	if len(d.Mend) > 0 {
		b, _ := json.Marshal(d.Mend)
		text = clip(string(b), 60)
	}
	if d.Replay != "" {
		text = strings.TrimSpace(text + " (taken by replay " + d.Replay + ")")
	}
	return text
}

// streams returns how the streams of the run are called, by ID, and the IDs of those that were asked for: "" for all.
func (c *dirtyCmd) streams(ctx context.Context, svc *control.Service) (names map[string]string, only []string, err error) {
	only = []string{""}
	if c.Stream != "" {
		found, err := svc.FindStreams(ctx, c.Key, c.Stream)
		if err != nil {
			return nil, nil, err
		}
		only = nil
		for _, st := range found {
			only = append(only, st.ID)
		}
	}
	_, progress, _, err := svc.Status(ctx, c.Key)
	names = make(map[string]string, len(progress.Streams))
	for _, p := range progress.Streams {
		names[p.ID] = view.StreamName(p)
	}
	return names, only, err
}

// rows yields up to most dirty rows of streams, 0 for all.
func (c *dirtyCmd) rows(ctx context.Context, svc *control.Service, streams []string, most int) iter.Seq2[store.DirtyAt, error] {
	return func(yield func(store.DirtyAt, error) bool) {
		left := most
		for _, id := range streams {
			for row, err := range svc.Dirty(ctx, c.Key, id, max(left, 0)) {
				if !yield(row, err) {
					return
				}
				if left--; left == 0 {
					return
				}
			}
		}
	}
}

func (s *session) exportTo(path string, rows func(write func(client.DirtyRow) error) error) (n int, err error) {
	out := bufio.NewWriter(s.Out)
	if path != "-" {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return 0, connector.Errorf(connector.Config, "TOW-017", "export: %w", err)
		}
		defer f.Close()
		out = bufio.NewWriter(f)
	}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	err = rows(func(d client.DirtyRow) error { n++; return enc.Encode(d) })
	if err != nil {
		return n, err
	}
	return n, out.Flush()
}

func clip(text string, most int) string {
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}

// endpoint reads alias, alias:dataset or a URL.
func (s *session) endpoint(spec string) (job.Endpoint, string, error) {
	scheme, dataset, _ := strings.Cut(spec, ":")
	if !strings.Contains(spec, "://") {
		aliases, _, err := s.connections()
		if _, known := aliases[scheme]; err != nil || known || s.byScheme(scheme) == nil {
			return job.Endpoint{Connection: scheme}, dataset, err
		}
	}
	u, err := url.Parse(spec)
	if err != nil { // the cause quotes the URL, which may hold a password
		return job.Endpoint{}, "", usage(connector.Errorf(connector.Config, "TOW-018", "the URL is not well-formed").
			WithHint("Characters like @, / and # in user names and passwords are written as %%40, %%2F and %%23."))
	}
	s.warnOfPassword(u)
	name, options, dataset, err := s.readURL(u)
	if err != nil {
		return job.Endpoint{}, "", err
	}
	raw, err := json.Marshal(options)
	return job.Endpoint{Connector: name, Options: raw}, dataset, err
}

type checkCmd struct {
	Connection string `arg:"" help:"Alias or URL."`
}

// Run checks a connection.
func (c *checkCmd) Run(s *session) error {
	e, _, err := s.endpoint(c.Connection)
	if err != nil {
		return err
	}
	ctx, svc, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	checked, err := svc.Check(ctx, e)
	if err != nil {
		return err
	}
	return s.answer(checked, func() {
		s.printf("ok: %s %s answered in %s\n", checked.Connector, checked.Identity, checked.Took.Round(time.Millisecond))
	})
}

type discoverCmd struct {
	Connection string `arg:"" help:"Alias, alias:dataset or URL; with a dataset its schema is shown."`
	Pattern    string `arg:"" optional:"" help:"Which datasets to list; * stands for any characters." default:"*"`
	Sample     int    `help:"Show so many rows as well." placeholder:"N"`
}

// Run lists datasets or shows a schema.
func (c *discoverCmd) Run(s *session) error {
	e, dataset, err := s.endpoint(c.Connection)
	if err != nil {
		return err
	}
	ctx, svc, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	if dataset == "" {
		names := []string{}
		for name, err := range svc.Discover(ctx, e, c.Pattern) {
			if err != nil {
				return err
			}
			names = append(names, name)
		}
		return s.answer(names, func() {
			for _, name := range names {
				s.printf("%s\n", name)
			}
		})
	}
	schema, declared, sample, err := svc.Schema(ctx, e, dataset, c.Sample)
	if err != nil {
		return err
	}
	rows := make([]json.RawMessage, len(sample))
	for i, row := range sample {
		rows[i] = row
	}
	data := map[string]any{"dataset": dataset, "declared": declared, "fields": schema.Fields, "sample": rows}
	return s.answer(data, func() {
		var list [][]string
		for _, f := range schema.Fields {
			list = append(list, []string{f.Name, f.Native, f.Type.String(), yes(f.Nullable, "null", "not null"), keyText(f.Key), f.Comment})
		}
		s.table([]string{"COLUMN", "TYPE", "LOGICAL", "NULL", "KEY", "COMMENT"}, list)
		for _, row := range sample {
			s.printf("%s\n", row)
		}
	})
}

func yes(b bool, then, otherwise string) string {
	if b {
		return then
	}
	return otherwise
}

func keyText(pos int) string {
	if pos == 0 {
		return ""
	}
	return fmt.Sprintf("key %d", pos)
}

type jobCmd struct {
	Check  jobCheckCmd  `cmd:"" help:"Check a job file without connecting."`
	Schema jobSchemaCmd `cmd:"" help:"Print the JSON Schema of job files, for editors."`
}

type jobCheckCmd struct {
	File string            `arg:"" help:"The job file; - is standard input." predictor:"file"`
	Set  map[string]string `help:"Give a parameter of the job a value." placeholder:"NAME=VALUE" mapsep:"none"`
}

// Run checks a job file.
func (c *jobCheckCmd) Run(s *session) error {
	j, err := s.readJob(c.File, c.Set)
	if err != nil {
		return err
	}
	return s.answer(map[string]any{"name": j.Name, "mode": j.Mode, "streams": len(j.Streams)}, func() {
		s.printf("%s: ok, %s mode, %s\n", c.File, j.Mode, plural(len(j.Streams), "stream"))
	})
}

type jobSchemaCmd struct{}

// Run prints the JSON Schema of jobs.
func (c *jobSchemaCmd) Run(s *session) error {
	return s.answer(json.RawMessage(job.Schema()), func() { s.printf("%s", job.Schema()) })
}

type connectorsCmd struct {
	Name string `arg:"" optional:"" help:"Describe this one: its options and its guide."`
}

// Run lists connectors or describes one.
func (c *connectorsCmd) Run(s *session) error {
	if c.Name != "" {
		one, err := s.set.Get(c.Name)
		if err != nil {
			return err
		}
		data := map[string]any{"name": one.Name, "title": one.Title, "docs": one.Docs}
		for name, options := range map[string]*connector.Options{"connection": one.Connection, "reading": one.Reading, "writing": one.Writing} {
			if options != nil {
				data[name] = options.Schema()
			}
		}
		return s.answer(data, func() { s.printf("%s\n", one.Docs) })
	}
	type item struct {
		Name   string `json:"name"`
		Title  string `json:"title"`
		Reads  bool   `json:"reads"`
		Writes bool   `json:"writes"`
	}
	list := []item{}
	var rows [][]string
	for _, c := range s.set.All() {
		list = append(list, item{c.Name, c.Title, c.Read != nil, c.Write != nil})
		rows = append(rows, []string{c.Name, yes(c.Read != nil, "yes", "no"), yes(c.Write != nil, "yes", "no"), c.Title})
	}
	return s.answer(list, func() { s.table([]string{"CONNECTOR", "SOURCE", "TARGET", "FOR"}, rows) })
}

type cleanCmd struct {
	Connection string `arg:"" help:"Alias or URL of the target."`
	Remove     bool   `help:"Remove what belongs to ended runs."`
}

// Run lists or removes leftovers.
func (c *cleanCmd) Run(s *session) error {
	e, _, err := s.endpoint(c.Connection)
	if err != nil {
		return err
	}
	ctx, svc, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	list, err := svc.CleanUp(ctx, e, c.Remove)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, l := range list {
		rows = append(rows, []string{l.Run, l.What, yes(l.Removed, "removed", "there")})
	}
	return s.answer(list, func() {
		if len(rows) == 0 {
			s.printf("nothing is left behind\n")
			return
		}
		s.table([]string{"RUN", "WHAT", "NOW"}, rows)
		if !c.Remove {
			s.note("Remove what belongs to ended runs with: towpath clean --remove %s", c.Connection)
		}
	})
}

type versionCmd struct{}

// Run prints the version.
func (c *versionCmd) Run(s *session) error {
	version, revision := s.build()
	return s.answer(map[string]string{"version": version, "revision": revision}, func() { s.printf("towpath %s\n", strings.TrimSpace(version+" "+revision)) })
}

// build is the version that the build was given, or the module's, and the revision of its repository.
func (s *session) build() (version, revision string) {
	version = s.version
	if info, ok := debug.ReadBuildInfo(); ok {
		version = cmp.Or(version, info.Main.Version)
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				revision = setting.Value
			}
		}
	}
	return version, revision
}
