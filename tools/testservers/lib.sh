# Processes: start, find again, stop. A file of the catalog defines VARIABLE (the environment variable of its address) and the
# functions ports, requires, install, start, ready, environment and, where there is something to make after a start, prepare; STOP is the
# signal that ends the server politely, TERM without it; the function stop does so where no signal can.

fail() {
  echo "testservers: $*" >&2
  exit 1
}

# lack NAME WHAT COMMAND: something is missing that this script cannot get. Exit status 69 tells it from a server that fails.
lack() {
  echo "testservers: $1 needs $2: $3" >&2
  exit 69
}

say() {
  echo "$NAME: $*" >&2
}

# locked FUNCTION: one caller at a time per instance; test packages may ask side by side. The server must not inherit the lock.
locked() {
  mkdir -p "$LOGS" || exit 1
  exec 9>"$HOME_OF/lock" && flock 9 && "$@" 9>&-
  local status=$?
  exec 9>&-
  return $status
}

# started PID: when the process began, in ticks since boot. With it a reused process id is never taken for ours.
started() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  # field 22; the name in brackets may hold blanks
  set -- ${stat##*) }
  echo "${20}"
}

# alive PID SINCE: whether the process lives; a zombie does not.
alive() {
  [ -n "$1" ] && [ "$(started "$1")" = "$2" ] && [ "$(cut -d' ' -f3 "/proc/$1/stat" 2>/dev/null)" != Z ]
}

# running: whether the remembered process lives; sets PID and SINCE.
running() {
  [ -r "$HOME_OF/pid" ] && read -r PID SINCE <"$HOME_OF/pid" && alive "$PID" "$SINCE"
}

# spawn COMMAND...: starts a server in a session of its own and remembers the process and when it began.
spawn() {
  [ ! -e "$LOGS/server.log" ] || mv "$LOGS/server.log" "$LOGS/server.log.before" # it may say why the server ended
  setsid "$@" >"$LOGS/server.log" 2>&1 </dev/null &
  PID=$!
  SINCE=$(started "$PID")
  echo "$PID $SINCE" >"$HOME_OF/pid"
  if [ -n "${TOWPATH_SERVERS_GUARD:-}" ]; then
    mkdir -p "$SERVERS/private"
    echo "$HOME_OF" >"$SERVERS/private/$PID"
    # a program of its own: a function in the background would keep this script's pipes and lock, and callers would wait for it
    setsid bash "$HERE/guard.sh" "$PID" "$TOWPATH_SERVERS_GUARD" "$SERVERS/private/$PID" >/dev/null 2>&1 </dev/null &
  fi
}

# private_down: kills every private instance that is still up.
private_down() {
  local file
  for file in "$SERVERS"/private/*; do
    [ -r "$file" ] || continue
    HOME_OF=$(cat "$file")
    running && [ "$PID" = "${file##*/}" ] && slay "$PID"
    rm -f "$file"
  done
}

# slay PID: kills a server with its session and its children, which may have sessions of their own. It is stopped first, so that no child
# is born meanwhile.
slay() {
  local stat
  kill -STOP "$1"
  for stat in /proc/[0-9]*/stat; do
    stat=$(cat "$stat" 2>/dev/null) || continue
    set -- "$1" "${stat%% *}" ${stat##*) }
    [ "$4" != "$1" ] || kill -KILL "$2"
  done
  kill -KILL -- -"$1"
}

listening() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# taken: one line of `ports` for each port of the server that another process holds.
taken() {
  local port
  for port in $(ports); do
    ! listening "$port" || printf '%s\t%s\n' "port $port for $NAME" "end what holds it, or set TOWPATH_${NAME^^}_PORT to another"
  done
}

up() {
  if running; then
    await
    return
  fi
  local port
  for port in $(ports); do
    listening "$port" && fail "$NAME: port $port is taken by another process; set TOWPATH_${NAME^^}_PORT to another"
  done
  installing install
  start
  await
  prepare
  say "up (process $PID)"
}

# await: polls until the server answers; one that ends is reported at once with the end of its log.
await() {
  local tenths
  for tenths in $(seq 1 $((${WAIT:-120} * 5))); do
    if ! running; then
      tail -n 20 "$LOGS/server.log" >&2
      fail "$NAME ended while starting; see $LOGS/server.log"
    fi
    ready >/dev/null 2>&1 && return
    sleep 0.2
  done
  fail "$NAME not ready after ${WAIT:-120} s; see $LOGS/server.log"
}

# quiet: whether nothing listens on the server's ports.
quiet() {
  local port
  for port in $(ports); do
    ! listening "$port" || return 1
  done
}

# gone: waits until the process has ended and left its ports, 30 s at most. A killed process of many threads counts as dead some
# time before the last thread has closed the sockets.
gone() {
  local tenths
  for tenths in $(seq 1 300); do
    running || ! quiet || return 0
    sleep 0.1
  done
  return 1
}

# down [KILL]: KILL goes to the whole session, as a crash of the machine would; a polite end is asked of the server alone.
down() {
  running || { rm -f "$HOME_OF/pid"; return 0; }
  local how=${1:-}
  [ "$how" = KILL ] || stop
  if [ "$how" = KILL ] || ! gone; then
    [ "$how" = KILL ] || say "does not stop, killing it"
    slay "$PID"
    gone
  fi
  rm -f "$HOME_OF/pid"
}
