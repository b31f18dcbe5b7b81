package packaging_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const unitFile = "towpath.service"

// directives reads the unit: names to all of their values.
func directives(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for line := range strings.Lines(read(t, unitFile)) {
		if name, value, is := strings.Cut(strings.TrimSpace(line), "="); is && !strings.HasPrefix(name, "#") {
			found[name] = append(found[name], value)
		}
	}
	return found
}

// TestUnit: the unit keeps the server to what it needs, gives it time to end, and sets variables that there are.
func TestUnit(t *testing.T) {
	t.Parallel()
	have := directives(t)
	want := map[string][]string{
		"ExecStart": {"/usr/bin/towpath server"}, "User": {"towpath"}, "StateDirectory": {"towpath"}, "StateDirectoryMode": {"0700"}, "UMask": {"0077"},
		"LoadCredential": {"master.key:/etc/towpath/master.key"}, "ProtectSystem": {"strict"}, "CapabilityBoundingSet": {""},
		"RestrictAddressFamilies": {"AF_INET AF_INET6 AF_NETLINK"}, "SystemCallFilter": {"@system-service", "~@privileged @resources"}, "SystemCallArchitectures": {"native"},
	}
	for _, name := range strings.Fields("NoNewPrivileges ProtectHome PrivateTmp PrivateDevices PrivateUsers ProtectKernelTunables ProtectKernelModules ProtectKernelLogs " +
		"ProtectControlGroups ProtectClock ProtectHostname RestrictNamespaces RestrictRealtime RestrictSUIDSGID LockPersonality MemoryDenyWriteExecute") {
		want[name] = []string{"yes"}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if !slices.Equal(have[name], want[name]) {
			t.Errorf("%s: got %q, want %q", name, have[name], want[name])
		}
	}
	seconds, err := strconv.Atoi(strings.Join(have["TimeoutStopSec"], ""))
	if least := 20*time.Second + 10*time.Second; err != nil || time.Duration(seconds)*time.Second <= least {
		t.Errorf("TimeoutStopSec %q, %v: shards and requests may take %v", have["TimeoutStopSec"], err, least)
	}
	reference := read(t, "../docs/reference/cli.md") + read(t, "../docs/deployment.md")
	for _, variable := range regexp.MustCompile(`TOWPATH_\w+`).FindAllString(read(t, unitFile)+read(t, "Dockerfile"), -1) {
		if !strings.Contains(reference, "`"+variable+"`") {
			t.Errorf("%s is not described", variable)
		}
	}
}

// TestUnitAnalyzed asks systemd itself, where there is one that analyzes units that are not installed.
func TestUnitAnalyzed(t *testing.T) {
	t.Parallel()
	out, _ := exec.CommandContext(t.Context(), "systemd-analyze", "--version").Output()
	version := regexp.MustCompile(`^systemd (\d+)`).FindSubmatch(out)
	if version == nil {
		return // TestUnit has looked
	}
	if n, _ := strconv.Atoi(string(version[1])); n < 250 {
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	unit := filepath.Join(t.TempDir(), unitFile)
	text := strings.ReplaceAll(read(t, unitFile), "/usr/bin/towpath", self) // a program that is there
	if err := os.WriteFile(unit, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "systemd-analyze", "--man=no", "verify", unit).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("verify: %v\n%s", err, out)
	}
	if out, err := exec.CommandContext(t.Context(), "systemd-analyze", "--no-pager", "--offline=true", "--threshold=15", "security", unit).CombinedOutput(); err != nil {
		t.Errorf("more than 1.5 is exposed: %v\n%s", err, out)
	}
}
