# PostgreSQL 17.5 of Maven Central, x86-64: server, initdb and contrib; psql is that of Debian's PostgreSQL 15.
POSTGRES17=${TOWPATH_POSTGRES17_PORT:-22433}
VARIABLE=TOWPATH_TEST_POSTGRES17
STOP=INT # fast shutdown: the polite TERM waits for every client to leave

ports() { echo "$POSTGRES17"; }

requires() {
  [ "$(uname -m)" = x86_64 ] || lacking "an x86-64 machine" "set TOWPATH_TEST_POSTGRES17 to a PostgreSQL 17 that runs elsewhere"
  java_required
  postgres_required
  command -v xz >/dev/null || lacking xz "apt-get install xz-utils"
}

install() {
  [ "$(uname -m)" = x86_64 ] || lack postgres17 "an x86-64 machine" "set TOWPATH_TEST_POSTGRES17 to a PostgreSQL 17 that runs elsewhere"
  postgres_packages
  jars
  BUILT=$SERVERS/built/postgres17-${JARS##*-}
  if [ ! -e "$BUILT/.complete" ]; then
    rm -rf "$BUILT" && mkdir -p "$BUILT"
    (cd "$BUILT" && jar xf "$JARS"/embedded-postgres-binaries-*.jar && tar xJf ./*.txz && rm -f ./*.txz && built) || fail "postgres17: cannot unpack its jar"
  fi
  postgres_initdb "$BUILT/bin"
}

start() { postgres_spawn "$BUILT/bin" "$POSTGRES17"; }

ready() { listening "$POSTGRES17" && echo 'SELECT 1' | postgres_sql "$POSTGRES17" postgres; }

prepare() { postgres_users "$POSTGRES17"; }

environment() { postgres_environment "$POSTGRES17"; }
