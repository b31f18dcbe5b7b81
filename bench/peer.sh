#!/usr/bin/env bash
# Prints the path of a command that the benchmark compares with: the machine's own, else that of Debian packages, which are unpacked
# beside the test servers and not installed. Exit status 69: this machine cannot have it.
#
#   peer.sh COMMAND PACKAGE...
set -uo pipefail
umask 022

NAME=$1
shift
SERVERS=${TOWPATH_SERVERS_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/towpath-servers}
LOGS=$SERVERS/packages
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../tools/testservers" && pwd)
. "$HERE/lib.sh"
. "$HERE/install.sh"
UNPACKED=$SERVERS/packages/$NAME

get() {
  [ ! -e "$UNPACKED/.complete" ] || return 0
  say "getting $*"
  unpack "$@" >"$LOGS/$NAME.log" 2>&1 || fail "cannot unpack $*; see $LOGS/$NAME.log"
}

if found=$(command -v "$NAME"); then
  echo "$found"
  exit
fi
command -v apt-get >/dev/null || lack bench "$NAME" "no apt-get here; install $*"
mkdir -p "$LOGS"
installing get "$@" || exit
# a script, as its libraries lie in folders of their own
libraries=$(find "$UNPACKED" -name 'lib*.so*' -printf '%h\n' 2>/dev/null | sort -u | paste -sd:)
printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s/usr/bin/%s "$@"\n' "$libraries" "$UNPACKED" "$NAME" >"$UNPACKED/run.$$"
chmod +x "$UNPACKED/run.$$" && mv "$UNPACKED/run.$$" "$UNPACKED/run"
echo "$UNPACKED/run"
