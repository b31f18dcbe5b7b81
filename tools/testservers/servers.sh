#!/usr/bin/env bash
# Installs, starts and stops the real servers that tests use, on the loopback interface, from package registries alone.
#
#   servers.sh up NAME...       install if needed, start, make users and database; does nothing when it is up
#   servers.sh down [NAME...]   stop; the data stays; without a name: all, private ones included
#   servers.sh kill NAME...     kill -9, for crash tests
#   servers.sh restart NAME...  stop and start
#   servers.sh wipe NAME...     stop and delete the data; what was installed stays
#   servers.sh env NAME...      print the variables that tests read: export $(servers.sh env mariadb)
#   servers.sh needs NAME...    list what this machine lacks for them, and the command that gets it
#   servers.sh ports NAME...    list the ports that they need and another process holds
#   servers.sh status           what is up: process and memory
#
# TOWPATH_SERVERS_DIR     where everything is kept; default: towpath-servers in the user's cache folder
# TOWPATH_SERVERS_DATA    data, logs and process ids lie here instead: a private instance beside the shared one
# TOWPATH_SERVERS_GUARD   a process id; the servers started end, and their private data goes, when that process is gone
# TOWPATH_SERVERS_UNPACK  1: unpack Debian packages into the server folder even when they could be installed
# TOWPATH_<NAME>_PORT     another port for one server
set -uo pipefail
umask 022

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CATALOG=$HERE/catalog
SERVERS=${TOWPATH_SERVERS_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/towpath-servers}
DATA=${TOWPATH_SERVERS_DATA:-$SERVERS}
. "$HERE/lib.sh"
. "$HERE/install.sh"

names() {
  local file
  for file in "$CATALOG"/*.sh; do
    basename "$file" .sh
  done
}

# with NAME: loads a server's file. A given address is set in the environment for a server of somebody else's.
with() {
  NAME=$1
  [ -r "$CATALOG/$NAME.sh" ] || fail "no server $NAME; there are: $(names | tr '\n' ' ')"
  [ "$(uname -s)" = Linux ] || lack "$NAME" "servers are started on Linux only" "set the variables of a server that runs elsewhere, see tools/testservers/README.md"
  HOME_OF=$DATA/$NAME
  LOGS=$HOME_OF/logs
  prepare() { :; }
  stop() { kill -"${STOP:-TERM}" "$PID"; }
  . "$CATALOG/$NAME.sh"
  GIVEN=
  [ -n "${TOWPATH_SERVERS_DATA:-}" ] || GIVEN=${!VARIABLE:-}
}

one() {
  with "$2"
  case $1 in
    needs) [ -n "$GIVEN" ] || requires ;;
    ports) [ -n "$GIVEN" ] || running || taken ;;
    env) if [ -n "$GIVEN" ]; then env | grep "^${VARIABLE%_URL}\(_URL\|_READER\|_WRITER\|_CLIENT\)\?="; else environment; fi ;;
    up) if [ -n "$GIVEN" ]; then say "using \$$VARIABLE"; else locked up; fi ;;
    down) locked down ;;
    restart) locked down && locked up ;;
    kill) down KILL ;;
    wipe) locked down && rm -rf "$HOME_OF" ;;
  esac
}

command=${1:-}
[ $# -gt 0 ] && shift
case $command in
  down)
    if [ $# -eq 0 ]; then
      set -- $(names)
      private_down
    fi
    ;;
  up | env | kill | wipe | restart | needs | ports)
    [ $# -gt 0 ] || fail "which? $(names | tr '\n' ' ')"
    ;;
  status)
    for name in $(names); do
      (with "$name" && running && printf '%-16s %8s %6d MiB\n' "$NAME" "$PID" $(($(awk '/VmRSS/{print $2}' "/proc/$PID/status") / 1024)))
    done
    exit 0
    ;;
  *)
    sed -n '2,19s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    echo "servers: $(names | tr '\n' ' ')"
    [ -z "$command" ] || [ "$command" = help ]
    exit
    ;;
esac
for name; do
  (one "$command" "$name") || exit
done
