# MariaDB 10.11 of Debian 12: row-based binary log with GTIDs. Users: towpath (all rights), reader (SELECT on towpath only).
MARIADB=${TOWPATH_MARIADB_PORT:-22306}
VARIABLE=TOWPATH_TEST_MYSQL

ports() { echo "$MARIADB"; }

requires() { mariadb_required; }

install() {
  debian mariadbd mariadb-server-core mariadb-client-core
  mariadb_tools
  mariadb_plugins
  [ ! -d "$HOME_OF/data/mysql" ] || return 0
  rm -rf "$HOME_OF/data"
  mariadb-install-db --no-defaults --user="$(id -un)" --basedir="$BASE" --datadir="$HOME_OF/data" \
    --auth-root-authentication-method=normal --skip-test-db >"$LOGS/install.log" 2>&1 || fail "mariadb-install-db; see $LOGS/install.log"
}

start() {
  PATH=$PATH:/usr/sbin
  mariadb_plugins
  # the socket's name is relative to the data folder: a path under a test's folder may exceed what a socket's address can hold
  spawn mariadbd --no-defaults --user="$(id -un)" --basedir="$BASE" --datadir="$HOME_OF/data" --socket=server.socket \
    --pid-file="$HOME_OF/server.pid" --lc-messages-dir="$BASE/share/mysql" --plugin-dir="$PLUGINS" \
    --bind-address=127.0.0.1 --port="$MARIADB" --skip-name-resolve --character-set-server=utf8mb4 --local-infile=1 \
    --max-allowed-packet=64M --innodb-buffer-pool-size=256M \
    --server-id=1 --log-bin="$HOME_OF/data/binlog" --binlog-format=ROW --binlog-row-image=FULL --binlog-row-metadata=FULL
}

# the core packages hold no mariadb-admin, and before prepare there is no user but root, who is let in by the socket
ready() { mariadb_tools; listening "$MARIADB" && (cd "$HOME_OF/data" && mariadb --no-defaults --socket=server.socket -uroot -e 'SELECT 1'); }

prepare() {
  (cd "$HOME_OF/data" && mariadb --no-defaults --socket=server.socket -uroot) <<'SQL' || fail "mariadb: cannot create the users"
CREATE DATABASE IF NOT EXISTS towpath CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS towpath@'%' IDENTIFIED BY 'towpath';
GRANT ALL ON *.* TO towpath@'%' WITH GRANT OPTION;
CREATE USER IF NOT EXISTS reader@'%' IDENTIFIED BY 'reader';
GRANT SELECT ON towpath.* TO reader@'%';
SQL
}

environment() {
  echo "TOWPATH_TEST_MYSQL=mysql://towpath:towpath@127.0.0.1:$MARIADB/towpath"
  echo "TOWPATH_TEST_MYSQL_READER=mysql://reader:reader@127.0.0.1:$MARIADB/towpath"
  echo "TOWPATH_TEST_MYSQL_CLIENT=$(mariadb_client)"
}
