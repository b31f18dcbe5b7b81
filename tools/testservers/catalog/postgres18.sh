# PostgreSQL 18.1 of Maven Central, x86-64: server, initdb and contrib; psql is that of Debian's PostgreSQL 15.
POSTGRES18=${TOWPATH_POSTGRES18_PORT:-22435}
VARIABLE=TOWPATH_TEST_POSTGRES18
STOP=INT # fast shutdown: the polite TERM waits for every client to leave

ports() { echo "$POSTGRES18"; }

requires() { postgres_maven_required; }

install() {
  postgres_maven
  postgres_initdb "$PGBIN"
}

start() { postgres_spawn "$PGBIN" "$POSTGRES18"; }

ready() { listening "$POSTGRES18" && echo 'SELECT 1' | postgres_sql "$POSTGRES18" postgres; }

prepare() { postgres_users "$POSTGRES18"; }

environment() { postgres_environment "$POSTGRES18"; }
