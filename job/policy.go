package job

import (
	"slices"

	"github.com/towpath/towpath/record"
)

// codeNames lists the dirty codes that a job may name, in the order of their names.
func codeNames() []string {
	codes := []record.Code{record.Range, record.Scale, record.NonFinite, record.ZeroDate, record.InfTime, record.TZGap, record.TZAmbig,
		record.UTF8, record.NUL, record.Trunc, record.WrongType, record.KeyNull, record.KeyFold, record.EmptyNull, record.TooBig,
		record.Shape, record.Constraint, record.Rejected}
	names := make([]string, len(codes))
	for i, code := range codes {
		names[i] = string(code)
	}
	slices.Sort(names)
	return names
}

// policiesOf lists the policies of a code, one example for those that name a charset.
func policiesOf(code string) []string {
	all := []string{"dirty", "null", "clamp", "round", "truncate", "epoch", "keep", "shift", "earlier", "later", "recode:latin1",
		"replace", "hex", "strip", "text", "blank", "json"}
	return slices.DeleteFunc(all, func(policy string) bool { return record.ValidPolicy(record.Code(code), policy) != nil })
}
