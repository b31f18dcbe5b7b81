package mysql

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/towpath/towpath/connectors/internal/socket"
)

// use is what a session is for; a session is never used for both.
type use int

const (
	reads use = iota
	writes
)

// session is one connection, logged in and with the settings that all sessions of ours have.
type session struct {
	*wire
	id      uint32 // the server's number of the connection, for KILL
	address string // host:port of the server, as the options name it
	use     use
	release release
	bulk    bool         // it takes parameters of many rows for one execution
	results string       // character_set_results as set
	mode    string       // sql_mode as set
	packet  int          // most bytes of a command, of sessions that write
	manual  bool         // autocommit is off
	patient int          // innodb_lock_wait_timeout, in seconds
	logged  bool         // statements are logged as they are (binlog_format STATEMENT), which needs another isolation
	ready   []*statement // prepared to be executed again and again, the one used last at the end
}

// What sql_mode is made of. A session that reads takes zero dates as they are; one that writes refuses them unless the
// job keeps them, and never takes a zero for the wish for a number of AUTO_INCREMENT.
const (
	strictMode   = "STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
	keepingMode  = strictMode + ",NO_AUTO_VALUE_ON_ZERO"
	refusingMode = keepingMode + ",NO_ZERO_IN_DATE,NO_ZERO_DATE"
)

// Each session is UTC and strict, and is not cut short by limits of the server or of init_connect: sql_select_limit would
// end results early without an error, sql_auto_is_null would turn IS NULL into another question, completion_type would make
// COMMIT begin another transaction or end the session.
var (
	sessionSettings = []string{
		"SET NAMES utf8mb4",
		"SET time_zone = '+00:00', autocommit = 1, completion_type = 0, sql_auto_is_null = 0, sql_big_selects = 1, net_write_timeout = 3600, " +
			"net_read_timeout = 3600, wait_timeout = 28800, lock_wait_timeout = 60, max_error_count = 65535, sql_quote_show_create = 1",
		"SET sql_select_limit = 18446744073709551615",
	}
	mariaSettings = []string{"SET max_statement_time = 0"}
	mysqlSettings = []string{"SET max_execution_time = 0"} // from 5.7.8 on

	readSettings = []string{"SET sql_mode = '" + strictMode + "'", "SET SESSION TRANSACTION READ ONLY"}
	// READ COMMITTED locks rows alone and not the gaps between them, where shards would wait for each other.
	writeSettings = []string{
		"SET sql_mode = '" + refusingMode + "', foreign_key_checks = 1, unique_checks = 1, sql_safe_updates = 0",
		"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
		"SET SESSION TRANSACTION READ WRITE",
	}
	mariaWriteSettings = []string{"SET check_constraint_checks = 1"}
)

// settings returns the statements that make a session of the release fit for its use.
func settings(r release, u use) []string {
	list := slices.Clone(sessionSettings)
	switch {
	case r.Maria:
		list = append(list, mariaSettings...)
	case r.oracle(5, 7, 8):
		list = append(list, mysqlSettings...)
	}
	if u == reads {
		list = append(list, readSettings...)
	} else {
		list = append(list, writeSettings...)
	}
	if !r.Maria && !r.oracle(5, 6, 5) {
		list = list[:len(list)-1] // transactions had no READ ONLY yet
	}
	if u == writes && r.since(10, 2) {
		list = append(list, mariaWriteSettings...)
	}
	return list
}

// settle gives the session its settings.
func (s *session) settle(ctx context.Context) error {
	defer s.until(ctx)()
	for _, text := range settings(s.release, s.use) {
		if err := s.exec(text); err != nil {
			return fmt.Errorf("set up session: %w", err)
		}
	}
	s.results, s.mode = "utf8mb4", strictMode
	if s.use == reads {
		return nil
	}
	s.mode = refusingMode
	v, err := s.variables("max_allowed_packet", "log_bin", "binlog_format")
	if err != nil {
		return fmt.Errorf("set up session: %w", err)
	}
	s.logged = v["log_bin"] == "ON" && v["binlog_format"] == "STATEMENT"
	if s.packet, err = strconv.Atoi(v["max_allowed_packet"]); err != nil {
		return fmt.Errorf("set up session: max_allowed_packet: %w", err)
	}
	if s.logged {
		s.bulk = false // MariaDB logs it by rows alone (error 4033)
		// InnoDB takes no statements under READ COMMITTED then (error 1665).
		if err := s.exec("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"); err != nil {
			return fmt.Errorf("set up session: %w", err)
		}
	}
	return nil
}

// variables returns those of the named variables that the server has.
func (s *session) variables(names ...string) (map[string]string, error) {
	rows, err := s.query("SHOW VARIABLES WHERE Variable_name IN ('" + strings.Join(names, "', '") + "')")
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for _, r := range rows {
		values[r[0].text] = r[1].text
	}
	return values, nil
}

// until stops the session when ctx ends; the caller calls the answer once, when it is done.
func (s *session) until(ctx context.Context) (release func()) { return socket.Until(ctx, s.Stop) }

