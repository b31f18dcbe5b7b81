# HBase 2.6: ZooKeeper, master and one region server in one process, with its files on the local disk. With TOWPATH_HBASE_JOIN, the folder of a
# private instance's data, it is one more region server of that cluster, a process of its own.
HBASE=${TOWPATH_HBASE_PORT:-22181}
VARIABLE=TOWPATH_TEST_HBASE
JOIN=${TOWPATH_HBASE_JOIN:-}

# ZooKeeper's port, the master's and the region server's; a region server that joins has one
ports() {
  echo "$HBASE"
  [ -n "$JOIN" ] || echo "$((HBASE + 100)) $((HBASE + 101))"
}

requires() { java_required; }

install() {
  jars
  compiled HBaseTool.java PhoenixTypes.java || return 0
  hbase_logging ERROR System.err >"$CLASSES/log4j.properties"
  printf '#!/bin/sh\nexec java -Xmx256m -XX:+UseSerialGC -Djava.net.preferIPv4Stack=true -cp "%s:%s/*" HBaseTool "$@"\n' "$CLASSES" "$JARS" >"$BUILT/client"
  chmod +x "$BUILT/client"
  built
}

# hbase_logging LEVEL STREAM: what is worse than news; that there is no native code is not.
hbase_logging() {
  cat <<PROPERTIES
log4j.rootLogger=$1,console
log4j.logger.org.apache.hadoop.util.NativeCodeLoader=ERROR
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.target=$2
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d{ISO8601} %-5p [%c{2}] %m%n
PROPERTIES
}

# hbase_site: the settings, a name and its value a line. The addresses go into ZooKeeper, and clients dial what they find there. Files of a
# compaction are put away at once, as a region that still has some is neither split nor merged.
hbase_site() {
  cat <<SETTINGS
hbase.cluster.distributed false
hbase.rootdir file://$HOME_OF/data
hbase.tmp.dir $HOME_OF/tmp
hbase.wal.provider filesystem
hbase.unsafe.stream.capability.enforce false
hbase.zookeeper.quorum 127.0.0.1
hbase.zookeeper.property.clientPort $HBASE
hbase.zookeeper.property.dataDir $HOME_OF/zookeeper
hbase.localcluster.assign.random.ports false
hbase.master.hostname 127.0.0.1
hbase.master.ipc.address 127.0.0.1
hbase.master.port $((HBASE + 100))
hbase.master.info.port -1
hbase.master.wait.on.regionservers.maxtostart 1
hbase.regionserver.hostname 127.0.0.1
hbase.regionserver.ipc.address 127.0.0.1
hbase.regionserver.port $((HBASE + 101))
hbase.regionserver.info.port -1
hbase.regionserver.msginterval 300
hbase.hfile.compaction.discharger.interval 1000
SETTINGS
  # with TOWPATH_HBASE_ACCESS=1 it checks what users may do; the one that it runs as may do everything
  if [ "${TOWPATH_HBASE_ACCESS:-}" = 1 ]; then
    echo hbase.security.authorization true
    local of
    for of in master region regionserver; do
      echo "hbase.coprocessor.$of.classes org.apache.hadoop.hbase.security.access.AccessController"
    done
  fi
}

# join_site: what a region server that joins has of its own; the rest is the cluster's. Without cluster.distributed it would not run alone. The
# master takes a server for dead when its session with ZooKeeper has ended, which lasts two of ZooKeeper's ticks (2 s) at least.
join_site() {
  cat <<SETTINGS
hbase.cluster.distributed true
hbase.tmp.dir $HOME_OF/tmp
hbase.regionserver.port $HBASE
zookeeper.session.timeout 5000
SETTINGS
}

# properties: lines of names and values as hbase-site.xml has them. Of two of a name the later counts.
properties() {
  local name value
  while read -r name value; do
    printf '  <property><name>%s</name><value>%s</value></property>\n' "$name" "$value"
  done
}

start() {
  mkdir -p "$HOME_OF/config"
  {
    echo '<configuration>'
    if [ -z "$JOIN" ]; then
      hbase_site | properties
    else
      grep '<property>' "$JOIN/hbase/config/hbase-site.xml" || fail "$NAME: no cluster in $JOIN"
      join_site | properties
    fi
    echo '</configuration>'
  } >"$HOME_OF/config/hbase-site.xml"
  {
    hbase_logging WARN System.out
    echo log4j.logger.org.apache.hadoop.hbase.master.HMaster=INFO
    [ -z "$JOIN" ] || echo log4j.logger.org.apache.hadoop.hbase.regionserver.HRegionServer=INFO
  } >"$HOME_OF/config/log4j.properties"
  # what HBase reaches into since Java 17 is closed
  local name reach=()
  for name in java.lang java.lang.reflect java.io java.net java.nio java.util java.util.concurrent sun.nio.ch jdk.internal.ref; do
    reach+=(--add-opens "java.base/$name=ALL-UNNAMED")
  done
  for name in java.base/jdk.internal.misc java.base/sun.net.dns java.base/sun.net.util java.security.jgss/sun.security.krb5; do
    reach+=(--add-exports "$name=ALL-UNNAMED")
  done
  local memory=768m class=master.HMaster
  [ -z "$JOIN" ] || memory=384m class=regionserver.HRegionServer
  spawn java -Xmx$memory -Djava.net.preferIPv4Stack=true "${reach[@]}" -cp "$HOME_OF/config:$JARS/*" "org.apache.hadoop.hbase.$class" start
}

# The log is that of this start. Tables may open some seconds later, which clients wait for.
ready() {
  local port said='Master has completed initialization'
  [ -z "$JOIN" ] || said='Serving as '
  grep -q "$said" "$LOGS/server.log" || return
  for port in $(ports); do
    listening "$port" || return
  done
}

# On a signal all parts end at once and wait for each other in vain. A region server that joined gives its regions away.
stop() {
  if [ -n "$JOIN" ]; then
    kill "$PID"
    return
  fi
  building
  echo shutdown | "$BUILT/client" "127.0.0.1:$HBASE" 2>/dev/null | grep -qx ok || kill "$PID"
}

environment() {
  building
  # a server that runs may be older than the sources of its client
  [ -x "$BUILT/client" ] || ! running || installing install
  echo "$VARIABLE=hbase://127.0.0.1:$HBASE"
  echo "${VARIABLE}_CLIENT=$BUILT/client"
}
