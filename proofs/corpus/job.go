package corpus

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/towpath/towpath/connector"
	cells "github.com/towpath/towpath/connector/connectortest/corpus"
	"github.com/towpath/towpath/connectors/all"
	"github.com/towpath/towpath/internal/control"
	"github.com/towpath/towpath/job"
	"github.com/towpath/towpath/proofs/corpus/rig"
)

func (r *Runner) open(ctx context.Context) (err error) {
	r.rig, err = rig.Open(ctx, filepath.Join(r.Dir, r.Prefix+"_"+strings.ToLower(rand.Text()[:6])+".control.db"))
	return err
}

// service is the application with connectors that may come between.
func (l *line) service(set connector.Set) *control.Service {
	return l.rig.Service(set, rig.Passwords{Source: l.from.Password, Target: l.to.Password})
}

// mode is the mode of a cell's job.
func mode(c *cells.Cell) string {
	if strings.Contains(c.Stream, "columns:") || strings.Contains(c.Stream, "where:") || strings.Contains(c.Stream, "query:") {
		return "batch"
	}
	return "full"
}

// widest is how many streams are at work at once where they wait for each other.
const widest = 8

// job writes the job that takes cells through a lane. addr, when not empty, is where the target is reached.
func (l *line) job(lane Lane, of []*cells.Cell, addr string) (*job.Job, error) {
	settings := map[Lane]string{Copy: "parallel: 4", Resume: fmt.Sprintf("parallel: %d, group_rows: 1", widest), Single: "parallel: 4", Retry: "parallel: 1"}[lane]
	if more := of[0].Settings; more != "" {
		settings += ", " + more
	}
	var b strings.Builder
	fmt.Fprintf(&b, "name: corpus\nmode: %s\nsource: %s\ntarget: %s\nsettings: {%s}\nstreams:\n", mode(of[0]), l.from.Endpoint(""), l.to.Endpoint(addr), settings)
	for _, c := range of {
		var keys []string
		if c.Stream != "" {
			keys = append(keys, strings.NewReplacer("{source}", inside(l.from.Dataset(c.TableName())), "{t}", inside(l.from.Texts.Name(c.TableName()))).Replace(c.Stream))
		}
		if !strings.Contains(c.Stream, "target:") {
			keys = append(keys, "target: "+quoted(l.to.Dataset(c.TableName())))
		}
		if !strings.Contains(c.Stream, "query:") {
			keys = append(keys, "source: "+quoted(l.from.Dataset(c.TableName())))
		}
		if !strings.Contains(c.Stream, "write:") {
			keys = append(keys, "write: "+write(c, lane))
		}
		b.WriteString("  - {" + strings.Join(keys, ", ") + "}\n")
	}
	j, err := job.Parse([]byte(b.String()), "job.yaml")
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, b.String())
	}
	return j, nil
}

// write is how a lane writes: each lane in another way, as rows reach their target by other statements then.
func write(c *cells.Cell, lane Lane) string {
	switch {
	case lane == Retry:
		return "upsert"
	case lane == Copy && len(c.Target) == 0 && c.TargetScript == "":
		return "replace"
	}
	return "insert"
}

// inside writes a text as it stands within quotation marks.
func inside(text string) string {
	q := quoted(text)
	return q[1 : len(q)-1]
}

func quoted(text string) string {
	b, err := json.Marshal(text)
	if err != nil { // a string is always JSON
		panic(err)
	}
	return string(b)
}

// connectors is the set that is linked.
func connectors() connector.Set { return all.Connectors() }