// exec runs a statement without rows.
func (s *session) exec(text string) error {
	s.command(comQuery)
	s.out = append(s.out, text...)
	if err := s.send(); err != nil {
		return err
	}
	return s.ok()
}

// charset sets the character set in which text of results comes; "NULL" sends each column as it is stored.
func (s *session) charset(name string) error {
	if s.results == name {
		return nil
	}
	if err := s.exec("SET character_set_results = " + name); err != nil {
		return err
	}
	s.results = name
	return nil
}

// byHand turns autocommit off or on. Where statements are sent before the answers to earlier ones are read it has to be off: when
// the server gives up a whole transaction, as it does in a deadlock, what comes behind would else be committed by itself.
func (s *session) byHand(manual bool) error {
	if s.manual == manual {
		return nil
	}
	on := "1"
	if manual {
		on = "0"
	}
	if err := s.exec("SET autocommit = " + on); err != nil {
		return err
	}
	s.manual = manual
	return nil
}

// lockWait sets how long the session waits for a row that another one holds.
func (s *session) lockWait(seconds int) error {
	if s.patient == seconds {
		return nil
	}
	if err := s.exec(fmt.Sprintf("SET innodb_lock_wait_timeout = %d", seconds)); err != nil {
		return err
	}
	s.patient = seconds
	return nil
}

// longestBuild is how long a statement may take that builds something.
const longestBuild = 24 * time.Hour

// build runs a statement that defines something. It can take long without a word from the server, which counts as lost when the
// network says so. Zero dates among the defaults of a table that is there are not its business.
func (s *session) build(text string) error {
	if err := s.sqlMode(keepingMode); err != nil {
		return err
	}
	before := s.SetTimeout(longestBuild)
	defer s.SetTimeout(before)
	return s.exec(text)
}

// sqlMode sets sql_mode to one of the modes above.
func (s *session) sqlMode(mode string) error {
	if s.mode == mode {
		return nil
	}
	if err := s.exec("SET sql_mode = '" + mode + "'"); err != nil {
		return err
	}
	s.mode = mode
	return nil
}

// query runs a statement with a small result.
func (s *session) query(text string, params ...param) ([][]cell, error) {
	st, err := s.prepare(text)
	if err != nil {
		return nil, err
	}
	return s.collect(st, nil, params)
}

// ask is query for a statement that is asked again and again, and for the named columns of its result; nil: all.
func (s *session) ask(text string, columns []string, params []param) ([][]cell, error) {
	st, err := s.standing(text)
	if err != nil {
		return nil, err
	}
	return s.collect(st, columns, params)
}

// collect executes a statement, reads its small result and gives the statement back.
func (s *session) collect(st *statement, columns []string, params []param) ([][]cell, error) {
	defs, err := s.execute(st, params)
	if err != nil {
		s.drop(st)
		return nil, err
	}
	var rows [][]cell
	for len(defs) > 0 {
		p, err := s.answer()
		if err != nil {
			s.drop(st)
			return nil, err
		}
		if isEOF(p) {
			break
		}
		row, err := cells(defs, p)
		if err != nil {
			s.Broken = true
			return nil, err
		}
		if columns != nil {
			row = slices.DeleteFunc(row, func(c cell) bool { return !slices.Contains(columns, c.column) })
		}
		rows = append(rows, row)
	}
	return rows, s.giveBack(st)
}

// mostReady is how many statements a session keeps prepared: those of one table in all their sizes, and some of another.
const mostReady = 12

// known returns a statement that is prepared; nil: it is not.
func (s *session) known(text string) *statement {
	for i, st := range s.ready {
		if st.text == text {
			s.ready = append(slices.Delete(s.ready, i, i+1), st)
			return st
		}
	}
	return nil
}

// prepareReady prepares a statement that stays prepared for its next use.
func (s *session) prepareReady(text string) (*statement, error) {
	if len(s.ready) == mostReady {
		if err := s.closeStatement(s.ready[0]); err != nil {
			return nil, err
		}
		s.ready = slices.Delete(s.ready, 0, 1)
	}
	st, err := s.prepare(text)
	if err != nil {
		return nil, err
	}
	s.ready = append(s.ready, st)
	return st, nil
}

// standing returns a statement that stays prepared.
func (s *session) standing(text string) (*statement, error) {
	if st := s.known(text); st != nil {
		return st, nil
	}
	return s.prepareReady(text)
}

// giveBack gives a statement back, unless it stays prepared.
func (s *session) giveBack(st *statement) error {
	if slices.Contains(s.ready, st) {
		return nil
	}
	return s.closeStatement(st)
}

// drop gives back a statement that ended in an error; a broken session ends with all it has.
func (s *session) drop(st *statement) {
	if !s.Broken {
		_ = s.giveBack(st)
	}
}

func (s *session) ping() error {
	s.command(comPing)
	if err := s.send(); err != nil {
		return err
	}
	return s.ok()
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
