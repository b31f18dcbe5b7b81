# PostgreSQL 11.22 of Maven Central, x86-64: server, initdb and contrib; psql is that of Debian's PostgreSQL 15.
POSTGRES11=${TOWPATH_POSTGRES11_PORT:-22434}
VARIABLE=TOWPATH_TEST_POSTGRES11
STOP=INT # fast shutdown: the polite TERM waits for every client to leave

ports() { echo "$POSTGRES11"; }

requires() { postgres_maven_required; }

install() {
  postgres_maven
  postgres_initdb "$PGBIN"
}

start() { postgres_spawn "$PGBIN" "$POSTGRES11"; }

ready() { listening "$POSTGRES11" && echo 'SELECT 1' | postgres_sql "$POSTGRES11" postgres; }

prepare() { postgres_users "$POSTGRES11"; }

environment() { postgres_environment "$POSTGRES11"; }
