#!/usr/bin/env bash
# preflight.sh: checks everything that `make test` needs and lists at once what is missing, each with the command that gets it.
# preflight.sh NAME... checks for these test servers only.
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
missing=$(mktemp)
trap 'rm -f "$missing"' EXIT

# lacks WHAT COMMAND
lacks() { printf '%s\t%s\n' "$1" "$2" >>"$missing"; }

# at_least HAVE WANT: whether a dotted version is at least another.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# room FOLDER GIB: whether the file system that holds a folder, or will, has room.
room() {
  local folder=$1 free
  while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
  free=$(df -Pk "$folder" | awk 'NR == 2 { print int($4 / 1048576) }')
  [ "$free" -ge "$2" ] || lacks "$2 GiB free in $folder (there are $free)" "free some room, or set $3 to a folder elsewhere"
}

wanted=$(awk '$1 == "go" { print $2; exit }' go.mod)
if ! command -v go >/dev/null; then
  lacks "Go $wanted" "https://go.dev/doc/install"
else
  have=$(go env GOVERSION | sed 's/^go//')
  at_least "$have" "$wanted" || lacks "Go $wanted (there is $have)" "https://go.dev/doc/install"
  room "$(go env GOCACHE)" 4 GOCACHE
fi
command -v git >/dev/null || lacks git "apt-get install git"
command -v "${CC:-cc}" >/dev/null || command -v gcc >/dev/null || lacks "a C compiler, for the race detector" "apt-get install gcc libc6-dev"
if ! command -v npm >/dev/null; then
  lacks "Node.js 20 with npm, for the tools that check the API's document" "https://nodejs.org, or apt-get install nodejs npm"
elif ! at_least "$(node --version | sed 's/^v//')" 20; then
  lacks "Node.js 20 (there is $(node --version))" "https://nodejs.org"
fi

servers=("$@")
[ $# -gt 0 ] || read -r -a servers <<<"mariadb mysql55 postgres postgres11 postgres17 postgres18 elasticsearch7 elasticsearch8 opensearch hbase"
needs=$(tools/testservers/servers.sh needs "${servers[@]}" 2>&1) || lacks "test servers" "$needs"
[ -z "$needs" ] || printf '%s\n' "$needs" >>"$missing"
if command -v javac >/dev/null; then
  java=$(javac -version 2>&1 | awk '{ print $2 }')
  at_least "${java%%.*}" 17 || lacks "a JDK, 17 or newer (there is $java)" "apt-get install openjdk-17-jdk-headless"
fi
taken=$(tools/testservers/servers.sh ports "${servers[@]}" 2>&1) || lacks "free ports" "$taken"
[ -z "$taken" ] || printf '%s\n' "$taken" >>"$missing"
room "${TOWPATH_SERVERS_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/towpath-servers}" 4 TOWPATH_SERVERS_DIR
room "${TMPDIR:-/tmp}" 2 TMPDIR

if [ -s "$missing" ]; then
  echo "towpath's tests need what is not here:" >&2
  awk -F '\t' '{ printf "  %-56s %s\n", $1, $2 }' "$missing" | sort -u >&2
  exit 1
fi
