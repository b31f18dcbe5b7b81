#!/usr/bin/env bash
# guard.sh SERVER OWNER FILE: ends a private server whose owner is gone, so that a test that was killed leaves neither process nor
# data. FILE names the server's folder and stands for the instance as long as it is up.
set -uo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$HERE/lib.sh"

server=$1 owner=$2 file=$3
server_since=$(started "$server")
owner_since=$(started "$owner")
folder=$(cat "$file")
while alive "$server" "$server_since" && alive "$owner" "$owner_since"; do
  sleep 1
done
rm -f "$file"
if ! alive "$owner" "$owner_since"; then
  alive "$server" "$server_since" && slay "$server"
  rm -rf "$folder"
fi
