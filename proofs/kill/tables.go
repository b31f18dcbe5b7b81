package kill

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/towpath/towpath/internal/crashpoint"
	"github.com/towpath/towpath/proofs/machine"
)

// Tables is a scene of a SQL store and a table of a SQL server. One row in eighty breaks a CHECK of the target.
type Tables struct {
	scene TablesScene
	from  *orders
	to    database
	place string // of the target
	table string // the target

	settings func() string // further ones of a job
	divided  bool
	had      string // what stood in the place before the run
	others   *Judge // rows that stood in the table before the run, and are to stay
}

// TablesScene is what scenes of tables differ in.
type TablesScene struct {
	Name, Title string
	from, to    string // what the stores speak
	write       string
	limited     bool // the account may write rows and make no tables, so that there are no checkpoints at the target
}

// The stores by what they speak.
const (
	speaksMySQL    = "mysql"
	speaksPostgres = "postgres"
	speaksSQLite   = "sqlite"
)

// TablesScenes are all of them; their names say where rows go and how.
func TablesScenes() []TablesScene {
	return []TablesScene{
		{"mysql-append", "PostgreSQL to MariaDB, into a table without a key (A)", speaksPostgres, speaksMySQL, Append, false},
		{"mysql-upsert", "SQLite to MariaDB, by key, with an account that may make no tables (B)", speaksSQLite, speaksMySQL, Upsert, true},
		{"mysql-replace", "MariaDB to MariaDB, staged and swapped in (C)", speaksMySQL, speaksMySQL, Replace, false},
		{"postgres-append", "MariaDB to PostgreSQL, into a table without a key (A)", speaksMySQL, speaksPostgres, Append, false},
		{"postgres-upsert", "PostgreSQL to PostgreSQL, by key (A)", speaksPostgres, speaksPostgres, Upsert, false},
		{"postgres-replace", "SQLite to PostgreSQL, staged and swapped in (C)", speaksSQLite, speaksPostgres, Replace, false},
	}
}

// TablesConfig says where Tables scenes play.
type TablesConfig struct {
	MySQL, Postgres machine.Server // their users may make databases, schemas and accounts
	Dir             string         // for files
	Prefix          string         // of what is made at the servers
	Rows            int
	Settings        func() string // further ones of the next run's job, as in ", outage: 1s"; nil: none
	// Divided runs begin with one shard, of which workers that have none get the far part, again and again. Owners are frozen on the way.
	Divided bool
}

func (c TablesConfig) store(speaks, name string) database {
	switch speaks {
	case speaksMySQL:
		return mariadb{c.MySQL}
	case speaksPostgres:
		return postgres{c.Postgres}
	}
	return sqlite{filepath.Join(c.Dir, name+".db")}
}

// NewTables makes the source.
func NewTables(ctx context.Context, name string, c TablesConfig) (*Tables, error) {
	all := TablesScenes()
	at := slices.IndexFunc(all, func(c TablesScene) bool { return c.Name == name })
	if at < 0 {
		return nil, fmt.Errorf("there is no scene %q", name)
	}
	s := &Tables{scene: all[at], settings: c.Settings, divided: c.Divided, place: c.Prefix + "_" + strings.ReplaceAll(name, "-", "_")}
	if s.settings == nil {
		s.settings = func() string { return "" }
	}
	if s.divided {
		s.settings = func() string { return dividedPace }
	}
	s.to = c.store(s.scene.to, name)
	s.table = of(s.to.says().table, s.place, "copies")
	var err error
	s.from, err = newOrders(ctx, inSQL(c.store(s.scene.from, name), s.place+"_from"), c.Rows)
	return s, err
}

// Drop removes all that the scene made.
func (s *Tables) Drop(ctx context.Context) error {
	statements := of(s.to.says().remove, s.place, "")
	if s.scene.limited {
		statements += "; DROP USER IF EXISTS " + s.account()
	}
	_, err := s.to.run(ctx, statements)
	return errors.Join(s.from.remove(ctx), err)
}

// account is the user who may write rows and make no tables.
func (s *Tables) account() string { return s.place }

// Name says where rows go and how.
func (s *Tables) Name() string { return s.scene.Name }

// newerOwner is what a process says whose transaction was refused by its epoch, sessionGone one whose session was ended by the process
// that took over: whichever of the two it meets first.
var (
	newerOwner  = regexp.MustCompile(`has a newer owner than epoch`)
	sessionGone = regexp.MustCompile(`has a newer owner than epoch|the session that held its lock has ended|(write|commit|begin a transaction of) shard .*(TOW-[47]20|: ERROR|EOF|reset|broken pipe|[kK]illed|terminating)`)
)

// Runs whose shards are divided: a shard is at work for a second before it is. They are slow enough for many divisions, and few of their processes are
// killed so early that there is none.
const (
	dividedPace  = ", rate: {rows: 1500}"
	dividedKills = 14
)

// divisionRefused is what a process says that lost its shard before it recorded how it is divided, or whose write was refused.
var divisionRefused = regexp.MustCompile(`divide shard \S+: .* has another owner|` + sessionGone.String())

