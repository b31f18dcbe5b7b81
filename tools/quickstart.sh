#!/bin/sh
# The quick start: builds towpath, makes a sample shop database, copies it, pauses the copy in the middle, goes on with it, and
# compares both files by plain SQL. Needs Go and a POSIX shell; writes only into bin/ and .quickstart/ of this tree, or into the folder
# QUICKSTART_DIR.
set -eu
cd "$(dirname "$0")/.."

rows=${QUICKSTART_ROWS:-1000000}
dir=${QUICKSTART_DIR:-.quickstart}
bin=${QUICKSTART_DIR:-bin}
export CGO_ENABLED=0

# field NAME prints the first member of that name of the JSON that it reads.
field() { sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\).*/\1/p" | head -n 1; }

echo "== building"
mkdir -p "$bin"
go build -trimpath -o "$bin/towpath" ./cmd/towpath
go build -trimpath -o "$bin/quickstart" ./tools/quickstart
[ -n "${QUICKSTART_DIR:-}" ] || rm -rf "$dir"
mkdir -p "$dir"
full=$(cd "$dir" && pwd)
export TOWPATH_STATE="$full/state" TOWPATH_CONNECTIONS="$full/connections.yaml"
echo '{}' >"$TOWPATH_CONNECTIONS"

echo "== making $dir/shop.db: $rows orders"
"$bin/quickstart" make "$dir/shop.db" "$rows"

cat >"$dir/job.yaml" <<YAML
name: quickstart
mode: full
source: {connector: sqlite, path: $dir/shop.db}
target: {connector: sqlite, path: $dir/copy.db}
streams: [{source: orders}]
settings: {shards: 8}
YAML

echo "== towpath plan $dir/job.yaml"
"$bin/towpath" plan "$dir/job.yaml"

echo "== towpath run $dir/job.yaml, paused in the middle"
"$bin/towpath" run "$dir/job.yaml" &
pid=$!
run=
half=$((rows / 3))
while kill -0 "$pid" 2>/dev/null; do
  run=$("$bin/towpath" runs --json 2>/dev/null | field run)
  read=$("$bin/towpath" status "$run" --json 2>/dev/null | field read)
  if [ "${read:-0}" -gt "$half" ]; then
    "$bin/towpath" pause "$run" >/dev/null
    break
  fi
done
code=0
wait "$pid" || code=$?
if [ "$code" != 4 ]; then
  echo "quickstart: the copy should have been paused (exit code 4), it ended with $code" >&2
  exit 1
fi

echo "== towpath resume $run"
"$bin/towpath" resume "$run"

echo "== comparing both files by plain SQL"
"$bin/quickstart" compare "$dir/shop.db" "$dir/copy.db" orders

cat <<TEXT

The copy was paused, resumed and is complete: no row lost, none doubled, none changed.

What to do next:
  bin/towpath server --state=$dir/state       open the link that it prints: the page has the run
  bin/towpath run $dir/job.yaml --state=$dir/state
                                              once more, in another terminal: the page shows it as it goes on
  bin/towpath status $run --state=$dir/state  what was done, and its history
  bin/towpath connectors                      the systems towpath speaks to
  bin/towpath discover sqlite://$full/shop.db
  ls examples                                 jobs to start from; docs/ has the guides
TEXT
