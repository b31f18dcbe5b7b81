package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/towpath/towpath/record"
)

// Same compares the declared schema of a source with the planned one; statistics, defaults and comments do not count.
func Same(planned, found *record.Schema) (difference string) {
	if len(planned.Fields) != len(found.Fields) {
		return fmt.Sprintf("%s, planned were %d", plural(len(found.Fields), "column"), len(planned.Fields))
	}
	for i, f := range planned.Fields {
		g := found.Fields[i]
		switch {
		case f.Name != g.Name:
			return fmt.Sprintf("column %d is %s, planned was %s", i+1, g.Name, f.Name)
		case f.Key != g.Key:
			return fmt.Sprintf("the key is another (column %s)", f.Name)
		case f.Native != g.Native || !sameType(f.Type, g.Type) || f.Collation != g.Collation || f.Nullable != g.Nullable:
			return fmt.Sprintf("column %s is %s, planned was %s", f.Name, describe(g), describe(f))
		}
	}
	return ""
}

func sameType(a, b record.Type) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

func describe(f record.Field) string {
	text := f.Native
	if text == "" {
		text = f.Type.String()
	}
	if f.Collation != "" {
		text += " collate " + f.Collation
	}
	if !f.Nullable {
		text += " not null"
	}
	return text
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}
