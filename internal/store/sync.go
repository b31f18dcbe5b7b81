package store

import (
	"context"
	"slices"
	"strings"

	"github.com/towpath/towpath/connector"
)

// Pair is a dataset of one connection that was copied, or is to be, to a dataset of another.
type Pair struct {
	Alias, Source       string // Source is "" where it was a query
	TargetAlias, Target string
}

// Copied is what one run did for a pair.
type Copied struct {
	Run, Stream string
	State       State // of the run
	Done        bool  // the target is published
	Created     int64
	Ended       int64
	Counts      connector.Counts
}

// SyncCheck is what a look at both sides of a stream found. At 0: nobody looked.
type SyncCheck struct {
	At     int64
	Method string // count or statistics
	About  bool   // the figures are estimates
	Source int64  // rows; -1: not known
	Target int64
	Note   string // why something is not known, or what else is to be known of the figures
}

// Synced is how far a pair was copied.
type Synced struct {
	Pair
	Last  Copied    // by the newest run that has it
	Good  Copied    // by the newest that published it; its Run is "" when none did
	Check SyncCheck // made since
}

const selectCopied = `WITH copied AS (SELECT COALESCE(NULLIF(st.connection, ''), r.source_alias) AS alias, st.source AS source, r.target_alias AS target_alias, st.dataset AS dataset,
		r.run_key AS run, st.id AS stream, r.state AS state, st.state AS stream_state, r.created AS created, r.ended AS ended,
		st.rows_read AS rows_read, st.written AS written, st.dirty AS dirty, st.filtered AS filtered, st.superseded AS superseded, st.bytes_read AS bytes_read,
		ROW_NUMBER() OVER (PARTITION BY COALESCE(NULLIF(st.connection, ''), r.source_alias), st.source, r.target_alias, st.dataset ORDER BY r.created DESC, r.run_key DESC) AS nth
		FROM run r JOIN stream st ON st.run = r.run_key WHERE r.workspace = $1 AND r.environment = $2 AND r.target_alias <> '' AND r.replays = '' AND (CAST($3 AS BIGINT) = 0 OR st.state = 'done'))
	SELECT c.alias, c.source, c.target_alias, c.dataset, c.run, c.stream, c.state, CASE WHEN c.stream_state = 'done' THEN 1 ELSE 0 END, c.created, c.ended,
		c.rows_read, c.written, c.dirty, c.filtered, c.superseded, c.bytes_read,
		COALESCE(k.at, 0), COALESCE(k.method, ''), COALESCE(k.about, 0), COALESCE(k.source_rows, -1), COALESCE(k.target_rows, -1), COALESCE(k.note, '')
	FROM copied c LEFT JOIN sync_check k ON k.run = c.run AND k.stream = c.stream
	WHERE c.nth = 1 AND (CAST($4 AS TEXT) = '' OR c.alias = $4 OR c.target_alias = $4)`

// Synced returns how far the pairs of an environment were copied, those of one alias, as source or target, or with "" all, ordered by the pair.
func (s *Store) Synced(ctx context.Context, workspace, environment, alias string) ([]Synced, error) {
	found := map[Pair]*Synced{}
	for _, published := range []bool{false, true} {
		rows, err := s.read.QueryContext(ctx, selectCopied, workspace, environment, bit(published), alias)
		if err != nil {
			return nil, s.fail("look up what is in sync", err)
		}
		_, err = collect(rows, func(scan func(...any) error) (p Pair, err error) {
			var c Copied
			var k SyncCheck
			var done, about int
			n := &c.Counts
			err = scan(&p.Alias, &p.Source, &p.TargetAlias, &p.Target, &c.Run, &c.Stream, &c.State, &done, &c.Created, &c.Ended,
				&n.Read, &n.Written, &n.Dirty, &n.Filtered, &n.Superseded, &n.Bytes, &k.At, &k.Method, &about, &k.Source, &k.Target, &k.Note)
			c.Done, k.About = done != 0, about != 0
			if found[p] == nil {
				found[p] = &Synced{Pair: p}
			}
			if published {
				found[p].Good, found[p].Check = c, k
			} else {
				found[p].Last = c
			}
			return p, err
		})
		if err != nil {
			return nil, s.fail("look up what is in sync", err)
		}
	}
	all := make([]Synced, 0, len(found))
	for _, one := range found {
		all = append(all, *one)
	}
	slices.SortFunc(all, func(a, b Synced) int { return strings.Compare(a.order(), b.order()) })
	return all, nil
}

func (p Pair) order() string {
	return strings.Join([]string{p.Alias, p.Source, p.TargetAlias, p.Target}, "\x00")
}

// SetSyncCheck records what a look at a stream's sides found, in place of what one before found.
func (s *Store) SetSyncCheck(ctx context.Context, run, stream string, k SyncCheck) error {
	return s.change(ctx, "record a check of run "+run, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, `INSERT INTO sync_check (run, stream, at, method, about, source_rows, target_rows, note) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (run, stream) DO UPDATE SET at = $3, method = $4, about = $5, source_rows = $6, target_rows = $7, note = $8`,
			run, stream, t.now, k.Method, bit(k.About), k.Source, k.Target, k.Note)
		return err
	})
}
