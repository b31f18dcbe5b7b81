# PostgreSQL 17.5 of Maven Central, x86-64: server, initdb and contrib; psql is that of Debian's PostgreSQL 15.
POSTGRES17=${TOWPATH_POSTGRES17_PORT:-22433}
VARIABLE=TOWPATH_TEST_POSTGRES17
STOP=INT # fast shutdown: the polite TERM waits for every client to leave

ports() { echo "$POSTGRES17"; }

requires() { postgres_maven_required; }

install() {
  postgres_maven
  postgres_initdb "$PGBIN"
}

start() { postgres_spawn "$PGBIN" "$POSTGRES17"; }

ready() { listening "$POSTGRES17" && echo 'SELECT 1' | postgres_sql "$POSTGRES17" postgres; }

prepare() { postgres_users "$POSTGRES17"; }

environment() { postgres_environment "$POSTGRES17"; }
