package job

import (
	"strconv"

	"github.com/towpath/towpath/internal/option"
)

// nearestHint asks whether the nearest known name was meant; "" when none is near.
func nearestHint(name string, known []string) string {
	if near := option.Nearest(name, known); near != "" {
		return "Did you mean " + strconv.Quote(near) + "?"
	}
	return ""
}
