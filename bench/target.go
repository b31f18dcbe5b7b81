package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"

	"github.com/towpath/towpath/bench/data"
)

// copied is the table that copies fill, in the benchmark's database.
const copied = "copied"

// target is a table that the sides of a measure fill in turn.
type target interface {
	// clear leaves nothing of the copy before.
	clear(ctx context.Context) error
	// print is what is known of the rows: two tables of the same rows have the same.
	print(ctx context.Context) (string, error)
}

// filling makes a side of what fills a target: it begins with none, and the rows that are there in the end must be those that are wanted.
// None of that is within its time.
func filling(t target, want string, c contender) contender {
	return contender{c.name, func(ctx context.Context) (Sample, error) {
		if err := t.clear(ctx); err != nil {
			return Sample{}, err
		}
		s, err := c.once(ctx)
		if err != nil {
			return s, err
		}
		got, err := t.print(ctx)
		if err == nil && got != want {
			err = fmt.Errorf("the copy is not its source: %s, want %s", got, want)
		}
		return s, err
	}}
}

// printOf is the question for what is known of a table's rows, in words that both systems have.
func printOf(table string) string {
	return "SELECT COUNT(*), SUM(id), SUM(customer), SUM(quantity), SUM(price), COUNT(changed), SUM(CHAR_LENGTH(email)), COUNT(address), SUM(CHAR_LENGTH(note)) FROM " + table
}

// cells makes one form of what the two clients print.
func cells(line string, err error) (string, error) { return strings.ReplaceAll(line, "\t", "|"), err }

// mysqlTarget is a table on the MySQL server.
type mysqlTarget struct {
	data.Server
	table string // with its database
	made  bool   // the table is there, and empty, before the copy; else the copy makes it
}

func (m mysqlTarget) clear(ctx context.Context) error {
	schema, _, _ := strings.Cut(m.table, ".")
	text := "CREATE DATABASE IF NOT EXISTS " + schema + " CHARACTER SET utf8mb4; DROP TABLE IF EXISTS " + m.table
	if m.made {
		text += "; " + data.Narrow().Create(m.table, "filled by the benchmark")
	}
	_, err := m.Run(ctx, text)
	return err
}

func (m mysqlTarget) print(ctx context.Context) (string, error) {
	return cells(m.Run(ctx, printOf(m.table)))
}

// remove drops the table, and the binary logs, which copies fill and nobody reads.
func (m mysqlTarget) remove(ctx context.Context) error {
	_, err := m.Run(ctx, "DROP TABLE IF EXISTS "+m.table+"; FLUSH BINARY LOGS; PURGE BINARY LOGS BEFORE NOW()")
	return err
}

// load is the client's command that loads a file, as LOAD DATA reads it.
func (m mysqlTarget) load(ctx context.Context, path string) *exec.Cmd {
	return program(ctx, m.Client, m.Args("--local-infile=1", "-e", data.Narrow().Load(m.table, path)), m.Env())
}

// postgresTarget is a table on the PostgreSQL server.
type postgresTarget struct {
	data.Postgres
	table string
	made  bool
}

// clear also has the server write what it still has to of the copy before, so that the next does not wait for it.
func (p postgresTarget) clear(ctx context.Context) error {
	text := "SET client_min_messages = warning; DROP TABLE IF EXISTS " + p.table
	if p.made {
		create, err := data.Narrow().CreatePostgres(p.table)
		if err != nil {
			return err
		}
		text += "; " + create
	}
	_, err := p.Run(ctx, text)
	if err == nil {
		_, err = p.Run(ctx, "CHECKPOINT")
	}
	return err
}

func (p postgresTarget) print(ctx context.Context) (string, error) {
	return cells(p.keyed(ctx, printOf(p.table)))
}

// keyed asks of the table, which must have its primary key, whoever made it.
func (p postgresTarget) keyed(ctx context.Context, statement string) (string, error) {
	keys, err := p.Run(ctx, "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = '"+p.table+"'::regclass AND contype = 'p'")
	if err == nil && keys != "PRIMARY KEY (id)" {
		err = fmt.Errorf("the table has no key over id: %q", keys)
	}
	if err != nil {
		return "", err
	}
	return p.Run(ctx, statement)
}

// psql is the client's command that runs one of its own, such as \copy.
func psql(ctx context.Context, p data.Postgres, command string) *exec.Cmd {
	return program(ctx, p.Client, p.Args("-c", command), p.Env())
}
