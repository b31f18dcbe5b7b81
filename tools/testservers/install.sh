# Installation: Debian packages and Maven artifacts, each fetched once and kept under $SERVERS.

# installing FUNCTION: installs are shared by all instances of a server, so one at a time.
installing() {
  mkdir -p "$SERVERS/locks"
  exec 8>"$SERVERS/locks/$NAME" && flock 8 && "$@" 8>&-
  exec 8>&-
}

# lacking: one line of `needs`: what is missing and the command that gets it.
lacking() {
  printf '%s\t%s\n' "$NAME needs $1" "$2"
}

UNPACKED=$SERVERS/packages/mariadb

# mariadb_tools: puts MariaDB's commands on PATH when they were unpacked; BASE is the tree they belong to.
mariadb_tools() {
  BASE=/usr
  [ -e "$UNPACKED/.complete" ] || return 0
  BASE=$UNPACKED/usr
  export PATH=$BASE/bin:$BASE/sbin:$PATH
  export LD_LIBRARY_PATH=$(echo "$BASE"/lib/*-linux-gnu "$UNPACKED"/lib/*-linux-gnu | tr ' ' ':')${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
}

# mariadb_plugins: sets PLUGINS, the folder of the server's plugins. The core packages bring none; the package that does is unpacked for
# them alone.
mariadb_plugins() {
  local folder=$SERVERS/packages/mariadb-plugins
  PLUGINS=$BASE/lib/mysql/plugin
  [ ! -e "$PLUGINS/auth_ed25519.so" ] || return 0
  PLUGINS=$folder/usr/lib/mysql/plugin
  [ ! -e "$folder/.complete" ] || return 0
  command -v apt-get >/dev/null || lack "$NAME" "the plugin auth_ed25519" "no apt-get here; install MariaDB's plugins"
  say "getting the plugins of mariadb-server"
  (local APT && rm -rf "$folder" && mkdir -p "$folder" && cd "$folder" && apt_lists mariadb-server && "${APT[@]}" download mariadb-server &&
    dpkg -x ./*.deb . && rm -f ./*.deb && touch .complete) >"$LOGS/apt.log" 2>&1 || fail "cannot unpack mariadb-server; see $LOGS/apt.log"
}

# mariadb_client: the path of a `mariadb` that runs from anywhere, an unpacked one behind a script that finds its libraries.
mariadb_client() {
  if [ ! -e "$UNPACKED/.complete" ]; then
    command -v mariadb || echo mariadb
    return
  fi
  mariadb_tools
  printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s/bin/mariadb "$@"\n' "$LD_LIBRARY_PATH" "$BASE" >"$UNPACKED/mariadb.$$"
  chmod +x "$UNPACKED/mariadb.$$" && mv "$UNPACKED/mariadb.$$" "$UNPACKED/mariadb"
  echo "$UNPACKED/mariadb"
}

mariadb_required() {
  mariadb_tools
  have mariadbd mariadb || command -v apt-get >/dev/null || lacking "mariadbd and mariadb" "install MariaDB 10.4 or newer"
}

# postgres_tools: sets PGBIN, the folder of PostgreSQL 15's commands (the machine's when PostGIS is there as well, else those unpacked) and
# PGLIBS, where their libraries are; "": where the machine finds them.
postgres_tools() {
  PGBIN=/usr/lib/postgresql/15/bin PGLIBS=
  UNPACKED=$SERVERS/packages/postgres
  postgres_machine || [ ! -e "$UNPACKED/.complete" ] || PGBIN=$UNPACKED$PGBIN
  if [ "$PGBIN" != "${PGBIN#"$UNPACKED"}" ]; then
    # BLAS and LAPACK, which PostGIS links, lie in folders of their own
    PGLIBS=$(find "$UNPACKED/usr/lib" "$UNPACKED/lib" -name 'lib*.so*' -printf '%h\n' 2>/dev/null | sort -u | grep -v '/postgresql/' | paste -sd:)
  fi
}

# postgres_machine: whether the machine itself has the server with PostGIS.
postgres_machine() {
  [ "${TOWPATH_SERVERS_UNPACK:-}" != 1 ] && [ -x /usr/lib/postgresql/15/bin/postgres ] && [ -e /usr/share/postgresql/15/extension/postgis.control ]
}

# postgres_packages: gets them. They are unpacked for root too: installing them would make a cluster and a service of the machine.
postgres_packages() {
  postgres_tools
  if postgres_machine || [ -e "$UNPACKED/.complete" ]; then return; fi
  command -v apt-get >/dev/null || lack "$NAME" "PostgreSQL 15 with PostGIS" "no apt-get here; install them"
  say "getting postgresql-15 and PostGIS"
  unpack postgresql-15 postgresql-client-15 postgresql-15-postgis-3 >"$LOGS/apt.log" 2>&1 || fail "cannot unpack PostgreSQL; see $LOGS/apt.log"
  # what installing would make by update-alternatives
  ln -sf postgis-3.control "$UNPACKED/usr/share/postgresql/15/extension/postgis.control"
  postgres_tools
}

postgres_required() {
  postgres_machine || command -v apt-get >/dev/null || lacking "PostgreSQL 15 with PostGIS" "install both"
  [ -d /usr/share/zoneinfo ] || lacking "time zones" "apt-get install tzdata"
  [ "$(id -u)" != 0 ] || command -v unshare >/dev/null || lacking unshare "apt-get install util-linux"
}

# postgres_client: the path of a `psql` that runs from anywhere, an unpacked one behind a script that finds its libraries.
postgres_client() {
  local PGBIN PGLIBS
  postgres_tools
  if [ "$PGBIN" = "${PGBIN#"$UNPACKED"}" ]; then
    echo "$PGBIN/psql"
    return
  fi
  printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s/psql "$@"\n' "$PGLIBS" "$PGBIN" >"$UNPACKED/psql.$$"
  chmod +x "$UNPACKED/psql.$$" && mv "$UNPACKED/psql.$$" "$UNPACKED/psql"
  echo "$UNPACKED/psql"
}

# postgres_as: sets AS, what a command of the server's runs behind: with its libraries, and for root, whom PostgreSQL refuses to run for, as
# another number in a user namespace; files stay root's.
postgres_as() {
  AS=(env)
  [ -z "$PGLIBS" ] || AS+=("LD_LIBRARY_PATH=$PGLIBS")
  [ "$(id -u)" != 0 ] || AS+=(unshare --user --map-user=1000 --map-group=1000 --)
}

# postgres_maven: gets the server of the jar that the server's pom names, and sets PGBIN to it; psql stays Debian's.
postgres_maven() {
  [ "$(uname -m)" = x86_64 ] || lack "$NAME" "an x86-64 machine" "set $VARIABLE to such a server that runs elsewhere"
  postgres_packages
  jars
  BUILT=$SERVERS/built/$NAME-${JARS##*-}
  PGBIN=$BUILT/bin PGLIBS=
  [ ! -e "$BUILT/.complete" ] || return 0
  rm -rf "$BUILT" && mkdir -p "$BUILT"
  (cd "$BUILT" && jar xf "$JARS"/embedded-postgres-binaries-*.jar && tar xJf ./*.txz && rm -f ./*.txz && built) || fail "$NAME: cannot unpack its jar"
}

postgres_maven_required() {
  [ "$(uname -m)" = x86_64 ] || lacking "an x86-64 machine" "set $VARIABLE to such a server that runs elsewhere"
  java_required
  postgres_required
  command -v xz >/dev/null || lacking xz "apt-get install xz-utils"
}

# postgres_initdb BIN: makes the data folder, or that of a replica when TOWPATH_POSTGRES_PRIMARY names the port of its primary.
postgres_initdb() {
  [ ! -e "$HOME_OF/data/PG_VERSION" ] || return 0
  rm -rf "$HOME_OF/data"
  local AS
  postgres_as
  if [ -n "${TOWPATH_POSTGRES_PRIMARY:-}" ]; then
    PGPASSWORD=towpath "${AS[@]}" "$1/pg_basebackup" -h 127.0.0.1 -p "$TOWPATH_POSTGRES_PRIMARY" -U towpath -D "$HOME_OF/data" \
      --write-recovery-conf --wal-method=stream --checkpoint=fast >"$LOGS/install.log" 2>&1 || fail "pg_basebackup; see $LOGS/install.log"
    return
  fi
  echo towpath >"$HOME_OF/password"
  "${AS[@]}" "$1/initdb" -D "$HOME_OF/data" -U towpath --pwfile="$HOME_OF/password" --auth=scram-sha-256 -E UTF8 \
    --locale=C.UTF-8 >"$LOGS/install.log" 2>&1 || fail "initdb; see $LOGS/install.log"
}

# postgres_spawn BIN PORT: starts the server. A pid file that names a process which is no server of ours (a zombie that nobody buries, or
# a number that was used again) would keep it from starting.
postgres_spawn() {
  local pid AS
  postgres_as
  pid=$(head -n 1 "$HOME_OF/data/postmaster.pid" 2>/dev/null)
  if [ -n "$pid" ] && [ -d "/proc/$pid" ] && ! tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF -- "$HOME_OF/data"; then
    rm -f "$HOME_OF/data/postmaster.pid"
  fi
  spawn "${AS[@]}" "$1/postgres" -D "$HOME_OF/data" -p "$2" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
    -c wal_level=logical -c max_prepared_transactions=20 -c max_connections=200 -c shared_buffers=256MB
}

# postgres_sql PORT DATABASE: runs what comes on standard input as the administrator.
postgres_sql() {
  PGPASSWORD=towpath PGOPTIONS= "$(postgres_client)" -X -h 127.0.0.1 -p "$1" -U towpath -d "$2" -v ON_ERROR_STOP=1 -qAt
}

# postgres_users PORT: the database and its users. writer changes rows in the schema public and makes nothing there.
postgres_users() {
  [ -z "${TOWPATH_POSTGRES_PRIMARY:-}" ] || return 0
  [ "$(echo "SELECT count(*) FROM pg_database WHERE datname = 'towpath'" | postgres_sql "$1" postgres)" = 1 ] ||
    echo 'CREATE DATABASE towpath' | postgres_sql "$1" postgres || fail "$NAME: cannot create the database"
  postgres_sql "$1" towpath <<'SQL' || fail "$NAME: cannot create the users"
SET client_min_messages = warning;
DO $$ BEGIN CREATE ROLE reader LOGIN PASSWORD 'reader'; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
DO $$ BEGIN CREATE ROLE writer LOGIN PASSWORD 'writer'; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
DO $$ BEGIN
  IF current_setting('server_version_num')::int >= 140000 THEN GRANT pg_read_all_data TO reader;
  ELSE ALTER DEFAULT PRIVILEGES FOR ROLE towpath GRANT SELECT ON TABLES TO reader;
    ALTER DEFAULT PRIVILEGES FOR ROLE towpath GRANT USAGE ON SCHEMAS TO reader;
  END IF;
END $$;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE towpath IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO writer;
ALTER DEFAULT PRIVILEGES FOR ROLE towpath IN SCHEMA public GRANT USAGE ON SEQUENCES TO writer;
SQL
}

postgres_environment() {
  echo "$VARIABLE=postgres://towpath:towpath@127.0.0.1:$1/towpath"
  echo "${VARIABLE}_READER=postgres://reader:reader@127.0.0.1:$1/towpath"
  echo "${VARIABLE}_WRITER=postgres://writer:writer@127.0.0.1:$1/towpath"
  echo "${VARIABLE}_CLIENT=$(postgres_client)"
}

# have COMMAND...: whether all are on PATH, where the folder of a server's commands is on it.
have() {
  local name
  PATH=$PATH:/usr/sbin:/sbin
  for name; do
    command -v "$name" >/dev/null || return 1
  done
}

# debian COMMAND PACKAGE...: makes sure that COMMAND is there: the machine's, installed as root, or unpacked into $UNPACKED.
# The core packages hold server and client without the service that Debian would start.
debian() {
  local name=$1
  shift
  [ "${TOWPATH_SERVERS_UNPACK:-}" = 1 ] || ! have "$name" || return 0
  [ ! -e "$UNPACKED/.complete" ] || return 0
  command -v apt-get >/dev/null || lack "$NAME" "$name" "no apt-get here; install $*"
  say "getting $*"
  if [ "$(id -u)" = 0 ] && [ "${TOWPATH_SERVERS_UNPACK:-}" != 1 ]; then
    as_root "$@" >"$LOGS/apt.log" 2>&1 || fail "cannot install $*; see $LOGS/apt.log"
  else
    unpack "$@" >"$LOGS/apt.log" 2>&1 || fail "cannot unpack $*; see $LOGS/apt.log"
  fi
}

as_root() {
  export DEBIAN_FRONTEND=noninteractive
  local options=(-o DPkg::Lock::Timeout=300 install -y --no-install-recommends)
  apt-get "${options[@]}" "$@" || { apt-get update && apt-get "${options[@]}" "$@"; }
}

# apt_lists PACKAGE...: sets APT, an apt-get that knows the packages: with the machine's lists, or with lists of its own.
apt_lists() {
  local state=$SERVERS/apt
  APT=(apt-get)
  ! "${APT[@]}" -s install --no-install-recommends "$@" || return 0
  mkdir -p "$state/lists/partial" "$state/cache/archives/partial" || return
  APT=(apt-get -o "Dir::State::lists=$state/lists" -o "Dir::Cache=$state/cache" -o Debug::NoLocking=1)
  "${APT[@]}" update
}

# unpack PACKAGE...: downloads the packages, and those they depend on that the machine lacks, and unpacks them. Package lists of
# its own are fetched when the machine has none.
unpack() {
  local list deb APT
  rm -rf "$UNPACKED" && mkdir -p "$UNPACKED/debs" && apt_lists "$@" || return
  list=$("${APT[@]}" -s install --no-install-recommends "$@" | awk '$1 == "Inst" { print $2 }') || return
  (cd "$UNPACKED/debs" && "${APT[@]}" download $(printf '%s\n' "$@" $list | sort -u)) || return
  for deb in "$UNPACKED"/debs/*.deb; do
    dpkg -x "$deb" "$UNPACKED" || return
  done
  rm -rf "$UNPACKED/debs" && touch "$UNPACKED/.complete"
}

java_required() {
  command -v javac >/dev/null && command -v jar >/dev/null || lacking "a JDK, 17 or newer" "apt-get install openjdk-17-jdk-headless"
  command -v mvn >/dev/null || lacking "Maven 3" "apt-get install maven"
  command -v curl >/dev/null || lacking curl "apt-get install curl"
}

# maven_proxy: Maven does not read the proxy variables of the environment; settings of its own win.
maven_proxy() {
  local url=${https_proxy:-${HTTPS_PROXY:-${http_proxy:-${HTTP_PROXY:-}}}} host skip
  [ -n "$url" ] && [[ ${MAVEN_OPTS:-} != *proxyHost* ]] || return 0
  host=${url#*://} host=${host##*@} host=${host%%/*}
  skip=${no_proxy:-${NO_PROXY:-}}
  export MAVEN_OPTS="${MAVEN_OPTS:-} -Dhttps.proxyHost=${host%%:*} -Dhttps.proxyPort=${host##*:} -Dhttp.proxyHost=${host%%:*} -Dhttp.proxyPort=${host##*:} ${skip:+-Dhttp.nonProxyHosts=${skip//,/|}}"
}

# jars: copies what the server's pom depends on; sets JARS. Done once per content of the pom.
jars() {
  local pom=$CATALOG/$NAME/pom.xml
  JARS=$SERVERS/jars/$NAME-$(sha256sum "$pom" | cut -c1-12)
  [ ! -e "$JARS/.complete" ] || return 0
  command -v mvn >/dev/null && command -v javac >/dev/null || lack "$NAME" "Maven 3 and a JDK 17" "apt-get install maven openjdk-17-jdk-headless"
  say "fetching its jars with Maven"
  rm -rf "$JARS" && mkdir -p "$JARS"
  maven_proxy
  mvn -B -q -f "$pom" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$JARS" >"$LOGS/mvn.log" 2>&1 || fail "$NAME: maven: $(grep -m1 ERROR "$LOGS/mvn.log"); see $LOGS/mvn.log"
  touch "$JARS/.complete"
}

# building: sets BUILT, the folder of what is made from the server's sources, and CLASSES in it. Another content is another folder.
building() {
  BUILT=$SERVERS/built/$NAME-$(cat "$CATALOG/$NAME"/* | sha256sum | cut -c1-12)
  CLASSES=$BUILT/classes
}

# compiled FILE...: compiles the server's Java sources against $JARS; sets BUILT and CLASSES. Done once per content of its folder.
# Returns 1 when they were there, so that a caller does the rest of its building once.
compiled() {
  building
  [ ! -e "$BUILT/.complete" ] || return 1
  rm -rf "$BUILT" && mkdir -p "$CLASSES"
  (cd "$CATALOG/$NAME" && javac -nowarn -d "$CLASSES" -cp "$JARS/*" "$@") >"$LOGS/javac.log" 2>&1 || fail "$NAME: javac; see $LOGS/javac.log"
}

built() { touch "$BUILT/.complete"; }

# search_settings PORT, search_logging: configuration of Elasticsearch and OpenSearch.
search_settings() {
  cat <<YAML
cluster.name: towpath
node.name: towpath
http.host: 127.0.0.1
http.port: $1
transport.host: 127.0.0.1
transport.port: $(($1 + 100))
discovery.type: single-node
cluster.routing.allocation.disk.threshold_enabled: false
YAML
}

search_logging() {
  cat <<'PROPERTIES'
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %-5p [%c{1.}] %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
PROPERTIES
}

search_ready() {
  curl --noproxy '*' -sf "http://127.0.0.1:$1/_cluster/health?wait_for_status=yellow&timeout=1s"
}
