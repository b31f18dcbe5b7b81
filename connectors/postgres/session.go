package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/towpath/towpath/connectors/internal/socket"
)

// use is what a session is for. Its settings are those of the use from the beginning to the end.
type use uint8

const (
	reads  use = iota // may not change anything
	writes            // is with a server that takes changes
)

// session is one connection, logged in and with the settings that all sessions of its use have.
type session struct {
	*wire
	login    *pgconn.PgConn // gave its connection away; knows how to cancel
	address  string         // host:port of the server, as the options name it
	use      use
	version  int    // server_version_num: 150020
	standby  bool   // follows a primary and reads only
	encoding string // of the database
	foreign  bool   // text of the job ran in it, which may have changed its settings
	// temporary are the temporary tables that it has, the oldest first.
	temporary []string

	kept  map[string]string // statements of ours that the server keeps: name by text
	cache *typeCache
}

// Each session is UTC, spells values in one way, and is not cut short or changed in silence by what roles, databases or the
// server set: row_security filters rows, gin_fuzzy_search_limit leaves some out of an index's answer.
const sessionSettings = "SET client_encoding = 'UTF8'; SET standard_conforming_strings = on; SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; " +
	"SET IntervalStyle = 'iso_8601'; SET extra_float_digits = 3; SET bytea_output = 'hex'; SET xmloption = 'content'; SET xmlbinary = 'base64'; " +
	"SET array_nulls = on; SET transform_null_equals = off; SET quote_all_identifiers = off; SET row_security = off; " +
	"SET gin_fuzzy_search_limit = 0; SET client_min_messages = warning; SET lock_timeout = '60s'; " +
	"SET idle_in_transaction_session_timeout = '10min'; SET default_transaction_isolation = 'read committed'; " +
	"SET default_transaction_deferrable = off; SET tcp_keepalives_idle = 60; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 6; " +
	"SET application_name = 'towpath'; "

// Sessions that read go by the order of an index where they ask for one: sorting a whole table for every page of it, or compiling the
// statement, is never cheaper. Own SELECTs are left to the server.
const (
	readSettings = "SET search_path = pg_catalog, pg_temp; SET default_transaction_read_only = on; SET enable_sort = off; SET jit = off; " +
		"SET max_parallel_workers_per_gather = 0"
	writeSettings = "SET search_path = pg_catalog, pg_temp; SET default_transaction_read_only = off"
	querySettings = "; RESET enable_sort; RESET jit; RESET max_parallel_workers_per_gather"
)

// admit lets text of the job in, an own SELECT or a condition: it finds functions, types and operators of the connection's schema and of
// public, with nobody's objects before the server's own. Statements of ours name the schema of everything that is not in
// pg_catalog. What the text does to the session's settings ends with it.
func (s *session) admit(schema string, query bool) error {
	s.foreign = true
	text := "SET search_path = pg_catalog, " + quote(schema)
	if schema != "public" {
		text += ", public"
	}
	text += ", pg_temp"
	if query {
		text += querySettings
		if s.version >= 130000 {
			text += "; RESET enable_incremental_sort"
		}
	}
	return s.exec(text)
}

// settle gives the session its settings and asks what it needs to know of its server.
func (s *session) settle(ctx context.Context) error {
	defer s.until(ctx)()
	text := sessionSettings + readSettings
	if s.use == writes {
		text = sessionSettings + writeSettings
	}
	// The first by itself: what follows shall not be cut short by a role's own limit.
	for _, text := range []string{"SET statement_timeout = 0", text} {
		if err := s.exec(text); err != nil {
			return fmt.Errorf("set up session: %w", err)
		}
	}
	rows, err := s.query("SELECT current_setting('server_version_num'), pg_is_in_recovery(), current_setting('server_encoding')")
	if err != nil {
		return fmt.Errorf("set up session: %w", err)
	}
	s.version, s.standby, s.encoding = int(rows[0][0].int64()), rows[0][1].bool(), rows[0][2].text
	more := ""
	if s.version >= 130000 && s.use == reads {
		more += "SET enable_incremental_sort = off; "
	}
	if s.version >= 140000 {
		more += "SET idle_session_timeout = 0; "
	}
	if s.version >= 170000 {
		more += "SET transaction_timeout = 0; "
	}
	if s.encoding == "SQL_ASCII" {
		// The server converts nothing and would end a statement at the first byte that is no UTF-8; we mark the cell.
		more += "SET client_encoding = 'SQL_ASCII'; "
	}
	if more == "" {
		return nil
	}
	if err := s.exec(more); err != nil {
		return fmt.Errorf("set up session: %w", err)
	}
	return nil
}

// ask runs a statement of ours that sessions run again and again, with a small result. The server keeps it: looking at a catalog costs less
// than planning how to.
func (s *session) ask(text string, params ...param) ([][]cell, error) {
	name, kept := s.kept[text]
	if !kept {
		name = fmt.Sprintf("towpath_%d", len(s.kept))
		s.parseNamed(name, text, params)
	}
	s.bindNamed(name, params, nil)
	s.describeMessage('P')
	s.executeMessage()
	s.syncMessage()
	if err := s.send(); err != nil {
		return nil, err
	}
	if !kept {
		if _, err := s.expect(gotParse); err != nil {
			return nil, err
		}
		if s.kept == nil {
			s.kept = map[string]string{}
		}
		s.kept[text] = name
	}
	if _, err := s.expect(gotBind); err != nil {
		return nil, err
	}
	defs, err := s.description()
	if err != nil {
		return nil, err
	}
	return s.cells(defs)
}

// until stops the session when ctx ends; the caller calls the answer once, when it is done.
func (s *session) until(ctx context.Context) (release func()) { return socket.Until(ctx, s.Stop) }

// ping asks for a sign of life.
func (s *session) ping() error {
	s.syncMessage()
	if err := s.send(); err != nil {
		return err
	}
	_, err := s.expect(gotReady)
	return err
}

// Alive implements pool.Session.
func (s *session) Alive(ctx context.Context) bool {
	defer s.until(ctx)()
	return s.ping() == nil && !s.Stopped()
}

// Close implements pool.Session.
func (s *session) Close() {
	s.Broken = true
	_ = s.Net.Close()
}
