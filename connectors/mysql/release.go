package mysql

import (
	"strconv"
	"strings"
)

// release is which server it is: what types, collations and statements there are depends on it.
type release struct {
	Maria  bool   `json:"maria,omitempty"`
	Number [3]int `json:"number"` // 10.11.6
}

// parseRelease reads the version of the greeting: 8.4.2, 10.11.6-MariaDB-log, 5.5.5-10.4.32-MariaDB.
func parseRelease(version string) release {
	r := release{Maria: strings.Contains(version, "MariaDB")}
	if r.Maria {
		// Old clients knew no version above 5 (https://jira.mariadb.org/browse/MDEV-4088).
		version = strings.TrimPrefix(version, "5.5.5-")
	}
	for i := range r.Number {
		digits := 0
		for digits < len(version) && version[digits] >= '0' && version[digits] <= '9' {
			digits++
		}
		r.Number[i], _ = strconv.Atoi(version[:digits])
		if version = version[digits:]; !strings.HasPrefix(version, ".") {
			break
		}
		version = version[1:]
	}
	return r
}

// since tells whether the server is MariaDB of at least the given version.
func (r release) since(major, minor int) bool {
	return r.Maria && (r.Number[0] > major || r.Number[0] == major && r.Number[1] >= minor)
}

// oracle tells whether the server is MySQL of at least the given version.
func (r release) oracle(major, minor, patch int) bool {
	if r.Maria {
		return false
	}
	want := [3]int{major, minor, patch}
	for i, n := range r.Number {
		if n != want[i] {
			return n > want[i]
		}
	}
	return true
}

// explain begins a statement that is answered by a table with a column rows, whatever form the session's explain_format asks for.
func (r release) explain() string {
	if r.Maria || r.oracle(5, 6, 0) {
		return "EXPLAIN FORMAT=TRADITIONAL "
	}
	return "EXPLAIN "
}
