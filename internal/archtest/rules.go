package archtest

// Rule is one rule of the tree.
type Rule struct {
	Name   string
	Reason string
	Check  func(*Tree) []Finding
}

// Rules are all rules, in the order of docs/architecture.md.
func Rules() []Rule {
	return []Rule{
		{"imports", "rooms know only those below them, so each can be read, tested and replaced alone", sources(importRules)},
		{"names", "a new source must be one folder and one line; code that names a source elsewhere branches on it sooner or later", sourceNames},
		{"drivers", "a driver that is imported once can be replaced once", sources(driverRule)},
		{"sockets", "an address that the guard does not see is a way into networks that connections have no business in", sources(socketRule)},
		{"processes", "a program that starts programs depends on machines we do not know", sources(processRule)},
		{"files", "who knows one connector finds his way in all", connectorFiles},
		{"init", "what a program does must be readable from main", each(initFunctions)},
		{"variables", "two runs in one process must not meet in a variable", packageVariables},
		{"comments", "each package says once what it is for and what it does not know", packageComments},
		{"package names", "a package named for nothing collects everything", each(packageNames)},
		{"exported", "what others call says what a caller must know", sources(exportedNames)},
		{"sizes", "what does not fit a screen or a head is split by subject", each(sizes)},
		{"prose", "plans and history are not in the code; it is described as it is", each(comments)},
		{"tests", "a test that sleeps is slow or wrong; one that is skipped in silence proves nothing", each(testHabits)},
		{"dependencies", "adding a module is a decision with a reason", dependencies},
		{"codes", "a code that a person meets must be explained, and no explanation may be of nothing", errorCodes},
		{"links", "a guide that leads nowhere is not read on", links},
	}
}
