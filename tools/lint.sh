#!/usr/bin/env bash
# lint.sh: formatting, vet and shell syntax of the whole tree. The rules of the architecture are tests: internal/archtest.
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
status=0
unformatted=$(git ls-files -co --exclude-standard -- '*.go' | while read -r file; do [ ! -e "$file" ] || gofmt -l "$file"; done)
if [ -n "$unformatted" ]; then
  printf 'not formatted (gofmt -w):\n%s\n' "$unformatted" >&2
  status=1
fi
go vet ./... || status=1
for file in $(git ls-files -co --exclude-standard -- '*.sh' .ci/run); do
  case $(head -n 1 "$file") in
    '#!/bin/sh'*) sh -n "$file" || status=1 ;;
    *) bash -n "$file" || status=1 ;;
  esac
done
exit $status