// Wants is the same for every run.
func (s *Tables) Wants() Wants {
	w := Wants{Read: int64(s.from.count), Dirty: s.from.dirty, Shards: 4, Commits: 100, Freeze: crashpoint.Writing, Change: s.from.change, Settled: s.settle, Refusal: sessionGone,
		Points: []crashpoint.Point{crashpoint.Planned, crashpoint.Making, crashpoint.Leased, crashpoint.Reading, crashpoint.Writing, crashpoint.Written,
			crashpoint.Committing, crashpoint.Committed, crashpoint.Ended, crashpoint.Swapping, crashpoint.Published}}
	if s.divided {
		w.Shards, w.Kills, w.Freeze, w.Refusal = 1, dividedKills, crashpoint.Cut, divisionRefused
		w.Points = []crashpoint.Point{crashpoint.Leased, crashpoint.Reading, crashpoint.Writing, crashpoint.Written, crashpoint.Committing, crashpoint.Committed, crashpoint.Ended}
		for range 3 { // every other kill that is aimed is for them
			w.Points = append(w.Points, crashpoint.Dividing, crashpoint.Cut, crashpoint.Divided)
		}
		return w
	}
	if !s.scene.limited {
		w.Points = append(w.Points, crashpoint.Stored)
	}
	if s.scene.write == Replace {
		w.Points = append(w.Points, crashpoint.Swapped)
	}
	if s.scene.to == speaksMySQL {
		// What changes tables is never part of a transaction there.
		if s.scene.write == Replace {
			w.Points = append(w.Points, crashpoint.Cleared)
		}
		if !s.scene.limited {
			w.Points = append(w.Points, crashpoint.Marked)
		}
	}
	return w
}

// Reset makes the target with rows of others, of which some have keys that the source has too.
func (s *Tables) Reset(ctx context.Context, dir string) error {
	s.from.begin()
	says := s.to.says()
	statements := of(says.reset, s.place, "") + "; " + makeOrders(s.table, s.scene.write != Append, fmt.Sprintf("CHECK (cents < %d)", mostCents)) +
		"; CREATE INDEX copies_by_customer ON " + s.table + " (customer); " + insertOrders(s.table, -1, others, -1)
	if s.scene.write != Append {
		statements += "; INSERT INTO " + s.table + " VALUES (1, 'stale', 1, NULL, -1), (" + fmt.Sprint(s.from.count) + ", 'stale', 1, NULL, -1)"
	}
	connection := s.to.connection()
	if m, ok := s.to.(mariadb); ok && s.scene.limited {
		connection = m.connectionOf(s.account(), "towpath")
		statements += fmt.Sprintf("; CREATE USER IF NOT EXISTS %[1]s IDENTIFIED BY 'towpath'; GRANT SELECT, INSERT, UPDATE ON %[2]s.* TO %[1]s", s.account(), s.place)
	}
	if _, err := s.to.run(ctx, statements); err != nil {
		return err
	}
	had, err := s.objects(ctx)
	if err != nil {
		return err
	}
	s.had, s.others = had, new(Judge)
	if err := each(ctx, s.to, of(says.orders, "", s.table)+" WHERE id < 0", s.others.Expect); err != nil {
		return err
	}
	shards := manyShards
	if s.divided {
		shards = 1
	}
	return writeJob(dir, fmt.Sprintf("%s, target: %s, write: %s", s.from.stream(), s.table, s.scene.write), s.from.connection(), connection, shards, s.settings())
}

// objects are all things in the target's place.
func (s *Tables) objects(ctx context.Context) (string, error) {
	out, err := s.to.run(ctx, of(s.to.says().objects, s.place, ""))
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n"), err
}

// settle notes what the target holds, or what is about to be swapped in.
func (s *Tables) settle(ctx context.Context, _ string) error {
	objects, err := s.objects(ctx)
	if err != nil {
		return err
	}
	table := s.table
	if staging := regexp.MustCompile(`\bcopies__tw_\w+`).FindString(objects); staging != "" {
		table = of(s.to.says().table, s.place, staging)
	}
	return s.from.settle(func(row func(id string, row []byte)) error {
		return each(ctx, s.to, of(s.to.says().orders, "", table), row)
	})
}

// Judge reads both tables through the stores' own clients.
func (s *Tables) Judge(ctx context.Context, _ string) (Verdict, error) {
	j, settled, err := s.from.judge(ctx)
	if err != nil {
		return Verdict{}, err
	}
	if !settled && s.scene.write != Replace {
		j.Join(s.others)
	}
	q := j.Begin()
	err = each(ctx, s.to, of(s.to.says().orders, "", s.table), q.Saw)
	return q.End(), err
}

// Leftovers compares what stands in the target's place with what stood there before the run.
func (s *Tables) Leftovers(ctx context.Context, _ string) ([]string, error) {
	has, err := s.objects(ctx)
	if err != nil || has == s.had {
		return nil, err
	}
	var left []string
	before, after := strings.Split(s.had, "\n"), strings.Split(has, "\n")
	for _, what := range after {
		if !slices.Contains(before, what) {
			left = append(left, what)
		}
	}
	for _, what := range before {
		if !slices.Contains(after, what) {
			left = append(left, "no "+what)
		}
	}
	return left, nil
}
