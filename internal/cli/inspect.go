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
	"github.com/towpath/towpath/job"
	"github.com/towpath/towpath/record"
)

type dirtyCmd struct {
	Key    string `arg:"" name:"run" help:"The run's key."`
	Stream string `help:"Only those of streams of this source, alias:source, or target." placeholder:"NAME"`
	Export string `help:"Write all of them to this file as JSON lines; - is standard output." placeholder:"FILE"`
	Most   int    `help:"How many to list." default:"20" placeholder:"N"`
}

// Run lists or exports dirty rows.
func (c *dirtyCmd) Run(s *session) error {
	ctx, b, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	if c.Export != "" {
		n, err := s.exportTo(c.Export, b.DirtyRows(ctx, c.Key, c.Stream, 0))
		if err == nil && c.Export != "-" {
			s.note("%s dirty rows written to %s", full(int64(n)), c.Export)
		}
		return err
	}
	run, err := b.Run(ctx, c.Key, "")
	if err != nil {
		return err
	}
	list := []client.DirtyRow{}
	var rows [][]string
	first := 0
	if len(run.Streams) == 1 { // there is nothing to tell apart
		first = 1
	}
	for d, err := range b.DirtyRows(ctx, c.Key, c.Stream, c.Most) {
		if err != nil {
			return err
		}
		list = append(list, d)
		rows = append(rows, []string{d.Stream, placeOf(d), d.Code, d.Column, d.Reason, mendText(d), clip(string(d.Row), 200)}[first:])
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

// exportTo writes rows to a file that is not there yet, or with - to standard output.
func (s *session) exportTo(path string, rows iter.Seq2[client.DirtyRow, error]) (n int, err error) {
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
	for d, err := range rows {
		if err == nil {
			err = enc.Encode(d)
		}
		if err != nil {
			return n, err
		}
		n++
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
func (s *session) endpoint(ctx context.Context, b backend, spec string) (job.Endpoint, string, error) {
	scheme, dataset, _ := strings.Cut(spec, ":")
	if !strings.Contains(spec, "://") {
		aliases, err := b.Aliases(ctx)
		if _, known := aliases[scheme]; err != nil || known || s.byScheme(scheme) == nil {
			if err == nil && s.flags.ServerURL != "" {
				_, err = pick(aliases, scheme)
			}
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
	ctx, b, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	e, _, err := s.endpoint(ctx, b, c.Connection)
	if err != nil {
		return err
	}
	checked, err := b.Check(ctx, e)
	if err != nil {
		return err
	}
	return s.checked(checked)
}

// checked shows that a server answered.
func (s *session) checked(c client.Checked) error {
	return s.answer(c, func() {
		s.printf("ok: %s %s answered in %s\n", c.Connector, c.Identity, time.Duration(c.Took).Round(time.Millisecond))
	})
}

type discoverCmd struct {
	Connection string `arg:"" help:"Alias, alias:dataset or URL; with a dataset its schema is shown."`
	Pattern    string `arg:"" optional:"" help:"Which datasets to list; * stands for any characters." default:"*"`
	Sample     int    `help:"Show so many rows as well." placeholder:"N"`
}

// Run lists datasets or shows a schema.
func (c *discoverCmd) Run(s *session) error {
	ctx, b, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	e, dataset, err := s.endpoint(ctx, b, c.Connection)
	if err != nil {
		return err
	}
	if dataset == "" {
		names := []string{}
		for name, err := range b.List(ctx, e, c.Pattern) {
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
	sample, err := b.Look(ctx, e, dataset, c.Sample)
	if err != nil {
		return err
	}
	var fields []record.Field
	if err := json.Unmarshal(sample.Fields, &fields); err != nil {
		return err
	}
	return s.answer(sample, func() {
		var list [][]string
		for _, f := range fields {
			list = append(list, []string{f.Name, f.Native, f.Type.String(), yes(f.Nullable, "null", "not null"), keyText(f.Key), f.Comment})
		}
		s.table([]string{"COLUMN", "TYPE", "LOGICAL", "NULL", "KEY", "COMMENT"}, list)
		for _, row := range sample.Rows {
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

type connectorsCmd struct {
	Name string `arg:"" optional:"" help:"Describe this one: its options and its guide."`
}

// Run lists connectors or describes one.
func (c *connectorsCmd) Run(s *session) error {
	ctx, b, done, err := s.looks()
	if err != nil {
		return err
	}
	defer done()
	if c.Name != "" {
		one, err := b.Connector(ctx, c.Name)
		if err != nil {
			return err
		}
		return s.answer(one, func() { s.printf("%s\n", one.Docs) })
	}
	page, err := b.Connectors(ctx)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, c := range page.Items {
		rows = append(rows, []string{c.Name, yes(c.Reads, "yes", "no"), yes(c.Writes, "yes", "no"), c.Title})
	}
	return s.answer(page.Items, func() { s.table([]string{"CONNECTOR", "SOURCE", "TARGET", "FOR"}, rows) })
}

// looks is begin without a control database: what the program is made of is known without.
func (s *session) looks() (context.Context, backend, func(), error) {
	if s.flags.ServerURL != "" {
		return s.begin()
	}
	ctx, cancel := background()
	return ctx, &local{s: s}, cancel, nil
}

type cleanCmd struct {
	Connection string `arg:"" help:"Alias or URL of the target."`
	Remove     bool   `help:"Remove what belongs to ended runs."`
}

// Run lists or removes leftovers.
func (c *cleanCmd) Run(s *session) error {
	ctx, b, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	e, _, err := s.endpoint(ctx, b, c.Connection)
	if err != nil {
		return err
	}
	page, err := b.CleanUp(ctx, e, c.Remove)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, l := range page.Items {
		rows = append(rows, []string{l.Run, l.What, yes(l.Removed, "removed", "there")})
	}
	return s.answer(page.Items, func() {
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
