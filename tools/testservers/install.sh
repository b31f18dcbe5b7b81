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

# unpack PACKAGE...: downloads the packages, and those they depend on that the machine lacks, and unpacks them. Package lists of
# its own are fetched when the machine has none.
unpack() {
  local state=$SERVERS/apt apt=(apt-get) list deb
  rm -rf "$UNPACKED" && mkdir -p "$UNPACKED/debs" "$state/lists/partial" "$state/cache/archives/partial" || return
  if ! "${apt[@]}" -s install --no-install-recommends "$@"; then
    apt=(apt-get -o "Dir::State::lists=$state/lists" -o "Dir::Cache=$state/cache" -o Debug::NoLocking=1)
    "${apt[@]}" update || return
  fi
  list=$("${apt[@]}" -s install --no-install-recommends "$@" | awk '$1 == "Inst" { print $2 }') || return
  (cd "$UNPACKED/debs" && "${apt[@]}" download $(printf '%s\n' "$@" $list | sort -u)) || return
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

# compiled FILE...: compiles the server's Java sources against $JARS; sets BUILT and CLASSES. Done once per content of its folder.
# Returns 1 when they were there, so that a caller does the rest of its building once.
compiled() {
  BUILT=$SERVERS/built/$NAME-$(cat "$CATALOG/$NAME"/* | sha256sum | cut -c1-12)
  CLASSES=$BUILT/classes
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
