# MySQL 5.5.9, the only real MySQL that a registry holds: inside mysql:mysql-connector-mxj-db-files on Maven Central. x86-64 only.
MYSQL55=${TOWPATH_MYSQL55_PORT:-22355}
VARIABLE=TOWPATH_TEST_MYSQL55

ports() { echo "$MYSQL55"; }

requires() {
  [ "$(uname -m)" = x86_64 ] || lacking "an x86-64 machine" "set TOWPATH_TEST_MYSQL55 to a MySQL 5.5 that runs elsewhere"
  java_required
  mariadb_required
}

install() {
  [ "$(uname -m)" = x86_64 ] || lack mysql55 "an x86-64 machine" "set TOWPATH_TEST_MYSQL55 to a MySQL 5.5 that runs elsewhere"
  debian mariadb mariadb-client-core mariadb-server-core
  mariadb_tools
  jars
  BUILT=$SERVERS/built/mysql55-${JARS##*-}
  if [ ! -e "$BUILT/.complete" ]; then
    rm -rf "$BUILT" && mkdir -p "$BUILT"
    (cd "$BUILT" && jar xf "$JARS"/mysql-connector-mxj-db-files-*.jar 5-5-9/Linux-x86_64 5-5-9/share_dir.jar 5-5-9/data_dir.jar &&
      jar xf 5-5-9/share_dir.jar share && mkdir data && cd data && jar xf ../5-5-9/data_dir.jar && rm -rf META-INF) || fail "mysql55: jar failed"
    chmod +x "$BUILT/5-5-9/Linux-x86_64/mysqld" && built
  fi
  [ -d "$HOME_OF/data/mysql" ] || { rm -rf "$HOME_OF/data" && cp -R "$BUILT/data" "$HOME_OF/data"; } || fail "mysql55: cannot copy its first data"
}

start() {
  # without its messages' folder the server ends at once: "Can't find messagefile"
  spawn "$BUILT/5-5-9/Linux-x86_64/mysqld" --no-defaults --user="$(id -un)" --basedir="$BUILT" --datadir="$HOME_OF/data" \
    --lc-messages-dir="$BUILT/share" --character-sets-dir="$BUILT/share/charsets" --socket=server.socket \
    --bind-address=127.0.0.1 --port="$MYSQL55" --skip-name-resolve --character-set-server=utf8mb4 --max-allowed-packet=64M \
    --server-id=1 --log-bin="$HOME_OF/data/binlog" --binlog-format=ROW
}

ready() { listening "$MYSQL55"; }

prepare() {
  (cd "$HOME_OF/data" && mariadb --no-defaults --skip-ssl --socket=server.socket -uroot) <<'SQL' || fail "mysql55: cannot create the users"
CREATE DATABASE IF NOT EXISTS towpath CHARACTER SET utf8mb4;
GRANT ALL ON *.* TO towpath@'%' IDENTIFIED BY 'towpath' WITH GRANT OPTION;
GRANT SELECT ON towpath.* TO reader@'%' IDENTIFIED BY 'reader';
SQL
}

environment() {
  echo "TOWPATH_TEST_MYSQL55=mysql://towpath:towpath@127.0.0.1:$MYSQL55/towpath"
  echo "TOWPATH_TEST_MYSQL55_READER=mysql://reader:reader@127.0.0.1:$MYSQL55/towpath"
  echo "TOWPATH_TEST_MYSQL55_CLIENT=$(mariadb_client)"
}
