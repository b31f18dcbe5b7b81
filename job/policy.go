package job

import (
	"strings"

	"github.com/towpath/towpath/record"
)

// codes are the dirty codes that a job may name, with their policies.
func codes() map[record.Code]string {
	return map[record.Code]string{
		record.Range:      "dirty, null, clamp",
		record.Scale:      "dirty, round, truncate",
		record.NonFinite:  "dirty, null",
		record.ZeroDate:   "dirty, null, epoch, keep",
		record.InfTime:    "dirty, null",
		record.TZGap:      "dirty, shift",
		record.TZAmbig:    "dirty, earlier, later",
		record.UTF8:       "dirty, recode:<charset>, replace, hex",
		record.NUL:        "dirty, strip, replace",
		record.Trunc:      "dirty, truncate",
		record.WrongType:  "dirty, null, text",
		record.KeyNull:    "dirty",
		record.KeyFold:    "dirty",
		record.EmptyNull:  "dirty, blank",
		record.TooBig:     "dirty",
		record.Shape:      "dirty, json",
		record.Constraint: "dirty",
		record.Rejected:   "dirty",
	}
}

// validPolicy reports whether the policies listed have the policy.
func validPolicy(listed, policy string) bool {
	for known := range strings.SplitSeq(listed, ", ") {
		prefix, open := strings.CutSuffix(known, "<charset>")
		if policy == known && !open || open && len(policy) > len(prefix) && strings.HasPrefix(policy, prefix) {
			return true
		}
	}
	return false
}
