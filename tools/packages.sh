#!/bin/sh
# packages.sh unit|servers: the packages with tests that need no real server, or those that do: the ones whose tests link
# tools/testservers/servers. A new package is in the right list without being named anywhere.
set -eu

case ${1:-} in
unit) want=0 ;;
servers) want=1 ;;
*)
	echo "usage: packages.sh unit|servers" >&2
	exit 2
	;;
esac
list=$(go list -test -f '{{.ImportPath}} {{join .Deps " "}}' ./...)
printf '%s\n' "$list" | awk -v want="$want" '
	$1 !~ /\.test$/ || NF < 2 { next }
	{
		needs = 0
		for (i = 2; i <= NF; i++) if ($i ~ /\/tools\/testservers\/servers$/) needs = 1
		sub(/\.test$/, "", $1)
		if ($1 ~ /\/tools\/testservers\/servers$/) needs = 1
		if (needs == want) print $1
	}'
