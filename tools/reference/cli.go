package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/towpath/towpath/internal/cli"
)

// cliPage describes commands, flags, variables and exit codes, as the grammar of the command line has them.
func cliPage() (string, error) {
	app, err := cli.Model()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("# Commands\n\nWritten by `make generate` from the command line's grammar; not edited by hand.\n\n" + app.Help + "\n")
	b.WriteString("\n## Flags of every command\n\n" + flagTable(app.Flags))
	for _, leaf := range app.Leaves(true) {
		fmt.Fprintf(&b, "\n## towpath %s\n\n%s\n\n    towpath %s\n", leaf.Path(), leaf.Help, leaf.Summary())
		if leaf.Detail != "" {
			fmt.Fprintf(&b, "\n%s\n", leaf.Detail)
		}
		rows := ""
		for _, arg := range leaf.Positional {
			rows += fmt.Sprintf("| `<%s>` | %s |\n", arg.Name, cell(arg.Help))
		}
		if rows += flagRows(leaf.Flags); rows != "" {
			b.WriteString("\n| | |\n|---|---|\n" + rows)
		}
	}
	b.WriteString("\n## Environment\n\n| variable | meaning |\n|---|---|\n")
	for _, v := range cli.Variables() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", v.Name, cell(v.Doc))
	}
	b.WriteString("\n## Exit codes\n\n| code | meaning |\n|---|---|\n")
	for _, e := range cli.ExitCodes() {
		fmt.Fprintf(&b, "| %d | %s |\n", e.Code, cell(e.Doc))
	}
	b.WriteString(answers)
	return b.String(), nil
}

const answers = `
## JSON

With ` + "`--json`" + ` a command answers with one object on standard output, also when it fails; nothing but the log goes to standard error:

    {"ok": true, "command": "runs", "data": [...]}
    {"ok": false, "command": "plan", "error": {"code": "TOW-012", "text": "...", "path": "...", "hint": "...", "parts": [...]}}

` + "`data`" + ` may stand beside an error: a refused plan as far as it was made, a run that failed. ` + "`parts`" + ` are the single mistakes where there are several.
`

func flagTable(flags []*kong.Flag) string {
	return "| | |\n|---|---|\n" + flagRows(flags)
}

func flagRows(flags []*kong.Flag) string {
	rows := ""
	for _, f := range flags {
		if f.Hidden {
			continue
		}
		name := "--" + f.Name
		if f.Short != 0 {
			name = "-" + string(f.Short) + ", " + name
		}
		if !f.IsBool() {
			name += "=" + f.FormatPlaceHolder()
		}
		help := f.Help
		if f.HasDefault && !f.IsBool() && f.Default != "" {
			help += " Default " + f.Default + "."
		}
		for _, env := range f.Envs {
			help += " `" + env + "` stands for it."
		}
		rows += fmt.Sprintf("| `%s` | %s |\n", name, cell(help))
	}
	return rows
}
