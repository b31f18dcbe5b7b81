package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/towpath/towpath/connector"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/internal/engine"
	"github.com/towpath/towpath/internal/store"
	"github.com/towpath/towpath/record"
)

// choice are the options that choose dirty rows of a run.
type choice struct {
	Stream string `help:"Only those of streams of this source, alias:source, or target." placeholder:"NAME"`
	Code   string `help:"Only those of this code, as in TRUNC." placeholder:"CODE"`
	Column string `help:"Only those of which this column is wrong." placeholder:"NAME"`
	Row    string `help:"Only this row, by its place in the list." placeholder:"SHARD/COMMIT/ROW"`
}

// of returns what the options say of a run.
func (c *choice) of(ctx context.Context, svc *control.Service, key string) (store.Choice, error) {
	chosen := store.Choice{Code: record.Code(c.Code), Column: c.Column}
	if c.Stream != "" {
		found, err := svc.FindStreams(ctx, key, c.Stream)
		if err != nil {
			return chosen, err
		}
		for _, st := range found {
			chosen.Streams = append(chosen.Streams, st.ID)
		}
	}
	if c.Row == "" {
		return chosen, nil
	}
	parts := strings.Split(c.Row, "/")
	var err error
	if len(parts) == 3 {
		chosen.Row.Shard = parts[0]
		if chosen.Row.Seq, err = strconv.ParseInt(parts[1], 10, 64); err == nil {
			chosen.Row.Ordinal, err = strconv.ParseInt(parts[2], 10, 64)
		}
	}
	if err != nil || len(parts) != 3 {
		return chosen, usage(connector.Errorf(connector.Config, "TOW-348", "--row %s is no place of a dirty row", c.Row).WithHint("towpath dirty %s shows them, as in 1-00001/3/0.", key))
	}
	return chosen, nil
}

// placeOf is how people call a dirty row.
func placeOf(c store.DirtyCursor) string { return fmt.Sprintf("%s/%d/%d", c.Shard, c.Seq, c.Ordinal) }

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
	ctx, svc, done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	chosen, err := c.of(ctx, svc, c.Key)
	if err != nil {
		return err
	}
	n, err := svc.Mend(ctx, c.Key, chosen, values, store.Entry{})
	if err != nil {
		return err
	}
	return s.answer(mended{c.Key, n}, func() {
		if c.Undo {
			s.printf("%s as read again\n", plural64(n, "row"))
			return
		}
		s.printf("%s mended. Write with: towpath replay %s\n", plural64(n, "row"), c.Key)
	})
}

type replayCmd struct {
	Key string `arg:"" name:"run" help:"The run's key."`
	choice
	Mended bool              `help:"Only rows that are mended."`
	On     map[string]string `help:"What to do with values of a code that do not fit, in all columns, as in TRUNC=truncate." placeholder:"CODE=POLICY" mapsep:"none"`
}

// Run replays dirty rows.
func (c *replayCmd) Run(s *session) error {
	return s.steer(func(ctx context.Context, svc *control.Service, screen *screen, known func(key string)) (store.Run, error) {
		chosen, err := c.of(ctx, svc, c.Key)
		if err != nil {
			return store.Run{}, err
		}
		chosen.Mended = c.Mended
		r := control.Replaying{Choice: chosen, On: record.Policies{}}
		for code, policy := range c.On {
			r.On[record.Code(code)] = policy
		}
		return svc.Replay(ctx, c.Key, r, screen, func(key string, plan *engine.Plan) {
			known(key)
			screen.begin("replaying dirty rows of run "+c.Key+" as run", key, plan)
		})
	})
}
