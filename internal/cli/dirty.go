package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/towpath/towpath/client"
	"github.com/towpath/towpath/connector"
)

// choice are the options that choose dirty rows of a run.
type choice struct {
	Stream string `help:"Only those of streams of this source, alias:source, or target." placeholder:"NAME"`
	Code   string `help:"Only those of this code, as in TRUNC." placeholder:"CODE"`
	Column string `help:"Only those of which this column is wrong." placeholder:"NAME"`
	Row    string `help:"Only this row, by its place in the list." placeholder:"SHARD/COMMIT/ROW"`
}

// of is what the options say of a run.
func (c choice) of(run string) (client.Choice, error) {
	out := client.Choice{Stream: c.Stream, Code: c.Code, Column: c.Column}
	if c.Row == "" {
		return out, nil
	}
	parts := strings.Split(c.Row, "/")
	var err error
	if len(parts) == 3 {
		out.Row = &client.RowID{Shard: parts[0]}
		if out.Row.Seq, err = strconv.ParseInt(parts[1], 10, 64); err == nil {
			out.Row.Ordinal, err = strconv.ParseInt(parts[2], 10, 64)
		}
	}
	if err != nil || len(parts) != 3 {
		return out, usage(connector.Errorf(connector.Config, "TOW-348", "--row %s is no place of a dirty row", c.Row).WithHint("towpath dirty %s shows them, as in 1-00001/3/0.", run))
	}
	return out, nil
}

// placeOf is how people call a dirty row.
func placeOf(d client.DirtyRow) string { return fmt.Sprintf("%s/%d/%d", d.Shard, d.Seq, d.Ordinal) }

type mendCmd struct {
	Key string `arg:"" name:"run" help:"The run's key."`
	choice
	Set  map[string]string `help:"Give a column of the source another value." placeholder:"COLUMN=VALUE" mapsep:"none"`
	Null []string          `help:"Make a column of the source NULL." placeholder:"COLUMN" sep:"none"`
	Undo bool              `help:"Take back what rows were mended with."`
}

// mended is the answer of a mend.
type mended struct {
	Run  string `json:"run"`
	Rows int64  `json:"rows"`
}

// Run mends dirty rows.
func (c *mendCmd) Run(s *session) error {
	values := map[string]*string{}
	for column, value := range c.Set {
		values[column] = &value
	}
	for _, column := range c.Null {
		values[column] = nil
	}
	if c.Undo == (len(values) > 0) || len(values) < len(c.Set)+len(c.Null) {
		return usage(connector.Errorf(connector.Config, "TOW-348", "a mend gives each column one value, or undoes another").WithHint("Use --set COLUMN=VALUE, --null COLUMN or --undo."))
	}
	chosen, err := c.of(c.Key)
	if err != nil {
		return err
	}
	ctx, b, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	m, err := b.Mend(ctx, c.Key, client.Mend{Choice: chosen, Values: values})
	if err != nil {
		return err
	}
	return s.answer(mended{c.Key, m.Rows}, func() {
		if c.Undo {
			s.printf("%s as read again\n", plural64(m.Rows, "row"))
			return
		}
		s.printf("%s mended. Write with: towpath replay %s\n", plural64(m.Rows, "row"), c.Key)
	})
}

type replayCmd struct {
	Key string `arg:"" name:"run" help:"The run's key."`
	choice
	Mended bool              `help:"Only rows that are mended."`
	On     map[string]string `help:"What to do with values of a code that do not fit, in all columns, as in TRUNC=truncate." placeholder:"CODE=POLICY" mapsep:"none"`
	Detach bool              `help:"With --server: start it and do not wait."`
}

// Run replays dirty rows.
func (c *replayCmd) Run(s *session) error {
	chosen, err := c.of(c.Key)
	if err != nil {
		return err
	}
	chosen.Mended = c.Mended
	return s.run(c.Detach, func(ctx context.Context, b backend, on *screen) (client.Run, error) {
		return b.WriteAgain(ctx, c.Key, client.Replay{Choice: chosen, On: c.On}, on)
	})
}
