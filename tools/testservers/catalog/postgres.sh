# PostgreSQL 15 of Debian 12 with contrib and PostGIS. Users: towpath (administrator), reader (SELECT only), writer (rows of schema public).
POSTGRES=${TOWPATH_POSTGRES_PORT:-22432}
VARIABLE=TOWPATH_TEST_POSTGRES
STOP=INT # fast shutdown: the polite TERM waits for every client to leave

ports() { echo "$POSTGRES"; }

requires() { postgres_required; }

install() {
  postgres_packages
  postgres_initdb "$PGBIN"
}

start() { postgres_spawn "$PGBIN" "$POSTGRES"; }

ready() { listening "$POSTGRES" && echo 'SELECT 1' | postgres_sql "$POSTGRES" postgres; }

prepare() { postgres_users "$POSTGRES"; }

environment() { postgres_environment "$POSTGRES"; }
