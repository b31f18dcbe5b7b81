package system

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/towpath/towpath/tools/testservers/hbaseclient"
)

// HBase is the tables of HBase whose names begin with the prefix, reached by its own Java client. Reset drops them. Statements are lines of words:
//
//	create TABLE FAMILY:VERSIONS,... SPLIT,...
//	put TABLE ROW FAMILY:QUALIFIER VALUE TIMESTAMP
//	wide TABLE ROW CELLS
//	drop TABLE
//
// of which the last word of the first two may be missing; wide puts so many cells of ten bytes. Bytes are written \xNN, as HBase's shell does, and an empty value as two apostrophes.
func HBase(client, address, prefix string) (*Place, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	h := &hbase{client, u.Host, prefix}
	return &Place{Connector: "hbase", Texts: h, Endpoint: h.endpoint, Dataset: h.Name, client: h}, nil
}

type hbase struct{ client, host, prefix string }

// endpoint heeds no address: ZooKeeper tells where the servers are.
func (h *hbase) endpoint(string) string { return "{connector: hbase, quorum: [" + yaml(h.host) + "]}" }

func (h *hbase) Reset(ctx context.Context) error { return h.Remove(ctx) }

func (h *hbase) Remove(ctx context.Context) error {
	return h.tell(ctx, "sweep\t"+h.prefix+"\n", nothing)
}

func (h *hbase) tell(ctx context.Context, commands string, line func(string) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return hbaseclient.Run(ctx, h.client, h.host, commands, line)
}

func nothing(line string) error { return fmt.Errorf("%.200q was not to be printed", line) }

func (h *hbase) Run(ctx context.Context, script string) error {
	var commands strings.Builder
	for line := range strings.Lines(script) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		command, err := h.command(words)
		if err != nil {
			return fmt.Errorf("%q: %w", strings.TrimSpace(line), err)
		}
		commands.WriteString(command + "\n")
	}
	return h.tell(ctx, commands.String()+"flush\n", nothing)
}

// command is a line of words as the client takes it: fields between tabs, bytes in hex.
func (h *hbase) command(words []string) (string, error) {
	switch {
	case words[0] == "drop" && len(words) == 2:
	case words[0] == "wide" && len(words) == 4:
		cells, err := strconv.Atoi(words[3])
		if err != nil {
			return "", err
		}
		var puts []string
		for i := range cells {
			one, err := h.command([]string{"put", words[1], words[2], fmt.Sprintf("f:q%07d", i), "0123456789"})
			if err != nil {
				return "", err
			}
			puts = append(puts, one)
		}
		return strings.Join(puts, "\n"), nil
	case words[0] == "create" && (len(words) == 3 || len(words) == 4):
		if len(words) == 4 {
			splits := strings.Split(words[3], ",")
			for i, split := range splits {
				key, err := shellBytes(split)
				if err != nil {
					return "", err
				}
				splits[i] = hex.EncodeToString(key)
			}
			words[3] = strings.Join(splits, ",")
		}
	case words[0] == "put" && (len(words) == 5 || len(words) == 6):
		row, err := shellBytes(words[2])
		if err != nil {
			return "", err
		}
		family, qualifier, _ := strings.Cut(words[3], ":")
		column, err := shellBytes(qualifier)
		if err != nil {
			return "", err
		}
		value, err := shellBytes(words[4])
		if err != nil {
			return "", err
		}
		words = append([]string{"put", words[1], hex.EncodeToString(row), family, hex.EncodeToString(column), hex.EncodeToString(value)}, words[5:]...)
	default:
		return "", fmt.Errorf("no such statement")
	}
	return strings.Join(words, "\t"), nil
}

// shellBytes reads bytes as HBase's shell shows them.
func shellBytes(text string) ([]byte, error) {
	if text == "''" {
		return nil, nil
	}
	b, err := strconv.Unquote(`"` + strings.ReplaceAll(text, `"`, `\"`) + `"`)
	return []byte(b), err
}

// shellText is the opposite of shellBytes.
func shellText(b []byte) string {
	if len(b) == 0 {
		return "''"
	}
	var text strings.Builder
	for _, c := range b {
		if c > ' ' && c <= '~' && c != '\\' {
			text.WriteByte(c)
		} else {
			fmt.Fprintf(&text, `\x%02X`, c)
		}
	}
	return text.String()
}

// Show shows of each row the newest value of f:v, or of the column that Look.Show names, NULL where the row has none; of "versions", how many versions
// there are of f:v.
func (h *hbase) Show(ctx context.Context, looks []Look) ([]Shown, error) {
	shown := make([]Shown, len(looks))
	for i, l := range looks {
		if err := h.show(ctx, l, &shown[i]); err != nil {
			shown[i].Trouble = err.Error()
		}
	}
	return shown, nil
}

func (h *hbase) show(ctx context.Context, l Look, shown *Shown) error {
	column := "f:v"
	counted := l.Show == "versions"
	if l.Show != "" && !counted {
		column = l.Show
	}
	versions := 0
	return h.tell(ctx, "scan\t"+h.Name(l.Table)+"\t100\n", func(line string) error {
		f := strings.Split(line, "\t") // row, family, qualifier, time, value; the newest version first
		if len(f) != 5 {
			return fmt.Errorf("%.200q is no cell", line)
		}
		row, err := hex.DecodeString(f[0])
		if err != nil {
			return err
		}
		qualifier, err := hex.DecodeString(f[2])
		if err != nil {
			return err
		}
		value, err := hex.DecodeString(f[4])
		if err != nil {
			return err
		}
		id := shellText(row)
		if n := len(shown.Lines); n == 0 || shown.Lines[n-1].ID != id {
			shown.Lines = append(shown.Lines, Line{id, "NULL"})
			versions = 0
		}
		if f[1]+":"+shellText(qualifier) != column {
			return nil
		}
		last := &shown.Lines[len(shown.Lines)-1]
		if versions++; counted {
			last.Text = strconv.Itoa(versions)
		} else if versions == 1 {
			last.Text = shellText(value)
		}
		return nil
	})
}

func (h *hbase) Name(table string) string { return h.prefix + table }

// Make makes a table of one family f; columns are its qualifiers.
func (h *hbase) Make(table string, _ []string) string { return "create " + h.Name(table) + " f\n" }

// Put puts a cell for each literal, a value as statements write it, and NULL for none; and always f:there, as a row without cells is none.
func (h *hbase) Put(table, id string, columns, literals []string) string {
	put := "put " + h.Name(table) + " " + id + " f:"
	lines := put + "there ''\n"
	for i, value := range strings.Split(strings.Join(literals, ","), ",") {
		if value = strings.TrimSpace(value); value != "" && value != "NULL" && i < len(columns) {
			lines += put + columnName(columns[i]) + " " + value + "\n"
		}
	}
	return lines
}

// Only cannot be: the cells of this store stand at no target that refuses a row beside them.
func (h *hbase) Only(table, _ string) string { return "only " + table + "\n" }

func (h *hbase) Drop(table string) string { return "drop " + h.Name(table) + "\n" }
